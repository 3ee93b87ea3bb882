"""shl1: SHL-1, transient potassium (Kv4)."""

from math import exp

from heliox.mechanisms.library.worm.rates import E_K, boltzmann
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import Ion, MechTemp


def rates(v):
    """Steady states and time constants (ms) at v (mV)."""
    minf = boltzmann(1.0, (v - 11.2) / 14.1)
    mtau = 0.4 * (13.8 / (exp(-(v + 17.5) / 12.9) + exp((v + 3.7) / 6.5)) + 1.9)
    hinf = boltzmann(1.0, -(v + 33.1) / 8.3)
    hftau = 0.08 * (boltzmann(539.2, -(v + 28.2) / 4.9) + 27.3)
    hstau = 0.3 * (boltzmann(8422.0, -(v + 37.7) / 6.4) + 118.9)
    return minf, mtau, hinf, hftau, hinf, hstau


def initial(v):
    m, mtau, hf, hftau, hs, hstau = rates(v)
    return m, hf, hs


def current(v, m, hf, hs, gbar):
    ik = gbar * m * m * m * (0.7 * hf + 0.3 * hs) * (v - E_K)
    return ik


def state(v, dt, m, hf, hs):
    minf, mtau, hfinf, hftau, hsinf, hstau = rates(v)
    m = cnexp(m, -1.0 / mtau, minf / mtau, dt)
    hf = cnexp(hf, -1.0 / hftau, hfinf / hftau, dt)
    hs = cnexp(hs, -1.0 / hstau, hsinf / hstau, dt)
    return m, hf, hs


template = MechTemp(
    "shl1",
    "density",
    (initial, current, state),
    parameters={"gbar": (0.0, "S/cm2")},
    states=("m", "hf", "hs"),
    ions={"k": Ion(write=("ik",))},
    currents=("ik",),
)
