"""Steady state of passive trees against cable theory: input resistance, profile, attenuation, reciprocity."""

import itertools

import numpy as np
import pytest

import heliox
from tests.physics.builders import REST, branching, clamp, cylinder, freeze, steady
from tests.physics.theory import Cable, input_conductance, order

CABLE = Cable(2000.0, 1.0, 100.0, 1.0, 1.0 / 40000.0)  # two length constants
SEGMENTS = (8, 16, 32, 64, 128, 256)


def depolarization(h, nseg, where, amp=0.1):
    """Steady depolarization (mV) at both ends and at the centres of all segments."""
    section = cylinder(h, "a", CABLE.length, CABLE.diam, nseg, g=CABLE.g)
    stimulus = clamp(h, section(where), amp)
    places = ["a(0)", "a(1)", *(f"a({(k + 0.5) / nseg})" for k in range(nseg))]
    v = steady(freeze(h), *places)
    del stimulus
    h.delete_section(sec=section)
    return v[0], v[1], v[2:]


def test_sealed_cable(h, figure):
    """Input resistance, far end and cosh profile of a sealed cable; all converge with the square of dx."""
    measured = []
    for nseg in SEGMENTS:
        near, far, profile = depolarization(h, nseg, 0.0)
        x = (np.arange(nseg) + 0.5) / nseg * CABLE.length
        ideal = 0.1 * CABLE.transfer(x)
        measured.append(
            (
                near / (0.1 * CABLE.transfer(0.0)) - 1.0,
                far / (0.1 * CABLE.transfer(CABLE.length)) - 1.0,
                np.sqrt(np.mean((profile - ideal) ** 2)) / ideal.max(),
            )
        )
    errors = np.array(measured).T
    dx = CABLE.length / np.array(SEGMENTS)
    for name, values in zip(("input resistance", "far end", "profile"), errors):
        figure(f"{name}, relative error, nseg 8 ... 256", values)
        figure(f"{name}, order in dx", order(dx, values))
        assert abs(order(dx, values)[-1] - 2.0) < 0.01
    assert abs(errors[0, -1]) < 1e-5

    # Richardson's extrapolation of the two finest leaves an error of fourth order
    near = (4.0 * errors[0, -1] - errors[0, -2]) / 3.0
    figure("input resistance, relative error extrapolated", near)
    assert abs(near) < 1e-8


def test_current_in_the_middle(h, figure):
    """The profile has its kink where the current enters; the order stays 2."""
    errors, segments = [], (9, 27, 81, 243)
    for nseg in segments:
        _, _, profile = depolarization(h, nseg, 0.5)
        x = (np.arange(nseg) + 0.5) / nseg * CABLE.length
        ideal = 0.1 * CABLE.transfer(x, CABLE.length / 2.0)
        errors.append(np.max(np.abs(profile - ideal)) / ideal.max())
    orders = order(1.0 / np.array(segments), errors)
    figure("largest relative error, nseg 9, 27, 81, 243", errors)
    figure("order in dx", orders)
    assert np.all(np.abs(orders - 2.0) < 0.05)


def test_unequal_branches(h, figure):
    """Input resistance of a tree that is no equivalent cylinder, and attenuation to its tips.

    Rall's (1959) recursion; along a sealed branch the voltage falls by cosh L.
    """
    errors, segments = [], (5, 15, 45, 135)
    for nseg in segments:
        parts, sizes = branching(h, nseg)
        stimulus = clamp(h, parts["trunk"](0), 1.0)
        near, fork, left, right = steady(freeze(h), "trunk(0)", "trunk(1)", "left(1)", "right(1)")
        cables = {name: Cable(x, diam, 100.0, 1.0, 1e-4) for name, (x, diam) in sizes.items()}
        load = input_conductance(cables["left"]) + input_conductance(cables["right"])
        errors.append(
            (
                near * input_conductance(cables["trunk"], load) - 1.0,
                left / fork * np.cosh(cables["left"].electrotonic) - 1.0,
                right / fork * np.cosh(cables["right"].electrotonic) - 1.0,
            )
        )
        del stimulus
        for section in parts.values():
            h.delete_section(sec=section)
    for name, values in zip(("input resistance", "left tip", "right tip"), np.array(errors).T):
        orders = order(1.0 / np.array(segments), values)
        figure(f"{name}, relative error, nseg 5, 15, 45, 135", values)
        figure(f"{name}, order in dx", orders)
        assert np.all(np.abs(orders - 2.0) < 0.05)
        assert abs(values[-1]) < 2e-4


