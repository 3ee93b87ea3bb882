"""Im: muscarinic potassium (Adams et al. 1982)."""

from math import exp

from heliox.mechanisms.library.l5pc.rates import Q
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import Ion, MechTemp


def rates(v):
    """Steady state and time constant (ms) at v (mV)."""
    alpha = 0.0033 * exp(0.1 * (v + 35.0))
    beta = 0.0033 * exp(-0.1 * (v + 35.0))
    return alpha / (alpha + beta), 1.0 / (alpha + beta) / Q


def initial(v):
    m, mtau = rates(v)
    return m


def current(v, m, gImbar, ek):
    gIm = gImbar * m
    ik = gIm * (v - ek)
    return gIm, ik


def state(v, dt, m):
    minf, mtau = rates(v)
    m = cnexp(m, -1.0 / mtau, minf / mtau, dt)
    return m


template = MechTemp(
    "Im",
    "density",
    (initial, current, state),
    parameters={"gImbar": (0.00001, "S/cm2")},
    states=("m",),
    assigned={"gIm": "S/cm2"},
    ions={"k": Ion(("ek",), ("ik",))},
    currents=("ik",),
)
