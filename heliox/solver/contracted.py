"""The cable equation in the order of a contraction, by one thread or by many.

Plain functions on arrays, one text for every device. The tree lies in ``S`` from ``at`` on in the order of
elimination (`heliox.solver.contraction.Tables`): diagonal, right-hand side, a, b, the coupling of a
compressed node to its child, and, where `again` says that more right-hand sides will come, that child's
share of it.
Each has a place more than there are nodes, for the neighbour that a node lacks. ``J`` holds the schedule from
`table` on. Every node receives from those that go, children first, in descending order, so that sums have
one order for any number of threads: the bits are those of `heliox.solver.contraction.solve` with libm's
pivots.
"""

# ruff: noqa: F821, E741, RUF059  (U, barrier and the arithmetic are supplied by the generated module's
# prelude; I is an arena; places are named where they are unpacked)
# mypy: disable-error-code="name-defined"

from __future__ import annotations


def contracted_places(at, n):
    """Where in S lie: diagonal, right-hand side, a (over the pivot), b, coupling to the child, its share."""
    m = U(n) + U(1)
    return at, at + m, at + U(2) * m, at + U(3) * m, at + U(4) * m, at + U(5) * m


def contraction_table(table, n, steps, tasks):
    """Where in J lie: begins of steps, of their tasks; parents, children, siblings; targets of tasks, the
    children and the parent that they receive."""
    row, m, k = U(steps) + U(1), U(n) + U(1), U(tasks)
    nodes = table + U(2) * row
    of_tasks = nodes + U(3) * m
    return table, table + row, nodes, nodes + m, nodes + U(2) * m, of_tasks, of_tasks + k, of_tasks + U(2) * k


def lay_tree(A, P, J, S, at, place, n, rhs, d, a, b, lane, lanes):
    """Bring a tree into the order of elimination."""
    D, R, Q, B, E, F = contracted_places(at, n)
    i = U(lane)
    while i < U(n):  # two at a time: all reads before all writes
        k = min(i + U(lanes), U(n) - U(1))
        q, y, x, w, c = U(J[place + i]), A[d + i], A[rhs + i], P[a + i], P[b + i]
        r, y2, x2, w2, c2 = U(J[place + k]), A[d + k], A[rhs + k], P[a + k], P[b + k]
        S[D + q] = y
        S[R + q] = x
        S[Q + q] = w
        S[B + q] = c
        S[E + q] = 0.0
        S[D + r] = y2
        S[R + r] = x2
        S[Q + r] = w2
        S[B + r] = c2
        S[E + r] = 0.0
        i += U(2) * U(lanes)
    if lane == 0:
        q = U(n)
        S[D + q] = 1.0
        S[R + q] = 0.0
        S[Q + q] = 0.0
        S[B + q] = 0.0
        S[E + q] = 0.0
    barrier()


def lay_right_side(J, Z, at, place, n, rhs, lane, lanes):
    """Only the right-hand side."""
    R = at + U(n) + U(1)
    i = U(lane)
    while i < U(n):
        Z[R + U(J[place + i])] = Z[rhs + i]
        i += U(lanes)
    if lane == 0:
        Z[R + U(n)] = 0.0
    barrier()


def take_solution(J, Z, at, place, n, rhs):
    """Bring the solution back into the nodes' own order."""
    R = at + U(n) + U(1)
    for i in range(n):
        Z[rhs + U(i)] = Z[R + U(J[place + U(i)])]


def first_pivots(S, J, at, table, n, steps, lane, lanes):
    """Pivots of what nobody changes."""
    D, R, Q, B, E, F = contracted_places(at, n)
    q = U(lane)
    end = U(J[table + U(1)]) if steps > 0 else U(0)
    while q < end:
        y = _inverse(S[D + q])
        S[D + q] = y
        S[Q + q] = _over(S[Q + q], y)
        q += U(lanes)
    barrier()


def contract(S, J, at, table, n, steps, tasks, first, last, again, lane, lanes, width):
    """Eliminate steps `first` to `last`, where at most `width` threads work."""
    D, R, Q, B, E, F = contracted_places(at, n)
    BEGINS, STARTS, UP, DOWN, BESIDE, TARGET, KID, ABOVE = contraction_table(table, n, steps, tasks)
    none = U(n)
    stop = U(J[STARTS + U(first)])
    s = U(first)
    while s < U(last):
        k = stop + U(lane)
        s += U(1)
        stop = U(J[STARTS + s])
        while k < stop:
            target = U(J[TARGET + k])
            r = target >> U(1)
            c = U(J[KID + k])
            u = U(J[ABOVE + k])
            x, y, w = S[R + r], S[D + r], S[Q + r]
            while c < none:
                f = S[Q + c]
                y -= f * S[B + c]
                x -= f * S[R + c]
                c = U(J[BESIDE + c])
            if u < none:
                f = _over(S[B + r], S[D + u])
                S[E + u] = w
                if again:
                    S[F + u] = f
                y -= f * w
                x -= f * S[R + u]
                w = -(S[Q + u] * w)
                S[B + r] = -(f * S[B + u])
            if target & U(1) != U(0):
                y = _inverse(y)
                w = _over(w, y)
            S[R + r] = x
            S[D + r] = y
            S[Q + r] = w
            k += U(lanes)
        meet(width)


