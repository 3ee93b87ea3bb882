"""Reading the instances of mechanisms of a NEURON session; `h` is always given, never imported."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from heliox.errors import MechanismError
from heliox.frontend.cells import Anatomy
from heliox.frontend.order import Registered, execution_order, promoted_style, writes_concentration
from heliox.frontend.problems import Report
from heliox.frontend.savestate import SaveState
from heliox.mechanisms import catalogue
from heliox.mechanisms.template import MechTemp
from heliox.model.model import Mechanism

MORPHOLOGY, CAPACITANCE = "morphology", "capacitance"


@dataclass
class Found:
    """Instances of one mechanism in the order they were met: nodes, and the things to read values from.

    ``places`` (section, place in it; -1 for a root node) lead to the values in a SaveState.
    """

    nodes: list[int] = field(default_factory=list)
    things: list = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Membrane:
    """The mechanisms of the model, and where to find an instance again.

    ``instance`` point process or artificial cell -> (mechanism, instance); ``at`` (name of a density mechanism, node) -> the same.
    """

    mechanisms: list[Mechanism]
    templates: list[MechTemp]
    registered: dict[str, Registered]
    instance: dict[object, tuple[int, int]]
    at: dict[tuple[str, int], tuple[int, int]]


def registered_mechanisms(h: object) -> list[Registered]:
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
                )
            )  # fmt: skip
    return execution_order(out)


def find_instances(h: object, anatomy: Anatomy, registered: list[Registered]) -> dict[str, Found]:
    """All instances by mechanism, node by node; several of one node in the node's own order."""
    found: dict[str, Found] = {}

    def meet(name: str, node: int, thing: object, place: tuple[int, int]) -> None:
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


def read_membrane(h: object, anatomy: Anatomy, state: SaveState, report: Report) -> Membrane:
    """All mechanisms with all values. What cannot be read is reported and left out."""
    order = registered_mechanisms(h)
    found = find_instances(h, anatomy, order)
    out = Membrane([], [], {r.name: r for r in order}, {}, {})
    style = _Styles(h, anatomy, found)
    for r in order:
        if r.name == MORPHOLOGY:
            continue
        if r.name == CAPACITANCE and anatomy.handles:
            _add(out, catalogue.get(r.name), *_capacitance(anatomy), [])
        elif r.name in found:
            template = _template(h, r, found[r.name], anatomy, report)
            if template is not None:
                _read(h, r, template, found[r.name], anatomy, state, style, out, report)
    return out


def _template(h: object, r: Registered, f: Found, anatomy: Anatomy, report: Report) -> MechTemp | None:
    where = anatomy.names[f.places[0][0]] if f.places[0][0] >= 0 else ""
    if r.name == "extracellular":
        report.add("extracellular", f"extracellular is inserted in {len(f.nodes)} segments, and HelioX has no extracellular potential",
                   "uninsert it", where, r.name)  # fmt: skip
        return None
    try:
        template = catalogue.get(r.name, h.ion_charge(r.name) if r.ion else None)
    except MechanismError as e:
        report.add("mechanism", f"{len(f.nodes)} instances, but {e}", "take it out, or register it with heliox.mechanism", where, r.name)
        return None
    if template.pointers:
        report.add("pointer", f"POINTER {', '.join(template.pointers)} cannot be followed", "use a mechanism without POINTER", where, r.name)
        return None
    return template


def _capacitance(anatomy: Anatomy) -> tuple[NDArray, dict]:
    node, cm, i_cap = anatomy.capacitance
    order = np.argsort(node, kind="stable")
    return node[order].astype(np.int32), {"cm": cm[order], "i_cap": i_cap[order]}


def _read(
    h: object, r: Registered, template: MechTemp, f: Found, anatomy: Anatomy, state: SaveState, style: _Styles, out: Membrane, report: Report
) -> None:  # fmt: skip
    node = np.array(f.nodes, np.int32)
    order = np.argsort(node, kind="stable")
    things = [f.things[k] for k in order.tolist()]
    first = things[0]
    declared = template.instance_names
    seen = [n for n in declared if n not in template.random and hasattr(first, n)]
    values = _visible(things, seen, declared)
    for name in template.random:
        values[name] = np.array([_stream(getattr(t, name)) for t in things]).reshape(len(things), 4)
    extra: dict = {}
    if r.ion:
        extra["style"] = style(r.name, f)[order]
        values["style"] = extra["style"].astype(float)
    hidden = [n for n in declared if n not in values]
    if hidden:
        places = [f.places[k] for k in order.tolist()]
        if not _hidden(r, template, values, hidden, places, state):
            where = anatomy.names[places[0][0]] if places[0][0] >= 0 else ""
            text = f"{', '.join(hidden)} cannot be read from NEURON"
            report.add("hidden variable", text, "declare it RANGE in the mod file", where, r.name)
            return
    if r.point:
        extra["number"] = np.array([int(t.hname().partition("[")[2][:-1]) for t in things], np.int32)
    extra["globals"] = _globals(h, template, report)
    _add(out, template, node[order], {n: values[n] for n in declared}, things, **extra)


