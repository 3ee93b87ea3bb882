"""`SimulationHandle`: what `Simulation.var` gives."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.engine.registry import Handle
from heliox.model.selection import Where
from heliox.model.variable import Variable


class SimulationHandle:
    """A handle that survives a new plan before the first run.

    See `heliox.engine.registry.Handle` for its attributes.
    """

    def __init__(self, sim: Any, name: str | Variable, where: Where) -> None:
        self._sim, self._name, self._where = sim, name, where
        self._of: tuple[object, Handle] = (sim.registry, sim._handle(name, where))

    @property
    def handle(self) -> Handle:
        if self._of[0] is not self._sim.registry:
            self._of = (self._sim.registry, self._sim._handle(self._name, self._where))
        return self._of[1]

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.handle, name)

    def __len__(self) -> int:
        return len(self.handle)

    def __getitem__(self, key: object) -> NDArray[np.float64]:
        return self.handle[key]

    def __setitem__(self, key: object, value: object) -> None:
        sim, x = self._sim, np.asarray(value, np.float64)
        h = self.handle
        wants_members = h.store == "P" and sim.batch > 1 and x.ndim == 2 and x.shape[0] == sim.batch
        if wants_members:
            sim._differ(h.variable)
            h = self.handle
        if h.variable.kind == "connection" and h.variable.name == "delay" and not sim._ran:
            sim._shorten(h, key, x)
            h = self.handle
        h[key] = x
        if not sim._ran:
            sim._assigned.append((self._name, self._where, h.values))

    def __repr__(self) -> str:
        return repr(self.handle)
