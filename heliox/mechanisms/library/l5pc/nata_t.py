"""NaTa_t: transient sodium of the axon's kind (Colbert & Pan 2002)."""

from heliox.mechanisms.library.l5pc.rates import Q, sodium_h, sodium_m
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import Ion, MechTemp


def rates(v):
    """Steady states and time constants (ms) at v (mV)."""
    if v == -38.0:
        v = v + 0.0001
    minf, mtau = sodium_m(v)
    if v == -66.0:
        v = v + 0.0001
    hinf, htau = sodium_h(v)
    return minf, mtau / Q, hinf, htau / Q


def initial(v):
    m, mtau, h, htau = rates(v)
    return m, h


def current(v, m, h, gNaTa_tbar, ena):
    gNaTa_t = gNaTa_tbar * m * m * m * h
    ina = gNaTa_t * (v - ena)
    return gNaTa_t, ina


def state(v, dt, m, h):
    minf, mtau, hinf, htau = rates(v)
    m = cnexp(m, -1.0 / mtau, minf / mtau, dt)
    h = cnexp(h, -1.0 / htau, hinf / htau, dt)
    return m, h


template = MechTemp(
    "NaTa_t",
    "density",
    (initial, current, state),
    parameters={"gNaTa_tbar": (0.00001, "S/cm2")},
    states=("m", "h"),
    assigned={"gNaTa_t": "S/cm2"},
    ions={"na": Ion(("ena",), ("ina",))},
    currents=("ina",),
)
