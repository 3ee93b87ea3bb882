"""Reading the instances of mechanisms of a NEURON session; `h` is always given, never imported."""

from __future__ import annotations

import re
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.errors import MechanismError
from heliox.frontend.cells import Anatomy
from heliox.frontend.found import Found, find_instances, registered_mechanisms
from heliox.frontend.held import held_streams
from heliox.frontend.order import Registered
from heliox.frontend.problems import Report
from heliox.frontend.savestate import SaveState
from heliox.frontend.styles import Styles
from heliox.frontend.templates import Templates
from heliox.frontend.trial import TrialError
from heliox.mechanisms import catalogue
from heliox.mechanisms.template import MechTemp
from heliox.model.model import Mechanism

MORPHOLOGY, CAPACITANCE = "morphology", "capacitance"
PATTERN_STIM = "PatternStim"  # read with the network: in the model its gids are the instances
ALL, PARAMETERS, ASSIGNED, STATES = range(4)  # MechanismStandard's numbers


@dataclass
class Membrane:
    """The mechanisms of the model, and where to find an instance again.

    ``instance``: point process or artificial cell -> (mechanism, instance); ``at``: (name of a density
    mechanism, node) -> the same; ``things[m]``: what holds the variables of mechanism m in NEURON, an
    instance each.
    """

    mechanisms: list[Mechanism]
    templates: list[MechTemp]
    registered: dict[str, Registered]
    instance: dict[object, tuple[int, int]]
    at: dict[tuple[str, int], tuple[int, int]]
    things: list[list]

    def names(self, mechanism: int) -> dict[str, str]:
        """Variables of the instances of a mechanism -> their names in NEURON."""
        template = self.templates[mechanism]
        return {name: neuron_name(template, name) for name in template.instance_names}


def neuron_name(template: MechTemp, name: str) -> str:
    """The name in NEURON of a variable of `template`: another where that is no name in Python."""
    return next((theirs for theirs, ours in template.renamed.items() if ours == name), name)


def read_membrane(h: Any, anatomy: Anatomy, state: SaveState, report: Report) -> Membrane:
    """All mechanisms with all values. What cannot be read is reported and left out."""
    order = registered_mechanisms(h)
    found = find_instances(h, anatomy, order)
    out = Membrane([], [], {r.name: r for r in order}, {}, {}, [])
    templates = Templates(h)
    style = Styles(h, anatomy, found, templates)
    for r in order:
        if r.name in (MORPHOLOGY, PATTERN_STIM):
            continue
        if r.name == CAPACITANCE and anatomy.handles:
            _add(out, catalogue.get(r.name), *_capacitance(anatomy))
        elif r.name in found:
            template = _template(h, r, found[r.name], anatomy, templates, report)
            if template is not None:
                _read(h, r, template, found[r.name], anatomy, state, style, out, report)
    return out


def _template(
    h: Any, r: Registered, f: Found, anatomy: Anatomy, templates: Templates, report: Report
) -> MechTemp | None:
    where = _where(f.places[0], anatomy)
    if r.name == "extracellular":
        text = f"inserted in {len(f.nodes)} segments, and HelioX has no extracellular potential"
        report.add("extracellular", text, "build the cells without it", where, r.name)
        return None
    try:
        template = templates.get(r.name, h.ion_charge(r.name) if r.ion else None)
    except MechanismError as e:
        text = f"{len(f.nodes)} instances, but {e}"
        report.add("mechanism", text, "take it out, or register it with heliox.mechanism", where, r.name)
        return None
    if h.t != 0.0 and template.conditions:
        text = "which conditions of WATCH wait in mid-run cannot be read from NEURON"
        report.add("WATCH", text, "freeze behind finitialize (or pass v_init)", where, r.name)
        return None
    return template


def _where(place: tuple[int, int], anatomy: Anatomy) -> str:
    return anatomy.names[place[0]] if place[0] >= 0 else ""


def _capacitance(anatomy: Anatomy) -> tuple[NDArray, dict, list]:
    node, cm, i_cap = anatomy.capacitance
    order = np.argsort(node, kind="stable")
    segments = [place for places in anatomy.segments for place in places[:-1]]
    things = [segments[k] for k in order.tolist()]
    return node[order].astype(np.int32), {"cm": cm[order], "i_cap": i_cap[order]}, things


