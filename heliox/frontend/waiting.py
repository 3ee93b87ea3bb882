"""Reading the queue of a NEURON session; `h` is always given, never imported."""

from __future__ import annotations

from typing import Any

import numpy as np

from heliox.frontend import savestate
from heliox.frontend.membrane import Membrane
from heliox.frontend.problems import Report
from heliox.frontend.savestate import SaveState
from heliox.frontend.sources import Network
from heliox.model.model import Connections, Events


def read_events(
    h: Any, net: Network, membrane: Membrane, state: SaveState, connections: Connections, report: Report
) -> Events:
    """What waits for instances of the model, in order of delivery."""
    cvode = h.CVode()
    times, flags, targets = h.Vector(), h.Vector(), h.List()
    cvode.event_queue_info(3, times, flags, targets)  # the file has the flags with six digits only
    self_events = zip(list(times), list(flags), list(targets))
    heard = connections.mechanism >= 0
    rows: list[tuple] = []
    for j, item in enumerate(state.queue):
        if item.kind == savestate.NETCON:
            rows += [(time, k, False, -1, -1, 0.0) for time, k in net.waiting[j] if heard[k]]
        elif item.kind == savestate.SOURCE:
            served = [(time, k) for time, k in net.waiting[j] if heard[k] and connections.active[k]]
            rows += [(time, k, False, -1, -1, 0.0) for time, k in served]
        elif item.kind == savestate.SELF:
            time, flag, target = next(self_events)
            place = membrane.instance.get(target, (-1, -1))
            if place[0] >= 0:
                rows.append((time, net.by_number.get(item.number, -1), True, *place, flag))
        elif item.kind == savestate.STATEMENT:
            what = "a Python call" if item.text in ("", "PythonObject") else repr(item.text)
            text = f"the queue holds {what} for t = {item.time:g} ms"
            report.add(
                "event",
                text,
                "initialise without it (cvode.event)",
            )
    rows.sort(key=lambda row: row[0])
    columns = list(zip(*rows)) if rows else [()] * 6
    types = (float, np.int32, bool, np.int32, np.int32, float)
    return Events(*(np.array(c, t) for c, t in zip(columns, types)))
