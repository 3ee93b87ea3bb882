"""Diameters, lengths and axial resistivities as parameters: how couplings and areas follow from them.

A frozen model holds areas and couplings, whatever they were made from. Relative to these, with diameters d of
segments, lengths L and resistivities Ra of sections, and the frozen values marked by 0,

* area = area0 (d/d0) (L/L0);
* the resistance to the parent node, of the half of the segment before it (if that is in the same section) and
  the half of its own: R = R0 (Ra/Ra0) (L/L0) (s (d0/d)**2 + s' (d0'/d')**2), s + s' = 1, where the shares s
  are as 1/d0**2;
* a and b are as 1/R, and as 1/area of the node whose equation they stand in.

Of cylinders this is NEURON's geometry; of sections with 3-D points it is a relative scaling.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.engine.engine import Engine
from heliox.engine.geometry import Shape
from heliox.errors import ModelError
from heliox.model.model import Model
from heliox.model.names import Names
from heliox.model.selection import Where
from heliox.model.variable import Variable

Array = NDArray[np.float64]
OF_SECTIONS = ("L", "Ra")
UNIT = {"diam": "um", "L": "um", "Ra": "ohm cm"}


def is_geometry(v: Variable) -> bool:
    """Whether a variable is a diameter, length or axial resistivity."""
    return v.kind == "section" or (v.kind == "node" and v.name == "diam")


def select(names: Names, name: str, where: Where) -> Variable:
    """``"diam"`` of segments, or ``"L"`` or ``"Ra"`` of the sections in which `where` names a place.

    Raises
    ------
    ModelError
        If there is no segment.
    """
    model = names.model
    v = names.select("diam" if name in OF_SECTIONS else name, where)
    found = v.indices[segments(model)[v.indices]]
    if not len(found):
        raise ModelError(f"{name} of {where}: only segments have a diameter, not the ends of sections")
    if name not in OF_SECTIONS:
        return dataclasses.replace(v, indices=found)
    return Variable("section", -1, name, np.unique(model.nodes.section[found]).astype(np.intp), 0, names)


def segments(model: Model) -> NDArray[np.bool_]:
    """(nodes,) which nodes are segments; the others have no membrane."""
    n = model.nodes
    return (n.section >= 0) & (n.x > 0.0) & (n.x < 1.0)


class Geometry:
    """The formulas, for one model; all values are (B, nodes) or (B, sections)."""

    def __init__(self, model: Model) -> None:
        self.model = model
        nodes = model.nodes
        inner = segments(model)
        self.inner = np.flatnonzero(inner)
        self.section = nodes.section[self.inner]
        self.links = np.flatnonzero((nodes.parent >= 0) & (nodes.section >= 0))
        self.of = nodes.section[self.links]
        self.parent = nodes.parent[self.links]
        before = (nodes.section[self.parent] == self.of) & inner[self.parent]
        weight = np.zeros((2, len(nodes)))
        weight[:, self.inner] = 1.0 / nodes.diam[self.inner] ** 2
        halves = np.stack([np.where(before, weight[0, self.parent], 0.0), weight[1, self.links]])
        self.shares = halves / halves.sum(axis=0)
        self.ends = np.stack([self.parent, self.links])

    def _squares(self, diam: Array) -> tuple[Array, Array]:
        """(d0/d)**2 of both halves of every link, (2, B, links), and R/R0 of Ra0 and L0."""
        ratio = np.ones_like(diam)
        ratio[:, self.inner] = (self.model.nodes.diam[self.inner] / diam[:, self.inner]) ** 2
        squares = np.stack([ratio[:, end] for end in self.ends])
        return squares, 1.0 + (self.shares[:, None] * (squares - 1.0)).sum(axis=0)

    def columns(self, diam: Array, L: Array, Ra: Array) -> dict[str, Array]:
        """a, b, area and diam, each (B, nodes); with the frozen values the frozen bits."""
        nodes, sections = self.model.nodes, self.model.sections
        ratio = np.ones_like(diam)
        longer, denser = L / sections.L, Ra / sections.Ra
        ratio[:, self.inner] = diam[:, self.inner] / nodes.diam[self.inner] * longer[:, self.section]
        resistance = np.ones_like(diam)
        resistance[:, self.links] = self._squares(diam)[1] * longer[:, self.of] * denser[:, self.of]
        of_parent = np.ones_like(diam)
        of_parent[:, self.links] = ratio[:, self.parent]
        return {
            "a": nodes.a / (resistance * of_parent),
            "b": nodes.b / (resistance * ratio),
            "area": nodes.area * ratio,
            "diam": diam,
        }

    def tangents(self, at: Mapping[str, Array], dots: Mapping[str, Array]) -> dict[str, Array]:
        """Tangents of a, b, area and diam from those of diam, L and Ra, at values of all of them."""
        d = np.zeros_like(at["diam"])
        d[:, self.inner] = dots["diam"][:, self.inner] / at["diam"][:, self.inner]
        length, density = dots["L"] / at["L"], dots["Ra"] / at["Ra"]
        squares, total = self._squares(at["diam"])
        area = np.zeros_like(d)
        area[:, self.inner] = d[:, self.inner] + length[:, self.section]
        change = sum(s * q * d[:, end] for s, q, end in zip(self.shares, squares, self.ends, strict=True))
        resistance = np.zeros_like(d)
        resistance[:, self.links] = length[:, self.of] + density[:, self.of] - 2.0 * change / total
        of_parent = np.zeros_like(d)
        of_parent[:, self.links] = area[:, self.parent]
        return {
            "a": -at["a"] * (resistance + of_parent),
            "b": -at["b"] * (resistance + area),
            "area": at["area"] * area,
            "diam": dots["diam"],
        }

    def adjoints(self, at: Mapping[str, Array], bars: Mapping[str, Array]) -> dict[str, Array]:
        """Adjoints of diam, L and Ra from those of a, b, area and diam: `tangents` transposed."""
        a, b = (at[n] * bars[n] for n in ("a", "b"))
        area = at["area"] * bars["area"] - b
        resistance = -(a + b)[:, self.links]
        squares, total = self._squares(at["diam"])
        d, length, density = np.zeros_like(a), np.zeros_like(at["L"]), np.zeros_like(at["Ra"])
        for k in range(len(a)):
            np.add.at(area[k], self.parent, -a[k, self.links])
            for s, q, end in zip(self.shares, squares, self.ends, strict=True):
                np.add.at(d[k], end, -2.0 * s * q[k] / total[k] * resistance[k])
            np.add.at(length[k], self.of, resistance[k])
            np.add.at(density[k], self.of, resistance[k])
            np.add.at(length[k], self.section, area[k, self.inner])
        d += area
        out = np.zeros_like(d)
        inner = self.inner
        out[:, inner] = d[:, inner] / at["diam"][:, inner] + bars["diam"][:, inner]
        return {"diam": out, "L": length / at["L"], "Ra": density / at["Ra"]}


class Form:
    """The geometry of all members of an engine, as parameters set it."""

    def __init__(self, engine: Engine) -> None:
        model = engine.plan.model
        self.geometry, self.shape = Geometry(model), Shape(engine)
        frozen = {"diam": model.nodes.diam, "L": model.sections.L, "Ra": model.sections.Ra}
        self.given = {n: np.tile(x, (engine.plan.batch, 1)) for n, x in frozen.items()}
        self.columns = self.geometry.columns(**self.given)
        self.bars = self.shape.bars()

    def apply(self) -> None:
        """Write what follows from `given` into the engine."""
        self.columns = self.geometry.columns(**self.given)
        self.shape.assign(self.columns)

    def _at(self) -> dict[str, Array]:
        return {**self.given, **self.columns}

    def adjoints(self, B: Array) -> dict[str, Array]:
        """Of diam, L and Ra, from the adjoints of an engine."""
        return self.geometry.adjoints(self._at(), {n: B[at] for n, at in self.bars.items()})

    def push(self, u: Array, dots: Mapping[str, Array]) -> None:
        """Put tangents of diam, L and Ra into those of an engine."""
        whole = {n: dots.get(n, np.zeros_like(x)) for n, x in self.given.items()}
        for n, x in self.geometry.tangents(self._at(), whole).items():
            u[self.bars[n]] = x

    def model(self, member: int) -> Model:
        """The model, frozen with the geometry of a member."""
        m = self.geometry.model
        nodes = dataclasses.replace(m.nodes, **{n: x[member].copy() for n, x in self.columns.items()})
        sections = dataclasses.replace(m.sections, **{n: self.given[n][member].copy() for n in OF_SECTIONS})
        return m.replace(nodes=nodes, sections=sections)


class Part:
    """One geometrical variable of a `Form`, assigned like a handle; `Form.apply` makes it act."""

    def __init__(self, form: Form, variable: Variable) -> None:
        self.form, self.variable = form, variable

    @property
    def values(self) -> Array:
        """(B, n)"""
        return self.form.given[self.variable.name][:, self.variable.indices]

    def __setitem__(self, key: Any, value: ArrayLike) -> None:
        x = self.values
        x[key] = value
        if not ((x > 0.0) & np.isfinite(x)).all():
            name = self.variable.name
            raise ModelError(f"{name} must be positive and finite ({UNIT[name]})", variable=name)
        self.form.given[self.variable.name][:, self.variable.indices] = x
