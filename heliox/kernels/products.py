"""Sums over the samples of a batch, for learning rules: products of matrices in a fixed order.

Times come inside samples, and each sample is summed by itself before it is added: a sample's share has the
same bits wherever it stands in the batch, and with any number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Array = NDArray[np.float64]
ROWS = 8  # of the result that a thread sums at a time: they stay in its nearest cache


@njit(error_model="numpy", nogil=True, cache=True, parallel=True)
def outer(V, E, members, out):
    """``out[i, j] = sum over samples b < members of (sum over times t of max(V[t, b, i], 0) E[t, b, j])``.

    V (T, B, n), E (T, B, m), out (n, m).
    """
    times, n, m = V.shape[0], V.shape[2], E.shape[2]
    for block in prange((n + ROWS - 1) // ROWS):
        first = block * ROWS
        last = min(first + ROWS, n)
        total = np.zeros((ROWS, m))
        one = np.zeros((ROWS, m))
        for b in range(members):
            one[:] = 0.0
            for t in range(times):
                for i in range(first, last):
                    x = V[t, b, i]
                    if x > 0.0:
                        for j in range(m):
                            one[i - first, j] += x * E[t, b, j]
            for i in range(last - first):
                for j in range(m):
                    total[i, j] += one[i, j]
        for i in range(first, last):
            for j in range(m):
                out[i, j] = total[i - first, j]


@njit(error_model="numpy", nogil=True, cache=True, parallel=True)
def back(E, W, V, out):
    """``out[t, b, j] = sum over k of E[t, b, k] W[k, j]`` where V[t, b, j] > 0, else 0.

    E (T, B, m), W (m, n), V and out (T, B, n).
    """
    for t in prange(E.shape[0]):
        for b in range(E.shape[1]):
            for j in range(W.shape[1]):
                out[t, b, j] = 0.0
            for k in range(E.shape[2]):
                e = E[t, b, k]
                for j in range(W.shape[1]):
                    out[t, b, j] += e * W[k, j]
            for j in range(W.shape[1]):
                if not V[t, b, j] > 0.0:
                    out[t, b, j] = 0.0
