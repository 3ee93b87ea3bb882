"""egl36: EGL-36, potassium with three speeds of opening (Kv3; Johnstone et al. 1997).

Their weights sum to 1.08, as published.
"""

from heliox.mechanisms.library.worm.rates import E_K, boltzmann
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import Ion, MechTemp


def rates(v):
    """Steady states and time constants (ms) at v (mV)."""
    inf = boltzmann(1.0, (v - 63.0) / 28.5)
    return inf, 13.0, inf, 63.0, inf, 355.0


def initial(v):
    mf, mftau, mm, mmtau, ms, mstau = rates(v)
    return mf, mm, ms


def current(v, mf, mm, ms, gbar):
    ik = gbar * (0.33 * mf + 0.36 * mm + 0.39 * ms) * (v - E_K)
    return ik


def state(v, dt, mf, mm, ms):
    mfinf, mftau, mminf, mmtau, msinf, mstau = rates(v)
    mf = cnexp(mf, -1.0 / mftau, mfinf / mftau, dt)
    mm = cnexp(mm, -1.0 / mmtau, mminf / mmtau, dt)
    ms = cnexp(ms, -1.0 / mstau, msinf / mstau, dt)
    return mf, mm, ms


template = MechTemp(
    "egl36",
    "density",
    (initial, current, state),
    parameters={"gbar": (0.0, "S/cm2")},
    states=("mf", "mm", "ms"),
    ions={"k": Ion(write=("ik",))},
    currents=("ik",),
)
