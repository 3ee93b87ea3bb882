"""What all learning rules have in common: they are bound to a network, and then learn from batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from heliox.learn.network import Net

Array = NDArray[np.float64]


class Criterion(Protocol):
    """A loss of readouts, as of `heliox.learn.classification`."""

    def value_and_gradient(self, readout: Array, target: Any) -> tuple[Array, Array]:
        """Loss (B,) and its derivative by the readout (B, n)."""
        ...

    def error(self, v: Array, target: Any) -> Array:
        """Minus that derivative."""
        ...


@dataclass
class Outcome:
    """What a rule makes of a batch.

    Attributes
    ----------
    loss : (k,)
        Of each sample.
    readout : (k, outputs)
    gradient : (N,)
        Mean over the samples: what the optimiser goes down along.
    """

    loss: Array
    readout: Array
    gradient: Array


class Learner(Protocol):
    """A rule bound to a network and a loss."""

    def learn(self, x: Array, samples: Array, targets: Array) -> Outcome:
        """With parameters `x` (N,): samples (k, inputs) and their targets (k, ...), k at most the batch."""
        ...


class Rule(Protocol):
    """How errors become gradients.

    A rule says in its docstring what it neglects, and refuses by name, when it is bound, what it cannot do.
    """

    def bind(self, net: Net, loss: Criterion, batch: int, **options: Any) -> Learner:
        """Compile what it needs; `options` are ``device``, ``threads`` and ``math`` of the simulation."""
        ...
