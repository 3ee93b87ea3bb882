"""PatternStim: the spikes that NEURON's PatternStim fires for one gid of which no cell is in the model.

In NEURON one object fires for many gids; here each gid is an instance, whose number is the gid. NEURON hands
out spikes in groups ahead of their time. So an instance wakes at times of their own, a moment before its
spikes, and the time of a spike is exact, not the sum of time and waiting time.
"""

from heliox.mechanisms.intrinsics import item, length, net_event, net_send
from heliox.mechanisms.template import MechTemp


def initial(t, wake_times):
    index = 0.0
    if length(wake_times) > 0.0:
        net_send(item(wake_times, index) - t, 1.0)  # spikes before 0 are delivered at 0 in their order
    return index


def receive(flag, t, index, spike_times, wake_times):
    if flag == 1.0:
        net_event(item(spike_times, index))
        index = index + 1.0
        if index < length(wake_times):
            net_send(max(0.0, item(wake_times, index) - t), 1.0)
    return index


template = MechTemp(
    "PatternStim",
    "artificial",
    (initial, receive),
    assigned={"index": ""},
    lists={"spike_times": "ms", "wake_times": "ms"},
    weights=("w",),
)
