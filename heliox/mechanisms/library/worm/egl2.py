"""egl2: EGL-2, slow potassium (EAG; Weinshenker et al. 1999)."""

from heliox.mechanisms.library.worm.rates import E_K, boltzmann
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import Ion, MechTemp


def rates(v):
    """Steady state and time constant (ms) at v (mV)."""
    minf = boltzmann(1.0, (v + 6.9) / 14.9)
    mtau = boltzmann(1845.8, -(v + 122.6) / 13.8) + 1517.74
    return minf, mtau


def initial(v):
    m, mtau = rates(v)
    return m


def current(v, m, gbar):
    ik = gbar * m * (v - E_K)
    return ik


def state(v, dt, m):
    minf, mtau = rates(v)
    m = cnexp(m, -1.0 / mtau, minf / mtau, dt)
    return m


template = MechTemp(
    "egl2",
    "density",
    (initial, current, state),
    parameters={"gbar": (0.0, "S/cm2")},
    states=("m",),
    ions={"k": Ion(write=("ik",))},
    currents=("ik",),
)
