"""The bits of a run depend on the model, the arithmetic and the order of elimination; on nothing else."""

import itertools

import numpy as np
import pytest

import heliox
from heliox.engine import layout
from heliox.simulation import Simulation
from tests.against_neuron import models
from tests.against_neuron.beside import Session, helios, neuron
from tests.against_neuron.models import branched, lattice, noise

DT = 0.025
T = 12.0


def voltages(model, tstop=T, prepare=None, **options):
    """(B, nodes, samples) mV, and the spikes (member, t, source)."""
    sim = Simulation(model, progress=False, **options)
    v = sim.record("v")
    if prepare is not None:
        prepare(sim)
    sim.run_until(tstop)
    return members(sim, v), sim.spikes, sim


def members(sim, recording):
    return recording.values.reshape(sim.batch, len(sim.model.nodes), -1)


def assert_same_spikes(a, b):
    np.testing.assert_array_equal(a.t, b.t)
    np.testing.assert_array_equal(a.index, b.index)


# ------------------------------------------------------------------ groups and threads

# delays between groups, as parts of dt: at multiples of it, a rounding error beside them, between them
DELAYS = [1.0, 1.0 + 1e-9, 2.0 - 1e-9, 2.0, 2.0 + 1e-9, 2.5, 3.0 - 1e-13, 3.0, 7.4999, 40.0]


@pytest.mark.parametrize("factor", DELAYS)
def test_groups_do_not_show(h, monkeypatch, factor):
    """One group or as many as there are cells, on one thread: NEURON's spikes, and the same bits."""
    kept = lattice(h, factor * DT)
    model, expected = neuron(h, T)
    monkeypatch.setattr(layout, "CHUNK_NODES", 1_000_000)
    whole, spikes, sim = voltages(model)
    assert sim.plan.chunks == 1
    monkeypatch.setattr(layout, "CHUNK_NODES", 1)
    parts, spikes_of_parts, sim = voltages(model)
    assert sim.plan.chunks > 8 and sim.plan.partition.leaders == 1
    assert sim.plan.partition.window >= max(1, int(factor - 1e-6))
    np.testing.assert_array_equal(parts, whole)
    assert_same_spikes(spikes_of_parts, spikes)
    assert len(spikes) == expected.count >= 20
    for source, times in expected.spikes.items():
        np.testing.assert_array_equal(spikes.t[spikes.index == source], times)
    del kept


def test_groups_have_neurons_bits(h, monkeypatch):
    monkeypatch.setattr(layout, "CHUNK_NODES", 1)
    for factor in (1.0, 2.0 - 1e-9, 4.0):
        kept = lattice(h, factor * DT, cells=6)
        model, expected = neuron(h, T)
        expected.assert_same(helios(model, T, math="libm"))
        del kept
        for section in list(h.allsec()):
            h.delete_section(sec=section)


@pytest.mark.parametrize("chunk_nodes", [1, 15, 40])
@pytest.mark.parametrize("pairs", [False, True])
def test_threads_do_not_show(h, monkeypatch, chunk_nodes, pairs):
    """Cells joined by delays below a step stay together; all else may be split and run side by side."""
    kept = lattice(h, 1.0 * DT, cells=12, pairs=pairs)
    model = heliox.from_neuron(-65)
    monkeypatch.setattr(layout, "CHUNK_NODES", 1_000_000)
    whole, spikes, _ = voltages(model, threads=1)
    monkeypatch.setattr(layout, "CHUNK_NODES", chunk_nodes)
    for threads in (1, 2):
        parts, other, sim = voltages(model, threads=threads)
        assert sim.plan.chunks > 3 and sim.engine.threads == threads
        np.testing.assert_array_equal(parts, whole)
        assert_same_spikes(other, spikes)
    assert len(spikes) >= 20
    del kept


def test_threads_of_a_batch(h, monkeypatch):
    kept = lattice(h, 3 * DT, cells=6)
    model = heliox.from_neuron(-65)
    monkeypatch.setattr(layout, "CHUNK_NODES", 20)
    alone, _, _ = voltages(model, 6.0, threads=1)
    for threads, batch in itertools.product((1, 2), (2, 5)):
        together, _, _ = voltages(model, 6.0, threads=threads, batch=batch)
        for member in together:
            np.testing.assert_array_equal(member, alone[0])
    del kept


