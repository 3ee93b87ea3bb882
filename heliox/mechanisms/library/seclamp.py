"""SEClamp: single electrode voltage clamp with three levels (NEURON's svclmp.mod).

The current shown is that of the voltage at the end of the step: `state` evaluates it again.
"""

from heliox.mechanisms.template import MechTemp


def clamp_current(on, vc, v, rs):
    """Current (nA) of the switched electrode."""
    if on > 0.0:
        return (vc - v) / rs
    return 0.0


def initial(dur1, dur2, dur3):
    tc2 = dur1 + dur2
    tc3 = tc2 + dur3
    on = 0.0
    return tc2, tc3, on


def current(v, t, dur1, amp1, amp2, amp3, tc2, tc3, rs):
    on = 1.0
    if t < dur1:
        vc = amp1
    elif t < tc2:
        vc = amp2
    elif t < tc3:
        vc = amp3
    else:
        vc = 0.0
        on = 0.0
    i = clamp_current(on, vc, v, rs)
    return on, vc, i


def state(v, on, vc, rs):
    i = clamp_current(on, vc, v, rs)
    return i


template = MechTemp(
    "SEClamp",
    "point",
    (initial, current, state),
    parameters={
        "rs": (1.0, "megohm"),
        "dur1": (0.0, "ms"),
        "amp1": (0.0, "mV"),
        "dur2": (0.0, "ms"),
        "amp2": (0.0, "mV"),
        "dur3": (0.0, "ms"),
        "amp3": (0.0, "mV"),
    },
    assigned={"i": "nA", "vc": "mV", "tc2": "ms", "tc3": "ms", "on": ""},
    currents=("i",),
    electrode=True,
)
