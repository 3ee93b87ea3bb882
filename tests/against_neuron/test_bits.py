"""``math="libm"`` gives NEURON's bits: every voltage of every node at every step, every spike."""

from typing import Any

import numpy as np
import pytest

import heliox
from heliox.simulation import Simulation
from tests.against_neuron.beside import Session, helios, neuron, result
from tests.against_neuron.models import (
    MODELS,
    RUNNING,
    ball_and_stick,
    branched,
    complete,
    connect,
    convergence,
    delays,
    noise,
    ring,
    stimulus,
)


def same_as_neuron(h, tstop=RUNNING, watch=None, *, spikes=4, **options):
    """Run both and compare everything; gives the frozen model and NEURON's result."""
    model, expected = neuron(h, tstop, watch, **options)
    expected.assert_same(helios(model, tstop, watch, math="libm"))
    assert expected.count >= spikes
    assert np.ptp(expected.v) > 10.0  # something happens
    return model, expected


@pytest.mark.parametrize("name", MODELS)
def test_every_voltage_and_spike_is_neurons(h, name):
    kept = MODELS[name](h)
    same_as_neuron(h)
    del kept


def test_gids_are_neurons(h):
    kept = ring(h)
    session = Session(h)
    model = session.freeze()
    times, gids = h.Vector(), h.Vector()
    h.ParallelContext().spike_record(-1, times, gids)
    session.solve(100.0)
    sim = Simulation(model, math="libm", progress=False)
    sim.run_until(100.0)
    spikes = sim.spikes
    real = spikes.gid >= 0
    order = np.lexsort((np.array(gids), np.array(times)))
    got = np.lexsort((spikes.gid[real], spikes.t[real]))
    assert real.sum() > 40
    np.testing.assert_array_equal(spikes.t[real][got], np.array(times)[order])
    np.testing.assert_array_equal(spikes.gid[real][got], np.array(gids)[order])
    del kept


def test_ring_over_200_ms(h):
    kept = ring(h, cells=12)
    same_as_neuron(h, 200.0, spikes=150)
    del kept


@pytest.mark.slow
def test_ring_of_64_cells_over_200_ms(h):
    kept = ring(h, cells=64, depth=3, nseg=4)
    _, expected = same_as_neuron(h, 200.0, spikes=700)
    assert expected.v.shape[0] > 64 * 58
    del kept


@pytest.mark.parametrize("name", ["branched", "noise", "delays"])
@pytest.mark.parametrize("secondorder", [1, 2])
def test_second_order(h, name, secondorder):
    """The Crank-Nicolson variants, with ion currents as they stand after the correction."""
    kept = MODELS[name](h)
    h.secondorder = secondorder
    soma = next(iter(h.allsec()))
    path = f"{soma.name()}(0.5)"
    watch = {f"{path}.{x}": getattr(soma(0.5), f"_ref_{x}") for x in ("ina", "ik", "i_cap")}
    model, expected = same_as_neuron(h, watch=watch)
    assert model.settings.secondorder == secondorder
    assert np.ptp(expected.watched[f"{path}.ina"]) > 0.1
    del kept


def test_the_correction_of_second_order_2_is_seen(h):
    """Ion currents differ from those of the channels exactly under secondorder 2."""
    for secondorder in (0, 1, 2):
        kept = ball_and_stick(h)
        h.secondorder = secondorder
        model = heliox.from_neuron(-65)
        sim = Simulation(model, math="libm", progress=False)
        ion, gate = sim.record("soma(0.5).ina"), sim.record("soma(0.5).gna_hh")
        v = sim.record("soma(0.5).v")
        sim.run_until(10.0)
        channel = gate.values[1:] * (v.values[:-1] - 50.0)  # currents belong to v at the step's beginning
        assert (np.abs(ion.values[1:] - channel).max() > 1e-3) == (secondorder == 2)
        del kept
        for s in list(h.allsec()):
            h.delete_section(sec=s)


@pytest.mark.parametrize("celsius", [6.3, 18.5, 37.0])
@pytest.mark.parametrize("usetable", [0, 1])
def test_tables_and_temperature(h, usetable, celsius):
    kept = branched(h)
    h.usetable_hh, h.celsius = usetable, celsius
    same_as_neuron(h, spikes=1)
    del kept


def test_tables_matter(h):
    """Interpolation is not computation: the two differ by far more than rounding."""
    kept = ball_and_stick(h)
    runs = []
    for usetable in (0, 1):
        h.usetable_hh = usetable
        runs.append(helios(heliox.from_neuron(-65), 10.0, math="libm"))
    assert 1e-6 < runs[0].dv(runs[1]) < 5.0
    del kept


@pytest.mark.parametrize("dt", [0.05, 0.01, 1 / 64, 0.1])
@pytest.mark.parametrize("name", ["branched", "delays", "forest"])
def test_time_steps(h, name, dt):
    kept = MODELS[name](h)
    h.dt = dt
    same_as_neuron(h, 15.0, spikes=2)
    del kept


