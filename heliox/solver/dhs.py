"""Dendritic Hierarchical Scheduling: which nodes are worked on together when a tree is solved with k lanes.

Zhang et al. 2023 (Nat Commun 14:5798): at every step the k deepest nodes whose children are done are taken.
One lane is Hines' order, unbounded lanes are the levels of the tree. Because a node gathers its children in
one fixed order, every schedule gives the same bits.
"""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray


def levels(parent: NDArray[np.integer]) -> NDArray[np.int32]:
    """Distance of every node from its root; parents come before children in the array.

    Parameters
    ----------
    parent : (n,) int, -1 for roots, ``parent[i] < i``
    """
    parent = np.asarray(parent)
    jump = np.where(parent >= 0, parent, np.arange(len(parent)))
    level = (parent >= 0).astype(np.int32)
    while True:  # pointer doubling: log2(depth) passes instead of a Python loop over nodes
        extra = level[jump]
        if not extra.any():
            return level
        level += extra
        jump = jump[jump]


def subtree(parent: NDArray[np.integer], nodes: NDArray[np.integer]) -> NDArray[np.int32]:
    """Parents among `nodes` (ascending, whole trees) alone, numbered from 0; -1 for roots."""
    up = parent[nodes]
    return np.where(up >= 0, np.searchsorted(nodes, up), -1).astype(np.int32)


def schedule(parent: NDArray[np.integer], lanes: int) -> list[NDArray[np.int32]]:
    """Steps of the elimination, at most `lanes` nodes each, deepest first; backwards for the substitution.

    Returns
    -------
    list of (<= lanes,) int32 arrays
        Node indices; every node stands in a later step than all of its children.
    """
    if lanes < 1:
        raise ValueError(f"lanes is {lanes}; it must be at least 1")
    parent = np.asarray(parent)
    depth = levels(parent)
    waiting = np.bincount(parent[parent >= 0], minlength=len(parent))
    ready = [(-int(depth[i]), -int(i)) for i in np.flatnonzero(waiting == 0)]
    heapq.heapify(ready)
    steps = []
    while ready:
        taken = [-heapq.heappop(ready)[1] for _ in range(min(lanes, len(ready)))]
        for i in taken:
            p = parent[i]
            if p >= 0:
                waiting[p] -= 1
                if waiting[p] == 0:
                    heapq.heappush(ready, (-int(depth[p]), -int(p)))
        steps.append(np.array(taken, np.int32))
    return steps


def level_order(parent: NDArray[np.integer]) -> NDArray[np.intp]:
    """Nodes by level, inside a level ascending: the storage order of a group."""
    return np.lexsort((np.arange(len(parent)), levels(parent)))
