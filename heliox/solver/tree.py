"""The cable equation of a forest of nodes: axial terms, elimination, substitution.

The k-th node of a sweep is ``I[visit + k]``, its parent ``I[parent + k]``. A parent comes before its
children, and these in ascending NEURON index: forward sweeps meet the children of a node in ascending,
backward sweeps in descending NEURON index, the order in which NEURON forms its sums (NEURON's solve.cpp
and treeset.cpp; Hines 1984).

Sweeps go by stretches of nodes (`heliox.engine.storage`), ``count`` rows ``first, n, kind, stays`` in ``I``.
In one of kind `ABREAST` nodes lie side by side, and their parents too: cells of equal shape, or cables
without branches. These are vector code: a node's equation involves only its own lane. All offsets are
unsigned integers into the arenas ``A`` and ``P``.

`_inverse` and `_over` are the arithmetic's: libm divides by the pivot wherever NEURON does, fast keeps the
pivot's reciprocal in its place and multiplies. Fast also begins every right-hand side with axial currents,
and every diagonal with what capacitance, couplings and steady conductances give; libm adds all that where
NEURON does, behind the mechanisms.

`kept` says that ``d`` holds what an earlier elimination of the same matrix left there: then only the
right-hand side is worked on, and gets the same bits. `some` says the same of the stretches below which
nothing changes in the matrix: of those `INSIDE`, and of those at the `BORDER`, whose parents do change.
"""

# ruff: noqa: F821, E741  (U, the unsigned integer type, is supplied by the generated module's prelude; I is
# an arena)
# mypy: disable-error-code="name-defined"

ROOTS, SINGLE, ABREAST = range(3)
MOVING, INSIDE, BORDER = range(3)  # `stays` of a stretch


def zero(A, at, n):
    for i in range(n):
        A[at + i] = 0.0


def clear(A, rhs, d, n, kept):
    """Zero the right-hand side and the diagonal."""
    zero(A, rhs, n)
    if not kept:
        zero(A, d, n)


def begin_diagonal(A, I, d, base, n, kept, some, moving, count):
    """The diagonal begins with what never changes in it; `some`: of the nodes in `count` runs at `moving`."""
    if some and not kept:
        for k in range(count):
            first = U(I[moving + U(2) * U(k)])
            begin_part(A, d + first, base + first, I[moving + U(2) * U(k) + U(1)])
    elif not kept:
        begin_part(A, d, base, n)


def begin_part(A, d, base, n):
    for i in range(n):
        A[d + i] = A[base + i]


def stretch(I, stretches, k):
    """First node, number of nodes and kind of stretch k."""
    at = stretches + U(4) * k
    return U(I[at]), U(I[at + U(1)]), I[at + U(2)]


def axial(A, P, I, v, rhs, a, b, visit, parent, stretches, count):
    """Currents along the cable into rhs: own term, then children ascending."""
    for k in range(count):
        first, n, kind = stretch(I, stretches, U(k))
        if kind == ABREAST:
            i = U(I[visit + first])
            p = U(I[parent + first])
            axial_row(A, P, v + i, v + p, rhs + i, rhs + p, a + i, b + i, n)
        elif kind == SINGLE:
            for j in range(first, first + n):
                i = U(I[visit + j])
                p = U(I[parent + j])
                dv = A[v + p] - A[v + i]
                A[rhs + i] -= P[b + i] * dv
                A[rhs + p] += P[a + i] * dv


def axial_row(A, P, v, v_parent, rhs, rhs_parent, a, b, n):
    for i in range(n):
        dv = A[v_parent + i] - A[v + i]
        A[rhs + i] -= P[b + i] * dv
        A[rhs_parent + i] += P[a + i] * dv


def stays(I, stretches, k):
    """Whether the matrix changes in stretch k, or below it."""
    return I[stretches + U(4) * k + U(3)]


def begin_axial(A, P, I, v, rhs, a, b, visit, parent, stretches, count):
    """The same currents where the right-hand side begins with them."""
    for k in range(count):
        first, n, kind = stretch(I, stretches, U(k))
        if kind == ABREAST:
            i = U(I[visit + first])
            p = U(I[parent + first])
            begin_axial_row(A, P, v + i, v + p, rhs + i, rhs + p, a + i, b + i, n)
        elif kind == SINGLE:
            for j in range(first, first + n):
                i = U(I[visit + j])
                p = U(I[parent + j])
                dv = A[v + p] - A[v + i]
                A[rhs + i] = 0.0 - P[b + i] * dv
                A[rhs + p] += P[a + i] * dv
        else:
            for j in range(first, first + n):
                A[rhs + U(I[visit + j])] = 0.0


def begin_axial_row(A, P, v, v_parent, rhs, rhs_parent, a, b, n):
    for i in range(n):
        dv = A[v_parent + i] - A[v + i]
        A[rhs + i] = 0.0 - P[b + i] * dv
        A[rhs_parent + i] += P[a + i] * dv


def couple(A, P, I, d, a, b, visit, parent, stretches, count):
    """Couplings along the cable into the diagonal: own term, then children ascending."""
    for k in range(count):
        first, n, kind = stretch(I, stretches, U(k))
        if kind == ABREAST:
            i = U(I[visit + first])
            p = U(I[parent + first])
            couple_row(A, P, d + i, d + p, a + i, b + i, n)
        elif kind == SINGLE:
            for j in range(first, first + n):
                i = U(I[visit + j])
                p = U(I[parent + j])
                A[d + i] -= P[b + i]
                A[d + p] -= P[a + i]


