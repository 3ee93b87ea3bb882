"""The queue of a group: a binary heap of events, and the spike record.

Plain functions on arrays, one text for every device. ``QF[g, k] = (time, emitted, flag)`` and
``QI[g, k] = (rank, target, connection)`` are event k of group g's heap; ``QN[g]`` counts (columns below).
Events are ordered by (time, time of emission, rank), which no schedule, thread or grouping can change.
"""

# ruff: noqa: F821  (names of the generated module's prelude)
# mypy: disable-error-code="name-defined"

from __future__ import annotations

# columns of QN
EVENTS, SPIKES, SERIAL, STATUS, DELIVERED, STEP, PHASE, LOGGED = range(8)
COLUMNS = 8
# values of STATUS: the first four are mended by the host, LOST cannot happen unless a bound is wrong
OK, QUEUE_FULL, SPIKES_FULL, RUNAWAY, LOST, LOG_FULL, LIST_FULL = range(7)
# a rank is (generation << 48) + class and place: connections come before self events, zero-delay hops after
# what caused them
SELF = 1 << 40
# in the place of a connection: an event of WATCH, which net_move does not take for a self event
CONDITION = -2
GENERATION = 48
HOPS = 40  # SI holds source + (generation << HOPS)


def before(QF, QI, g, k, time, emitted, rank):
    """Whether event k of the heap comes before (time, emitted, rank)."""
    if QF[g, k, 0] != time:
        return QF[g, k, 0] < time
    if QF[g, k, 1] != emitted:
        return QF[g, k, 1] < emitted
    return QI[g, k, 0] < rank


def put(QF, QI, g, k, time, emitted, flag, rank, target, connection):
    """Write event k."""
    QF[g, k, 0] = time
    QF[g, k, 1] = emitted
    QF[g, k, 2] = flag
    QI[g, k, 0] = rank
    QI[g, k, 1] = target
    QI[g, k, 2] = connection


def move(QF, QI, g, k, j):
    """Copy event j to place k."""
    put(QF, QI, g, k, QF[g, j, 0], QF[g, j, 1], QF[g, j, 2], QI[g, j, 0], QI[g, j, 1], QI[g, j, 2])


def push(QF, QI, QN, g, time, emitted, flag, rank, target, connection):
    """Insert an event. Room was made before (see `deliver`); without it the status says that one was lost."""
    k = QN[g, EVENTS]
    if k >= QF.shape[1]:
        QN[g, STATUS] = LOST
        return
    QN[g, EVENTS] = k + 1
    while k > 0:
        up = (k - 1) >> 1
        if before(QF, QI, g, up, time, emitted, rank):
            break
        move(QF, QI, g, k, up)
        k = up
    put(QF, QI, g, k, time, emitted, flag, rank, target, connection)


def take(QF, QI, QN, g, k):
    """Remove event k of the heap (place 0: the first one)."""
    n = QN[g, EVENTS] - 1
    QN[g, EVENTS] = n
    if k == n:
        return
    time, emitted, rank = QF[g, n, 0], QF[g, n, 1], QI[g, n, 0]
    flag, target, connection = QF[g, n, 2], QI[g, n, 1], QI[g, n, 2]
    while k > 0 and not before(QF, QI, g, (k - 1) >> 1, time, emitted, rank):
        move(QF, QI, g, k, (k - 1) >> 1)
        k = (k - 1) >> 1
    while True:
        child = 2 * k + 1
        if child >= n:
            break
        if child + 1 < n and before(QF, QI, g, child + 1, QF[g, child, 0], QF[g, child, 1], QI[g, child, 0]):
            child += 1
        if not before(QF, QI, g, child, time, emitted, rank):
            break
        move(QF, QI, g, k, child)
        k = child
    put(QF, QI, g, k, time, emitted, flag, rank, target, connection)


def movable(QF, QI, QN, g, target):
    """Place in the heap of the self event of flag 1 that `target` sent last; -1 if there is none."""
    found = -1
    newest = -1
    for k in range(QN[g, EVENTS]):
        serial = QI[g, k, 0] & ((1 << GENERATION) - 1)
        mine = QI[g, k, 1] == target and QI[g, k, 2] != CONDITION
        if mine and QF[g, k, 2] == 1.0 and serial >= SELF and serial > newest:
            newest = serial
            found = k
    return found


