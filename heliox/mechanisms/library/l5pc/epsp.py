"""epsp: current with the course of an excitatory postsynaptic potential, as in the BAC firing protocol.

The difference of two exponentials from onset on, with the peak imax.
"""

from math import exp, log

from heliox.mechanisms.template import MechTemp


def peak(tau0, tau1):
    """Largest value of exp(-t/tau1) - exp(-t/tau0)."""
    t = tau0 * tau1 * log(tau0 / tau1) / (tau0 - tau1)
    return exp(-t / tau1) - exp(-t / tau0)


def current(t, onset, tau0, tau1, imax):
    if t < onset:
        i = 0.0
    else:
        i = imax * (1.0 / peak(tau0, tau1)) * (exp(-(t - onset) / tau1) - exp(-(t - onset) / tau0))
    return i


template = MechTemp(
    "epsp",
    "point",
    (current,),
    parameters={"onset": (0.0, "ms"), "tau0": (0.2, "ms"), "tau1": (3.0, "ms"), "imax": (0.0, "nA")},
    assigned={"i": "nA"},
    currents=("i",),
    electrode=True,
)
