"""kvs1: KVS-1, inactivating potassium."""

from heliox.mechanisms.library.worm.rates import E_K, boltzmann
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import Ion, MechTemp


def rates(v):
    """Steady states and time constants (ms) at v (mV)."""
    minf = boltzmann(1.0, (v - 57.1) / 25.0)
    mtau = boltzmann(30.0, -(v - 18.1) / 20.0) + 1.0
    hinf = boltzmann(1.0, -(v - 47.3) / 11.1)
    htau = boltzmann(88.5, -(v - 50.0) / 15.0) + 53.4
    return minf, mtau, hinf, htau


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
    "kvs1",
    "density",
    (initial, current, state),
    parameters={"gbar": (0.0, "S/cm2")},
    states=("m", "h"),
    ions={"k": Ion(write=("ik",))},
    currents=("ik",),
)
