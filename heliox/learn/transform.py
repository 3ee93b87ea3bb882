"""Values between bounds as free numbers: identity, logarithm, or logit, place by place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.errors import ModelError


@dataclass(frozen=True, eq=False)
class Transform:
    """Bounds of values (n,), infinite where there is none.

    With both bounds ``x = lower + (upper - lower) / (1 + exp(-u))``; with one ``x = lower + exp(u)`` or
    ``x = upper - exp(u)``; without, ``x = u``.
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    @staticmethod
    def of(lower: ArrayLike | None, upper: ArrayLike | None, n: int, label: str) -> Transform:
        """Of one bound for all places, or one a place.

        Raises
        ------
        ModelError
            If shapes do not fit, or a lower bound is not below the upper one.
        """
        low = np.asarray(-np.inf if lower is None else lower, np.float64)
        high = np.asarray(np.inf if upper is None else upper, np.float64)
        for x in (low, high):
            if x.shape not in ((), (1,), (n,)) or np.isnan(x).any():
                raise ModelError(f"bounds of {label} are one number, or one for each of {n} places")
        if not (low < high).all():
            raise ModelError(f"bounds of {label}: the lower one must be below the upper one")
        return Transform(np.broadcast_to(low, (n,)).copy(), np.broadcast_to(high, (n,)).copy())

    @cached_property
    def kinds(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
        """Places with both bounds, with the lower only, with the upper only."""
        low, high = np.isfinite(self.lower), np.isfinite(self.upper)
        return low & high, low & ~high, ~low & high

    @cached_property
    def bounded(self) -> bool:
        """Whether any place has a bound."""
        return any(kind.any() for kind in self.kinds)

    def to_free(self, x: NDArray[np.float64], label: str = "the parameter") -> NDArray[np.float64]:
        """(..., n) values -> free numbers; ModelError for a value on a bound or outside."""
        outside = ~((x > self.lower) & (x < self.upper)).reshape(-1, len(self.lower))
        if outside.any():
            k = int(np.flatnonzero(outside.any(axis=0))[0])
            worst = np.asarray(x).reshape(-1, len(self.lower))[int(np.argmax(outside[:, k])), k]
            raise ModelError(
                f"{label} is {worst:g}, which is not inside its bounds {self.lower[k]:g} and "
                f"{self.upper[k]:g}"
            )
        both, low, high = self.kinds
        u = np.array(x, np.float64)
        u[..., both] = np.log((x - self.lower)[..., both] / (self.upper - x)[..., both])
        u[..., low] = np.log((x - self.lower)[..., low])
        u[..., high] = np.log((self.upper - x)[..., high])
        return u

    def from_free(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., n) free numbers -> values."""
        if not self.bounded:
            return np.array(u, np.float64)
        both, low, high = self.kinds
        x = np.array(u, np.float64)
        width = (self.upper - self.lower)[both]
        x[..., both] = self.lower[both] + width * _logistic(u[..., both])
        x[..., low] = self.lower[low] + np.exp(u[..., low])
        x[..., high] = self.upper[high] - np.exp(u[..., high])
        return x

    def slope(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Derivative of the values by the free numbers, (..., n)."""
        both, low, high = self.kinds
        d = np.ones_like(u)
        s = _logistic(u[..., both])
        d[..., both] = (self.upper - self.lower)[both] * s * (1.0 - s)
        d[..., low] = np.exp(u[..., low])
        d[..., high] = -np.exp(u[..., high])
        return d


def _logistic(u: NDArray[np.float64]) -> NDArray[np.float64]:
    e = np.exp(-np.abs(u))
    return np.where(u >= 0.0, 1.0, e) / (1.0 + e)
