"""Reading PatternStim, which fires pairs (time, gid) as spikes of cells that are not in the model; `h` is
always given, never imported.

NEURON sends the pairs in groups of a hundred or more: the first at t = 0, the next when its first pair is
due. What was sent waits in the queue. For the others every gid with connections becomes a source of the model
that spikes at its times. The new sources come before all others, in the order in which pairs of one time name
them: events of one moment at one target come in order of their emission, then of their sources. Here a pair
counts as emitted at its own time, in NEURON when its group is sent: simultaneous events may change places.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.frontend.held import held_patterns
from heliox.frontend.membrane import PATTERN_STIM, Membrane
from heliox.frontend.problems import Report
from heliox.frontend.savestate import SELF, SaveState
from heliox.frontend.sources import Network, Source
from heliox.frontend.trial import TrialError
from heliox.mechanisms import catalogue
from heliox.model.model import Connections, Events, Lists, Mechanism

EARLY = 1e-6  # ms: far more than the rounding of time, far less than a step
GROUP = 102  # pairs that NEURON sends at once at least
INITIALIZE = "call h.finitialize, or pass v_init"
SORT = "give one PatternStim all pairs, sorted by time and gid, none twice"


@dataclass
class Pattern:
    """Pairs by time (ms), those of one time as NEURON sends them: source of each, and whether it was sent.

    ``mechanism`` is the position of the new mechanism, whose instances are the sources; -1 if there is none.
    """

    mechanism: int = -1
    time: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    source: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    sent: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))


def read_pattern(h: Any, membrane: Membrane, net: Network, state: SaveState, report: Report) -> Pattern:
    """Make the gids that PatternStims fire sources, in front of all others, and instances of a mechanism."""
    things = list(h.List(PATTERN_STIM))
    if not things:
        return Pattern()
    try:
        held = held_patterns(membrane.registered[PATTERN_STIM], things)
    except TrialError as e:
        report.add("pattern", f"the pairs of times and gids cannot be read from NEURON: {e}", *_vecstim())
        return Pattern()
    time, gid = (np.concatenate([pairs[k] for pairs in held]) for k in (0, 1))
    sent = np.concatenate([np.arange(len(times)) < count for times, _, count in held])
    ports = {s.gid: s for s in net.ports if s.gid >= 0}
    heard = np.flatnonzero(np.isin(gid, list(ports)))
    if not len(heard):
        return Pattern()
    waiting = {item.target for item in state.queue if item.kind == SELF}
    for thing, (times, _, count) in zip(things, held):
        _check(thing.hname(), times, count, thing.hname() in waiting, report)
    order = heard[np.argsort(time[heard], kind="stable")]
    time, gid, sent = time[order], gid[order], sent[order]
    gids = _in_order(time, gid)
    place = {g: k for k, g in enumerate(gids)}
    source = np.array([place[g] for g in gid.tolist()])
    pattern = Pattern(len(membrane.mechanisms), time, source, sent)
    _add_sources(net, [ports[g] for g in gids], pattern.mechanism)
    _add_mechanism(membrane, gids, pattern)
    return pattern


def _vecstim() -> tuple[str, str, str]:
    return "give each gid a VecStim with its times", "", PATTERN_STIM


def _check(name: str, time: NDArray, sent: int, waits: bool, report: Report) -> None:
    """Report pairs that NEURON itself does not send, or not in time."""
    if not np.isfinite(time).all():
        report.add("pattern", f"{name} has times that are not finite", "take them out", "", PATTERN_STIM)
    elif sent < len(time) and not waits:
        report.add("pattern", f"{name} has not begun to fire its pairs", INITIALIZE, "", PATTERN_STIM)
    elif _late(time):
        text = f"later pairs of {name} stand before earlier ones, which NEURON sends when their time is over"
        report.add("pattern", text, SORT, "", PATTERN_STIM)


def _late(time: NDArray) -> bool:
    """Whether a group holds a pair of the time before the group is sent; times before 0 are sent at 0."""
    if (np.diff(time) >= 0).all():
        return False
    times, start = time.tolist(), 0
    while start < len(times):
        now, end = times[start] if start else 0.0, start + GROUP
        if start and min(times[start:end]) < now:
            return True
        while end < len(times) and times[end] <= now:
            if start and times[end] < now:
                return True
            end += 1
        start = end
    return False


def _runs(time: NDArray) -> Iterator[slice]:
    """Where several pairs have one time."""
    cuts = np.flatnonzero(np.diff(time)) + 1
    for start, end in pairwise([0, *cuts.tolist(), len(time)]):
        if end - start > 1:
            yield slice(start, end)


def _in_order(time: NDArray, gid: NDArray) -> list[int]:
    """The gids in an order in which all pairs of one time name them; that of the first times if none is."""
    before: dict[int, set[int]] = {g: set() for g in gid.tolist()}
    for run in _runs(time):
        for first, second in pairwise(gid[run].tolist()):
            if first != second:
                before[second].add(first)
    try:
        return list(TopologicalSorter(before).static_order())
    except CycleError:
        return list(before)


def _add_sources(net: Network, ports: list[Source], mechanism: int) -> None:
    for k, port in enumerate(ports):
        port.mechanism, port.index = mechanism, k
    net.sources = [*ports, *net.sources]
    for s, source in enumerate(net.sources):
        for k in source.members:
            net.serves[k] = s


def _add_mechanism(membrane: Membrane, gids: list[int], pattern: Pattern) -> None:
    """Every source has what was sent in front, and wakes for a spike before all behind it in its list.

    With several PatternStims some of what was sent may be later than some of the rest.
    """
    n = len(gids)
    order = np.lexsort((~pattern.sent, pattern.source))
    times = pattern.time[order]
    ptr = np.cumsum([0, *np.bincount(pattern.source, minlength=n).tolist()], dtype=np.int64)
    wakes = np.empty(len(times))
    for start, end in pairwise(ptr.tolist()):
        wakes[start:end] = np.minimum.accumulate(times[start:end][::-1])[::-1] - EARLY
    template = catalogue.get(PATTERN_STIM)
    membrane.templates.append(template)
    membrane.things.append([None] * n)
    membrane.mechanisms.append(
        Mechanism(
            template.name,
            template.kind,
            node=np.full(n, -1, np.int32),
            values={"index": np.bincount(pattern.source[pattern.sent], minlength=n).astype(float)},
            number=np.array(gids, np.int32),
            lists={"spike_times": Lists(ptr, times), "wake_times": Lists(ptr, wakes)},
        )
    )


def check_ties(pattern: Pattern, membrane: Membrane, connections: Connections, report: Report) -> None:
    """Report pairs of one time that NEURON will send to one target in another order than the model."""
    of: dict[int, list[int]] = defaultdict(list)
    for k, s in enumerate(connections.source.tolist()):
        if connections.mechanism[k] >= 0 and connections.active[k]:
            of[s].append(k)
    alike = _alike(membrane, connections)
    time, source = pattern.time[~pattern.sent], pattern.source[~pattern.sent]
    for run in _runs(time):
        if (np.diff(source[run]) > 0).all():
            continue
        served: dict[tuple, list[tuple[int, int]]] = defaultdict(list)
        for s in source[run].tolist():
            for k in of[s]:
                before = served[connections.mechanism[k], connections.instance[k], connections.delay[k]]
                wrong = [j for r, j in before if (r, j) > (s, k) and alike[j] != alike[k]]
                before.append((s, k))
                if wrong:
                    first, second = connections.number[wrong[0]], connections.number[k]
                    text = (
                        f"pairs of t = {time[run.start]:g} ms reach one target by NetCon[{first}] and then "
                        f"by NetCon[{second}], which the model serves in the reverse order"
                    )
                    report.add("pattern", text, SORT, "", PATTERN_STIM)
                    return


def _alike(membrane: Membrane, connections: Connections) -> list[object]:
    """Of each connection what tells it from others to its target: its weights, unless events change them."""
    ptr, mechanism = connections.weight_ptr.tolist(), connections.mechanism.tolist()
    fixed = [not {*t.weights} & t.writes("receive") for t in membrane.templates]
    return [
        connections.weights[ptr[k] : ptr[k + 1]].tobytes() if fixed[m] else k for k, m in enumerate(mechanism)
    ]


def with_wakings(events: Events, pattern: Pattern, membrane: Membrane, now: float) -> Events:
    """The queue, and in it the event by which each source of a pattern waits for its next spike."""
    if pattern.mechanism < 0:
        return events
    mechanism = membrane.mechanisms[pattern.mechanism]
    wakes, sent = mechanism.lists["wake_times"], mechanism.values["index"].astype(int)
    first = wakes.ptr[:-1] + sent
    instance = np.flatnonzero(first < wakes.ptr[1:])
    n = len(instance)
    more = Events(
        time=np.maximum(now, wakes.values[first[instance]]),
        connection=np.full(n, -1, np.int32),
        self_event=np.ones(n, bool),
        mechanism=np.full(n, pattern.mechanism, np.int32),
        instance=instance.astype(np.int32),
        flag=np.ones(n),
    )
    names = [f.name for f in dataclasses.fields(Events)]
    columns = {name: np.concatenate([getattr(events, name), getattr(more, name)]) for name in names}
    order = np.argsort(columns["time"], kind="stable")
    return Events(**{name: column[order] for name, column in columns.items()})
