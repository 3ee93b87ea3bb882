"""Neurons and circuit of the worm equal the reference runs, which NEURON made of the released model."""

import numpy as np
import pytest

from heliox import cells
from heliox.simulation import Simulation
from tests.cells import reference_runs as runs


@pytest.fixture(scope="module")
def worm(shared):
    if not (shared / "celegans").is_dir():
        pytest.skip("the folder shared/celegans with the reference data is not there")
    return shared / "celegans"


def test_geometry_is_that_of_the_table(worm):
    """Area and axial resistance from the points, against NEURON's, which the table has with 15 digits."""
    model = cells.worm_circuit(worm).model()
    owners, sections = cells.data.table(worm / "cells.csv"), cells.data.table(worm / "sections.csv")
    names = [f"{owners[int(s['cell'])]['name']}.{s['name']}" for s in sections]
    serial = {(s["cell"], s["section"]): k for k, s in enumerate(sections)}
    index = {name: k for k, name in enumerate(model.sections.name)}
    of = [index[name] for name in names]
    nodes = [np.flatnonzero(model.nodes.section == k) for k in range(len(model.sections.name))]
    count = [0] * len(sections)
    ends = 0
    for row in cells.data.table(worm / "compartments.csv"):
        k = serial[row["cell"], row["section"]]
        if row["segment"].startswith("end"):
            node, ends = nodes[of[k]][-1], ends + 1
        else:
            node = nodes[of[k]][count[k]]
            count[k] += 1
            assert abs(float(row["area_um2"]) / model.nodes.area[node] - 1.0) < 1e-14
        ri = -100.0 / (model.nodes.b[node] * model.nodes.area[node])
        assert abs(float(row["ri_MOhm"]) / ri - 1.0) < 1e-14
    assert ends == 512 and sum(count) == 23848


@pytest.mark.slow
def test_circuit_and_single_neurons_equal_the_reference(worm):
    """200 ms of 136 neurons, 300 ms of five alone: one run, so that one module is compiled."""
    net = cells.worm_circuit(worm, "opt")
    runs.with_single_neurons(net, worm)
    sim = Simulation(net.model(), math="libm", progress=False)
    names = [m.name for m in net.members]
    circuit = [sim.record(f"{n}.Soma(0.5).v") for n in names[:136]]
    single = {}
    for name in runs.SINGLE:
        cell, at = cells.worm_cell(name, worm), f"alone_{name}"
        single[name] = [
            sim.record(f"{at}.{place}")
            for place in ("Soma(0.5).v", f"{runs.last_place(cell)}.v", "Soma(0.5).cai")
        ]
    sim.run(300.0)
    v = np.array([r.values.ravel()[:401] for r in circuit])
    expected = np.load(worm / "reference_v.npz")["V200_opt"]
    assert expected.min() < -900.0  # the trained circuit has excursions that no neuron has
    assert np.abs(v - expected).max() < 1e-6
    alone = np.load(worm / "singlecell_reference.npz")
    for name, records in single.items():
        for r, what in zip(records, ("soma", "last", "cai")):
            assert np.abs(r.values.ravel() - alone[f"{name}_dt0.5_{what}"]).max() < 1e-10, (name, what)


def test_weights_are_the_parameters_of_synapses_and_junctions(worm):
    model = cells.worm_circuit(worm, "opt").model()
    rows = cells.data.table(worm / "connections.csv")
    for mechanism, variable, kinds in (("Gap", "g", ("gap",)), ("worm_synapse", "w", ("exc", "inh"))):
        m = model.mechanism(mechanism)
        by_number = m.values[variable][np.argsort(m.number)]
        np.testing.assert_array_equal(by_number, [float(r["w_opt"]) for r in rows if r["kind"] in kinds])
    assert len(model.transfers) == 1901 and len(model.plays) == 15


def test_a_neuron_that_is_none(worm):
    with pytest.raises(cells.data.ModelError, match="AVAL"):
        cells.worm_cell("AVAX", worm)
    with pytest.raises(cells.data.ModelError, match="init"):
        cells.worm_circuit(worm, "trained")
