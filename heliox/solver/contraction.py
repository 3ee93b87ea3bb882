"""Tree contraction: an elimination order of logarithmic depth.

Hines' order takes as many steps as the tree has levels, because a node waits for its children. Rake and
compress (Miller & Reif 1985, Proc. 26th FOCS, 478-489) needs about log2(n) steps for n nodes of any shape.
In a step all leaves are *raked* into their parents, as Hines does, and in every chain of nodes with a single
child every other node is *compressed*: it is eliminated although its child is not, which couples its parent
and its child directly, as in cyclic reduction (Hockney 1965, J. ACM 12:95-113). Of two neighbours one goes
at a time, so the nodes of a step do not depend on each other. Half of the tree, more or less, is gone after
each.

The system is the cable equation's: row i has ``d[i]`` on the diagonal, ``b[i]`` in the column of its parent
p, and row p has ``a[i]`` in column i. A Schur complement of a diagonally dominant matrix is diagonally
dominant, so no pivoting is needed. The result differs from Hines' at round-off.

What is done with a schedule is `heliox.solver.contracted`'s; `solve` is its reference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heliox.errors import ModelError
from heliox.solver.dhs import levels

Nodes = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Step:
    """What is eliminated at once.

    Where several nodes change one neighbour, their contributions are added in the order in which they stand
    here, by descending index as in Hines' sweep; that of a parent comes behind those of children.

    Attributes
    ----------
    nodes : (m,) int32
        Those eliminated.
    parent : (m,) int32
        Of each at that time; -1 for roots.
    child : (m,) int32
        Of nodes that are compressed: parent and child are neighbours afterwards. -1 for leaves.
    """

    nodes: Nodes
    parent: Nodes
    child: Nodes

    def __len__(self) -> int:
        return len(self.nodes)


@dataclass(frozen=True, eq=False)
class Contraction:
    """The steps of a forest of `n` nodes, each of which goes in one of them."""

    n: int
    steps: tuple[Step, ...]


def contract(parent: NDArray[np.integer]) -> Contraction:
    """Rake-and-compress schedule of a forest; that of a tree does not depend on its company.

    Parameters
    ----------
    parent : (n,) int
        -1 for roots, ``parent[i] < i``.

    Raises
    ------
    ModelError
        If a parent does not come before its child.
    """
    up = np.array(parent, np.int32)
    n = len(up)
    bad = np.flatnonzero((up >= np.arange(n)) | (up < -1))
    if len(bad):
        raise ModelError(
            f"the parent of node {bad[0]} is {up[bad[0]]}; it must be an earlier node, or -1 for a root"
        )
    left = np.arange(n, dtype=np.int32)[::-1]
    steps: list[Step] = []
    while len(left):
        inner = left[up[left] >= 0]
        number = np.bincount(up[inner], minlength=n)  # of children
        child = np.full(n, -1, np.int32)
        child[up[inner]] = inner  # of the many children of a branching node one is written, and not read
        gone = np.zeros(n, bool)
        gone[left[number[left] == 0]] = True
        compressed = _every_other(up, inner[(number[inner] == 1) & ~gone[child[inner]]])
        gone[compressed] = True
        child[number == 0] = -1
        nodes = left[gone[left]]
        steps.append(Step(nodes, up[nodes], child[nodes]))
        up[child[compressed]] = up[compressed]
        left = left[~gone[left]]
    return Contraction(n, tuple(steps))


def _every_other(up: Nodes, single: Nodes) -> Nodes:
    """Of each chain among the nodes `single` the first, third, ... from above."""
    chained = np.zeros(len(up), bool)
    chained[single] = True
    above = np.where(chained & (up >= 0) & chained[up], up, -1)  # the node before in the same chain
    return single[levels(above)[single] % 2 == 0]


def steps_of(schedule: Contraction) -> NDArray[np.int32]:
    """(n,) the step in which each node is eliminated."""
    at = np.empty(schedule.n, np.int32)
    for k, step in enumerate(schedule.steps):
        at[step.nodes] = k
    return at


def solve(
    schedule: Contraction,
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    d: NDArray[np.float64],
    rhs: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Solve the tree system in the order of the schedule; the reference for compiled versions.

    Parameters
    ----------
    schedule : Contraction
    a, b : (n,)
        Coupling of each node to its parent: `a` in the parent's row, `b` in its own. Unused for roots.
    d, rhs : (n,)
        Diagonal and right-hand side.

    Returns
    -------
    (n,) array
        The solution. The arguments are left as they are.
    """
    a, b, d, x = a.copy(), b.copy(), d.copy(), rhs.copy()
    below = np.zeros(schedule.n)  # coupling of a compressed node to its child, in its own row
    for step in schedule.steps:
        i, p = _with(step, step.parent)
        q = a[i] / d[i]
        j, c = _with(step, step.child)
        s, below[j] = b[c] / d[j], a[c]
        np.subtract.at(d, p, q * b[i])
        np.subtract.at(x, p, q * x[i])
        d[c] -= s * below[j]  # each child has one parent
        x[c] -= s * x[j]
        a[c], b[c] = -(a[j] / d[j] * below[j]), -(s * b[j])
    for step in reversed(schedule.steps):
        i, p, c = step.nodes, step.parent, step.child
        above = np.where(p >= 0, b[i] * x[p], 0.0)
        x[i] = (x[i] - above - np.where(c >= 0, below[i] * x[c], 0.0)) / d[i]
    return x


