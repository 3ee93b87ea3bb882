"""OClamp: voltage clamp between two times (NEURON's oclmp.mod)."""

from heliox.mechanisms.library.seclamp import clamp_current
from heliox.mechanisms.template import MechTemp


def initial():
    onflag = 0.0
    return onflag


def current(v, t, on, off, rs, vc, switched_on):
    onflag = 0.0
    if switched_on != 0.0 and t >= on and t <= off:
        onflag = 1.0
    i = clamp_current(onflag, vc, v, rs)
    return onflag, i


def state(v, onflag, vc, rs):
    i = clamp_current(onflag, vc, v, rs)
    return i


template = MechTemp(
    "OClamp",
    "point",
    (initial, current, state),
    parameters={
        "rs": (1.0, "megohm"),
        "on": (0.0, "ms"),
        "off": (0.0, "ms"),
        "vc": (0.0, "mV"),
        "switched_on": 0.0,
    },
    assigned={"i": "nA", "onflag": ""},
    currents=("i",),
    electrode=True,
)
