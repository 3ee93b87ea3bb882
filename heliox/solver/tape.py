"""The tape: what the reverse pass reads of every step, and the log of delivered events.

A row of the tape is the time, then runs of numbers from the arena: ``count`` pairs (offset from the group's
base, length) at ``ranges`` in ``I``. Rows of a group lie one behind the other.
"""

# ruff: noqa: F821, E741  (U is supplied by the generated module's prelude; I is an arena)
# mypy: disable-error-code="name-defined"

from __future__ import annotations

# columns of LI, and of LF before the values that the receiving block reads
LOG_STEP, LOG_PHASE, LOG_TARGET, LOG_CONNECTION, LOG_SPIKE = range(5)
LOG_COLUMNS = 5
NOT_LOGGED = -1  # in QN's column LOGGED: events are not noted
LOG_TIME, LOG_FLAG, LOG_EMITTED, LOG_VALUES = range(4)


def tape_save(A, I, TP, base, row, ranges, count, t):
    """Write one row."""
    TP[row] = t
    at = row + U(1)
    for k in range(count):
        pair = ranges + U(2) * U(k)
        first, n = base + U(I[pair]), U(I[pair + U(1)])
        copy_run(TP, at, A, first, n)
        at += n


def tape_load(A, I, TP, base, row, ranges, count):
    """Put one row back; its time."""
    tape_part(A, I, TP, base, row + U(1), ranges, count)
    return TP[row]


def tape_part(A, I, TP, base, at, ranges, count):
    """Put back what lies from ``TP[at]`` on."""
    for k in range(count):
        pair = ranges + U(2) * U(k)
        first, n = base + U(I[pair]), U(I[pair + U(1)])
        copy_run(A, first, TP, at, n)
        at += n


def copy_run(X, to, Y, at, n):
    for i in range(n):
        X[to + i] = Y[at + i]


def log_event(QF, QI, QN, LF, LI, g):
    """Note the first event of the heap, which is about to be delivered; False if the log is full."""
    k = QN[g, LOGGED]
    if k >= LI.shape[1]:
        QN[g, STATUS] = LOG_FULL
        return False
    QN[g, LOGGED] = k + 1
    LI[g, k, LOG_STEP] = QN[g, STEP]
    LI[g, k, LOG_PHASE] = QN[g, PHASE]
    LI[g, k, LOG_TARGET] = QI[g, 0, 1]
    LI[g, k, LOG_CONNECTION] = QI[g, 0, 2]
    LI[g, k, LOG_SPIKE] = -1
    LF[g, k, LOG_TIME] = QF[g, 0, 0]
    LF[g, k, LOG_FLAG] = QF[g, 0, 2]
    LF[g, k, LOG_EMITTED] = QF[g, 0, 1]
    return True
