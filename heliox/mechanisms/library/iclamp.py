"""IClamp: current pulse, inward positive (NEURON's stim.mod).

On in a step iff delay <= t_mid < delay + dur.
"""

from heliox.mechanisms.template import MechTemp


def initial():
    i = 0.0
    return i


def current(t, delay, dur, amp):
    i = amp if t < delay + dur and t >= delay else 0.0
    return i


template = MechTemp(
    "IClamp",
    "point",
    (initial, current),
    parameters={"delay": (0.0, "ms"), "dur": (0.0, "ms"), "amp": (0.0, "nA")},
    assigned={"i": "nA"},
    currents=("i",),
    electrode=True,
)
