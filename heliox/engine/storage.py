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
from heliox.solver.dhs import level_order
from heliox.solver.tree import ABREAST, ROOTS, SINGLE

LEAST_ABREAST = (
    16  # shorter rows are no faster as vector code (0.45 ns a node at 16, 1.2 at 8, 1.0 one by one)
)


def orders(model: Model, chunk: NDArray) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """All nodes, chunk after chunk: as sweeps visit them, and as they are stored; `chunk` of each node.

    A sweep visits a parent before its children, and the children of a node by ascending NEURON index.
    """
    parent = model.nodes.parent
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
    return sweep, sweep[np.lexsort((np.arange(len(sweep)), made, group[sweep], chunk[sweep]))]


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


def stretches(place: NDArray, parent: NDArray, least: int = LEAST_ABREAST) -> NDArray[np.int32]:
    """Rows (first, n, kind) that cover a chunk's nodes in the order of a sweep.

    `place`: where each of them is stored; `parent`: where its parent is, or -1.
    """
    n = len(parent)
    if n == 0:
        return np.empty((0, 3), np.int32)
    root = parent < 0
    follows = np.zeros(n, bool)
    follows[1:] = ~root[1:] & ~root[:-1] & (parent[1:] == parent[:-1] + 1) & (place[1:] == place[:-1] + 1)
    follows[1:] |= root[1:] & root[:-1]
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
            rows.append((at, size, SINGLE if k == ABREAST and size < least else k))
    return _joined(np.array(rows, np.int64)).astype(np.int32)


def _joined(rows: NDArray) -> NDArray:
    """Neighbours of the same kind become one, but for those abreast."""
    new = np.ones(len(rows), bool)
    new[1:] = (rows[1:, 2] != rows[:-1, 2]) | (rows[1:, 2] == ABREAST)
    at = np.flatnonzero(new)
    return np.stack([rows[at, 0], np.add.reduceat(rows[:, 1], at), rows[at, 2]], axis=1)