@pytest.mark.parametrize("name", ["branched", "forest", "noise", "delays", "convergence", "ring"])
@pytest.mark.parametrize("before", [0.025, 5.0, 10.0])
def test_frozen_in_the_middle_of_a_run(h, name, before):
    """Queue, random streams, detectors above threshold, states: all go on where NEURON stands."""
    kept = MODELS[name](h)
    model, expected = same_as_neuron(h, 25.0, spikes=2, before=before)
    assert expected.t[0] == model.settings.t > 0.0
    assert len(model.events) > 0
    del kept


@pytest.mark.parametrize(("name", "start"), [("forest", 1.0), ("simultaneous", 4.5)])
def test_frozen_above_threshold_with_spikes_under_way(h, name, start):
    """At the very steps of a spike: its events wait in the queue, its detector must not fire again."""
    kept = MODELS[name](h)
    session = Session(h)
    session.solve(start)
    seen = set()
    for k in range(60):
        model = heliox.from_neuron()
        seen.add((bool(model.sources.above.any()), bool((~model.events.self_event).any())))
        if k % 6 == 0:
            sim = Simulation(model, math="libm", progress=False)
            v = sim.record("v")
            sim.run(1.0)
            samples = len(session.t)
            session.solve(h.t + 0.05)
            rows = np.array([np.array(x)[samples - 1 :] for x in session.v])
            np.testing.assert_array_equal(rows, v.values[:, : rows.shape[1]])
        else:
            session.solve(h.t + 0.05)
    assert (True, True) in seen
    del kept


def test_events_put_into_the_queue_by_the_user(h):
    soma = h.Section(name="soma")
    soma.L = soma.diam = 20
    soma.insert("hh")
    synapse, stim = h.ExpSyn(soma(0.5)), stimulus(h, -1, 2.0, 3)
    direct, trigger = h.NetCon(None, synapse), h.NetCon(None, stim)
    direct.weight[0], trigger.weight[0] = 0.02, 1.0
    kept = [complete(h), connect(h, stim, synapse, 0.01, 0.5)]
    session = Session(h)
    for t in (0.0, 1.0, 1.0125, 1.01251, 7.3):
        direct.event(t)
    trigger.event(4.4)
    model = session.freeze()
    session.solve(20.0)
    expected = session.result()
    expected.assert_same(helios(model, 20.0, math="libm"))
    assert np.ptp(expected.v[0]) > 60.0
    del kept, direct, trigger


def test_random_numbers_that_neuron_chose(h):
    """Streams without ids of the user's: NEURON gives each its own, by a count the session shares."""
    soma = h.Section(name="soma")
    soma.insert("hh")
    soma.L = soma.diam = 20
    synapse = h.ExpSyn(soma(0.5))
    stims = [h.NetStim() for _ in range(3)]
    for k, stim in enumerate(stims):
        stim.start, stim.interval, stim.number, stim.noise = 0.5 * k, 1.0 + k, 100, 0.5 + 0.25 * k
    kept = [complete(h), [connect(h, stim, synapse, 0.001, 0.5) for stim in stims]]
    same_as_neuron(h, spikes=20)
    del kept, stims, synapse


# ------------------------------------------------------------------ the order of simultaneous events


def conductance_sums(h, starts, delays, interval=2.0, tstop=12.25):
    """g of a synapse that never decays, in NEURON and in HelioX: the order of the additions shows."""
    soma = h.Section(name="soma")
    synapse = h.ExpSyn(soma(0.5))
    synapse.tau = 1e30
    stims = [stimulus(h, start, interval) for start in starts]
    cons = [
        connect(h, stims[k % len(stims)], synapse, 1e-3 / (3.0 + k), delay) for k, delay in enumerate(delays)
    ]
    kept = [complete(h, start=-1), cons]
    session = Session(h, {"ExpSyn[g]": synapse._ref_g})
    model = session.freeze()
    session.solve(tstop)
    sim = Simulation(model, math="libm", progress=False)
    g: Any = sim.var("ExpSyn.g")
    sim.run_until(tstop)
    del kept
    return synapse.g, g.values[model.mechanism("ExpSyn").node == soma(0.5).node_index()][0]


@pytest.mark.parametrize(
    ("starts", "delays"),
    [
        ([1.01], [0.5] * 9),
        ([1.01], [0.5, 0.5]),
        ([1.01] * 3, [0.5] * 3),
        ([1.01] * 5, [0.0] * 5),
        ([1.01, 3.01], [0.5] * 2),
    ],
)
def test_simultaneous_events_add_up_in_neurons_order(h, starts, delays):
    expected, got = conductance_sums(h, starts, delays)
    assert got == expected > 0.0


@pytest.mark.xfail(
    strict=True,
    reason="Deviation by design: events of one time are ordered by (time of emission, source), while NEURON "
    "queues them in the order in which the artificial cells happened to fire. It shows in last bits only.",
)
def test_simultaneous_events_of_stimuli_that_fire_in_another_order_than_made(h):
    expected, got = conductance_sums(h, [3.01, 1.01], [0.5, 0.5])
    assert got == expected


