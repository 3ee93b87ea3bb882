"""What the channels of this family share."""

from math import exp

E_K = -80.0  # mV
E_CA = 60.0  # mV


def sigmoid(x):
    """1/(1 + exp(-x))."""
    return 1.0 / (1.0 + exp(-x))


def egl19_m(v):
    """Steady state and time constant (ms) of the activation of EGL-19 at v (mV)."""
    x = (v - 5.2) / 6.0
    y = (v - 1.4) / 30.0
    return sigmoid((v - 5.6) / 7.5), 2.9 * exp(-(x * x)) + 1.9 * exp(-(y * y)) + 2.3


def egl19_h(v):
    """The same of its inactivation; the steady state may exceed 1."""
    inf = (1.43 * sigmoid((v - 24.9) / 12.0) + 0.14) * (5.96 * sigmoid(-(v + 20.5) / 8.1) + 0.60)
    tau = 0.4 * (44.6 * sigmoid(-(v + 23.0) / 5.0) + 36.4 * sigmoid(-(v - 28.7) / 3.7) + 43.1)
    return inf, tau


def unc2_m(v):
    """Steady state and time constant (ms) of the activation of UNC-2 at v (mV)."""
    tau = 1.5 / (exp(-(v + 8.2) / 9.1) + exp((v + 8.2) / 15.4)) + 0.1
    return sigmoid((v + 12.2) / 4.0), tau


def unc2_h(v):
    """The same of its inactivation."""
    tau = 83.8 * sigmoid(-(v - 52.9) / 3.5) + 72.1 * sigmoid((v - 23.9) / 3.6)
    return sigmoid(-(v + 52.5) / 5.6), tau