def test_windows_and_recordings_do_not_show(h, monkeypatch):
    """Runs cut at any step, with samples every few steps, in many groups."""
    kept = lattice(h, 4 * DT, cells=6)
    model = heliox.from_neuron(-65)
    monkeypatch.setattr(layout, "CHUNK_NODES", 1)
    whole, spikes, _ = voltages(model)
    sim = Simulation(model, progress=False)
    v, sparse = sim.record("v"), sim.record("v", every=7 * DT)
    rng = np.random.default_rng(4)
    while sim.t < T - DT / 2:
        sim.run(min(float(rng.integers(1, 40)) * DT, T - sim.t))
    np.testing.assert_array_equal(members(sim, v), whole)
    np.testing.assert_array_equal(sparse.values, whole[0][:, ::7])
    np.testing.assert_array_equal(sparse.t, v.t[::7])
    assert_same_spikes(sim.spikes, spikes)
    del kept


# ------------------------------------------------------------------ batch


@pytest.mark.parametrize("math", ["fast", "libm"])
def test_any_place_in_a_batch(h, math):
    kept = branched(h)
    model = heliox.from_neuron(-65)
    alone, spikes, _ = voltages(model, math=math)
    together, all_spikes, _ = voltages(model, math=math, batch=7)
    assert together.shape == (7, *alone.shape[1:])
    for member in range(7):
        np.testing.assert_array_equal(together[member], alone[0])
        assert_same_spikes(all_spikes.of(member), spikes)
    del kept


VARY = ["hh.gnabar", "celsius", "NetCon.weight"]
B = 5


def test_a_member_is_a_run_alone_with_its_values(h):
    """Conductances, the temperature (with tables that depend on it) and weights differ between members."""
    kept = branched(h)
    model = heliox.from_neuron(-65)
    rng = np.random.default_rng(2)
    n_hh, n_con = len(model.mechanism("hh")), len(model.connections)
    values = {
        "hh.gnabar": 0.12 * (0.8 + 0.4 * rng.random((B, n_hh))),
        "celsius": np.linspace(5.0, 17.0, B)[:, None],
        "NetCon.weight": 0.004 * rng.random((B, n_con)),
    }

    def assign(sim, member=slice(None)):
        for name, x in values.items():
            handle = sim.var(name)
            handle[:] = np.broadcast_to(x, (B, handle.addresses.shape[-1]))[member]

    together, spikes, _ = voltages(model, prepare=assign, batch=B, vary=VARY)
    for k in range(B):
        alone, own, sim = voltages(model, prepare=lambda sim, k=k: assign(sim, k))
        assert sim.plan.program.columns and not sim.plan.program.celsius_own
        np.testing.assert_array_equal(together[k], alone[0])
        assert_same_spikes(spikes.of(k), own)
    assert len(np.unique(together[:, 2, -1])) == B
    del kept


def test_values_of_members_assigned_before_the_first_run_name_vary(h):
    kept = branched(h)
    model = heliox.from_neuron(-65)
    values = np.linspace(0.08, 0.14, 3)[:, None] * np.ones(len(model.mechanism("hh")))

    def assign(sim):
        gnabar = sim.var("hh.gnabar")
        gnabar[:] = values
        np.testing.assert_array_equal(gnabar.values, values)
        sim.var("celsius")[:] = np.array([[6.0], [9.0], [12.0]])
        sim.var("NetCon.weight")[:] = model.connections.weights * np.array([[1.0], [0.5], [2.0]])

    def named(sim):
        for name in VARY:
            assert sim.var(name).store == "A"
        assign(sim)

    automatic, _, _ = voltages(model, 5.0, prepare=assign, batch=3)
    explicit, _, _ = voltages(model, 5.0, prepare=named, batch=3, vary=VARY)
    np.testing.assert_array_equal(automatic, explicit)
    assert len(np.unique(automatic[:, 2, -1])) == 3
    del kept


