"""NaTs2_t: transient sodium of the soma's kind: NaTa_t with both gates 6 mV further to the right."""

from heliox.mechanisms.library.l5pc.rates import Q, linoid
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import Ion, MechTemp


def rates(v):
    """Steady states and time constants (ms) at v (mV)."""
    if v == -32.0:
        v = v + 0.0001
    alpha = linoid(0.182, v + 32.0, 6.0)
    beta = linoid(0.124, -v - 32.0, 6.0)
    minf = alpha / (alpha + beta)
    mtau = 1.0 / (alpha + beta) / Q
    if v == -60.0:
        v = v + 0.0001
    alpha = linoid(0.015, -v - 60.0, 6.0)
    beta = linoid(0.015, v + 60.0, 6.0)
    hinf = alpha / (alpha + beta)
    htau = 1.0 / (alpha + beta) / Q
    return minf, mtau, hinf, htau


def initial(v):
    m, mtau, h, htau = rates(v)
    return m, h


def current(v, m, h, gNaTs2_tbar, ena):
    gNaTs2_t = gNaTs2_tbar * m * m * m * h
    ina = gNaTs2_t * (v - ena)
    return gNaTs2_t, ina


def state(v, dt, m, h):
    minf, mtau, hinf, htau = rates(v)
    m = cnexp(m, -1.0 / mtau, minf / mtau, dt)
    h = cnexp(h, -1.0 / htau, hinf / htau, dt)
    return m, h


template = MechTemp(
    "NaTs2_t",
    "density",
    (initial, current, state),
    parameters={"gNaTs2_tbar": (0.00001, "S/cm2")},
    states=("m", "h"),
    assigned={"gNaTs2_t": "S/cm2"},
    ions={"na": Ion(("ena",), ("ina",))},
    currents=("ina",),
)
