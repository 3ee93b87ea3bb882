"""Ca: high-voltage-activated calcium, the L5PC family's Ca_HVA under the name it has in this cell."""

from heliox.mechanisms.library.l5pc.ca_hva import initial, state
from heliox.mechanisms.template import Ion, MechTemp


def current(v, m, h, gCabar, eca):
    gCa = gCabar * m * m * h
    ica = gCa * (v - eca)
    return gCa, ica


template = MechTemp(
    "Ca",
    "density",
    (initial, current, state),
    parameters={"gCabar": (0.00001, "S/cm2")},
    states=("m", "h"),
    assigned={"gCa": "S/cm2"},
    ions={"ca": Ion(("eca",), ("ica",))},
    currents=("ica",),
)
