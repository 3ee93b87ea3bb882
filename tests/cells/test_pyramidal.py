"""The pyramidal cells equal the reference runs, which NEURON made of the published models."""

from pathlib import Path

import numpy as np
import pytest

from heliox import cells
from heliox.model.model import Points
from heliox.simulation import Simulation
from tests.cells import reference_runs as runs


def folder(shared: Path, name: str) -> Path:
    if not (shared / name).is_dir():
        pytest.skip(f"the folder shared/{name} with the reference data is not there")
    return shared / name


def check_states(model, at: Path, initial: float, later: float) -> None:
    """Initial states to `initial` relative, those after 10 ms to `later` mV (and mM, mA/cm2)."""
    reference = np.load(at / "reference.npz")
    sim = Simulation(model, math="libm", progress=False)
    first = runs.states(sim, reference, "init_")
    sim.run(10.0)
    last = runs.states(sim, reference, "state10ms_")
    assert len(first) >= 20 and len(last) >= 20
    assert {n: r for n, (r, _) in first.items() if r > initial} == {}
    assert {n: a for n, (_, a) in last.items() if a > later} == {}


def check_runs(among: dict[str, runs.Run], at: Path, math: str, until: dict[str, float]) -> None:
    for name, tstop in until.items():
        outcome = runs.perform(among[name], at, math, tstop)
        assert outcome.within, (name, outcome.largest, outcome.spikes, outcome.expected)


# One test for both cells and all runs: they share one generated module, which a second worker would have to
# compile again.


@pytest.mark.slow
def test_both_cells_equal_the_reference(shared):
    at = folder(shared, "l5pc")
    check_states(runs.l5pc_ten(at), at, initial=1e-12, later=1e-10)
    check_runs(
        runs.L5PC, at, "libm",
        {"rest": 20.0, "epsponly": 130.0, "somaonly": 115.0, "bacsyn": 135.0, "bac": 135.0, "step": 110.0},
    )  # fmt: skip
    at = folder(shared, "hpc")
    check_states(runs.hpc_ten(at), at, initial=1e-12, later=1e-10)
    check_runs(runs.HPC, at, "libm", {"active": 150.0, "active_rest": 10.0})


@pytest.mark.slow
def test_both_cells_in_fast_arithmetic(shared):
    check_runs(runs.L5PC, folder(shared, "l5pc"), "fast", {"bac": 250.0, "step": 110.0})
    check_runs(
        runs.HPC, folder(shared, "hpc"), "fast", {"passive": 200.0, "passive_mnist": 200.0, "active": 150.0}
    )


@pytest.mark.parametrize("build, name", [(cells.l5pc, "l5pc"), (cells.hpc, "hpc")])
def test_morphology_and_table_give_one_model(shared, build, name):
    at = folder(shared, name)
    traced, table = build(at).model(), build(at / "segments.csv").model()
    assert len(traced.points) > 1000 and len(table.points) == 0  # pictures only
    assert traced.replace(points=Points()).hash == table.hash


def test_conductances_are_those_of_the_tables(shared):
    """Formulas of distance, hot zone, spines: the values that the published scripts have computed."""
    for name, skip in (("l5pc", {"g_pas"}), ("hpc", {"g_pas_passive", "g_pas_active"})):
        at = folder(shared, name)
        model = getattr(cells, name)(at).model()
        rows = cells.data.table(at / "segments.csv")
        columns = [c for c in rows[0] if c.startswith(("g_", "gamma_", "decay_", "NaTg_")) and c not in skip]
        assert len(columns) >= 11
        for column in columns:
            first, _, rest = column.partition("_")
            mechanism, variable = (rest, f"g{rest}bar") if first == "g" else (rest, first)
            if first == "NaTg":
                mechanism, variable = first, rest
            expected = np.array([float(r[column] or "nan") for r in rows])
            found = np.full(len(rows), np.nan)
            m = model.mechanism(mechanism)
            found[m.node] = m.values[variable]
            np.testing.assert_array_equal(found, expected, err_msg=column)
        passive = {"l5pc": ("g_pas", "cm_uF_cm2"), "hpc": ("g_pas_active", "cm_active")}[name]
        for column, mechanism, variable in zip(passive, ("pas", "capacitance"), ("g", "cm")):
            expected = np.array([float(r[column]) for r in rows if r["kind"] == "seg"])
            np.testing.assert_array_equal(model.mechanism(mechanism).values[variable], expected)


def test_data_are_found_through_the_environment(shared, monkeypatch):
    at = folder(shared, "hpc")
    monkeypatch.setenv("HELIOX_DATA", str(at.parent))
    assert cells.hpc(active=False).model().hash == cells.hpc(at, active=False).model().hash
