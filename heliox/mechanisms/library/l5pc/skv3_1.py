"""SKv3_1: fast, non-inactivating potassium (Shaw-related; Rettig et al. 1992)."""

from math import exp

from heliox.mechanisms.library.l5pc.rates import sigmoid
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import Ion, MechTemp


def rates(v):
    """Steady state and time constant (ms) at v (mV)."""
    minf = sigmoid((v - 18.7) / 9.7)
    mtau = 4.0 / (1.0 + exp((v + 46.56) / -44.14))
    return minf, mtau


def initial(v):
    m, mtau = rates(v)
    return m


def current(v, m, gSKv3_1bar, ek):
    gSKv3_1 = gSKv3_1bar * m
    ik = gSKv3_1 * (v - ek)
    return gSKv3_1, ik


def state(v, dt, m):
    minf, mtau = rates(v)
    m = cnexp(m, -1.0 / mtau, minf / mtau, dt)
    return m


template = MechTemp(
    "SKv3_1",
    "density",
    (initial, current, state),
    parameters={"gSKv3_1bar": (0.00001, "S/cm2")},
    states=("m",),
    assigned={"gSKv3_1": "S/cm2"},
    ions={"k": Ion(("ek",), ("ik",))},
    currents=("ik",),
)