def test_a_value_set_is_a_value_frozen(h):
    """Set in NEURON before the freeze, or through a handle after it: NEURON's bits."""
    kept = branched(h)
    model = heliox.from_neuron(-65)
    for section in h.allsec():
        for segment in section:
            if hasattr(segment, "hh"):
                segment.hh.gkbar = 0.04
            segment.cm *= 1.1
    h.celsius = 9.0
    changed, expected = neuron(h, T)

    def assign(sim):
        sim.var("hh.gkbar")[:] = 0.04
        cm = sim.var("cm")
        cm[:] = cm.values * 1.1
        sim.var("celsius")[:] = 9.0
        sim.initialize(-65)

    expected.assert_same(helios(model, T, prepare=assign, math="libm"))
    expected.assert_same(helios(changed, T, math="libm"))
    del kept


def test_random_streams_of_members_are_the_same(h):
    kept = noise(h)
    model = heliox.from_neuron(-65)
    together, spikes, _ = voltages(model, batch=3)
    alone, own, _ = voltages(model)
    for k in range(3):
        np.testing.assert_array_equal(together[k], alone[0])
        assert_same_spikes(spikes.of(k), own)
    del kept


# ------------------------------------------------------------------ ways to the same state


@pytest.fixture
def started(h):
    """A model frozen in the middle of a run, with events under way, and its run in HelioX."""
    kept = lattice(h, 0.5, cells=6)
    model, _ = neuron(h, 5.0, before=4.0)
    yield (model, *voltages(model))
    del kept


def test_saved_and_loaded(started, tmp_path):
    model, whole, spikes, _ = started
    model.save(tmp_path / "model.h5")
    loaded = heliox.load(tmp_path / "model.h5")
    assert loaded.hash == model.hash
    again, other, _ = voltages(loaded)
    np.testing.assert_array_equal(again, whole)
    assert_same_spikes(other, spikes)


@pytest.mark.parametrize("batch", [1, 3])
def test_reset(started, batch):
    model, whole, spikes, _ = started
    sim = Simulation(model, progress=False, batch=batch)
    v = sim.record("v")
    for stop in (5.0, 4.025, 11.0, T):
        sim.run_until(stop)
        sim.reset()
        assert sim.t == model.settings.t and len(v.t) == len(sim.spikes) == 0
    sim.run_until(T)
    for member in range(batch):
        np.testing.assert_array_equal(members(sim, v)[member], whole[0])
        assert_same_spikes(sim.spikes.of(member), spikes)


def test_reset_keeps_parameters(started):
    model, whole, _, _ = started
    sim = Simulation(model, progress=False)
    sim.var("hh.gnabar")[:] = 0.1
    sim.var("celsius")[:] = 8.0
    v = sim.record("v")
    sim.run_until(T)
    first = v.values
    sim.reset()
    sim.run_until(T)
    np.testing.assert_array_equal(v.values, first)
    assert not np.array_equal(first, whole[0])


@pytest.mark.parametrize("math", ["fast", "libm"])
def test_initialize_is_finitialize(h, math):
    """From any state: the same as a freeze after finitialize."""
    kept = [lattice(h, 0.5, cells=6), noise(h)]
    middle, _ = neuron(h, 7.0, before=6.0)
    fresh, expected = neuron(h, T)
    sim = Simulation(middle, progress=False, math=math)
    v = sim.record("v")
    sim.run(3.0)
    for _ in range(2):
        sim.initialize(-65.0)
        assert sim.t == 0.0
        sim.run_until(T)
        whole, spikes, _ = voltages(fresh, math=math)
        np.testing.assert_array_equal(members(sim, v), whole)
        at_once = sim.spikes.t == 0.0  # a freeze comes too late for spikes of the initialization itself
        assert at_once.sum() == 1
        np.testing.assert_array_equal(sim.spikes.t[~at_once], spikes.t)
        np.testing.assert_array_equal(sim.spikes.index[~at_once], spikes.index)
    if math == "libm":
        np.testing.assert_array_equal(v.values, expected.v)
    del kept


