"""Charging curves of passive membrane against their analytic solutions, and conservation of charge."""

import numpy as np
import pytest

import heliox
from tests.physics.builders import REST, branching, clamp, cylinder, freeze, simulate
from tests.physics.theory import Cable, order

STEPS = (1.0, 0.5, 0.25, 0.125, 0.0625)


@pytest.mark.parametrize("secondorder", [0, 1, 2])
def test_isopotential_cell(h, figure, secondorder):
    """Charging as 1 - exp(-t/tau): of order 1 for secondorder 0, of order 2 for 1 and 2.

    The solution of the difference scheme is known too, and is met within round-off: the factor of a step is
    1 / (1 + z), or (1 - z/2) / (1 + z/2), with z = dt / tau.
    """
    cell = cylinder(h, "a", 20.0, 20.0, 1, g=1e-4)
    stimulus = clamp(h, cell(0.5), 0.05)
    model = freeze(h, secondorder)
    del stimulus
    tau, resistance = 10.0, 1e-6 / (1e-4 * np.pi * 20.0 * 20.0 * 1e-8)
    errors, scheme = [], []
    for dt in STEPS:
        t, v = simulate(model, 20.0, dt, "a(0.5).v")
        z, k = dt / tau, np.arange(len(t))
        factor = (1.0 / (1.0 + z) if secondorder == 0 else (1.0 - z / 2.0) / (1.0 + z / 2.0)) ** k
        final = 0.05 * resistance
        errors.append(np.max(np.abs(v - REST - final * (1.0 - np.exp(-t / tau)))) / final)
        scheme.append(np.max(np.abs(v - REST - final * (1.0 - factor))) / final)
    orders = order(STEPS, errors)
    figure("largest error over the final value, dt = 1 ... 1/16 ms", errors)
    figure("order in dt", orders)
    figure("deviation from the scheme's own solution", scheme)
    assert np.max(scheme) < 1e-11
    assert abs(orders[-1] - (1.0 if secondorder == 0 else 2.0)) < 0.01


def test_relaxation(h):
    """A cell off its rest comes back as exp(-t/tau); secondorder 2 is within dt^2/12 tau^2 of it."""
    cell = cylinder(h, "a", 20.0, 20.0, 1, g=1e-4)
    stimulus = clamp(h, cell(0.5), 0.0)
    cell.e_pas = -75.0
    t, v = simulate(freeze(h, 2), 30.0, 0.025, "a(0.5).v")
    del stimulus
    assert np.max(np.abs(v + 75.0 - 10.0 * np.exp(-t / 10.0))) < 2e-5


def test_series_are_each_others_check():
    """Eigenmodes and images are two solutions of the same problem; the references of Rallpack 1 and 2.

    The published reference files give 101.9351 mV and 43.09647 mV (Rallpack 1), -40.12702 mV and
    -40.20655 mV (Rallpack 2) at 250 ms for the injected and the far end.
    """
    t = np.geomspace(0.01, 400.0, 200)
    for cable, images, ends in (
        (Cable(1000.0, 1.0, 100.0, 1.0, 1.0 / 40000.0), 20, (101.9351, 43.09647)),
        (Cable(320.0, 16.0, 100.0, 1.0, 1.0 / 40000.0), 250, (-40.12702, -40.20655)),
    ):
        for x, published in zip((0.0, cable.length), ends):
            modes, reflected = cable.step(x, t, terms=2000), cable.step_images(x, t, images)
            assert np.max(np.abs(modes - reflected)) < 1e-9 * cable.transfer(0.0)
            assert REST + 0.1 * cable.step(x, 250.0)[0] == pytest.approx(published, abs=6e-5)


def relative(v, ideal):
    return np.max(np.abs(v - REST - ideal)) / np.max(ideal)


