"""What `net_send`, `net_event` and the random functions of a mechanism do inside a simulation.

The generator pastes these texts. ``q`` is the queue as one instance sees it; ``r`` a random stream: the
arena, its address, and NEURON's global index. Names that start with an underscore belong to the arithmetic of
the generated module.
"""

# ruff: noqa: F821, RUF059  (names of the generated module's prelude; the queue is unpacked by position)
# mypy: disable-error-code="name-defined"


def _net_send(q, wait, flag):
    """A self event after `wait` ms, carrying the connection `receive` was called with."""
    P, QF, QI, QN, SF, SI, FAN, CI, g, chunk, delay, source, target, connection, now, hops, watching = q
    serial = QN[g, SERIAL]
    QN[g, SERIAL] = serial + 1
    generation = hops + 1 if wait == 0.0 else 0
    rank = (generation << GENERATION) + SELF + serial
    push(QF, QI, QN, g, now + wait, now, flag, rank, target, connection)


def _net_event(q, time):
    """A spike of this instance at `time` ms."""
    P, QF, QI, QN, SF, SI, FAN, CI, g, chunk, delay, source, target, connection, now, hops, watching = q
    if source >= 0:
        emit(P, QF, QI, QN, SF, SI, FAN, CI, g, chunk, delay, source, time, hops)


def _net_move(q, time):
    """Move this instance's pending event of flag 1 to `time` ms; without one nothing happens."""
    P, QF, QI, QN, SF, SI, FAN, CI, g, chunk, delay, source, target, connection, now, hops, watching = q
    k = movable(QF, QI, QN, g, target)
    if k >= 0:
        carried = QI[g, k, 2]
        take(QF, QI, QN, g, k)
        serial = QN[g, SERIAL]
        QN[g, SERIAL] = serial + 1
        generation = hops + 1 if time == now else 0
        push(QF, QI, QN, g, time, now, 1.0, (generation << GENERATION) + SELF + serial, target, carried)


def _watch(q, k, flag):
    """Arm condition k; the first one armed in a call of `receive` disarms the others.

    Which side it stands on is found when the call has ended (side 3). Variables of an instance lie a block
    width (64) apart: whether this call has armed one, then side and flag of every condition.
    """
    P, QF, QI, QN, SF, SI, FAN, CI, g, chunk, delay, source, target, connection, now, hops, watching = q
    A, at, count = watching
    if A[at] == 0.0:
        for j in range(count):
            A[at + U(64) * (U(2) * U(j) + U(1))] = 0.0
    A[at] = 1.0
    side = at + U(64) * (U(2) * U(k) + U(1))
    A[side] = 3.0
    A[side + U(64)] = flag


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
