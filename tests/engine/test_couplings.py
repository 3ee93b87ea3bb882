"""Plays, transfers, pointers, membrane currents without NEURON: their rules; no schedule shows."""

import numpy as np
import pytest

from heliox.engine import choice, layout
from heliox.errors import ModelError
from heliox.kernels.one_by_one import HostBackend
from heliox.mechanisms.library.gap import template as gap
from heliox.mechanisms.library.iclamp import template as iclamp
from heliox.mechanisms.template import MechTemp
from heliox.model.model import Pointers, Transfers, Variables
from heliox.simulation import Simulation
from tests.engine.made import network

T = 20.0


def variables(mechanism, index, name):
    index = np.asarray(index, np.int32)
    return Variables(np.full(len(index), mechanism, np.int32), index, (name,) * len(index))


def coupled(cells=8, segments=4):
    """A ring of cells, each with a gap junction to both neighbours and a clamp in the first."""
    at = np.arange(cells) * segments
    both = np.concatenate([at, at + 1])
    inner = len(network([segments] * cells).mechanism("pas"))
    assert inner == cells * segments
    order = np.argsort(both, kind="stable")
    partner = np.concatenate([np.roll(at, 1), np.roll(at, -1)])[order]
    junctions = (gap, both[order], {"g": np.full(2 * cells, 0.002)})
    clamp = (iclamp, at[:1], {"delay": [1.0], "dur": [8.0], "amp": [0.4]})
    model = network([segments] * cells, stims=1, edges=[(cells, 0, 1.0)], extra=[junctions, clamp])
    node = model.mechanism("pas").node
    k = model.mechanism_index("Gap")
    return model.replace(
        transfers=Transfers(variables(-1, node[partner], "v"), variables(k, np.arange(2 * cells), "vgap"))
    )


@pytest.fixture(scope="module")
def ring():
    return coupled()


def run(model, tstop=T, prepare=None, **options):
    sim = Simulation(model, progress=False, **options)
    v = sim.record("v")
    if prepare is not None:
        prepare(sim)
    sim.run_until(tstop)
    return v.values.reshape(sim.batch, len(model.nodes), -1), sim


def played(model, t=(0.0,), y=(0.4,), continuous=False, e=((0.0,), (0.0,))):
    """Plays into the clamp and into a synapse, and computes i_membrane_: one program for all."""
    sim = Simulation(model, progress=False)
    sim.play("IClamp[0].amp", t, y, continuous=continuous)
    sim.play("ExpSyn[2].e", *e, continuous=True)
    sim.var("i_membrane_")
    return sim


def test_gap_junctions_same_bits_in_groups_and_threads(ring, monkeypatch):
    whole, sim = run(ring)
    assert sim.plan.chunks == 1 and not sim.plan.partition.lockstep
    spread = np.abs(whole - whole[:, :, :1]).max(axis=(0, 2))
    assert spread.min() > 0.01  # the current of one cell reaches all
    monkeypatch.setattr(layout, "CHUNK_NODES", 1)
    for options in ({}, {"threads": 2}, {"batch": 3, "threads": 2}):
        parts, sim = run(ring, **options)
        assert sim.plan.partition.lockstep and sim.plan.chunks == 8 + (sim.plan.partition.leaders > 0)
        for member in parts:
            np.testing.assert_array_equal(member, whole[0])


def test_transfer_is_the_value_of_the_step_before(ring):
    """At t the junction's current used its partner's v(t - dt); the target itself holds v(t)."""
    sim = Simulation(ring, progress=False)
    v, target = sim.record("v"), sim.record("Gap.vgap")
    sim.run_until(2.0)
    source = ring.transfers.source.index
    np.testing.assert_array_equal(target.values[:, 1:], v.values[source][:, 1:])


def test_initialize_transfers_before_initial(ring):
    sim = Simulation(ring, progress=False)
    sim.run_until(3.0)
    sim.initialize(-61.0)
    assert (sim.var("Gap.vgap").values == -61.0).all()