def couple_row(A, P, d, d_parent, a, b, n):
    for i in range(n):
        A[d + i] -= P[b + i]
        A[d_parent + i] -= P[a + i]


def eliminate(A, P, I, rhs, d, a, b, visit, parent, stretches, count, kept, some):
    """Leaves to roots; a node receives its children in descending order."""
    k = U(count)
    while k > U(0):
        k -= U(1)
        first, n, kind = stretch(I, stretches, k)
        where = stays(I, stretches, k)
        done = kept or (some and where != MOVING)
        alone = kept or (some and where == INSIDE)  # their parents too
        if kind == ABREAST:
            i = U(I[visit + first])
            p = U(I[parent + first])
            if alone:
                eliminate_kept_row(A, P, rhs + i, rhs + p, d + i, a + i, n)
            elif done:
                eliminate_border_row(A, P, rhs + i, rhs + p, d + i, d + p, a + i, b + i, n)
            else:
                eliminate_row(A, P, rhs + i, rhs + p, d + i, d + p, a + i, b + i, n)
        elif kind == SINGLE:
            j = first + n
            while j > first:
                j -= U(1)
                i = U(I[visit + j])
                p = U(I[parent + j])
                r = A[d + i] if done else _inverse(A[d + i])
                q = _over(P[a + i], r)
                if not done:
                    A[d + i] = r
                if not alone:
                    A[d + p] -= q * P[b + i]
                A[rhs + p] -= q * A[rhs + i]


def eliminate_row(A, P, rhs, rhs_parent, d, d_parent, a, b, n):
    for i in range(n):
        r = _inverse(A[d + i])
        A[d + i] = r
        q = _over(P[a + i], r)
        A[d_parent + i] -= q * P[b + i]
        A[rhs_parent + i] -= q * A[rhs + i]


def eliminate_border_row(A, P, rhs, rhs_parent, d, d_parent, a, b, n):
    for i in range(n):
        q = _over(P[a + i], A[d + i])
        A[d_parent + i] -= q * P[b + i]
        A[rhs_parent + i] -= q * A[rhs + i]


def eliminate_kept_row(A, P, rhs, rhs_parent, d, a, n):
    for i in range(n):
        A[rhs_parent + i] -= _over(P[a + i], A[d + i]) * A[rhs + i]


def substitute(A, P, I, rhs, d, b, visit, parent, stretches, count, kept, some):
    """Roots to leaves; rhs becomes the increment of v."""
    for k in range(count):
        first, n, kind = stretch(I, stretches, U(k))
        if kind == ABREAST:
            i = U(I[visit + first])
            p = U(I[parent + first])
            substitute_row(A, P, rhs + i, rhs + p, d + i, b + i, n)
        elif kind == SINGLE:
            for j in range(first, first + n):
                i = U(I[visit + j])
                p = U(I[parent + j])
                A[rhs + i] = _over(A[rhs + i] - P[b + i] * A[rhs + p], A[d + i])
        else:
            done = kept or (some and stays(I, stretches, U(k)) != MOVING)
            for j in range(first, first + n):
                i = U(I[visit + j])
                r = A[d + i] if done else _inverse(A[d + i])
                A[d + i] = r
                A[rhs + i] = _over(A[rhs + i], r)


def substitute_row(A, P, rhs, rhs_parent, d, b, n):
    for i in range(n):
        A[rhs + i] = _over(A[rhs + i] - P[b + i] * A[rhs_parent + i], A[d + i])


def substitute_update(A, P, I, v, rhs, d, b, visit, parent, stretches, count, kept, some, factor, limit):
    """`substitute` and `update` in one sweep."""
    bad = 0
    for k in range(count):
        first, n, kind = stretch(I, stretches, U(k))
        if kind == ABREAST:
            i = U(I[visit + first])
            p = U(I[parent + first])
            bad += substitute_update_row(A, P, v + i, rhs + i, rhs + p, d + i, b + i, n, factor, limit)
        elif kind == SINGLE:
            for j in range(first, first + n):
                i = U(I[visit + j])
                p = U(I[parent + j])
                x = _over(A[rhs + i] - P[b + i] * A[rhs + p], A[d + i])
                A[rhs + i] = x
                x = A[v + i] + factor * x
                A[v + i] = x
                bad += 0 if abs(x) < limit else 1
        else:
            done = kept or (some and stays(I, stretches, U(k)) != MOVING)
            for j in range(first, first + n):
                i = U(I[visit + j])
                r = A[d + i] if done else _inverse(A[d + i])
                A[d + i] = r
                x = _over(A[rhs + i], r)
                A[rhs + i] = x
                x = A[v + i] + factor * x
                A[v + i] = x
                bad += 0 if abs(x) < limit else 1
    return bad


def substitute_update_row(A, P, v, rhs, rhs_parent, d, b, n, factor, limit):
    bad = 0
    for i in range(n):
        x = _over(A[rhs + i] - P[b + i] * A[rhs_parent + i], A[d + i])
        A[rhs + i] = x
        x = A[v + i] + factor * x
        A[v + i] = x
        bad += 0 if abs(x) < limit else 1
    return bad


def update(A, v, rhs, n, factor, limit):
    """v += factor*rhs. Returns the number of voltages that are NaN or beyond `limit` (mV)."""
    bad = 0
    for i in range(n):
        x = A[v + i] + factor * A[rhs + i]
        A[v + i] = x
        bad += 0 if abs(x) < limit else 1
    return bad
