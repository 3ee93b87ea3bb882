"""SK_E2: small-conductance calcium-activated potassium (Kohler et al. 1996).

It runs behind CaDynamics_E2, so its gate follows the new calcium of the step.
"""

from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import Ion, MechTemp


def steady(ca):
    """Steady state at a concentration (mM)."""
    if ca < 1e-7:
        ca = ca + 1e-7
    return 1.0 / (1.0 + (0.00043 / ca) ** 4.8)


def initial(cai):
    z = steady(cai)
    return z


def current(v, z, gSK_E2bar, ek):
    gSK_E2 = gSK_E2bar * z
    ik = gSK_E2 * (v - ek)
    return gSK_E2, ik


def state(dt, z, cai, zTau):
    z = cnexp(z, -1.0 / zTau, steady(cai) / zTau, dt)
    return z


template = MechTemp(
    "SK_E2",
    "density",
    (initial, current, state),
    parameters={"gSK_E2bar": (0.000001, "S/cm2"), "zTau": (1.0, "ms")},
    states=("z",),
    assigned={"gSK_E2": "S/cm2"},
    ions={"k": Ion(("ek",), ("ik",)), "ca": Ion(("cai",))},
    currents=("ik",),
)
