"""What mechanisms send: nothing is lost, whatever buffers fill up; nothing illegal gets as far as a run."""

import dataclasses

import numpy as np
import pytest

from heliox.errors import MechanismError, ModelError
from heliox.mechanisms.intrinsics import net_send, watch
from heliox.mechanisms.library.iclamp import template as iclamp
from heliox.mechanisms.subset import Function
from heliox.mechanisms.template import MechTemp
from heliox.simulation import Simulation
from tests.engine.made import network


def changed(model, name, **values):
    """The model with other values of a mechanism."""
    m = model.mechanism(name)
    new = dataclasses.replace(m, values={**m.values, **values})
    mechanisms = [new if x is m else x for x in model.mechanisms]
    return model.replace(mechanisms=tuple(mechanisms))


def test_a_leader_whose_record_fills_up_still_leads():
    """3,000 spikes of a stimulus that drives four cells: more than its group's buffers hold at first."""
    model = network([2] * 4, [(4, k, 1.0) for k in range(4)], stims=1)
    model = changed(model, "NetStim", interval=np.array([0.05]), number=np.array([1e9]), start=np.zeros(1))
    model = changed(model, "NetStim", noise=np.zeros(1))
    model = changed(model, "ExpSyn", tau=np.full(4, 5.0))
    model = model.replace(connections=dataclasses.replace(model.connections, weights=np.full(4, 1e-5)))
    out = []
    for threads in (1, 2):
        sim = Simulation(model, threads=threads, progress=False)
        sim.initialize(-65.0)
        v = sim.record("v")
        sim.run(150.0)
        out.append((v.values.copy(), sim.spikes.t))
    assert sim.plan.partition.leaders == 1 and len(out[0][1]) > 2900
    np.testing.assert_array_equal(out[0][0], out[1][0])
    np.testing.assert_array_equal(out[0][1], out[1][1])


def burst():
    def initial():
        got = 0.0
        rounds = 0.0
        net_send(0.1, 1.0)
        return got, rounds

    def receive(flag, got, rounds):
        if flag == 1.0:
            rounds = rounds + 1.0
            for _ in range(20):
                net_send(20.0, 2.0)
            if rounds < 10.0:
                net_send(0.1, 1.0)
        else:
            got = got + 1.0
        return got, rounds

    return MechTemp("Burst", "point", (initial, receive), states={"got": "", "rounds": ""})


def test_every_event_of_many_senders_arrives():
    model = network([18], extra=[(burst(), list(range(18)), {})])
    sim = Simulation(model, progress=False)
    sim.initialize(-65.0)
    sim.run(30.0)
    np.testing.assert_array_equal(sim.var("Burst.got").values, np.full(18, 200.0))


# --- what is parameter and what is state


def clamps():
    return network([4], extra=[(iclamp, [0, 1], {"dur": [1e9, 1e9]})])


def test_reset_keeps_what_nothing_plays():
    sim = Simulation(clamps(), progress=False)
    sim.play("IClamp[0].amp", [0.0, 1.0], [0.1, 0.2])
    sim.var("IClamp[1].amp")[...] = 0.3
    sim.run(3.0)
    assert sim.var("IClamp[0].amp").values == 0.2
    sim.reset()
    assert sim.var("IClamp[0].amp").values == 0.0  # as frozen: its play starts anew
    assert sim.var("IClamp[1].amp").values == 0.3


def test_initialize_outlives_a_new_plan():
    sim = Simulation(clamps(), progress=False)
    sim.initialize(-50.0)
    sim.play("IClamp[0].amp", [0.0, 1.0], [0.1, 0.2])
    assert (sim.var("v").values == -50.0).all()


# --- what is refused


def test_a_pointer_to_nothing_is_named():
    def state(src, x):
        x = src + 1.0
        return x

    reader = MechTemp("Reader", "point", (state,), states={"x": ""}, pointers=("src",))
    with pytest.raises(ModelError, match="POINTER src of instance 0 of Reader"):
        Simulation(network([2], extra=[(reader, [0], {})]), progress=False)


def arm(v):
    watch(0, 2.0)
    return v


def send(v):
    net_send(1.0, 2.0)
    return v


def test_effects_behind_helpers_are_checked():
    def initial(v):
        x = arm(v)
        return x

    def watch_0(v):
        difference = v + 50.0
        return difference

    def receive(x):
        return x

    def state(v):
        x = send(v)
        return x

    with pytest.raises(MechanismError, match="watch is legal in `receive` itself only"):
        MechTemp("A", "point", (initial, watch_0, receive), states={"x": ""})
    with pytest.raises(MechanismError, match="legal in initial and receive only"):
        MechTemp("B", "point", (state,), states={"x": ""})


def test_effects_are_counted_through_helpers_of_any_depth():
    """Sixty helpers, each calling the one before twice; and one that calls itself."""
    helpers = {"h0": Function("h0", "def h0(x):\n    net_send(1.0, x)\n    return x\n")}
    for k in range(1, 60):
        text = f"def h{k}(x):\n    return h{k - 1}(x) + h{k - 1}(x)\n"
        helpers[f"h{k}"] = Function(f"h{k}", text)
    helpers["again"] = Function("again", "def again(x):\n    return again(x) if x > 0.0 else x\n")

    def made(call):
        receive = Function("receive", f"def receive(x):\n    x = {call}(x)\n    return x\n")
        return MechTemp("Deep", "point", {"receive": receive}, states={"x": ""}, helpers=helpers)

    assert [made(f"h{k}").sent("receive")[0] for k in (0, 1, 2, 4, 5, 59)] == [1, 2, 4, 16, 21, 21]
    assert not made("again").effects("receive")
