"""What a variable is set to: one number, a function of distance, or an array over segments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heliox.errors import ModelError, nearest
from heliox.frontend.section import Section
from heliox.frontend.skeleton import Skeleton
from heliox.mechanisms.template import MechTemp, Var

Value = float | Sequence[float] | NDArray | Callable[[float], float]


@dataclass(eq=False)
class Rule:
    """``variable`` of ``mechanism`` has ``value`` in ``sections``, measured from ``origin`` (section, x)."""

    mechanism: str
    variable: str
    sections: tuple[Section, ...]
    value: Value
    origin: tuple[Section, float]

    @property
    def label(self) -> str:
        return f"{self.mechanism}.{self.variable}"


def checked(value: Value, label: str) -> Value:
    """`value` if it is a finite number, finite numbers or a function, else ModelError."""
    if callable(value):
        return value
    try:
        numbers = np.array(value, float)
    except (TypeError, ValueError):
        raise ModelError(
            f"{label} is a number, a function of the distance or an array over segments, not {value!r}",
            variable=label,
        ) from None
    if not np.isfinite(numbers).all():
        raise ModelError(f"{label} is {value!r}, and must be finite", variable=label)
    return numbers


def number(value: object, label: str) -> float:
    """`value` as a finite number, else ModelError."""
    try:
        out = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        out = np.nan
    if not np.isfinite(out):
        raise ModelError(f"{label} is {value!r}, and must be a finite number", variable=label)
    return out


def settable(template: MechTemp, name: str) -> Var:
    """The variable `name` of an instance of `template`; ModelError with near names if there is none."""
    legal = {n: v for n, v in template.instance_names.items() if n not in template.random}
    if name not in legal:
        raise ModelError(
            f"{template.name} has no variable {name!r}; {nearest(name, legal)}",
            mechanism=template.name, variable=name,
        )  # fmt: skip
    return legal[name]


def column(skeleton: Skeleton, var: Var, rules: Sequence[Rule]) -> NDArray[np.float64]:
    """(segments,) or (segments, size) values of a variable: its default, then what rules say, in order."""
    n = int(skeleton.start[-1])
    out = np.full(n if var.size == 1 else (n, var.size), float(var.default))
    for rule in rules:
        for at, values in spread(skeleton, rule, var.size):
            out[at] = values
    return out


def spread(skeleton: Skeleton, rule: Rule, size: int = 1) -> list[tuple[NDArray, NDArray]]:
    """Segments and the values a rule gives them."""
    known = [skeleton.index[id(s)] for s in rule.sections if id(s) in skeleton.index]
    if not known:
        return []
    if callable(rule.value) and id(rule.origin[0]) not in skeleton.index:
        name = rule.origin[0].name
        raise ModelError(f"{rule.label} depends on the distance from {name}, which is deleted", section=name)
    at = np.concatenate([np.arange(skeleton.start[k], skeleton.start[k + 1]) for k in known])
    if callable(rule.value):
        origin, x = rule.origin
        distance = skeleton.distances(skeleton.index[id(origin)], x)[at]
        values = np.array([number(rule.value(d), rule.label) for d in distance.tolist()])
        return [(at, values.reshape(-1, *([1] if size > 1 else [])))]
    values = np.asarray(rule.value, float)
    if values.ndim and values.shape not in ((len(at),), (len(at), size), (size,)[: size > 1]):
        raise ModelError(
            f"{rule.label} has {len(values)} values for {len(at)} segments of {len(known)} sections",
            variable=rule.label,
        )
    return [(at, values)]
