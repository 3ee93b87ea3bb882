"""Variables that a model names one by one: played, transferred, pointed at; their addresses and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heliox.engine.plan import Placement, PlayAt
from heliox.errors import ModelError
from heliox.model.model import Model, Variables
from heliox.solver.play import PLAY

if TYPE_CHECKING:
    from heliox.engine.layout import _Builder


def named_variables(model: Model) -> dict[str, set[str]]:
    """Mechanism -> variables that something else reads or writes in place, so that they are own."""
    t, p = model.transfers, model.pointers
    out: dict[str, set[str]] = {}
    for v in (model.plays.target, t.source, t.target, p.to):
        for mechanism, name in dict.fromkeys(zip(v.mechanism.tolist(), v.name, strict=True)):
            if mechanism >= 0:
                out.setdefault(model.mechanisms[mechanism].name, set()).add(name.partition("[")[0])
    return out


def pointed(model: Model) -> frozenset[tuple[str, str]]:
    """(mechanism, variable) that pointers lead to."""
    to = model.pointers.to
    pairs = zip(to.mechanism.tolist(), to.name, strict=True)
    return frozenset((model.mechanisms[k].name, name.partition("[")[0]) for k, name in pairs if k >= 0)


def watched(model: Model) -> set[tuple[str, str]]:
    """(mechanism, variable) that plays, transfers, pointers or detectors read or write."""
    out = {(m, name) for m, names in named_variables(model).items() for name in names}
    s = model.sources
    for k, name in zip(s.mechanism.tolist(), s.variable, strict=True):
        if k >= 0 and name:
            out.add((model.mechanisms[k].name, name.partition("[")[0]))
    return out


class Couplings:
    """Writes the index lists of plays, transfers and pointers into a plan that is being built."""

    def __init__(self, builder: _Builder, placements: list[Placement]) -> None:
        self.builder, self.placements = builder, placements
        self.chunks = builder.part.chunks
        self.cursors: list[tuple[int, int]] = []  # chunk and offset of the two of each play
        self.driven: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []  # chunk and offset of what is set

    def _at(self, v: Variables, use: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Chunk and offset from its base, of each variable."""
        chunk, at = np.zeros(len(v), np.int64), np.zeros(len(v), np.int64)
        spelled, which = np.unique(np.array(v.name, np.str_), return_inverse=True)
        for m in np.unique(v.mechanism).tolist():
            for k in np.unique(which[v.mechanism == m]).tolist():
                here = np.flatnonzero((v.mechanism == m) & (which == k))
                chunk[here], at[here] = self.builder.variables(
                    self.placements, m, v.index[here], str(spelled[k]), use
                )
        return chunk, at

    def _lists(self, chunk: NDArray, rows: NDArray, count: str, first: str) -> None:
        """One list of rows a chunk, in their order."""
        order = np.argsort(chunk, kind="stable")
        bounds = np.searchsorted(chunk[order], np.arange(self.chunks + 1))
        at = self.builder.I.add(rows[order].ravel())
        self.builder.column(count)[:] = np.diff(bounds)
        self.builder.column(first)[:] = at + bounds[:-1] * rows.shape[1]

    def plays(self) -> list[PlayAt]:
        """Rows of heliox.solver.play for every chunk; room for points in P and for cursors in A."""
        p = self.builder.model.plays
        chunk, target = self._at(p.target, "Vector.play sets")
        self.driven.append((chunk, target))
        size, broken = np.diff(p.ptr), np.diff(p.break_ptr)
        out = []
        rows = np.zeros((len(p), PLAY), np.int64)
        numbers = np.zeros(self.chunks, np.int64)
        for k in range(len(p)):
            c = int(chunk[k])
            stride = 2 * int(size[k]) if k in self.builder.vary.plays else 0
            at = PlayAt(
                c, int(numbers[c]), self.builder.own[c].take(2),
                self.builder.P.take(stride * self.builder.batch or 2 * int(size[k])), stride,
                self.builder.P.take(int(broken[k])),
            )  # fmt: skip
            numbers[c] += 1
            out.append(at)
            self.cursors.append((c, at.cursor))
            rows[k] = (
                target[k], at.cursor, at.points, at.stride, size[k], at.breaks, broken[k], p.continuous[k],
            )  # fmt: skip
        self._lists(chunk, rows, "PLAYS", "PLAY")
        return out

    def transfers(self) -> None:
        """Pairs (variable, place on the shelf), which every member has: a place for each source.

        Where transfers only go forward the shelf has a row for each step of a window.
        """
        t = self.builder.model.transfers
        _, name = np.unique(np.array(t.source.name, np.str_), return_inverse=True)
        key = np.stack([t.source.mechanism, t.source.index, name], axis=1)
        _, first, place = np.unique(key, axis=0, return_index=True, return_inverse=True)
        part = self.builder.part
        rows = max(1, part.window) if part.forward else 1
        self.builder.row("SHELF", rows * len(first), True)
        self.builder.column("SHELF_ROWS")[:] = rows
        self.builder.column("SHELF_SIZE")[:] = len(first)
        chunk, at = self._at(t.source, "a transfer reads")
        pairs = np.stack([at[first], np.arange(len(first))], axis=1)
        self._lists(chunk[first], pairs, "LAID", "LAY")
        chunk, at = self._at(t.target, "a transfer sets")
        self.driven.append((chunk, at))
        order = np.lexsort((at, chunk))  # written forwards
        chunk, at, place = chunk[order], at[order], place.ravel()[order]
        self._lists(chunk, np.stack([at, place], axis=1), "TAKEN", "TAKE")
        # the same by runs of targets that lie side by side: (first target, number, first of their places)
        new = np.ones(len(at), bool)
        new[1:] = (np.diff(at) != 1) | (np.diff(chunk) != 0)
        begin = np.flatnonzero(new)
        runs = np.stack([at[begin], np.diff(np.append(begin, len(at))), begin], axis=1)
        self._lists(chunk[begin], runs, "RUNS", "RUN")
        self.builder.column("PLACES")[:] = self.builder.I.add(place)

    def pointers(self) -> None:
        """For every pointer of a mechanism, the offset of what each instance points at."""
        p = self.builder.model.pointers
        chunk, at = self._at(p.to, "a POINTER stands for")
        for k, place in enumerate(self.placements):
            t = place.struct.template
            for pointer in t.pointers:
                mine = np.flatnonzero(
                    (p.of.mechanism == k) & np.array([n == pointer for n in p.of.name], bool)
                )
                offsets = np.full(len(place.local), -1, np.int64)
                offsets[p.of.index[mine]] = at[mine]
                if (offsets < 0).any():
                    missing = int(np.argmin(offsets))
                    raise ModelError(
                        f"the POINTER {pointer} of instance {missing} of {t.name} points at nothing; set it",
                        mechanism=t.name,
                        variable=pointer,
                    )
                self.builder.index_list(f"{t.name}_POINTER_{pointer}", place, offsets)
                if pointer in t.writes():
                    self.driven.append((chunk[mine], at[mine]))
