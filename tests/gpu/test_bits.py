"""CPU and GPU give the same bits: recordings, spikes, every variable at the end."""

import os
import signal
import threading
import warnings
from typing import Any

import numpy as np
import pytest

import heliox
from heliox.simulation import Simulation
from tests.gpu import zoo
from tests.gpu.compare import differences, lives, same, same_spikes, same_state, state
from tests.gpu.conftest import DEVICE
from tests.gpu.zoo import Ran

pytestmark = [pytest.mark.gpu] if DEVICE.startswith("cuda") else []
CPU: dict[str, Any] = {"device": "cpu"}
SOME = ["hh_tree", "learning", "ring", "artificial", "plays", "members"]


def both(model: str, gpu: dict[str, Any], **options: Any) -> tuple[Ran, Ran]:
    """A model of the zoo on the CPU and on the GPU, run to the end."""
    return zoo.run(model, **options), zoo.run(model, **gpu, **options)


@pytest.mark.parametrize("name", zoo.CASES)
def test_the_same_bits(name, gpu):
    here, there = both(name, gpu)
    lives(name, here)
    same(here, there)


@pytest.mark.parametrize("name", ["layer5", "ring", "members", "gap_ring"])
def test_the_same_bits_in_the_order_of_a_contraction(name, gpu):
    same(*both(name, gpu, order="contraction"))


@pytest.mark.parametrize("name", zoo.CASES)
def test_the_same_initial_state(name, gpu):
    same(zoo.simulation(name), zoo.simulation(name, **gpu))


@pytest.mark.parametrize("name", SOME)
def test_steps_do_not_depend_on_how_a_run_is_cut(name, gpu):
    same(zoo.run(name, **gpu), zoo.run(name, **gpu, pieces=(0.3, 0.01, 0.69)))


@pytest.mark.parametrize("name", SOME)
def test_nor_on_recordings(name, gpu):
    recorded = zoo.run(name, **gpu)
    case = zoo.CASES[name]
    bare = Simulation(case.build(), progress=False, **{**case.options, **gpu})
    case.prepare(bare)
    bare.initialize(zoo.REST)
    bare.run_until(case.tstop)
    same_state(recorded.sim, bare)
    same_spikes(recorded.sim, bare)


@pytest.mark.parametrize("name", ["hh_tree", "ring", "learning", "gap_ring", "streams", "layer5"])
def test_place_in_a_batch(name, gpu):
    """Members with the same values are equal, and equal to a run alone."""
    alone, many = both(name, gpu)[1], zoo.run(name, **gpu, batch=5)
    for variable, values in alone.values.items():
        wide = many.values[variable]
        for m in range(5) if wide.ndim > values.ndim else ():
            np.testing.assert_array_equal(wide[m], values, err_msg=variable)
    for m in range(5):
        np.testing.assert_array_equal(many.sim.spikes.of(m).t, alone.sim.spikes.t)


def test_members_do_not_depend_on_their_number(gpu):
    seven, three = zoo.run("members", **gpu), zoo.run("members", **gpu, batch=3)
    for variable, values in three.values.items():
        np.testing.assert_array_equal(seven.values[variable][:3], values, err_msg=variable)
    same(zoo.run("members", batch=3), three)


def test_members_of_a_batch_equal_those_of_the_cpu_in_any_model(gpu):
    for name in ("diffusion", "synapses", "kinetic"):
        same(*both(name, gpu, batch=3))


def test_seventy_members_with_noise_of_their_own(gpu):
    """More members than lanes; each draws its own random numbers."""
    pair = []
    for where in (CPU, gpu):
        sim = Simulation(zoo.CASES["synapses"].build(), batch=70, progress=False, **where)
        sim.var("NetStim.ranvar[2]")[...] = np.arange(70.0)[:, None]
        sim.initialize(zoo.REST)
        pair.append(Ran(sim, {"v": sim.record("v", where="*soma*"), "g": sim.record("ExpSyn.g")}))
        sim.run(12.0)
    same(*pair)
    spikes = pair[1].sim.spikes
    assert len({spikes.of(m).t.tobytes() for m in range(70)}) == 70


