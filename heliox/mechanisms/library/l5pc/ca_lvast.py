"""Ca_LVAst: low-voltage-activated calcium (Avery & Johnston 1996; Randall 1997), shifted by 10 mV."""

from math import exp

from heliox.mechanisms.library.l5pc.rates import Q, sigmoid
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import Ion, MechTemp


def rates(v):
    """Steady states and time constants (ms) at v (mV)."""
    u = v + 10.0
    minf = sigmoid((u + 30.0) / 6.0)
    mtau = (5.0 + 20.0 / (1.0 + exp((u + 25.0) / 5.0))) / Q
    hinf = sigmoid(-(u + 80.0) / 6.4)
    htau = (20.0 + 50.0 / (1.0 + exp((u + 40.0) / 7.0))) / Q
    return minf, mtau, hinf, htau


def initial(v):
    m, mtau, h, htau = rates(v)
    return m, h


def current(v, m, h, gCa_LVAstbar, eca):
    gCa_LVAst = gCa_LVAstbar * m * m * h
    ica = gCa_LVAst * (v - eca)
    return gCa_LVAst, ica


def state(v, dt, m, h):
    minf, mtau, hinf, htau = rates(v)
    m = cnexp(m, -1.0 / mtau, minf / mtau, dt)
    h = cnexp(h, -1.0 / htau, hinf / htau, dt)
    return m, h


template = MechTemp(
    "Ca_LVAst",
    "density",
    (initial, current, state),
    parameters={"gCa_LVAstbar": (0.00001, "S/cm2")},
    states=("m", "h"),
    assigned={"gCa_LVAst": "S/cm2"},
    ions={"ca": Ion(("eca",), ("ica",))},
    currents=("ica",),
)
