"""What never changes in a run, in the matrices of chunks and in what channels add to them.

A matrix that never changes is eliminated once a window, not once a step; of one that does, what stays is
summed once a window.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from heliox.engine.plan import Placement
from heliox.kernels.program import Program
from heliox.mechanisms.varstruct import VarStruct
from heliox.model.model import Model


def constant_matrix(
    program: Program, placements: list[Placement], driven: Mapping[str, Collection[str]]
) -> NDArray[np.bool_]:
    """For each chunk, whether all conductances in it are made of what stays as it is while it runs.

    `driven`: variables of each mechanism that plays, transfers or pointers reach. What the user changes
    between two runs is another matter: every window eliminates anew.
    """
    out = np.full(len(placements[0].count) if placements else 1, not program.membrane)
    for p in placements:
        if not constant_conductance(p.struct, driven.get(p.struct.template.name, ())):
            out &= p.count == 0
    return out


def constant_conductance(s: VarStruct, driven: Collection[str]) -> bool:
    """Whether a mechanism adds nothing to the diagonal, or what parameters that no block writes give."""
    t = s.template
    if t.name == "capacitance":
        return "cm" not in driven
    if t.kind == "ion" or not t.currents:
        return True
    rule = t.functions.get("conductance")
    if rule is None:
        return False
    fixed = (set(t.parameters) | set(t.globals_)) - t.writes() - set(driven)
    return set(rule.params) <= fixed | {"area", "diam", "celsius", "dt"}


def changes(model: Model, program: Program) -> NDArray[np.bool_]:
    """(nodes,) Whether something adds to the diagonal at every step of a window."""
    whole = not program.begun or program.membrane or program.order != "neuron"
    out = np.full(len(model.nodes), whole)
    for m, s in zip(model.mechanisms, program.mechanisms, strict=True):
        if m.kind in ("density", "point") and s.template.currents and s.template.name not in program.steady:
            out[m.node] = True
    return out


def steady(structs: Iterable[VarStruct], driven: Mapping[str, Collection[str]]) -> frozenset[str]:
    """Channels whose conductance is the same at every step: a diagonal begins with it."""
    return frozenset(
        s.template.name
        for s in structs
        if s.template.kind == "density"
        and s.template.currents
        and not s.template.electrode
        and constant_conductance(s, driven.get(s.template.name, ()))
        and not {"area", "diam", "dt"} & set(s.template.functions["conductance"].params)
    )
