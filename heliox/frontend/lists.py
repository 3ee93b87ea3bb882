"""Reading the Vectors that C code of a NEURON session plays; `h` is always given, never imported.

Of VecStim the spike times are found by trial: a copy of the session fills every Vector with a mark of its
own and lets each VecStim start: the event by which it waits for its first spike comes at the mark's time.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
from typing import Any

import numpy as np

from heliox.frontend import savestate
from heliox.frontend.function_tables import read_table, table_names
from heliox.frontend.held import held_vectors
from heliox.frontend.membrane import (
    ALL,
    ASSIGNED,
    PARAMETERS,
    STATES,
    Membrane,
    count_variables,
    neuron_name,
)
from heliox.frontend.problems import Report
from heliox.frontend.savestate import SELF, SaveState, self_event
from heliox.frontend.trial import INSTANT, TrialError, attempt
from heliox.model.model import Lists

VECSTIM, TIMES = "VecStim", "spike_times"
FLAG = 1.0  # of the event that makes a VecStim spike and look up its next time


def read_lists(h: Any, membrane: Membrane, state: SaveState, report: Report) -> None:
    """Give every mechanism with lists their numbers; what cannot be found is reported."""
    for m, template in enumerate(membrane.templates):
        if template.name == VECSTIM:
            lists = {TIMES: _spike_times(h, m, membrane, state, report)}
        elif template.lists:
            lists = _tables(h, m, membrane, report)
            held = [name for name in template.lists if name not in lists]
            lists |= {name: _held(h, m, name, membrane, report) for name in held}
        else:
            continue
        known = {name: numbers for name, numbers in lists.items() if numbers is not None}
        if len(known) == len(lists):
            membrane.mechanisms[m] = dataclasses.replace(membrane.mechanisms[m], lists=known)


def _tables(h: Any, m: int, membrane: Membrane, report: Report) -> dict[str, Lists | None]:
    """The lists of FUNCTION_TABLEs."""
    template, things = membrane.templates[m], membrane.things[m]
    out: dict[str, Lists | None] = {}
    for name in table_names(template, membrane.registered[template.name].pointers):
        try:
            found = read_table(h, template, name, things[0])
            pair = [_joined([vector] * len(things)) for vector in found]
        except TrialError as e:
            text = f"the FUNCTION_TABLE {name} cannot be read from NEURON: {e}"
            mend = f"give it by two Vectors, table_{name}(values, arguments), that live on"
            report.add("function table", text, mend, "", template.name)
            out |= {f"{name}_x": None, f"{name}_y": None}
            continue
        out |= {f"{name}_x": pair[0], f"{name}_y": pair[1]}
    return out


def _held(h: Any, m: int, name: str, membrane: Membrane, report: Report) -> Lists | None:
    """The Vectors that instances of a mechanism hold by a pointer."""
    template = membrane.templates[m]
    r = membrane.registered[template.name]
    theirs = neuron_name(template, name)
    if theirs == TIMES and len(r.pointers) == 1:  # an artificial cell's, whatever the file calls it
        theirs = r.pointers[0]
    try:
        return _joined(held_vectors(h, r, membrane.things[m], theirs))
    except TrialError as e:
        text = f"the Vector {theirs} cannot be read from NEURON: {e}"
        mend = "use VecStim for spike times, Vector.play for values"
        report.add("vector", text, mend, "", template.name)
        return None


def _joined(vectors: list[np.ndarray]) -> Lists:
    return Lists(np.cumsum([0, *map(len, vectors)], dtype=np.int64), np.concatenate([*vectors, np.empty(0)]))


def _spike_times(h: Any, m: int, membrane: Membrane, state: SaveState, report: Report) -> Lists | None:
    things, kind = membrane.things[m], membrane.registered[VECSTIM].number
    names = [t.hname() for t in things]
    index, etime = (membrane.mechanisms[m].values[n] for n in ("index", "etime"))
    try:
        with tempfile.TemporaryDirectory(prefix="heliox-") as folder:
            path = os.path.join(folder, "state")
            found = attempt(lambda: _follow(h, names, kind, index, etime, state, path))
    except TrialError as e:
        text = f"the Vectors of {len(names)} objects cannot be found: {e}"
        report.add("vector", text, "use NetStim, or freeze without them", "", VECSTIM)
        return None
    vectors = list(h.List("Vector"))
    times = [np.array(vectors[found[n]]) if n in found else np.empty(0) for n in names]
    for k, (name, t) in enumerate(zip(names, times)):
        at = int(index[k]) - 1  # of the spike it waits for
        if at >= len(t) or (at >= 0 and t[at] != etime[k]):
            text = f"{name} waits for a spike that is not in its Vector"
            report.add("vector", text, "call h.finitialize, or pass v_init", "", VECSTIM)
    return _joined(times)


def _follow(
    h: Any, names: list[str], kind: int, index: np.ndarray, etime: np.ndarray, state: SaveState, path: str
) -> dict[str, int]:
    """VecStim -> position of its Vector among all, for those that have one. Leaves a session in ruins."""
    now = float(np.ceil(state.t)) + 1.0
    for j, vector in enumerate(h.List("Vector")):
        vector.resize(1)
        vector.x[0] = now + 1.0 + j
    rows = np.array(state.artificial[kind])
    columns = [c for c in range(rows.shape[1]) if np.array_equal(rows[:, c : c + 2].T, [index, etime])]
    rows[:, columns] = 0.0
    # an object keeps its event of flag 1 behind its area, itself, and what else it points to
    shown = sum(count_variables(h, VECSTIM, k) for k in (PARAMETERS, ASSIGNED, STATES))
    handle = 2 + count_variables(h, VECSTIM, ALL) - shown
    events = [(now, self_event(name, kind, handle, FLAG)) for name in names]
    saved = h.SaveState()
    saved.save()
    with open(path, "wb") as f:
        f.write(state.altered(now, {}, events, {kind: rows}))
    saved.fread(h.File(path))
    saved.restore()
    h.dt = INSTANT
    h.fadvance()
    saved.save()
    saved.fwrite(h.File(path))
    with open(path, "rb") as f:
        after = savestate.parse(f.read())
    wanted = set(names)
    return {
        item.target: round(item.time - now) - 1
        for item in after.queue
        if item.kind == SELF and item.target in wanted
    }
