"""What the channels of this family share."""

from math import exp

E_K = -80.0  # mV
E_CA = 60.0  # mV


def boltzmann(c, x):
    """c/(1 + exp(-x)), from 0 to c."""
    return c / (1.0 + exp(-x))


def egl19_m(v):
    """Steady state and time constant (ms) of the activation of EGL-19 at v (mV)."""
    x = (v - 5.2) / 6.0
    y = (v - 1.4) / 30.0
    return boltzmann(1.0, (v - 5.6) / 7.5), 2.9 * exp(-(x * x)) + 1.9 * exp(-(y * y)) + 2.3


def egl19_h(v):
    """The same of its inactivation; the steady state may exceed 1."""
    inf = (boltzmann(1.43, (v - 24.9) / 12.0) + 0.14) * (boltzmann(5.96, -(v + 20.5) / 8.1) + 0.60)
    tau = 0.4 * (boltzmann(44.6, -(v + 23.0) / 5.0) + boltzmann(36.4, -(v - 28.7) / 3.7) + 43.1)
    return inf, tau


def unc2_m(v):
    """Steady state and time constant (ms) of the activation of UNC-2 at v (mV)."""
    tau = 1.5 / (exp(-(v + 8.2) / 9.1) + exp((v + 8.2) / 15.4)) + 0.1
    return boltzmann(1.0, (v + 12.2) / 4.0), tau


def unc2_h(v):
    """The same of its inactivation."""
    tau = boltzmann(83.8, -(v - 52.9) / 3.5) + boltzmann(72.1, (v - 23.9) / 3.6)
    return boltzmann(1.0, -(v + 52.5) / 5.6), tau
