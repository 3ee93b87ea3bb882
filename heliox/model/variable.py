"""What a name leads to: a variable of nodes, of a mechanism, of connections, or of the whole model."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heliox.model.model import Mechanism

if TYPE_CHECKING:
    from heliox.model.names import Names

NODE_VARIABLES = ("v", "area", "diam", "i_membrane_")
SETTINGS = ("celsius", "t", "dt")
CONNECTION_VARIABLES = ("weight", "delay", "threshold")


@dataclass(frozen=True, eq=False)
class Variable:
    """One variable of one or more nodes, instances or connections.

    Attributes
    ----------
    kind : str
        ``"node"``, ``"section"``, ``"mechanism"``, ``"connection"`` or ``"global"``.
    mechanism : int
        Index into ``Model.mechanisms``; -1 for nodes, connections and the globals of the model.
    name : str
        The variable: a key of ``Mechanism.values`` or ``Mechanism.globals``, ``"weight"``, ``"celsius"``, ...
    indices : array of intp, (n,)
        Nodes, sections, instances or connections; ``[0]`` for a global.
    element : int
        Place in an array variable or among the weights of each connection, else 0.
    """

    kind: str
    mechanism: int
    name: str
    indices: NDArray[np.intp]
    element: int
    _names: Names = field(repr=False)

    def __len__(self) -> int:
        return len(self.indices)

    @cached_property
    def names(self) -> list[str]:
        """Full paths, (n,), in the order of ``indices``; `Names.resolve` reads each of them."""
        return self._names.paths(self)

    def within(self, names: Names) -> Variable:
        """The same in another plan or simulation of the model."""
        return Variable(self.kind, self.mechanism, self.name, self.indices, self.element, names)

    @property
    def whole(self) -> str:
        """The variable everywhere, as `vary` names it: ``"hh.gnabar"``, ``"NetCon.weight"``, ``"v"``."""
        return self._names.label(self)


def is_object(mechanism: Mechanism) -> bool:
    """Whether the instances have names of their own (``IClamp[0]``)."""
    return mechanism.kind in ("point", "artificial")


def stands_alone(mechanism: Mechanism) -> bool:
    """Whether NEURON knows the variables without the mechanism's name (``cm``, ``ena``)."""
    return mechanism.kind == "ion" or mechanism.name == "capacitance"
