"""What learning rules compute beside the simulation, on its threads: see `heliox.kernels.products`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heliox.kernels import products, threads

Array = NDArray[np.float64]


def correlate(pre: Array, error: Array, members: int, count: int) -> Array:
    """``sum over samples and times of max(pre, 0) error`` (n, m), of the first `members` samples.

    Parameters
    ----------
    pre : (T, B, n)
    error : (T, B, m)
    count : int
        Threads; no bit depends on it.
    """
    out = np.empty((pre.shape[2], error.shape[2]))
    with threads.use(count):
        products.outer(pre, error, members, out)
    return out


def backward(error: Array, weights: Array, v: Array, count: int) -> Array:
    """Errors (T, B, n) of the layer before: ``error weights.T`` where its voltage `v` is positive.

    Parameters
    ----------
    error : (T, B, m)
    weights : (n, m)
        From the layer before.
    v : (T, B, n)
    """
    out = np.empty(v.shape)
    with threads.use(count):
        products.back(error, np.ascontiguousarray(weights.T), v, out)
    return out
