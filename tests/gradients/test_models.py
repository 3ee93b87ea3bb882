"""Gradients of whole models: synapses, couplings along and between cells, stimuli, spikes."""

import dataclasses

import numpy as np

from heliox.engine.adjoint import Surrogate
from tests.gradients import models
from tests.gradients.models import SYNAPSES
from tests.gradients.sweeps import CLOSE, EXACT, Sweeps, check

FEW = ("hh.gnabar", "cm", "v")


def test_branched_cell_with_synapses():
    check(Sweeps(models.with_synapses(), SYNAPSES, v_init=-65.0, geometry=True), only=SYNAPSES)


def test_second_order():
    model = models.with_a_current()
    model = model.replace(settings=dataclasses.replace(model.settings, secondorder=2))
    check(Sweeps(model, FEW, v_init=-65.0))


def test_the_order_of_a_contraction():
    """The transposed system with its factors; tangents with them too."""
    check(Sweeps(models.with_a_current(), FEW, v_init=-65.0, order="contraction"))


def test_couplings_along_the_cable():
    """Adjoints of a and b: through them diameters, lengths and axial resistances act."""
    s = Sweeps(models.with_synapses(), SYNAPSES, v_init=-65.0, geometry=True)
    s.reverse()
    e, plan = s.sim.engine, s.sim.plan
    for name, bars in zip(("a", "b"), s.d.coefficients(), strict=True):
        for node in (3, 7, 9):
            at = int(plan.node_address(name, np.array([node]))[0])
            x = e.P[at]

            def value(factor, at=at, x=x):
                e.P[at] = factor * x
                out = s.value(np.zeros_like(e.A))
                e.P[at] = x
                return out

            coarse, fine = ((value(1 + h) - value(1 - h)) / (2 * h * x) for h in (2e-3, 1e-3))
            assert abs((4 * fine - coarse) / 3 - bars[0, node]) < CLOSE * np.abs(bars).max()


def test_gap_junctions_plays_and_clamps():
    trained = ["hh.gnabar", "Gap.g", "IClamp.amp", "SEClamp.amp1", "SEClamp.rs", "pas.g", "v"]
    check(Sweeps(models.coupled(), trained, ("v", "SEClamp.i"), v_init=-65.0), (4e-4, 2e-4))


def test_graded_synapses():
    """Transfers of voltages to synapses with a state, and of a gate to a current."""
    trained = ["hh.gnabar", "hh.gkbar", "worm_synapse.w", "worm_synapse.s", "hh.n", "v"]
    s = Sweeps(models.graded_ring(), trained, ("v", "worm_synapse.s"), v_init=-65.0)
    assert np.ptp(s.sim.registry.handle("worm_synapse.s").values) > 1e-3
    check(s, (4e-4, 2e-4))
    u, B = s.direction(), s.reverse()
    s.sim.engine.restore(s.start)
    s.run()
    left, right = float((s.W * s.d.tangent(u)).sum()), float((B * u).sum())
    assert abs(left - right) < EXACT * abs(left)  # to the product itself, as weights are of many sizes here
    assert (B[s.places("worm_synapse.w")] != 0.0).all() and (B[s.places("hh.n")] != 0.0).all()


def test_network_with_delays():
    """Spike times as they are; with a surrogate they have a derivative too, which both sweeps take."""
    s = Sweeps(models.spiking_ring(), SYNAPSES, v_init=-65.0, tstop=8.0, geometry=True)
    assert s.R.max() > 0.0
    check(s, (1e-4, 5e-5), only=["hh.gnabar", "NetCon.weight", "ExpSyn.tau", "v"])
    through = Sweeps(
        models.spiking_ring(),
        SYNAPSES,
        v_init=-65.0,
        tstop=8.0,
        geometry=True,
        surrogate=Surrogate("triangle", 40.0),
    )
    assert through.mismatch() < EXACT
    weights = s.places("NetCon.weight")
    assert not np.allclose(s.reverse()[weights], through.reverse()[weights])
