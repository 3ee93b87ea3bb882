"""Where the nodes of a chunk are stored, and the stretches in which the tree solve goes over them.

Cells of equal shape lie interleaved, node by node: the same node of all of them together. What remains, and
single cells, lies by levels. Among these, nodes with the same mechanisms lie together, so that a mechanism
finds its nodes unbroken. Sweeps over the tree go in an order of their own. See docs/design.md, section 3.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from heliox.engine.partition import cell_of_node
from heliox.model.model import Model
from heliox.solver.dhs import level_order, levels
from heliox.solver.tree import ABREAST, BORDER, INSIDE, MOVING, ROOTS, SINGLE

LEAST_ABREAST = (
    16  # shorter rows are no faster as vector code (0.45 ns a node at 16, 1.2 at 8, 1.0 one by one)
)
RUN = 10.0  # ns that a run of nodes costs beside its nodes


def orders(
    model: Model, chunk: NDArray, changes: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int8]]:
    """All nodes, chunk after chunk: as sweeps visit them, as they are stored, and by NEURON index what stays.

    A sweep visits a parent before its children, and the children of a node by ascending NEURON index.

    Parameters
    ----------
    chunk : (nodes,)
        Of each node.
    changes : (nodes,)
        Whether the diagonal changes there while the model runs. What stays is `MOVING` where it does below a
        node, for cells that lie abreast in any of them; else `INSIDE`, or `BORDER` where the parent's moves.
    """
    parent = model.nodes.parent
    if len(parent) == 0:
        return np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0, np.int8)
    order = level_order(parent)  # by levels, inside a level by NEURON's index
    cell = cell_of_node(model)
    shape, rank = _shapes(parent, order, cell)
    # among equal shapes: position in the tree, then cell; among others their level and index, as they stand
    alone = _alone(shape, chunk[model.cells.root])[cell]
    group = np.where(alone, -1, shape[cell])
    position = np.where(alone, 0, rank)
    stand = np.empty(len(order), np.int64)
    stand[order] = np.arange(len(order))
    tie = np.where(alone, stand, cell)
    sweep = np.lexsort((tie, position, group, chunk))
    made = _equipment(model)[sweep]
    # cells that lie abreast stay so: each position counts as what its first cell has there
    new = np.ones(len(sweep), bool)
    new[1:] = (np.diff(chunk[sweep]) != 0) | (np.diff(group[sweep]) != 0) | (np.diff(position[sweep]) != 0)
    first = np.maximum.accumulate(np.where(new, np.arange(len(sweep)), 0))
    made = np.where(alone[sweep], made, made[first])
    starts = np.flatnonzero(new)
    of_all = np.maximum.reduceat(changes[sweep], starts)[np.cumsum(new) - 1]
    moves = changes.copy()
    moves[sweep] = np.where(alone[sweep], changes[sweep], of_all)
    storage = sweep[np.lexsort((np.arange(len(sweep)), made, group[sweep], chunk[sweep]))]
    return sweep, storage, _what_stays(parent, order, moves)


def _what_stays(parent: NDArray, order: NDArray, moves: NDArray[np.bool_]) -> NDArray[np.int8]:
    """From where the matrix changes, also above it; `order` by levels."""
    moves = moves.copy()
    level = levels(parent)[order]
    ends = np.searchsorted(level, np.arange(level[-1] + 2))
    for a, b in reversed(list(pairwise(ends[1:]))):
        nodes = order[a:b]
        moves[parent[nodes[moves[nodes]]]] = True
    above = np.where(parent >= 0, moves[parent], False)
    return np.where(moves, MOVING, np.where(above, BORDER, INSIDE)).astype(np.int8)


def _equipment(model: Model) -> NDArray[np.int64]:
    """A number for each node, the same where the same density mechanisms and ions are."""
    out = np.zeros(len(model.nodes), np.int64)
    for m in model.mechanisms:
        if m.kind in ("density", "ion") and len(m):
            has = np.zeros(len(out), np.int64)
            has[m.node] = 1
            _, out = np.unique(2 * out + has, return_inverse=True)
    return out


def _alone(shape: NDArray, chunk: NDArray) -> NDArray[np.bool_]:
    """Cells whose shape no other cell of their chunk has."""
    pairs = np.stack([chunk, shape], axis=1)
    _, which, times = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    return times[which.ravel()] == 1


def _shapes(parent: NDArray, order: NDArray, cell: NDArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number of the shape of each cell, and position of each node in its cell by levels."""
    by_cell = order[np.argsort(cell[order], kind="stable")]
    size = np.bincount(cell)
    first = np.concatenate([[0], np.cumsum(size)])
    rank = np.empty(len(parent), np.int64)
    rank[by_cell] = np.arange(len(parent)) - first[cell[by_cell]]
    above = np.where(parent >= 0, rank[parent], -1)[by_cell].astype(np.int32)
    numbers: dict[bytes, int] = {}
    shape = np.array(
        [numbers.setdefault(above[a:b].tobytes(), len(numbers)) for a, b in pairwise(first)],
        np.int64,
    )
    return shape, rank


