"""What differs between the members of a batch: read from names, and what that asks of the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.errors import ModelError, UnsupportedError
from heliox.mechanisms import catalogue
from heliox.model.model import Model
from heliox.model.names import Names
from heliox.model.variable import Variable

READ_ONLY = {
    "i_membrane_": "it is computed in every step",
    "area": "geometry is frozen",
    "diam": "geometry is frozen",
    "style": "ion styles are frozen",
}
LEGAL = (
    "parameters, states, GLOBALs and random streams of mechanisms, v, celsius, "
    "NetCon.weight, NetCon.delay and NetCon.threshold can"
)


@dataclass(frozen=True)
class Vary:
    """What differs between members.

    ``mechanisms``: mechanism -> its parameters and GLOBALs. ``plays``: number of a play -> its times (ms) and
    values, each (B, points). ``weights``, ``delays``, ``thresholds``: those of all connections and sources.
    """

    mechanisms: Mapping[str, set[str]] = field(default_factory=dict)
    celsius: bool = False
    weights: bool = False
    delays: bool = False
    thresholds: bool = False
    plays: Mapping[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=dict)


def named(
    names: Names,
    labels: Iterable[str],
    plays: Mapping[int, tuple[NDArray[np.float64], NDArray[np.float64]]] | None = None,
) -> Vary:
    """What the names in `vary` ask for.

    Raises
    ------
    ModelError
        For an unknown name.
    UnsupportedError
        For what cannot differ, with what can.
    """
    mechanisms: dict[str, set[str]] = {}
    whole = set()
    for label in labels:
        v = names.select(label)
        if not may_differ(names.model, v):
            raise UnsupportedError(f"{label} cannot differ between members; {LEGAL}", variable=label)
        if v.mechanism >= 0:
            mechanisms.setdefault(names.model.mechanisms[v.mechanism].name, set()).add(v.name)
        else:
            whole.add((v.kind, v.name))
    return Vary(
        mechanisms,
        celsius=("global", "celsius") in whole,
        weights=("connection", "weight") in whole,
        delays=("connection", "delay") in whole,
        thresholds=("connection", "threshold") in whole,
        plays=plays or {},
    )


def may_differ(model: Model, v: Variable) -> bool:
    """Whether members may have values of their own."""
    if v.kind == "node":
        return v.name == "v"
    if v.kind == "global" and v.mechanism < 0:
        return v.name == "celsius"
    if v.kind == "global":  # usetable_<name> is read when the model is planned
        m = model.mechanisms[v.mechanism]
        return v.name in catalogue.resolve(model.definitions[m.name]).globals_
    return v.kind == "connection" or v.name not in READ_ONLY


def waveforms(
    batch: int, variable: str, t: ArrayLike, y: ArrayLike
) -> tuple[ArrayLike, ArrayLike, tuple[NDArray[np.float64], NDArray[np.float64]] | None]:
    """Times and values of a play: of the first member, and (B, points) of all if members differ.

    Raises
    ------
    ModelError
        For shapes that do not fit the batch; for points that are not finite, or times that go backwards.
    """
    times, values = np.asarray(t, np.float64), np.asarray(y, np.float64)
    if times.ndim < 2 and values.ndim < 2:
        return times, values, None
    points = values.shape[-1:]
    if not {times.shape, values.shape} <= {points, (batch, *points)}:
        raise ModelError(
            f"t and y of the play of {variable} have shapes {times.shape} and {values.shape}; each must be "
            f"(points,) for all members alike or (members, points), and the batch has {batch} members",
            variable=variable,
        )
    times, values = (np.ascontiguousarray(np.broadcast_to(x, (batch, *points))) for x in (times, values))
    wrong = {
        "a point is not finite": ~(np.isfinite(times) & np.isfinite(values)).all(axis=1),
        "times must not go backwards": (np.diff(times, axis=1) < 0).any(axis=1),
    }
    for problem, members in wrong.items():
        if members.any():
            raise ModelError(
                f"play of {variable}, member {int(np.argmax(members))}: {problem}", variable=variable
            )
    return times[0], values[0], (times, values) if batch > 1 else None
