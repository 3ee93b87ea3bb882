"""Adjoints of `heliox.kernels.collapsed`: from derivatives by courses of voltage to those by weights.

As there, a sample is worked on by one thread, and sums over samples go from the first to the last.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

ROWS = 8  # of the gradient that a thread sums at a time


@njit(error_model="numpy", nogil=True, cache=True, parallel=True)
def passed(V, E, onto, w, held, decay, C, gradient, by_bias, error):
    """Of a layer driven from courses ``V[b, i, t]``, with ``E[b, j, t]`` the derivatives by its voltages.

    ``onto[m, j, i] w[j, i]`` is what a presynaptic mV adds to mode m in a step, ``held[m]`` what a bias of 1
    does. ``gradient[b, j, i]`` is by w, ``by_bias[b, j]`` by the bias, ``error[b, i, t]`` by V. At 0 mV the
    derivative of max(V, 0) is 1, as `heliox.mechanisms.derivatives` has it.
    """
    modes, cells, inputs = onto.shape
    times = V.shape[2]
    for b in prange(V.shape[0]):
        gradient[b] = 0.0
        by_bias[b] = 0.0
        error[b] = 0.0
        active = np.empty(inputs, np.int64)
        n = 0
        for i in range(inputs):
            if V[b, i].max() >= 0.0:
                active[n] = i
                n += 1
        rows, waves = (times + 3) // 4 * 4, (modes + 3) // 4 * 4  # four at a time; those beyond are 0
        above, back = np.zeros((rows, n)), np.zeros((rows, n))
        for k in range(n):
            for t in range(times):
                above[t, k] = max(V[b, active[k], t], 0.0)
        W, grown = np.zeros((waves, n)), np.empty((modes, n))
        state = np.zeros((rows, waves))  # derivative by what drives a mode, from one sample to the next
        for j in range(cells):
            grown[:] = 0.0
            for m in range(modes):
                for k in range(n):
                    W[m, k] = onto[m, j, active[k]] * w[j, active[k]]
                x, total = 0.0, 0.0
                for t in range(times - 1, 0, -1):
                    x = C[m] * E[b, j, t] + decay[m] * x
                    state[t - 1, m] = x
                    total += x
                by_bias[b, j] += held[m] * total
            for t in range(0, times - 1, 4):
                a0, a1, a2, a3 = above[t], above[t + 1], above[t + 2], above[t + 3]
                s0, s1, s2, s3 = state[t], state[t + 1], state[t + 2], state[t + 3]
                for m in range(modes):
                    to, x0, x1, x2, x3 = grown[m], s0[m], s1[m], s2[m], s3[m]
                    for k in range(n):
                        to[k] += (x0 * a0[k] + x1 * a1[k]) + (x2 * a2[k] + x3 * a3[k])
            for t in range(times - 1):
                to, x = back[t], state[t]
                for m in range(0, waves, 4):
                    w0, w1, w2, w3 = W[m], W[m + 1], W[m + 2], W[m + 3]
                    x0, x1, x2, x3 = x[m], x[m + 1], x[m + 2], x[m + 3]
                    for k in range(n):
                        to[k] += (x0 * w0[k] + x1 * w1[k]) + (x2 * w2[k] + x3 * w3[k])
            for m in range(modes):
                for k in range(n):
                    gradient[b, j, active[k]] += onto[m, j, active[k]] * grown[m, k]
        for k in range(n):
            for t in range(times):
                error[b, active[k], t] = back[t, k] if V[b, active[k], t] >= 0.0 else 0.0


@njit(error_model="numpy", nogil=True, cache=True, parallel=True)
def encoded(level, onset, beta, part, rank, psi, step, E, by_level, gradient, by_bias):
    """Of the first layer behind an encoder, with ``E[b, j, t]`` the derivatives by its voltages.

    ``gradient[c, i, j]`` is by the weight of input i of cell j in place component c, summed over the samples,
    ``by_bias[b, j]`` by the bias. `by_level` (B, P, parts, cells) is for what the derivative by all inputs of
    one course is; only those that a sample has are worked out. `part` ascends.
    """
    samples, cells, times = E.shape
    inputs, ranks = level.shape[1], psi.shape[0]
    for b in prange(samples):
        seen = np.zeros(len(onset), np.bool_)
        first = times
        for i in range(inputs):
            p = level[b, i]
            seen[p] = True
            first = min(first, onset[p])
        rows = np.zeros((times + 3, cells))  # four at a time; those beyond are 0
        by_bias[b] = 0.0
        for t in range(times):
            for j in range(cells):
                rows[t, j] = E[b, j, t]
            for j in range(cells):
                by_bias[b, j] += step[t] * rows[t, j]
        z = np.zeros((ranks, cells))
        for t in range(first, times, 4):
            for r in range(ranks):
                p0, p1 = psi[r, t], psi[r, min(t + 1, times - 1)]
                p2, p3 = psi[r, min(t + 2, times - 1)], psi[r, min(t + 3, times - 1)]
                for j in range(cells):
                    z[r, j] += (p0 * rows[t, j] + p1 * rows[t + 1, j]) + (
                        p2 * rows[t + 2, j] + p3 * rows[t + 3, j]
                    )
        for p in range(len(onset)):
            if seen[p] and onset[p] < times:
                by_level[b, p] = 0.0
                q = 0
                while q < len(part):
                    c = part[q]
                    to = by_level[b, p, c]
                    if q + 3 < len(part) and part[q + 3] == c:
                        b0, b1, b2, b3 = beta[q, p], beta[q + 1, p], beta[q + 2, p], beta[q + 3, p]
                        z0, z1, z2, z3 = z[rank[q]], z[rank[q + 1]], z[rank[q + 2]], z[rank[q + 3]]
                        for j in range(cells):
                            to[j] += (b0 * z0[j] + b1 * z1[j]) + (b2 * z2[j] + b3 * z3[j])
                        q += 4
                    else:
                        for j in range(cells):
                            to[j] += beta[q, p] * z[rank[q], j]
                        q += 1
    for block in prange((inputs + ROWS - 1) // ROWS):
        for i in range(block * ROWS, min((block + 1) * ROWS, inputs)):
            for c in range(gradient.shape[0]):
                total = gradient[c, i]
                total[:] = 0.0
                for b in range(samples):
                    p = level[b, i]
                    if onset[p] < times:
                        for j in range(cells):
                            total[j] += by_level[b, p, c, j]