def test_initialize_at_another_voltage(h):
    kept = branched(h)
    model = heliox.from_neuron(-65)
    _, expected = neuron(h, T, v_init=-58.3)
    sim = Simulation(model, progress=False, math="libm")
    v = sim.record("v")
    sim.initialize(-58.3)
    sim.run_until(T)
    np.testing.assert_array_equal(v.values, expected.v)
    del kept


@pytest.mark.parametrize("batch", [1, 2])
def test_snapshot_and_restore(started, batch):
    model, whole, spikes, _ = started
    sim = Simulation(model, progress=False, batch=batch)
    v = sim.record("v")
    sim.run_until(6.0)
    snap = sim.snapshot()
    sim.run_until(9.0)
    sim.restore(snap)
    assert sim.t == snap.t
    sim.run_until(T)
    k = np.flatnonzero(v.t == snap.t)[0]
    tail = members(sim, v)[:, :, -(whole.shape[2] - k - 1) :]
    for member in tail:
        np.testing.assert_array_equal(member, whole[0][:, k + 1 :])
    other = Simulation(model, progress=False, batch=batch)
    w = other.record("v")
    other.restore(snap)
    other.run_until(T)
    for member in members(other, w):
        np.testing.assert_array_equal(member, whole[0][:, k:])
    late = spikes.t > snap.t
    np.testing.assert_array_equal(other.spikes.of(0).t, spikes.t[late])


def test_a_snapshot_of_another_model_is_refused(started, h):
    model, *_ = started
    snap = Simulation(model, progress=False).snapshot()
    kept = noise(h)
    with pytest.raises(heliox.ModelError, match="another model"):
        Simulation(heliox.from_neuron(-65), progress=False).restore(snap)
    with pytest.raises(heliox.ModelError, match="batch"):
        Simulation(model, progress=False, batch=2).restore(snap)
    del kept


# ------------------------------------------------------------------ what a run leaves behind


def final_state(sim, names):
    return {name: sim.var(name).values for name in names}


NAMES = ("v", "hh.m", "hh.h", "hh.n", "ExpSyn.g", "Exp2Syn.A", "Exp2Syn.B", "NetStim.on", "NetStim.ispike")


@pytest.mark.parametrize("chunk_nodes", [1, 1_000_000])
def test_the_state_after_a_run_is_neurons(h, monkeypatch, chunk_nodes):
    """Deliveries that are due at the very end are made, whichever group sends and receives them."""
    monkeypatch.setattr(layout, "CHUNK_NODES", chunk_nodes)
    kept = lattice(h, 0.5, cells=6)
    stims = [models.stimulus(h, 0.992, 0.5), models.stimulus(h, 0.99, 0.5)]
    cons = [models.connect(h, stims[k % 2], s, 0.002 + 1e-4 * k, 0.0) for k, s in enumerate(kept[2][::3])]
    session = Session(h)
    model = session.freeze()
    sim = Simulation(model, progress=False, math="libm")
    for stop in (0.5, 1.0, 1.5, 3.0, 5.0):
        session.solve(stop)
        sim.run_until(stop)
        live = heliox.from_neuron()
        expected = {n: getattr(live.nodes, n) for n in ("v",)}
        for name in NAMES[1:]:
            mechanism, variable = name.split(".")
            expected[name] = live.mechanism(mechanism).values[variable]
        for name, values in final_state(sim, NAMES).items():
            np.testing.assert_array_equal(values, expected[name], err_msg=f"{name} at {stop}")
    del kept, stims, cons


@pytest.mark.parametrize("chunk_nodes", [1, 1_000_000])
def test_runs_may_stop_where_events_are_due(h, monkeypatch, chunk_nodes):
    """Events of stimuli and of cells due in the last half step of a run: in order of time."""
    monkeypatch.setattr(layout, "CHUNK_NODES", chunk_nodes)
    kept = lattice(h, 0.5 - 0.003, cells=6)
    stims = [models.stimulus(h, 0.0395 + 0.001 * k, 0.05) for k in range(10)]
    cons = [
        models.connect(h, stim, s, 1e-4 / (3.0 + k), 0.0) for s in kept[2] for k, stim in enumerate(stims)
    ]
    model, expected = neuron(h, T)
    sim = Simulation(model, progress=False, math="libm")
    v = sim.record("v")
    while sim.t < T - DT / 2:
        sim.run(DT)
    np.testing.assert_array_equal(v.values, expected.v)
    del kept, stims, cons


