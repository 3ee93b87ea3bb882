"""Cells of cylinders that HelioX and Jaxley express alike. Needs neither of them.

Every branch begins at the 1 end of its parent; the first one is the soma, with a current into its middle.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DT = 0.025
DELAY = 1.0  # ms, of the stimulus


def small() -> dict[str, Any]:
    """Nine branches of different length and diameter."""
    branches = [
        [-1, 20.0, 20.0], [0, 100.0, 3.0], [0, 60.0, 2.0], [1, 80.0, 1.5], [1, 120.0, 1.0], [2, 50.0, 0.8],
        [2, 150.0, 1.2], [4, 90.0, 0.7], [4, 70.0, 0.6],
    ]  # fmt: skip
    return {"branches": branches, "ncomp": 3, "amp": 0.5, "tstop": 10.0}


def passive() -> dict[str, Any]:
    """The same, with a leak only."""
    return {**small(), "passive": True}


def from_swc(swc: str, ncomp: int) -> dict[str, Any]:
    """The sections of a file as cylinders of their length and mean diameter; needs HelioX."""
    import heliox

    model = heliox.morphology(swc).model()
    nodes, sections = model.nodes, model.sections
    diam = {int(s): float(d) for s, x, d in zip(nodes.section, nodes.x, nodes.diam) if x == 0.5}
    waiting = [int(k) for k in range(len(sections.name)) if sections.parent[k] < 0]
    order: list[int] = []
    while waiting:
        order.append(waiting.pop(0))
        waiting += [k for k in range(len(sections.name)) if sections.parent[k] == order[-1]]
    branches = [
        [order.index(int(sections.parent[k])) if k != order[0] else -1, float(sections.L[k]), diam[k]]
        for k in order
    ]
    return {"branches": branches, "ncomp": ncomp, "amp": 2.0, "tstop": 20.0}


def read(path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(path).read_text())
    return found


def stimulated(tree: dict[str, Any]) -> tuple[int, int, int]:
    """Steps of the run; first step of the current, and the one after its last."""
    return round(tree["tstop"] / DT), round(DELAY / DT), round(0.8 * tree["tstop"] / DT)
