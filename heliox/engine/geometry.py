"""Geometry of an engine's nodes: couplings, areas, diameters, and what point processes make of areas."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heliox.engine.engine import Engine
from heliox.kernels.context import W
from heliox.mechanisms.varstruct import SCALE

COLUMNS = {"a": "CA", "b": "CB", "area": "AREA", "diam": "DIAM"}
BARS = {"a": "A_BAR", "b": "B_BAR", "area": "AREA_BAR", "diam": "DIAM_BAR"}
Array = NDArray[np.float64]


class Shape:
    """Members of an engine get a geometry of their own, which can be assigned.

    Parameters
    ----------
    engine : Engine
        Its program has an `Adjoint` with geometry. Parameters that members share are in their places already.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        plan = engine.plan
        self._nodes = np.arange(len(plan.model.nodes))
        self._scaled = [
            (m.node, p)
            for m, p in zip(plan.model.mechanisms, plan.placements, strict=True)
            if SCALE in p.struct.shared
        ]
        self._split()

    def _split(self) -> None:
        """Copies of what members other than the first have of their own in P, and their places in G."""
        e, plan = self.engine, self.engine.plan
        columns = plan.program.columns
        counts = plan.G[: plan.chunks, columns["NODES"]]
        regions = [(c, counts) for c in COLUMNS.values()]
        for _, p in self._scaled:
            blocks = -(-p.count // W)
            regions.append((f"{p.struct.template.name}_SHARED", blocks * W * p.struct.shared_slots))
        parts, top = [e.P], len(e.P)
        self._moved = np.zeros((plan.batch, len(regions), plan.chunks), np.int64)  # by how much
        for member in range(1, plan.batch):
            for k, (name, sizes) in enumerate(regions):
                for c, size in enumerate(sizes.tolist()):
                    at = int(plan.G[c, columns[name]])
                    self._moved[member, k, c] = top - at
                    plan.G[member * plan.chunks + c, columns[name]] = top
                    room = -(-size // 8) * 8
                    parts.append(np.pad(e.P[at : at + size], (0, room - size)))
                    top += room
        e.P = np.concatenate(parts)

    def assign(self, values: dict[str, Array]) -> None:
        """Write a, b, area and diam, each (B, nodes)."""
        e, plan = self.engine, self.engine.plan
        for k, name in enumerate(COLUMNS):
            at = plan.node_address(name, self._nodes) + self._moved[:, k][:, plan.node_chunk]
            e.P[at] = values[name]
        for k, (node, p) in enumerate(self._scaled, len(COLUMNS)):
            at = p.shared_offset(p.struct.shared[SCALE]) + self._moved[:, k][:, p.chunk]
            e.P[at] = 100.0 / values["area"][:, node]

    def bars(self) -> dict[str, NDArray[np.int64]]:
        """Where adjoints and tangents of a, b, area and diam lie: each (B, nodes), as places in A."""
        plan = self.engine.plan
        out = {}
        for name, column in BARS.items():
            at = (plan.G[: plan.chunks, plan.program.columns[column]] + plan.chunk_base)[plan.node_chunk]
            out[name] = plan.of_members(at + plan.node_local)
        return out
