"""Sampling: every step, every so many ms, and when nothing is run; beside NEURON where it has the same."""

import numpy as np
import pytest

import heliox
from heliox.errors import ModelError
from heliox.simulation import Simulation
from tests.record.ring import ring


@pytest.mark.parametrize(("dt", "every"), [(0.025, 0.1), (0.1, 0.3), (0.0125, 1.0), (0.025, 0.025)])
def test_every_is_neurons_record_with_a_step(h, dt, every):
    """Vector.record(ref, Dt) reads at events; where Dt is a multiple of dt that is every k-th sample."""
    soma = h.Section(name="soma")
    soma.L = soma.diam = 20
    soma.insert("hh")
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 1, 10, 0.5
    h.dt = dt
    all_of_them = h.Vector().record(soma(0.5)._ref_v)
    sparse = h.Vector().record(soma(0.5)._ref_v, every)
    model = heliox.from_neuron(v_init=-65)
    sim = Simulation(model, math="libm", progress=False)
    v, few = sim.record("soma(0.5).v"), sim.record("soma(0.5).v", every=every)
    h.finitialize(-65)
    pc = h.ParallelContext()
    pc.set_maxstep(10)
    pc.psolve(12.0)
    for tstop in (0.7, 3.3, 12.0):  # in pieces: samples go on counting
        sim.run_until(tstop)
    np.testing.assert_array_equal(v.values, np.array(all_of_them))
    theirs = np.array(sparse)
    # NEURON reads the last one only when it goes on
    np.testing.assert_array_equal(few.values[: len(theirs)], theirs)
    assert len(few.values) - len(theirs) in (0, 1) and np.ptp(theirs) > 50.0
    np.testing.assert_array_equal(few.values, v.values[:: round(every / dt)])
    np.testing.assert_array_equal(few.t, v.t[:: round(every / dt)])
    np.testing.assert_allclose(few.t, every * np.arange(len(few.t)), atol=1e-9)


@pytest.mark.parametrize("every", [0.03, 0.0, -0.1, 0.01, float("nan"), float("inf")])
def test_intervals_that_are_no_multiple_are_refused(every):
    sim = Simulation(ring(1), progress=False)
    with pytest.raises(ModelError, match=r"positive multiple of dt = 0\.025 ms"):
        sim.record("v", every=every)


def test_no_steps_take_the_first_sample():
    """As finitialize does in NEURON: whoever runs until now has the present values."""
    sim = Simulation(ring(1), progress=False)
    v, g = sim.record("v"), sim.record("ExpSyn.g", every=1.0)
    sim.run_until(sim.t)
    assert v.t.tolist() == g.t.tolist() == [0.0]
    np.testing.assert_array_equal(v.values[:, 0], sim.var("v").values)
    sim.run_until(sim.t)
    assert len(v.t) == 1
    sim.run(2.0)
    np.testing.assert_allclose(v.t, 0.025 * np.arange(81), atol=1e-12)
    np.testing.assert_allclose(g.t, [0.0, 1.0, 2.0], atol=1e-12)
    later = sim.record("v")
    sim.run(0.0)
    assert later.t.tolist() == [sim.t] and len(v.t) == 81
