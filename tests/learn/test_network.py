"""Gradients over synapses: weights, spikes through a surrogate, what cannot be reached; plays come along."""

import functools

import numpy as np
import pytest

from heliox import learn
from heliox.errors import ModelError, UnsupportedError
from heliox.simulation import Simulation
from tests.learn.made import network, same, simulation

DURATION = 8.0
BY = ["NetCon.weight", "ExpSyn.tau", "hh.gnabar", "IClamp.amp"]
FIRST, SECOND, THIRD = (f"Cell[{k}]" for k in range(3))


def played(batch: int = 1) -> Simulation:
    """The amplitude of one electrode is played, of the others it is a parameter."""
    sim = simulation(batch, network())
    sim.play("IClamp[2].amp", [0.0, 3.0], [[0.0, 0.2], [0.2, 0.0]][:batch], continuous=True)
    return sim


@functools.cache
def problem(surrogate: bool = False, batch: int = 1, amplitude: float = 0.0, count: bool = False):
    sim = played(batch)
    sim.var("IClamp.amp")[:2] = amplitude
    loss = learn.mse("v", -60.0, where=[f"{SECOND}.soma", f"{THIRD}.soma"])
    if count:
        loss = learn.spike_count("v", [2.0], where=f"{FIRST}.soma(0.5)") + 0.0 * loss
    return learn.Problem(
        sim, loss, BY, DURATION, surrogate=learn.Surrogate() if surrogate else None, progress=False
    )


def test_weights_below_threshold_are_exact():
    p = problem()
    g = p.gradient()
    same(g, learn.FiniteDifference().gradient(p), 1e-6)
    assert g["NetCon.weight"][2] != 0.0 and g["NetCon.weight"][1] == 0.0  # the first cell does not spike
    assert not g.marked and any("surrogate" in x for x in g.lost) and any("NetStim" in x for x in g.lost)
    assert "left out" in repr(g)


def test_members():
    p, one = problem(batch=2), problem()
    g = p.gradient()
    assert g.value[0] != g.value[1] and g["NetCon.weight"].shape == (2, 3)
    # members play different currents: those of the first are those of the single one
    alone = one.gradient({n: v[0] for n, v in p.values.items()})
    assert alone.value[0] == g.value[0]
    for name, x in alone.gradient.items():
        np.testing.assert_array_equal(x, g[name][0])


def test_a_spike_passes_its_derivative_on_with_a_surrogate_only():
    without, with_ = problem(amplitude=1.0), problem(True, amplitude=1.0)
    spikes = played()
    spikes.var("IClamp.amp")[:2] = 1.0
    spikes.run(DURATION)
    assert len(spikes.spikes.matching(f"{FIRST}*"))
    g, h = without.gradient(), with_.gradient()
    assert g.value == h.value and h.marked and not g.marked
    assert not any("surrogate" in x for x in h.lost) and "surrogate" in repr(h)
    # the weight behind the spike, and everything in the second and third cell, is exact both times
    np.testing.assert_array_equal(g["NetCon.weight"][1:], h["NetCon.weight"][1:])
    np.testing.assert_array_equal(g["hh.gnabar"][1:], h["hh.gnabar"][1:])
    f = learn.FiniteDifference().gradient(without)
    np.testing.assert_allclose(g["NetCon.weight"][1:], f["NetCon.weight"][1:], rtol=1e-6)
    assert g["hh.gnabar"][0] == 0.0 and h["hh.gnabar"][0] != 0.0 and h["NetCon.weight"][0] != 0.0


def test_spike_count_through_its_surrogate():
    p = problem(amplitude=0.3, count=True)
    g = p.gradient()
    assert g.marked and g.value[0] in (1.0, 4.0)  # one spike or none where two are wanted
    assert g["IClamp.amp"][0] < 0.0  # more current, more spikes
    assert g["IClamp.amp"][1] == 0.0


def test_what_is_played_has_no_say():
    sim = played(2)
    sim.detect(f"{FIRST}.dend(0.5).v", -20.0)
    by: list[str | learn.Parameter] = [*BY[:3], learn.Parameter("IClamp.amp", where="IClamp[2]")]
    p = learn.Problem(sim, learn.mse("v", -50.0, where=f"{THIRD}.soma"), by, DURATION, progress=False)
    with pytest.warns(RuntimeWarning, match=r"IClamp.amp are exactly 0"):
        g = p.gradient()
    v = sim.record("v", where=f"{THIRD}.soma")
    sim.reset()
    sim.run(DURATION)
    np.testing.assert_allclose(g.value, ((v.values + 50.0) ** 2).reshape(2, -1).mean(axis=1), rtol=1e-12)


@pytest.mark.parametrize(
    ("by", "surrogate", "match"),
    [
        (FIRST, None, "Cell.0. only: spikes lead to .* no surrogate"),
        (THIRD, None, "nothing leads from there"),
        (THIRD, learn.Surrogate(), "nothing leads from there"),
    ],
)
def test_a_cell_that_the_loss_does_not_depend_on(by, surrogate, match):
    loss = learn.mse("v", -60.0, where=f"{SECOND}.soma")
    with pytest.raises(ModelError, match=match):
        learn.gradient(played(), loss, learn.Parameter("hh.gnabar", where=by), DURATION, surrogate=surrogate)


def test_delays_thresholds_and_stimuli_are_refused():
    loss = learn.mse("v", -60.0, where=f"{SECOND}.soma")
    for name, match in (("NetCon.delay", "times of events"), ("NetStim.interval", "artificial")):
        with pytest.raises(UnsupportedError, match=match):
            learn.gradient(played(), loss, name, DURATION)
