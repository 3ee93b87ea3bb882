"""irk: IRK, inward rectifier potassium."""

from math import exp

from heliox.mechanisms.library.worm.rates import E_K, boltzmann
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import Ion, MechTemp


def rates(v):
    """Steady state and time constant (ms) at v (mV)."""
    minf = boltzmann(1.0, -(v + 82.0) / 13.0)
    mtau = 17.1 / (exp(-(v + 17.8) / 20.3) + exp((v + 43.4) / 11.2)) + 3.8
    return minf, mtau


def initial(v):
    m, mtau = rates(v)
    return m


def current(v, m, gbar):
    ik = gbar * m * (v - E_K)
    return ik


def state(v, dt, m):
    minf, mtau = rates(v)
    m = cnexp(m, -1.0 / mtau, minf / mtau, dt)
    return m


template = MechTemp(
    "irk",
    "density",
    (initial, current, state),
    parameters={"gbar": (0.0, "S/cm2")},
    states=("m",),
    ions={"k": Ion(write=("ik",))},
    currents=("ik",),
)
