"""What is wrong is refused with words that help, before anything is lost."""

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import heliox
from heliox.engine import layout, recorder
from heliox.mechanisms import catalogue
from heliox.mechanisms.template import MechTemp
from heliox.simulation import Simulation
from tests.against_neuron.models import ball_and_stick, branched, clamp, complete, lattice

DT = 0.025
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def model(h):
    kept = ball_and_stick(h)
    yield heliox.from_neuron(-65)
    del kept


def simulation(model, **options):
    return Simulation(model, progress=False, **options)


# ------------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("hh.gnabr", "gnabar"),
        ("hhh.gnabar", "'hh'"),
        ("som(0.5).v", "soma"),
        ("soma(0.5).hh.mm", "'m'"),
        ("soma(0.5).pas.g", "hh"),
        ("IClamp[17].amp", "IClamp[0]"),
        ("ExpSyn[0].taau", "tau"),
        ("NetCon.wieght", "weight"),
        ("celcius", "celsius"),
        ("v_", "'v'"),
    ],
)
def test_unknown_names_are_answered_with_near_ones(model, name, near):
    sim = simulation(model)
    for ask in (sim.var, sim.record):
        with pytest.raises(heliox.ModelError) as e:
            ask(name)
        assert near in str(e.value)


def test_unknown_names_in_vary(model):
    with pytest.raises(heliox.ModelError, match="gnabar"):
        simulation(model, batch=2, vary=["hh.gnabr"])
    with pytest.raises(heliox.UnsupportedError, match="area"):
        simulation(model, batch=2, vary=["area"])


# ------------------------------------------------------------------ options


@pytest.mark.parametrize("dt", [0.0, -0.025, math.nan, math.inf])
def test_dt_must_be_positive(model, dt):
    with pytest.raises(heliox.ModelError, match="dt"):
        simulation(model, dt=dt)


@pytest.mark.parametrize(
    ("options", "error", "near"),
    [
        ({"math": "fats"}, heliox.ModelError, "fast"),
        ({"mode": "fuse"}, heliox.ModelError, "fused"),
        ({"order": "dhs"}, heliox.ModelError, "legal are .*neuron"),
        ({"batch": 0}, heliox.ModelError, "batch"),
        ({"batch": -3}, heliox.ModelError, "batch"),
        ({"batch": 1.5}, heliox.ModelError, "batch"),
        ({"threads": 0}, heliox.ModelError, "threads"),
    ],
)
def test_options(model, options, error, near):
    with pytest.raises(error, match=near):
        Simulation(model, **options)


@pytest.mark.parametrize("device", ["gpu", "cpux", ""])
def test_unknown_devices(model, device):
    with pytest.raises(heliox.DeviceError, match="cpu"):
        Simulation(model, device)


@pytest.mark.parametrize("every", [0.0, -0.1, 0.03, 0.01, 0.025001, math.nan, math.inf])
def test_every_must_be_a_multiple_of_dt(model, every):
    with pytest.raises(heliox.ModelError, match="multiple"):
        simulation(model).record("v", every=every)


@pytest.mark.parametrize("tstop", [math.nan, math.inf, -math.inf])
def test_the_end_of_a_run_must_be_finite(model, tstop):
    sim = simulation(model)
    for run in (sim.run, sim.run_until):
        with pytest.raises(heliox.ModelError, match="finite"):
            run(tstop)
    assert sim.t == 0.0


def test_a_run_backwards_does_nothing(model):
    sim = simulation(model)
    v = sim.record("v")
    sim.run_until(1.0)
    before = v.values
    sim.run_until(0.5)
    sim.run(-3.0)
    np.testing.assert_array_equal(v.values, before)
    assert sim.t == pytest.approx(1.0)


# ------------------------------------------------------------------ values


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["hh.gnabar", "v", "celsius", "NetCon.weight", "ExpSyn.tau"])
def test_values_set_must_be_finite(model, name, value):
    sim = simulation(model)
    handle = sim.var(name)
    before = handle.values
    with pytest.raises(heliox.ModelError, match="finite"):
        handle[:] = value
    np.testing.assert_array_equal(handle.values, before)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_in_neuron_must_be_finite(h, value):
    kept = ball_and_stick(h)
    kept[0].gnabar_hh = value
    with pytest.raises(heliox.ModelError) as e:
        heliox.from_neuron(-65)
    assert "gnabar" in str(e.value) and "hh" in str(e.value)
    del kept


@pytest.mark.parametrize("shape", [(3,), (2, 1, 1), (1, 3), (0,)])
def test_shapes(model, shape):
    sim = simulation(model)
    handle = sim.var("pas.g")
    assert handle.values.shape == (7 + 1,)
    with pytest.raises(heliox.ModelError, match="shape"):
        handle[:] = np.ones(shape)
    assert (handle.values < 0.01).all()


def test_shapes_of_a_batch(model):
    sim = simulation(model, batch=4)
    with pytest.raises(heliox.ModelError, match="shape"):
        sim.var("pas.g")[:] = np.ones((3, 8))
    with pytest.raises(heliox.ModelError, match="shape"):
        sim.var("v")[:] = np.ones((4, 3))


