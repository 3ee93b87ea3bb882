"""Finite differences: an oracle for gradients and for learning rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.errors import ModelError, UnsupportedError
from heliox.learn.exact import OnProblem
from heliox.learn.network import Net
from heliox.learn.parameter import joined
from heliox.learn.problem import Problem
from heliox.learn.reduced import ReducedSequential
from heliox.learn.result import Gradient
from heliox.learn.rules import Criterion, Learner


@dataclass(frozen=True)
class FiniteDifference:
    """Central differences, by default with one Richardson extrapolation: ``(4 D(h/2) - D(h)) / 3``.

    Parameters
    ----------
    step : float
        Relative to the value, or to the largest of its group where that is more than a thousand times
        larger; absolute where all are 0.
    richardson : bool
        Error of order h**4 rather than h**2.

    Notes
    -----
    Two runs (four with `richardson`) for each component; members of a batch take theirs together. Surrogates
    play no part: of a spike count the difference is 0 nearly everywhere.
    """

    step: float = 1e-3
    richardson: bool = True

    def __post_init__(self) -> None:
        if not self.step > 0.0:
            raise ModelError(f"step is {self.step:g}; it must be positive")

    def bind(self, net: Net, loss: Criterion, batch: int, **options: Any) -> Learner:
        """As a learning rule, to check others by: four runs for each component."""
        if isinstance(net, ReducedSequential):
            raise UnsupportedError(
                "FiniteDifference works on full networks; bind it to the Sequential that was reduced"
            )

        def differentiate(problem: Problem, x: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
            free, parts = problem._unpacked(x)
            values = problem._named(parts)
            found = self.gradient(problem, values)
            pieces = np.split(free, np.cumsum([t.size for t in problem.trained])[:-1], axis=1)
            slopes = [
                np.atleast_2d(found.gradient[t.label]) * t.transform.slope(p)
                for t, p in zip(problem.trained, pieces, strict=True)
            ]
            return found.value, joined(slopes)

        return OnProblem(net, loss, batch, differentiate, {}, **options)

    def gradient(self, problem: Problem, values: Mapping[str, ArrayLike] | None = None) -> Gradient:
        """As `Problem.gradient`, with the steps taken in ``steps``."""
        parts = problem._values if values is None else problem._given(values)
        per, steps = [], []
        for k, part in enumerate(parts):
            h = self._steps(part)
            g = np.zeros_like(part)
            for j in range(part.shape[1]):
                g[:, j] = self._component(problem, parts, k, j, h[:, j])
            per.append(g)
            steps.append(h)
        value = problem._value(parts)
        return Gradient(value, problem._named(per), problem.through, steps=problem._named(steps))

    def _steps(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        largest = np.abs(x).max(axis=1, keepdims=True)
        size = np.maximum(np.abs(x), 1e-3 * largest)
        return self.step * np.where(largest > 0.0, size, 1.0)

    def _component(
        self, problem: Problem, parts: list[NDArray[np.float64]], k: int, j: int, h: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        def central(step: NDArray[np.float64]) -> NDArray[np.float64]:
            found = []
            for sign in (1.0, -1.0):
                moved = [p.copy() for p in parts]
                moved[k][:, j] += sign * step
                found.append((problem._value(moved), moved[k][:, j]))
            (above, high), (below, low) = found
            return (above - below) / (high - low)  # the step that rounding left

        if not self.richardson:
            return central(h)
        return (4.0 * central(0.5 * h) - central(h)) / 3.0
