"""K_Tst: transient potassium (Korngreen & Sakmann 2000), shifted by 10 mV."""

from math import exp

from heliox.mechanisms.library.l5pc.rates import Q, sigmoid
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import Ion, MechTemp


def rates(v):
    """Steady states and time constants (ms) at v (mV)."""
    u = v + 10.0
    minf = sigmoid(u / 19.0)
    x = (u + 71.0) / 59.0
    mtau = (0.34 + 0.92 * exp(-(x * x))) / Q
    hinf = sigmoid(-(u + 66.0) / 10.0)
    x = (u + 73.0) / 23.0
    htau = (8.0 + 49.0 * exp(-(x * x))) / Q
    return minf, mtau, hinf, htau


def initial(v):
    m, mtau, h, htau = rates(v)
    return m, h


def current(v, m, h, gK_Tstbar, ek):
    gK_Tst = gK_Tstbar * m**4.0 * h
    ik = gK_Tst * (v - ek)
    return gK_Tst, ik


def state(v, dt, m, h):
    minf, mtau, hinf, htau = rates(v)
    m = cnexp(m, -1.0 / mtau, minf / mtau, dt)
    h = cnexp(h, -1.0 / htau, hinf / htau, dt)
    return m, h


template = MechTemp(
    "K_Tst",
    "density",
    (initial, current, state),
    parameters={"gK_Tstbar": (0.00001, "S/cm2")},
    states=("m", "h"),
    assigned={"gK_Tst": "S/cm2"},
    ions={"k": Ion(("ek",), ("ik",))},
    currents=("ik",),
)