def _read(
    h: Any,
    r: Registered,
    template: MechTemp,
    f: Found,
    anatomy: Anatomy,
    state: SaveState,
    style: Styles,
    out: Membrane,
    report: Report,
) -> None:
    node = np.array(f.nodes, np.int32)
    order = np.argsort(node, kind="stable")
    things = [f.things[k] for k in order.tolist()]
    first = things[0]
    declared = template.instance_names
    theirs = {name: neuron_name(template, name) for name in declared}
    seen = [n for n in declared if n not in template.random and hasattr(first, theirs[n])]
    values = _visible(things, {n: theirs[n] for n in seen}, declared)
    for name in template.random:
        try:
            values[name] = _streams(h, r, template, things, name)
        except TrialError as e:
            text = f"the random stream {theirs[name]} cannot be read from NEURON: {e}"
            mend = f"declare it in the NEURON block of the mod file (RANDOM {theirs[name]})"
            report.add("random stream", text, mend, _where(f.places[0], anatomy), r.name)
            return
    extra: dict = {}
    if r.ion:
        extra["style"] = style(r.name, f)[order]
        values["style"] = extra["style"].astype(float)
    # what nothing sets is 0, and what no step reads before setting it needs no value
    hidden = [n for n in declared if n not in values and n in template.memory & template.writes()]
    if hidden:
        places = [f.places[k] for k in order.tolist()]
        found = _hidden(h, r, template, values, hidden, things, places, state)
        # what INITIAL sets is recovered by the engine, unless the session has gone on from there
        later = template.changed if h.t else set()
        lost = [n for n in hidden if n not in template.writes("initial") or n in later]
        if not found and (lost or r.receives):
            text = f"{', '.join(lost or hidden)} cannot be read from NEURON"
            report.add(
                "hidden variable",
                text,
                "declare it RANGE in the mod file",
                _where(places[0], anatomy),
                r.name,
            )
            return
    if r.point:
        extra["number"] = np.array([int(t.hname().partition("[")[2][:-1]) for t in things], np.int32)
    extra["globals"] = _globals(h, template, report)
    _add(out, template, node[order], {n: values[n] for n in declared if n in values}, things, **extra)


def _add(
    out: Membrane, template: MechTemp, node: NDArray, values: dict, things: list, **extra: object
) -> None:
    m = len(out.mechanisms)
    out.mechanisms.append(Mechanism(template.name, template.kind, node, values, **extra))  # type: ignore[arg-type]
    out.templates.append(template)
    out.things.append(things)
    if template.kind in ("point", "artificial"):
        out.instance.update((t, (m, k)) for k, t in enumerate(things))
    else:
        out.at.update(((template.name, i), (m, k)) for k, i in enumerate(node.tolist()))


def _visible(things: list, names: dict[str, str], declared: dict) -> dict[str, NDArray]:
    """Values by name; `names` leads to those in NEURON."""
    scalars = [n for n in names if declared[n].size == 1]
    values: dict[str, NDArray] = {}
    if len(scalars) == 1:
        values[scalars[0]] = np.array([float(x) for x in map(attrgetter(names[scalars[0]]), things)])
    elif scalars:
        rows = np.array(list(map(attrgetter(*(names[n] for n in scalars)), things)), float)
        values.update((n, rows[:, k].copy()) for k, n in enumerate(scalars))
    for n in names:
        if declared[n].size > 1:
            values[n] = np.array([list(getattr(t, names[n])) for t in things], float)
    return values


def _streams(h: Any, r: Registered, template: MechTemp, things: list, name: str) -> NDArray:
    """Ids and sequence of a RANDOM variable, or of the stream that a pointer of C code leads to; (n, 4)."""
    try:
        streams = [getattr(t, neuron_name(template, name)) for t in things]
        rows = [(*stream.get_ids(), stream.get_seq()) for stream in streams]
    except (ValueError, AttributeError):
        texts = [f.text for f in (*template.functions.values(), *template.helpers.values())]
        draws = re.findall(rf"random_\w+\({name}\b[^()]*\)", "\n".join(texts))
        return held_streams(h, r, things, neuron_name(template, name), "\n".join(draws))
    return np.array(rows, float).reshape(len(things), 4)


