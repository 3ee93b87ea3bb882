"""`Weights`: one kind of trained numbers of a network, and where they lie in the packed vector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from heliox.learn.parameter import Trained
from heliox.model.variable import Variable

Array = NDArray[np.float64]


class Weights:
    """Trained numbers: weights (before, n) of a layer row by row, its biases (n,), or any parameter.

    Parameters
    ----------
    trained : Trained
        Variable, bounds, whether it is tied; `trained.label` is ``"layer 1 weights"``.
    values : (size,)
        At the start.

    Attributes
    ----------
    initial : (size,)
        Free numbers (`heliox.learn.transform`): without bounds the values themselves.
    """

    def __init__(self, trained: Trained, values: Array) -> None:
        self.trained = trained
        self.initial = np.array(trained.transform.to_free(values[None], trained.label)[0])

    @property
    def name(self) -> str:
        return self.trained.label

    def __len__(self) -> int:
        return self.trained.size

    def values(self, x: Array) -> Array:
        """Values at all places (n,) for free numbers (size,)."""
        return self.trained.spread(self.trained.transform.from_free(x[None]))[0]

    @property
    def variable(self) -> Variable:
        """What `Simulation.var` takes."""
        return self.trained.variable


def pieces(parameters: Sequence[Weights]) -> Iterator[tuple[Weights, slice]]:
    """Each of them, and where it lies in the packed vector."""
    at = 0
    for p in parameters:
        yield p, slice(at, at + len(p))
        at += len(p)


def packed(parameters: Sequence[Weights]) -> Array:
    """All of them at the start (N,)."""
    return np.concatenate([p.initial for p in parameters])
