"""Nap_Et2: persistent sodium (Magistretti & Alonso 1999)."""

from heliox.mechanisms.library.l5pc.rates import Q, linoid, sigmoid, sodium_m
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import Ion, MechTemp


def rates(v):
    """Steady states and time constants (ms) at v (mV)."""
    minf = sigmoid((v + 52.6) / 4.6)
    if v == -38.0:
        v = v + 0.0001
    transient, mtau = sodium_m(v)
    if v == -17.0:
        v = v + 0.0001
    if v == -64.4:
        v = v + 0.0001
    hinf = sigmoid(-(v + 48.8) / 10.0)
    alpha = linoid(2.88e-6, -v - 17.0, 4.63)
    beta = linoid(6.94e-6, v + 64.4, 2.63)
    htau = 1.0 / (alpha + beta) / Q
    return minf, 6.0 * mtau / Q, hinf, htau


def initial(v):
    m, mtau, h, htau = rates(v)
    return m, h


def current(v, m, h, gNap_Et2bar, ena):
    gNap_Et2 = gNap_Et2bar * m * m * m * h
    ina = gNap_Et2 * (v - ena)
    return gNap_Et2, ina


def state(v, dt, m, h):
    minf, mtau, hinf, htau = rates(v)
    m = cnexp(m, -1.0 / mtau, minf / mtau, dt)
    h = cnexp(h, -1.0 / htau, hinf / htau, dt)
    return m, h


template = MechTemp(
    "Nap_Et2",
    "density",
    (initial, current, state),
    parameters={"gNap_Et2bar": (0.00001, "S/cm2")},
    states=("m", "h"),
    assigned={"gNap_Et2": "S/cm2"},
    ions={"na": Ion(("ena",), ("ina",))},
    currents=("ina",),
)