def _hidden(
    h: Any,
    r: Registered,
    template: MechTemp,
    values: dict,
    hidden: list[str],
    things: list,
    places: list,
    state: SaveState,
) -> bool:
    """Fill in hidden scalars of a mechanism that receives events; false if that cannot be done.

    NEURON lays out an instance as the parameters, assigned variables and states it shows, and behind them
    what it does not, in order of the mod file. That the visible ones are found in this order with the same
    bits is the proof that the place is right. An artificial cell of which NEURON shows none is saved by
    itself: there the number of variables is.
    """
    visible = shown_names(h, r.name)
    tail = [template.renamed.get(n, n) for n in r.kept if n not in visible]
    arrays = any("[" in n for n in (*visible, *tail))
    if not r.receives or arrays or any(n not in tail for n in hidden):
        return False
    layout = [*visible, *tail]
    shown = len(visible)
    if not shown:
        return r.artificial and _hidden_by_number(h, r, tail, values, hidden, state)
    table = np.array(list(map(attrgetter(*visible), things)), float).reshape(len(things), shown)
    rows = np.empty((len(places), len(tail)))
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
    values.update((n, rows[:, k].copy()) for k, n in enumerate(tail) if n in hidden)
    return True


def _hidden_by_number(
    h: Any, r: Registered, tail: list[str], values: dict, hidden: list[str], state: SaveState
) -> bool:
    """The same of artificial cells, behind whose variables stand the time of the last event and perhaps v."""
    shown = sum(count_variables(h, r.name, kind) for kind in (PARAMETERS, ASSIGNED, STATES))
    rows = state.artificial[r.number]
    if rows.shape[1] - shown - len(tail) not in (1, 2):
        return False
    values.update((n, rows[:, shown + k].copy()) for k, n in enumerate(tail) if n in hidden)
    return True


def count_variables(h: Any, mechanism: str, kind: int) -> int:
    """How many numbers of one kind an instance shows, or for `ALL` of them and its pointers and streams."""
    standard, name = h.MechanismStandard(mechanism, kind), h.ref("")
    return sum(int(standard.name(name, k)) for k in range(int(standard.count())))


def shown_names(h: Any, mechanism: str) -> list[str]:
    """Parameters, assigned variables and states NEURON shows of an instance; an array as ``name[size]``."""
    name, out = h.ref(""), []
    for kind in (PARAMETERS, ASSIGNED, STATES):
        standard = h.MechanismStandard(mechanism, kind)
        for k in range(int(standard.count())):
            size = int(standard.name(name, k))
            out.append(name[0] if size == 1 else f"{name[0]}[{size}]")
    return out


def _locate(data: NDArray, row: NDArray, start: int) -> int:
    """Where in `data` the bits of `row` begin, from `start` on; -1 if nowhere."""
    where, pattern = data.tobytes(), row.tobytes()
    at = where.find(pattern, 8 * start)
    while at >= 0 and at % 8:
        at = where.find(pattern, at + 1)
    return at // 8 if at >= 0 else -1


def _globals(h: Any, template: MechTemp, report: Report) -> dict[str, float | NDArray]:
    out: dict[str, float | NDArray] = {}
    for name, var in template.globals_.items():
        try:
            value = getattr(h, f"{neuron_name(template, name)}_{template.name}")
        except (AttributeError, LookupError):
            # LOCAL of the file: the engine recovers what the first set-up makes of it; what nothing sets is 0
            if name not in template.memory & template.changed or h.t == 0.0:
                continue
            report.add(
                "hidden variable",
                f"the global {name} cannot be read from NEURON",
                "declare it GLOBAL in the mod file",
                "",
                template.name,
            )
            continue
        out[name] = float(value) if var.size == 1 else np.array(list(value), float)
    if template.tables:
        out["usetable"] = float(getattr(h, f"usetable_{template.name}", 1.0))
    return out
