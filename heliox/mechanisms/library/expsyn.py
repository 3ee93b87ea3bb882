"""ExpSyn: conductance synapse with exponential decay (NEURON's expsyn.mod)."""

from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import MechTemp


def initial():
    g = 0.0
    return g


def current(v, g, e):
    i = g * (v - e)
    return i


def state(dt, g, tau):
    g = cnexp(g, -1.0 / tau, 0.0, dt)
    return g


def receive(weight, g):
    g = g + weight
    return g


template = MechTemp(
    "ExpSyn",
    "point",
    (initial, current, state, receive),
    parameters={"tau": (0.1, "ms"), "e": (0.0, "mV")},
    states={"g": "uS"},
    assigned={"i": "nA"},
    weights=("weight",),
    currents=("i",),
)
