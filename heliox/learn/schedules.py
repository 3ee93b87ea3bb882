"""Learning rates over the steps of a training run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from heliox.errors import ModelError


class Schedule(Protocol):
    """A number a step: what an optimiser takes as its learning rate."""

    def at(self, k: int) -> float:
        """Of step `k`, counted from 0."""
        ...


@dataclass(frozen=True)
class Constant:
    """The same number in every step."""

    value: float

    def __post_init__(self) -> None:
        _legal("Constant", self.value, self.value)

    def at(self, k: int) -> float:
        return self.value


@dataclass(frozen=True)
class Linear:
    """A straight line from `start` in step 0 to `end` in step `steps`, and `end` from there on."""

    start: float
    end: float
    steps: int

    def __post_init__(self) -> None:
        _legal("Linear", self.start, self.end, self.steps)

    def at(self, k: int) -> float:
        return self.start + (self.end - self.start) * min(k / self.steps, 1.0)


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from `start` in step 0 to `end` in step `steps`, and `end` from there on.

    ``end + (start - end) (1 + cos(pi k / steps)) / 2`` (Loshchilov and Hutter 2017, without restarts).
    """

    start: float
    end: float
    steps: int

    def __post_init__(self) -> None:
        _legal("Cosine", self.start, self.end, self.steps)

    def at(self, k: int) -> float:
        part = min(k / self.steps, 1.0)
        return self.end + (self.start - self.end) * 0.5 * (1.0 + math.cos(math.pi * part))


def schedule(rate: float | Schedule) -> Schedule:
    """A learning rate as a schedule: numbers become `Constant`.

    Raises
    ------
    ModelError
        If it is neither a number nor has the method ``at``.
    """
    if isinstance(rate, int | float):
        return Constant(float(rate))
    if not callable(getattr(rate, "at", None)):
        raise ModelError(
            f"a learning rate is a number, Constant, Linear or Cosine, not {type(rate).__name__}", lr=rate
        )
    return rate


def _legal(name: str, start: float, end: float, steps: int = 1) -> None:
    for rate in (start, end):
        if not 0.0 <= rate < math.inf:
            raise ModelError(f"{name}: a learning rate of {rate:g}; it must be finite and not negative")
    if start == 0.0:
        raise ModelError(f"{name}: a learning rate that begins at 0 trains nothing at first; give more")
    if steps < 1 or steps != int(steps):
        raise ModelError(f"{name}: {steps} steps; it must be a whole number of at least 1")