def test_members_that_differ_in_what_is_played_and_in_globals(gpu):
    t = np.arange(0.0, 20.0, 0.7)
    pair = []
    for where in (CPU, gpu):
        sim = Simulation(zoo.CASES["tables"].build(), batch=3, progress=False, vary=("zca.half",), **where)
        sim.play("IClamp[0].amp", t, np.arange(3.0)[:, None] * 0.3 + 0.3 * np.sin(t), continuous=True)
        sim.play("Cell[0].soma(0.5).hh.gnabar", [3.0, 8.0], [[0.1, 0.2], [0.2, 0.1], [0.05, 0.3]])
        sim.var("zca.half")[...] = np.array([[2e-4], [3e-4], [5e-5]])
        sim.initialize(zoo.REST)
        pair.append(
            Ran(sim, {"v": sim.record("v"), "n": sim.record("zca.n"), "amp": sim.record("IClamp.amp")})
        )
        sim.run(7.0)
        sim.run(8.0)
    same(*pair)
    v = pair[1].values["v"]
    assert len({v[m].tobytes() for m in range(3)}) == 3


def test_detectors_of_any_variable(gpu):
    pair = []
    for where in (CPU, gpu):
        sim = Simulation(zoo.CASES["hh_tree"].build(), progress=False, **where)
        sim.detect("Cell[0].dend[3](0.5).hh.m", 0.5)
        sim.detect("Cell[0].dend[7](0.4).v", -40.0, gid=77)
        sim.initialize(zoo.REST)
        sim.run(20.0)
        pair.append(sim)
    same_spikes(*pair)
    assert set(pair[1].spikes.index.tolist()) == {0, 1, 2}


@pytest.mark.parametrize("name", [*SOME, "streams", "diffusion"])
def test_initialize_and_reset_begin_again(name, gpu):
    """Also where a second run is not the first one, as where weights are learned."""
    pair = both(name, gpu)
    for begin in (lambda sim: sim.initialize(zoo.REST), lambda sim: sim.reset()):
        for ran in pair:
            begin(ran.sim)
            ran.sim.run_until(zoo.CASES[name].tstop)
        same(*pair)


def test_a_run_begun_again_is_the_first_one(gpu):
    for name in ("hh_tree", "ring", "synapses"):
        ran = zoo.run(name, **gpu)
        first = {k: v.copy() for k, v in ran.values.items()}
        ran.sim.initialize(zoo.REST)
        ran.sim.run_until(zoo.CASES[name].tstop)
        assert not differences(first, ran.values)


# --- snapshots


@pytest.mark.parametrize("name", [*SOME, "streams", "gap_ring"])
@pytest.mark.parametrize("to", ["gpu to gpu", "cpu to gpu", "gpu to cpu"])
def test_a_snapshot_goes_on_anywhere(name, to, gpu, tmp_path):
    tstop = zoo.CASES[name].tstop
    options = {"cpu": CPU, "gpu": gpu}
    first, second = to.split(" to ")
    whole = zoo.simulation(name, **options[first])
    whole.sim.run_until(0.4 * tstop)
    whole.sim.snapshot().save(tmp_path / "s.h5")
    count = len(whole.sim.spikes)
    samples = {k: v.shape[-1] for k, v in whole.values.items()}
    whole.sim.run_until(tstop)

    other = zoo.simulation(name, **options[second], begin=False)
    other.sim.restore(tmp_path / "s.h5")
    other.sim.run_until(tstop)
    late = {k: v[..., samples[k] - 1 :] for k, v in whole.values.items()}
    assert not differences(late, other.values)
    assert len(whole.sim.spikes) - count == len(other.sim.spikes)
    same_state(whole.sim, other.sim)


def test_a_snapshot_is_a_copy(gpu):
    ran = zoo.simulation("hh_tree", **gpu)
    snap = ran.sim.snapshot()
    before = {k: v.copy() for k, v in snap.arrays.items()}
    ran.sim.run(5.0)
    assert all(np.array_equal(before[k], v) for k, v in snap.arrays.items())
    ran.sim.restore(snap)
    ran.sim.run(5.0)
    again = zoo.simulation("hh_tree", **gpu)
    again.sim.run(5.0)
    same_state(ran.sim, again.sim)


