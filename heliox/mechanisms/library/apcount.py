"""APCount: counts upward crossings of `thresh` in the state phase (NEURON's apcount.mod)."""

from heliox.mechanisms.template import MechTemp


def initial(v, t, thresh, time):
    n = 0.0
    firing = 0.0
    if v >= thresh:
        firing = 1.0
        time = t
        n = 1.0
    return n, firing, time


def state(v, t, thresh, n, firing, time):
    if v >= thresh and firing == 0.0:
        firing = 1.0
        time = t
        n = n + 1.0
    if firing != 0.0 and v < thresh and t > time:
        firing = 0.0
    return n, firing, time


template = MechTemp(
    "APCount",
    "point",
    (initial, state),
    parameters={"n": 0.0, "thresh": (-20.0, "mV"), "time": (0.0, "ms")},
    assigned={"firing": ""},
)