def _add(out: Membrane, template: MechTemp, node: NDArray, values: dict, things: list, **extra: object) -> None:
    m = len(out.mechanisms)
    out.mechanisms.append(Mechanism(template.name, template.kind, node, values, **extra))  # type: ignore[arg-type]
    out.templates.append(template)
    if template.kind in ("point", "artificial"):
        out.instance.update((t, (m, k)) for k, t in enumerate(things))
    else:
        out.at.update(((template.name, i), (m, k)) for k, i in enumerate(node.tolist()))


def _visible(things: list, names: list[str], declared: dict) -> dict[str, NDArray]:
    scalars = [n for n in names if declared[n].size == 1]
    values: dict[str, NDArray] = {}
    if len(scalars) == 1:
        values[scalars[0]] = np.array([float(x) for x in map(attrgetter(scalars[0]), things)])
    elif scalars:
        rows = np.array(list(map(attrgetter(*scalars), things)), float)
        values.update((n, rows[:, k].copy()) for k, n in enumerate(scalars))
    for n in names:
        if declared[n].size > 1:
            values[n] = np.array([list(getattr(t, n)) for t in things], float)
    return values


def _stream(variable: object) -> tuple[float, ...]:
    return (*variable.get_ids(), variable.get_seq())


def _hidden(r: Registered, template: MechTemp, values: dict, hidden: list[str], places: list, state: SaveState) -> bool:
    """Fill in hidden scalars of a mechanism that receives events; false if that cannot be done.

    NEURON lays out an instance as parameters, visible assigned variables, states, hidden assigned variables, each in order of
    declaration. That the visible ones are found in this order with the same bits is the proof that the place is right.
    """
    groups = (template.parameters, template.assigned, template.states, template.assigned)
    layout = [n for k, g in enumerate(groups) for n in g if (n in hidden) == (k == 3)]
    if not r.receives or any(n not in layout for n in hidden) or any(template.instance_names[n].size > 1 for n in layout):
        return False
    shown = len(layout) - len(hidden)
    table = np.stack([values[n] for n in layout[:shown]], axis=1)
    rows = np.empty((len(places), len(hidden)))
    cursor: dict[tuple[int, int], int] = {}
    for k, place in enumerate(places):
        if place[0] < 0:
            data, start = state.artificial[r.number][place[1]], 0
        else:
            data, start = state.node_values(*place), cursor.get(place, 0)
        at = _locate(data, table[k], start)
        if at < 0 or at + len(layout) > len(data):
            return False
        rows[k] = data[at + shown : at + len(layout)]
        cursor[place] = at + len(layout)
    values.update((n, rows[:, k].copy()) for k, n in enumerate(layout[shown:]))
    return True


def _locate(data: NDArray, row: NDArray, start: int) -> int:
    """Where in `data` the bits of `row` begin, from `start` on; -1 if nowhere."""
    where, pattern = data.tobytes(), row.tobytes()
    at = where.find(pattern, 8 * start)
    while at >= 0 and at % 8:
        at = where.find(pattern, at + 1)
    return at // 8 if at >= 0 else -1


def _globals(h: object, template: MechTemp, report: Report) -> dict[str, float | NDArray]:
    out: dict[str, float | NDArray] = {}
    for name, var in template.globals_.items():
        try:
            value = getattr(h, f"{name}_{template.name}")
        except (AttributeError, LookupError):
            report.add("hidden variable", f"the global {name} cannot be read from NEURON", "declare it GLOBAL in the mod file", "", template.name)
            continue
        out[name] = float(value) if var.size == 1 else np.array(list(value), float)
    if template.tables:
        out["usetable"] = float(getattr(h, f"usetable_{template.name}", 1.0))
    return out


class _Styles:
    """Style words of ion pools.

    NEURON tells that of a section's first segment. The others differ only where a point process that uses the ion has raised it, by a
    known rule.
    """

    def __init__(self, h: object, anatomy: Anatomy, found: dict[str, Found]) -> None:
        self.h, self.anatomy, self.found = h, anatomy, found

    def __call__(self, ion: str, f: Found) -> NDArray[np.int32]:
        raised = self._raised(ion)
        words: dict[int, int] = {}
        out = np.empty(len(f.nodes), np.int32)
        for k, (node, (section, place)) in enumerate(zip(f.nodes, f.places)):
            if section not in words:
                words[section] = int(self.h.ion_style(ion, sec=self.anatomy.handles[section]))
            style = words[section]
            for roles in raised.get(node, ()) if place > 0 or style < 0 else ():
                style = promoted_style(max(style, 0), *roles)
            out[k] = style
        return out

    def _raised(self, pool: str) -> dict[int, list[tuple[int, int]]]:
        ion = pool.removesuffix("_ion")
        out: dict[int, list[tuple[int, int]]] = {}
        for name, f in self.found.items():
            template = _known(name)
            use = template.ions.get(ion) if template is not None and template.kind == "point" else None
            if use is not None:
                for node in f.nodes:
                    out.setdefault(node, []).append(_roles(ion, use))
        return out


def _roles(ion: str, use: object) -> tuple[int, int]:
    """Roles of concentration and reversal potential in a mechanism: 0 unused, 1 read, 3 written."""

    def role(*names: str) -> int:
        return 3 if set(names) & set(use.write) else int(bool(set(names) & set(use.read)))

    return role(f"{ion}i", f"{ion}o"), role(f"e{ion}")


def _known(name: str) -> MechTemp | None:
    try:
        return catalogue.get(name)
    except MechanismError:
        return None