def sweeps(
    place: NDArray, parent: NDArray, stays: NDArray[np.int8]
) -> tuple[NDArray[np.int32], NDArray[np.int32], int]:
    """`stretches` of a chunk, runs (first, n) of stored nodes where the matrix moves, and their number.

    -1 in place of the number: all count as moving, since stretches would become too short.
    """
    plain = stretches(place, parent, np.full_like(stays, MOVING))
    rows = stretches(place, parent, stays)
    moving = np.zeros(len(place) + 2, np.int8)
    moving[1 + place] = stays == MOVING
    turns = np.flatnonzero(np.diff(moving))
    runs = np.stack([turns[::2], turns[1::2] - turns[::2]], axis=1).astype(np.int32)
    if _price(plain) <= _price(rows) + RUN * len(runs):
        return plain, runs[:0], -1
    return rows, runs, len(runs)


def _price(rows: NDArray) -> float:
    """Nanoseconds of an elimination, about: for comparison."""
    node = np.where(rows[:, 2] == ABREAST, 0.6, 1.5) * np.where(rows[:, 3] == MOVING, 1.0, 0.4)
    return float(node @ rows[:, 1]) + RUN * len(rows)


def stretches(
    place: NDArray, parent: NDArray, stays: NDArray[np.int8], least: int = LEAST_ABREAST
) -> NDArray[np.int32]:
    """Rows (first, n, kind, stays) that cover a chunk's nodes in the order of a sweep.

    `place`: where each of them is stored; `parent`: where its parent is, or -1; `stays`: see `orders`.
    """
    n = len(parent)
    if n == 0:
        return np.empty((0, 4), np.int32)
    root = parent < 0
    follows = np.zeros(n, bool)
    follows[1:] = ~root[1:] & ~root[:-1] & (parent[1:] == parent[:-1] + 1) & (place[1:] == place[:-1] + 1)
    follows[1:] |= root[1:] & root[:-1]
    follows[1:] &= stays[1:] == stays[:-1]
    begin = np.flatnonzero(~follows)
    length = np.diff(np.append(begin, n))
    kind = np.where(root[begin], ROOTS, np.where(length >= least, ABREAST, SINGLE))
    gap = np.abs(place[begin] - parent[begin])  # a row ends before it meets its own parents
    kind = np.where((kind == ABREAST) & (gap < least), SINGLE, kind)
    rows = []
    for a, m, k, most in zip(begin, length, kind, gap, strict=True):
        pieces = range(a, a + m, most) if k == ABREAST else [a]
        for at in pieces:
            size = min(most, a + m - at) if k == ABREAST else m
            rows.append((at, size, SINGLE if k == ABREAST and size < least else k, stays[a]))
    return _joined(np.array(rows, np.int64)).astype(np.int32)


def _joined(rows: NDArray) -> NDArray:
    """Neighbours of the same kind become one, but for those abreast."""
    new = np.ones(len(rows), bool)
    new[1:] = (rows[1:, 2:] != rows[:-1, 2:]).any(axis=1) | (rows[1:, 2] == ABREAST)
    at = np.flatnonzero(new)
    return np.stack([rows[at, 0], np.add.reduceat(rows[:, 1], at), rows[at, 2], rows[at, 3]], axis=1)
