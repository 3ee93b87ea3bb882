"""Members of a batch: reductions instead of traces, and members that fail."""

import numpy as np
import pytest

import heliox
from heliox.engine import layout
from heliox.errors import ModelError
from heliox.mechanisms import catalogue
from heliox.simulation import Simulation
from tests.engine.made import network

AMPS = np.array([0.05, 0.3, 0.8])


def members(**options):
    """Three cells of hh in one model, three members that differ by the current into the first."""
    extra = [(catalogue.get(f"{x}_ion", 1.0), [0, 1, 2], {}) for x in ("na", "k")]
    extra += [(catalogue.get("hh"), [0, 1, 2], {})]
    extra += [(catalogue.get("IClamp"), [0], {"delay": [1.0], "dur": [8.0]})]
    model = network([2, 1], [(0, 1, 1.0)], 0, extra)
    sim = Simulation(model, batch=3, vary=["IClamp.amp"], progress=False, **options)
    sim.var("IClamp.amp")[...] = AMPS[:, None]
    sim.initialize(-65.0)
    return sim


def test_reductions_are_those_of_the_traces():
    sim = members()
    v = sim.record("v", where="cell0(0.25)")
    every = sim.record("v")
    target = np.linspace(-70.0, -50.0, 121)
    one = {k: sim.reduce("v", k, "cell0(0.25)", start=2.0, stop=7.0) for k in ("mean", "min", "max")}
    rms = sim.reduce("v", "rms", "cell0(0.25)", start=2.0, target=target)
    crossings = sim.reduce("v", "crossings", threshold=0.0)
    for _ in range(3):
        sim.run(4.0)
    inside = v.values[:, (v.t > 2.0 - 1e-9) & (v.t < 7.0 + 1e-9)]
    assert one["mean"].samples == inside.shape[1] == 201
    np.testing.assert_allclose(one["mean"].value, inside.mean(axis=1), rtol=1e-13)
    np.testing.assert_array_equal(one["min"].value, inside.min(axis=1))
    np.testing.assert_array_equal(one["max"].value, inside.max(axis=1))
    first = int(np.argmax(v.t > 2.0 - 1e-9))
    difference = v.values[:, first : first + 121] - target
    np.testing.assert_allclose(rms.value, np.sqrt((difference**2).mean(axis=1)), rtol=1e-12)
    above = every.values > 0.0
    np.testing.assert_array_equal(crossings.value, (above[..., 1:] & ~above[..., :-1]).sum(axis=-1))
    assert crossings.value.sum() > 3 and crossings.value.shape == every.values.shape[:2]


def test_reductions_do_not_depend_on_pieces_members_or_threads():
    values = []
    for pieces, threads in ((1, 1), (5, 2)):
        sim = members(threads=threads)
        mean = sim.reduce("v", "mean")
        for _ in range(pieces):
            sim.run(10.0 / pieces)
        values.append(mean.value)
    np.testing.assert_array_equal(*values)


def test_reset_starts_reductions_anew():
    sim = members()
    mean = sim.reduce("v", "mean")
    assert np.isnan(mean.value).all()
    sim.run(3.0)
    before = mean.value
    sim.initialize(-65.0)
    assert mean.samples == 0
    sim.run(3.0)
    np.testing.assert_array_equal(mean.value, before)


def test_reductions_that_cannot_be_are_named():
    sim = members()
    for text, options in (
        ("did you mean 'mean'", {"kind": "maen"}),
        ("holds no sample", {"kind": "mean", "start": 3.0, "stop": 2.0}),
        ("belongs to 'rms'", {"kind": "mean", "target": [1.0]}),
        ("belongs to 'rms'", {"kind": "rms"}),
        (r"shape \(5, 2\)", {"kind": "rms", "target": np.zeros((5, 2))}),
        (r"shape \(2,\)", {"kind": "rms", "target": [0.0, np.nan]}),
    ):
        with pytest.raises(ModelError, match=text):
            sim.reduce("v", **options)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_member_that_fails_does_not_stop_the_others(threads):
    sim, reference = members(threads=threads), members()
    v, w = sim.record("v"), reference.record("v")
    mean = sim.reduce("v", "mean")
    amp = sim.var("IClamp.amp")
    amp[...] = np.array([AMPS[0], 1e12, AMPS[2]])[:, None]
    with pytest.warns(RuntimeWarning, match="1 of 3 members failed"):
        sim.run(10.0)
    reference.run(10.0)
    assert list(sim.failures) == [1]
    error = sim.failures[1]
    assert 1.0 < float(str(error.time)) < 1.1 and error.member == 1 and "cell0" in str(error.section)
    for m in (0, 2):
        np.testing.assert_array_equal(v.values[m], w.values[m])
    assert np.isnan(v.values[1][0, v.t > 1.2]).all()
    assert np.isnan(mean.value).tolist() == [[False] * mean.value.shape[1], [True] * mean.value.shape[1]] + [
        [False] * mean.value.shape[1]
    ]
    assert sim.t == reference.t
    amp[...] = AMPS[:, None]
    sim.initialize(-65.0)
    assert not sim.failures
    sim.run(10.0)
    np.testing.assert_array_equal(v.values[1], w.values[1])