def test_membrane_currents_sum_to_the_injected_current(ring):
    """What the electrode brings in leaves through membranes and junctions."""
    sim = played(ring)
    i = sim.record("i_membrane_", where="*")
    injected = sim.record("IClamp[0].i")
    sim.run_until(T)
    total = i.values.sum(axis=0)[1:]
    assert np.abs(i.values).max() > 1e-3
    np.testing.assert_allclose(total, injected.values[1:], atol=1e-12)


def test_membrane_current_is_asked_for_before_the_first_run(ring):
    sim = Simulation(ring, progress=False)
    sim.run_until(1.0)
    with pytest.raises(ModelError, match="before the first run"):
        sim.record("cell0(0.5).i_membrane_")


# --- plays


def test_stepwise_play_acts_in_the_step_of_its_event(ring):
    dt = 0.025
    t = np.array([0.0, 1.0, 1.0 + 0.4 * dt, 2.0 + 0.6 * dt, 5.0])
    y = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    sim = played(ring, t, y)
    amp = sim.record("IClamp[0].amp")
    sim.run_until(6.0)
    # due at the sample's own time: assigned behind it; up to half a step later: in the half step behind it
    rounded = np.array([0, 40, 40, 81, 200])
    expected = np.full(len(amp.t), 0.4)
    expected[0] = 0.4  # the parameter's own value, before anything ran
    for k, value in zip(rounded, y, strict=True):
        expected[k + 1 :] = value
    np.testing.assert_array_equal(amp.values, expected)


def test_continuous_play_interpolates_and_extrapolates(ring):
    t, y = np.array([1.0, 3.0, 3.0, 7.0]), np.array([0.0, 1.0, 5.0, 9.0])
    sim = played(ring, t, y, True)
    amp = sim.record("IClamp[0].amp")
    sim.run_until(9.0)
    at = {0.5: 0.0, 2.0: 0.5, 5.0: 7.0, 8.0: 10.0, 9.0: 11.0}
    for time, value in at.items():
        assert amp.values[round(time / 0.025)] == pytest.approx(value, abs=1e-9)


def test_reset_and_snapshot_take_plays_with_them(ring):
    t = np.arange(0.0, 20.0, 0.7)
    y = np.sin(t)
    sim = played(ring, t, y, e=(t, 10 * y))
    v, amp = sim.record("v"), sim.record("IClamp[0].amp")
    sim.run_until(7.0)
    snap = sim.snapshot()
    sim.run_until(T)
    first, first_amp = v.values.copy(), amp.values.copy()
    sim.reset()
    sim.run_until(T)
    np.testing.assert_array_equal(v.values, first)
    np.testing.assert_array_equal(amp.values, first_amp)
    sim.restore(snap)
    sim.run_until(T)
    n = first.shape[1] - round(7.0 / 0.025) - 1
    np.testing.assert_array_equal(v.values[:, -n:], first[:, -n:])


def test_play_refuses(ring):
    sim = Simulation(ring, progress=False)
    with pytest.raises(ModelError, match="backwards"):
        sim.play("IClamp[0].amp", [1.0, 0.5], [0.0, 0.0])
    with pytest.raises(ModelError, match="shapes"):
        sim.play("IClamp[0].amp", [1.0, 2.0], [0.0])
    with pytest.raises(ModelError, match="no points"):
        sim.play("IClamp[0].amp", [], [])
    with pytest.raises(ModelError, match="cannot be played"):
        sim.play("celsius", [1.0], [0.0])
    with pytest.raises(ModelError, match="IClamp"):
        sim.play("IClampp[0].amp", [1.0], [0.0])
    sim.run_until(1.0)
    with pytest.raises(ModelError, match="before the first run"):
        sim.play("IClamp[0].amp", [1.0], [0.0])


# --- pointers


