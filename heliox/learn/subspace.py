"""The few directions in which a passive tree answers to what reaches it.

Proper orthogonal decomposition (Sirovich 1987) of impulse responses with a symmetric Galerkin projection
(Antoulas 2005, Approximation of Large-Scale Dynamical Systems). The responses lie in a Krylov space, which a
block Lanczos run with full orthogonalisation spans (Golub and Van Loan 2013, ch. 10); their components are
found in it, where they are exact to rounding.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heliox.learn.passive import Array, PassiveTree

ROUNDING = 1e-13  # of a direction: what is left of it after orthogonalisation says nothing


class Answers:
    """What a tree answers, step by step, at places that are read, to an impulse of 1 nA at each source.

    Voltages that are not at rest in the beginning, u mV away, count as one more source: M u nA.

    Parameters
    ----------
    tree : PassiveTree
    dt : float
        ms.
    steps : int
    into, out : (k,) intp
        Nodes.
    """

    def __init__(
        self, tree: PassiveTree, dt: float, steps: int, into: NDArray[np.intp], out: NDArray[np.intp]
    ) -> None:
        self.tree, self.steps, self.into, self.out = tree, steps, into, out
        self.matrix = tree.step_matrix(dt)
        self.D = tree.capacitance / dt
        away = tree.start - tree.rest
        moves = bool((np.abs(away) > ROUNDING * np.abs(tree.start).max(initial=0.0)).any())
        self.begin = self.matrix.times(away[:, None])[:, : int(moves)]
        # responses are the same both ways: they are found from the side with fewer columns
        backwards = len(out) <= len(into) + moves
        self.columns = self._units(out) if backwards else np.hstack([self._units(into), self.begin])
        found = []
        y = self.matrix.solve(self.columns)
        for _ in range(steps):
            found.append(self.sources_of(y) if backwards else y[out])
            y = self.matrix.solve(self.D[:, None] * y)
        self.full = np.array(found)  # (steps, out, sources)
        self.size = np.maximum(np.abs(self.full).sum(axis=0), np.finfo(float).tiny)

    def _units(self, nodes: NDArray[np.intp]) -> Array:
        x = np.zeros((len(self.tree), len(nodes)))
        x[nodes, np.arange(len(nodes))] = 1.0
        return x

    def sources_of(self, V: Array) -> Array:
        """``V' F`` (r, sources) with F the currents of the sources."""
        return np.hstack([V[self.into].T, V.T @ self.begin])

    def modes(self, V: Array) -> tuple[Array, Array]:
        """Factors a step (r,) and eigenvectors of the tree projected on V (n, r), orthonormal in M."""
        decay, turn = np.linalg.eigh(V.T @ (self.D[:, None] * V))
        return np.maximum(decay, 0.0), V @ turn  # rounding leaves -1e-17 of what decays at once

    def errors(self, decay: Array, B: Array, C: Array) -> Array:
        """Sums over steps of |difference| by those of |response|, (out, sources)."""
        total, x = np.zeros_like(self.size), C.copy()
        for full in self.full:
            total += np.abs(x @ B - full)
            x *= decay
        return total / self.size


def principal(answers: Answers, tol: float) -> Array:
    """Columns (n, r), orthonormal in M, the most important first, with which errors are at most `tol`.

    With fewer of them errors are larger; with all of them they are what rounding leaves if that is more.
    """
    V = krylov(answers, tol)
    A = V.T @ (answers.D[:, None] * V)
    c = V.T @ answers.columns
    found = [c]
    for _ in range(answers.steps - 1):
        found.append(A @ found[-1])
    return V @ np.linalg.svd(np.hstack(found))[0]


def krylov(answers: Answers, tol: float) -> Array:
    """Columns (n, r), orthonormal in M, that hold the answers up to errors of `tol`."""
    M, V, MV = answers.matrix, np.empty((len(answers.tree), 0)), np.empty((len(answers.tree), 0))
    block, look = M.solve(answers.columns), 8
    for _ in range(answers.steps):  # by then the space holds every response
        size = np.sqrt((block * M.times(block)).sum(axis=0))
        for _ in range(2):  # twice is enough (Parlett)
            block = block - V @ (MV.T @ block)
        new = _orthonormal(answers, block, size)
        if not new.shape[1]:
            break
        V, MV = np.hstack([V, new]), np.hstack([MV, M.times(new)])
        if V.shape[1] >= look:
            look += max(8, look // 2)
            decay, modes = answers.modes(V)
            if answers.errors(decay, answers.sources_of(modes), modes[answers.out]).max() <= tol:
                break
        block = M.solve(answers.D[:, None] * new)
    return V


def _orthonormal(answers: Answers, block: Array, size: Array) -> Array:
    """Orthonormal columns of a block, without those that are rounding of columns that were of `size`."""
    kept: list[Array] = []
    for column, before in zip(block.T, size):
        x = column[:, None]
        for _ in range(2):
            for other in kept:
                x = x - other * (other.T @ answers.matrix.times(x))
        length = float(np.sqrt((x * answers.matrix.times(x)).sum()))
        if length > ROUNDING * before:
            kept.append(x / length)
    return np.hstack(kept) if kept else np.empty((len(block), 0))
