"""The event queue as plain Python: its heap against sorting, its spikes against the table of connections."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliox.solver import events as q

ROOM = 64
TIMES = st.sampled_from([0.0, 0.025, 1.0, 1.0 + 1e-10, 2.5, 1e9, -1e300])


@pytest.fixture(autouse=True)
def unsigned(monkeypatch):
    """The name that generated modules supply."""
    monkeypatch.setattr(q, "U", int, raising=False)


class Queue:
    """Buffers of `groups` groups, of which g is used."""

    def __init__(self, groups=2, g=1, room=ROOM):
        self.g = g
        self.QF, self.QI = np.zeros((groups, room, 3)), np.zeros((groups, room, 3), np.int64)
        self.QN = np.zeros((groups, q.COLUMNS), np.int64)
        self.SF, self.SI = np.zeros((groups, 8)), np.zeros((groups, 8), np.int64)

    def __len__(self):
        return int(self.QN[self.g, q.EVENTS])

    def push(self, time, emitted, rank, flag=0.0, target=0, connection=0):
        q.push(self.QF, self.QI, self.QN, self.g, time, emitted, flag, rank, target, connection)

    def pop(self, k=0):
        time, emitted, flag = self.QF[self.g, k].tolist()
        rank, target, connection = self.QI[self.g, k].tolist()
        q.take(self.QF, self.QI, self.QN, self.g, k)
        return time, emitted, rank, flag, target, connection


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.lists(st.one_of(st.integers(0, 70), st.tuples(TIMES, TIMES)), max_size=150))
def test_events_leave_in_order(work):
    """Any mixture of insertions and removals gives what a sorted list gives; ranks are unique, times are not.

    An integer removes the first event, or the one at a place of the heap."""
    queue, shadow = Queue(), list[tuple]()
    for rank, item in enumerate(work):
        if isinstance(item, int):
            if item % 2 and shadow:
                assert queue.pop() == shadow.pop(0)
            elif shadow:
                shadow.remove(queue.pop(item % len(shadow)))
        elif len(queue) < ROOM:
            mixed = (rank * 7919) % 1009  # not the order of insertion
            event = (*item, mixed, float(rank % 3), rank + 5, rank - 1)
            queue.push(*event)
            shadow = sorted([*shadow, event])
        assert len(queue) == len(shadow)
    while shadow:
        assert queue.pop() == shadow.pop(0)
    assert len(queue) == 0
    assert (queue.QN[queue.g, q.STATUS] == q.OK) and not queue.QF[0].any() and not queue.QI[0].any()


def test_a_sorted_array_is_a_heap():
    """The frozen queue is loaded as it is."""
    times = np.sort(np.random.default_rng(0).integers(0, 20, 50).astype(float))
    queue = Queue()
    for k, t in enumerate(times):
        queue.QF[queue.g, k] = t, -1e300, 0.0
        queue.QI[queue.g, k] = k, 0, 0
    queue.QN[queue.g, q.EVENTS] = len(times)
    queue.push(7.0, 0.0, 3)
    out = [queue.pop()[:3] for _ in range(51)]
    assert out == sorted(out) and out.index((7.0, 0.0, 3)) == np.searchsorted(times, 7.0, "right")


def test_an_event_too_many_is_told():
    queue = Queue(room=4)
    for k in range(5):
        queue.push(float(k), 0.0, k)
    assert len(queue) == 4 and queue.QN[queue.g, q.STATUS] == q.LOST


def test_a_generation_comes_after_what_caused_it():
    """Connections before self events, hops of zero delay after both."""
    queue = Queue()
    queue.push(1.0, 1.0, (1 << q.GENERATION) + 0)
    queue.push(1.0, 1.0, q.SELF + 0)
    queue.push(1.0, 1.0, 10**9)
    assert [queue.pop()[2] for _ in range(3)] == [10**9, q.SELF, 1 << q.GENERATION]


# ------------------------------------------------------------------ spikes


def table(connections, sources):
    """FAN, CI and the delays in P of (source, chunk, delay, active) in rank order."""
    CI = np.zeros((len(connections), 5), np.int64)
    P = np.zeros(len(connections))
    for c, (_, chunk, delay, active) in enumerate(connections):
        CI[c, 0], CI[c, 1], CI[c, 3] = chunk, 100 + c, active
        P[c] = delay
    of = [c[0] for c in connections]
    return np.searchsorted(of, np.arange(sources + 1)), CI, P


CONNECTIONS = [
    (0, 0, 1.0, 1),
    (0, 1, 0.5, 1),
    (0, 1, 2.0, 0),
    (0, -1, 1.0, 1),
    (1, 1, 0.0, 1),
    (1, 2, 0.25, 1),
    (1, 0, 0.0, 1),
]


def test_a_spike_is_queued_here_and_waits_for_the_exchange_elsewhere():
    FAN, CI, P = table(CONNECTIONS, 2)
    chunks, members = 3, 2
    queue = Queue(groups=chunks * members, g=3)  # chunk 0 of member 1
    rest = queue.QF, queue.QI, queue.QN, queue.SF, queue.SI, FAN, CI
    q.emit(P, *rest, 3, 0, 0, 0, 10.0, 0)
    q.emit(P, *rest, 3, 0, 0, 1, 11.0, 0)
    assert queue.SF[3, :2].tolist() == [10.0, 11.0] and queue.SI[3, :2].tolist() == [0, 1]
    assert [(e[0], e[4]) for e in (queue.pop(), queue.pop())] == [(11.0, 100), (11.0, 106)]
    EX, G = np.zeros(chunks * members, np.int64), np.zeros((chunks * members, 1), np.int64)
    assert q.exchange(P, *rest, EX, chunks * members, chunks, G, 0)
    assert queue.QN[:, q.EVENTS].tolist() == [0, 0, 0, 0, 2, 1]  # the other member hears nothing
    queue.g = 4
    assert [queue.pop()[0] for _ in range(2)] == [10.5, 11.0]
    assert EX[3] == 2
    assert q.exchange(P, *rest, EX, chunks * members, chunks, G, 0)  # nothing is sent twice
    assert queue.QN[:, q.EVENTS].sum() == 1


def test_zero_delay_makes_a_new_generation():
    FAN, CI, P = table(CONNECTIONS, 2)
    queue = Queue(groups=3, g=1)
    rest = queue.QF, queue.QI, queue.QN, queue.SF, queue.SI, FAN, CI
    q.emit(P, *rest, 1, 1, 0, 1, 5.0, 4)  # a spike of generation 4
    q.emit(P, *rest, 1, 1, 0, 0, 5.0, 4)
    later, now = sorted([queue.pop()[:3], queue.pop()[:3]], reverse=True)
    assert now == (5.0, 5.0, (5 << q.GENERATION) + 4)  # delay 0: one hop more
    assert later == (5.5, 5.0, 1)  # time has gone on: no hops


def test_an_exchange_without_room_goes_on_where_it_stopped():
    FAN, CI, P = table(CONNECTIONS, 2)
    queue = Queue(groups=3, g=0, room=4)
    rest: list[Any] = [queue.QF, queue.QI, queue.QN, queue.SF, queue.SI, FAN, CI]
    for k in range(4):
        queue.SF[0, k], queue.SI[0, k] = k, 0
    queue.QN[0, q.SPIKES] = 4
    EX, G = np.zeros(3, np.int64), np.zeros((3, 1), np.int64)
    exchange: Any = q.exchange
    assert not exchange(P, *rest, EX, 3, 3, G, 0)
    assert queue.QN[1, q.STATUS] == q.QUEUE_FULL
    sent = int(EX[0])
    queue.QN[1, q.STATUS] = q.OK
    rest[0], rest[1] = (np.pad(x, ((0, 0), (0, 60), (0, 0))) for x in rest[:2])
    assert exchange(P, *rest, EX, 3, 3, G, 0)
    assert 0 < sent < EX[0] == 4 and queue.QN[1, q.EVENTS] == 4
    queue.QF, queue.QI, queue.g = rest[0], rest[1], 1
    assert [queue.pop()[0] for _ in range(4)] == [0.5, 1.5, 2.5, 3.5]


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.lists(st.floats(-90.0, 40.0), min_size=1, max_size=60), st.floats(-80.0, 30.0))
def test_detection_is_a_strict_upward_crossing(voltages, threshold):
    FAN, CI, P = np.zeros(2, np.int64), np.zeros((0, 5), np.int64), np.array([threshold])
    queue = Queue(groups=1, g=0)
    queue.SF, queue.SI = np.zeros((1, 100)), np.zeros((1, 100), np.int64)
    A, SR = np.zeros(2), np.array([[0, 0]])  # the voltage, its flag
    for k, v in enumerate(voltages):
        A[0] = v
        q.detect(
            A,
            P,
            P,
            queue.QF,
            queue.QI,
            queue.QN,
            queue.SF,
            queue.SI,
            FAN,
            CI,
            SR,
            0,
            0,
            0,
            1,
            0,
            1,
            0,
            0,
            1.0 * k,
        )
    above = np.array(voltages) > threshold
    crossings = np.flatnonzero(above & ~np.concatenate([[False], above[:-1]]))
    got = queue.SF[0, : queue.QN[0, q.SPIKES]]
    np.testing.assert_array_equal(got, crossings + 1e-10)


def test_the_last_pending_event_of_an_instance_can_be_found():
    """What net_move moves: a self event of flag 1, the youngest, of no other instance."""
    queue = Queue()
    queue.push(9.0, 0.0, q.SELF + 3, flag=1.0, target=7)
    queue.push(1.0, 0.0, q.SELF + 8, flag=1.0, target=7)
    queue.push(2.0, 0.0, q.SELF + 9, flag=2.0, target=7)
    queue.push(3.0, 0.0, q.SELF + 10, flag=1.0, target=6)
    queue.push(4.0, 0.0, 11, flag=1.0, target=7)  # a connection's
    k = q.movable(queue.QF, queue.QI, queue.QN, queue.g, 7)
    assert queue.pop(k)[:3] == (1.0, 0.0, q.SELF + 8)
    k = q.movable(queue.QF, queue.QI, queue.QN, queue.g, 7)
    assert queue.pop(k)[:3] == (9.0, 0.0, q.SELF + 3)
    assert q.movable(queue.QF, queue.QI, queue.QN, queue.g, 7) == -1
    assert [queue.pop()[0] for _ in range(3)] == [2.0, 3.0, 4.0]
