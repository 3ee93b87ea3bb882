"""IntFire1: leaky integrator of instantaneous inputs that fires at 1 (NEURON's intfire1.mod)."""

from math import exp

from heliox.mechanisms.intrinsics import net_event, net_send
from heliox.mechanisms.template import MechTemp


def initial(t):
    m = 0.0
    t0 = t
    refractory = 0.0
    return m, t0, refractory


def receive(w, flag, t, tau, refrac, m, t0, refractory):
    if refractory == 0.0:
        m = m * exp(-(t - t0) / tau)
        t0 = t
        m = m + w
        if m > 1.0:
            refractory = 1.0
            m = 2.0
            net_send(refrac, refractory)
            net_event(t)
    elif flag == 1.0:
        t0 = t
        refractory = 0.0
        m = 0.0
    return m, t0, refractory


template = MechTemp(
    "IntFire1",
    "artificial",
    (initial, receive),
    parameters={"tau": (10.0, "ms"), "refrac": (5.0, "ms")},
    assigned={"m": "", "t0": "ms", "refractory": ""},
    weights=("w",),
)
