"""Passive trees as linear systems: what a model's membrane is made of, or why it is not linear."""

from __future__ import annotations

import ast
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heliox.errors import ModelError, UnsupportedError
from heliox.mechanisms import affine, catalogue
from heliox.model.model import Model
from heliox.solver.conductances import Conductances

Array = NDArray[np.float64]
LEAKS = ("pas", "fastpas")


@dataclass(frozen=True, eq=False)
class PassiveTree:
    """``C dv/dt = -G (v - rest) + i``, with G symmetric (uS), C diagonal (nF), v and rest in mV, i in nA.

    Nodes without area have no capacitance.
    """

    parent: NDArray[np.int32]
    leak: Array
    axial: Array
    capacitance: Array
    rest: Array
    start: Array

    @staticmethod
    def of(model: Model) -> PassiveTree:
        """The tree of a model of one cell, whose point processes may only give currents.

        Raises
        ------
        ModelError
            If the model has more cells than one, or a membrane that leaks nowhere.
        UnsupportedError
            With the names of all mechanisms that are not linear, or in which something varies; field
            ``problems``.
        """
        n = model.nodes
        if len(model.cells.name) != 1:
            raise ModelError(
                f"the model has {len(model.cells.name)} cells; a linear system is made of one: give the cell "
                "from which the network is built"
            )
        problems = _problems(model)
        if problems:
            raise UnsupportedError(
                f"the tree of {model.cells.name[0]} is not linear with constant coefficients: "
                f"{'; '.join(problems)}",
                problems=problems,
            )
        leak, drive, capacitance = np.zeros((3, len(n)))
        for m in model.mechanisms:
            if m.name in LEAKS:
                g = 0.01 * m.values["g"] * n.area[m.node]
                np.add.at(leak, m.node, g)
                np.add.at(drive, m.node, g * m.values["e"])
            elif m.name == "capacitance":
                capacitance[m.node] = 1e-5 * m.values["cm"] * n.area[m.node]
        if not leak.any():
            raise ModelError(f"the membrane of {model.cells.name[0]} has no leak: insert pas")
        axial = -0.01 * n.b * n.area
        rest = Conductances(n.parent, leak, axial).solve(drive[:, None])[:, 0]
        return PassiveTree(n.parent, leak, axial, capacitance, rest, n.v.copy())

    def step_matrix(self, dt: float) -> Conductances:
        """Of a step of backward Euler: ``(C/dt + G) v' = (C/dt) v + i``, v from rest (NEURON's fadvance)."""
        return Conductances(self.parent, self.leak + self.capacitance / dt, self.axial)

    def __len__(self) -> int:
        return len(self.parent)


def _problems(model: Model) -> list[str]:
    """What keeps a model from being linear, each with its name."""
    out = []
    for m in model.mechanisms:
        if m.name in LEAKS or m.name == "capacitance" or m.kind in ("ion", "artificial") or not len(m):
            continue
        if m.kind == "point":
            definition = model.definitions.get(m.name)
            template = catalogue.get(m.name) if definition is None else catalogue.resolve(definition)
            if not _gives_current_alone(template):
                out.append(f"{m.name} is a conductance, or its current depends on v")
        else:
            out.append(f"{m.name} ({m.kind}) is no leak; legal are {' and '.join(LEAKS)}")
    plays = {
        name for m, name in zip(model.plays.target.mechanism, model.plays.target.name) if _membrane(model, m)
    }
    out += [f"{name} is played" for name in sorted(plays)]
    if model.settings.secondorder:
        out.append(f"secondorder is {model.settings.secondorder}; it must be 0")
    return out


def _membrane(model: Model, mechanism: int) -> bool:
    return mechanism < 0 or model.mechanisms[mechanism].name in (*LEAKS, "capacitance")


def _gives_current_alone(template: catalogue.MechTemp) -> bool:
    """Whether all currents of a point process are free of v, to be seen from its text."""
    if not template.currents:
        return True
    rule = affine.conductance(template)
    if rule is None:
        return False
    return all(isinstance(s.value, ast.Constant) for s in rule.tree.body if isinstance(s, ast.Assign))
