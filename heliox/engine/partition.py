"""Which cells advance together: chunks, and the window between two exchanges of spikes.

See docs/design.md, section 5.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from heliox.model.model import Model, Variables

FORWARD = 64  # steps of a window, where transfers only go forward
MOST_LEVELS = 64
CELLS_ABREAST = 24  # enough for vector code


@dataclass(frozen=True)
class Partition:
    """Chunks of a model.

    ``cell`` and ``artificial[mechanism index]`` give the chunk of every cell and artificial cell; ``leaders``
    is the number of chunks (the last ones) that hold only artificial cells without input; ``window`` in steps
    (0: chunks never hear of each other). ``least``: the smallest delay (ms) each connection may have in these
    chunks and this window. ``lockstep``: transfers cross chunks, which therefore meet in the middle of every
    step. ``level`` of each chunk, where transfers only go from lower to higher ones: a level then runs a
    whole window before the next one does, which finds on the shelf what was laid there in each step.
    """

    chunks: int
    cell: NDArray[np.int32]
    artificial: dict[int, NDArray[np.int32]]
    leaders: int
    window: int
    least: NDArray[np.float64]
    lockstep: bool = False
    level: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def forward(self) -> bool:
        """Whether there are levels."""
        return bool(self.level.any())


def nodes_of_chunk(model: Model, most: int) -> int:
    """Nodes that a chunk should hold: half of `most`, or as many as cells abreast need, up to `most`."""
    cells = max(1, len(model.cells.root))
    return min(most, max(most // 2, CELLS_ABREAST * len(model.nodes) // cells))


def cell_of_node(model: Model) -> NDArray[np.int32]:
    """Index of the cell (tree) that owns each node."""
    parent = model.nodes.parent
    jump = np.where(parent >= 0, parent, np.arange(len(parent)))
    while True:
        further = jump[jump]
        if np.array_equal(further, jump):
            break
        jump = further
    of_root = np.full(len(parent), -1, np.int32)
    of_root[model.cells.root] = np.arange(len(model.cells.root), dtype=np.int32)
    return of_root[jump]


def connected(model: Model) -> bool:
    """Whether cells may hear of each other."""
    c, s = model.connections, model.sources
    heard = (c.source >= 0) & (c.mechanism >= 0)
    own = np.array([v != "" for v in s.variable], bool)
    return bool(len(model.transfers) or len(model.pointers.of) or own[c.source[heard]].any())


def _components(n: int, first: NDArray, second: NDArray) -> NDArray[np.int64]:
    """Label of the connected component of each of n things, the smallest member's index."""
    label = np.arange(n)
    while True:
        low = np.minimum(label[first], label[second])
        new = label.copy()
        np.minimum.at(new, first, low)
        np.minimum.at(new, second, low)
        new = np.minimum(new, new[new])
        if np.array_equal(new, label):
            return label
        label = new


def partition(
    model: Model, dt: float, target: int, at_least: int, delays: NDArray[np.float64] | None = None,
    forward: bool = False,
) -> Partition:  # fmt: skip
    """Cut a model into chunks of about `target` nodes, `at_least` many where its connections allow.

    Parameters
    ----------
    dt : float
        Step in ms; cells joined by faster connections stay together.
    target : int
        Nodes a chunk should hold (cache size).
    at_least : int
        Chunks wanted, or a multiple of it (threads).
    delays : (connections,)
        ms; by default those of the model.
    forward : bool
        Where transfers make no circle, let chunks run one level after another.
    """
    c = model.connections
    delays = c.delay if delays is None else delays
    joining = (c.source >= 0) & (c.mechanism >= 0)
    units, owner = _units(model)
    n_cells = len(model.cells.root)
    n_units = n_cells + sum(len(k) for k in units.values())
    source, target_unit = _edges(model, owner, joining)
    delay = delays[joining]
    has_input = np.zeros(n_units, bool)
    has_input[target_unit] = True
    transfers = model.transfers
    laid, taken = (_owner_of(v, owner, model) for v in (transfers.source, transfers.target))
    pointing, pointed = (_owner_of(v, owner, model) for v in (model.pointers.of, model.pointers.to))
    driver = ~has_input
    driver[:n_cells] = False
    driver[np.concatenate([laid, taken, pointing, pointed])] = False
    weight = np.bincount(cell_of_node(model), minlength=n_cells) if n_cells else np.zeros(0, int)
    size = np.concatenate([weight, np.ones(n_units - n_cells, int)])

    inner = ~driver[source]
    slack = np.where(source[inner] < n_cells, 1e-6 * dt, -1e-6 * dt)  # artificial cells emit between samples
    fast = delay[inner] + slack < dt
    label = _components(
        n_units,
        np.concatenate([source[inner][fast], pointing]),
        np.concatenate([target_unit[inner][fast], pointed]),
    )
    label = _attach_drivers(label, driver, source, target_unit)
    level = _levels(label, laid, taken) if forward else np.zeros(n_units, np.int64)
    chunk, chunks, leaders = _pack(label, size, driver, level, max(1, target), at_least)
    of_chunk = np.zeros(chunks, np.int64)
    of_chunk[chunk] = np.where(driver & (chunk >= chunks - leaders), 0, level)

    cross = inner & (chunk[source] != chunk[target_unit])
    if cross.any():
        late = np.where(source[cross] < n_cells, 1e-9, -1e-6 * dt)
        window = max(1, int(np.floor(np.min((delay[cross] + late) / dt))))
    else:
        window = 0
    if of_chunk.any():
        window = min(window or FORWARD, FORWARD)
    least = np.zeros(len(c))
    if cross.any():
        least[np.flatnonzero(joining)[cross]] = np.minimum(window * dt - late, delay[cross])
    lockstep = bool((chunk[laid] != chunk[taken]).any()) and not of_chunk.any()
    if lockstep:
        window = 1
    artificial = {m: chunk[u].astype(np.int32) for m, u in units.items()}
    return Partition(
        chunks, chunk[:n_cells].astype(np.int32), artificial, leaders, window, least, lockstep, of_chunk
    )