def _with(step: Step, others: Nodes) -> tuple[Nodes, Nodes]:
    """The nodes of a step that have such a neighbour, and these."""
    there = others >= 0
    return step.nodes[there], others[there]


@dataclass(frozen=True, eq=False)
class Tables:
    """A schedule as integers, for `heliox.solver.contracted`.

    A node's *place* is its rank in the order of elimination; n stands for a neighbour that is not there. A
    *task* is what one node receives in one step.

    Attributes
    ----------
    place : (n,)
        Of each node.
    table : (2*(steps + 1) + 3*(n + 1) + 3*tasks,)
        First place of each step and the end; first task of each step and the end; of each place its parent,
        its child, and the sibling before it of the same task; of each task its target, twice, odd where that
        receives nothing later, the last of the children it receives, the parent it receives.
    steps, tasks : int
    narrow : int
        From this step on neither a step nor its tasks are more than `lanes`.
    """

    place: NDArray[np.int32]
    table: NDArray[np.int32]
    steps: int
    tasks: int
    narrow: int


def tables(schedule: Contraction, lanes: int = 32) -> Tables:
    """What threads need to work through a schedule."""
    n = schedule.n
    place = np.empty(n + 1, np.int32)
    order = np.concatenate([s.nodes for s in schedule.steps]) if n else np.empty(0, np.int32)
    place[order] = np.arange(n)
    place[-1] = n  # of nobody
    parents, children = (
        np.append(place[np.concatenate([getattr(s, name) for s in schedule.steps])], n)
        if n
        else np.full(1, n)
        for name in ("parent", "child")
    )
    beside = np.full(n + 1, n)
    targets, kids, aboves = [], [], []
    latest = np.full(n, -1)
    for k, step in enumerate(schedule.steps):
        i, p = _with(step, step.parent)
        j, c = _with(step, step.child)
        target = np.unique(place[np.concatenate([p, c])])
        kid, above = np.full(len(target), n), np.full(len(target), n)
        by = np.lexsort((-i, p))  # by receiver, descending
        i, p = i[by], p[by]
        same = p[1:] == p[:-1]
        beside[place[i[:-1][same]]] = place[i[1:][same]]
        first = np.ones(len(i), bool)
        first[1:] = ~same
        kid[np.searchsorted(target, place[p[first]])] = place[i[first]]
        above[np.searchsorted(target, place[c])] = place[j]
        latest[target] = k
        targets.append(target)
        kids.append(kid)
        aboves.append(above)
    final = [latest[t] == k for k, t in enumerate(targets)]
    begins = np.concatenate([[0], np.cumsum([len(s) for s in schedule.steps])])
    starts = np.concatenate([[0], np.cumsum([len(t) for t in targets])])
    wide = np.flatnonzero(np.maximum(np.diff(begins), np.diff(starts)) > lanes)
    parts = [begins, starts, parents, children, beside]
    parts += [2 * t + f for t, f in zip(targets, final, strict=True)] + kids + aboves
    return Tables(
        place[:-1].copy(), np.concatenate(parts).astype(np.int32), len(schedule.steps), int(starts[-1]),
        int(wide[-1]) + 1 if len(wide) else 0,
    )  # fmt: skip
