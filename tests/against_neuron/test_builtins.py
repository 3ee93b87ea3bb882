"""Everything built into NEURON's wheel, alone and together: NEURON's bits in libm, its spikes in fast."""

import numpy as np
import pytest

from heliox.engine import layout
from tests.against_neuron.beside import helios, neuron, own_growth
from tests.against_neuron.builtins import Everything

T = 30.0
BUILT_IN = (
    "AlphaSynapse APCount ExpSyn Exp2Syn IClamp IntFire1 IntFire2 IntFire4 NetStim OClamp SEClamp VClamp "
    "capacitance fastpas hh k_ion na_ion pas"
)


@pytest.fixture
def everything(h):
    e = Everything(h)
    yield e
    e.keep.clear()
    del e.artificial


def test_every_built_in_is_neurons(h, everything):
    model, expected = neuron(h, T, everything.watch)
    assert {m.name for m in model.mechanisms} >= set(BUILT_IN.split())
    assert len(model.plays) == 7 and len(model.transfers) == 16
    got = helios(model, T, everything.watch, math="libm")
    worst = {p: float(np.abs(v - got.watched[p]).max()) for p, v in expected.watched.items()}
    assert {p: d for p, d in worst.items() if d != 0.0} == {}
    expected.assert_same(got)
    assert expected.count > 60
    assert all(np.ptp(v) > 0 for v in expected.watched.values())


def test_freeze_in_the_middle_of_a_run(h, everything):
    """Cursors of plays, self events, values just transferred: all as they stand at 7.3 ms."""
    model, expected = neuron(h, T, before=7.3)
    expected.assert_same(helios(model, T, math="libm"))


def test_fast_keeps_the_spikes(h, everything):
    model, expected = neuron(h, T)
    got = helios(model, T)
    for (
        source,
        times,
    ) in expected.spikes.items():  # IntFire cells fire between steps, at times that they compute
        np.testing.assert_allclose(got.spikes[source], times, rtol=0, atol=1e-9)
    assert expected.dv(got) <= max(1e-8, 10 * own_growth(model, T))


def test_threads_and_groups_do_not_show(h, everything, monkeypatch):
    """Junctions that cross groups meet in the middle of every step."""
    model, _ = neuron(h, 1.0)
    one = helios(model, 12.0)
    monkeypatch.setattr(layout, "CHUNK_NODES", 30)
    for threads in (1, 2):
        one.assert_same(helios(model, 12.0, threads=threads))
