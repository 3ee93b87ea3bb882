"""VecStim: emits a spike at each of its times, which must ascend (NEURON's vecevent.mod)."""

from heliox.mechanisms.intrinsics import item, length, net_event, net_send_at
from heliox.mechanisms.template import MechTemp


def initial(t, spike_times):
    index = 0.0
    etime = 0.0
    if length(spike_times) > 0.0:
        etime = item(spike_times, index)
        index = 1.0
        net_send_at(t + etime - t, 1.0)  # as NEURON adds
    return index, etime


def receive(flag, t, index, etime, spike_times):
    if flag == 1.0:
        net_event(t)
        if index < length(spike_times):
            etime = item(spike_times, index)
            index = index + 1.0
            net_send_at(t + etime - t, 1.0)  # as NEURON adds
        else:
            index = -1.0
    return index, etime


template = MechTemp(
    "VecStim",
    "artificial",
    (initial, receive),
    assigned={"index": "", "etime": "ms"},
    lists={"spike_times": "ms"},
    weights=("w",),
)
