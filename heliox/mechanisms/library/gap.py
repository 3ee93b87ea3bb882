"""Gap: one side of a gap junction, ohmic. A transfer brings `vgap`, the voltage of the other side."""

from heliox.mechanisms.template import MechTemp


def current(v, g, vgap):
    i = g * (v - vgap)
    return i


template = MechTemp(
    "Gap",
    "point",
    (current,),
    parameters={"g": (0.0, "uS"), "vgap": (0.0, "mV")},
    assigned={"i": "nA"},
    currents=("i",),
)
