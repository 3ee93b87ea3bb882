"""pas: passive leak (NEURON's passive.mod)."""

from heliox.mechanisms.template import MechTemp


def current(v, g, e):
    i = g * (v - e)
    return i


template = MechTemp(
    "pas",
    "density",
    (current,),
    parameters={"g": (0.001, "S/cm2"), "e": (-70.0, "mV")},
    assigned={"i": "mA/cm2"},
    currents=("i",),
)