def crowd(h, start=0.0):
    """More spikes at once, and more events under way, than the buffers hold at first."""
    soma = h.Section(name="crowd")
    soma.L = soma.diam = 30
    soma.insert("hh")
    synapses = [h.ExpSyn(soma(0.5)), h.Exp2Syn(soma(0.5))]
    stims = [models.stimulus(h, start, 0.5 + 0.001 * k) for k in range(400)]
    cons = [
        models.connect(h, stim, synapses[j], 1e-6 * (1 + j), 0.1 + 5.5 * j + 0.003 * k)
        for k, stim in enumerate(stims)
        for j in range(2)
    ]
    return [soma, synapses, stims, cons, models.complete(h)]


@pytest.mark.parametrize("math", ["fast", "libm"])
def test_buffers_grow_and_nothing_is_lost(h, math):
    kept = crowd(h)
    model, expected = neuron(h, 8.0)
    sim = Simulation(model, progress=False, math=math)
    e = sim.engine
    small = int(e.QN[:, 0].max()) + int(e.plan.G[:, e.plan.program.columns["FANMAX"]].max()) + 1
    e.QF, e.QI = e.QF[:, :small].copy(), e.QI[:, :small].copy()
    e.SF, e.SI = e.SF[:, :300].copy(), e.SI[:, :300].copy()
    v = sim.record("v")
    room = sim.engine.QF.shape[1], sim.engine.SF.shape[1]
    sim.run_until(8.0)
    assert sim.engine.QF.shape[1] > room[0] and sim.engine.SF.shape[1] > room[1]
    assert len(sim.spikes) == expected.count > 4000
    if math == "libm":
        np.testing.assert_array_equal(v.values, expected.v)
    del kept


def test_initialize_with_many_events_at_once(h):
    """More spikes in the initialization itself than the buffers hold."""
    kept = crowd(h)
    model = heliox.from_neuron(-65)
    whole, spikes, _ = voltages(model, 3.0)
    sim = Simulation(model, progress=False)
    v = sim.record("v")
    sim.initialize(-65)
    sim.run_until(3.0)
    np.testing.assert_array_equal(members(sim, v), whole)
    assert len(sim.spikes) == len(spikes) + 400  # and those at t = 0
    del kept


@pytest.mark.parametrize("seed", [2, 3, 5])
def test_zero_delays_of_stimuli_keep_their_order_in_every_group(h, monkeypatch, seed):
    """A stimulus that serves several groups and one inside a group fire at one time onto one synapse."""
    kept = lattice(h, 0.5, cells=6)
    target = h.Section(name="target")
    target.insert("hh")
    target.L = target.diam = 20
    synapse = h.ExpSyn(target(0.5))
    synapse.tau = 5.0
    leader, starter = models.stimulus(h, 3.0, 2.0), models.stimulus(h, 1.0, 100.0, 1)
    inside = models.stimulus(h, -1.0, 2.0, 4)
    w = 1e-3 * np.random.default_rng(seed).random(5)
    cons = [models.connect(h, leader, s, w[0], 0.0) for s in [synapse, *kept[2]]]
    cons += [models.connect(h, starter, inside, 1.0, 0.0), models.connect(h, starter, synapse, w[1], 0.0)]
    cons += [models.connect(h, inside, synapse, x, 0.0) for x in w[2:]]
    model = heliox.from_neuron(-65)
    whole, parts = (voltages_in_chunks(model, monkeypatch, n) for n in (1_000_000, 1))
    np.testing.assert_array_equal(parts, whole)
    del kept, synapse, leader, starter, inside, cons


def voltages_in_chunks(model, monkeypatch, nodes):
    monkeypatch.setattr(layout, "CHUNK_NODES", nodes)
    return voltages(model)[0]