def _owner_of(v: Variables, owner: list[NDArray], model: Model) -> NDArray[np.int64]:
    """Unit that each variable belongs to."""
    cells = cell_of_node(model)
    out = np.zeros(len(v), np.int64)
    for k in np.unique(v.mechanism):
        here = v.mechanism == k
        out[here] = cells[v.index[here]] if k < 0 else owner[k][v.index[here]]
    return out


def _units(model: Model) -> tuple[dict[int, NDArray], list[NDArray]]:
    """Unit numbers (cells first) of artificial cells; owning unit of every instance of every mechanism."""
    cells = cell_of_node(model)
    at = len(model.cells.root)
    units: dict[int, NDArray] = {}
    owner: list[NDArray] = []
    for k, m in enumerate(model.mechanisms):
        if m.kind == "artificial":
            units[k] = np.arange(at, at + len(m))
            owner.append(units[k])
            at += len(m)
        else:
            owner.append(cells[m.node] if len(m) else np.empty(0, np.int64))
    return units, owner


def _edges(model: Model, owner: list[NDArray], keep: NDArray) -> tuple[NDArray, NDArray]:
    """Unit of source and unit of target of the connections that have both."""
    s, c = model.sources, model.connections
    cells = cell_of_node(model)
    unit = np.full(len(s), -1)
    for k in np.unique(s.mechanism):
        here = s.mechanism == k
        unit[here] = cells[s.index[here]] if k < 0 else owner[k][s.index[here]]
    target = np.full(len(c), -1)
    for k in np.unique(c.mechanism[keep]):
        here = keep & (c.mechanism == k)
        target[here] = owner[k][c.instance[here]]
    return unit[c.source[keep]], target[keep]


def _attach_drivers(label: NDArray, driver: NDArray, source: NDArray, target: NDArray) -> NDArray:
    """A driver whose targets all lie in one component joins it."""
    label = label.copy()
    of = driver[source]
    if not of.any():
        return label
    low = np.full(len(label), len(label))
    high = np.full(len(label), -1)
    np.minimum.at(low, source[of], label[target[of]])
    np.maximum.at(high, source[of], label[target[of]])
    single = driver & (low == high)
    label[single] = low[single]
    return label


def _levels(label: NDArray, laid: NDArray, taken: NDArray) -> NDArray[np.int64]:
    """Of each unit, the longest way of transfers that leads to it; all 0 if they make a circle."""
    names, component = np.unique(label, return_inverse=True)
    edges = np.unique(np.stack([component[laid], component[taken]], axis=1), axis=0)
    edges = edges[edges[:, 0] != edges[:, 1]]
    level = np.zeros(len(names), np.int64)
    for _ in range(min(len(names), MOST_LEVELS)):
        new = level.copy()
        np.maximum.at(new, edges[:, 1], level[edges[:, 0]] + 1)
        if np.array_equal(new, level):
            return level[component]
        level = new
    return np.zeros(len(label), np.int64)


def _pack(
    label: NDArray, size: NDArray, driver: NDArray, level: NDArray, target: int, at_least: int
) -> tuple[NDArray, int, int]:
    """Put components into chunks, in order of levels; drivers of several form leader chunks at the end."""
    names, component = np.unique(label, return_inverse=True)
    total = np.bincount(component, weights=size, minlength=len(names))
    alone = np.ones(len(names), bool)
    np.logical_and.at(alone, component, driver)
    height = np.zeros(len(names), np.int64)
    np.maximum.at(height, component, level)
    chunk_of = np.zeros(len(names), np.int64)
    chunks = 0
    for k in np.unique(height[~alone]):
        here = ~alone & (height == k)
        wanted = at_least * max(
            1, int(np.ceil(total[here].sum() / (target * at_least)))
        )  # as many each thread
        step = total[here].sum() / max(1, wanted)
        middle = np.cumsum(total[here]) - total[here] / 2
        raw = np.minimum((middle / max(step, 1e-9)).astype(np.int64), wanted - 1)
        _, packed = np.unique(raw, return_inverse=True)
        chunk_of[here] = chunks + packed
        chunks += int(packed.max()) + 1
    leaders = 0
    if alone.any():
        if chunks <= 1:
            chunk_of[alone] = 0
            chunks = 1
        else:
            leaders = 1
            chunk_of[alone] = chunks
            chunks += 1
    return chunk_of[component], max(chunks, 1), leaders
