"""nca: NCA, sodium leak."""

from heliox.mechanisms.template import MechTemp


def current(v, gbar, e):
    i = gbar * (v - e)
    return i


template = MechTemp(
    "nca",
    "density",
    (current,),
    parameters={"gbar": (0.0, "S/cm2"), "e": (30.0, "mV")},
    assigned={"i": "mA/cm2"},
    currents=("i",),
)
