"""finitialize of an engine whose step is a series of kernels (docs/design.md, section 8.2)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.engine.step_tables import WARP, tiles
from heliox.kernels.context import W
from heliox.kernels.initial_kernels import CONNECT, DELIVER, END, SETTLE, START, TABLES
from heliox.kernels.stages import of_block
from heliox.kernels.step_names import CONTROLS, own_columns

if TYPE_CHECKING:
    from heliox.engine.stepwise import StepEngine


class StepInitial:
    """Initializes `engine`."""

    def __init__(self, engine: StepEngine) -> None:
        self.engine, self.kernels = engine, engine.kernels.initial
        engine.lay()
        own = [k for found in self.kernels.stages.values() for stage in found for k in stage]
        self._tiles = {k.name: engine.backend.upload(tiles(engine.plan, k)) for k in own}
        plan, before = engine.plan, engine.tables.H[:, own_columns(engine.plan.program)["BEFORE"]]
        self._position = before[plan.node_chunk] + plan.node_local  # of nodes, chunks one behind the other
        self._given = engine.backend.zeros((1, max(1, len(self._position))), np.float64)

    def compile(self) -> None:
        """What `run` needs."""
        self.engine.compile(self.kernels.signatures())

    def run(self, v: ArrayLike | None) -> None:
        """Behind `Engine.clear_time`."""
        e, plan = self.engine, self.engine.plan
        e.enter(np.zeros(CONTROLS, np.int64))
        e.forget_published()
        groups = partial(e.over_groups, block=WARP, chunks=(0, plan.chunks))
        if plan.plays:
            self._events(START, DELIVER)
        if v is not None and len(plan.model.nodes):
            self._voltages(np.asarray(v, np.float64))
            e.issue([[groups("set_voltages", block=W, _VI=self._given)]])
        self._tabulate()
        e.issue([[groups("lay_initial", block=W)]])
        if plan.program.transfers:
            e.issue([[groups("take_initial", block=W)]])
        for block, found in self.kernels.stages.items():
            if block == "after_initial":
                e.issue([[groups("initial_events", last=CONNECT)]])
            e.issue(e.staged(found, tables=self._tiles))
        self._settle()
        step = e.kernels
        e.issue([*e.begin, [groups("open_initial")], *e.staged(step.first_half)])
        e.issue([[groups("close_initial", block=W)], *e.staged(of_block(step.second_half, "before_step"))])
        self._events(END)

    def tabulate(self) -> None:
        """Fill every TABLE."""
        self.engine.enter(np.zeros(CONTROLS, np.int64))
        self._tabulate()
        self.engine.settled()

    def _tabulate(self) -> None:
        e, tables = self.engine, self.kernels.tables
        if tables:
            e.compile({"tabulate": TABLES})
            e.mirror.behind |= {"A", "P"}  # of members, and what they share
            e.issue([[e.over_groups("tabulate", WARP, (0, tables))]])

    def _voltages(self, v: NDArray[np.float64]) -> None:
        """Voltages (), (nodes,) or (B, nodes) to the device, in the order of storage."""
        rows = v if v.ndim == 2 else np.broadcast_to(v, (1, len(self._position)))
        given = np.empty((len(rows), len(self._position)))
        given[:, self._position] = rows
        if self._given.shape == given.shape:
            self._given.put(given)
        else:
            self._given = self.engine.backend.upload(given)

    def _events(self, task: int, again: int | None = None, name: str = "initial_events") -> None:
        """A kernel that works on queues; once more, for the task `again`, where room was wanting."""
        e = self.engine
        while True:
            e.issue([[e.over_groups(name, WARP, (0, e.plan.chunks), last=task)]])
            e.settled()
            if not e.mended():
                return
            task = task if again is None else again

    def _settle(self) -> None:
        """Events that are due at once, and the spikes they mean, until none is left."""
        e, plan = self.engine, self.engine.plan
        while True:
            self._events(SETTLE)
            if plan.chunks == 1 or not e.published().any():
                return
            self._events(0, name="exchange_all")
            e.forget_published()