@pytest.mark.parametrize("name", ["area", "diam", "na_ion.style"])
def test_what_is_frozen_cannot_be_set(model, name):
    with pytest.raises(heliox.ModelError, match="cannot be set"):
        simulation(model).var(name)[:] = 1.0


def test_negative_delays(model):
    sim = simulation(model)
    with pytest.raises(heliox.ModelError, match="delay"):
        sim.var("NetCon.delay")[:] = -1.0


def test_values_of_members_after_the_first_run_name_vary(model):
    sim = simulation(model, batch=2)
    sim.run(1.0)
    gnabar = sim.var("hh.gnabar")
    with pytest.raises(heliox.ModelError, match=r"vary=.*hh\.gnabar"):
        gnabar[:] = np.ones((2, len(gnabar)))
    with pytest.raises(heliox.ModelError, match=r"vary=.*celsius"):
        sim.var("celsius")[:] = np.ones((2, 1))
    gnabar[:] = 0.1  # one value for all stays legal
    v = sim.var("v")
    v[:] = np.linspace(-70, -60, 2)[:, None] * np.ones(len(v))  # a state is every member's own


# ------------------------------------------------------------------ runaway


def explode(h, section, when):
    """A clamp of 1e9 nA at `when` ms."""
    return clamp(h, section(0.5), when, 1.0, 1e9)


@pytest.mark.parametrize("chunks", [1, 2])
def test_a_runaway_voltage_is_named(h, monkeypatch, chunks):
    if chunks > 1:
        monkeypatch.setattr(layout, "CHUNK_NODES", 1)
    kept = lattice(h, 0.5, cells=4)
    bomb = explode(h, kept[1][2], 5.0)
    model = heliox.from_neuron(-65)
    sim = simulation(model, batch=2)
    v = sim.record("v")
    with pytest.raises(heliox.NumericalError) as e:
        sim.run(20.0)
    error: Any = e.value
    assert error.variable == "v" and "lattice2_dend" in error.section and error.member == 0
    assert error.cell == "lattice2_soma"  # a cell without template is called after its root
    assert 5.0 < error.time < 5.1
    assert len(v.t) == v.values.shape[-1] > 5.0 / DT  # kept, up to the step itself
    assert v.t[-1] == pytest.approx(error.time)
    calm = v.t < 5.0
    assert np.abs(v.values[:, :, calm]).max() < 200.0
    reference = simulation(model)
    w = reference.record("v")
    reference.run_until(4.5)
    np.testing.assert_array_equal(v.values[0][:, : len(w.t)], w.values)
    del kept, bomb


def test_after_a_runaway_the_simulation_can_be_used_again(h):
    kept = ball_and_stick(h)
    bomb = explode(h, kept[0], 2.0)
    model = heliox.from_neuron(-65)
    sim = simulation(model)
    v = sim.record("v")
    with pytest.raises(heliox.NumericalError):
        sim.run(5.0)
    sim.reset()
    amp = sim.var("IClamp.amp")
    amp[:] = np.where(amp.values > 1e6, 0.0, amp.values)
    sim.run(5.0)
    assert sim.t == pytest.approx(5.0) and np.isfinite(v.values).all() and len(v.t) == 201
    del kept, bomb


def test_nan_in_a_run_is_named(h):
    """0/0 in a rate: NaN, not a large number."""
    kept = ball_and_stick(h)
    model = heliox.from_neuron(-65)
    sim = simulation(model)
    sim.var("hh.n")[:] = -1e300
    with pytest.raises(heliox.NumericalError) as e:
        sim.run(1.0)
    assert str(e.value.section).startswith(("soma", "complete"))
    del kept


# ------------------------------------------------------------------ mechanisms


def current(v, g, e):
    i = g * (v - e)
    return i


def outside(v, g, e):
    i = g * (v - e)
    while i > 1.0:
        i = i / 2.0
    return i


def attribute(v, g, e):
    i = g * (v - e)
    i = np.exp(i)
    return i


def two_ends(v, g, e):
    if v > 0.0:
        i = g
        return i
    i = g * (v - e)
    return i


LEAK: dict[str, Any] = {"parameters": {"g": 1e-4, "e": -65.0}, "assigned": ("i",), "currents": ("i",)}


def test_a_mechanism_registered_twice():
    name = "leak_for_a_test"
    try:
        first = heliox.mechanism(name, "density", [current], **LEAK)
        heliox.mechanism(name, "density", [current], **LEAK)  # the same text is no conflict
        assert catalogue.get(name).to_text() == first.to_text()
        with pytest.raises(heliox.MechanismError, match=f"{name}.*already registered"):
            heliox.mechanism(name, "density", [current], **LEAK | {"parameters": {"g": 2e-4, "e": -65.0}})
        with pytest.raises(heliox.MechanismError, match="already registered in the library"):
            heliox.mechanism("pas", "density", [current], **LEAK)
    finally:
        catalogue.unregister(name)


