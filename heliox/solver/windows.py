"""Around the steps of a window: recording, and whether groups have come where they should be."""

# ruff: noqa: F821  (U and the columns of the counters QN come with the namespace of compiled code)
# mypy: disable-error-code="name-defined"


def record(A, P, R, RA, first, last, sample):
    """Sample a group's recorded variables, every (stride)th step: addresses >= 0 lie in A, others in P."""
    for r in range(first, last):  # a sample lies together: one stream of writes
        k = RA[r, 0]
        stride = RA[r, 1]
        at = sample
        if stride != 1:
            at = sample + RA[r, 2]
            if at % stride != 0:
                continue
            at = at // stride
        R[U(at), U(r)] = A[U(k)] if k >= 0 else P[U(-1 - k)]


def settled(QN, order, first, last, until):
    """Whether all groups from `first` to `last` in order have done their steps (a runaway counts as done)."""
    for k in range(first, last):
        g = order[k]
        if QN[g, STATUS] == RUNAWAY:
            continue
        if QN[g, STATUS] != OK or QN[g, STEP] != until:
            return False
    return True


def halfway(QN, order, first, groups, until):
    """Whether every group has come to the middle of its step."""
    for k in range(first, groups):
        g = order[k]
        if QN[g, STATUS] == RUNAWAY:
            continue
        if QN[g, STATUS] != OK or (QN[g, PHASE] != 3 and QN[g, STEP] != until):
            return False
    return True
