"""Reading every Vector.play of a NEURON session; `h` is always given, never imported."""

from __future__ import annotations

import os
import tempfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.frontend.cells import Anatomy
from heliox.frontend.membrane import Membrane, neuron_name
from heliox.frontend.players import Player, follow
from heliox.frontend.problems import Report
from heliox.frontend.savestate import CONTINUOUS, PLAY, PLAYER, SaveState
from heliox.frontend.trial import TrialError, attempt
from heliox.frontend.variables import Column, columns, variables
from heliox.model.model import Plays

GLOBAL = -2  # the "mechanism" of columns that belong to none
MEND = "play on a range variable instead, or call play_remove"


def read_plays(h: Any, anatomy: Anatomy, membrane: Membrane, state: SaveState, report: Report) -> Plays:
    """All plays in force, in NEURON's order."""
    numbers = [p for p, kind in enumerate(state.players) if kind in PLAY]
    if not numbers:
        return Plays()
    vectors = list(h.List("Vector"))
    everything = [*columns(anatomy, membrane), *_globals(h, membrane)]
    try:
        with tempfile.TemporaryDirectory(prefix="heliox-") as folder:
            path = os.path.join(folder, "state")
            players = attempt(lambda: follow(h, everything, state, path))
    except TrialError as e:
        text = f"{len(numbers)} Vector.play cannot be followed: {e}"
        report.add("play", text, "call play_remove, or use IClamp and its like")
        return Plays()
    due: dict[int, list[float]] = {p: [] for p in range(len(state.players))}
    for item in state.queue:
        if item.kind == PLAYER:
            due[item.number].append(item.time)
    rows = []
    for p, player in zip(numbers, players):
        continuous = state.players[p] == CONTINUOUS
        row = _Row(vectors, everything, player, continuous, state.cursors[p], due[p])
        if row.problem:
            report.add("play", row.problem, row.mend)
        else:
            rows.append(row)
    return Plays(
        target=variables([r.player.target for r in rows if r.player.target], everything),
        continuous=np.array([r.continuous for r in rows], bool),
        ptr=np.cumsum([0, *(len(r.t) for r in rows)], dtype=np.int64),
        t=np.concatenate([*(r.t for r in rows), np.empty(0)]),
        y=np.concatenate([*(r.y for r in rows), np.empty(0)]),
        break_ptr=np.cumsum([0, *(len(r.breaks) for r in rows)], dtype=np.int64),
        breaks=np.concatenate([*(r.breaks for r in rows), np.empty(0, np.int64)]),
        cursor=np.array([r.cursor for r in rows], np.int64),
        broken=np.array([r.broken for r in rows], np.int64),
        waiting=np.array([r.waiting for r in rows], bool),
    )


def _globals(h: Any, membrane: Membrane) -> list[Column]:
    """What is no variable of the model, but can be named when it is played on."""
    out = [Column(GLOBAL, "celsius", "celsius", 1, [h])]
    for template in membrane.templates:
        for name, var in template.globals_.items():
            full = f"{neuron_name(template, name)}_{template.name}"
            if hasattr(h, full):
                out.append(Column(GLOBAL, full, full, var.size, [h]))
    return out


class _Row:
    """One play as the model has it, or the ``problem`` that stands in the way and how to ``mend`` it."""

    def __init__(
        self,
        vectors: list,
        everything: list[Column],
        player: Player,
        continuous: bool,
        place: tuple[int, ...],
        due: list[float],
    ) -> None:
        self.player, self.continuous, self.problem, self.mend = player, continuous, "", MEND
        if player.target is None:
            self.problem = (
                f"{player.vector} plays on what is no variable of the model (a hoc variable, a statement, "
                "the weight of a NetCon), or on what another play sets"
            )
            return
        column = everything[player.target.column]
        name = vectors[player.values].hname()
        if column.mechanism == GLOBAL:
            self.problem = f"{name} plays on {column.label}, which all of the model share"
            return
        self._points(vectors, name)
        if not self.problem:
            self._place(vectors, name, place, due)

    def _points(self, vectors: list, name: str) -> None:
        y = np.array(vectors[self.player.values])
        if self.player.times >= 0:
            t = np.array(vectors[self.player.times])
        else:
            t = np.add.accumulate(np.r_[0.0, np.full(max(len(y) - 1, 0), self.player.step)])
        if self.continuous and len(y) < len(t):
            self.problem, self.mend = f"{name} has {len(y)} values for {len(t)} times", "give it one for each"
        n = min(len(y), len(t))
        self.t, self.y = t[:n], y[:n]
        if not n:
            self.problem, self.mend = f"{name} plays no values: it or its times are empty", "fill them"
        elif (np.diff(self.t) < 0).any():
            self.problem, self.mend = f"the times of {name} go backwards", "sort them"

    def _place(self, vectors: list, name: str, place: tuple[int, ...], due: list[float]) -> None:
        """Where the play stands: at `place`, and `due` are the times (ms) of its waiting events."""
        n = len(self.t)
        self.breaks: NDArray[np.int64] = np.empty(0, np.int64)
        if self.player.breaks >= 0:
            self.breaks = np.array(vectors[self.player.breaks]).astype(np.int64)
            if not len(self.breaks):  # to NEURON all is one piece, as if only the last point were marked
                self.breaks = np.array([n - 1])
            if ((self.breaks < 0) | (self.breaks >= n)).any():
                self.problem = f"a discontinuity of {name} is none of its {n} points"
                self.mend = "take it out"
                return
        last = n - 1 if self.continuous else n
        # NEURON leaves these unset until finitialize
        self.cursor = min(max(place[-1], 0), last)
        self.broken = min(max(place[1], 0), len(self.breaks)) if self.continuous else 0
        self.waiting = bool(due)
        if not due:
            if len(self.breaks) == 1 and self.cursor == n - 1:
                self.broken = 1
        elif self.cursor >= n or due != [self.t[self.cursor]]:
            self.problem = f"the times of {name} are not those that its play started with"
            self.mend = "call h.finitialize, or pass v_init"
