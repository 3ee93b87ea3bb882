"""Reading the spike times of VecStim objects of a NEURON session; `h` is always given, never imported.

Only C code knows which Vector a VecStim plays. So a copy of the session fills every Vector with a mark of its
own and lets each VecStim start: the event by which it waits for its first spike comes at the mark's time.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
from typing import Any

import numpy as np

from heliox.frontend import savestate
from heliox.frontend.membrane import ALL, ASSIGNED, PARAMETERS, STATES, Membrane, count_variables
from heliox.frontend.problems import Report
from heliox.frontend.savestate import SELF, SaveState, self_event
from heliox.frontend.trial import TrialError, attempt
from heliox.model.model import Lists

VECSTIM, TIMES = "VecStim", "spike_times"
FLAG = 1.0  # of the event that makes a VecStim spike and look up its next time
INSTANT = 1e-9  # ms: a step in which nothing falls due but what is due at its start


def read_spike_times(h: Any, membrane: Membrane, state: SaveState, report: Report) -> None:
    """Give every mechanism with lists their numbers; what cannot be found is reported."""
    for m, template in enumerate(membrane.templates):
        if template.name == VECSTIM:
            lists = _lists(h, m, membrane, state, report)
            if lists is not None:
                membrane.mechanisms[m] = dataclasses.replace(membrane.mechanisms[m], lists={TIMES: lists})
        elif template.lists:
            text = f"the Vectors {', '.join(template.lists)} are known to its C code only"
            report.add(
                "vector", text, "use VecStim for spike times, Vector.play for values", "", template.name
            )


def _lists(h: Any, m: int, membrane: Membrane, state: SaveState, report: Report) -> Lists | None:
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
    return Lists(np.cumsum([0, *map(len, times)], dtype=np.int64), np.concatenate([*times, np.empty(0)]))


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
