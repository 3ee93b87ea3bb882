"""Pearson's correlations among signals, and how far they are from wanted ones: of traces, and of readouts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from heliox.errors import ModelError
from heliox.learn.losses import Array, Loss, Windowed
from heliox.model.selection import Where


def correlation(
    variable: str, target: ArrayLike, where: Where = None, *, start: float = 0.0, stop: float = np.inf
) -> Loss:
    """How far the correlations among the traces of n places are from wanted ones.

    ``sum_ij (R_ij - Q_ij)^2 / n^2`` with R Pearson's correlation over the samples of the window: what a
    circuit is fitted to whose joint activity is known, but not its voltages.

    Parameters
    ----------
    variable, where
        As in `Simulation.record`; places in its order.
    target : (n, n)
        Q: symmetric, from -1 to 1.
    start, stop : float
        ms, both included.

    Notes
    -----
    A trace that stands still correlates with nothing: its R_ij are 0, and it gets no derivative.
    """
    return _Correlation(variable, target, where, start, stop)


class _Correlation(Windowed):
    def __init__(self, variable: str, target: ArrayLike, where: Where, start: float, stop: float) -> None:
        super().__init__(variable, where, start, stop)
        self.target = np.asarray(target, np.float64)

    def inside(self, x: Array, window: slice, t: Array) -> tuple[Array, Array]:
        found = [distance(member, self.target, self.read.called) for member in x]
        return np.array([value for value, _ in found]), np.stack([bar for _, bar in found])

    def __repr__(self) -> str:
        return f"<correlation of {self.read.called}>"


def correlations(x: Array) -> Array:
    """Pearson's matrix (n, n) of signals (n, samples); 0 where a signal stands still."""
    return _products(_normed(x)[0])


def distance(x: Array, wanted: Array, name: str = "the readouts") -> tuple[float, Array]:
    """``sum_ij (R_ij - wanted_ij)^2 / n^2`` of signals `x` (n, samples), and its derivative by x.

    With z the signals less their means, of length 1: R = z z', and the derivative by a signal is that by its
    z, less its part along z, over the signal's length; the mean drops out by itself.
    """
    n = len(x)
    if wanted.shape != (n, n):
        raise ModelError(f"wanted correlations of {name} have the shape ({n}, {n}), not {wanted.shape}")
    if not ((np.abs(wanted) <= 1.0 + 1e-9) & (np.abs(wanted - wanted.T) <= 1e-9)).all():
        raise ModelError(f"wanted correlations of {name} are a symmetric matrix of numbers from -1 to 1")
    z, length = _normed(x)
    off = _products(z) - wanted
    value = float(_rows((off * off).reshape(1, -1))[0]) / n**2
    by_z = np.zeros_like(z)
    for j in range(n):  # in the order of signals
        by_z += (4.0 / n**2) * off[:, j, None] * z[j]
    return value, (by_z - _rows(by_z * z)[:, None] * z) / length[:, None]


def _normed(x: Array) -> tuple[Array, Array]:
    """Signals less their means, of length 1 (or 0: of infinite length before), and their lengths before."""
    centred = np.ascontiguousarray(x - _rows(x)[:, None] / x.shape[1])
    length = np.sqrt(_rows(centred * centred))
    rounding = 1e-12 * np.abs(x).max(axis=1) * np.sqrt(x.shape[1])
    length = np.where(length > rounding, length, np.inf)
    return centred / length[:, None], length


def _products(z: Array) -> Array:
    return np.array([_rows(z * row) for row in z])


def _rows(x: Array) -> Array:
    """Sums of the rows, each in an order that its length alone decides."""
    return np.ascontiguousarray(x).sum(axis=1)
