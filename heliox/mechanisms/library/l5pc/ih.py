"""Ih: hyperpolarisation-activated cation current (Kole, Hallermann & Stuart 2006)."""

from math import exp

from heliox.mechanisms.library.l5pc.rates import linoid
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import MechTemp


def rates(v):
    """Steady state and time constant (ms) at v (mV)."""
    if v == -154.9:
        v = v + 0.0001
    alpha = linoid(0.00643, -v - 154.9, 11.9)
    beta = 0.193 * exp(v / 33.1)
    return alpha / (alpha + beta), 1.0 / (alpha + beta)


def initial(v):
    m, mtau = rates(v)
    return m


def current(v, m, gIhbar, ehcn):
    gIh = gIhbar * m
    ihcn = gIh * (v - ehcn)
    return gIh, ihcn


def state(v, dt, m):
    minf, mtau = rates(v)
    m = cnexp(m, -1.0 / mtau, minf / mtau, dt)
    return m


template = MechTemp(
    "Ih",
    "density",
    (initial, current, state),
    parameters={"gIhbar": (0.00001, "S/cm2"), "ehcn": (-45.0, "mV")},
    states=("m",),
    assigned={"gIh": "S/cm2", "ihcn": "mA/cm2"},
    currents=("ihcn",),
)