# --- failures, growing buffers, interrupts


@pytest.mark.parametrize("name", ["hh_tree", "ring", "synapses"])
def test_a_member_that_fails_is_left_behind(name, gpu):
    sims = []
    for options in (CPU, gpu):
        ran = zoo.simulation(name, **options, batch=3, vary=("capacitance.cm",))
        cm = ran.sim.var("capacitance.cm")
        values = np.array(cm.values)
        values[1] = -0.5
        cm[...] = values
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            ran.sim.run(4.0)
            ran.sim.run(2.0)
        assert list(ran.sim.failures) == [1] and any("1 of 3 members" in str(w.message) for w in caught)
        sims.append(ran)
    cpu, device = sims
    assert str(cpu.sim.failures[1]) == str(device.sim.failures[1])
    assert cpu.sim.t == device.sim.t
    assert not differences(cpu.values, device.values)
    assert np.isnan(device.values["v"][1]).any() and np.isfinite(device.values["v"][[0, 2]]).all()
    same_spikes(cpu.sim, device.sim)


def test_when_all_fail_the_run_ends(gpu):
    ran = zoo.simulation("hh_tree", **gpu)
    ran.sim.var("capacitance.cm")[...] = -0.5
    with pytest.raises(heliox.NumericalError) as error:
        ran.sim.run(5.0)
    assert ran.sim.t == float(str(error.value.time)) < 5.0


def crowded(cells: int = 2, inputs: int = 12) -> heliox.Model:
    """Thousands of events on their way to a few synapses: many more than a queue has room for at first."""
    net = heliox.Network()
    for name in net.add(zoo.tree("pas"), copies=cells):
        for k in range(inputs):
            synapse = net.place("ExpSyn", f"{name}.dend[{k}](0.5)", tau=2.0)
            stim = zoo.noisy(net, k, 0.1, start=0.0, noise=0.5)
            net.connect(stim, synapse, weight=1e-4 * (k + 1), delay=9.0 + 0.013 * k)
    return net.model()


def test_queues_grow_in_mid_run(gpu):
    model, sims = crowded(), []
    for options in (CPU, gpu):
        sim = Simulation(model, progress=False, **options)
        ran = Ran(sim, {"v": sim.record("v"), "ExpSyn.g": sim.record("ExpSyn.g")})
        room = sim.engine.QF.shape[1]
        sim.run(20.0)
        assert sim.engine.QF.shape[1] > room
        assert len(state(sim)["queue"]) > 800 and len(sim.spikes) > 2000
        sims.append(ran)
    same(*sims)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="SIGINT cannot be sent to one process")
def test_ctrl_c_leaves_nothing_half_done(gpu):
    """The run ends early at a step; going on, it gives what it would have given."""

    def made(**options):
        sim = Simulation(zoo.ring(), progress=False, **options)
        return Ran(sim, {"v": sim.record("Cell[3].soma(0.5).v")})

    ran = made(**gpu)
    ran.sim.run(1.0)  # compiled
    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        ran.sim.run_until(1e5)
    timer.join()
    t = ran.sim.t
    assert 1.0 < t < 1e5
    assert all(r.t[-1] == t for r in ran.recordings.values())
    whole = made()
    whole.sim.run_until(t)
    whole.sim.run(5.0)
    ran.sim.run(5.0)
    same(whole, ran)


# --- handles, reductions


def _meddle(sim: Simulation) -> None:
    """Change parameters, states, voltages, weights, globals and a temperature between two runs."""
    sim.var("hh.gnabar")[...] = 0.9 * np.asarray(sim.var("hh.gnabar").values)
    sim.var("hh.m")[...] = 0.5 * np.asarray(sim.var("hh.m").values)
    v = sim.var("v")
    v[..., ::2] = np.asarray(v.values)[..., ::2] + 3.0
    sim.var("NetCon.weight")[...] = 1.3 * np.asarray(sim.var("NetCon.weight").values)
    sim.var("celsius")[...] = 14.0
    sim.var("ena")[...] = 52.0


