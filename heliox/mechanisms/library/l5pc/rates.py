"""What the channels of this family share."""

from math import exp

Q = 2.3**1.3  # temperature factor, (34 - 21)/10 decades of ten degrees with Q10 2.3


def linoid(c, u, k):
    """c*u/(1 - exp(-u/k)), and its limit c*k at u = 0."""
    if u == 0.0:
        return c * k
    return c * u / (1.0 - exp(-u / k))


def sigmoid(x):
    """1/(1 + exp(-x))."""
    return 1.0 / (1.0 + exp(-x))


def sodium_m(v):
    """Steady state and time constant (ms, without `Q`) of the activation of transient sodium, from v (mV)."""
    alpha = linoid(0.182, v + 38.0, 6.0)
    beta = linoid(0.124, -v - 38.0, 6.0)
    return alpha / (alpha + beta), 1.0 / (alpha + beta)


def sodium_h(v):
    """The same of its inactivation."""
    alpha = linoid(0.015, -v - 66.0, 6.0)
    beta = linoid(0.015, v + 66.0, 6.0)
    return alpha / (alpha + beta), 1.0 / (alpha + beta)
