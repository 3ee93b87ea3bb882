"""The frozen queue of a model in the buffers of an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heliox.solver import events

if TYPE_CHECKING:
    from heliox.engine.engine import Engine


def load_events(engine: Engine) -> None:
    """The frozen queue: sorted arrays are heaps.

    Frozen events come before later ones of equal time, in their own order.
    """
    p, e, plays = engine.plan, engine.plan.model.events, engine.plan.model.plays
    waiting: list[tuple[NDArray, int, int, int, int, float]] = []
    # time (members, or 1 where they share it), rank, chunk, target, connection, flag
    for k in range(len(e)):
        j = int(e.connection[k])
        mechanism, instance = p.event_target(k)
        place = p.placements[mechanism]
        target = (mechanism << 32) + int(place.local[instance])
        rank = k + (events.SELF if e.self_event[k] else 0)
        connection = int(p.connection_rank[j]) if j >= 0 else -1
        waiting.append(
            (e.time[k : k + 1], rank, int(place.chunk[instance]), target, connection, float(e.flag[k]))
        )
    for k, at in enumerate(p.plays):
        if plays.waiting[k]:
            target = (len(p.placements) << 32) + at.number
            point = int(plays.ptr[k] + plays.cursor[k])
            time = p.vary.plays[k][0][:, plays.cursor[k]] if k in p.vary.plays else plays.t[[point]]
            waiting.append((time, events.SELF + len(e) + k, at.chunk, target, -1, 0.0))
    for chunk in range(p.chunks):
        _queue(engine, chunk, sorted((x for x in waiting if x[2] == chunk), key=lambda x: x[1]))
    engine.QN[:, events.SERIAL] = len(waiting)


def _queue(engine: Engine, chunk: int, waiting: list[tuple[NDArray, int, int, int, int, float]]) -> None:
    """Queue a chunk's events, in the order of their ranks, in each of its groups by their times."""
    n, members = len(waiting), slice(chunk, None, engine.plan.chunks)
    if not n:
        return
    time = np.stack([np.broadcast_to(x[0], engine.plan.batch) for x in waiting], axis=1)  # (B, n)
    order = np.argsort(time, axis=1, kind="stable")
    engine.QF[members, :n, 0] = np.take_along_axis(time, order, axis=1)
    engine.QF[members, :n, 1] = -1e300
    engine.QF[members, :n, 2] = np.array([x[5] for x in waiting])[order]
    for column, k in enumerate((1, 3, 4)):
        engine.QI[members, :n, column] = np.array([x[k] for x in waiting], np.int64)[order]
    engine.QN[members, events.EVENTS] = n
