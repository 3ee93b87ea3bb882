"""The Rallpacks (U. S. Bhalla, D. H. Bilitch, J. M. Bower, Trends Neurosci 15:453, 1992).

Parameters as in the README files of the Rallpack distribution, version 1.1 (part of GENESIS 2). The ends of
the cable are the places 0 and 1, which are those of the analytic solution; the centres of the first and last
compartments are 0.5 um from them, which is 0.064 mV at the injected end. The measure of Rallpack 1 and 2 is
the distribution's: RMS difference over the range of the curves, mean of the two ends.
"""

import numpy as np
import pytest

import heliox
from tests.physics.builders import REST, clamp, cylinder, freeze, rall_tree, simulate
from tests.physics.theory import Cable, crossings, order, order_from_values, rms

DURATION, CURRENT = 250.0, 0.1
PASSIVE = Cable(1000.0, 1.0, 100.0, 1.0, 1.0 / 40000.0)
EQUIVALENT = Cable(320.0, 16.0, 100.0, 1.0, 1.0 / 40000.0)


def ideal(cable, x, t):
    """The reference curve: at rest at t = 0."""
    return np.r_[REST, REST + CURRENT * cable.step(x, t[1:])]


def injected_end(cable, t, v, secondorder):
    """Rallpack's error at the place 0, where the current enters.

    The place has no area and hence no capacitance: trapezoidal steps leave its first jump ringing for ever.
    The mean of two successive values is the scheme's value at the middle of the step.
    """
    if secondorder == 0:
        return rms(ideal(cable, 0.0, t), v)
    return rms(ideal(cable, 0.0, np.r_[0.0, 0.5 * (t[1:] + t[:-1])])[1:], 0.5 * (v[1:] + v[:-1]))


# ------------------------------------------------------------------ Rallpack 1


@pytest.mark.parametrize("secondorder", [0, 1])
def test_rallpack_1(h, figure, secondorder):
    """A cable of 1 mm and 1000 compartments, 0.1 nA into one end."""
    axon = cylinder(h, "a", 1000.0, 1.0, 1000)
    stimulus = clamp(h, axon(0), CURRENT)
    model = freeze(h, secondorder)
    del stimulus
    steps, measured = (0.2, 0.1, 0.05), []
    for dt in steps:
        t, near, far = simulate(model, DURATION, dt, "a(0).v", "a(1).v")
        measured.append((injected_end(PASSIVE, t, near, secondorder), rms(ideal(PASSIVE, 1000.0, t), far)))
    errors = np.array(measured).T
    figure("error of the injected end (%), dt = 0.2, 0.1, 0.05 ms", 100 * errors[0])
    figure("error of the far end (%)", 100 * errors[1])
    figure("Rallpack 1 error (%) at 0.05 ms", 100 * errors[:, -1].mean())
    figure("order in dt, far end", order(steps, errors[1]))
    if secondorder == 0:
        assert errors[:, -1].mean() < 2e-4
        assert abs(order(steps, errors[1])[-1] - 1.0) < 0.02
    else:
        assert errors[:, -1].mean() < 5e-5
        assert errors[1, -1] < 1e-6


# ------------------------------------------------------------------ Rallpack 2


@pytest.fixture
def tree(h):
    """Rallpack 2's 1023 branches, a current into the root and none into the last tip."""
    branches = rall_tree(h)
    stimuli = [clamp(h, branches[0](0), CURRENT), clamp(h, branches[-1](1), 0.0)]
    yield h
    del stimuli


@pytest.mark.parametrize("secondorder", [0, 1])
def test_rallpack_2(tree, figure, secondorder):
    """The tree's root and tips follow the analytic solution of the equivalent cylinder."""
    model = freeze(tree, secondorder)
    steps, measured = (0.2, 0.1, 0.05), []
    for dt in steps:
        t, near, far = simulate(model, DURATION, dt, "branch_0(0).v", "branch_700(1).v")
        measured.append(
            (injected_end(EQUIVALENT, t, near, secondorder), rms(ideal(EQUIVALENT, 320.0, t), far))
        )
    errors = np.array(measured).T
    figure("error of the root (%), dt = 0.2, 0.1, 0.05 ms", 100 * errors[0])
    figure("error of a tip (%)", 100 * errors[1])
    figure("Rallpack 2 error (%) at 0.05 ms", 100 * errors[:, -1].mean())
    figure("order in dt, tip", order(steps, errors[1]))
    # ten compartments from root to tip leave an error in space of 1e-5
    assert errors[:, -1].mean() < (2e-4 if secondorder == 0 else 3e-5)


