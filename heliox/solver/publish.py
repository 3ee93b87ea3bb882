"""Spikes between groups where all groups make the same step at the same time.

A group lays its new spikes on the list of its member, of which there are two, used by turns; in the next step
every group takes from there what its own connections carry. The order of a list is accidental; that of
events is not: (time, time of emission, rank) is total.

``TF[source]`` to ``TF[source + 1]`` are the rows of ``TC``, ``(chunk, first, last)`` by ascending chunk, of
the chunks that hear a source, its own not among them; ``FC[first:last]`` are the connections.
"""

# ruff: noqa: F821  (names of the generated module's prelude)
# mypy: disable-error-code="name-defined"

from __future__ import annotations


def publish(QN, SF, SI, EX, PF, PI, PN, g, member, half):
    """Lay the spikes that group g has emitted since the last time on list `half` of its member.

    Returns False, to be called again, when the list must be made longer first.
    """
    for k in range(EX[g], QN[g, SPIKES]):
        place = next_place(PN, half, member)
        if place >= PF.shape[2]:
            QN[g, STATUS] = LIST_FULL
            return False
        PF[half, member, place] = SF[g, k]
        PI[half, member, place] = SI[g, k]
        EX[g] = k + 1
    return True


def pull(D, QF, QI, QN, CI, PF, PI, PN, PULLED, TF, TC, FC, g, chunk, member, half, delay):
    """Queue the events that spikes on list `half` mean for this group.

    Returns False, to be called again, when the queue must be made larger first.
    """
    n = PN[half, member]
    for k in range(PULLED[g, half], n):
        spike = PI[half, member, k]
        source = spike & ((1 << HOPS) - 1)
        row = row_of(TF, TC, source, chunk)
        if row >= 0:
            first, last = TC[row, 1], TC[row, 2]
            if QF.shape[1] - QN[g, EVENTS] < last - first:
                QN[g, STATUS] = QUEUE_FULL
                return False
            time = PF[half, member, k]
            generation = spike >> HOPS
            for j in range(first, last):
                send(D, QF, QI, QN, CI, g, delay, FC[j], time, generation)
        PULLED[g, half] = k + 1
    return True


def row_of(TF, TC, source, chunk):
    """The row of `source` for `chunk`; -1 if it is not heard there."""
    low, high = TF[source], TF[source + 1]
    while low < high:
        middle = (low + high) >> 1
        if TC[middle, 0] < chunk:
            low = middle + 1
        else:
            high = middle
    if low < TF[source + 1] and TC[low, 0] == chunk:
        return low
    return -1


def emit_own(D, QF, QI, QN, SF, SI, FAN, CI, g, chunk, delay, source, time, generation):
    """As `heliox.solver.events.emit`: ``CI[j, 5]``, j from ``FAN[source]`` on, are the connections inside."""
    if keep(QN, SF, SI, g, source, time, generation):
        for j in range(FAN[source], FAN[source + 1]):
            send(D, QF, QI, QN, CI, g, delay, CI[j, 5], time, generation)
