"""What `heliox.learn` asks of a differentiated engine beyond `heliox.engine.adjoint`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heliox.engine.adjoint import Differentiator, Schedule, Surrogate, schedule
from heliox.engine.plan import Plan
from heliox.errors import MechanismError
from heliox.kernels import cache
from heliox.kernels.differentiated import Differentiated
from heliox.kernels.linear import differentiated
from heliox.solver import events

BLOCKS = ("initial", "current", "state", "receive")


class Sweeps(Differentiator):
    """A `Differentiator` that also plans, runs without a tape and takes tangents through INITIAL."""

    def planned(self, steps: int) -> Schedule:
        """The schedule of a gradient over `steps`, before it runs; ModelError if the memory is too small."""
        return schedule(steps, self.row_bytes, self.engine.state_bytes, self.memory)

    def plain(self, steps: int) -> NDArray[np.float64]:
        """Recorded values (steps + 1, columns) of a run that cannot be reversed: no tape is kept."""
        e = self.engine
        e.drain_spikes()
        self.schedule = None
        self._arrange(1)
        e.sample(0)
        first = e.R[:1].copy()
        self._piece(steps, taped=False)
        return np.concatenate([first, e.R[1 : steps + 1]])[:, self._columns]

    def failed(self) -> NDArray[np.bool_]:
        """Members whose voltage ran away in the last run, (B,)."""
        status = self.engine.QN[:, events.STATUS].reshape(self.plan.batch, self.plan.chunks)
        return (status == events.RUNAWAY).any(axis=1)

    def tangent_initial(self, B: NDArray[np.float64]) -> NDArray[np.float64]:
        """Tangents behind `Engine.initialize` from those of the parameters and voltages that it was given."""
        end = self.engine.snapshot()  # with the number of events in the log, which `tangent` reads
        self.engine.restore(self._first)
        self.B = B.copy()
        self.RB = np.zeros_like(self.R)
        self._spike_tables(self._start, 0)
        cache.call(self.engine.module.tangent_initial, *self._sweep(0, 0).arguments(self.engine))
        self.engine.restore(end)
        return self.B


def lost(plan: Plan, surrogate: Surrogate | None) -> tuple[str, ...]:
    """What derivatives of this plan leave out, a sentence each."""
    d = Differentiated(plan.program)
    out = []
    for m in plan.program.mechanisms:
        t = m.template
        if t.kind == "artificial":
            out.append(f"{t.name}: an artificial cell, which acts by events only")
            continue
        for block in BLOCKS:
            if block not in t.functions:
                continue
            try:
                found = differentiated(d, m, block, "vjp")
            except MechanismError as e:
                out.append(f"{t.name}: {e}")
                continue
            out += [f"{t.name}: {text}" for text in (found.lost if found else ())]
    sending = np.unique(plan.model.connections.source)
    if surrogate is None and np.isin(plan.SR[:, 0], sending).any():
        out.append("spikes: their times and numbers, as no surrogate is given")
    return tuple(dict.fromkeys(out))


def slope(x: NDArray[np.float64], surrogate: Surrogate) -> NDArray[np.float64]:
    """What stands for the derivative of a step at x = 0 mV (1/mV), as the reverse sweep takes it."""
    z = np.abs(x) / surrogate.width
    if surrogate.kind == "sigmoid":
        return 1.0 / (2.0 * surrogate.width * (1.0 + z) * (1.0 + z))
    if surrogate.kind == "triangle":
        return np.where(z < 1.0, (1.0 - z) / surrogate.width, 0.0)
    return 0.5 * np.exp(-z) / surrogate.width
