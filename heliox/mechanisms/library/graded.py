"""GradedSyn: a graded synapse without memory, ``w`` times the positive part of a presynaptic voltage.

The current ``-g w max(vpre, 0)`` depends on no postsynaptic voltage. A transfer brings `vpre` as it is at the
start of the step; without a transfer it is a number, as for a bias (Zhang et al. 2023, Nat Commun 14:5798).
"""

from heliox.mechanisms.template import MechTemp


def current(vpre, w, g):
    i = -(g * w * max(vpre, 0.0))
    return i


template = MechTemp(
    "GradedSyn",
    "point",
    (current,),
    parameters={"w": (0.0, ""), "g": (0.0, "uS"), "vpre": (0.0, "mV")},
    assigned={"i": "nA"},
    currents=("i",),
)
