"""Parameters of one engine written into another of the same model, whatever each keeps a member's own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from heliox.engine.engine import Engine
from heliox.engine.fill import weight_addresses
from heliox.engine.plan import Plan
from heliox.mechanisms.varstruct import STREAM, global_slots

Place = tuple[str, NDArray[np.int64]]  # arena; addresses, relative to a member in A


def copy_parameters(source: Engine, target: Engine) -> None:
    """Parameters, GLOBALs, ids of streams, temperature, thresholds, delays and weights of all members.

    What members share in `target` must be the same for all of them in `source`. What both will have from the
    start of the model, when it is needed, is not copied: no INITIAL block is compiled for that.
    """
    for (store, at), (to, there) in zip(_places(source.plan), _places(target.plan), strict=True):
        if store == to == "A":
            same = [e.open(e.plan.of_members(x)) for e, x in ((source, at), (target, there))]
            copied = ~np.logical_and(*same).all(axis=0)
            at, there = at[copied], there[copied]
        if not len(at):
            continue
        values = source.read(store, source.plan.of_members(at) if store == "A" else at[None])  # (B or 1, n)
        if to == "A":
            target.write("A", target.plan.of_members(there), values)
        else:
            target.write("P", there, values[0])
    target.tables_stale = True


def _places(plan: Plan) -> Iterator[Place]:
    """Where a plan keeps what a user may set and a reset leaves alone; in an order of the model."""
    for k, p in enumerate(plan.placements):
        t = p.struct.template
        for name in t.parameters:
            for j in range(p.struct.size(name)):
                yield _instance(plan, k, name, j)
        for name in t.random:
            for j in range(STREAM.index("seq")):
                yield _instance(plan, k, name, j)
        for name, var in t.globals_.items():
            for j in range(var.size):
                if name in p.struct.own:
                    yield _instance(plan, k, name, j)
                elif name in p.struct.varied:
                    row = plan.varied_at[k]
                    yield row.store, np.array([row.at + p.struct.varied[name] + j])
                else:
                    yield "P", np.array([plan.globals_at[k] + global_slots(t)[name] + j])
    for row in plan.head.values():
        yield row.store, row.places
    at = weight_addresses(plan)
    yield ("A" if plan.program.weights_own else "P"), at[at >= 0]


def _instance(plan: Plan, mechanism: int, name: str, element: int) -> Place:
    p = plan.placements[mechanism]
    if name in p.struct.own:
        return "A", p.own_offset(p.struct.own[name] + element) + plan.chunk_base[p.chunk]
    return "P", p.shared_offset(p.struct.shared[name] + element)
