"""Exp2Syn: conductance synapse with exponential rise and decay (NEURON's exp2syn.mod).

Its peak is normalised to the weight.
"""

from math import exp, log

from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import MechTemp


def initial(tau1, tau2):
    if tau1 / tau2 > 0.9999:
        tau1 = 0.9999 * tau2
    if tau1 / tau2 < 1e-9:
        tau1 = tau2 * 1e-9
    A = 0.0
    B = 0.0
    tp = (tau1 * tau2) / (tau2 - tau1) * log(tau2 / tau1)
    factor = -exp(-tp / tau1) + exp(-tp / tau2)
    factor = 1.0 / factor
    return tau1, A, B, factor


def current(v, A, B, e):
    g = B - A
    i = g * (v - e)
    return g, i


def state(dt, A, B, tau1, tau2):
    A = cnexp(A, -1.0 / tau1, 0.0, dt)
    B = cnexp(B, -1.0 / tau2, 0.0, dt)
    return A, B


def receive(weight, A, B, factor):
    A = A + weight * factor
    B = B + weight * factor
    return A, B


template = MechTemp(
    "Exp2Syn",
    "point",
    (initial, current, state, receive),
    parameters={"tau1": (0.1, "ms"), "tau2": (10.0, "ms"), "e": (0.0, "mV")},
    states={"A": "uS", "B": "uS"},
    assigned={"i": "nA", "g": "uS", "factor": ""},
    weights=("weight",),
    currents=("i",),
)
