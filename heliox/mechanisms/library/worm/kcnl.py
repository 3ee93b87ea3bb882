"""kcnl: KCNL, calcium-activated potassium.

It runs behind capool, so its gate follows the new calcium of the step.
"""

from heliox.mechanisms.library.worm.rates import E_K
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import Ion, MechTemp


def steady(cai):
    """Steady state at a concentration."""
    return cai / (0.33 + cai)


def initial(cai):
    m = steady(cai)
    return m


def current(v, m, gbar):
    ik = gbar * m * (v - E_K)
    return ik


def state(dt, m, cai):
    m = cnexp(m, -1.0 / 6.3, steady(cai) / 6.3, dt)
    return m


template = MechTemp(
    "kcnl",
    "density",
    (initial, current, state),
    parameters={"gbar": (0.0, "S/cm2")},
    states=("m",),
    ions={"k": Ion(write=("ik",)), "ca": Ion(("cai",))},
    currents=("ik",),
)
