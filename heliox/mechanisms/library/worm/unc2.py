"""unc2: UNC-2, high-voltage-activated calcium (P/Q type)."""

from heliox.mechanisms.library.worm.rates import E_CA, unc2_h, unc2_m
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import Ion, MechTemp


def rates(v):
    """Steady states and time constants (ms) at v (mV)."""
    minf, mtau = unc2_m(v)
    hinf, htau = unc2_h(v)
    return minf, mtau, hinf, htau


def initial(v):
    m, mtau, h, htau = rates(v)
    return m, h


def current(v, m, h, gbar):
    ica = gbar * m * h * (v - E_CA)
    return ica


def state(v, dt, m, h):
    minf, mtau, hinf, htau = rates(v)
    m = cnexp(m, -1.0 / mtau, minf / mtau, dt)
    h = cnexp(h, -1.0 / htau, hinf / htau, dt)
    return m, h


template = MechTemp(
    "unc2",
    "density",
    (initial, current, state),
    parameters={"gbar": (0.0, "S/cm2")},
    states=("m", "h"),
    ions={"ca": Ion(write=("ica",))},
    currents=("ica",),
)
