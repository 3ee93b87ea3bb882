"""Finding the mechanisms of a NEURON session and their instances; `h` is always given, never imported."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from heliox.frontend.cells import Anatomy
from heliox.frontend.order import (
    Registered,
    execution_order,
    kept_names,
    pointer_names,
    writes_concentration,
)


@dataclass
class Found:
    """Instances of one mechanism in the order they were met: nodes, and the things to read values from.

    ``places`` (section, place in it; -1 for a root node) lead to the values in a SaveState.
    """

    nodes: list[int] = field(default_factory=list)
    things: list = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)


def registered_mechanisms(h: Any) -> list[Registered]:
    """Everything NEURON has registered, in order of execution."""
    out, name = [], h.ref("")
    for point in (False, True):
        kinds = h.MechanismType(int(point))
        for k in range(int(kinds.count())):
            kinds.select(k)
            kinds.selected(name)
            out.append(
                Registered(
                    int(kinds.internal_type()), name[0], point,
                    artificial=point and bool(kinds.is_artificial(k)),
                    ion=not point and bool(kinds.is_ion()),
                    writes_concentration=writes_concentration(kinds.code() or ""),
                    receives=point and bool(kinds.is_netcon_target(k)),
                    emits=point and bool(kinds.has_net_event(k)),
                    kept=kept_names(kinds.code() or "") if point else (),
                    pointers=pointer_names(kinds.code() or "") if point else (),
                )
            )  # fmt: skip
    return execution_order(out)


def find_instances(h: Any, anatomy: Anatomy, registered: list[Registered]) -> dict[str, Found]:
    """All instances by mechanism, node by node; several of one node in the node's own order."""
    found: dict[str, Found] = {}

    def meet(name: str, node: int, thing: Any, place: tuple[int, int]) -> None:
        if (f := found.get(name)) is None:
            f = found[name] = Found()
        f.nodes.append(node)
        f.things.append(thing)
        f.places.append(place)

    for s, (places, nodes) in enumerate(zip(anatomy.segments, anatomy.index)):
        for k, (segment, node) in enumerate(zip(places, nodes)):
            for m in segment:
                meet(m.name(), node, m, (s, k))
            for p in segment.point_processes():
                meet(p.hname().partition("[")[0], node, p, (s, k))
    for node, (s, segment) in anatomy.root_segments.items():
        for p in segment.point_processes():
            meet(p.hname().partition("[")[0], node, p, (s, -1))
    for r in registered:
        if r.artificial:
            for k, cell in enumerate(h.List(r.name)):
                meet(r.name, -1, cell, (-1, k))
    return found
