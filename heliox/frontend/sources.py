"""Finding the spike sources of a NEURON session; `h` is always given, never imported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.frontend.cells import Anatomy
from heliox.frontend.membrane import Membrane
from heliox.frontend.problems import Report
from heliox.frontend.savestate import NETCON, SOURCE, SaveState
from heliox.frontend.trial import attempt, can_try

MANY_GIDS = 1 << 20


@dataclass
class Source:
    """A spike source (NEURON's PreSyn). ``members`` are its connections in the order in which it serves them.

    ``place`` is its position among all of NEURON's, those that cannot be seen included; ``above`` whether the
    variable is above threshold now.
    """

    mechanism: int = -1
    index: int = -1
    variable: str = "v"
    threshold: float = 10.0
    gid: int = -1
    place: int = -1
    above: bool = False
    members: list[int] = field(default_factory=list)


@dataclass
class Network:
    """Sources in order of detection.

    ``serves[k]`` is the source of connection k (-1: none), ``netcons`` the connections in order of their
    making, ``by_number`` their positions by the k of ``NetCon[k]``. ``ports`` are the sources that cannot be
    seen: of connections that only ``NetCon.event`` triggers, or whose gid is that of no cell. ``waiting``:
    entry of the queue -> (time in ms, connection) of all it will serve, in that order.
    """

    netcons: list
    by_number: dict[int, int]
    sources: list[Source] = field(default_factory=list)
    serves: list[int] = field(default_factory=list)
    ports: list[Source] = field(default_factory=list)
    waiting: dict[int, list[tuple[float, int]]] = field(default_factory=dict)


def number_of(thing: Any) -> int:
    """k of ``Name[k]``."""
    return int(thing.hname().partition("[")[2][:-1])


def find_sources(h: Any, anatomy: Anatomy, membrane: Membrane, state: SaveState, report: Report) -> Network:
    """All sources of the session that have a connection or a gid."""
    net = Network(list(h.List("NetCon")), {n: k for k, n in enumerate(state.numbers)})
    find = _Finder(h, anatomy, membrane, report)
    _walk(h, net, find)
    missing = len(state.above) - len(net.sources) - len(net.ports)
    if missing > 0:
        # They have no connection left, but those with a gid answer to a connection made for a moment.
        with _Probes(h, net, missing, membrane) as found:
            if found:
                _walk(h, net, find)
    net.waiting = _waiting(h, net, state)
    _places(net, state, report)
    return net


def _walk(h: Any, net: Network, find: _Finder) -> None:
    """Fill in the sources, and the ports, in NEURON's order."""
    net.sources, net.ports, net.serves = [], [], [-1] * len(net.netcons)
    done: set[int] = set()
    netcons = {number_of(netcon): netcon for netcon in h.List("NetCon")}
    for number in _by_source(h):
        if number in done:
            continue
        netcon = netcons[number]
        numbers = [number_of(n) for n in netcon.prelist()]
        done.update(numbers)
        source = find(netcon)
        source.members = [net.by_number[n] for n in numbers if n in net.by_number]
        for k in source.members:
            net.serves[k] = len(net.sources)
        net.sources.append(source)
    for number, k in net.by_number.items():
        if number not in done:
            numbers = [number_of(n) for n in net.netcons[k].prelist()]
            done.update(numbers)
            if numbers:
                gid = int(net.netcons[k].srcgid())
                net.ports.append(Source(variable="", gid=gid, members=[net.by_number[n] for n in numbers]))


def _waiting(h: Any, net: Network, state: SaveState) -> dict[int, list[tuple[float, int]]]:
    """What entries of the queue will serve."""
    times, netcons = h.Vector(), h.List()
    h.CVode().event_queue_info(2, times, netcons)
    deliveries = zip(list(times), [net.by_number[number_of(n)] for n in netcons])
    together = {k: s.members for s in (*net.sources, *net.ports) for k in s.members}
    out = {}
    for j, item in enumerate(state.queue):
        if item.kind == NETCON:
            out[j] = [next(deliveries)]
        elif (
            item.kind == SOURCE
        ):  # NEURON tells these in the reverse of the order in which it will serve them
            last = next(deliveries)
            out[j] = [last, *(next(deliveries) for _ in together[last[1]][1:])][::-1]
    return out


def _by_source(h: Any) -> list[int]:
    """Numbers of the connections, source by source in NEURON's order.

    NEURON's list takes references to all cells that are Python objects, and never gives them back: they
    would live on for ever. So a copy of the process asks for it.
    """

    def numbers() -> list[int]:
        return [number_of(netcon) for netcon in h.CVode().netconlist("", "", "")]

    return attempt(numbers) if can_try() and h.List("NetCon").count() else numbers()


class _Finder:
    """What a NetCon's source is."""

    def __init__(self, h: Any, anatomy: Anatomy, membrane: Membrane, report: Report) -> None:
        self.h, self.anatomy, self.membrane, self.report = h, anatomy, membrane, report

    def __call__(self, netcon: Any) -> Source:
        out = Source(threshold=netcon.threshold, gid=int(netcon.srcgid()))
        segment = netcon.preseg()
        emitter = netcon.pre()
        if segment is not None:
            out.index = segment.node_index()
        elif emitter is not None:
            self._emitter(out, emitter)
        else:
            self._variable(out, netcon)
        if out.variable:
            out.above = netcon.x > out.threshold
        return out

    def _emitter(self, out: Source, emitter: Any) -> None:
        name = emitter.hname()
        place = self.membrane.instance.get(emitter)
        kind = self.membrane.registered.get(name.partition("[")[0])
        out.variable = "x" if kind is not None and not kind.receives and hasattr(emitter, "x") else ""
        if place is not None:
            out.mechanism, out.index = place
        # or its mechanism has been reported

    def _variable(self, out: Source, netcon: Any) -> None:
        """A watched variable other than a voltage: NEURON tells its section and where it points."""
        netcon.preloc()
        section = self.h.cas()
        self.h.pop_section()
        s = self.anatomy.number[section]
        pointer = netcon._ref_x
        for variable, theirs, place, thing in self._candidates(s):
            if getattr(thing, f"_ref_{theirs}") == pointer:
                out.mechanism, out.index = place
                out.variable = variable
                return
        name = self.anatomy.names[s]
        self._lost(
            f"the variable that {netcon.hname()} watches in {name} is not one of a mechanism of the model",
            name,
        )

    def _candidates(self, s: int) -> Iterator[tuple[str, str, tuple[int, int], Any]]:
        for segment, node in self.anatomy.places(s):
            for thing in (*segment.point_processes(), *segment):
                place = self.membrane.instance.get(thing) or self.membrane.at.get((_name(thing), node))
                if place is not None:
                    template = self.membrane.templates[place[0]]
                    scalars = {n for n, var in template.instance_names.items() if var.size == 1}
                    for variable, theirs in self.membrane.names(place[0]).items():
                        if variable in scalars - {*template.random} and hasattr(thing, theirs):
                            yield variable, theirs, place, thing

    def _lost(self, text: str, section: str = "") -> None:
        self.report.add(
            "spike source", text, "watch a voltage or a variable of a supported mechanism", section
        )


def _name(thing: Any) -> str:
    return thing.name() if hasattr(thing, "name") else thing.hname()


class _Probes:
    """Connections that live for a moment, to sources with a gid and no connection of their own.

    Making one leaves nothing behind: such a source has nobody to serve, and NEURON keeps it for its gid.
    """

    def __init__(self, h: Any, net: Network, missing: int, membrane: Membrane) -> None:
        self.made: list = []
        self.known = {s.gid for s in net.sources}
        self.pc = h.ParallelContext()
        receivers = {m for m, t in enumerate(membrane.templates) if membrane.registered[t.name].receives}
        self.target = next((thing for thing, (m, _) in membrane.instance.items() if m in receivers), None)
        if self.target is None:
            # one without random numbers: NEURON counts how many streams it ever gave out
            self.target = h.IntFire1()
        self.missing = missing
        self._probe(range(MANY_GIDS))
        self._probe(sorted({g + d for g in self.known for d in range(-1024, 1025) if g + d >= MANY_GIDS}))

    def _probe(self, gids: Iterable[int]) -> None:
        exists, connect = self.pc.gid_exists, self.pc.gid_connect
        for gid in gids:
            if len(self.made) >= self.missing:
                return
            if gid not in self.known and exists(gid) >= 2:
                self.made.append(connect(gid, self.target))

    def __enter__(self) -> int:
        return len(self.made)

    def __exit__(self, *error: object) -> None:
        self.made.clear()
        self.target = None


def _places(net: Network, state: SaveState, report: Report) -> None:
    """Positions of the sources among all that NEURON has, ports included.

    A port was made with its first connection at the latest.
    """
    lost = len(state.above) - len(net.sources) - len(net.ports)
    if lost:
        report.add(
            "spike source",
            f"NEURON has {lost} without a NetCon, and does not tell where",
            f"keep a NetCon of each, or give them gids below {MANY_GIDS}",
        )
        return
    port = {k: p for p, s in enumerate(net.ports) for k in s.members}
    busy = {state.queue[j].number: net.waiting[j][0][1] for j in net.waiting if state.queue[j].kind == SOURCE}
    of_ports = {place: port[k] for place, k in busy.items() if k in port}
    places = np.array([place for place in range(len(state.above)) if place not in of_ports], int)
    first = [min(s.members, default=-1) for s in net.sources]
    unplaced = [s for p, s in enumerate(net.ports) if p not in of_ports.values()]
    guess = sorted(sum(f < s.members[0] for f in first) for s in unplaced)
    above = np.array([s.above for s in net.sources], bool)
    shared = np.array([len(s.members) > 2 for s in net.sources], bool)
    found = align(state.above[places], np.isin(places, list(busy)), above, shared, guess)
    for source, k in zip(net.sources, found):
        source.place = int(places[k])


def align(seen: NDArray, busy: NDArray, above: NDArray, shared: NDArray, guess: list[int]) -> list[int]:
    """Positions of the sources in a longer list, of which only flags are known.

    Parameters
    ----------
    seen, busy : arrays of bool
        Of each position in the list: whether the source was above threshold at the last detection, and
        whether an event of it waits. Sources that are not ours are neither.
    above, shared : arrays of bool
        Of each of our sources: whether it is above threshold now, which differs from the flag only if it
        crossed in the last step; and whether it has connections enough for events of its own.
    guess : list of int
        Before which of our sources the others stand, as far as one knows: taken where the flags say nothing.
    """
    n = len(above)
    if not (seen.any() or busy.any()):
        guess = sorted(guess)
        return [k + sum(g <= k for g in guess) for k in range(n)]
    best = np.zeros(n + 1)
    choices = []
    for j in range(len(guess) + 1):
        cost = (seen[j : j + n] != above) + 10.0 * (busy[j : j + n] & ~shared)
        total = np.concatenate([[0.0], np.cumsum(cost)])
        if j == 0:
            best = total
            continue
        here = np.arange(n + 1)
        skip = np.where((seen | busy)[j - 1 : j + n], np.inf, 1e-9 * np.abs(here - guess[j - 1]))
        with_skip = best - total + skip
        lowest = np.minimum.accumulate(with_skip)
        choices.append(np.maximum.accumulate(np.where(with_skip <= lowest, here, 0)))
        best = total + lowest
    k, skips = n, []
    for choice in reversed(choices):
        k = int(choice[k])
        skips.append(k)
    return [k + sum(s <= k for s in skips) for k in range(n)]
