"""Chunks whose matrix never changes in a run: it is eliminated once a window, not once a step."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from heliox.engine.plan import Placement
from heliox.kernels.program import Program
from heliox.mechanisms.varstruct import VarStruct


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
