"""Instances of mechanisms in a cell under construction: point processes, artificial cells, ion pools."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heliox.errors import MechanismError, ModelError
from heliox.frontend.section import Section
from heliox.frontend.values import checked, number, settable
from heliox.mechanisms import catalogue
from heliox.mechanisms.template import MechTemp

VALENCE = {"na": 1.0, "k": 1.0, "ca": 2.0}
KIND = {"point": "a point process", "artificial": "an artificial cell", "ion": "an ion", "density": "density"}


@dataclass(eq=False)
class Point:
    """A point process: its template, place, values, and the name the user gave it."""

    template: MechTemp
    section: Section
    x: float
    values: dict[str, NDArray]
    name: str


def labels(points: list[Point]) -> list[tuple[str, Point]]:
    """Names of point processes within their cell: the user's, and ``ExpSyn[k]``."""
    counts: dict[str, int] = {}
    out = []
    for p in points:
        k = counts.get(p.template.name, 0)
        counts[p.template.name] = k + 1
        out.append((f"{p.template.name}[{k}]", p))
        if p.name:
            out.append((p.name, p))
    return out


def make_point(template: MechTemp, place: tuple[Section, float], name: str, values: Mapping) -> Point:
    """A point process with checked values."""
    if template.kind != "point":
        raise MechanismError(
            f"{template.name} is {KIND[template.kind]}, and has no place in a section",
            mechanism=template.name,
        )
    check_place(template, place[1])
    return Point(template, *place, instance_values(template, values), name)


def check_place(template: MechTemp, x: float) -> None:
    """Refuse an end of a section for what uses an ion: there is no membrane, and NEURON refuses it too."""
    if template.ions and x in (0.0, 1.0):
        raise ModelError(
            f"{template.name} uses {', '.join(template.ions)}, so it cannot sit at an end of a section, "
            f"x = {x:g}; choose 0 < x < 1",
            mechanism=template.name,
        )


def instance_values(template: MechTemp, values: Mapping) -> dict[str, NDArray]:
    """Values of one instance: the template's defaults and what is given."""
    out: dict[str, NDArray] = {}
    for n, var in template.instance_names.items():
        out[n] = np.full(() if var.size == 1 else var.size, float(var.default))
    for n, value in values.items():
        label = f"{template.name}.{n}"
        if n in template.random:
            ids = [*np.ravel(np.asarray(value, float)).tolist(), 0.0][:4]
            if len(ids) != 4:
                raise ModelError(f"{label} is a stream: three numbers, not {value!r}", variable=label)
            out[n] = np.array([number(i, label) for i in ids])
        elif settable(template, n).size == 1:
            out[n] = np.array(number(value, label))
        else:
            out[n] = np.broadcast_to(np.asarray(checked(value, label), float), out[n].shape)
    return out


def template_of(mechanism: str | MechTemp) -> MechTemp:
    """The template of a name; MechanismError with near names if there is none."""
    return mechanism if isinstance(mechanism, MechTemp) else catalogue.get(mechanism)


def pools(templates: Iterable[MechTemp]) -> dict[str, MechTemp]:
    """Pools of all ions that the templates use, ``"na_ion"`` -> template."""
    valence: dict[str, float | None] = {}
    users: dict[str, str] = {}
    for t in templates:
        for ion, use in t.ions.items():
            users.setdefault(ion, t.name)
            valence[ion] = use.valence if use.valence is not None else valence.get(ion, VALENCE.get(ion))
    for ion, z in valence.items():
        if z is None:
            raise MechanismError(
                f"{users[ion]} uses the ion {ion!r}, and nothing tells its valence",
                mechanism=users[ion], ion=ion,
            )  # fmt: skip
    return {f"{ion}_ion": catalogue.get(f"{ion}_ion", z) for ion, z in valence.items()}
