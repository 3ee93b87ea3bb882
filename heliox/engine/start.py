"""What an engine does before its state may be looked at; it waits until somebody looks, for it compiles.

A simulation whose plan changes before the first run, by a play or a batch of values, so compiles one module.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heliox.mechanisms.varstruct import hidden_names
from heliox.model.model import BUILT

if TYPE_CHECKING:
    from heliox.engine.engine import Engine
    from heliox.engine.plan import Plan


@dataclass
class Start:
    """INITIAL blocks of a model made without NEURON; of a frozen one, what NEURON did not show.

    ``hidden``: places, relative to a member, of variables that a frozen session does not show; ``membrane``:
    those of i_membrane_, where it is computed. ``known``: places that may be read at once; None, of a frozen
    model, for all but these two. ``written``: what was assigned meanwhile.
    """

    hidden: NDArray[np.int64]
    membrane: NDArray[np.int64]
    known: NDArray[np.int64] | None
    written: list[tuple[str, NDArray[np.int64], NDArray[np.float64]]] = field(default_factory=list)

    @classmethod
    def of(cls, engine: Engine) -> Start | None:
        """What is to be done for an engine that holds a frozen model; None if that is nothing."""
        plan = engine.plan
        hidden, membrane = _hidden(plan), np.empty(0, np.int64)
        if plan.program.membrane:
            membrane = plan.node_address("saved_rhs", np.arange(len(plan.model.nodes)))
        if plan.model.origin == BUILT:  # nothing has run its INITIAL blocks yet
            return cls(hidden, membrane, engine.parameters(initial=False))
        return cls(hidden, membrane, None) if len(hidden) or len(membrane) else None

    def determines(self, plan: Plan, at: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which places in A are among those that get their values here."""
        places = at % plan.member_size
        if self.known is not None:
            return ~np.isin(places, self.known)
        return np.isin(places, np.concatenate([self.hidden, self.membrane]))

    def open(self, plan: Plan, at: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of them nobody has assigned meanwhile."""
        own = [np.ravel(places) for store, places, _ in self.written if store == "A"]
        return self.determines(plan, at) & ~np.isin(at, np.concatenate([np.empty(0, np.int64), *own]))

    def make(self, engine: Engine) -> None:
        """Bring an engine into the state in which a run starts, as if nothing had been assigned."""
        if self.written:
            engine.fill()
        if len(self.hidden):
            self._recover_hidden(engine)
        if len(self.membrane):
            self._first_membrane_currents(engine)
        if engine.plan.model.origin == BUILT:
            engine.initialize()
            engine.drain_spikes()

    def write_again(self, engine: Engine) -> None:
        """Repeat the assignments."""
        for store, at, values in self.written:
            engine.write(store, at, values)

    def _recover_hidden(self, engine: Engine) -> None:
        """What INITIAL makes of the frozen parameters."""
        before = engine.snapshot()
        _forget_globals(engine)
        engine.initialize()
        at = engine.plan.of_members(self.hidden)
        found = engine.A[at]
        engine.restore(before)
        engine.A[at] = found

    def _first_membrane_currents(self, engine: Engine) -> None:
        """i_membrane_ of a model frozen behind finitialize; NaN, until a step is made, of one in mid-run."""
        at = engine.plan.of_members(self.membrane)
        found: NDArray | float = np.nan
        if engine.plan.model.settings.t == 0.0:
            before = engine.snapshot()
            engine.initialize()
            found = engine.A[at]
            engine.restore(before)
        engine.A[at] = found


def _hidden(plan: Plan) -> NDArray[np.int64]:
    """Places, relative to a member, of variables that the frozen session did not show."""
    parts = [np.empty(0, np.int64)]
    for m, place in zip(plan.model.mechanisms, plan.placements, strict=True):
        t = place.struct.template
        hidden = t.memory & set(place.struct.own) & (t.writes("initial") | set(t.globals_))
        for name in sorted((hidden - set(m.values) - set(m.globals)).union(hidden_names(t))):
            first = place.struct.own[name]
            for slot in range(first, first + place.struct.size(name)):
                parts.append(plan.chunk_base[place.chunk] + place.own_offset(slot))
    return np.concatenate(parts)


def _forget_globals(engine: Engine) -> None:
    """GLOBALs that blocks set, as before the first INITIAL of a session: no flag is up."""
    plan = engine.plan
    for place in plan.placements:
        t = place.struct.template
        for name in set(t.globals_) & set(place.struct.own) & (t.writes("initial") | t.memory):
            for slot in range(place.struct.own[name], place.struct.own[name] + t.globals_[name].size):
                at = plan.of_members(plan.chunk_base[place.chunk] + place.own_offset(slot))
                engine.A[at] = t.globals_[name].default
