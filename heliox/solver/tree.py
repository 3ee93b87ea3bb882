"""The cable equation of a forest of nodes: axial terms, elimination, substitution.

Nodes are stored so that a parent comes before its children, and the children of a node in ascending NEURON
index; the parent of node i is ``I[parent + i]``. Forward sweeps then meet the children of a node in
ascending, backward sweeps in descending NEURON index: the order in which NEURON forms its sums (NEURON's
solve.cpp and treeset.cpp; Hines 1984).

Sweeps go by stretches of nodes (`heliox.engine.storage`), ``count`` rows ``first, n, kind`` in ``I``. In
one of kind `ABREAST` the parents of consecutive nodes are consecutive too: cells of equal shape side by
side, or cables without branches. These are vector code: a node's equation involves only its own lane. All
offsets are unsigned integers into the arenas ``A`` and ``P``.
"""

# ruff: noqa: F821, E741  (U, the unsigned integer type, is supplied by the generated module's prelude; I is
# an arena)
# mypy: disable-error-code="name-defined"

ROOTS, SINGLE, ABREAST = range(3)


def clear(A, rhs, d, n):
    """Zero the right-hand side and the diagonal."""
    for i in range(n):
        A[rhs + i] = 0.0
        A[d + i] = 0.0


def stretch(I, stretches, k):
    """First node, number of nodes and kind of stretch k."""
    at = stretches + U(3) * k
    return U(I[at]), U(I[at + U(1)]), I[at + U(2)]


def axial(A, P, I, v, rhs, d, a, b, parent, stretches, count):
    """Currents along the cable into rhs, couplings into the diagonal: own term, then children ascending."""
    for k in range(count):
        first, n, kind = stretch(I, stretches, U(k))
        if kind == ABREAST:
            p = U(I[parent + first])
            axial_currents(A, P, v + first, v + p, rhs + first, rhs + p, a + first, b + first, n)
            axial_diagonal(A, P, d + first, d + p, a + first, b + first, n)
        elif kind == SINGLE:
            for i in range(first, first + n):
                p = U(I[parent + i])
                dv = A[v + p] - A[v + i]
                A[rhs + i] -= P[b + i] * dv
                A[rhs + p] += P[a + i] * dv
                A[d + i] -= P[b + i]
                A[d + p] -= P[a + i]


def axial_currents(A, P, v, v_parent, rhs, rhs_parent, a, b, n):
    for i in range(n):
        dv = A[v_parent + i] - A[v + i]
        A[rhs + i] -= P[b + i] * dv
        A[rhs_parent + i] += P[a + i] * dv


def axial_diagonal(A, P, d, d_parent, a, b, n):
    for i in range(n):
        A[d + i] -= P[b + i]
        A[d_parent + i] -= P[a + i]


def eliminate(A, P, I, rhs, d, a, b, parent, stretches, count):
    """Leaves to roots; a node receives its children in descending order."""
    k = U(count)
    while k > U(0):
        k -= U(1)
        first, n, kind = stretch(I, stretches, k)
        if kind == ABREAST:
            p = U(I[parent + first])
            eliminate_row(A, P, rhs + first, rhs + p, d + first, d + p, a + first, b + first, n)
        elif kind == SINGLE:
            i = first + n
            while i > first:
                i -= U(1)
                p = U(I[parent + i])
                q = P[a + i] / A[d + i]
                A[d + p] -= q * P[b + i]
                A[rhs + p] -= q * A[rhs + i]


def eliminate_row(A, P, rhs, rhs_parent, d, d_parent, a, b, n):
    for i in range(n):
        q = P[a + i] / A[d + i]
        A[d_parent + i] -= q * P[b + i]
        A[rhs_parent + i] -= q * A[rhs + i]


def substitute(A, P, I, rhs, d, b, parent, stretches, count):
    """Roots to leaves; rhs becomes the increment of v."""
    for k in range(count):
        first, n, kind = stretch(I, stretches, U(k))
        if kind == ABREAST:
            p = U(I[parent + first])
            substitute_row(A, P, rhs + first, rhs + p, d + first, b + first, n)
        elif kind == SINGLE:
            for i in range(first, first + n):
                p = U(I[parent + i])
                A[rhs + i] = (A[rhs + i] - P[b + i] * A[rhs + p]) / A[d + i]
        else:
            for i in range(first, first + n):
                A[rhs + i] /= A[d + i]


def substitute_row(A, P, rhs, rhs_parent, d, b, n):
    for i in range(n):
        A[rhs + i] = (A[rhs + i] - P[b + i] * A[rhs_parent + i]) / A[d + i]


def update(A, v, rhs, n, factor, limit):
    """v += factor*rhs. Returns the number of voltages that are NaN or beyond `limit` (mV)."""
    bad = 0
    for i in range(n):
        x = A[v + i] + factor * A[rhs + i]
        A[v + i] = x
        bad += 0 if abs(x) < limit else 1
    return bad