def test_rallpack_2_is_its_equivalent_cylinder(tree, figure):
    """With one compartment a branch, the tree is the cylinder of ten compartments: within round-off."""
    model = freeze(tree)
    sim = heliox.Simulation(model, dt=0.05, progress=False)
    v = sim.record("v", every=1.0)
    sim.run(DURATION)
    names = {name: k for k, name in enumerate(v.names)}
    of = np.array([v.values[names[f"branch_{k}(0.5).v"]] for k in range(1023)])
    for section in list(tree.allsec()):
        tree.delete_section(sec=section)

    cylinder_ = cylinder(tree, "a", 320.0, 16.0, 10)
    stimulus = clamp(tree, cylinder_(0), CURRENT)
    sim = heliox.Simulation(freeze(tree), dt=0.05, progress=False)
    w = sim.record("v", where="a", every=1.0)
    sim.run(DURATION)
    del stimulus
    span = np.ptp(w.values)
    spread = difference = 0.0
    for level in range(10):
        rows = of[2**level - 1 : 2 ** (level + 1) - 1]
        spread = max(spread, np.max(np.ptp(rows, axis=0)) / span)
        difference = max(difference, np.max(np.abs(rows - w.values[level])) / span)
    figure("spread inside the levels, relative", spread)
    figure("tree without cylinder, relative", difference)
    assert spread < 1e-12
    assert difference < 1e-11


def test_rallpack_2_from_a_tip(tree, figure):
    """Current into one tip: the root's curve is the tip's curve of a current into the root (Rall 1962)."""
    model = freeze(tree)
    _, forward = simulate(model, DURATION, 0.05, "branch_1022(1).v")
    sim = heliox.Simulation(model, dt=0.05, progress=False)
    sim.var("IClamp[0].amp")[...] = 0.0
    sim.var("IClamp[1].amp")[...] = CURRENT
    root, tip = sim.record("branch_0(0).v"), sim.record("branch_1022(1).v")
    sim.run(DURATION)
    difference = np.max(np.abs(root.values - forward)) / np.ptp(forward)
    figure("root without tip, relative", difference)
    figure("error against the analytic curve (%)", 100 * rms(ideal(EQUIVALENT, 320.0, root.t), root.values))
    assert difference < 1e-10
    assert np.all(np.diff(tip.values) >= 0.0) and tip.values[-1] > root.values[-1] + 10.0


# ------------------------------------------------------------------ Rallpack 3

# Rises through -20 mV in the distribution's reference files (made with a step of 1 us), by `crossings` on
# their samples every 0.05 ms: the first four and the last of the first and of the last compartment
PUBLISHED = {
    "NEURON": (
        (1.19598, 15.83118, 30.37150, 44.90646, 248.38803),
        (4.00903, 18.63169, 33.18274, 47.71802, 236.66522),
    ),
    "GENESIS": (
        (1.19411, 15.82640, 30.36385, 44.89594, 248.33727),
        (4.00640, 18.62616, 33.17429, 47.70678, 236.61658),
    ),
}


def axon(h, nseg, secondorder=0, length=1000.0, diam=1.0, current=CURRENT, table=0):
    h.usetable_hh = table
    section = cylinder(h, "a", length, diam, nseg, hh=True)
    stimulus = clamp(h, section(0), current)
    model = freeze(h, secondorder)
    del stimulus
    h.delete_section(sec=section)
    return model


def spikes(model, dt, *where, duration=50.0, every=None):
    t, *traces = simulate(model, duration, dt, *(f"a({x}).v" for x in where), every=every)
    return [crossings(t, v) for v in traces]


@pytest.mark.parametrize("duration", [50.0, pytest.param(DURATION, marks=pytest.mark.slow)])
def test_rallpack_3_published(h, figure, duration):
    """Spike times at 1 us against the two waveforms that the distribution calls correct."""
    near, far = spikes(axon(h, 1000), 0.001, 0.0005, 0.9995, duration=duration, every=0.05)
    chosen = [0, 1, 2, 3] if duration < 100.0 else [0, 1, 2, 3, -1]
    assert (len(near), len(far)) == ((4, 4) if duration < 100.0 else (18, 17))
    for name, tolerance in (("NEURON", 2e-4), ("GENESIS", 0.06 if duration > 100.0 else 0.015)):
        first, last = (np.array(times)[chosen] for times in PUBLISHED[name])
        figure(f"first compartment, spike times less {name}'s (ms)", near[chosen] - first)
        figure(f"last compartment, spike times less {name}'s (ms)", far[chosen] - last)
        assert np.max(np.abs(near[chosen] - first)) < tolerance
        assert np.max(np.abs(far[chosen] - last)) < tolerance


def test_tables_of_rates_shift_the_train(h, figure):
    """NEURON's hh takes its rates from a table (1 mV, linear) by default: the interval is shorter by 0.1 %.

    This does not vanish with dt; the tests of convergence set ``usetable_hh`` to 0.
    """
    intervals = []
    for table in (0, 1):
        (far,) = spikes(axon(h, 1000, 2, table=table), 0.025, 0.9995, duration=100.0)
        intervals.append(far[-1] - far[-2])
    figure("last interval without and with tables (ms)", intervals)
    figure("relative difference", intervals[1] / intervals[0] - 1.0)
    assert 5e-4 < 1.0 - intervals[1] / intervals[0] < 2e-3


