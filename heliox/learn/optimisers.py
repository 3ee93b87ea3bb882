"""First-order optimisers on free numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from heliox.errors import ModelError


@dataclass
class Adam:
    """Adam (Kingma and Ba 2015): one state a member, moved by its own gradient only.

    Parameters
    ----------
    learning_rate : float
        Of free numbers: with bounds, a step of 1 in the exponent.
    beta1, beta2, epsilon : float
    decay : float
        The learning rate falls to this part of itself, along a cosine, over the steps of a fit; 1: it stays.
    """

    learning_rate: float = 0.05
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    decay: float = 1.0
    count: int = 0
    _m: NDArray[np.float64] | None = field(default=None, repr=False)
    _v: NDArray[np.float64] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.learning_rate > 0.0:
            raise ModelError(f"learning_rate is {self.learning_rate:g}; it must be positive")

    def step(
        self, x: NDArray[np.float64], gradient: NDArray[np.float64], progress: float = 0.0
    ) -> NDArray[np.float64]:
        """The next x, from the gradient at x; `progress` from 0 to 1."""
        if self._m is None or self._v is None:
            self._m, self._v = np.zeros_like(x), np.zeros_like(x)
        self.count += 1
        self._m = self.beta1 * self._m + (1.0 - self.beta1) * gradient
        self._v = self.beta2 * self._v + (1.0 - self.beta2) * gradient * gradient
        m = self._m / (1.0 - self.beta1**self.count)
        v = self._v / (1.0 - self.beta2**self.count)
        rate = self.learning_rate * (self.decay + (1.0 - self.decay) * 0.5 * (1.0 + np.cos(np.pi * progress)))
        return x - rate * m / (np.sqrt(v) + self.epsilon)
