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


def eliminate_lanes(A, X, P, K, rhs, d, a, b, children, list_, nodes, steps, width, kept, lane, lanes):
    """Leaves to roots; a node receives its children in descending order. d becomes its reciprocal.

    The right-hand side is in X, the diagonal in A.
    """
    for s in range(steps):
        row = nodes + U(s) * U(width)
        place = lane
        while place < width:
            node = K[row + U(place)]
            if node >= 0:
                i = U(node)
                first = K[children + i]
                k = K[children + i + U(1)]
                x = X[rhs + i]
                if kept:
                    while k > first:
                        k -= 1
                        c = U(K[list_ + U(k)])
                        x -= _over(P[a + c], A[d + c]) * X[rhs + c]
                else:
                    y = A[d + i]
                    while k > first:
                        k -= 1
                        c = U(K[list_ + U(k)])
                        q = _over(P[a + c], A[d + c])
                        y -= q * P[b + c]
                        x -= q * X[rhs + c]
                    A[d + i] = _inverse(y)
                X[rhs + i] = x
            place += lanes
        barrier()


def substitute_lanes(A, X, P, K, rhs, d, b, parent, nodes, steps, width, lane, lanes):
    """Roots to leaves; rhs becomes the increment of v."""
    for s in range(steps):
        row = nodes + U(steps - 1 - s) * U(width)
        place = lane
        while place < width:
            node = K[row + U(place)]
            if node >= 0:
                i = U(node)
                p = K[parent + i]
                x = X[rhs + i]
                if p >= 0:
                    x -= P[b + i] * X[rhs + U(p)]
                X[rhs + i] = _over(x, A[d + i])
            place += lanes
        barrier()


PAD = 33  # places behind the nodes: the relative that a node lacks, and what threads without a node read


def near_places(n):
    """Where in a block's memory lie: in S, behind the diagonal, right-hand side, a (over the pivot), b; in J
    last children, siblings before, parents, begins of rows."""
    m = n + U(PAD)
    return m, U(2) * m, U(3) * m, U(16) * m, U(17) * m, U(18) * m, U(19) * m


def load_near(
    A, X, P, K, S, J, n, rhs, d, a, b, place, under, beside, over, begins, rows, kept, lane, lanes
):  # fmt: skip
    """Bring a tree into memory that is near to the threads of a block: S (float64) and J (int16, the same).

    Nodes stand in it in the order of the schedule: ``K[place + i]`` is the place of node i, ``K[under + q]``
    that of the last child (by NEURON index) of the node at place q, or n, ``K[beside + q]`` that of the
    sibling before it, ``K[over + q]`` that of its parent; row s begins at place ``K[begins + s]``. Behind the
    nodes lie zeros.
    """
    n = U(n)
    R, Q, B, UNDER, BESIDE, OVER, BEGINS = near_places(n)
    step = U(lanes)
    i = U(lane)
    while i < n:
        q = U(K[place + i])
        y = A[d + i]
        w = P[a + i]
        S[q] = y
        S[R + q] = X[rhs + i]
        S[Q + q] = _over(w, y) if kept else w
        S[B + q] = P[b + i]
        J[UNDER + i] = K[under + i]
        J[BESIDE + i] = K[beside + i]
        J[OVER + i] = K[over + i]
        i += step
    i = n + U(lane)
    while i < R:
        S[i] = 1.0
        S[R + i] = 0.0
        S[Q + i] = 0.0
        S[B + i] = 0.0
        J[UNDER + i] = n
        J[BESIDE + i] = n
        J[OVER + i] = n
        i += step
    s = U(lane)
    while s <= U(rows) + U(2):
        J[BEGINS + s] = U(K[begins + s]) if s <= U(rows) else n
        s += step
    barrier()


def sweep_near(S, J, n, rows, width, kept, lane, lanes):
    """Both sweeps over what `load_near` has laid out; a row has at most `width` nodes.

    All threads of the block go through all rows, also those that find no node there: they meet behind each.
    """
    n = U(n)
    R, Q, B, UNDER, BESIDE, OVER, BEGINS = near_places(n)
    last = U(rows)
    end = U(0)
    s = U(0)
    while s < last:
        q = end + U(lane)
        s += U(1)
        end = U(J[BEGINS + s])
        while q < end:
            k = U(J[UNDER + q])
            x = S[R + q]
            if kept:
                while k < n:
                    x -= S[Q + k] * S[R + k]
                    k = U(J[BESIDE + k])
            else:
                y = S[q]
                while k < n:
                    f = S[Q + k]
                    y -= f * S[B + k]
                    x -= f * S[R + k]
                    k = U(J[BESIDE + k])
                y = _inverse(y)
                S[q] = y
                S[Q + q] = _over(S[Q + q], y)
            S[R + q] = x
            q += U(lanes)
        meet(width)
    s = last
    while s > U(0):
        s -= U(1)
        q = U(J[BEGINS + s]) + U(lane)
        while q < end:
            x = S[R + q] - S[B + q] * S[R + U(J[OVER + q])]
            S[R + q] = _over(x, S[q])
            q += U(lanes)
        end = U(J[BEGINS + s])
        meet(width)
    barrier()


def sweep_warp(S, J, n, rows, kept, lane):
    """The same by one warp, a node of a row a thread.

    What a thread needs of the next row, other than what other threads are about to write, it reads ahead, and
    threads without a node compute what nobody stores: so the way from row to row is about as short as the
    arithmetic lets it be.
    """
    n = U(n)
    R, Q, B, UNDER, BESIDE, OVER, BEGINS = near_places(n)
    last = U(rows)
    me = U(lane)
    q = me
    end = U(J[BEGINS + U(1)])
    after = U(J[BEGINS + U(2)])
    k, x, y, w = U(J[UNDER + q]), S[R + q], S[q], S[Q + q]
    at = BEGINS + U(3)
    stop = at + last
    if kept:
        while at < stop:
            k = k if q < end else n
            x -= S[Q + k] * S[R + k]
            k = U(J[BESIDE + k])
            while k < n:
                x -= S[Q + k] * S[R + k]
                k = U(J[BESIDE + k])
            if q < end:
                S[R + q] = x
            q = end + me
            end = after
            k, x = U(J[UNDER + q]), S[R + q]
            after = U(J[at])
            at += U(1)
            meet(32)
    else:
        while at < stop:
            k = k if q < end else n
            f = S[Q + k]
            y -= f * S[B + k]
            x -= f * S[R + k]
            k = U(J[BESIDE + k])
            while k < n:
                f = S[Q + k]
                y -= f * S[B + k]
                x -= f * S[R + k]
                k = U(J[BESIDE + k])
            y = _inverse(y)
            w = _over(w, y)
            if q < end:
                S[q] = y
                S[Q + q] = w
                S[R + q] = x
            q = end + me
            end = after
            k, x, y, w = U(J[UNDER + q]), S[R + q], S[q], S[Q + q]
            after = U(J[at])
            at += U(1)
            meet(32)
    at = BEGINS + last
    end = n
    before = U(J[at - U(1)])
    q = before + me
    k, x, y, w = U(J[OVER + q]), S[R + q], S[q], S[B + q]
    while at > BEGINS:
        x -= w * S[R + k]
        x = _over(x, y)
        if q < end:
            S[R + q] = x
        at -= U(1)
        end = before
        before = U(J[max(at, BEGINS + U(1)) - U(1)])
        q = before + me
        k, x, y, w = U(J[OVER + q]), S[R + q], S[q], S[B + q]
        meet(32)
