"""What effects of a mechanism (`net_send`, `net_send_at`, `net_event`, `net_move`, `watch`) do inside a
simulation, and its lists and streams.

A function only notes its effects, at the start of the scratch ``S``: how
many, then three numbers for each. When the call has ended and its results are stored, `act` carries them
out, in their order. ``r`` is a random stream: the arena, its address, and NEURON's global index. Names that
start with an underscore belong to the arithmetic of the generated module.
"""

# ruff: noqa: F821, RUF059  (names of the generated module's prelude; tuples are unpacked by position)
# mypy: disable-error-code="name-defined"

from heliox.mechanisms.blocks import MOST_EFFECTS

SEND, EVENT, MOVE, WATCH, SEND_AT = range(5)
MOST = MOST_EFFECTS  # with three numbers each they fill the first row (64 numbers) of the scratch


def note(S, kind, a, b):
    """One more effect."""
    n = int(S[0])
    if n < MOST:
        S[3 * n + 1] = kind
        S[3 * n + 2] = a
        S[3 * n + 3] = b
    S[0] = float(n + 1)


def _net_send(S, wait, flag):
    """A self event after `wait` ms, carrying the connection `receive` was called with."""
    note(S, SEND, wait, flag)


def _net_send_at(S, time, flag):
    """A self event at `time` ms: where `wait` would be a sum, whose order of addition counts."""
    note(S, SEND_AT, time, flag)


def _net_event(S, time):
    """A spike of this instance at `time` ms."""
    note(S, EVENT, time, 0.0)


def _net_move(S, time):
    """Move this instance's pending event of flag 1 to `time` ms; without one nothing happens."""
    note(S, MOVE, time, 0.0)


def _watch(S, k, flag):
    """Arm condition k."""
    note(S, WATCH, k, flag)


def act(
    A, D, S, QF, QI, QN, SF, SI, FAN, CI, g, chunk, delay,
    source, target, connection, now, hops, armed, conditions,
):  # fmt: skip
    """Carry out what was noted.

    ``D`` holds the delays of connections, from `delay` on.
    ``armed`` is where side and flag of an instance's `conditions` lie, a block width (64) apart. The first
    one armed in a call disarms the others and withdraws what they have sent; on which side it stands is found
    behind the call (side 3).
    """
    n = int(S[0])
    S[0] = 0.0
    if n > MOST:
        QN[g, STATUS] = LOST
        return
    first = True
    for j in range(n):
        kind, a, b = int(S[3 * j + 1]), S[3 * j + 2], S[3 * j + 3]
        if kind == EVENT:
            if source >= 0:
                emit(D, QF, QI, QN, SF, SI, FAN, CI, g, chunk, delay, source, a, hops)
        elif kind == WATCH:
            if first:
                for k in range(conditions):
                    A[armed + U(128 * k)] = 0.0
                withdraw(QF, QI, QN, g, target)
                first = False
            side = armed + U(128 * int(a))
            A[side] = 3.0
            A[side + U(64)] = b
        else:
            carried, time, flag = connection, a if kind == SEND_AT else now + a, b
            if kind == MOVE:
                k = movable(QF, QI, QN, g, target)
                if k < 0:
                    continue
                carried, time, flag = QI[g, k, 2], a, 1.0
                take(QF, QI, QN, g, k)
            serial = QN[g, SERIAL]
            QN[g, SERIAL] = serial + 1
            generation = hops + 1 if time == now else 0
            push(QF, QI, QN, g, time, now, flag, (generation << GENERATION) + SELF + serial, target, carried)


def item(x, k):
    """Entry k of a list of numbers; 0 where there is none."""
    P, at, n = x
    return P[at + U(k)] if 0.0 <= k and k < n else 0.0


def length(x):
    """Entries of a list of numbers."""
    P, at, n = x
    return float(n)


def random_ipick(r):
    """The next word of a stream; the four numbers of a stream lie one block width (64) apart."""
    A, k, key = r
    x, A[k + U(192)] = _random_ipick(A[k], A[k + U(64)], A[k + U(128)], A[k + U(192)], key)
    return x


def random_uniform(r):
    """Uniform on (0, 1)."""
    A, k, key = r
    x, A[k + U(192)] = _random_uniform(A[k], A[k + U(64)], A[k + U(128)], A[k + U(192)], key)
    return x


def random_negexp(r, mean):
    """Exponential."""
    A, k, key = r
    x, A[k + U(192)] = _random_negexp(A[k], A[k + U(64)], A[k + U(128)], A[k + U(192)], key, mean)
    return x


def random_normal(r, mean, std):
    """Normal."""
    A, k, key = r
    x, A[k + U(192)] = _random_normal(A[k], A[k + U(64)], A[k + U(128)], A[k + U(192)], key, mean, std)
    return x


def random_set_seq(r, seq):
    """Continue at word 4*seq."""
    A, k, key = r
    A[k + U(192)] = 4.0 * seq
    return 0.0
