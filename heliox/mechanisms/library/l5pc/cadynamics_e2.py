"""CaDynamics_E2: calcium in a shell below the membrane (Destexhe et al. 1994).

Inflow without pump, buffering as the free fraction gamma, removal with the time constant decay.
"""

from heliox.mechanisms.methods import F, cnexp
from heliox.mechanisms.template import Ion, MechTemp


def state(dt, cai, ica, gamma, decay, depth, minCai):
    inflow = -10000.0 * (ica * gamma / (2.0 * F * depth))
    cai = cnexp(cai, -1.0 / decay, inflow - -minCai / decay, dt)
    return cai


template = MechTemp(
    "CaDynamics_E2",
    "density",
    (state,),
    parameters={
        "gamma": (0.05, ""),
        "decay": (80.0, "ms"),
        "depth": (0.1, "um"),
        "minCai": (1e-4, "mM"),
    },
    ions={"ca": Ion(("ica",), ("cai",))},
)
