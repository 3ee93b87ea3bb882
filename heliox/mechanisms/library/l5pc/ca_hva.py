"""Ca_HVA: high-voltage-activated calcium (Reuveni et al. 1993)."""

from math import exp

from heliox.mechanisms.library.l5pc.rates import linoid
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import Ion, MechTemp


def rates(v):
    """Steady states and time constants (ms) at v (mV)."""
    if v == -27.0:
        v = v + 0.0001
    alpha = linoid(0.055, v + 27.0, 3.8)
    beta = 0.94 * exp((-75.0 - v) / 17.0)
    minf = alpha / (alpha + beta)
    mtau = 1.0 / (alpha + beta)
    alpha = 0.000457 * exp((-13.0 - v) / 50.0)
    beta = 0.0065 / (exp((-v - 15.0) / 28.0) + 1.0)
    return minf, mtau, alpha / (alpha + beta), 1.0 / (alpha + beta)


def initial(v):
    m, mtau, h, htau = rates(v)
    return m, h


def current(v, m, h, gCa_HVAbar, eca):
    gCa_HVA = gCa_HVAbar * m * m * h
    ica = gCa_HVA * (v - eca)
    return gCa_HVA, ica


def state(v, dt, m, h):
    minf, mtau, hinf, htau = rates(v)
    m = cnexp(m, -1.0 / mtau, minf / mtau, dt)
    h = cnexp(h, -1.0 / htau, hinf / htau, dt)
    return m, h


template = MechTemp(
    "Ca_HVA",
    "density",
    (initial, current, state),
    parameters={"gCa_HVAbar": (0.00001, "S/cm2")},
    states=("m", "h"),
    assigned={"gCa_HVA": "S/cm2"},
    ions={"ca": Ion(("eca",), ("ica",))},
    currents=("ica",),
)