def test_rallpack_3_train(h, figure):
    """250 ms at the step of 0.05 ms: 17 spikes reach the far end, at one interval from the second on."""
    near, far = spikes(axon(h, 1000), 0.05, 0.0005, 0.9995, duration=DURATION)
    intervals = np.diff(far)
    figure("spikes at the two ends", (len(near), len(far)))
    figure("last interval (ms)", intervals[-1])
    assert len(far) == 17
    assert np.ptp(intervals[4:]) < 2e-3
    assert intervals[-1] == pytest.approx(14.534, rel=0.015)  # the published trains, made with 1 us


@pytest.mark.parametrize("secondorder", [0, 2])
def test_rallpack_3_in_time(h, figure, secondorder):
    """Spike times converge with the first power of dt, with the second for secondorder 2, to one value."""
    model, steps = axon(h, 1000, secondorder), (0.05, 0.025, 0.0125, 0.00625)
    times = np.array([spikes(model, dt, 0.9995)[0] for dt in steps])
    p, limit = order_from_values(2.0, *times[1:])
    figure("first and fourth spike at the far end (ms), dt = 0.05 ... 0.00625", times[:, [0, 3]].ravel())
    figure("orders in dt of the four spikes", p)
    figure("extrapolated spike times (ms)", limit)
    figure("errors at 0.025 ms (ms)", times[1] - limit)
    if secondorder == 0:
        assert np.all(np.abs(p - 1.0) < 0.1)
    else:
        assert np.all(np.abs(p - 2.0) < 0.02)
    # both schemes go to the same limit; what is left is of the next order
    assert limit == pytest.approx(
        np.array([4.00747, 18.62726, 33.17540, 47.70787]), abs=(3e-3 if secondorder == 0 else 1e-4)
    )


def test_rallpack_3_in_space(h, figure):
    """Spike times and conduction velocity converge with the square of dx.

    Segments are divided by three, so that 1/6, 1/2 and 5/6 stay centres.
    """
    measured = []
    for nseg in (27, 81, 243, 729):
        _, middle, late = spikes(axon(h, nseg, 2), 0.0125, 1 / 6, 1 / 2, 5 / 6, duration=6.0)
        measured.append((middle[0], late[0], (1.0 / 3.0) / (late[0] - middle[0])))  # mm / ms
    rows = np.array(measured)
    p, limit = order_from_values(3.0, *rows[1:])
    figure("velocity (m/s), nseg 27, 81, 243, 729", rows[:, 2])
    figure("orders in dx: spike time at 1/2, at 5/6, velocity", p)
    figure("extrapolated: spike times (ms), velocity (m/s)", limit)
    figure("relative error of the velocity, nseg 27 ... 729", rows[:, 2] / limit[2] - 1.0)
    assert np.all(np.abs(p - 2.0) < 0.05)


def test_velocity_scales_with_the_root_of_the_diameter(h, figure):
    """Four times the diameter, twice the length, eight times the current: the same voltages.

    The cable equation holds x only as x / sqrt(d) (Hodgkin 1954, J Physiol 125:221); all factors are powers
    of two, so even round-off scales.
    """
    _, thin = simulate(axon(h, 81), 6.0, 0.025, "a(1).v")
    _, thick = simulate(axon(h, 81, length=2000.0, diam=4.0, current=8 * CURRENT), 6.0, 0.025, "a(1).v")
    difference = np.max(np.abs(thin - thick))
    figure("largest difference (mV)", difference)
    assert np.ptp(thin) > 90.0
    assert difference < 1e-9


def test_charge_is_conserved_in_the_axon(h, figure):
    """Membrane currents of the spiking axon sum up to the electrode's.

    The step takes the currents of the channels linear in v around its start: I(v) + g (v' - v).
    """
    model = axon(h, 81)
    sim = heliox.Simulation(model, dt=0.025, progress=False)
    v, cap = sim.record("v"), sim.record("i_cap")
    ions = [sim.record(name) for name in ("hh.il", "na_ion.ina", "k_ion.ik")]
    conductances = [sim.record(name) for name in ("hh.gna", "hh.gk")]
    electrode = sim.record("IClamp[0].i")
    sim.run(10.0)
    area = dict(zip(v.names, model.nodes.area))
    nodes = [name.removesuffix("i_cap") + "v" for name in cap.names]
    rows = [v.names.index(n) for n in nodes]
    g = 1.0 / 40000.0 + sum(c.values[:, 1:] for c in conductances)
    through = cap.values[:, 1:] + sum(i.values[:, 1:] for i in ions) + g * np.diff(v.values[rows], axis=1)
    total = 0.01 * np.array([area[n] for n in nodes]) @ through
    peak = np.max(0.01 * np.array([area[n] for n in nodes]) @ np.abs(cap.values))
    error = np.max(np.abs(total - electrode.values[1:]))
    figure("membrane current without electrode current (nA), largest sum of |i_cap|", (error, peak))
    assert error < 1e-9 * peak
