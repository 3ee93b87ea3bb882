"""What every Vector.play takes its values and times from, and what it plays on: found by trial.

NEURON tells of a play only where it stands (SaveState). So a copy of the session fills all Vectors with
marks, restores states in which each play has just played a certain mark, and sees which variable has got it;
then lets each play ask for its next event, whose time is a mark of the Vector of times.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.frontend import savestate
from heliox.frontend.savestate import CONTINUOUS, PLAY, PLAYER, STEPWISE, SaveState
from heliox.frontend.trial import INSTANT
from heliox.frontend.variables import FIRST_MARK, Column, Place, where

DIGITS = 64  # marks and positions are told in digits, so that Vectors can stay short
SIZE = 2 * DIGITS
LATE = 1e300  # ms: every play is past its last point


@dataclass(frozen=True)
class Player:
    """One play. ``values``, ``times``, ``breaks`` are positions in the list of all Vectors, -1: none.

    ``step`` is the interval in ms where there is no Vector of times. Where ``target`` is None, ``vector`` is
    the name of the Vector whose target cannot be found.
    """

    target: Place | None
    values: int = -1
    times: int = -1
    step: float = 0.0
    breaks: int = -1
    vector: str = ""


def follow(h: Any, columns: list[Column], state: SaveState, path: str) -> list[Player]:
    """All plays in NEURON's order. Leaves a session in ruins: to be called in a copy of the process.

    Parameters
    ----------
    columns : list of Column
        What may be played on.
    path : str
        A file that may be written.
    """
    return _Trial(h, columns, state, path).players()


class _Trial:
    def __init__(self, h: Any, columns: list[Column], state: SaveState, path: str) -> None:
        self.h, self.columns, self.state, self.path = h, columns, state, path
        self.vectors = list(h.List("Vector"))
        self.plays = [k for k, kind in enumerate(state.players) if kind in PLAY]
        self.start = {p: (0,) if state.players[p] == STEPWISE else (0, 0, 0) for p in self.plays}
        self.saved = h.SaveState()
        self.saved.save()

    def players(self) -> list[Player]:
        targets: dict[int, tuple[Place, int]] = {}
        while len(targets) < len(self.plays):
            found = self._targets(targets)  # all but those known, for what they have overwritten
            if found.keys() <= targets.keys():
                break
            targets = found | targets
        names = {p: self._name(p) for p in self.plays if p not in targets}
        out = []
        for p, (times, step, breaks) in self._schedules().items():
            target, values = targets.get(p, (None, -1))
            out.append(Player(target, values, times, step, breaks, names.get(p, "")))
        return out

    def _targets(self, silent: Iterable[int]) -> dict[int, tuple[Place, int]]:
        """Player -> what it plays on, and the position of its Vector. Stepwise ones can be kept silent."""
        number: dict[Place, int] = {}
        vector: dict[Place, int] = {}
        first = FIRST_MARK + DIGITS * np.arange(len(self.vectors))
        top = FIRST_MARK + DIGITS * len(self.vectors)
        seen: dict[Place, float] = {}
        for r in range(_places(len(self.plays))):
            self._fill(first[:, None] + np.arange(DIGITS).repeat(2))
            cursors: dict[int, tuple[int, ...]] = {}
            for k, p in enumerate(self.plays):
                at = 2 * _digit(k, r) + 1
                if self.state.players[p] == CONTINUOUS:
                    cursors[p] = (at, 0, at)  # between two equal marks
                else:
                    cursors[p] = (0 if p in silent else at,)
            self._restore(LATE, cursors)
            if r == 0:
                seen = dict(where(self.columns, lambda x: (x >= FIRST_MARK) & (x < top)))
            else:
                seen = {x: self.columns[x.column].read_at(x.index, x.element) for x in seen}
            for place, mark in seen.items():
                vector[place], digit = divmod(int(mark - FIRST_MARK), DIGITS)
                number[place] = number.get(place, 0) + digit * DIGITS**r
        return {self.plays[k]: (place, vector[place]) for place, k in number.items() if k < len(self.plays)}

    def _schedules(self) -> dict[int, tuple[int, float, int]]:
        """Player -> its Vector of times, else its interval in ms; and its Vector of discontinuities."""
        # the time of the event asked for in each trial, and the Vector it is a mark of
        asked: dict[int, list[tuple[float, int]]] = {p: [] for p in self.plays}
        breaks = dict.fromkeys(self.plays, 0)
        for r in range(max(2, _places(len(self.vectors)))):
            # the whole part is a digit: as a discontinuity it leads to that point, whose number NEURON keeps
            j = np.arange(len(self.vectors))
            marks = _digit(j, r) + (j + 1) / ((2 + r) * (len(j) + 1))
            self._fill(np.repeat(marks[:, None], SIZE, axis=1))
            self._restore(0.0, self.start, self.plays)
            self.h.dt = INSTANT
            self.h.fadvance()
            after = self._save()
            times = {item.number: item.time for item in after.queue if item.kind == PLAYER}
            known = dict(zip(marks.tolist(), j.tolist()))
            for p in self.plays:
                asked[p].append((times[p], known.get(times[p], -1)))
                if self.state.players[p] == CONTINUOUS:
                    _, discontinuity, bound = after.cursors[p]
                    breaks[p] = breaks[p] + bound * DIGITS**r if discontinuity else -1
                else:
                    breaks[p] = -1
        return {p: (*_schedule(asked[p]), breaks[p]) for p in self.plays}

    def _name(self, player: int) -> str:
        """The name of the Vector of a play, from what NEURON prints of its event."""
        self._restore(0.0, self.start, [player])
        found = re.search(r"Vector\[\d+\]", _printed(self.h.CVode().print_event_queue, self.path))
        return found.group() if found else "a Vector"

    def _fill(self, rows: NDArray) -> None:
        for vector, row in zip(self.vectors, rows):
            vector.resize(SIZE)
            vector.as_numpy()[:] = row

    def _restore(self, t: float, cursors: Mapping[int, tuple[int, ...]], due: Iterable[int] = ()) -> None:
        """Restore a state at `t` (ms) in which players stand at `cursors`, and some have an event due."""
        with open(self.path, "wb") as f:
            f.write(self.state.altered(t, cursors, [(t, self.state.player_event(p)) for p in due]))
        self.saved.fread(self.h.File(self.path))
        self.saved.restore()

    def _save(self) -> SaveState:
        self.saved.save()
        self.saved.fwrite(self.h.File(self.path))
        with open(self.path, "rb") as f:
            return savestate.parse(f.read())


def _digit(number: Any, place: int) -> Any:
    return number // DIGITS**place % DIGITS


def _places(count: int) -> int:
    """How many digits numbers below `count` have."""
    places = 1
    while DIGITS**places < count:
        places += 1
    return places


def _schedule(asked: list[tuple[float, int]]) -> tuple[int, float]:
    """Vector of times, or interval: the only thing that is the same in all trials."""
    vectors, times = {j for _, j in asked}, {time for time, _ in asked}
    if len(times) == 1:
        return -1, times.pop()
    (vector,) = vectors  # or the trial has failed
    return vector, 0.0


def _printed(action: Callable[[], Any], path: str) -> str:
    """What NEURON prints, through Python or past it."""
    through, kept = io.StringIO(), os.dup(1)
    with open(path, "w+b") as past, contextlib.redirect_stdout(through):
        os.dup2(past.fileno(), 1)
        action()
        ctypes.CDLL(None).fflush(None)
        os.dup2(kept, 1)
        past.seek(0)
        text = past.read().decode(errors="replace")
    os.close(kept)
    sys.stdout.flush()
    return through.getvalue() + text
