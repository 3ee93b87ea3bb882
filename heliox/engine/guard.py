"""Runaway voltages: found by the update phase, named here. A member that fails does not stop the others."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from heliox.errors import NumericalError
from heliox.model.names import Names
from heliox.solver import events

if TYPE_CHECKING:
    from heliox.engine.engine import Engine

LIMIT = 1e6  # mV; no model means such a voltage


def first_groups(engine: Engine) -> dict[int, int]:
    """Failed member -> the first of its groups that ran away, in the order in which members failed."""
    groups = np.flatnonzero(engine.QN[:, events.STATUS] == events.RUNAWAY)
    found: dict[int, int] = {}
    for g in groups[np.argsort(engine.T[groups], kind="stable")].tolist():
        found.setdefault(g // engine.plan.chunks, g)
    return found


def failures(engine: Engine) -> dict[int, NumericalError]:
    """Member -> its earliest voltage that became NaN or left +-`LIMIT` mV."""
    failed = first_groups(engine)
    if not failed:
        return {}
    names = Names(engine.plan.model)
    return {member: _failure(engine, g, names) for member, g in failed.items()}


def raise_if_all_failed(engine: Engine) -> None:
    """Raise NumericalError for the earliest failure if no member is left that could go on."""
    failed = list(first_groups(engine).values())
    if len(failed) == engine.plan.batch:
        engine.t = float(engine.T[failed].max())
        raise _failure(engine, failed[0], Names(engine.plan.model))


def warn(engine: Engine, known: Collection[int]) -> None:
    """Say that members failed, other than those `known`, while others go on."""
    failed = first_groups(engine)
    new = [g for member, g in failed.items() if member not in known]
    if new and len(failed) < engine.plan.batch:
        first = _failure(engine, new[0], Names(engine.plan.model))
        text = f"{len(new)} of {engine.plan.batch} members failed (Simulation.failures); the first: {first}"
        warnings.warn(text, RuntimeWarning, stacklevel=4)


def _failure(engine: Engine, g: int, names: Names) -> NumericalError:
    plan = engine.plan
    member = g // plan.chunks
    mine = slice(member * plan.chunks, (member + 1) * plan.chunks)
    ran = (engine.QN[mine, events.STATUS] == events.RUNAWAY) & (engine.T[mine] == engine.T[g])
    nodes = np.flatnonzero(ran[plan.node_chunk])  # of all that failed at that time
    v = engine.A[member * plan.member_size + plan.node_address("v", nodes)]
    worst = int(np.argmax(np.where(np.isnan(v), np.inf, np.abs(v))))
    node = int(nodes[worst])
    where = names.location(node)
    section = int(plan.model.nodes.section[node])
    cell = plan.model.cells.name[plan.model.sections.cell[section]] if section >= 0 else ""
    t = float(engine.T[g])
    return NumericalError(
        f"v became {v[worst]:g} mV at t = {t:g} ms in {where}"
        + (f" of member {member}" if plan.batch > 1 else "")
        + "; look at the parameters there, or at dt. What was recorded up to then is kept.",
        time=t, cell=cell, section=where, variable="v", member=member,
    )  # fmt: skip