@pytest.mark.parametrize("options", [{}, {"batch": 3, "vary": ("hh.gnabar",)}])
def test_handles_written_between_runs(gpu, options):
    pair = []
    for where in (CPU, gpu):
        ran = zoo.simulation("synapses", **where, **options)
        ran.sim.run(3.0)
        _meddle(ran.sim)
        read = {
            n: np.array(ran.sim.var(n).values) for n in ("hh.gnabar", "hh.m", "v", "NetCon.weight", "ena")
        }
        ran.sim.run(4.0)
        pair.append((ran, read))
    assert not differences(pair[0][1], pair[1][1])
    same(pair[0][0], pair[1][0])


def test_handles_read_between_runs(gpu):
    pair = [zoo.simulation("learning", **where) for where in (CPU, gpu)]
    for _ in range(4):
        for ran in pair:
            ran.sim.run(5.0)
        for name in ("v", "hh.n", "ZLearn.g", "NetCon.weight", "ZLearn.sum"):
            a, b = (np.asarray(ran.sim.var(name).values) for ran in pair)
            np.testing.assert_array_equal(a, b, err_msg=name)


@pytest.mark.parametrize("name", ["members", "hh_tree"])
def test_reductions(name, gpu):
    kinds: dict[str, dict[str, Any]] = {
        "mean": {},
        "min": {},
        "max": {"start": 5.0, "stop": 12.0},
        "crossings": {"threshold": -20.0},
    }
    target = np.linspace(-70.0, -40.0, 161)
    values = []
    for where in (CPU, gpu):
        ran = zoo.simulation(name, **where)
        made = {k: ran.sim.reduce("v", k, **options) for k, options in kinds.items()}
        made["rms"] = ran.sim.reduce("v", "rms", start=3.0, target=target)
        ran.sim.run(7.0)
        ran.sim.run(8.0)
        values.append({k: np.asarray(r.value) for k, r in made.items()})
    assert not differences(*values)


def test_recordings_at_intervals(gpu):
    pair = []
    for where in (CPU, gpu):
        ran = zoo.simulation("ring", **where)
        ran.recordings["coarse"] = ran.sim.record("v", every=0.175)
        ran.sim.run(3.3)
        ran.sim.run(6.7)
        pair.append(ran)
    same(*pair)


@pytest.mark.parametrize("library", ["torch", "cupy"])
def test_the_device_s_memory_is_shared(library, gpu):
    """`Handle.device_array` is the memory of the run: what another library writes there acts."""
    if not gpu["device"].startswith("cuda"):
        pytest.skip("its memory is the host's")
    other = pytest.importorskip(library)
    if library == "torch" and not other.cuda.is_available():
        pytest.skip("this torch has no CUDA")
    ran = zoo.simulation("members", **gpu)
    ran.sim.run(2.0)
    handle = ran.sim.var("v", where="Cell[0].soma*")
    array = handle.device_array
    view: Any = other.as_tensor(array, device="cuda") if library == "torch" else other.asarray(array)
    there = view.cpu().numpy() if library == "torch" else view.get()
    np.testing.assert_array_equal(there, handle.values)
    view += 1.0
    (other.cuda.synchronize if library == "torch" else other.cuda.get_current_stream().synchronize)()
    np.testing.assert_array_equal(np.asarray(handle.values), there + 1.0)
    ran.sim.run(1.0)
    assert not np.array_equal(np.asarray(handle.values), there + 1.0)


@pytest.mark.parametrize("dt", [0.0125, 0.05, 0.1])
def test_other_steps(dt, gpu):
    same(*both("ring", gpu, dt=dt))


def test_cell_by_cell_or_together(gpu, monkeypatch):
    """The grouping of cells does not show on the device either."""
    from heliox.engine import layout

    whole = zoo.run("ring", **gpu)
    monkeypatch.setattr(layout, "CHUNK_NODES", 1)
    parts = zoo.run("ring", **gpu)
    assert not differences(whole.values, parts.values)
    same_spikes(whole.sim, parts.sim)
