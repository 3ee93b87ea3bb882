"""Finding the spike sources of a NEURON session; `h` is always given, never imported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from heliox.frontend.cells import Anatomy
from heliox.frontend.membrane import Membrane
from heliox.frontend.problems import Report
from heliox.frontend.savestate import SaveState

MANY_GIDS = 1 << 20


@dataclass
class Source:
    """A spike source (NEURON's PreSyn). ``members`` are its connections in the order in which it serves them.

    ``place`` is its position among all of NEURON's, those that cannot be seen included.
    """

    mechanism: int = -1
    index: int = -1
    variable: str = "v"
    threshold: float = 10.0
    gid: int = -1
    place: int = -1
    members: list[int] = field(default_factory=list)


@dataclass
class Network:
    """Sources in order of detection.

    ``serves[k]`` is the source of connection k (-1: none), ``netcons`` the connections in order of their
    making, ``by_number`` their positions by the k of ``NetCon[k]``.
    """

    netcons: list
    by_number: dict[int, int]
    sources: list[Source] = field(default_factory=list)
    serves: list[int] = field(default_factory=list)


def number_of(thing: Any) -> int:
    """k of ``Name[k]``."""
    return int(thing.hname().partition("[")[2][:-1])


def find_sources(h: Any, anatomy: Anatomy, membrane: Membrane, state: SaveState, report: Report) -> Network:
    """All sources of the session that have a connection or a gid."""
    net = Network(list(h.List("NetCon")), {n: k for k, n in enumerate(state.numbers)})
    find = _Finder(h, anatomy, membrane, report)
    stubs = _walk(h, net, find)
    missing = len(state.above) - len(net.sources) - len(stubs)
    if missing > 0:
        # They have no connection left, but those with a gid answer to a connection made for a moment.
        with _Probes(h, net, missing, membrane) as found:
            if found:
                stubs = _walk(h, net, find)
    _places(net, stubs, state, report)
    return net


def _walk(h: Any, net: Network, find: _Finder) -> list[int]:
    """Fill in the sources in NEURON's order.

    Gives the first connection of each group whose source cannot be seen: it has no place in the model.
    """
    net.sources, net.serves = [], [-1] * len(net.netcons)
    done: set[int] = set()
    for netcon in h.CVode().netconlist("", "", ""):
        if number_of(netcon) in done:
            continue
        numbers = [number_of(n) for n in netcon.prelist()]
        done.update(numbers)
        source = find(netcon)
        source.members = [net.by_number[n] for n in numbers if n in net.by_number]
        for k in source.members:
            net.serves[k] = len(net.sources)
        net.sources.append(source)
    stubs = []
    for number, k in net.by_number.items():
        if number not in done:
            members = [number_of(n) for n in net.netcons[k].prelist()]
            done.update(members)
            if members:
                stubs.append(k)
    return stubs


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
        return out

    def _emitter(self, out: Source, emitter: Any) -> None:
        name = emitter.hname()
        place = self.membrane.instance.get(emitter)
        kind = self.membrane.registered.get(name.partition("[")[0])
        out.variable = "x" if kind is not None and not kind.receives and hasattr(emitter, "x") else ""
        if place is None:
            self._lost(f"{name} is the source of a NetCon, and HelioX does not know it")
        else:
            out.mechanism, out.index = place

    def _variable(self, out: Source, netcon: Any) -> None:
        """A watched variable other than a voltage: NEURON tells its section and where it points."""
        netcon.preloc()
        section = self.h.cas()
        self.h.pop_section()
        s = self.anatomy.number[section]
        pointer = netcon._ref_x
        for variable, place, thing in self._candidates(s):
            if getattr(thing, f"_ref_{variable}") == pointer:
                out.mechanism, out.index = place
                out.variable = variable
                return
        name = self.anatomy.names[s]
        self._lost(
            f"the variable that {netcon.hname()} watches in {name} is not one of a mechanism of the model",
            name,
        )

    def _candidates(self, s: int) -> Iterator[tuple[str, tuple[int, int], Any]]:
        for segment, node in self.anatomy.places(s):
            for thing in (*segment.point_processes(), *segment):
                place = self.membrane.instance.get(thing) or self.membrane.at.get((_name(thing), node))
                if place is not None:
                    template = self.membrane.templates[place[0]]
                    for variable, var in template.instance_names.items():
                        if var.size == 1 and variable not in template.random and hasattr(thing, variable):
                            yield variable, place, thing

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


def _places(net: Network, stubs: list[int], state: SaveState, report: Report) -> None:
    """Positions of the sources among all that NEURON has.

    Those that cannot be seen (of connections that only ``NetCon.event`` triggers, or whose gid is that of no
    cell) stand where their first connection was made.
    """
    n = len(state.above)
    first = [min(s.members, default=-1) for s in net.sources]
    holes = sorted(sum(f < k for f in first) for k in stubs)[: max(0, n - len(net.sources))]
    used = 0
    for k, source in enumerate(net.sources):
        while used < len(holes) and holes[used] <= k:
            used += 1
        source.place = k + used
    lost = n - len(net.sources) - len(holes)
    if lost > 0:
        report.add(
            "spike source",
            f"NEURON has {lost} without a NetCon, and does not tell where",
            f"keep a NetCon of each, or give them gids below {MANY_GIDS}",
        )
