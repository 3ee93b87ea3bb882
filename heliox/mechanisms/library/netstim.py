"""NetStim: regular to Poisson spike trains (NEURON's netstim.mod).

`noise` 0 is regular, 1 has exponential intervals.
"""

from heliox.mechanisms.intrinsics import net_event, net_send, random_negexp, random_set_seq
from heliox.mechanisms.template import MechTemp


def next_interval(ranvar, mean, noise):
    """Draw an interval (ms); a mean <= 0 counts as 0.01 ms."""
    if mean <= 0.0:
        mean = 0.01
    if noise == 0.0:
        return mean
    return (1.0 - noise) * mean + noise * mean * random_negexp(ranvar, 1.0)


def initial(ranvar, start, number, interval, noise, event):
    random_set_seq(ranvar, 0.0)
    on = 0.0
    ispike = 0.0
    if noise < 0.0:
        noise = 0.0
    if noise > 1.0:
        noise = 1.0
    if start >= 0.0 and number > 0.0:
        on = 1.0
        event = start + next_interval(ranvar, interval, noise) - interval * (1.0 - noise)
        if event < 0.0:
            event = 0.0
        net_send(event, 3.0)
    return noise, on, ispike, event


def receive(w, flag, t, ranvar, interval, number, noise, event, on, ispike):
    if flag == 0.0:
        if w > 0.0 and on == 0.0:
            if number > 0.0:
                on = 1.0
                event = 0.0
                ispike = 0.0
                event = next_interval(ranvar, interval, noise)
            if ispike >= number:
                on = 0.0
            event = event - interval * (1.0 - noise)
            net_send(event, 1.0)
        elif w < 0.0:
            on = 0.0
    if flag == 3.0 and on == 1.0:
        if number > 0.0:
            on = 1.0
            event = 0.0
            ispike = 0.0
        net_send(0.0, 1.0)
    if flag == 1.0 and on == 1.0:
        ispike = ispike + 1.0
        net_event(t)
        if number > 0.0:
            event = next_interval(ranvar, interval, noise)
        if ispike >= number:
            on = 0.0
        if on == 1.0:
            net_send(event, 1.0)
    return event, on, ispike


template = MechTemp(
    "NetStim",
    "artificial",
    (initial, receive),
    parameters={"interval": (10.0, "ms"), "number": 10.0, "start": (50.0, "ms"), "noise": 0.0},
    assigned={"event": "ms", "on": "", "ispike": ""},
    weights=("w",),
    random=("ranvar",),
)