def test_pointers_join_cells_and_are_followed(monkeypatch):
    """A reader in cell 0 follows a voltage of cell 2; a writer in cell 1 changes a clamp in cell 0."""
    reader, writer = _reader(), _writer()
    clamp = (iclamp, [1], {"dur": [1e9], "amp": [0.0]})
    model = network([4, 4, 4, 4], extra=[(reader, [0], {}), (writer, [5], {}), clamp])
    node = model.mechanism("pas").node
    pointers = Pointers(
        Variables(
            np.array([model.mechanism_index("Reader"), model.mechanism_index("Writer")], np.int32),
            np.zeros(2, np.int32),
            ("src", "dst"),
        ),
        Variables(
            np.array([-1, model.mechanism_index("IClamp")], np.int32),
            np.array([node[9], 0], np.int32),
            ("v", "amp"),
        ),
    )
    model = model.replace(pointers=pointers)
    monkeypatch.setattr(layout, "CHUNK_NODES", 1)
    sim = Simulation(model, progress=False)
    cells = sim.plan.partition.cell
    assert cells[0] == cells[1] == cells[2] != cells[3]
    v, amp, i = sim.record("v"), sim.record("IClamp[0].amp"), sim.record("Reader[0].i")
    sim.run_until(2.0)
    g = model.mechanism("Reader").values["g"][0]
    expected = g * (v.values[node[0], :-1] - v.values[node[9], :-1])
    np.testing.assert_allclose(i.values[1:], expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(np.diff(amp.values), 0.001 * (v.values[node[5], 1:] + 60.0), rtol=1e-9)


def _reader():
    def current(v, src, g):
        i = g * (v - src)
        return i

    return MechTemp(
        "Reader", "point", (current,), parameters={"g": 0.001}, assigned={"i": "nA"}, currents=("i",),
        pointers=("src",),
    )  # fmt: skip


def _writer():
    def state(dst, v):
        dst = dst + 0.001 * (v + 60.0)
        return dst

    return MechTemp("Writer", "point", (state,), pointers=("dst",))


@pytest.mark.parametrize("device", ["cpu", "emulated"])
def test_pointers_to_what_the_same_block_sets_elsewhere(monkeypatch, device):
    """Instances go one after another, as in NEURON: each reads what those before it have set."""

    def initial(v, px):
        x = 0.5 * px + v
        return x

    def state(px, x):
        x = 0.75 * x + 0.125 * px
        return x

    pair = MechTemp("Pair", "point", (initial, state), states={"x": ""}, pointers=("px",))
    model = network([4], extra=[(pair, [0, 1, 2], {"x": [0.0, 0.0, 0.0]})])
    k = model.mechanism_index("Pair")
    of, to = np.arange(3, dtype=np.int32), np.array([2, 0, 1], np.int32)
    mechanism = np.full(3, k, np.int32)
    pointers = Pointers(Variables(mechanism, of, ("px",) * 3), Variables(mechanism, to, ("x",) * 3))
    monkeypatch.setattr(choice, "HostBackend", lambda: HostBackend(lanes=3, turned=True))
    sim = Simulation(model.replace(pointers=pointers), device=device, progress=False)
    sim.initialize(-60.0)
    x = np.zeros(3)
    for j in range(3):
        x[j] = 0.5 * x[to[j]] - 60.0
    np.testing.assert_array_equal(sim.var("Pair.x").values, x)
    sim.run(2 * sim.dt)
    for _ in range(2):
        for j in range(3):
            x[j] = 0.75 * x[j] + 0.125 * x[to[j]]
    np.testing.assert_array_equal(sim.var("Pair.x").values, x)


def test_a_current_that_is_pointed_at_is_there_at_every_step():
    """Nothing else looks at pas.i, which steps otherwise store in the last of a window only."""

    def state(src, x):
        x = x + src
        return x

    total = MechTemp("Total", "point", (state,), states={"x": ""}, pointers=("src",))
    model = network([4], extra=[(total, [0], {})])
    at, of = model.mechanism_index("Total"), model.mechanism_index("pas")
    first, second = np.array([at], np.int32), np.array([of], np.int32)
    model = model.replace(
        pointers=Pointers(
            Variables(first, np.zeros(1, np.int32), ("src",)), Variables(second, np.array([1]), ("i",))
        )
    )
    seen, unseen = (Simulation(model, progress=False) for _ in range(2))
    i = seen.record("pas.i")
    seen.run_until(2.0)
    unseen.run_until(2.0)
    np.testing.assert_array_equal(unseen.var("Total.x").values, seen.var("Total.x").values)
    np.testing.assert_allclose(seen.var("Total.x").values, i.values[1, 1:].sum(), rtol=1e-12)
