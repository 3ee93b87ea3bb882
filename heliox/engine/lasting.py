"""`LastingHandle`: a handle that survives a new plan."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.engine.draft import Draft
from heliox.engine.registry import Handle
from heliox.model.selection import Where
from heliox.model.variable import Variable


class LastingHandle:
    """What `heliox.Simulation.var` gives; its attributes are those of `heliox.engine.registry.Handle`."""

    def __init__(self, draft: Draft, name: str | Variable, where: Where) -> None:
        self._draft, self._name, self._where = draft, name, where
        handle = draft.handle(name, where)  # first: it may ask for a new plan
        self._of: tuple[object, Handle] = (draft.registry, handle)

    @property
    def handle(self) -> Handle:
        """The present plan's."""
        if self._of[0] is not self._draft.registry:
            self._of = (self._draft.registry, self._draft.handle(self._name, self._where))
        return self._of[1]

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.handle, name)

    def __len__(self) -> int:
        return len(self.handle)

    def __getitem__(self, key: Any) -> NDArray[np.float64]:
        return self.handle[key]

    def __setitem__(self, key: Any, value: ArrayLike) -> None:
        x = np.asarray(value, np.float64)
        self._draft.make_way(self.handle, key, x)
        self.handle[key] = x
        self._draft.assigned(self._name, self._where, self.handle, key, x)

    def __repr__(self) -> str:
        return repr(self.handle)
