"""fastpas: passive leak whose conductance is given, not a difference quotient (NEURON's passive0.cpp)."""

from heliox.mechanisms.template import MechTemp


def current(v, g, e):
    i = g * (v - e)
    return i


def conductance(g):
    g_i = g
    return g_i


template = MechTemp(
    "fastpas",
    "density",
    (current, conductance),
    parameters={"g": (5e-4, "S/cm2"), "e": (-65.0, "mV")},
    assigned={"i": "mA/cm2"},
    currents=("i",),
)
