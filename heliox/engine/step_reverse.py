"""The reverse pass of an engine whose step is a series of kernels (docs/design.md, section 8.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from heliox.engine.backwards import Backwards
from heliox.engine.step_tables import row_tiles, tiles
from heliox.kernels.context import W
from heliox.kernels.reverse_kernels import (
    EVENTS_LEFT,
    OFFSET,
    ORIGIN,
    PROGRESS,
    SPIKES_LEFT,
    STEPS_LEFT,
    TAPED,
    Load,
)
from heliox.kernels.stages import Kernel, of_block
from heliox.kernels.step_names import CONTROLS
from heliox.solver import events

if TYPE_CHECKING:
    from heliox.engine.stepwise import Launches, StepEngine

NO_LIMIT = 1e300  # of a voltage: the run has been checked


class StepReverse:
    """Takes the steps on the tape of `engine` back; kernels are compiled when it is made."""

    def __init__(self, engine: StepEngine) -> None:
        kernels = engine.kernels.reverse
        assert kernels is not None
        self.engine, self.kernels = engine, kernels
        engine.compile(engine.kernels.backwards())
        up, plan = engine.backend.upload, engine.plan
        again = [k for stage in kernels.again for k in stage]
        tiled = [k for k in (*kernels.kernels, *again) if k.over != "groups"]
        self._tiles = {k.name: up(tiles(plan, k)) for k in tiled}
        self._rows = {part: up(row_tiles(plan, part)) for part in ("", "OWN", *kernels.parts)}
        self._given: dict[str, Any] = {}  # arrays of a sweep on the device
        self._made: tuple[Any, ...] = ()  # for what the launches were made
        self._step: Launches = []
        self._graphs: dict[int, Any] = {}

    def run(self, b: Backwards) -> None:
        """Take `b.steps` back; `b.B` holds the adjoints before and behind."""
        e = self.engine
        counters, times = e.QN.copy(), e.T.copy()
        left = np.zeros((e.groups, PROGRESS), np.int64)
        left[:, STEPS_LEFT] = b.steps
        left[:, EVENTS_LEFT] = counters[:, events.LOGGED]
        left[:, SPIKES_LEFT] = b.SP[:, 0]
        control = np.zeros(3, np.int64)
        control[[TAPED, ORIGIN, OFFSET]] = b.steps, b.origin, 0
        new = [
            self._put(name, array)
            for name, array in (
                ("_B", b.B), ("_RB", self._records(b)), ("_SB", _roomy(b.SB)), ("_SP", _roomy(b.SP)),
                ("_RV", left), ("_RC", control),
            )
        ]  # fmt: skip
        e.enter(np.zeros(CONTROLS, np.int64))
        made = e.mirror.version, b.width, b.kind
        if any(new) or made != self._made:
            self._launches(b)
            self._made = made
        e.issue(e.begin)
        e.replay(b.steps, self._graph)
        e.issue(self._step[:1])  # what stands before the first step
        e.settled()
        b.B[:] = self._given["_B"].get()
        e.QN, e.T = counters, times

    def forget(self) -> None:
        """Let go of launches, and of the arrays they hold."""
        self._made, self._step, self._graphs = (), [], {}

    def _put(self, name: str, host: NDArray) -> bool:
        """An array on the device as it is here; whether it lies at a new place."""
        there = self._given.get(name)
        if there is not None and there.shape == host.shape:
            there.put(host)
            return False
        self._given[name] = self.engine.backend.upload(host)
        return True

    def _records(self, b: Backwards) -> NDArray[np.float64]:
        """Adjoints of the samples of this piece, in as many rows as a longer piece had."""
        rows = b.RB[b.offset : b.offset + b.steps + 1]
        there = self._given.get("_RB")
        more = max(0, there.shape[0] - len(rows)) if there is not None else 0
        return np.pad(rows, ((0, more), (0, 0))) if more else np.ascontiguousarray(rows)

    def _graph(self, steps: int) -> Any:
        if steps not in self._graphs:
            self._graphs[steps] = self.engine.captured(self._step, steps)
        return self._graphs[steps]

    def _launches(self, b: Backwards) -> None:
        """A step backwards, in its order."""
        e, kernels = self.engine, self.kernels
        given = {**self._given, "_limit": NO_LIMIT, "_width": b.width, "_kind": b.kind}

        def over(name: str, block: int = W, near: int = 0) -> Launches:
            return [[e.over_groups(name, block, (0, e.plan.chunks), near=near, **given)]]

        def solve(name: str) -> Launches:
            return over(name, e.solvers, e.tables.near)

        def load(part: str = "") -> Launches:
            launch = e.launch("load_row", W, False, self._rows[part], **given)
            return [[launch]] if launch else []

        def staged(found: Sequence[Sequence[Kernel]]) -> Launches:
            return e.staged(found, tables=self._tiles, **given)

        def one(k: Kernel | Load) -> Launches:
            if isinstance(k, Load):
                return load(k.part)
            return over(k.name) if k.over == "groups" else staged([[k]])

        def back(found: Sequence[Kernel | Load]) -> Launches:
            return [x for k in found for x in one(k)]

        forward = e.staged(of_block(e.kernels.first_half, "current"))
        again = staged(kernels.again)
        self._step = [
            *over("undo"), *load(), *forward, *solve("solve_again"),
            *(over("take_shelf") if e.plan.program.transfers else []),
            *again, *(load("OWN") if again else []),
            *back(kernels.state), *solve("solve_transposed"), *load(), *back(kernels.current),
        ]  # fmt: skip
        self._graphs = {}


def _roomy(array: NDArray) -> NDArray:
    """With a power of two of columns: a new number of spikes seldom asks for a new place."""
    width = 1 << max(array.shape[1] - 1, 1).bit_length()
    return np.pad(array, ((0, 0), (0, width - array.shape[1])))
