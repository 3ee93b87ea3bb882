"""Reading what POINTER variables of a NEURON session stand for."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

import numpy as np

from heliox.frontend.cells import Anatomy
from heliox.frontend.membrane import Membrane, neuron_name
from heliox.frontend.problems import Report
from heliox.frontend.variables import Column, Place, columns, variables
from heliox.model.model import Pointers, Variables

# how NEURON writes what a reference leads to; one to a variable outside of cells shows an address only
_VOLTAGE = "Node::field::Voltage"
_VARIABLE = re.compile(r"cont=(\S+) (\w+)(?:\[\d+/\d+\])? row=")


def read_pointers(anatomy: Anatomy, membrane: Membrane, report: Report) -> Pointers:
    """All pointers, mechanism by mechanism; those that lead out of the model are reported."""
    if not any(template.pointers for template in membrane.templates):
        return Pointers()
    targets = _Targets(anatomy, membrane)
    of: list[tuple[int, int, str]] = []
    to: list[Place] = []
    for m, template in enumerate(membrane.templates):
        for pointer in template.pointers:
            lost: dict[str, list[int]] = {}
            for k, thing in enumerate(membrane.things[m]):
                reference = getattr(thing, f"_ref_{neuron_name(template, pointer)}", None)
                place = targets.find(reference)
                if place is not None:
                    of.append((m, k, pointer))
                    to.append(place)
                else:
                    lost.setdefault(targets.describe(reference), []).append(k)
            for what, instances in lost.items():
                section = _section(membrane, m, instances[0], anatomy)
                more = f" in {len(instances)} instances" if len(instances) > 1 else ""
                text = f"POINTER {pointer} leads to {what}{more}"
                mend = "let it point at a voltage or a variable of a supported mechanism (h.setpointer)"
                report.add("pointer", text, mend, section, template.name)
    return Pointers(
        of=Variables(
            mechanism=np.array([m for m, _, _ in of], np.int32),
            index=np.array([k for _, k, _ in of], np.int32),
            name=tuple(name for _, _, name in of),
        ),
        to=variables(to, targets.columns),
    )


class _Targets:
    """Finds the variable that a reference leads to."""

    def __init__(self, anatomy: Anatomy, membrane: Membrane) -> None:
        self.anatomy, self.membrane = anatomy, membrane
        self._places: dict[int, dict[Any, Place]] = {}

    @cached_property
    def columns(self) -> list[Column]:
        return columns(self.anatomy, self.membrane)

    @cached_property
    def _named(self) -> dict[tuple[str, str], int]:
        """(mechanism, variable), as NEURON writes them, to the column."""
        names = [t.name for t in self.membrane.templates]
        return {
            (names[c.mechanism], c.name) if c.mechanism >= 0 else ("", "v"): number
            for number, c in enumerate(self.columns)
        }

    def find(self, reference: Any) -> Place | None:
        text = repr(reference)
        match = _VARIABLE.search(text)
        key = ("", "v") if _VOLTAGE in text else match.groups() if match else None
        column = self._named.get(key) if key else None  # type: ignore[arg-type]
        if column is None:
            return None
        if column not in self._places:
            c = self.columns[column]
            self._places[column] = {
                c.reference(k, element): Place(column, k, element)
                for k in range(len(c.things))
                for element in range(c.size)
            }
        return self._places[column].get(reference)

    def describe(self, reference: Any) -> str:
        """What is no variable of the model, in words."""
        text = repr(reference)
        match = _VARIABLE.search(text)
        if match:
            return f"{match.group(2)} of {match.group(1)}, which is no variable of the model"
        if reference is None or "null" in text:
            return "nothing"
        return "a GLOBAL, a hoc variable or an element of a Vector"


def _section(membrane: Membrane, mechanism: int, instance: int, anatomy: Anatomy) -> str:
    node = int(membrane.mechanisms[mechanism].node[instance])
    section = int(anatomy.nodes.section[node]) if node >= 0 else -1
    return anatomy.names[section] if section >= 0 else ""
