"""Variables that follow a table of time: NEURON's Vector.play.

Plain functions on the arenas, one text for every device. Play k of a group has ``PLAY`` numbers in ``I`` at
``row = first + k*PLAY``: (target, cursor, points, stride, count, breaks, broken count, continuous).
``target`` and ``cursor`` are relative to the group's base in ``A``; at ``cursor`` lie the cursor and the next
entry of the breaks; ``points`` and ``breaks`` are addresses in ``P``: first all times, then all values. A
member's points lie `member` times ``stride`` further on: 0 where members share them.

A stepwise play assigns value k by an event at t[k]. A continuous one is interpolated at every half step, on
the segment that ends at the cursor, its upper bound, which events move on: so a value is extrapolated until
the event of a point is delivered, as in NEURON (vrecord.cpp, VecPlayStep and VecPlayContinuous).
"""

# ruff: noqa: F821  (names of the generated module's prelude)
# mypy: disable-error-code="name-defined"

from __future__ import annotations

TARGET, CURSOR, POINTS, STRIDE, COUNT, BREAKS, BREAK_COUNT, CONTINUOUS, PLAY = range(9)


def points_of(I, row, member):  # noqa: E741
    """Where the times of a member's points begin."""
    return U(I[row + U(POINTS)]) + U(I[row + U(STRIDE)]) * U(member)


def interpolated(A, P, I, row, member, cursor, t):  # noqa: E741
    """Value of a continuous play at time t."""
    points = points_of(I, row, member)
    count = U(I[row + U(COUNT)])
    values = points + count
    bound = U(A[cursor])
    if t >= P[points + bound]:
        k = bound
        if k == U(0):
            return P[values]
    elif t <= P[points]:
        return P[values]
    else:  # the first point behind t
        low = U(0)
        k = bound
        while low < k:
            middle = (low + k) // U(2)
            if P[points + middle] > t:
                k = middle
            else:
                low = middle + U(1)
    x0, x1 = P[values + k - U(1)], P[values + k]
    t0, t1 = P[points + k - U(1)], P[points + k]
    if t0 == t1:
        return (x0 + x1) / 2.0
    return x0 + (x1 - x0) * ((t - t0) / (t1 - t0))


def play(A, P, I, base, first, n, member, t):  # noqa: E741
    """Give every continuously played variable its value at time t."""
    for k in range(n):
        row = first + U(k) * U(PLAY)
        if I[row + U(CONTINUOUS)] != 0:
            cursor = base + U(I[row + U(CURSOR)])
            A[base + U(I[row + U(TARGET)])] = interpolated(A, P, I, row, member, cursor, t)


def wait(A, P, I, QF, QI, QN, g, row, member, target, point, now, hops):  # noqa: E741
    """Queue the event of one point of a play."""
    time = P[points_of(I, row, member) + U(point)]
    serial = QN[g, SERIAL]
    QN[g, SERIAL] = serial + 1
    generation = hops + 1 if time == now else 0
    push(QF, QI, QN, g, time, now, 0.0, (generation << GENERATION) + SELF + serial, target, -1)


def point_reached(A, P, I, QF, QI, QN, g, base, row, member, target, time, hops):  # noqa: E741
    """The event of a point: assign (stepwise), or move the bound of interpolation on (continuous)."""
    cursor = base + U(I[row + U(CURSOR)])
    points, count = points_of(I, row, member), int(I[row + U(COUNT)])
    here = int(A[cursor])
    if I[row + U(CONTINUOUS)] == 0:
        A[base + U(I[row + U(TARGET)])] = P[points + U(count) + U(here)]
        A[cursor] = float(here + 1)
        if here + 1 < count:
            wait(A, P, I, QF, QI, QN, g, row, member, target, here + 1, time, hops)
        return
    if I[row + U(BREAK_COUNT)] > 0:
        broken = int(A[cursor + U(1)])
        if broken < I[row + U(BREAK_COUNT)]:
            A[cursor] = P[U(I[row + U(BREAKS)]) + U(broken)]
            A[cursor + U(1)] = float(broken + 1)
            wait(A, P, I, QF, QI, QN, g, row, member, target, int(A[cursor]), time, hops)
        else:
            A[cursor] = float(count - 1)
    elif here < count - 1:
        A[cursor] = float(here + 1)
        wait(A, P, I, QF, QI, QN, g, row, member, target, here + 1, time, hops)
    A[base + U(I[row + U(TARGET)])] = interpolated(A, P, I, row, member, cursor, time)


def begin(A, P, I, QF, QI, QN, g, base, first, n, member, code):  # noqa: E741
    """finitialize: every play waits for its first point."""
    for k in range(n):
        row = first + U(k) * U(PLAY)
        cursor = base + U(I[row + U(CURSOR)])
        A[cursor] = 0.0
        A[cursor + U(1)] = 0.0
        if I[row + U(BREAK_COUNT)] > 0:
            A[cursor] = P[U(I[row + U(BREAKS)])]
            A[cursor + U(1)] = 1.0
        wait(A, P, I, QF, QI, QN, g, row, member, (code << 32) + k, int(A[cursor]), -1e300, 0)
