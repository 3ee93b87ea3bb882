"""The kernels of a step on the CPU, one by one (device="emulated"): the same bits, in streams and graphs."""

import numpy as np
import pytest

import heliox
from heliox.engine.stepwise import GRAPH_STEPS, StepEngine
from heliox.errors import DeviceError, UnsupportedError
from heliox.kernels.one_by_one import HostBackend
from tests.gpu import zoo
from tests.gpu.compare import same, same_spikes, same_state


@pytest.mark.parametrize("name", ["ring", "gap_ring", "members"])
def test_the_bits_of_the_cpu(name):
    """Spikes between cells, junctions, members that differ; tests/gpu has the other models."""
    same(zoo.run(name), zoo.run(name, device="emulated"))


def test_pieces_of_a_run_and_what_is_recorded_change_nothing():
    whole = zoo.run("ring", device="emulated")
    case = zoo.CASES["ring"]
    bare = heliox.Simulation(case.build(), progress=False, **{**case.options, "device": "emulated"})
    case.prepare(bare)
    bare.initialize(zoo.REST)
    for part in (0.3, 0.31, 1.0):
        bare.run_until(round(part * case.tstop / bare.dt) * bare.dt)
    same_state(whole.sim, bare)
    same_spikes(whole.sim, bare)


def test_mechanisms_side_by_side_on_streams_joined_by_events():
    ran = zoo.simulation("ring", device="emulated")
    plan = ran.sim.plan
    backend = HostBackend()
    engine = StepEngine(plan, backend, together=False, spread=True)
    engine.restore(ran.sim.engine.snapshot())
    engine.advance(40)
    ran.sim.engine.advance(40)
    for name in ("A", "QF", "QI", "SF", "SI"):
        a, b = getattr(engine, name), getattr(ran.sim.engine, name)
        if name == "A":  # where a node's equation stood is nobody's state
            keep = np.ones(len(a), bool)
            for column in ("RHS", "D"):
                for c in range(plan.chunks):
                    first = plan.chunk_base[c] + plan.G[c, plan.program.columns[column]]
                    keep[first : first + plan.G[c, plan.program.columns["NODES"]]] = False
            a, b = a[keep], b[keep]
        assert np.array_equal(a, b), name
    split = [stage for stage in engine.kernels.first_half + engine.kernels.second_half if len(stage) > 1]
    assert split  # there is something to run side by side
    step = backend.calls[: backend.calls.index("solve")]
    names = [k.name for k in split[0]]
    at = [next(i for i, c in enumerate(step) if c.startswith(n)) for n in names]
    assert step[at[0] - 1] == "wait" and step[at[-1] + 1] == "record"  # forked before, joined behind
    assert "synchronize" not in backend.calls


def test_a_step_is_captured_once_and_replayed():
    ran = zoo.simulation("gap_ring", device="emulated")
    engine = ran.sim.engine
    engine._rate = 1e9  # all steps are one portion
    engine.advance(GRAPH_STEPS[0] + 1)
    calls = len(engine.backend.calls)
    engine._rate = 1e9
    engine.advance(GRAPH_STEPS[0] + 1)
    again = engine.backend.calls[calls:]
    assert "solve" not in again  # nothing was captured anew
    assert all(c.startswith(("begin_step", "events", "exchange_all")) for c in again)


@pytest.mark.parametrize("to", ["emulated", "cpu"])
def test_a_snapshot_goes_from_device_to_device(to):
    tstop = zoo.CASES["ring"].tstop
    whole = zoo.simulation("ring", device="emulated")
    whole.sim.run_until(0.4 * tstop)
    snap = whole.sim.snapshot()
    whole.sim.run_until(tstop)
    other = zoo.simulation("ring", device=to, begin=False)
    other.sim.restore(snap)
    other.sim.run_until(tstop)
    same_state(whole.sim, other.sim)


def test_values_in_place():
    sim = zoo.simulation("members", device="emulated").sim
    handle = sim.var(sim.var("v").names[0])
    before = handle.values.copy()
    view = handle.device_array
    view[...] = before + 1.0
    assert np.array_equal(handle.values, before + 1.0)
    handle[...] = before
    assert np.array_equal(np.asarray(view), before)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"math": "libm"}, "libm"),
        ({"mode": "fused"}, "streams"),
        ({"batch": 70_000}, "at most 65535"),
    ],
)
def test_what_does_not_run_on_a_device_is_named(options, said):
    model = zoo.CASES["ring"].build()
    with pytest.raises(UnsupportedError, match=said):
        heliox.Simulation(model, device="emulated", **options)


def test_the_device_says_what_was_taken():
    model = zoo.CASES["ring"].build()
    assert heliox.Simulation(model, device="cpu").device == "CPU, as asked for"
    assert heliox.Simulation(model).device  # whatever this machine has
    with pytest.raises(DeviceError, match="did you mean"):
        heliox.Simulation(model, device="gpu")