@pytest.mark.parametrize(
    ("function", "line", "what"),
    [(outside, 2, "While"), (attribute, 2, "call"), (two_ends, 3, "once, at its end")],
)
def test_functions_outside_the_subset_are_refused_with_their_line(function, line, what):
    source = function.__code__.co_firstlineno + line
    function.__name__ = "current"  # the block's name is the function's
    with pytest.raises(heliox.MechanismError, match=what) as e:
        MechTemp("bad", "density", [function], **LEAK)
    assert e.value.line == source and e.value.file == __file__
    assert f"{__file__}:{source}" in str(e.value)


# ------------------------------------------------------------------ Ctrl-C, and silence


def script(tmp_path, model, text):
    """Run a script on a saved model in a process of its own."""
    path = tmp_path / "model.h5"
    model.save(path)
    program = textwrap.dedent(text)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", program, str(path)],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process")
@pytest.mark.parametrize("recording", [True, False])
def test_ctrl_c_returns_at_once_and_keeps_what_was_recorded(model, tmp_path, recording):
    done = script(
        tmp_path,
        model,
        f"""
        import json, os, signal, sys, threading, time
        import numpy as np
        import heliox
        model = heliox.load(sys.argv[1])
        sim = heliox.Simulation(model, progress=False)
        v = sim.record("v")
        sim.run(1.0)
        if not {recording}:
            sim = heliox.Simulation(model, progress=False)
        pressed = []
        def press():
            pressed.append(time.perf_counter())
            os.kill(os.getpid(), signal.SIGINT)
        threading.Timer(0.7, press).start()
        try:
            sim.run(6e4)
        except KeyboardInterrupt:
            late = time.perf_counter() - pressed[0]
        t = sim.t
        again = heliox.Simulation(model, progress=False)
        w = again.record("v")
        again.run_until(t)
        sim.run(2.0)
        again.run(2.0)
        same = bool((sim.var("v").values == again.var("v").values).all())
        kept = not {recording} or bool(np.array_equal(v.values, w.values) and np.array_equal(v.t, w.t))
        print(json.dumps(dict(late=late, t=t, same=same, kept=kept, samples=len(v.t))))
        """,
    )
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    assert got["late"] < 1.0
    assert got["t"] > 10.0 and got["same"] and got["kept"]
    assert done.stderr == ""
    assert signal.getsignal(signal.SIGINT) is not None


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process")
@pytest.mark.parametrize("recording", [True, False])
def test_ctrl_c_between_two_compiled_calls_is_not_lost(model, monkeypatch, recording):
    """The signal may come while Python collects samples."""
    sim = simulation(model)
    if recording:
        sim.record("v")
    sim.run(1.0)
    original, calls = recorder.Recorder._shift, []

    def press(self, rows):
        calls.append(1)
        if len(calls) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return original(self, rows)

    monkeypatch.setattr(recorder.Recorder, "_shift", press)
    with pytest.raises(KeyboardInterrupt):
        sim.run(2e4)
    assert sim.t < 5000.0


def test_memory_does_not_grow_with_steps_that_are_not_recorded(model):
    sim = simulation(model)
    sim.run(1.0)
    tracemalloc.start()
    try:
        sim.run(1e4)  # 400 000 steps
        assert tracemalloc.get_traced_memory()[1] < 4e6
    finally:
        tracemalloc.stop()


def test_normal_runs_are_silent(model, tmp_path):
    """Nothing on either stream: no warning, no bar where nobody looks on, however long the run."""
    done = script(
        tmp_path,
        model,
        """
        import sys, time
        import heliox
        model = heliox.load(sys.argv[1])
        for options in (dict(), dict(math="libm"), dict(batch=3)):
            sim = heliox.Simulation(model, **options)
            v = sim.record("v", where="soma")
            began = time.perf_counter()
            while time.perf_counter() - began < 2.5:
                sim.run(2000.0)
                if options:
                    break
            sim.reset()
            sim.initialize(-65)
            sim.run(5.0)
        """,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "" and done.stderr == ""


def test_the_freeze_is_silent(h, capfd):
    kept = branched(h)
    heliox.from_neuron(-65)
    h.fadvance()
    heliox.from_neuron()
    assert heliox.preflight()
    out, err = capfd.readouterr()
    assert out == "" and err == ""
    del kept


def test_a_model_without_cells_runs(h):
    """Artificial cells alone: spikes, no voltages."""
    stims = [h.NetStim() for _ in range(2)]
    stims[0].start, stims[1].start = 1.0, -1.0
    con = h.NetCon(stims[0], stims[1])
    con.weight[0], con.delay = 1.0, 2.0
    sim = simulation(heliox.from_neuron(-65), math="libm")
    sim.run(30.0)
    np.testing.assert_array_equal(sim.spikes.t, [1.0, 11.0, 21.0])
    assert sim.t == pytest.approx(30.0)
    del stims, con


def test_a_model_of_one_compartment(h):
    kept = complete(h)
    sim = simulation(heliox.from_neuron(-65))
    v = sim.record("complete(0.5).v")
    sim.run(10.0)
    assert v.values.shape == (401,)
    del kept