@pytest.mark.xfail(
    strict=True,
    reason="Deviation by design: an event that comes before the head of NEURON's queue puts the old head "
    "behind others of its own time, wherever in the network they belong. It shows in last bits only.",
)
def test_simultaneous_events_after_a_swap_of_the_queues_head(h):
    expected, got = conductance_sums(h, [1.01, 3.9, 1.01], [3.0, 0.05, 3.0, 3.0], 100.0)
    assert got == expected


# ------------------------------------------------------------------ what is recorded


def test_every_recorded_variable_is_neurons_at_every_sample(h):
    """States and voltages belong to the end of a step, currents to its middle: as in Vector.record."""
    kept = branched(h)
    synapses, clamps = kept[1], kept[4]
    watch: dict[str, Any] = {}
    for section in list(h.allsec()):
        for segment in section:
            place = f"{section.name()}({segment.x!r})"
            names = ["v", "i_cap"]
            if hasattr(segment, "hh"):
                names += [f"{x}_hh" for x in ("m", "h", "n", "gna", "gk", "il", "minf", "htau", "ntau")]
                names += ["ina", "ik", "ena", "ek", "nai", "nao"]
            if hasattr(segment, "pas"):
                names += ["i_pas"]
            watch |= {f"{place}.{n}": getattr(segment, f"_ref_{n}") for n in names}
    for s in synapses:
        names = ["g", "i"] if s.hname().startswith("ExpSyn") else ["A", "B", "g", "i"]
        watch |= {f"{s.hname()}.{n}": getattr(s, f"_ref_{n}") for n in names}
    watch |= {f"{c.hname()}.i": c._ref_i for c in clamps}
    _, expected = same_as_neuron(h, watch=watch)
    assert len(expected.watched) > 150
    changing = [p for p, x in expected.watched.items() if np.ptp(x) > 0.0]
    assert len(changing) > 130
    del kept, synapses, clamps


def test_recorded_again_after_a_freeze_in_the_middle(h):
    """The first sample of currents is the last one NEURON took."""
    kept = branched(h)
    soma = next(iter(h.allsec()))
    names = ("ina", "ik", "i_cap", "m_hh", "gna_hh", "il_hh")
    watch = {f"{soma.name()}(0.5).{n}": getattr(soma(0.5), f"_ref_{n}") for n in names}
    watch |= {f"{c.hname()}.i": c._ref_i for c in kept[4]}
    same_as_neuron(h, 12.0, spikes=2, watch=watch, before=6.0)
    del kept


# ------------------------------------------------------------------ lengths of runs


@pytest.mark.parametrize("dt", [0.025, 0.1, 1 / 64, 0.03])
def test_number_of_samples_is_that_of_psolve(h, dt):
    """Ends that are multiples of dt, lie between two steps, or miss a step by rounding; continued runs."""
    kept = ball_and_stick(h)
    h.dt = dt
    session = Session(h)
    model = session.freeze()
    sim = Simulation(model, math="libm", progress=False)
    v = sim.record("v")
    for tstop in (0.1, 0.125, 0.15, 0.1749999, 0.2, 0.3, 0.30000001, 1.0, 1.0, 1.07, 3.3, 7.0 - 1e-13, 20.0):
        if tstop > h.t:  # NEURON refuses to stand still
            session.solve(tstop)
        sim.run_until(tstop)
        assert len(v.t) == len(session.t), tstop
        assert sim.t == h.t
    np.testing.assert_array_equal(v.t, np.array(session.t))
    session.result().assert_same(result(model, sim, v))
    del kept


def test_runs_append(h):
    kept = noise(h)
    model, expected = neuron(h, 12.0)
    sim = Simulation(model, math="libm", progress=False)
    v = sim.record("v")
    for duration in (0.0, 0.025, 3.0, 0.1, 4.875, 4.0):
        sim.run(duration)
    expected.assert_same(result(model, sim, v))
    del kept


# ------------------------------------------------------------------ NEURON is left alone


@pytest.mark.parametrize("name", ["branched", "noise", "delays", "convergence", "simultaneous", "ring"])
def test_a_freeze_does_not_disturb_neuron(h, name):
    """The same session, run without a freeze and with several: the same bits."""
    kept = MODELS[name](h)
    session = Session(h)
    session.freeze()
    h.finitialize(-65)
    session.solve(20.0)
    undisturbed = session.result()
    h.finitialize(-65)
    for t in (2.0, 2.025, 9.0, 20.0):
        heliox.from_neuron()
        session.solve(t)
    undisturbed.assert_same(session.result())
    assert undisturbed.count > 3
    del kept


def test_frozen_twice_is_the_same_model(h):
    kept = convergence(h)
    assert heliox.from_neuron(-65).hash == heliox.from_neuron(-65).hash
    del kept


def test_delays_model_holds_what_it_promises(h):
    kept = delays(h)
    model = heliox.from_neuron(-65)
    delay = model.connections.delay
    assert (delay == 0.0).sum() >= 3 and ((delay > 0.0) & (delay < 0.025)).sum() >= 3
    del kept
