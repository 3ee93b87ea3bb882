"""The symmetric matrix of a tree's conductances, factored once: for what is linear and does not change.

Row i of ``M v = i`` (uS, mV, nA) is Kirchhoff's law of node i, with a conductance to ground and one to each
neighbour. A tree is eliminated from its leaves without fill-in (Hines 1984); nodes of a level are worked on
together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heliox.solver.dhs import levels

Array = NDArray[np.float64]


class Conductances:
    """``M``, ready to be solved.

    Parameters
    ----------
    parent : (n,) int
        -1 for roots; parents come before their children.
    ground : (n,)
        uS, to ground (or, in a time step, capacitance over dt).
    axial : (n,)
        uS, to the parent; that of a root is not read.
    """

    def __init__(self, parent: NDArray[np.integer], ground: Array, axial: Array) -> None:
        level = levels(parent)
        self.parent, self.ground, self.axial = parent, ground, axial
        self.sweep: list[tuple[NDArray, NDArray, NDArray, NDArray, Array]] = []
        d = np.array(ground, np.float64)
        inner = np.flatnonzero(parent >= 0)
        np.add.at(d, inner, axial[inner])
        np.add.at(d, parent[inner], axial[inner])
        for depth in range(int(level.max(initial=0)), 0, -1):
            nodes = np.flatnonzero(level == depth)
            nodes = nodes[np.argsort(parent[nodes], kind="stable")]
            above = parent[nodes]
            first = np.flatnonzero(np.diff(above, prepend=-1))
            part = axial[nodes] / d[nodes]
            d[above[first]] -= np.add.reduceat(part * axial[nodes], first)
            self.sweep.append((nodes, above, first, above[first], part))
        self.pivot = d

    def times(self, v: Array) -> Array:
        """Currents (n, k) nA that hold voltages (n, k) mV."""
        out = self.ground[:, None] * v
        inner = np.flatnonzero(self.parent >= 0)
        along = self.axial[inner, None] * (v[inner] - v[self.parent[inner]])
        np.add.at(out, inner, along)
        np.add.at(out, self.parent[inner], -along)
        return out

    def solve(self, current: Array) -> Array:
        """Voltages (n, k) mV that currents (n, k) nA cause."""
        x = np.array(current, np.float64)
        for nodes, _, first, to, part in self.sweep:
            x[to] += np.add.reduceat(part[:, None] * x[nodes], first, axis=0)
        x /= self.pivot[:, None]
        for nodes, above, _, _, part in reversed(self.sweep):
            x[nodes] += part[:, None] * x[above]
        return x
