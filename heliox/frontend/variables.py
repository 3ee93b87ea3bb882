"""Every variable of a NEURON session that a model can name, to be read and set as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.frontend.cells import Anatomy
from heliox.frontend.membrane import Membrane
from heliox.model.model import Variables

FIRST_MARK = 2.0**41  # numbers from here on mark variables in trials: no number of a model


@dataclass(frozen=True)
class Column:
    """One variable of all instances of a mechanism (-1: the voltage of all nodes).

    ``label`` is its name in the model, ``name`` that in NEURON, `things` what has it there.
    """

    mechanism: int
    label: str
    name: str
    size: int
    things: list

    def read(self) -> NDArray[np.float64]:
        """Values, (n, size)."""
        values = [getattr(t, self.name) for t in self.things]
        if self.size > 1:
            values = [list(x) for x in values]
        return np.array(values, float).reshape(len(self.things), self.size)

    def read_at(self, k: int, element: int = 0) -> float:
        """One value."""
        value = getattr(self.things[k], self.name)
        return float(value[element] if self.size > 1 else value)

    def set(self, values: NDArray[np.float64]) -> None:
        """Set all; `values` has the shape that `read` gives."""
        if self.size > 1:
            for thing, row in zip(self.things, values.tolist()):
                array = getattr(thing, self.name)
                for element, x in enumerate(row):
                    array[element] = x
        else:
            for thing, x in zip(self.things, values[:, 0].tolist()):
                setattr(thing, self.name, x)

    def reference(self, k: int, element: int = 0) -> Any:
        """NEURON's reference to one variable."""
        reference = getattr(self.things[k], f"_ref_{self.name}")
        return reference[element] if self.size > 1 else reference


def columns(anatomy: Anatomy, membrane: Membrane) -> list[Column]:
    """All variables that hold numbers of their own: neither pointers nor streams of random numbers."""
    out = [Column(-1, "v", "v", 1, nodes(anatomy))] if len(anatomy.nodes) else []
    for m, (template, things) in enumerate(zip(membrane.templates, membrane.things)):
        if things:
            out += [
                Column(m, label, name, template.instance_names[label].size, things)
                for label, name in membrane.names(m).items()
                if label not in template.random and hasattr(things[0], name)
            ]
    return out


def nodes(anatomy: Anatomy) -> list:
    """A segment of every node, by node."""
    out: list = [None] * len(anatomy.nodes)
    for places, index in zip(anatomy.segments, anatomy.index):
        for place, node in zip(places, index):
            out[node] = place
    for node, (_, place) in anatomy.root_segments.items():
        out[node] = place
    return out


@dataclass(frozen=True)
class Place:
    """One variable: the column it is in, the instance, the element."""

    column: int
    index: int
    element: int = 0


def variables(places: list[Place], all_columns: list[Column]) -> Variables:
    """Places as the model names them."""
    chosen = [all_columns[p.column] for p in places]
    return Variables(
        mechanism=np.array([c.mechanism for c in chosen], np.int32),
        index=np.array([p.index for p in places], np.int32),
        name=tuple(c.label if c.size == 1 else f"{c.label}[{p.element}]" for c, p in zip(chosen, places)),
    )


def where(all_columns: list[Column], wanted: Any) -> Iterator[tuple[Place, float]]:
    """Variables whose value `wanted` (a function of an array) picks out, with the value."""
    for number, column in enumerate(all_columns):
        values = column.read()
        for k, element in zip(*(x.tolist() for x in np.nonzero(wanted(values)))):
            yield Place(number, k, element), float(values[k, element])
