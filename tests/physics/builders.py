"""Models of these tests, built in a NEURON session, and short ways to freeze and run them."""

import numpy as np

import heliox

RALLPACK = {"ra": 100.0, "cm": 1.0, "g": 1.0 / 40000.0}  # 1 ohm m, 0.01 F/m2, 4 ohm m2
REST = -65.0


def cylinder(h, name, length, diam, nseg, *, ra=100.0, cm=1.0, g=1.0 / 40000.0, hh=False):
    """A section with passive membrane, or with Hodgkin and Huxley's and this leak; rest at -65 mV."""
    section = h.Section(name=name)
    section.L, section.diam, section.nseg, section.Ra, section.cm = length, diam, nseg, ra, cm
    if hh:
        section.insert("hh")
        section.gl_hh, section.el_hh, section.ena, section.ek = g, REST, 50.0, -77.0
    else:
        section.insert("pas")
        section.g_pas, section.e_pas = g, REST
    return section


def clamp(h, segment, amp, delay=0.0, duration=1e30):
    """A current of `amp` nA."""
    stimulus = h.IClamp(segment)
    stimulus.delay, stimulus.dur, stimulus.amp = delay, duration, amp
    return stimulus


def freeze(h, secondorder=0):
    """The session as a model at rest."""
    h.secondorder = secondorder
    return heliox.from_neuron(v_init=REST)


def simulate(model, duration, dt, *names, every=None):
    """Times and the recorded variables of a run."""
    sim = heliox.Simulation(model, dt=dt, progress=False)
    records = [sim.record(name, every=every) for name in names]
    sim.run(duration)
    return records[0].t, *(r.values for r in records)


def steady(model, *where):
    """Steady state: depolarization (mV) at places, by backward Euler steps that are long against any tau.

    A step of 1e7 ms shortens what is left of a transient by more than 1e5; ten steps leave nothing.
    """
    assert model.settings.secondorder == 0
    sim = heliox.Simulation(model, dt=1e7, progress=False)
    sim.run(1e8)
    return np.array([sim.var(f"{place}.v")[...].item() - REST for place in where])


def branching(h, nseg):
    """A trunk whose end carries two branches, unlike in everything, and their lengths and diameters."""
    sizes = {"trunk": (400.0, 3.0), "left": (700.0, 1.1), "right": (300.0, 2.3)}
    parts = {name: cylinder(h, name, *size, nseg, g=1e-4) for name, size in sizes.items()}
    parts["left"].connect(parts["trunk"](1))
    parts["right"].connect(parts["trunk"](1))
    return parts, sizes


def rall_tree(h, depth=10):
    """Rallpack 2: a binary tree of one-compartment branches; diameters fall by 2^(2/3), lengths by 2^(1/3).

    The root branch is 32 um long and 16 um wide. Sections ``branch_0`` (the root), ..., in levels.
    """
    branches = []
    for k in range(2**depth - 1):
        level = (k + 1).bit_length() - 1
        length, diam = 32.0 * 2.0 ** (-level / 3.0), 16.0 * 2.0 ** (-2.0 * level / 3.0)
        branches.append(cylinder(h, f"branch_{k}", length, diam, 1))
        if k:
            branches[k].connect(branches[(k - 1) // 2](1))
    return branches
