"""A run that is saved to a file and taken up again has the bits of one that was never left."""

import os
from dataclasses import replace

import h5py
import numpy as np
import pytest

from heliox.errors import ModelError
from heliox.record.snapshot import Snapshot
from heliox.simulation import Simulation
from tests.record.ring import ring

DT = 0.025


@pytest.fixture(scope="module")
def model():
    return ring()


def simulation(model, **options):
    return Simulation(model, progress=False, dt=DT, **options)


def start(sim):
    sim.initialize(-65.0)
    return sim.record("v"), sim.record("ExpSyn.g", every=0.1)


@pytest.mark.parametrize("options", [{}, {"batch": 2, "vary": ["pas.g"]}, {"threads": 2, "math": "libm"}])
def test_the_same_bits_from_a_file(model, tmp_path, options):
    whole = simulation(model, **options)
    recorded = start(whole)
    whole.run(20.0)
    whole.snapshot().save(tmp_path / "at20.h5")
    assert len(whole.snapshot().arrays["events"]) > 3  # on their way
    before = whole.spikes
    whole.run(20.0)
    for name in ("Cell", "NetStim"):
        assert np.char.startswith(before.source, name).any()
        assert np.char.startswith(whole.spikes.source[whole.spikes.t > 21.0], name).any()

    other = simulation(model, **options)
    again = other.record("v"), other.record("ExpSyn.g", every=0.1)
    other.restore(tmp_path / "at20.h5")
    assert other.t == pytest.approx(20.0)
    other.run(20.0)
    assert other.t == whole.t
    for a, b in zip(again, recorded):
        assert len(a.t) > 200
        np.testing.assert_array_equal(a.t, b.t[-len(a.t) :])
        np.testing.assert_array_equal(a.values, b.values[..., -len(a.t) :])
    late = whole.spikes.t > 20.0
    for name in ("t", "index", "member"):
        expected = getattr(whole.spikes, name)[late]
        assert np.array_equal(getattr(other.spikes, name), expected), name


def test_plays_go_on(model, tmp_path):
    """How far an imposed variable has come is in the snapshot."""

    def played():
        sim = simulation(model)
        sim.play("NetStim[0].interval", [5.0, 11.0, 13.0], [20.0, 4.0, 2.0])
        sim.play("Cell[0].dend(0.5).pas.g", [0.0, 9.0, 20.0], [1e-4, 1e-2, 1e-4], continuous=True)
        return sim, sim.record("v")

    whole, recorded = played()
    whole.run(10.0)
    whole.snapshot().save(tmp_path / "s.h5")
    whole.run(10.0)
    other, again = played()
    other.restore(tmp_path / "s.h5")
    other.run(10.0)
    np.testing.assert_array_equal(again.values, recorded.values[:, -again.values.shape[1] :])
    assert other.var("Cell[0].dend(0.5).pas.g").values[0] == whole.var("Cell[0].dend(0.5).pas.g").values[0]


def test_what_is_read_is_what_was_saved(model, tmp_path):
    sim = simulation(model)
    start(sim)
    sim.run(7.0)
    snap = sim.snapshot()
    snap.save(tmp_path / "s.h5")
    read = Snapshot.load(tmp_path / "s.h5")
    assert (read.t, read.step, read.model_hash, read.batch, read.kind) == (
        snap.t, snap.step, snap.model_hash, snap.batch, snap.kind,
    )  # fmt: skip
    assert read.arrays.keys() == snap.arrays.keys()
    for name, array in snap.arrays.items():
        assert read.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(read.arrays[name], array)
    assert os.listdir(tmp_path) == ["s.h5"]


def test_more_events_than_a_queue_has_room_for_at_first(model):
    """Each comes into the queue of its target, in its order."""
    sim = simulation(model)
    sim.initialize(-65.0)
    sim.run(20.0)
    snap = sim.snapshot()
    times, what = snap.arrays["event_times"], snap.arrays["events"]
    many = 3 * sim.engine.QF.shape[1]
    target = np.flatnonzero(what[:, 4] >= 0)[0]  # of a connection
    more, rows = np.tile(times[target], (many, 1)), np.tile(what[target], (many, 1))
    more[:, 0] += np.linspace(0.0, 5.0, many)
    arrays = {**snap.arrays, "event_times": np.vstack([times, more]), "events": np.vstack([what, rows])}
    other = simulation(model)
    other.restore(replace(snap, arrays=arrays))
    again = other.snapshot().arrays
    order = np.lexsort((arrays["events"][:, 1], *arrays["event_times"].T[1::-1]))
    np.testing.assert_array_equal(again["event_times"], arrays["event_times"][order])
    np.testing.assert_array_equal(again["events"], arrays["events"][order])
    other.run(1.0)


WAYS = [
    {}, {"threads": 2}, {"device": "emulated"}, {"device": "emulated", "order": "contraction"},
    {"math": "libm"},
]  # fmt: skip


@pytest.mark.parametrize("one", WAYS)
@pytest.mark.parametrize("other", WAYS)
def test_it_goes_on_in_any_other_way(model, one, other):
    """The state lies elsewhere in memory, but is the same; so is where it leads, to an order's rounding."""
    sim = simulation(model, **one)
    sim.initialize(-65.0)
    sim.run(20.0)
    snap = sim.snapshot()
    again = simulation(model, **other)
    again.restore(snap)
    for name, array in again.snapshot().arrays.items():
        np.testing.assert_array_equal(array, snap.arrays[name], err_msg=name)
    assert np.array_equal(again.var("v").values, sim.var("v").values)
    for s in (sim, again):
        s.run(20.0)
    late = sim.spikes.t > 20.0
    assert late.sum() > 3
    assert np.array_equal(again.spikes.index, sim.spikes.index[late])
    same = all(one.get(x) == other.get(x) for x in ("order", "math"))
    if same:
        assert np.array_equal(again.spikes.t, sim.spikes.t[late])
        assert np.array_equal(again.var("v").values, sim.var("v").values)
    else:
        np.testing.assert_allclose(again.var("v").values, sim.var("v").values, rtol=1e-6)