def expand(S, Z, J, at, table, n, steps, tasks, first, last, lane, lanes, width):
    """Substitute in what went in steps `first` to `last`, the last ones first."""
    D, R, Q, B, E, F = contracted_places(at, n)
    BEGINS, STARTS, UP, DOWN, BESIDE, TARGET, KID, ABOVE = contraction_table(table, n, steps, tasks)
    s = U(last)
    stop = U(J[BEGINS + s])
    while s > U(first):
        s -= U(1)
        begin = U(J[BEGINS + s])
        q = begin + U(lane)
        while q < stop:
            x = Z[R + q] - S[B + q] * Z[R + U(J[UP + q])]
            x -= S[E + q] * Z[R + U(J[DOWN + q])]
            Z[R + q] = _over(x, S[D + q])
            q += U(lanes)
        stop = begin
        meet(width)


def near_table(n):
    """Where the schedule lies in a block's own memory, as 16-bit integers: behind five numbers a node."""
    return U(20) * (U(n) + U(1))


def lay_table(I, J, schedule, at, n, steps, tasks, lane, lanes):
    """Bring a schedule there."""
    size = U(2) * (U(steps) + U(1)) + U(3) * (U(n) + U(1)) + U(3) * U(tasks)
    step, last = U(lanes), size - U(1)
    k = U(lane)
    while k < size:  # four at a time: all reads before all writes
        k1, k2, k3 = min(k + step, last), min(k + U(2) * step, last), min(k + U(3) * step, last)
        x0, x1, x2, x3 = I[schedule + k], I[schedule + k1], I[schedule + k2], I[schedule + k3]
        J[at + k] = x0
        J[at + k1] = x1
        J[at + k2] = x2
        J[at + k3] = x3
        k += U(4) * step


def solve_contracted(A, P, I, S, J, at, table, places, n, steps, tasks, narrow, rhs, d, a, b, lane, lanes):
    """By the threads of a block; of what has at most 32 nodes a step, by its first warp."""
    lay_tree(A, P, I, S, at, places, n, rhs, d, a, b, lane, lanes)
    first_pivots(S, J, at, table, n, steps, lane, lanes)
    contract(S, J, at, table, n, steps, tasks, 0, narrow, False, lane, lanes, lanes)
    if lane < 32:
        few = min(lanes, 32)
        contract(S, J, at, table, n, steps, tasks, narrow, steps, False, lane, few, few)
        expand(S, S, J, at, table, n, steps, tasks, narrow, steps, lane, few, few)
    barrier()
    expand(S, S, J, at, table, n, steps, tasks, 0, narrow, lane, lanes, lanes)
    barrier()


def receive(S, Z, J, R, of_child, of_parent, TARGET, KID, BESIDE, ABOVE, n, first, last, lane, lanes):
    """Right-hand sides in Z, of tasks `first` to `last`: what children and the parent pass on."""
    none = U(n)
    k = U(first) + U(lane)
    while k < U(last):
        r = U(J[TARGET + k]) >> U(1)
        x = Z[R + r]
        c = U(J[KID + k])
        while c < none:
            x -= S[of_child + c] * Z[R + c]
            c = U(J[BESIDE + c])
        u = U(J[ABOVE + k])
        if u < none:
            x -= S[of_parent + u] * Z[R + u]
        Z[R + r] = x
        k += U(lanes)


def contract_again(S, Z, J, at, table, n, steps, tasks):
    """Eliminate another right-hand side, in Z, by one thread; the same bits as `contract`."""
    D, R, Q, B, E, F = contracted_places(at, n)
    BEGINS, STARTS, UP, DOWN, BESIDE, TARGET, KID, ABOVE = contraction_table(table, n, steps, tasks)
    receive(S, Z, J, R, Q, F, TARGET, KID, BESIDE, ABOVE, n, 0, tasks, 0, 1)


def transposed_contract(S, Z, J, at, table, n, steps, tasks, lane, lanes):
    """The transposed system: its right-hand side, in Z, upwards with the pivots and couplings in S."""
    D, R, Q, B, E, F = contracted_places(at, n)
    BEGINS, STARTS, UP, DOWN, BESIDE, TARGET, KID, ABOVE = contraction_table(table, n, steps, tasks)
    for s in range(steps):
        q = U(J[BEGINS + U(s)]) + U(lane)
        end = U(J[BEGINS + U(s + 1)])
        while q < end:
            Z[R + q] = _over(Z[R + q], S[D + q])
            q += U(lanes)
        barrier()
        first, last = J[STARTS + U(s)], J[STARTS + U(s + 1)]
        receive(S, Z, J, R, B, E, TARGET, KID, BESIDE, ABOVE, n, first, last, lane, lanes)
        barrier()


def transposed_expand(S, Z, J, at, table, n, steps, tasks, lane, lanes):
    """The same, downwards: those that went last come first."""
    D, R, Q, B, E, F = contracted_places(at, n)
    BEGINS, STARTS, UP, DOWN, BESIDE, TARGET, KID, ABOVE = contraction_table(table, n, steps, tasks)
    s = U(steps)
    while s > U(0):
        s -= U(1)
        q = U(J[BEGINS + s]) + U(lane)
        end = U(J[BEGINS + s + U(1)])
        while q < end:
            c = U(J[DOWN + q])
            x = Z[R + q] - S[Q + q] * Z[R + U(J[UP + q])]
            if c < U(n):
                x -= S[F + q] * Z[R + c]
            Z[R + q] = x
            q += U(lanes)
        barrier()
