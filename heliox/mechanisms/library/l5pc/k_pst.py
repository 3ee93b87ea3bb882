"""K_Pst: persistent potassium (Korngreen & Sakmann 2000), shifted by 10 mV.

The two branches of the time constant of m do not quite meet at -60 mV.
"""

from math import exp

from heliox.mechanisms.library.l5pc.rates import Q, sigmoid
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import Ion, MechTemp


def rates(v):
    """Steady states and time constants (ms) at v (mV)."""
    u = v + 10.0
    minf = sigmoid((u + 1.0) / 12.0)
    if u < -50.0:
        mtau = (1.25 + 175.03 * exp(0.026 * u)) / Q
    else:
        mtau = (1.25 + 13.0 * exp(-0.026 * u)) / Q
    hinf = sigmoid(-(u + 54.0) / 11.0)
    x = (u + 75.0) / 48.0
    htau = (360.0 + (1010.0 + 24.0 * (u + 55.0)) * exp(-(x * x))) / Q
    return minf, mtau, hinf, htau


def initial(v):
    m, mtau, h, htau = rates(v)
    return m, h


def current(v, m, h, gK_Pstbar, ek):
    gK_Pst = gK_Pstbar * m * m * h
    ik = gK_Pst * (v - ek)
    return gK_Pst, ik


def state(v, dt, m, h):
    minf, mtau, hinf, htau = rates(v)
    m = cnexp(m, -1.0 / mtau, minf / mtau, dt)
    h = cnexp(h, -1.0 / htau, hinf / htau, dt)
    return m, h


template = MechTemp(
    "K_Pst",
    "density",
    (initial, current, state),
    parameters={"gK_Pstbar": (0.00001, "S/cm2")},
    states=("m", "h"),
    assigned={"gK_Pst": "S/cm2"},
    ions={"k": Ion(("ek",), ("ik",))},
    currents=("ik",),
)
