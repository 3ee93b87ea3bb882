"""AlphaSynapse: conductance gmax*x*exp(1 - x), x = (t - onset)/tau (NEURON's syn.mod)."""

from math import exp

from heliox.mechanisms.template import MechTemp


def alpha(x):
    """Alpha function with peak 1 at x = 1, cut off at x = 10."""
    if x < 0.0 or x > 10.0:
        return 0.0
    return x * exp(1.0 - x)


def current(v, t, onset, tau, gmax, e):
    g = gmax * alpha((t - onset) / tau)
    i = g * (v - e)
    return g, i


template = MechTemp(
    "AlphaSynapse",
    "point",
    (current,),
    parameters={"onset": (0.0, "ms"), "tau": (0.1, "ms"), "gmax": (0.0, "uS"), "e": (0.0, "mV")},
    assigned={"i": "nA", "g": "uS"},
    currents=("i",),
)
