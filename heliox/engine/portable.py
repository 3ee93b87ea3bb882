"""The state of a run apart from how it lies in memory: what a snapshot keeps.

Which chunk a cell is in and at which address a variable lies is a plan's own business, and depends on
threads, device and order of elimination. What a run has changed does not: here it stands in the order of the
model.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heliox.engine.engine import QUEUE_ROOM, SPIKE_ROOM, Engine, Snapshot
from heliox.engine.fill import weight_addresses
from heliox.engine.indices import entries
from heliox.engine.plan import Plan
from heliox.solver import events

Ints = NDArray[np.int64]
COUNTERS = (events.STEP, events.PHASE, events.SERIAL, events.DELIVERED)


def places(plan: Plan) -> dict[str, Ints]:
    """Addresses, relative to a member, of all that a run can change: by name, in the order of the model."""
    nodes = np.arange(len(plan.model.nodes))
    out = {name: plan.node_address(name, nodes) for name in ("v", "rhs")}
    if plan.program.membrane:
        out["i_membrane_"] = plan.node_address("saved_rhs", nodes)
    for place in plan.placements:
        base = plan.chunk_base[place.chunk]
        for name, slot in sorted(place.struct.own.items()):
            for k in range(place.struct.size(name)):
                out[f"{place.struct.template.name}.{name}[{k}]"] = base + place.own_offset(slot + k)
    if plan.program.weights_own:
        at = weight_addresses(plan)
        out["NetCon.weight"] = at[at >= 0]
    rows = {**plan.head, **{f"table {k}": row for k, row in plan.tables.items()}}
    rows |= {f"GLOBAL {k}": row for k, row in plan.varied_at.items()}
    out |= {name: row.places for name, row in rows.items() if row.store == "A"}
    out["flags of detectors"] = np.asarray(plan.detector_flag, np.int64)
    out["cursors of plays"] = np.array([plan.chunk_base[p.chunk] + p.cursor for p in plan.plays], np.int64)
    return out


def spans(plan: Plan) -> dict[str, slice]:
    """Columns of each name in the ``values`` of a `state`."""
    sizes = {name: len(at) for name, at in places(plan).items()}
    ends = np.cumsum(list(sizes.values())).tolist()
    return {name: slice(end - n, end) for (name, n), end in zip(sizes.items(), ends)}


def state(engine: Engine) -> dict[str, NDArray]:
    """What a run has changed, B being the batch.

    Returns
    -------
    dict of arrays
        ``values`` (B, n) of all `places`, one name after another; events on their way, in their order:
        ``event_times`` (E, 3) time, time of emission, flag; ``events`` (E, 5) member, rank, mechanism (the
        number of mechanisms: a play), instance or play, connection; spikes that nobody has taken yet:
        ``spike_times`` (S,), ``spikes`` (S, 2) member and source; ``counters`` (B, 4) `COUNTERS`; ``times``
        (B,) ms; cells that ran away: ``failed`` (F, 3) member, cell, step and ``failed_times`` (F,).
    """
    engine.settle()
    plan = engine.plan
    A, QN, QF, QI = engine.A, engine.QN, engine.QF, engine.QI
    at = np.concatenate(list(places(plan).values()))
    group, k = entries(QN[:, events.EVENTS])
    member, chunk = np.divmod(group, plan.chunks)
    rank, target, connection = QI[group, k].T
    mechanism = target >> 32
    what = np.empty((len(group), 5), np.int64)
    what[:] = np.stack([member, rank, mechanism, np.zeros_like(rank), connection], axis=1)
    for m in np.unique(mechanism).tolist():
        here = mechanism == m
        what[here, 3] = _global(plan, m, chunk[here], target[here] & 0xFFFFFFFF)
    when = QF[group, k]
    order = np.lexsort((rank, when[:, 1], when[:, 0], member))
    group, k = entries(QN[:, events.SPIKES])
    by_member = QN[:, COUNTERS].reshape(plan.batch, plan.chunks, len(COUNTERS))
    cells = np.asarray(plan.partition.cell, np.int64)
    ran = (QN[:, events.STATUS] == events.RUNAWAY).reshape(plan.batch, plan.chunks)[:, cells]
    lost, cell = np.nonzero(ran)
    at_fault = lost * plan.chunks + cells[cell]
    return {
        "values": A[plan.of_members(at)],
        "event_times": when[order],
        "events": what[order],
        "spike_times": engine.SF[group, k],
        "spikes": np.stack([group // plan.chunks, engine.SI[group, k]], axis=1),
        "counters": by_member.max(axis=1),
        "times": engine.T.reshape(plan.batch, plan.chunks).max(axis=1),
        "failed": np.stack([lost, cell, QN[at_fault, events.STEP]], axis=1),
        "failed_times": engine.T[at_fault],
    }


def fits(plan: Plan, arrays: dict[str, NDArray]) -> bool:
    """Whether arrays have the names and shapes of a `state` of a plan."""
    sent, spiked, lost = (arrays[x].shape[:1] if x in arrays else () for x in ("events", "spikes", "failed"))
    shapes = {
        "values": (plan.batch, sum(len(at) for at in places(plan).values())),
        "event_times": (*sent, 3), "events": (*sent, 5), "spike_times": spiked, "spikes": (*spiked, 2),
        "counters": (plan.batch, len(COUNTERS)), "times": (plan.batch,), "failed": (*lost, 3),
        "failed_times": lost,
    }  # fmt: skip
    return shapes == {name: array.shape for name, array in arrays.items()}


def restore(engine: Engine, t: float, arrays: dict[str, NDArray]) -> None:
    """Put a `state` into an engine of the same model and batch; parameters stored in P stay as they are."""
    engine.settle()
    plan = engine.plan
    A, QN = engine.A.copy(), np.zeros_like(engine.QN)
    A[plan.of_members(np.concatenate(list(places(plan).values())))] = arrays["values"]
    QN[:, COUNTERS] = np.repeat(arrays["counters"], plan.chunks, axis=0)
    member, rank, mechanism, which, connection = arrays["events"].T
    chunk, target = np.empty_like(member), np.empty_like(member)
    for m in np.unique(mechanism).tolist():
        here = mechanism == m
        chunk[here], local = _local(plan, m, which[here])
        target[here] = (m << 32) + local
    group, k = _counted(member * plan.chunks + chunk, QN[:, events.EVENTS])
    order = np.argsort(member * plan.chunks + chunk, kind="stable")  # sorted events are a heap
    room = _room(QN[:, events.EVENTS], QUEUE_ROOM, engine.QF.shape[1])
    QF, QI = (np.zeros((len(QN), room, 3), x.dtype) for x in (engine.QF, engine.QI))
    QF[group, k] = arrays["event_times"][order]
    QI[group, k] = np.stack([rank, target, connection], axis=1)[order]
    first, k = _counted(arrays["spikes"][:, 0] * plan.chunks, QN[:, events.SPIKES])
    room = _room(QN[:, events.SPIKES], SPIKE_ROOM, engine.SF.shape[1])
    SF, SI = (np.zeros((len(QN), room), x.dtype) for x in (engine.SF, engine.SI))
    SF[first, k], SI[first, k] = arrays["spike_times"], arrays["spikes"][:, 1]
    parts = {"A": A, "QF": QF, "QI": QI, "QN": QN, "SF": SF, "SI": SI}
    T = np.repeat(arrays["times"], plan.chunks)
    lost, cell, step = arrays["failed"].T
    at_fault = lost * plan.chunks + np.asarray(plan.partition.cell, np.int64)[cell]
    QN[at_fault, events.STATUS], QN[at_fault, events.STEP] = events.RUNAWAY, step
    T[at_fault] = arrays["failed_times"]
    parts |= {"EX": QN[:, events.SPIKES].copy(), "T": T}
    engine.restore(Snapshot(t, int(QN[:, events.STEP].max(initial=0)), parts, plan.model.hash, plan.batch))


def _room(counts: Ints, least: int, have: int) -> int:
    return max(have, int(counts.max(initial=0)) + least)


def _counted(rows: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """The same of entries that belong into `rows`, whose numbers are left in `counts`."""
    counts[:] = np.bincount(rows, minlength=len(counts))
    return entries(counts)


def _home(plan: Plan, mechanism: int) -> tuple[Ints, Ints]:
    """Chunk, and number there, of the instances of a mechanism; of the plays, behind the last one."""
    if mechanism < len(plan.placements):
        place = plan.placements[mechanism]
        return place.chunk.astype(np.int64), np.asarray(place.local, np.int64)
    return (
        np.array([p.chunk for p in plan.plays], np.int64),
        np.array([p.number for p in plan.plays], np.int64),
    )


def _local(plan: Plan, mechanism: int, which: Ints) -> tuple[Ints, Ints]:
    chunk, local = _home(plan, mechanism)
    return chunk[which], local[which]


def _global(plan: Plan, mechanism: int, chunk: Ints, local: Ints) -> Ints:
    chunks, locals_ = _home(plan, mechanism)
    wide = int(locals_.max(initial=0)) + 1
    key = chunks * wide + locals_
    order = np.argsort(key)
    return order[np.searchsorted(key[order], chunk * wide + local)]
