"""Writes a frozen model into the arenas of a plan."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heliox.engine.plan import Placement, Plan
from heliox.errors import ModelError
from heliox.mechanisms.varstruct import SCALE, STREAM, global_slots
from heliox.model.model import Mechanism


def fill(plan: Plan, A: NDArray[np.float64], P: NDArray[np.float64]) -> None:
    """Write the frozen model into the arenas."""
    model = plan.model
    members = A.reshape(plan.batch, plan.member_size)
    nodes = np.arange(len(model.nodes))
    members[:, plan.node_address("v", nodes)] = model.nodes.v
    for name in ("a", "b", "area", "diam"):
        P[plan.node_address(name, nodes)] = getattr(model.nodes, name)
    for k, (m, p) in enumerate(zip(model.mechanisms, plan.placements, strict=True)):
        _fill_mechanism(plan, m, p, members, P)
        slots = global_slots(p.struct.template)
        for name, var in p.struct.template.globals_.items():
            at = plan.globals_at[k] + slots[name]
            P[at : at + var.size] = _global(p, m, name)
        for name, slot in p.struct.varied.items():
            at = plan.varied_at[k].at + slot
            members[:, at : at + p.struct.size(name)] = _global(p, m, name)
    _fill_plays(plan, members, P)
    for at, values in plan.constants:
        P[at : at + len(values)] = values
    s, c = model.sources, model.connections
    delay = np.empty(len(c))
    delay[plan.connection_rank] = c.delay
    head: dict[str, float | NDArray] = {"threshold": s.threshold, "delay": delay}
    head |= {"celsius": model.settings.celsius, "key": model.settings.random_key}
    for name, x in head.items():
        row = plan.head[name]
        (members if row.store == "A" else P)[..., row.places] = x
    members[:, plan.detector_flag] = s.above[plan.SR[:, 0]].astype(float)
    address = weight_addresses(plan)
    kept = address >= 0  # connections without a target hold weights that nothing reads
    (members if plan.program.weights_own else P)[..., address[kept]] = c.weights[kept]


def _fill_plays(plan: Plan, members: NDArray, P: NDArray) -> None:
    """Points and discontinuities, and the cursors as they were at the freeze."""
    p = plan.model.plays
    for k, at in enumerate(plan.plays):
        t, y = (x[p.ptr[k] : p.ptr[k + 1]] for x in (p.t, p.y))
        breaks = p.breaks[p.break_ptr[k] : p.break_ptr[k + 1]]
        if k in plan.vary.plays:
            points = np.concatenate(plan.vary.plays[k], axis=1)  # (B, times and values)
        else:
            points = np.concatenate([t, y])
        P[at.points : at.points + points.size] = points.ravel()
        P[at.breaks : at.breaks + len(breaks)] = breaks
        cursor = plan.chunk_base[at.chunk] + at.cursor
        members[:, cursor], members[:, cursor + 1] = p.cursor[k], p.broken[k]


def weight_addresses(plan: Plan) -> NDArray[np.int64]:
    """Address of every entry of ``Connections.weights``.

    Relative to a member if weights are own, else in P; -1 without a target.
    """
    c = plan.model.connections
    size = np.diff(c.weight_ptr)
    inside = np.arange(len(c.weights)) - np.repeat(c.weight_ptr[:-1], size)
    chunk = plan.CI[plan.connection_rank, 0] if len(c) else np.empty(0, np.int64)
    at = plan.weight_at
    if plan.program.weights_own and len(c):
        at = at + plan.chunk_base[chunk]
    return np.where(np.repeat(chunk, size) >= 0, np.repeat(at, size) + inside, -1)


def _fill_mechanism(plan: Plan, m: Mechanism, p: Placement, members: NDArray, P: NDArray) -> None:
    t = p.struct.template
    absolute = plan.chunk_base[p.chunk]
    written = [n for n in t.globals_ if n in p.struct.own]
    for name in (*t.instance_names, *written, *((SCALE,) if SCALE in p.struct.shared else ())):
        values = _values(plan, m, p, name)
        for j in range(p.struct.size(name)):
            column = values if values.ndim == 1 else values[:, j]
            if name in p.struct.own:
                members[:, absolute + p.own_offset(p.struct.own[name] + j)] = column
            else:
                P[p.shared_offset(p.struct.shared[name] + j)] = column


def _global(p: Placement, m: Mechanism, name: str) -> NDArray[np.float64]:
    """The elements of a GLOBAL; its default where the model does not tell it."""
    var = p.struct.template.globals_[name]
    return np.broadcast_to(np.asarray(m.globals.get(name, var.default), np.float64), (var.size,))


def _values(plan: Plan, m: Mechanism, p: Placement, name: str) -> NDArray[np.float64]:
    if name == SCALE:
        return 100.0 / plan.model.nodes.area[m.node]
    if name in p.struct.template.globals_:
        row = _global(p, m, name)
        return np.broadcast_to(row, (len(m), len(row))) if len(row) > 1 else np.full(len(m), row[0])
    if name in m.values:
        values = np.asarray(m.values[name], np.float64)
        width = p.struct.size(name)
        if values.shape != ((len(m),) if width == 1 else (len(m), width)):
            raise ModelError(f"{m.name}.{name} has shape {values.shape}", mechanism=m.name, variable=name)
        return values
    if name in p.struct.template.random:
        raise ModelError(
            f"the model lacks the random stream {m.name}.{name} (shape (n, {len(STREAM)}))",
            mechanism=m.name,
            variable=name,
        )
    return np.full(len(m), p.struct.template.instance_names[name].default)
