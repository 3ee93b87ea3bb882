"""Schedules of ``order="contraction"`` in a plan."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.solver.contraction import contract, tables
from heliox.solver.dhs import subtree

ROWS = 6  # numbers a node takes while it is eliminated (`heliox.solver.contracted`)
COLUMNS = ("RANK", "SCHEDULE", "SCHEDULE_STEPS", "SCHEDULE_TASKS", "NARROW")


class Contractions:
    """Writes the schedules of chunks; equal ones once. `builder`: of the plan (`heliox.engine.layout`)."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder
        self._known: dict[bytes, tuple[int, ...]] = {}

    def lay(self, chunk: int, parent: NDArray[np.int32], nodes: NDArray[np.intp]) -> None:
        """That of a chunk's nodes (ascending NEURON index), and room to work."""
        tree, local = subtree(parent, nodes), self.builder.node_local[nodes]
        key = tree.tobytes() + local.tobytes()
        row, columns = self.builder.G[chunk], self.builder.program.columns
        if key not in self._known:
            self._known[key] = self._add(tree, local)
        for name, value in zip(COLUMNS, self._known[key], strict=True):
            row[columns[name]] = value
        row[columns["WORK"]] = self.builder.own[chunk].take(ROWS * (len(nodes) + 1))

    def _add(self, tree: NDArray[np.int32], local: NDArray[np.int64]) -> tuple[int, ...]:
        found, add = tables(contract(tree)), self.builder.I.add
        place = np.empty(len(tree), np.int64)
        place[local] = found.place
        return add(place), add(found.table), found.steps, found.tasks, found.narrow
