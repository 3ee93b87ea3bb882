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

    What members share in `target` must be the same for all of them in `source`.
    """
    for here, there in zip(_places(source.plan), _places(target.plan), strict=True):
        values = _rows(source, here)
        store, at = there
        if store == "A":
            _members(target)[:, at] = values
        else:
            target.P[at] = values[0]
    target.tables_stale = True


def _rows(engine: Engine, place: Place) -> NDArray[np.float64]:
    """(B or 1, n) values."""
    store, at = place
    return _members(engine)[:, at] if store == "A" else engine.P[at][None]


def _members(engine: Engine) -> NDArray[np.float64]:
    return engine.A[:-1].reshape(engine.plan.batch, engine.plan.member_size)


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
