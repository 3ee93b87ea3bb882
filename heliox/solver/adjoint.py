"""The cable equation in reverse: the transposed system, and what it says of voltages and coefficients.

``B`` holds adjoints, in the layout of ``A``: those of v lie at v. The step solves ``M x = r`` and sets
``v += factor*x``. With the adjoint of v after the step, ``M' l = factor*v_bar`` gives ``l``, the adjoint of
the right-hand side; that of the diagonal is ``-l*x``. M' is M with a and b exchanged, so that the pivots of
the forward elimination serve again.
"""

# ruff: noqa: F821, E741  (U is supplied by the generated module's prelude; I is an arena)
# mypy: disable-error-code="name-defined"

from __future__ import annotations


def transposed_right_side(B, rhs, v, n, factor):
    """Adjoint of the increments."""
    for i in range(n):
        B[rhs + i] = factor * B[v + i]


def transposed_eliminate(A, B, P, I, rhs, d, b, visit, parent, stretches, count):
    """Leaves to roots, with the pivots in ``A[d]``."""
    k = U(count)
    while k > U(0):
        k -= U(1)
        first, n, kind = stretch(I, stretches, k)
        if kind == ABREAST:
            i = U(I[visit + first])
            p = U(I[parent + first])
            transposed_eliminate_row(A, B, P, rhs + i, rhs + p, d + i, b + i, n)
        elif kind == SINGLE:
            j = first + n
            while j > first:
                j -= U(1)
                i = U(I[visit + j])
                p = U(I[parent + j])
                B[rhs + p] -= _over(P[b + i], A[d + i]) * B[rhs + i]


def transposed_eliminate_row(A, B, P, rhs, rhs_parent, d, b, n):
    for i in range(n):
        B[rhs_parent + i] -= _over(P[b + i], A[d + i]) * B[rhs + i]


def transposed_substitute(A, B, P, I, rhs, d, a, visit, parent, stretches, count):
    """Roots to leaves; ``B[rhs]`` becomes the adjoint of the right-hand side."""
    for k in range(count):
        first, n, kind = stretch(I, stretches, U(k))
        if kind == ABREAST:
            i = U(I[visit + first])
            p = U(I[parent + first])
            transposed_substitute_row(A, B, P, rhs + i, rhs + p, d + i, a + i, n)
        elif kind == SINGLE:
            for j in range(first, first + n):
                i = U(I[visit + j])
                p = U(I[parent + j])
                B[rhs + i] = _over(B[rhs + i] - P[a + i] * B[rhs + p], A[d + i])
        else:
            for j in range(first, first + n):
                i = U(I[visit + j])
                B[rhs + i] = _over(B[rhs + i], A[d + i])


def transposed_substitute_row(A, B, P, rhs, rhs_parent, d, a, n):
    for i in range(n):
        B[rhs + i] = _over(B[rhs + i] - P[a + i] * B[rhs_parent + i], A[d + i])


def diagonal_adjoint(A, B, rhs, d, n):
    """Adjoint of the diagonal, from the increments in ``A[rhs]``."""
    for i in range(n):
        B[d + i] = -B[rhs + i] * A[rhs + i]


def axial_adjoint(B, P, I, v, rhs, a, b, visit, parent, stretches, count):
    """Adjoint of the axial currents: to voltages."""
    for k in range(count):
        first, n, kind = stretch(I, stretches, U(k))
        if kind == ABREAST:
            i = U(I[visit + first])
            p = U(I[parent + first])
            axial_adjoint_row(B, P, v + i, v + p, rhs + i, rhs + p, a + i, b + i, n)
        elif kind == SINGLE:
            for j in range(first, first + n):
                i = U(I[visit + j])
                p = U(I[parent + j])
                u = P[a + i] * B[rhs + p] - P[b + i] * B[rhs + i]
                B[v + p] += u
                B[v + i] -= u


def axial_adjoint_row(B, P, v, v_parent, rhs, rhs_parent, a, b, n):
    for i in range(n):
        u = P[a + i] * B[rhs_parent + i] - P[b + i] * B[rhs + i]
        B[v_parent + i] += u
        B[v + i] -= u


def coefficient_adjoint(A, B, I, v, rhs, d, a_bar, b_bar, visit, parent, stretches, count):
    """Adjoints of a and b (at ``a_bar``, ``b_bar`` in B): of the solution, the axial current, the diagonal.

    ``A[v]`` is v before the step, ``A[rhs]`` the increments.
    """
    for k in range(count):
        first, n, kind = stretch(I, stretches, U(k))
        if kind == ROOTS:
            continue
        for j in range(first, first + n):
            i = U(I[visit + j])
            p = U(I[parent + first]) + j - first if kind == ABREAST else U(I[parent + j])
            dv = A[v + p] - A[v + i]
            B[a_bar + i] += B[rhs + p] * (dv - A[rhs + i]) - B[d + p]
            B[b_bar + i] -= B[rhs + i] * (dv + A[rhs + p]) + B[d + i]


