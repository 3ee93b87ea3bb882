"""worm_synapse: graded chemical synapse.

Its conductance follows a presynaptic voltage without spikes: `vpre`, which a transfer brings. The sign of the
weight at initialization decides whether the synapse excites or inhibits; its size scales the conductance.
"""

from heliox.mechanisms.library.worm.rates import boltzmann
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import MechTemp

SHORTEST = 1e-9  # ms, so that a saturated synapse divides by no zero


def steady(vpre):
    """Activation in the long run at a presynaptic voltage (mV)."""
    return boltzmann(1.0, (vpre + 20.0) / 5.0)


def initial(w, vpre):
    if w > 0.0:
        gmax = 4.9
        k = 0.5
        e = 30.0
    else:
        gmax = 2.0
        k = 0.015000001
        e = -70.0
    s = steady(vpre)
    return gmax, k, e, s


def current(v, s, w, gmax, e):
    g = abs(w) * gmax * s
    i = g * (v - e)
    return g, i


def state(dt, s, vpre, k):
    inf = steady(vpre)
    tau = max((1.0 - inf) / k, SHORTEST)
    s = cnexp(s, -1.0 / tau, inf / tau, dt)
    return s


template = MechTemp(
    "worm_synapse",
    "point",
    (initial, current, state),
    parameters={"w": (0.0, ""), "vpre": (-65.0, "mV")},
    states=("s",),
    assigned={"g": "uS", "i": "nA", "gmax": "uS", "k": "1/ms", "e": "mV"},
    currents=("i",),
)