@pytest.mark.parametrize("secondorder", [0, 1])
def test_step_response_of_a_sealed_cable(h, figure, secondorder):
    """Current enters at a third of the cable; the far end follows Rall's series in dt and in dx."""
    cable = Cable(2000.0, 1.0, 100.0, 1.0, 1.0 / 40000.0)

    def error(nseg, dt):
        section = cylinder(h, "a", cable.length, cable.diam, nseg)
        stimulus = clamp(h, section(1.0 / 6.0), 0.1)
        model = freeze(h, secondorder)
        del stimulus
        h.delete_section(sec=section)
        t, v = simulate(model, 100.0, dt, "a(1).v")
        return relative(v[1:], 0.1 * cable.step(cable.length, t[1:], cable.length / 6.0))

    steps = (0.8, 0.4, 0.2, 0.1)
    in_time = [error(729, dt) for dt in steps]
    figure("relative error, nseg 729, dt = 0.8 ... 0.1 ms", in_time)
    figure("order in dt", order(steps, in_time))
    expected, tolerance = (1.0, 0.05) if secondorder == 0 else (2.0, 0.15)
    assert abs(order(steps, in_time)[-1] - expected) < tolerance
    if secondorder:
        segments = (9, 27, 81)
        in_space = [error(nseg, 0.025) for nseg in segments]
        figure("relative error, dt = 0.025 ms, nseg 9, 27, 81", in_space)
        figure("order in dx", order(1.0 / np.array(segments), in_space))
        assert np.all(np.abs(order(1.0 / np.array(segments), in_space) - 2.0) < 0.1)


def test_long_cable_is_semi_infinite(h, figure):
    """Until the far end is reached, the injected end rises as erf(sqrt(t/tau)) (Hodgkin and Rushton 1946)."""
    cable = Cable(8000.0, 1.0, 100.0, 1.0, 1.0 / 40000.0)
    section = cylinder(h, "a", cable.length, cable.diam, 1600)
    stimulus = clamp(h, section(0), 0.1)
    model = freeze(h)
    del stimulus
    t, near, inside = simulate(model, 40.0, 0.0125, "a(0).v", f"a({200.5 / 1600}).v")
    late = t > 4.0
    for name, v, x in (("at the end", near, 0.0), ("one length constant inside", inside, 1002.5)):
        ideal = 0.1 * cable.step_images(x, t[late], images=0)
        error = np.max(np.abs(v[late] - REST - ideal)) / ideal.max()
        figure(f"{name}, relative error", error)
        assert error < 1e-3


def membrane(sim, model):
    """Recordings of the voltages and of what sums up to the current through the membrane."""
    names = ("v", "i_cap", "pas.i", "IClamp.i")
    v, cap, ion, electrode = (sim.record(name) for name in names)
    area = dict(zip(v.names, model.nodes.area))
    nodes = [name.removesuffix("pas.i") + "v" for name in ion.names]
    assert [name.removesuffix("i_cap") + "v" for name in cap.names] == nodes
    return v, cap, ion, electrode, np.array([area[n] for n in nodes]), [v.names.index(n) for n in nodes]


@pytest.mark.parametrize("secondorder", [0, 1])
def test_charge_is_conserved(h, figure, secondorder):
    """Capacitive and ionic currents of the whole tree sum up to those of the electrodes.

    The step's ionic current is that at its end (secondorder 0) or its middle (1). ``pas.i`` is computed at
    the start of a step, so the sample after the next step shows the current at this one's end.
    """
    parts, _ = branching(h, 7)
    stimuli = [clamp(h, parts["trunk"](0.5), 0.4), clamp(h, parts["left"](1), -0.15, 3.0, 4.0)]
    model = freeze(h, secondorder)
    del stimuli
    sim = heliox.Simulation(model, dt=0.025, progress=False)
    v, cap, ion, electrode, area, nodes = membrane(sim, model)
    sim.run(10.0)

    ionic = 1e-4 * (v.values[nodes] - REST)
    assert ion.values[:, 2:] == pytest.approx(ionic[:, 1:-1], rel=0, abs=1e-12 * np.max(np.abs(ionic)))
    at_step = ionic[:, 1:] if secondorder == 0 else 0.5 * (ionic[:, 1:] + ionic[:, :-1])
    total = 0.01 * area @ (cap.values[:, 1:] + at_step)  # mA/cm2 um2 = 0.01 nA
    injected = electrode.values.sum(axis=0)[1:]
    error = np.max(np.abs(total - injected)) / 0.4
    figure("membrane current without electrode current, relative", error)
    assert np.ptp(injected) == pytest.approx(0.15)
    assert error < 1e-10
