"""The cable equation of a forest of nodes: axial terms, elimination, substitution.

Nodes are stored by level, inside a level by ascending NEURON index, roots first; the parent of node i is
``I[parent + i]``. Forward sweeps then meet the children of a node in ascending, backward sweeps in descending
NEURON index: the order in which NEURON forms its sums (NEURON's solve.cpp and treeset.cpp; Hines 1984). All
offsets are unsigned integers into the arenas ``A`` and ``P``.
"""

# ruff: noqa: F821, E741  (U, the unsigned integer type, is supplied by the generated module's prelude; I is
# an arena)
# mypy: disable-error-code="name-defined"


def clear(A, rhs, d, n):
    """Zero the right-hand side and the diagonal."""
    for i in range(n):
        A[rhs + i] = 0.0
        A[d + i] = 0.0


def axial(A, P, I, v, rhs, d, a, b, parent, roots, n):
    """Currents along the cable into rhs, couplings into the diagonal: own term, then children ascending."""
    for i in range(roots, n):
        p = U(I[parent + i])
        dv = A[v + p] - A[v + i]
        A[rhs + i] -= P[b + i] * dv
        A[rhs + p] += P[a + i] * dv
        A[d + i] -= P[b + i]
        A[d + p] -= P[a + i]


def eliminate(A, P, I, rhs, d, a, b, parent, roots, n):
    """Leaves to roots; a node receives its children in descending order."""
    i = n
    while i > roots:
        i -= U(1)
        p = U(I[parent + i])
        q = P[a + i] / A[d + i]
        A[d + p] -= q * P[b + i]
        A[rhs + p] -= q * A[rhs + i]


def substitute(A, P, I, rhs, d, b, parent, roots, n):
    """Roots to leaves; rhs becomes the increment of v."""
    for i in range(roots):
        A[rhs + i] /= A[d + i]
    for i in range(roots, n):
        p = U(I[parent + i])
        A[rhs + i] = (A[rhs + i] - P[b + i] * A[rhs + p]) / A[d + i]


def update(A, v, rhs, n, factor, limit):
    """v += factor*rhs. Returns the number of voltages that are NaN or beyond `limit` (mV)."""
    bad = 0
    for i in range(n):
        x = A[v + i] + factor * A[rhs + i]
        A[v + i] = x
        bad += 0 if abs(x) < limit else 1
    return bad
