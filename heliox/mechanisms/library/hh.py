"""hh: Hodgkin-Huxley squid axon channels (NEURON's hh.mod; Hodgkin & Huxley 1952, J Physiol 117:500)."""

from math import exp

from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import Ion, MechTemp, Table


def vtrap(x, y):
    """x/(exp(x/y) - 1) without the 0/0 at x = 0."""
    if abs(x / y) < 1e-6:
        return y * (1.0 - x / y / 2.0)
    return x / (exp(x / y) - 1.0)


def rates(v, celsius):
    """Steady states and time constants (ms) at v (mV)."""
    q10 = 3.0 ** ((celsius - 6.3) / 10.0)
    alpha = 0.1 * vtrap(-(v + 40.0), 10.0)
    beta = 4.0 * exp(-(v + 65.0) / 18.0)
    total = alpha + beta
    mtau = 1.0 / (q10 * total)
    minf = alpha / total
    alpha = 0.07 * exp(-(v + 65.0) / 20.0)
    beta = 1.0 / (exp(-(v + 35.0) / 10.0) + 1.0)
    total = alpha + beta
    htau = 1.0 / (q10 * total)
    hinf = alpha / total
    alpha = 0.01 * vtrap(-(v + 55.0), 10.0)
    beta = 0.125 * exp(-(v + 65.0) / 80.0)
    total = alpha + beta
    ntau = 1.0 / (q10 * total)
    ninf = alpha / total
    return minf, mtau, hinf, htau, ninf, ntau


def initial(v, celsius):
    minf, mtau, hinf, htau, ninf, ntau = rates(v, celsius)
    m = minf
    h = hinf
    n = ninf
    return m, h, n, minf, mtau, hinf, htau, ninf, ntau


def current(v, m, h, n, gnabar, gkbar, gl, el, ena, ek):
    gna = gnabar * m * m * m * h
    ina = gna * (v - ena)
    gk = gkbar * n * n * n * n
    ik = gk * (v - ek)
    il = gl * (v - el)
    return gna, gk, ina, ik, il


def state(v, dt, celsius, m, h, n):
    minf, mtau, hinf, htau, ninf, ntau = rates(v, celsius)
    m = cnexp(m, -1.0 / mtau, minf / mtau, dt)
    h = cnexp(h, -1.0 / htau, hinf / htau, dt)
    n = cnexp(n, -1.0 / ntau, ninf / ntau, dt)
    return m, h, n, minf, mtau, hinf, htau, ninf, ntau


template = MechTemp(
    "hh",
    "density",
    (initial, current, state),
    parameters={
        "gnabar": (0.12, "S/cm2"),
        "gkbar": (0.036, "S/cm2"),
        "gl": (0.0003, "S/cm2"),
        "el": (-54.3, "mV"),
    },
    states=("m", "h", "n"),
    assigned={
        "gna": "S/cm2",
        "gk": "S/cm2",
        "il": "mA/cm2",
        "minf": "",
        "hinf": "",
        "ninf": "",
        "mtau": "ms",
        "htau": "ms",
        "ntau": "ms",
    },
    ions={"na": Ion(("ena",), ("ina",)), "k": Ion(("ek",), ("ik",))},
    currents=("ina", "ik", "il"),
    tables=(Table("rates", "v", -100.0, 100.0, 200, depends=("celsius",)),),
)
