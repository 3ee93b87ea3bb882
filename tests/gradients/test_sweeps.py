"""The reverse sweep against the forward one (<w, J u> = <J' w, u>), and against finite differences."""

import dataclasses

import numpy as np
import pytest

from heliox.engine.adjoint import Schedule, Surrogate
from heliox.errors import ModelError, UnsupportedError
from tests.gradients import models
from tests.gradients.sweeps import Sweeps

EXACT = 1e-11
CLOSE = 1e-6  # of the largest component of a group, against finite differences


def check(s, steps=None, only=None):
    for seed in (1, 2):
        assert s.mismatch(seed) < EXACT
    for n in only or s.trained:
        worst, largest = s.components(n, 2, **({"steps": steps} if steps else {}))
        assert largest > 0.0, f"nothing depends on {n}"
        assert worst <= CLOSE * largest, f"{n}: {worst:.2e} of {largest:.2e}"


SYNAPSES = [
    "hh.gnabar", "hh.gkbar", "hh.gl", "hh.el", "pas.g", "pas.e", "IClamp.amp", "AlphaSynapse.gmax",
    "ExpSyn.tau", "ExpSyn.e", "Exp2Syn.tau2", "NetCon.weight", "v", "hh.m", "hh.h", "hh.n", "cm",
]  # fmt: skip


@pytest.mark.parametrize("secondorder", [0, 1, 2])
def test_branched_cell_with_synapses(secondorder):
    model = models.with_synapses()
    model = model.replace(settings=dataclasses.replace(model.settings, secondorder=secondorder))
    check(Sweeps(model, SYNAPSES, v_init=-65.0), only=SYNAPSES if secondorder == 0 else ("hh.gnabar", "cm"))


@pytest.mark.parametrize("family", ["l5pc", "worm", "hpc"])
def test_families_of_channels(family):
    names = models.family(family)
    assert names
    model, trained = models.with_family(family, names)
    calcium = ("ca_ion.cai",) if any(m.name == "ca_ion" for m in model.mechanisms) else ()
    s = Sweeps(model, [*trained, "v"], ("v", *calcium), v_init=-60.0, tstop=3.0)
    check(s, (4e-2, 2e-2), only=[*trained[::3], "v"])


def test_methods_of_integration():
    """cnexp, euler, derivimplicit, KINETIC with sparse, pools that channels read: from mod files."""
    names = ("implicit", "scheme", "explicit", "gates", "gated", "sk", "calcium", "pool")
    s = Sweeps(
        models.with_mods(names),
        ["v", "explicit.g", "gates.gnabar", "implicit.g", "scheme.gbar"],
        v_init=-65.0,
    )
    check(s, (2e-2, 1e-2))


def test_globals_and_temperature():
    """What all instances share: the sum over all of them, in their order."""
    trained = ["implicit.k1", "implicit.e", "scheme.q", "scheme.gbar", "v"]
    check(Sweeps(models.with_mods(("implicit", "scheme")), trained, v_init=-65.0), (2e-2, 1e-2))
    check(Sweeps(models.untabled(models.tree().model()), ["celsius", "hh.gl"], v_init=-65.0))


def test_couplings_along_the_cable():
    """Adjoints of a and b: through them diameters, lengths and axial resistances act."""
    s = Sweeps(models.with_synapses(), ["v"], v_init=-65.0, geometry=True, tangent=False)
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


def test_gap_junctions():
    check(Sweeps(models.gap_ring(), ["hh.gnabar", "Gap.g", "IClamp.amp", "v"], v_init=-65.0), (4e-4, 2e-4))


def test_plays_and_clamps():
    trained = ["hh.gnabar", "SEClamp.amp1", "SEClamp.rs", "pas.g", "v"]
    check(Sweeps(models.played(), trained, ("v", "SEClamp.i"), v_init=-65.0), (4e-4, 2e-4))


def test_network_with_delays():
    """Spike times as they are; with a surrogate they have a derivative too, which both sweeps take."""
    trained = ["hh.gnabar", "NetCon.weight", "ExpSyn.tau", "v"]
    s = Sweeps(models.spiking_ring(), trained, v_init=-65.0, tstop=8.0)
    assert s.R.max() > 0.0
    check(s, (1e-4, 5e-5))
    through = Sweeps(
        models.spiking_ring(), trained, v_init=-65.0, tstop=8.0, surrogate=Surrogate("triangle", 40.0)
    )
    assert through.mismatch() < EXACT
    weights = s.places("NetCon.weight")
    assert not np.allclose(s.reverse()[weights], through.reverse()[weights])


@pytest.mark.parametrize("table", [True, False])
def test_tables(table):
    """Where rates are interpolated the slope of the table is the derivative."""
    model = models.tree().model()
    s = Sweeps(model if table else models.untabled(model), ["hh.gnabar", "v"], v_init=-65.0)
    assert s.mismatch() < EXACT


# ---------------------------------------------------------------------------------------------- the same bits


def test_checkpoints_give_the_bits_of_the_whole_tape():
    model = models.with_synapses()
    whole = Sweeps(model, SYNAPSES, v_init=-65.0, tstop=50.0)
    found = whole.reverse()
    row, saved = whole.d.row_bytes, whole.d._checkpoint_bytes()
    for one_level in (True, False):
        s = Schedule(whole.steps, 500 if one_level else 125, row, saved, bisect=not one_level)
        memory = s.bytes
        s = Sweeps(model, SYNAPSES, v_init=-65.0, tstop=50.0, memory=memory)
        assert s.d.schedule.pieces > 1
        assert s.d.schedule.bisect != one_level
        assert s.d.schedule.bytes <= memory
        assert np.array_equal(s.R, whole.R)
        assert np.array_equal(s.reverse(), found)
    with pytest.raises(ModelError, match="needs at least"):
        Sweeps(model, SYNAPSES, v_init=-65.0, tstop=50.0, memory=row)


def test_members_and_threads_give_the_bits_of_a_run_alone():
    model = models.with_synapses()
    alone = Sweeps(model, SYNAPSES, v_init=-65.0)
    found = alone.reverse()
    for threads in (1, 2):
        s = Sweeps(model, SYNAPSES, v_init=-65.0, batch=3, threads=threads)
        n = alone.R.shape[1]
        s.W = np.concatenate([0.5 * alone.W, alone.W, -alone.W], axis=1)
        B = s.reverse()[:-1].reshape(3, -1)
        assert np.array_equal(s.R[:, n : 2 * n], alone.R)
        for name in SYNAPSES:
            at = alone.places(name)
            assert np.array_equal(B[1][at], found[at])


def test_what_cannot_be_differentiated_is_named():
    with pytest.raises(UnsupportedError, match=r"before.*not available|not available.*before"):
        Sweeps(models.with_mods(("before",)), ["v"], v_init=-65.0)
