"""Layers of linear trees, without their trees: whole courses of voltages at a time.

Every sample is worked on by one thread in an order of its own, and sums over samples go from the first to
the last: no bit depends on threads, or on a sample's place in the batch. Inner loops run over times or over
cells, whichever lie side by side, so that they are vector code.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

ROWS = 8  # of the gradient that a thread sums at a time
RANKS = 16  # time components, and
INPUTS = 16  # inputs, whose courses stay in the nearest cache while all cells take them


@njit(error_model="numpy", nogil=True, cache=True, parallel=True)
def encoded(level, onset, W, beta, part, rank, psi, base, bias, step, out):
    """Courses of the first layer behind an encoder, ``out[b, j, t]``.

    ``level[b, i]`` is the course that input i of sample b takes, one of P; ``onset[p]`` the first time at
    which anything answers to it (T: nothing does), before which answers are 0 and not almost 0.
    ``W[c, i, j]`` are the weights of a cell's inputs in place component c, ``beta[q, p]`` what course p
    makes of place component ``part[q]`` in time component ``rank[q]``, ``psi[r, t]`` these (a multiple of
    four); ``base[t] + bias[j] step[t]`` is added.
    """
    parts, inputs, cells = W.shape
    ranks, times = psi.shape
    for b in prange(level.shape[0]):
        slot = np.full(len(onset), -1, np.int64)
        for i in range(inputs):
            slot[level[b, i]] = 0
        used, first = 0, times
        course = np.zeros(len(onset) + 3, np.int64)
        for p in range(len(onset)):
            if onset[p] < times and slot[p] == 0:
                slot[p] = used
                course[used] = p
                first = min(first, onset[p])
                used += 1
            else:
                slot[p] = -1
        rows = (used + 3) // 4 * 4  # four at a time; rows beyond are 0
        total = np.zeros((parts, rows, cells))
        for i in range(inputs):
            s = slot[level[b, i]]
            if s >= 0:
                for c in range(parts):
                    for j in range(cells):
                        total[c, s, j] += W[c, i, j]
        z = np.zeros((ranks, cells))
        for q in range(len(part)):
            c, r = part[q], rank[q]
            for s in range(0, rows, 4):
                b0, b1 = beta[q, course[s]], beta[q, course[s + 1]]
                b2, b3 = beta[q, course[s + 2]], beta[q, course[s + 3]]
                for j in range(cells):
                    z[r, j] += (
                        (b0 * total[c, s, j] + b1 * total[c, s + 1, j])
                        + (b2 * total[c, s + 2, j] + b3 * total[c, s + 3, j])
                    )  # fmt: skip
        for j in range(cells):
            for t in range(times):
                out[b, j, t] = base[t] + bias[j] * step[t]
        for block in range(0, ranks, RANKS):
            for j in range(cells):
                for r in range(block, min(block + RANKS, ranks), 4):
                    z0, z1, z2, z3 = z[r, j], z[r + 1, j], z[r + 2, j], z[r + 3, j]
                    p0, p1, p2, p3 = (
                        psi[r, first:],
                        psi[r + 1, first:],
                        psi[r + 2, first:],
                        psi[r + 3, first:],
                    )
                    to = out[b, j, first:]
                    for t in range(len(to)):
                        to[t] += (z0 * p0[t] + z1 * p1[t]) + (z2 * p2[t] + z3 * p3[t])


@njit(error_model="numpy", nogil=True, cache=True, parallel=True)
def passed(V, W, bias, decay, start, C, rest, out):
    """Courses ``out[b, j, t]`` of a layer that graded synapses drive from courses ``V[b, i, t]``.

    ``W[m, i, j]`` and ``bias[m, j]`` are what a presynaptic mV and the bias add to mode m in a step.
    """
    modes, inputs, cells = W.shape
    times = V.shape[2]
    for b in prange(V.shape[0]):
        active = np.zeros(inputs + 3, np.int64)  # silent ones add nothing
        n = 0
        for i in range(inputs):
            if V[b, i].max() > 0.0:
                active[n] = i
                n += 1
        above = np.zeros((n + 3, times))  # four at a time; those beyond are 0
        for k in range(n):
            above[k] = np.maximum(V[b, active[k]], 0.0)
        drive = np.empty((cells, modes, times))
        for j in range(cells):
            for m in range(modes):
                drive[j, m] = bias[m, j]
        for block in range(0, n, INPUTS):
            for j in range(cells):
                for m in range(modes):
                    to, w = drive[j, m], W[m, :, j]
                    for k in range(block, min(block + INPUTS, n), 4):
                        w0, w1, w2, w3 = w[active[k]], w[active[k + 1]], w[active[k + 2]], w[active[k + 3]]
                        a0, a1, a2, a3 = above[k], above[k + 1], above[k + 2], above[k + 3]
                        for t in range(times):
                            to[t] += (w0 * a0[t] + w1 * a1[t]) + (w2 * a2[t] + w3 * a3[t])
        for j in range(cells):
            to = out[b, j]
            to[:] = rest
            for m in range(modes):
                x = start[m]
                to[0] += C[m] * x
                for t in range(times - 1):
                    x = decay[m] * x + drive[j, m, t]
                    to[t + 1] += C[m] * x


@njit(error_model="numpy", nogil=True, cache=True, parallel=True)
def windows(V, first, out):
    """``out[b, t, j] = V[b, j, first + t]``: as many times as `out` has."""
    for b in prange(V.shape[0]):
        for j in range(V.shape[1]):
            for t in range(out.shape[1]):
                out[b, t, j] = V[b, j, first + t]


@njit(error_model="numpy", nogil=True, cache=True, parallel=True)
def backwards(V, E, W, gradient, error):
    """Of a sample: ``gradient[b, k, i] = sum over t of E[b, t, k] max(V[b, t, i], 0)``, the error before.

    ``error[b, t, i] = sum over k of E[b, t, k] W[k, i]`` where V[b, t, i] > 0, else 0.
    """
    for b in prange(V.shape[0]):
        times, cells, outputs = V.shape[1], V.shape[2], E.shape[2]
        gradient[b] = 0.0
        error[b] = 0.0
        above = np.empty(cells)
        for t in range(times):
            for i in range(cells):
                above[i] = max(V[b, t, i], 0.0)
            for k in range(outputs):
                e = E[b, t, k]
                for i in range(cells):
                    gradient[b, k, i] += e * above[i]
                for i in range(cells):
                    error[b, t, i] += e * W[k, i]
            for i in range(cells):
                error[b, t, i] = error[b, t, i] if above[i] > 0.0 else 0.0


@njit(error_model="numpy", nogil=True, cache=True, parallel=True)
def correlated(level, active, U, E, by_level, out):
    """``out[i, j] = sum over b, then t, of U[level[b, i], t] E[b, t, j]``.

    `by_level` (B, P, cells) is for what a course p makes with the errors of a sample; only those that the
    sample has are worked out.
    """
    samples, times, cells = E.shape
    inputs = level.shape[1]
    for b in prange(samples):
        seen = np.zeros(len(active), np.bool_)
        for i in range(inputs):
            seen[level[b, i]] = True
        for p in range(len(active)):
            if active[p] and seen[p]:
                row = by_level[b, p]
                row[:] = 0.0
                for t in range(0, times - 3, 4):
                    u0, u1, u2, u3 = U[p, t], U[p, t + 1], U[p, t + 2], U[p, t + 3]
                    for j in range(cells):
                        row[j] += (u0 * E[b, t, j] + u1 * E[b, t + 1, j]) + (
                            u2 * E[b, t + 2, j] + u3 * E[b, t + 3, j]
                        )
                for t in range(times // 4 * 4, times):
                    u = U[p, t]
                    for j in range(cells):
                        row[j] += u * E[b, t, j]
    for block in prange((inputs + ROWS - 1) // ROWS):
        for i in range(block * ROWS, min((block + 1) * ROWS, inputs)):
            for j in range(cells):
                out[i, j] = 0.0
            for b in range(samples):
                p = level[b, i]
                if active[p]:
                    for j in range(cells):
                        out[i, j] += by_level[b, p, j]
