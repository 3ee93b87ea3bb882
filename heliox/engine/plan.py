"""Model + dt + batch -> `Plan`: groups, addresses of every variable, index tables.

See docs/design.md, sections 3 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.engine.partition import Partition
from heliox.engine.vary import Vary
from heliox.kernels.context import W
from heliox.kernels.program import Program
from heliox.mechanisms.varstruct import VarStruct
from heliox.model.model import Model


@dataclass(frozen=True)
class Placement:
    """Where the instances of one mechanism lie.

    ``chunk`` and ``local`` index of each instance; per chunk their ``count`` and the bases of the blocks.
    """

    struct: VarStruct
    chunk: NDArray[np.int32]
    local: NDArray[np.int64]
    count: NDArray[np.int64]
    own: NDArray[np.int64]
    shared: NDArray[np.int64]

    def own_offset(self, slot: int) -> NDArray[np.int64]:
        """Offset of a slot of every instance from its member's base."""
        return self.own[self.chunk] + inside(self.local, self.struct.own_slots) + slot * W

    def shared_offset(self, slot: int) -> NDArray[np.int64]:
        """Address of a slot of every instance in P."""
        return self.shared[self.chunk] + inside(self.local, self.struct.shared_slots) + slot * W


def inside(local: NDArray, slots: int) -> NDArray[np.int64]:
    """Offset of instance `local` (slot 0) in blocks of `slots` variables."""
    return (local // W) * (slots * W) + local % W


@dataclass(frozen=True)
class Row:
    """Where numbers of the whole model lie: once in ``"P"``, or once a member in ``"A"``.

    ``at`` is relative to a member's base in A.
    """

    store: str
    at: int
    size: int

    @property
    def places(self) -> NDArray[np.int64]:
        """Address of each number."""
        return self.at + np.arange(self.size)


@dataclass(frozen=True)
class PlayAt:
    """Where a play lies: chunk, number there, cursor (relative to the chunk), points and breaks in P.

    The points of a member begin `stride` behind those of the one before it; 0: all share them.
    """

    chunk: int
    number: int
    cursor: int
    points: int
    stride: int
    breaks: int


@dataclass
class Plan:
    """Everything the engine needs.

    Addresses in ``A`` are relative to a member's base ``member * member_size``. ``A_size`` and ``P_size``
    count float64; ``G`` is (B * chunks, columns), ``I`` int32, ``SR`` (detectors, 2), ``FAN`` (sources +
    1,), ``CI`` (connections, 5): target chunk, target, weight offset, active, k-th created. ``driven``:
    addresses that plays, transfers and written pointers set. ``constants``: lists and factors that no
    variable names, with their place in P. ``head``: celsius, key of the random streams, thresholds of
    sources, delays of connections by their rank. ``globals_at``: GLOBALs that all share, in P; ``varied_at``:
    those that differ, in A.
    ``stages``: bounds in ``order`` of leaders, then of levels.
    """

    model: Model
    dt: float
    batch: int
    program: Program
    partition: Partition
    placements: list[Placement]
    node_chunk: NDArray[np.int32]
    node_local: NDArray[np.int64]
    member_size: int
    chunk_base: NDArray[np.int64]
    P_size: int
    G: NDArray[np.int64]
    I: NDArray[np.int32]  # noqa: E741
    SR: NDArray[np.int64]
    FAN: NDArray[np.int64]
    CI: NDArray[np.int64]
    order: NDArray[np.int64]
    vary: Vary
    head: Mapping[str, Row]
    tables: Mapping[int, Row]
    globals_at: Mapping[int, int]
    varied_at: Mapping[int, Row]
    connection_rank: NDArray[np.int64]
    weight_at: NDArray[np.int64]
    detector_flag: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    stages: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    plays: list[PlayAt] = field(default_factory=list)
    driven: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    constants: list[tuple[int, NDArray[np.float64]]] = field(default_factory=list)
    views: list[Any] = field(default_factory=list)  # heliox.engine.window: what is declared to be kept

    @property
    def chunks(self) -> int:
        return self.partition.chunks

    @property
    def A_size(self) -> int:
        return self.member_size * self.batch

    def of_members(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Addresses in A, (B, n), of n places relative to a member."""
        return self.member_size * np.arange(self.batch)[:, None] + places

    def node_address(self, which: str, nodes: NDArray) -> NDArray[np.int64]:
        """Addresses of v, rhs or d (relative to a member) or of a, b, area, diam (in P) of nodes."""
        column = self.program.columns[{"a": "CA", "b": "CB"}.get(which, which.upper())]
        at = self.G[: self.chunks, column]
        if which in ("v", "rhs", "d", "saved_rhs"):
            at = at + self.chunk_base
        return at[self.node_chunk[nodes]] + self.node_local[nodes]

    def source_chunk(self) -> NDArray[np.int64]:
        """(sources,) the chunk that each source belongs to."""
        s = self.model.sources
        out = np.zeros(len(s), np.int64)
        for k in np.unique(s.mechanism) if len(s) else ():
            here = s.mechanism == k
            chunk = self.node_chunk if k < 0 else self.placements[k].chunk
            out[here] = chunk[s.index[here]]
        return out

    def event_chunk(self) -> NDArray[np.int64]:
        """(events,) the chunk that each frozen event belongs to."""
        targets = map(self.event_target, range(len(self.model.events)))
        return np.array([self.placements[m].chunk[i] for m, i in targets], np.int64)

    def event_target(self, k: int) -> tuple[int, int]:
        """Mechanism and instance that frozen event k is for."""
        e, c = self.model.events, self.model.connections
        of, j = (e, k) if e.self_event[k] else (c, int(e.connection[k]))
        return int(of.mechanism[j]), int(of.instance[j])

    def most_in_a_chunk(self, chunk: NDArray) -> int:
        """How many of the things whose chunks are given (-1: in none) one chunk has at most."""
        return int(np.bincount(chunk[chunk >= 0], minlength=1).max(initial=0))

    def summary(self) -> str:
        """Sizes in words."""
        n = len(self.model.nodes)
        mb = 8e-6 * (self.A_size + self.P_size)
        window = f"window {self.partition.window} steps" if self.partition.window else "no exchange"
        return "\n".join(
            [
                f"plan: {n} nodes x {self.batch} members in {self.chunks * self.batch} groups, {window}; "
                f"math={self.program.math}, {mb:.1f} MB of state and parameters",
                *(f"  {x!r}" for x in self.views),
            ]
        )