def test_plays_waiting_for_their_time_find_their_place(model):
    """A cell's plays are numbered where the cell is."""

    def played(**options):
        sim = simulation(model, **options)
        for k in (2, 0, 1):
            sim.play(f"Cell[{k}].dend(0.5).pas.g", [0.0, 9.0 + k, 20.0], [1e-4, 1e-2, 1e-4 * k])
        return sim

    sim = played()
    sim.run(8.0)
    other = played(device="emulated")
    other.restore(sim.snapshot())
    for s in (sim, other):
        s.run(8.0)
    assert np.array_equal(other.var("v").values, sim.var("v").values)


@pytest.mark.parametrize("one", [{}, {"device": "emulated"}])
@pytest.mark.parametrize("other", [{}, {"device": "emulated"}])
def test_a_member_that_failed_stays_failed(model, one, other):
    """Where its cells lie in other chunks too: which cell it was, and what is recorded."""

    def made(**options):
        sim = simulation(model, batch=3, vary=["capacitance.cm"], **options)
        cm = sim.var("capacitance.cm")
        values = np.array(cm.values)
        values[1, [n.startswith("Cell[2].") for n in cm.names]] = -0.5
        cm[...] = values
        return sim, sim.record("v")

    with pytest.warns(RuntimeWarning, match="1 of 3 members failed"):
        sim, v = made(**one)
        sim.initialize(-65.0)
        sim.run(5.0)
        snap = sim.snapshot()
        assert list(sim.failures) == [1] and "in Cell[2]." in str(sim.failures[1])
        again, w = made(**other)
        again.restore(snap)
        assert str(again.failures[1]) == str(sim.failures[1])
        for s in (sim, again):
            s.run(5.0)
    assert str(again.failures[1]) == str(sim.failures[1])
    np.testing.assert_array_equal(w.values, v.values[..., -w.values.shape[-1] :])
    assert np.isnan(w.values[1]).all() and np.isfinite(w.values[[0, 2]]).all()


def test_after_a_restore_no_detector_is_added(model):
    """Adding one plans anew, which would lose the state."""
    sim = simulation(model)
    snap = sim.snapshot()
    sim.restore(snap)
    with pytest.raises(ModelError, match="before the first run"):
        sim.detect("Cell[0].dend(0.5).v")


def test_what_does_not_fit(model, tmp_path):
    snap = simulation(model).snapshot()
    path = tmp_path / "s.h5"
    snap.save(path)
    with pytest.raises(ModelError, match="another model"):
        simulation(ring(2)).restore(path)
    with pytest.raises(ModelError, match="batch of 1, and this simulation has 2"):
        simulation(model, batch=2).restore(path)
    with pytest.raises(ModelError, match="the same vary"):
        simulation(model, vary=["pas.g"]).restore(path)
    other = simulation(model)
    other.record("i_membrane_")
    with pytest.raises(ModelError, match="i_membrane_ recorded"):
        other.restore(path)
    with pytest.raises(ModelError, match="holds other variables"):
        simulation(model).restore(replace(snap, kind="another"))
    for name, array in snap.arrays.items():
        short = {**snap.arrays, name: array[..., :-1] if array.size else array[None]}
        fewer = {n: a for n, a in snap.arrays.items() if n != name}
        for arrays in (short, fewer):
            with pytest.raises(ModelError, match="holds other variables"):
                simulation(model).restore(replace(snap, arrays=arrays))


def test_damaged_files(model, tmp_path):
    path = tmp_path / "s.h5"
    simulation(model).snapshot().save(path)
    good = path.read_bytes()
    rng = np.random.default_rng(1)
    for at in [0, 20, 100, 600, *rng.integers(0, len(good), 20).tolist()]:
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x5A]) + good[at + 1 :])
        with pytest.raises(ModelError, match="not a snapshot that can be restored"):
            Snapshot.load(path)
    for data, words in [
        (good[:-1], "bytes and must have"),
        (good + b"\0", "bytes and must have"),
        (good[:300], "header is damaged"),
        (b"", "something else"),
        (good.replace(b"schema 2", b"schema 9", 1), "reads schema 2"),
    ]:
        path.write_bytes(data)
        with pytest.raises(ModelError, match=words):
            Snapshot.load(path)


def test_files_that_are_no_snapshots(model, tmp_path):
    sim = simulation(model)
    model.save(tmp_path / "model.h5")
    with pytest.raises(ModelError, match=r"a model; read it with heliox\.load"):
        sim.restore(tmp_path / "model.h5")
    with h5py.File(tmp_path / "plain.h5", "w") as f:
        f["x"] = 1
    for name, words in [("plain.h5", "something else"), ("nothing.h5", "no such file"), (".", "a folder")]:
        with pytest.raises(ModelError, match=words):
            sim.restore(str(tmp_path / name))
    with pytest.raises(ModelError, match="cannot be written"):
        sim.snapshot().save(tmp_path / "missing" / "s.h5")


def test_an_older_file_stays_when_writing_fails(model, tmp_path, monkeypatch):
    path = tmp_path / "s.h5"
    snap = simulation(model).snapshot()
    snap.save(path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelError, match="No space left on device; the older file is as it was"):
        snap.save(path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["s.h5"]
