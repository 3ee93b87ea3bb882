"""kqt3: KQT-3, slow potassium (KCNQ).

The only current of the family that reads the potassium pool's reversal potential. Both activation gates start
closed.
"""

from heliox.mechanisms.library.worm.rates import boltzmann
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import Ion, MechTemp


def activation(v):
    """Steady state of mf and ms, time constants (ms) of both, at v (mV)."""
    x = (v + 38.1) / 33.59
    fast = 395.3 / (1.0 + x * x)
    slow = 5503.0 - 5345.4 / (1.0 + 10.0 ** (0.02827 * (v + 23.9)))
    slow = slow - 4590.6 / (1.0 + 10.0 ** (-0.0357 * (v + 14.15)))
    return boltzmann(1.0, (v + 12.6726) / 15.8008), fast, slow


def inactivation(v):
    """Steady state and time constant (ms) of w, steady state of s, at v (mV)."""
    x = (v + 48.09) / 48.83
    tau = 0.544 + 29.2 / (1.0 + x * x)
    return 0.49 + boltzmann(0.51, -(v + 1.084) / 28.78), tau, 0.34 + boltzmann(0.66, -(v + 45.3) / 12.3)


def initial(v):
    mf = 0.0
    ms = 0.0
    w, wtau, s = inactivation(v)
    return mf, ms, w, s


def current(v, mf, ms, w, s, gbar, ek):
    ik = gbar * (0.3 * mf + 0.7 * ms) * w * s * (v - ek)
    return ik


def state(v, dt, mf, ms, w, s):
    minf, fast, slow = activation(v)
    winf, wtau, sinf = inactivation(v)
    mf = cnexp(mf, -1.0 / fast, minf / fast, dt)
    ms = cnexp(ms, -1.0 / slow, minf / slow, dt)
    w = cnexp(w, -1.0 / wtau, winf / wtau, dt)
    s = cnexp(s, -1.0 / 5e5, sinf / 5e5, dt)
    return mf, ms, w, s


template = MechTemp(
    "kqt3",
    "density",
    (initial, current, state),
    parameters={"gbar": (0.0, "S/cm2")},
    states=("mf", "ms", "w", "s"),
    ions={"k": Ion(("ek",), ("ik",))},
    currents=("ik",),
)
