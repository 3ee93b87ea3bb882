"""Transfers that only go forward: levels of chunks run whole windows, with the bits of all in lockstep."""

import functools
from itertools import pairwise

import numpy as np
import pytest

import heliox
from heliox.engine.layout import make_plan
from heliox.engine.partition import FORWARD
from heliox.errors import MechanismError, ModelError


@functools.cache
def chain(closed: bool = False) -> heliox.Model:
    """Five cells, each driven by the voltage of the one before; a current into the first."""
    net = heliox.Network()
    cell = heliox.Cell(v_init=-65.0)
    cell.add_section("soma", L=20.0, diam=20.0)
    cell.add_section("dend", L=300.0, diam=2.0, nseg=5, connect="soma(1)")
    cell.insert("pas", g=1e-4, e=-65.0)
    names = net.add(cell, copies=5)
    net.play(
        f"{net.place('IClamp', f'{names[0]}.soma(0.5)', dur=1e9)}.amp", [0.0, 3.0, 6.0], [0.05, 0.2, 0.0]
    )
    pairs = list(pairwise(names)) + ([(names[-1], names[0])] if closed else [])
    for a, b in pairs:
        net.transfer(f"{a}.soma(0.5).v", net.place("coupling.Gap", f"{b}.dend(0.5)", g=0.002) + ".vgap")
    return net.model(dt=0.1)


def run(chunk_nodes: int, forward: bool, monkeypatch, closed: bool = False, **options):
    def plan(*given, **more):
        more["chunk_nodes"], more["forward"] = chunk_nodes, forward
        return make_plan(*given, **more)

    monkeypatch.setattr("heliox.engine.draft.make_plan", plan)
    sim = heliox.Simulation(chain(closed), device="cpu", threads=1, progress=False, **options)
    v = sim.record("v", where="soma(0.5)")
    sim.run(7.3)
    sim.run(12.0)
    return sim, v.values


def test_levels_have_the_bits_of_lockstep(monkeypatch):
    sim, v = run(10, True, monkeypatch)
    part = sim.plan.partition
    assert part.level.tolist() == [0, 1, 2, 3, 4] and part.window == FORWARD and not part.lockstep
    assert v.max() > -64.0
    other, together = run(10, False, monkeypatch)
    assert other.plan.partition.lockstep and other.plan.partition.window == 1
    assert v.tobytes() == together.tobytes()
    _, one = run(10_000, True, monkeypatch)
    assert v.tobytes() == one.tobytes()


def test_a_circle_stays_in_lockstep(monkeypatch):
    sim, _ = run(10, True, monkeypatch, closed=True)
    assert sim.plan.partition.lockstep and not sim.plan.partition.forward


def test_members_and_threads_change_no_bit(monkeypatch):
    _, v = run(10, True, monkeypatch)
    _, many = run(10, True, monkeypatch, batch=3)
    for member in many:
        assert member.tobytes() == v.tobytes()


@pytest.mark.parametrize("mean", [False, True])
def test_windows_are_what_recordings_are(monkeypatch, mean):
    sim = heliox.Simulation(chain(), device="cpu", threads=1, batch=2, progress=False)
    v = sim.record("v", where="dend(0.5)")
    w = sim.window("v", where="dend(0.5)", start=2.0, stop=6.0, every=0.4, mean=mean)
    last = sim.ring("v", where="dend(0.5)", samples=7)
    assert repr(w) in sim.plan.summary() and repr(last) in sim.plan.summary()
    assert w.nbytes == w.rows * 2 * 5 * 8
    sim.run(4.3)
    sim.run(5.0)
    samples = np.moveaxis(v.values, -1, 0)
    np.testing.assert_array_equal(last.values, samples[-7:])
    np.testing.assert_array_equal(last.t, v.t[-7:])
    if mean:
        inside = samples[20:60].reshape(10, 4, *samples.shape[1:])
        np.testing.assert_allclose(w.values, inside.mean(axis=1), rtol=1e-14)
    else:
        np.testing.assert_array_equal(w.values, samples[20:61:4])
        np.testing.assert_allclose(w.t, np.arange(2.0, 6.01, 0.4), rtol=1e-12)
    assert w.values.flags.c_contiguous


def test_a_window_without_an_end_is_refused():
    sim = heliox.Simulation(chain(), device="cpu", threads=1, progress=False)
    with pytest.raises(ModelError, match="must begin at 0 or later, and end"):
        sim.window("v", start=3.0, stop=np.inf)
    with pytest.raises(ModelError, match="holds no sample"):
        sim.window("v", start=3.02, stop=3.04)


def hebb(pre, w, lr):
    V, at = pre
    W, to = w
    for j in range(to.shape[1]):
        W[to[0, j]] += lr * V[at[0, j]]


def hebb_of_one(k, pre, w, lr, seen):
    V, at = pre
    W, to = w
    seen[k] = V[at[0, k]]
    W[to[0, k]] += lr * seen[k]


def scattered(k, w):
    return w[0].no_such_thing[k]


@pytest.mark.parametrize("device", ["cpu", "emulated"])
def test_a_rule_works_on_the_registrys_table(device):
    sim = heliox.Simulation(chain(), device=device, progress=False)
    places = [f"Cell[{k}].soma(0.5)" for k in range(4)]
    table = sim.registry.table(pre=sim.var("v", where=places), w=sim.var("Gap.g"))
    before, v = table["w"], table["pre"]
    table.run(hebb, lr=1e-6)
    np.testing.assert_allclose(table["w"], before + 1e-6 * v, rtol=1e-14)
    table["w"] = before
    sim.run(1.0)
    np.testing.assert_array_equal(table["w"], before)
    seen = np.zeros(4)
    table.each(hebb_of_one, 4, lr=1e-6, seen=seen)
    v = table["pre"]
    np.testing.assert_array_equal(table["w"], before + 1e-6 * v)
    np.testing.assert_array_equal(seen, v[0])
    sim.run(1.0)  # with what the kernel wrote
    with pytest.raises(MechanismError, match="scattered cannot be compiled"):
        table.each(scattered, 3)
    if device != "cpu":
        with pytest.raises(ModelError, match=r"seen: a kernel on a device takes"):
            table.each(hebb_of_one, 3, lr=1e-6, seen=np.zeros(3, "f4"))


def test_foreign_and_stale_handles_are_errors():
    sim, other = (heliox.Simulation(chain(), device="cpu", progress=False) for _ in range(2))
    with pytest.raises(ModelError, match="belongs to another simulation"):
        sim.registry.table(w=other.var("Gap.g"))
    table = sim.registry.table(w=sim.var("Gap.g"))
    with pytest.raises(ModelError, match="no 'v'"):
        table["v"]
    sim.detect("Cell[0].soma(0.5).v", threshold=0.0)
    with pytest.raises(ModelError, match="earlier plan"):
        table["w"]
