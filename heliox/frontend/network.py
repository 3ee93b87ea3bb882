"""Reading what connects the cells of a NEURON session; `h` is always given, never imported."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from heliox.frontend.cells import Anatomy
from heliox.frontend.library import library_function
from heliox.frontend.membrane import PATTERN_STIM, Membrane
from heliox.frontend.patterns import check_ties, read_pattern, with_wakings
from heliox.frontend.problems import Report
from heliox.frontend.savestate import SaveState
from heliox.frontend.sources import Network, find_sources, number_of
from heliox.frontend.waiting import read_events
from heliox.model.model import Connections, Events, Sources


def read_network(
    h: Any, anatomy: Anatomy, membrane: Membrane, state: SaveState, report: Report
) -> tuple[Sources, Connections, Events]:
    """Sources, connections and waiting events."""
    net = find_sources(h, anatomy, membrane, state, report)
    pattern = read_pattern(h, membrane, net, state, report)
    connections = _connections(net, membrane, state, report)
    check_ties(pattern, membrane, connections, report)
    events = read_events(h, net, membrane, state, connections, report)
    events = with_wakings(events, pattern, membrane, float(h.t))
    s = net.sources
    sources = Sources(
        mechanism=np.array([x.mechanism for x in s], np.int32),
        index=np.array([x.index for x in s], np.int32),
        variable=tuple(x.variable for x in s),
        threshold=np.array([x.threshold for x in s], float),
        gid=np.array([x.gid for x in s], np.int64),
        above=np.array([x.place >= 0 and state.above[x.place] for x in s], bool),
    )
    return sources, connections, events


def _connections(net: Network, membrane: Membrane, state: SaveState, report: Report) -> Connections:
    delay_of = _delay_reader()
    known = {t.name for t in membrane.templates} - {PATTERN_STIM}  # that one hears nothing
    n = len(net.netcons)
    mechanism, instance = np.full(n, -1, np.int32), np.full(n, -1, np.int32)
    delay, active = np.ones(n), np.zeros(n, bool)
    for k, netcon in enumerate(net.netcons):
        target = netcon.syn()
        if target is not None:
            place = membrane.instance.get(target)
            if place is not None:
                mechanism[k], instance[k] = place
            elif target.hname().partition("[")[0] in known:
                text = f"{netcon.hname()} goes to {target.hname()}, which is in no section"
                report.add("connection", text, "give it a place with loc, or take the NetCon out")
        active[k] = netcon.active()
        source = net.serves[k]
        if source >= 0:
            delay[k] = delay_of(netcon, len(net.sources[source].members))
    counts = [len(w) for w in state.weights]
    connections = Connections(
        source=np.array(net.serves, np.int32), mechanism=mechanism, instance=instance, delay=delay,
        weight_ptr=np.cumsum([0, *counts], dtype=np.int64),
        weights=np.concatenate([*state.weights, np.empty(0)]),
        active=active, number=np.array(state.numbers, np.int32),
    )  # fmt: skip
    for s in net.sources:
        if s.members != sorted(s.members):
            names = ", ".join(net.netcons[k].hname() for k in s.members[:4])
            text = f"a source serves its connections in another order than that of their making: {names}, ..."
            report.add(
                "connection order", text, "make the connections anew instead of moving them to another source"
            )
    return connections


def _delay_reader() -> Callable[[Any, int], float]:
    """A function (NetCon, number of connections of its source) -> delay in ms that leaves no trace.

    Reading ``NetCon.delay`` makes NEURON forget, until the next finitialize, that all delays of a source are
    equal; with more than two of them it then queues its events one by one, which can change the order of
    simultaneous events and so the last bits of a run that goes on. NEURON's own library function does not.
    Where it cannot be reached the variable is read after all.
    """
    function = library_function("_Z20nrn_netcon_get_delayP6NetCon")
    if function is None:
        return lambda netcon, siblings: netcon.delay
    function.restype, function.argtypes = ctypes.c_double, (ctypes.c_void_p,)

    def delay(netcon: Any, siblings: int) -> float:
        if siblings <= 2:
            return netcon.delay
        address = netcon.hocobjptr()
        # struct Object begins: int refcount, int index, void* the NetCon
        if ctypes.c_int.from_address(address + 4).value != number_of(netcon):
            return netcon.delay
        return function(ctypes.c_void_p.from_address(address + 8).value)

    return delay