@pytest.mark.parametrize("nodes", [1, 10**6])
def test_a_failed_member_is_the_same_in_any_chunks(monkeypatch, nodes):
    """Its other cells are NaN too and its spikes end; what still reaches it does not wake it; what all share
    stays a number."""
    monkeypatch.setattr(layout, "CHUNK_NODES", nodes)
    model = network([2, 2, 2], [(3, 0, 1.0), (3, 1, 1.0), (3, 2, 1.0)], 1)
    sim = Simulation(model, batch=2, vary=["pas.g"], progress=False)
    for name, value in (("start", 0.0), ("interval", 0.05), ("number", 1e9)):
        sim.var(f"NetStim.{name}")[...] = value
    sim.initialize(-65.0)
    g = sim.var("pas.g").values.copy()
    g[0, :2] = -0.03
    sim.var("pas.g")[...] = g
    v, e = sim.record("v"), sim.record("pas.e")
    low, mean, count = (sim.reduce("v", k) for k in ("min", "mean", "crossings"))
    shared = sim.reduce("pas.e", "mean")
    with pytest.warns(RuntimeWarning, match="1 of 2 members"):
        sim.run(5.0)
    first = float(str(sim.failures[0].time))
    for _ in range(5):
        sim.run(5.0)
    assert list(sim.failures) == [0] and float(str(sim.failures[0].time)) == first < 1.0
    assert np.isnan(v.values[0][:, v.t > first + 1e-9]).all()
    assert np.isfinite(v.values[0][:, v.t < first - 1e-9]).all() and np.isfinite(v.values[1]).all()
    for r in (low, mean, count):
        assert np.isnan(r.value[0]).all() and np.isfinite(r.value[1]).all()
    assert np.isfinite(e.values).all() and np.isfinite(shared.value).all()
    spikes = sim.spikes
    assert (spikes.t[spikes.member == 0] <= first).all() and (spikes.member == 1).sum() > 100


@pytest.mark.parametrize("nodes", [1, 10**6])
def test_after_a_failure_time_and_samples_end_with_it(monkeypatch, nodes):
    monkeypatch.setattr(layout, "CHUNK_NODES", nodes)
    sim = Simulation(network([2, 2, 2]), progress=False)
    sim.initialize(-65.0)
    g = sim.var("pas.g")
    g[:] = np.r_[-0.03, -0.03, g.values[2:]]
    v = sim.record("v", every=0.1)
    for _ in range(2):
        with pytest.raises(heliox.NumericalError) as error:
            sim.run(20.0)
        assert sim.t == float(str(error.value.time)) < 1.0
        assert v.t[-1] <= sim.t and v.steps >= 0


def test_recordings_follow_a_new_plan():
    sim = Simulation(network([2, 2, 2]), batch=3, progress=False)
    e, mean = sim.record("pas.e"), sim.reduce("pas.e", "mean")
    rms = sim.reduce("pas.e", "rms", target=np.zeros(9))
    values = np.arange(18.0).reshape(3, 6) - 70.0
    sim.var("pas.e")[...] = values
    sim.run(1.0)
    assert e.values.shape == (3, 6, 41)
    np.testing.assert_array_equal(mean.value, values)
    np.testing.assert_allclose(rms.value, -values, rtol=1e-15)


def test_when_every_member_fails_the_run_ends():
    sim = members()
    sim.var("IClamp.amp")[...] = 1e12
    with pytest.raises(heliox.NumericalError):
        sim.run(10.0)
    assert sorted(sim.failures) == [0, 1, 2]
