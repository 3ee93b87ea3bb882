"""Soft dynamic time warping (Cuturi and Blondel 2017), value and derivative by its own recursions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from heliox.errors import ModelError
from heliox.learn.losses import Array, Loss, Windowed, target_of
from heliox.model.selection import Where


def soft_dtw(
    variable: str,
    target: ArrayLike,
    gamma: float = 1.0,
    where: Where = None,
    *,
    start: float = 0.0,
    stop: float = np.inf,
    stride: int = 1,
) -> Loss:
    """Mean, over places, of the soft-DTW distance from a target: traces may be early or late.

    Parameters
    ----------
    variable, where, start, stop
        As in `mse`.
    target : (samples,), (n, samples) or (B, n, samples)
        Of any length, spaced as the samples that are compared.
    gamma : float
        Softness of the minimum, in the squared unit of the variable.
    stride : int
        Every k-th sample of the window is compared: time and memory grow with samples times target samples.
    """
    return _SoftDTW(variable, target, gamma, where, start, stop, stride)


class _SoftDTW(Windowed):
    def __init__(
        self,
        variable: str,
        target: ArrayLike,
        gamma: float,
        where: Where,
        start: float,
        stop: float,
        stride: int,
    ) -> None:
        super().__init__(variable, where, start, stop)
        if not gamma > 0.0:
            raise ModelError(f"gamma of soft_dtw is {gamma:g}; it must be positive")
        if stride < 1 or stride != int(stride):
            raise ModelError(f"stride of soft_dtw is {stride}; it must be a whole number of at least 1")
        self.gamma, self.stride = float(gamma), int(stride)
        self.target = target_of(target, variable)

    def inside(self, x: Array, window: slice, t: Array) -> tuple[Array, Array]:
        y = self.target
        if y.ndim == 0 or (y.ndim > 1 and y.shape[:-1] not in (x.shape[1:2], x.shape[:2])):
            raise ModelError(
                f"a target of shape {y.shape} does not fit {self.read.called}: it has samples last, of all "
                f"places, of {x.shape[1:2]} or of {x.shape[:2]}"
            )
        y = np.broadcast_to(y, (*x.shape[:2], y.shape[-1]))
        value, bar = np.zeros(len(x)), np.zeros_like(x)
        for b in range(x.shape[0]):
            for k in range(x.shape[1]):
                thin = np.ascontiguousarray(x[b, k, :: self.stride])
                one, d = soft_dtw_of(thin, y[b, k], self.gamma)
                value[b] += one / x.shape[1]
                bar[b, k, :: self.stride] = d / x.shape[1]
        return value, bar


def soft_dtw_of(x: Array, y: Array, gamma: float) -> tuple[float, Array]:
    """Soft-DTW of two series with squared differences, and its derivative by the first (samples,).

    Matrices lie by anti-diagonals, ``R[i + j, i]``, so that each is one vector operation.
    """
    n, m = len(x), len(y)
    R = np.full((n + m + 1, n + 1), np.inf)  # row p, column i holds cell (i, p - i) counted from 1
    R[0, 0] = 0.0
    for p in range(2, n + m + 1):
        i = np.arange(max(1, p - m), min(n, p - 1) + 1)
        d = (x[i - 1] - y[p - i - 1]) ** 2
        R[p, i] = d + _soft_min(R[p - 2, i - 1], R[p - 1, i - 1], R[p - 1, i], gamma)
    E = np.zeros((n + m + 2, n + 2))
    E[n + m, n] = 1.0
    for p in range(n + m - 1, 1, -1):
        i = np.arange(max(1, p - m), min(n, p - 1) + 1)
        j = p - i
        total = np.zeros(len(i))
        for di, dj in ((1, 0), (0, 1), (1, 1)):
            ok = (i + di <= n) & (j + dj <= m)
            a, b = i[ok] + di, j[ok] + dj
            here = R[a + b, a] - R[p, i[ok]] - (x[a - 1] - y[b - 1]) ** 2
            total[ok] += E[a + b, a] * np.exp(here / gamma)
        E[p, i] = total
    bar = np.zeros(n)
    for p in range(2, n + m + 1):
        i = np.arange(max(1, p - m), min(n, p - 1) + 1)
        bar[i - 1] += 2.0 * E[p, i] * (x[i - 1] - y[p - i - 1])
    return float(R[n + m, n]), bar


def _soft_min(a: Array, b: Array, c: Array, gamma: float) -> Array:
    least = np.minimum(np.minimum(a, b), c)
    total = sum(np.exp(-(z - least) / gamma) for z in (a, b, c))
    return least - gamma * np.log(total)