def axial_adjoint_node(B, P, K, rhs, a, b, parent, children, list_, i, x):
    """The adjoint `x` of the voltage of node i with that of the axial currents: own term, then children."""
    p = K[parent + i]
    if p >= 0:
        x -= P[a + i] * B[rhs + U(p)] - P[b + i] * B[rhs + i]
    for k in range(K[children + i], K[children + i + U(1)]):
        c = U(K[list_ + U(k)])
        x += P[a + c] * B[rhs + i] - P[b + c] * B[rhs + c]
    return x


def coefficient_adjoint_node(A, B, K, v, rhs, d, a_bar, b_bar, parent, i):
    """`coefficient_adjoint` of one node."""
    if K[parent + i] >= 0:
        p = U(K[parent + i])
        dv = A[v + p] - A[v + i]
        B[a_bar + i] += B[rhs + p] * (dv - A[rhs + i]) - B[d + p]
        B[b_bar + i] -= B[rhs + i] * (dv + A[rhs + p]) + B[d + i]


def coefficient_tangent(A, B, I, v, rhs, d, a_dot, b_dot, visit, parent, stretches, count):
    """Tangents of a and b, to those of the right-hand side less the matrix times the increments, and of d.

    ``A[v]`` is v before the step, ``A[rhs]`` the increments.
    """
    for k in range(count):
        first, n, kind = stretch(I, stretches, U(k))
        if kind == ROOTS:
            continue
        for j in range(first, first + n):
            i = U(I[visit + j])
            p = U(I[parent + first]) + j - first if kind == ABREAST else U(I[parent + j])
            dv = A[v + p] - A[v + i]
            B[rhs + p] += B[a_dot + i] * (dv - A[rhs + i])
            B[rhs + i] -= B[b_dot + i] * (dv + A[rhs + p])
            B[d + i] -= B[b_dot + i]
            B[d + p] -= B[a_dot + i]


def increment_tangent(A, B, rhs, d, n):
    """Tangent of the right-hand side less that of the matrix times the increments."""
    for i in range(n):
        B[rhs + i] -= B[d + i] * A[rhs + i]


def axial_tangent(B, P, I, v, rhs, a, b, visit, parent, stretches, count):
    """Tangent of the axial currents."""
    for k in range(count):
        first, n, kind = stretch(I, stretches, U(k))
        if kind == ROOTS:
            continue
        for j in range(first, first + n):
            i = U(I[visit + j])
            p = U(I[parent + first]) + j - first if kind == ABREAST else U(I[parent + j])
            dv = B[v + p] - B[v + i]
            B[rhs + i] -= P[b + i] * dv
            B[rhs + p] += P[a + i] * dv


def record_adjoint(B, RA, RB, first, last, sample):
    """Add the adjoints of a sample of a group's recordings to the variables."""
    for r in range(first, last):
        k = RA[r, 0]
        if k >= 0:
            B[U(k)] += RB[U(sample), U(r)]


def record_tangent(B, RA, RB, first, last, sample):
    """Tangents of a sample of a group's recordings."""
    for r in range(first, last):
        k = RA[r, 0]
        if k >= 0:
            RB[U(sample), U(r)] = B[U(k)]


def surrogate(x, width, kind):
    """Derivative that stands for that of a step at x = 0 (1/mV): fast sigmoid, triangle, exponential."""
    z = abs(x) / width
    if kind == 0:
        return 1.0 / (2.0 * width * (1.0 + z) * (1.0 + z))
    if kind == 1:
        return (1.0 - z) / width if z < 1.0 else 0.0
    return 0.5 * exp(-z) / width


def lay_adjoint(B, I, base, shelf, first, n):
    """Adjoint of laying sources on the shelf."""
    for k in range(n):
        pair = first + U(2) * U(k)
        at = shelf + U(I[pair + U(1)])
        B[base + U(I[pair])] += B[at]
        B[at] = 0.0


def take_adjoint(B, I, base, shelf, first, n):
    """Adjoint of taking targets from the shelf."""
    for k in range(n):
        pair = first + U(2) * U(k)
        at = base + U(I[pair])
        B[shelf + U(I[pair + U(1)])] += B[at]
        B[at] = 0.0


def take_adjoint_lanes(B, I, K, base, shelf, first, n, order, lane, lanes):
    """`take_adjoint` by many threads: ``K`` lists pairs from `order` on, those of one place of the shelf side
    by side, which a thread adds in their order. A target stands in one pair only."""
    k = lane
    while k < n:
        at = I[first + U(2) * U(K[order + U(k)]) + U(1)]
        if k == 0 or I[first + U(2) * U(K[order + U(k - 1)]) + U(1)] != at:
            x = B[shelf + U(at)]
            j = k
            same = True
            while same:
                pair = first + U(2) * U(K[order + U(j)])
                to = base + U(I[pair])
                x += B[to]
                B[to] = 0.0
                j += 1
                same = j < n and I[first + U(2) * U(K[order + U(min(j, n - 1))]) + U(1)] == at
            B[shelf + U(at)] = x
        k += lanes


def play_adjoint(B, I, base, first, n):
    """What is played at a step depends on nothing before it."""
    for k in range(n):
        row = first + U(k) * U(PLAY)
        if I[row + U(CONTINUOUS)] != 0:
            B[base + U(I[row + U(TARGET)])] = 0.0
