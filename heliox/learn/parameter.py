"""`Parameter`: what a gradient is taken by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.errors import ModelError, UnsupportedError
from heliox.learn import geometry
from heliox.learn.transform import Transform
from heliox.mechanisms import catalogue
from heliox.model.model import Model
from heliox.model.names import Names
from heliox.model.selection import Where
from heliox.model.variable import Variable

LEGAL = (
    "parameters (RANGE, GLOBAL) and states of mechanisms, v, cm, celsius, ion variables, NetCon.weight, "
    "diam, L and Ra can"
)


@dataclass(frozen=True, eq=False)
class Parameter:
    """A variable that is trained.

    Parameters
    ----------
    name : str or Variable
        As `Simulation.var` takes it: ``"hh.gnabar"``, ``"IClamp[0].amp"``, ``"cm"``, ``"NetCon.weight"``;
        ``"v"`` and states (``"hh.m"``) are initial values; ``"diam"`` (um) of segments, ``"L"`` (um) and
        ``"Ra"`` (ohm cm) of sections are geometry.
    where : optional
        Which places, as in `Simulation.var`.
    lower, upper : float or (n,), optional
        Bounds, in the unit of the variable; fits then work on free numbers (`heliox.learn.transform`).
    tied : bool
        One value for all places, whose derivative is the sum over them in the order of the model.
    label : str
        Its name in results; default: `name`.
    """

    name: str | Variable
    where: Where = None
    lower: ArrayLike | None = None
    upper: ArrayLike | None = None
    tied: bool = False
    label: str = ""

    @property
    def called(self) -> str:
        """What messages call it."""
        return self.label or (self.name if isinstance(self.name, str) else self.name.whole)


@dataclass(frozen=True, eq=False)
class Trained:
    """A `Parameter` of a model: the variable, its label in results, its transform."""

    parameter: Parameter
    variable: Variable
    label: str
    transform: Transform = field(repr=False)

    @property
    def geometry(self) -> bool:
        """Whether it is a diameter, length or axial resistivity."""
        return geometry.is_geometry(self.variable)

    @property
    def size(self) -> int:
        """Values of one member: 1 if tied."""
        return 1 if self.parameter.tied else len(self.variable)

    def gathered(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Derivatives by (B, n) places -> by (B, size) values, added in order."""
        if not self.parameter.tied:
            return places
        return np.cumsum(places, axis=1)[:, -1:]

    def spread(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(B, size) values -> of (B, n) places."""
        return np.broadcast_to(values, (len(values), len(self.variable)))

    def taken(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Present (B, n) values of places -> (B, size)."""
        if not self.parameter.tied:
            return places
        if (places != places[:, :1]).any():
            raise ModelError(
                f"{self.label} is tied, but its {len(self.variable)} places have different values; "
                "assign one value to all of them first",
                variable=self.label,
            )
        return places[:, :1]


def trained(names: Names, parameters: str | Parameter | Iterable[str | Parameter]) -> list[Trained]:
    """Parameters found in a model, each with its own label.

    Raises
    ------
    ModelError
        For unknown names and places that are given twice.
    UnsupportedError
        For variables by which there are no derivatives.
    """
    given = [parameters] if isinstance(parameters, str | Parameter) else list(parameters)
    listed = [Parameter(p) if isinstance(p, str) else p for p in given]
    if not listed:
        raise ModelError("no parameters are given to differentiate by")
    out: list[Trained] = []
    for p in listed:
        v = _found(names, p)
        refuse(names.model, p, v)
        twice = sum(q.called == p.called for q in listed) > 1
        label = f"{p.called} of {p.where}" if twice and p.where is not None else p.called
        n = 1 if p.tied else len(v)
        t = Trained(p, v, label, Transform.of(p.lower, p.upper, n, label))
        for other in out:
            w = other.variable
            same = (w.kind, w.mechanism, w.name, w.element) == (v.kind, v.mechanism, v.name, v.element)
            if same and np.intersect1d(w.indices, v.indices).size:
                raise ModelError(f"{label} and {other.label} are in part the same; give each place once")
            if other.label == label:
                raise ModelError(f"there are two parameters {label}; give them different places")
        out.append(t)
    return out


def _found(names: Names, p: Parameter) -> Variable:
    if isinstance(p.name, Variable):
        return p.name.within(names)
    return geometry.select(names, p.name, p.where) if _geometric(p.name) else names.select(p.name, p.where)


def _geometric(name: str) -> bool:
    return name.rpartition(".")[2] == "diam" or name in geometry.OF_SECTIONS


def refuse(model: Model, p: Parameter, v: Variable) -> None:
    """UnsupportedError for a variable that carries no derivative, with what does."""
    why = ""
    if v.kind == "global":
        why = _refused_global(model, v)
    elif v.kind == "connection" and v.name != "weight":
        why = "it acts on the times of events"
    elif v.kind == "node" and v.name not in ("v", "diam"):
        why = "it is computed; areas follow from diam and L"
    elif v.kind == "mechanism":
        t = catalogue.resolve(model.definitions[model.mechanisms[v.mechanism].name])
        if v.name == "style" or v.name in t.random or v.name in t.lists:
            why = "it is no number that derivatives are taken by"
        elif t.kind == "artificial":
            why = f"{t.name} is an artificial cell, which acts by events only"
    if why:
        raise UnsupportedError(f"no gradient by {p.called}: {why}; {LEGAL}", variable=p.called)


def _refused_global(model: Model, v: Variable) -> str:
    """Why a GLOBAL carries no derivative, or nothing."""
    if v.mechanism < 0:
        return "" if v.name == "celsius" else "it belongs to the method"
    t = catalogue.resolve(model.definitions[model.mechanisms[v.mechanism].name])
    if v.name not in t.globals_ or t.globals_[v.name].size > 1:
        return "it is a switch, or an array that all instances share"
    return "blocks of the mechanism set it" if v.name in t.writes() else ""


def initial_state(model: Model, v: Variable) -> bool:
    """Whether a variable is given as the state at the start, rather than kept while the model runs."""
    if v.kind != "mechanism":
        return v.kind == "node" and v.name == "v"
    t = catalogue.resolve(model.definitions[model.mechanisms[v.mechanism].name])
    return v.name in t.writes()


def joined(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """(B, size) of each parameter -> (B, N)."""
    return np.concatenate(parts, axis=1)