def withdraw(QF, QI, QN, g, target):
    """Remove the events that conditions of WATCH have sent to `target`."""
    k = 0
    while k < QN[g, EVENTS]:
        if QI[g, k, 1] == target and QI[g, k, 2] == CONDITION:
            take(QF, QI, QN, g, k)
            k = 0
        else:
            k += 1


def keep(QN, SF, SI, g, source, time, generation):
    """Record a spike; False, and a status, where there is no room, which was made before."""
    k = QN[g, SPIKES]
    if k >= SF.shape[1]:
        QN[g, STATUS] = LOST
        return False
    SF[g, k] = time
    SI[g, k] = source + (generation << HOPS)
    QN[g, SPIKES] = k + 1
    return True


def send(D, QF, QI, QN, CI, g, delay, c, time, generation):
    """Queue the event that connection c, if it is active, makes of a spike, for its target in group g."""
    if CI[c, 3] != 0:
        wait = D[delay + U(c)]
        hops = generation + 1 if wait == 0.0 else 0
        push(QF, QI, QN, g, time + wait, time, 0.0, (hops << GENERATION) + c, CI[c, 1], c)


def emit(D, QF, QI, QN, SF, SI, FAN, CI, g, chunk, delay, source, time, generation):
    """Record a spike and queue its events for targets of this group; others wait for the exchange.

    ``D`` is the arena that holds the delays of this member's connections, from `delay` on.
    """
    if keep(QN, SF, SI, g, source, time, generation):
        for c in range(FAN[source], FAN[source + 1]):
            if CI[c, 0] == chunk:
                send(D, QF, QI, QN, CI, g, delay, c, time, generation)


def exchange(D, QF, QI, QN, SF, SI, FAN, CI, EX, groups, chunks, G, delays):
    """Queue the spikes emitted since the last exchange for targets in other groups of the same member.

    Column `delays` of ``G`` says where in ``D`` the delays of a group's connections are.
    Groups that ran away get none. Returns False, to be called again, when a queue must be made larger first.
    """
    for g in range(groups):
        chunk = g % chunks
        delay = U(G[g, delays])
        for k in range(EX[g], QN[g, SPIKES]):
            source, time = SI[g, k] & ((1 << HOPS) - 1), SF[g, k]
            generation = SI[g, k] >> HOPS
            first, last = FAN[source], FAN[source + 1]
            for c in range(first, last):
                h = g - chunk + CI[c, 0]
                if CI[c, 0] < 0 or CI[c, 0] == chunk or QN[h, STATUS] == RUNAWAY:
                    continue
                if QF.shape[1] - QN[h, EVENTS] < last - first:
                    QN[h, STATUS] = QUEUE_FULL
                    return False
            for c in range(first, last):
                h = g - chunk + CI[c, 0]
                if CI[c, 0] < 0 or CI[c, 0] == chunk or QN[h, STATUS] == RUNAWAY:
                    continue
                send(D, QF, QI, QN, CI, h, delay, c, time, generation)
            EX[g] = k + 1
    return True


def detect(
    A, H, D, QF, QI, QN, SF, SI, FAN, CI, SR, g, chunk, base, flags, first, last, threshold, delay, t,
):  # fmt: skip
    """Threshold crossings of this group's sources, in NEURON's order; spikes are stamped t + 1e-10.

    ``H`` holds thresholds of sources, from `threshold` on, and ``D`` delays of connections, from `delay` on.
    """
    for s in range(first, last):
        source = SR[s, 0]
        k = flags + U(s - first)
        if A[base + U(SR[s, 1])] - H[threshold + U(source)] > 0.0:
            if A[k] == 0.0:
                A[k] = 1.0
                emit(D, QF, QI, QN, SF, SI, FAN, CI, g, chunk, delay, source, t + 1e-10, 0)
        else:
            A[k] = 0.0
