"""The cable equation of a group by many threads: every node is worked on by one, which gathers its children.

Plain functions on arrays, one text for every device. ``lane`` of ``lanes`` threads works on the places
``lane``, ``lane + lanes``, ... of a step; ``barrier()`` makes what all have written visible to all. A step of
the schedule (`heliox.solver.dhs`) has ``width`` places in ``K``, a node or -1 each; every node stands in a
later step than its children. ``K[children + i]`` to ``K[children + i + 1]`` are the places, from `list_` on,
of node i's children in ascending NEURON index; ``K[parent + i]`` is its parent or -1. So sums have the
operands and the order of `heliox.solver.tree`, and the same bits, with any schedule and any number of lanes.
"""

# ruff: noqa: F821  (U, barrier and the arithmetic are supplied by the generated module's prelude)
# mypy: disable-error-code="name-defined"

from __future__ import annotations


def axial_node(A, P, K, v, a, b, parent, children, list_, i, x):
    """The right-hand side `x` of node i with the currents along the cable: own term, then children."""
    here = A[v + i]
    p = K[parent + i]
    if p >= 0:
        x -= P[b + i] * (A[v + U(p)] - here)
    for k in range(K[children + i], K[children + i + U(1)]):
        c = U(K[list_ + U(k)])
        x += P[a + c] * (here - A[v + c])
    return x


def couple_node(P, K, a, b, parent, children, list_, i, x):
    """The diagonal `x` of node i with its couplings along the cable: own term, then children."""
    if K[parent + i] >= 0:
        x -= P[b + i]
    for k in range(K[children + i], K[children + i + U(1)]):
        x -= P[a + U(K[list_ + U(k)])]
    return x


def eliminate_lanes(A, P, K, rhs, d, a, b, children, list_, nodes, steps, width, kept, lane, lanes):
    """Leaves to roots; a node receives its children in descending order. d becomes its reciprocal."""
    for s in range(steps):
        row = nodes + U(s) * U(width)
        for place in range(lane, width, lanes):
            node = K[row + U(place)]
            if node >= 0:
                i = U(node)
                first = K[children + i]
                k = K[children + i + U(1)]
                x = A[rhs + i]
                if kept:
                    while k > first:
                        k -= 1
                        c = U(K[list_ + U(k)])
                        x -= _over(P[a + c], A[d + c]) * A[rhs + c]
                else:
                    y = A[d + i]
                    while k > first:
                        k -= 1
                        c = U(K[list_ + U(k)])
                        q = _over(P[a + c], A[d + c])
                        y -= q * P[b + c]
                        x -= q * A[rhs + c]
                    A[d + i] = _inverse(y)
                A[rhs + i] = x
        barrier()


def substitute_lanes(A, P, K, rhs, d, b, parent, nodes, steps, width, lane, lanes):
    """Roots to leaves; rhs becomes the increment of v."""
    for s in range(steps):
        row = nodes + U(steps - 1 - s) * U(width)
        for place in range(lane, width, lanes):
            node = K[row + U(place)]
            if node >= 0:
                i = U(node)
                p = K[parent + i]
                x = A[rhs + i]
                if p >= 0:
                    x -= P[b + i] * A[rhs + U(p)]
                A[rhs + i] = _over(x, A[d + i])
        barrier()


def update_lanes(A, v, rhs, n, factor, limit, lane, lanes):
    """v += factor*rhs. Returns the number of this lane's voltages that are NaN or beyond `limit` (mV)."""
    bad = 0
    for k in range(lane, n, lanes):
        i = U(k)
        x = A[v + i] + factor * A[rhs + i]
        A[v + i] = x
        bad += 0 if abs(x) < limit else 1
    return bad
