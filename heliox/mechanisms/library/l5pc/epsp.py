"""epsp: current with the course of an excitatory postsynaptic potential, as in the BAC firing protocol.

The difference of two exponentials from onset on, with the peak imax.
"""

from math import exp, log

from heliox.mechanisms.template import MechTemp


def course(t, tau0, tau1):
    """Difference of the two exponentials at t (ms)."""
    return (1.0 - exp(-t / tau0)) - (1.0 - exp(-t / tau1))


def current(t, onset, tau0, tau1, imax):
    if t < onset:
        i = 0.0
    else:
        peak = tau0 * tau1 * log(tau0 / tau1) / (tau0 - tau1)
        i = 1.0 / course(peak, tau0, tau1) * imax * course(t - onset, tau0, tau1)
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