PLACES = ("trunk(0.1)", "trunk(1)", "left(0.5)", "right(0.9)")


@pytest.fixture
def tree(h):
    """The branching cell with uneven membrane and a clamp of no current at each of four places."""
    parts, _ = branching(h, 5)
    for name, part in parts.items():
        for segment in part:
            segment.pas.g = 1e-4 * (1.0 + segment.x + len(name))
            segment.cm = 0.7 + segment.x
    stimuli = [clamp(h, parts[place.split("(")[0]](float(place[:-1].split("(")[1])), 0.0) for place in PLACES]
    model = freeze(h)
    del stimuli
    return model


def currents(sim, *amps):
    for k, amp in enumerate(amps):
        sim.var(f"IClamp[{k}].amp")[...] = amp


def unit(k):
    return [1.0 if k == j else 0.0 for j in range(len(PLACES))]


def test_transfer_resistances_are_symmetric(tree, figure):
    """K_ij = K_ji at all times of the charging curve; attenuation is not symmetric (Rall, Rinzel 1973)."""
    sim = heliox.Simulation(tree, dt=0.025, progress=False)
    records = [sim.record(f"{place}.v") for place in PLACES]
    response = []
    for k in range(len(PLACES)):
        sim.reset()
        currents(sim, *unit(k))
        sim.run(20.0)
        response.append([r.values - REST for r in records])
    transfer = np.array(response)  # (source, place, time)
    difference = np.max(np.abs(transfer - transfer.transpose(1, 0, 2))) / np.max(np.abs(transfer))
    figure("asymmetry of the transfer resistances, relative", difference)
    assert difference < 1e-11

    last = transfer[:, :, -1]
    there, back = last[0, 2] / last[0, 0], last[2, 0] / last[2, 2]
    figure("attenuation trunk to left, left to trunk", (there, back))
    assert there > 2.0 * back
    assert there * last[0, 0] == pytest.approx(back * last[2, 2], rel=1e-10)


def test_superposition(tree, figure):
    """The response to four currents together is the sum of the four responses."""
    amps = (0.3, -0.1, 0.05, 0.2)
    sim = heliox.Simulation(tree, dt=0.025, progress=False)
    v = sim.record("v")

    def response(*values):
        sim.reset()
        currents(sim, *values)
        sim.run(20.0)
        return v.values - REST

    parts = sum(response(*(a if k == j else 0.0 for j, a in enumerate(amps))) for k in range(len(amps)))
    together = response(*amps)
    error = np.max(np.abs(together - parts)) / np.max(np.abs(together))
    figure("error of superposition, relative", error)
    assert error < 1e-11


def test_charge_transfer(h, figure):
    """The time integral of a pulse's voltage is transfer resistance times charge (Rinzel and Rall 1974).

    The backward Euler step keeps this exactly: sum(v) dt = K Q.
    """
    parts, _ = branching(h, 5)
    pulse = clamp(h, parts["left"](0.5), 1.0, 1.0, 0.5)
    sim = heliox.Simulation(freeze(h), dt=0.025, progress=False)
    places = ("trunk(0)", "left(0.5)", "right(1)")
    records = [sim.record(f"{place}.v") for place in places]
    sim.run(400.0)
    integrals = np.array([np.sum(r.values[1:] - REST) * 0.025 for r in records])
    pulse.delay, pulse.dur = 0.0, 1e30
    resistance = steady(freeze(h), *places)
    error = np.max(np.abs(integrals / (0.5 * resistance) - 1.0))
    figure("error of the charge transfer, relative", error)
    assert error < 1e-9


def test_attenuation_is_that_of_cosh(h, figure):
    """V(L) / V(0) = 1 / cosh L for cables of a quarter to four length constants."""
    errors = []
    for total in (0.25, 0.5, 1.0, 2.0, 4.0):
        cable = Cable(total * 1000.0, 1.0, 100.0, 1.0, 1.0 / 40000.0)
        section = cylinder(h, "a", cable.length, 1.0, 200)
        stimulus = clamp(h, section(0), 0.1)
        near, far = steady(freeze(h), "a(0)", "a(1)")
        errors.append(far / near * np.cosh(cable.electrotonic) - 1.0)
        del stimulus
        h.delete_section(sec=section)
    figure("relative error of the attenuation, L = 0.25 ... 4", errors)
    # second order: the error grows as L dx^2, dx = L / 200
    for a, b in itertools.pairwise(errors):
        assert abs(b) > abs(a)
    assert np.max(np.abs(errors)) < 1e-4
