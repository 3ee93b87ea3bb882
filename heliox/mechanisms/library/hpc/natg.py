"""NaTg: NaTa_t with shifts and slopes of its own in every region.

The published guard raises a voltage of exactly -38 and -66 mV, wherever the shifts have moved the 0/0.
"""

from heliox.mechanisms.library.l5pc.rates import Q, linoid
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import Ion, MechTemp


def rates(v, vshiftm, vshifth, slopem, slopeh):
    """Steady states and time constants (ms) at v (mV)."""
    if v == -38.0:
        v = v + 0.0001
    u = v - (vshiftm - 38.0)
    alpha = linoid(0.182, u, slopem)
    beta = linoid(0.124, -u, slopem)
    minf = alpha / (alpha + beta)
    mtau = 1.0 / (alpha + beta) / Q
    if v == -66.0:
        v = v + 0.0001
    w = v - (vshifth - 66.0)
    alpha = linoid(0.015, -w, slopeh)
    beta = linoid(0.015, w, slopeh)
    hinf = alpha / (alpha + beta)
    htau = 1.0 / (alpha + beta) / Q
    return minf, mtau, hinf, htau


def initial(v, vshiftm, vshifth, slopem, slopeh):
    m, mtau, h, htau = rates(v, vshiftm, vshifth, slopem, slopeh)
    return m, h


def current(v, m, h, gNaTgbar, ena):
    gNaTg = gNaTgbar * m * m * m * h
    ina = gNaTg * (v - ena)
    return gNaTg, ina


def state(v, dt, m, h, vshiftm, vshifth, slopem, slopeh):
    minf, mtau, hinf, htau = rates(v, vshiftm, vshifth, slopem, slopeh)
    m = cnexp(m, -1.0 / mtau, minf / mtau, dt)
    h = cnexp(h, -1.0 / htau, hinf / htau, dt)
    return m, h


template = MechTemp(
    "NaTg",
    "density",
    (initial, current, state),
    parameters={
        "gNaTgbar": (0.00001, "S/cm2"),
        "vshiftm": (0.0, "mV"),
        "vshifth": (0.0, "mV"),
        "slopem": (6.0, "mV"),
        "slopeh": (6.0, "mV"),
    },
    states=("m", "h"),
    assigned={"gNaTg": "S/cm2"},
    ions={"na": Ion(("ena",), ("ina",))},
    currents=("ina",),
)
