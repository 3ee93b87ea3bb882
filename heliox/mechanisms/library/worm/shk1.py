"""shk1: SHK-1, delayed rectifier potassium (Kv1)."""

from math import exp

from heliox.mechanisms.library.worm.rates import E_K, boltzmann
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import Ion, MechTemp


def rates(v):
    """Steady states and time constants (ms) at v (mV)."""
    minf = boltzmann(1.0, (v - 20.4) / 7.7)
    mtau = 26.6 / (exp(-(v + 33.7) / 15.8) + exp((v + 33.7) / 15.4)) + 2.0
    hinf = boltzmann(1.0, -(v + 7.0) / 5.8)
    return minf, mtau, hinf, 1400.0


def initial(v):
    m, mtau, h, htau = rates(v)
    return m, h


def current(v, m, h, gbar):
    ik = gbar * m * h * (v - E_K)
    return ik


def state(v, dt, m, h):
    minf, mtau, hinf, htau = rates(v)
    m = cnexp(m, -1.0 / mtau, minf / mtau, dt)
    h = cnexp(h, -1.0 / htau, hinf / htau, dt)
    return m, h


template = MechTemp(
    "shk1",
    "density",
    (initial, current, state),
    parameters={"gbar": (0.0, "S/cm2")},
    states=("m", "h"),
    ions={"k": Ion(write=("ik",))},
    currents=("ik",),
)
