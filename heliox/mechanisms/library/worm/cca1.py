"""cca1: CCA-1, low-voltage-activated calcium."""

from heliox.mechanisms.library.worm.rates import E_CA, boltzmann
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import Ion, MechTemp


def rates(v):
    """Steady states and time constants (ms) at v (mV)."""
    minf = boltzmann(1.0, (v + 43.32) / 7.6)
    mtau = boltzmann(40.0, -(v + 62.5) / 12.6) + 0.7
    hinf = boltzmann(1.0, -(v + 58.0) / 7.0)
    htau = boltzmann(280.0, -(v + 60.7) / 8.5) + 19.8
    return minf, mtau, hinf, htau


def initial(v):
    m, mtau, h, htau = rates(v)
    return m, h


def current(v, m, h, gbar):
    ica = gbar * m * m * h * (v - E_CA)
    return ica


def state(v, dt, m, h):
    minf, mtau, hinf, htau = rates(v)
    m = cnexp(m, -1.0 / mtau, minf / mtau, dt)
    h = cnexp(h, -1.0 / htau, hinf / htau, dt)
    return m, h


template = MechTemp(
    "cca1",
    "density",
    (initial, current, state),
    parameters={"gbar": (0.0, "S/cm2")},
    states=("m", "h"),
    ions={"ca": Ion(write=("ica",))},
    currents=("ica",),
)
