"""Tree contraction: an elimination order of logarithmic depth.

Hines' order takes as many steps as the tree has levels, because a node waits for its children. Rake and
compress (Miller & Reif 1985, Proc. 26th FOCS, 478-489) needs about log2(n) rounds for n nodes of any shape.
In a round all leaves are *raked* into their parents, as Hines does; then in every chain of nodes with a
single child every other node is *compressed*: it is eliminated although its child is not, which couples its
parent and its child directly, as in cyclic reduction (Hockney 1965, J. ACM 12:95-113). The nodes of a rake,
and those of a compress, do not depend on each other. Half of the tree, more or less, is gone after each
round.

The system is the cable equation's: row i has ``d[i]`` on the diagonal, ``b[i]`` in the column of its parent
p, and row p has ``a[i]`` in column i. A Schur complement of a diagonally dominant matrix is diagonally
dominant, so no pivoting is needed. The result differs from Hines' at round-off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heliox.errors import ModelError
from heliox.solver.dhs import levels

Nodes = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Round:
    """One round: first `rake`, then `compress`; each is done by all of its nodes at once.

    Where several nodes change one neighbour, their contributions are added in the order in which they stand
    here: by descending index, as in Hines' sweep.

    Attributes
    ----------
    rake : (r,) int32
        Leaves, eliminated into the nodes `rake_parent` (r,).
    compress : (c,) int32
        Nodes of chains, eliminated between `compress_parent` (c,) and `compress_child` (c,), which are
        neighbours afterwards.
    """

    rake: Nodes
    rake_parent: Nodes
    compress: Nodes
    compress_parent: Nodes
    compress_child: Nodes

    def __len__(self) -> int:
        return len(self.rake) + len(self.compress)


@dataclass(frozen=True, eq=False)
class Contraction:
    """The rounds of a forest of `n` nodes; `roots` are what is left after the last."""

    n: int
    rounds: tuple[Round, ...]
    roots: Nodes


def contract(parent: NDArray[np.integer]) -> Contraction:
    """Rake-and-compress schedule of a forest.

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
    rounds: list[Round] = []
    while True:
        inner = left[up[left] >= 0]
        if not len(inner):
            return Contraction(n, tuple(rounds), left[::-1])
        rake = inner[_children(up, inner)[inner] == 0]
        kept = inner[_children(up, inner)[inner] > 0]
        compress, child = _every_other(up, kept)
        above = up[compress]
        rounds.append(Round(rake, up[rake], compress, above, child))
        up[child] = above
        gone = np.zeros(n, bool)
        gone[rake] = gone[compress] = True
        left = left[~gone[left]]


def _children(up: Nodes, inner: Nodes) -> NDArray[np.intp]:
    """(n,) how many of the nodes `inner`, none of them a root, hang on each node."""
    return np.bincount(up[inner], minlength=len(up))


def _every_other(up: Nodes, inner: Nodes) -> tuple[Nodes, Nodes]:
    """Of each chain of single-child nodes the first, third, ... from above; and the children of these."""
    single = np.zeros(len(up), bool)
    single[inner] = _children(up, inner)[inner] == 1
    above = np.where(single & (up >= 0) & single[up], up, -1)  # the node before in the same chain
    chosen = inner[single[inner] & (levels(above)[inner] % 2 == 0)]
    child = np.full(len(up), -1, np.int32)
    child[up[inner]] = inner  # of the many children of a branching node one is written, and not read
    return chosen, child[chosen]


def steps(schedule: Contraction) -> NDArray[np.int32]:
    """(n,) the step in which each node is eliminated: round k rakes in step 2k and compresses in 2k + 1.

    Roots come last.
    """
    at = np.full(schedule.n, 2 * len(schedule.rounds), np.int32)
    for k, r in enumerate(schedule.rounds):
        at[r.rake], at[r.compress] = 2 * k, 2 * k + 1
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
    for r in schedule.rounds:
        _rake(r, a, b, d, x)
        _compress(r, a, b, d, x, below)
    x[schedule.roots] /= d[schedule.roots]
    for r in reversed(schedule.rounds):
        i, p, c = r.compress, r.compress_parent, r.compress_child
        x[i] = (x[i] - b[i] * x[p] - below[i] * x[c]) / d[i]
        i, p = r.rake, r.rake_parent
        x[i] = (x[i] - b[i] * x[p]) / d[i]
    return x


def _rake(
    r: Round,
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    d: NDArray[np.float64],
    x: NDArray[np.float64],
) -> None:
    i, p = r.rake, r.rake_parent
    q = a[i] / d[i]
    np.subtract.at(d, p, q * b[i])
    np.subtract.at(x, p, q * x[i])


def _compress(
    r: Round,
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    d: NDArray[np.float64],
    x: NDArray[np.float64],
    below: NDArray[np.float64],
) -> None:
    i, p, c = r.compress, r.compress_parent, r.compress_child
    below[i] = a[c]
    q, s = a[i] / d[i], b[c] / d[i]
    own = x[i]  # a copy: no compressed node is another's neighbour
    np.subtract.at(d, p, q * b[i])
    np.subtract.at(x, p, q * own)
    d[c] -= s * below[i]  # each child has one parent
    x[c] -= s * own
    a[c], b[c] = -q * below[i], -s * b[i]
