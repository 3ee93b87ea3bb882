"""slo2_egl19: SLO-2 potassium current coupled to EGL-19."""

from heliox.mechanisms.library.worm.rates import E_K, egl19_h, egl19_m
from heliox.mechanisms.library.worm.slo import slo2
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import Ion, MechTemp


def initial(v):
    m = 0.0
    m_c, tau = egl19_m(v)
    h_c, htau = egl19_h(v)
    return m, m_c, h_c


def current(v, m, h_c, gbar):
    ik = gbar * m * h_c * (v - E_K)
    return ik


def state(v, dt, m, m_c, h_c):
    inf, tau = egl19_m(v)
    minf, mtau = slo2(v, m_c, inf, tau)
    hinf, htau = egl19_h(v)
    m = cnexp(m, -1.0 / mtau, minf / mtau, dt)
    m_c = cnexp(m_c, -1.0 / tau, inf / tau, dt)
    h_c = cnexp(h_c, -1.0 / htau, hinf / htau, dt)
    return m, m_c, h_c


template = MechTemp(
    "slo2_egl19",
    "density",
    (initial, current, state),
    parameters={"gbar": (0.0, "S/cm2")},
    states=("m", "m_c", "h_c"),
    ions={"k": Ion(write=("ik",))},
    currents=("ik",),
)
