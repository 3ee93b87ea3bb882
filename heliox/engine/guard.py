"""Runaway voltages: found by the update phase, named here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from heliox.errors import NumericalError
from heliox.model.names import Names
from heliox.solver import events

if TYPE_CHECKING:
    from heliox.engine.engine import Engine

LIMIT = 1e6  # mV; no model means such a voltage


def raise_runaway(engine: Engine, step: int) -> None:
    """Raise NumericalError for the earliest voltage that became NaN or left +-`LIMIT` mV."""
    plan, names = engine.plan, Names(engine.plan.model)
    groups = np.flatnonzero(engine.QN[:, events.STATUS] == events.RUNAWAY)
    g = int(groups[np.argmin(engine.T[groups])])
    member, chunk = divmod(g, plan.chunks)
    nodes = np.flatnonzero(plan.node_chunk == chunk)
    v = engine.A[member * plan.member_size + plan.node_address("v", nodes)]
    worst = int(np.argmax(np.where(np.isnan(v), np.inf, np.abs(v))))
    node = int(nodes[worst])
    where = names.location(node)
    section = int(plan.model.nodes.section[node])
    cell = plan.model.cells.name[plan.model.sections.cell[section]] if section >= 0 else ""
    t = float(engine.T[g])
    engine.t = t
    raise NumericalError(
        f"v became {v[worst]:g} mV at t = {t:g} ms in {where}"
        + (f" of member {member}" if plan.batch > 1 else "")
        + "; look at the parameters there, or at dt. What was recorded up to then is kept.",
        time=t, cell=cell, section=where, variable="v", member=member,
    )  # fmt: skip
