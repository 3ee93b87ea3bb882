"""A second simulation that can be differentiated, with the values of the first."""

from __future__ import annotations

from collections.abc import Sequence

from heliox.engine.adjoint import spec_of
from heliox.engine.copies import copy_parameters
from heliox.errors import ModelError
from heliox.learn.losses import Read
from heliox.learn.parameter import Trained
from heliox.model.names import Names
from heliox.model.variable import Variable
from heliox.simulation import Simulation


def twin(
    sim: Simulation, trained: Sequence[Trained], reads: Sequence[tuple[Read, Variable]], tangent: bool
) -> Simulation:
    """The model of `sim` planned anew: trained variables are a member's own, and there is a reverse pass."""
    names = Names(sim.model)
    model = sim.model
    by, watched = set(), set()
    for t in trained:
        if t.variable.kind == "mechanism":
            by.add((model.mechanisms[t.variable.mechanism].name, t.variable.name))
        elif t.variable.kind == "global":
            owner = model.mechanisms[t.variable.mechanism].name if t.variable.mechanism >= 0 else ""
            by.add((owner, t.variable.name))
    for read, v in reads:
        if v.kind == "mechanism" and v.name != "i_cap":
            watched.add((model.mechanisms[v.mechanism].name, v.name))
        elif v.kind != "node" or v.name != "v":
            raise ModelError(
                f"losses read voltages and variables of mechanisms, not {read.called}",
                variable=read.called,
            )
    own = [t.variable.whole for t in trained if t.variable.kind in ("mechanism", "connection", "global")]
    spec = spec_of(
        names,
        frozenset(by),
        frozenset(watched),
        weights=any(t.variable.kind == "connection" for t in trained),
        geometry=any(t.geometry for t in trained),
        tangent=tangent,
    )
    new = Simulation(
        model,
        "cpu" if tangent else sim.asked,  # tangents are the CPU's
        dt=sim.dt,
        batch=sim.batch,
        vary=list(dict.fromkeys([*sim.draft.vary, *own])),
        math=sim.math,
        order=sim.order,
        threads=sim.threads,
        progress=False,
        adjoint=spec,
    )
    new.draft.take(sim.draft)
    copy_parameters(sim.draft.engine, new.draft.engine)
    return new
