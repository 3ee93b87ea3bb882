"""Losses on what traces are reduced to: mean, standard deviation, extremes, root mean square."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.errors import ModelError, nearest
from heliox.learn.losses import Array, Loss, Windowed, fitted, summed, target_of
from heliox.model.selection import Where

KINDS = ("mean", "std", "min", "max", "rms")


def reduced(
    variable: str,
    kind: str,
    goal: ArrayLike | None = None,
    *,
    weights: ArrayLike | None = None,
    where: Where = None,
    start: float = 0.0,
    stop: float = np.inf,
    target: ArrayLike | None = None,
) -> Loss:
    """A loss on one number for each place, as `Simulation.reduce` forms it.

    Parameters
    ----------
    variable, where, start, stop
        As in `Simulation.reduce`.
    kind : str
        ``"mean"``, ``"min"``, ``"max"``, ``"rms"`` (of the difference from `target`), and ``"std"``.
    goal : (), (n,) or (B, n), optional
        Given: the loss is the mean over places of the squared difference of the number from it.
    weights : (), (n,) or (B, n), optional
        Given: the loss is the sum over places of the number times its weight. Neither: their mean.
    target : (samples,), (n, samples) or (B, n, samples)
        For ``"rms"``.

    Notes
    -----
    The derivative of an extreme is that of its first sample.
    """
    return _Reduced(variable, kind, goal, weights, where, start, stop, target)


def window_mean(
    variable: str, goal: ArrayLike | None = None, *, weights: ArrayLike | None = None, where: Where = None,
    start: float = 0.0, stop: float = np.inf,
) -> Loss:  # fmt: skip
    """`reduced` with ``"mean"``."""
    return _Reduced(variable, "mean", goal, weights, where, start, stop, None)


def window_std(
    variable: str, goal: ArrayLike | None = None, *, weights: ArrayLike | None = None, where: Where = None,
    start: float = 0.0, stop: float = np.inf,
) -> Loss:  # fmt: skip
    """`reduced` with ``"std"``: the root of the mean squared difference from the window's mean."""
    return _Reduced(variable, "std", goal, weights, where, start, stop, None)


class Aimed(Windowed):
    """Numbers (B, n) that become a loss: by the distance from a goal, by weights, or by their mean."""

    def aim(self, goal: ArrayLike | None, weights: ArrayLike | None) -> None:
        if goal is not None and weights is not None:
            raise ModelError(f"give a goal or weights of {self.read.called}, not both")
        self.goal = None if goal is None else np.asarray(goal, np.float64)
        self.weights = None if weights is None else np.asarray(weights, np.float64)

    def aimed(self, numbers: Array) -> tuple[Array, Array]:
        """Loss (B,) and its derivative by the numbers (B, n)."""
        n = numbers.shape[1]
        if self.goal is not None:
            d = numbers - self._as(self.goal, numbers.shape)
            return summed(d * d) / n, 2.0 * d / n
        w = self._as(np.asarray(1.0 / n) if self.weights is None else self.weights, numbers.shape)
        return summed(w * numbers), np.broadcast_to(w, numbers.shape).copy()

    def _as(self, x: Array, shape: tuple[int, ...]) -> Array:
        if x.shape not in ((), shape[1:], shape) or not np.isfinite(x).all():
            raise ModelError(
                f"goals and weights of {self.read.called} are finite and one for all, {shape[1:]} or "
                f"{shape}, not {x.shape}"
            )
        return x


class _Reduced(Aimed):
    def __init__(
        self, variable: str, kind: str, goal: ArrayLike | None, weights: ArrayLike | None, where: Where,
        start: float, stop: float, target: ArrayLike | None,
    ) -> None:  # fmt: skip
        super().__init__(variable, where, start, stop)
        if kind not in KINDS:
            more = "; for numbers of spikes take spike_count" if kind == "crossings" else ""
            raise ModelError(f"reduction {kind!r}; {nearest(str(kind), KINDS)}{more}")
        if (target is None) == (kind == "rms"):
            raise ModelError("a target trace belongs to 'rms', and to it alone")
        self.kind = kind
        self.aim(goal, weights)
        self.target = None if target is None else target_of(target, variable)

    def inside(self, x: Array, window: slice, t: Array) -> tuple[Array, Array]:
        d = x
        if self.target is not None:
            d = x - fitted(self.target, x.shape, window, len(t), self.read)
        number, bar = _REDUCE[self.kind](np.ascontiguousarray(d))
        value, per = self.aimed(number)
        return value, per[:, :, None] * bar

    def __repr__(self) -> str:
        return f"<{self.kind} of {self.read.called}>"


def _over_time(x: Array) -> Array:
    """Mean over samples, of each row by itself."""
    rows = x.reshape(-1, x.shape[-1])
    return np.array([float(r.sum()) for r in rows]).reshape(x.shape[:-1]) / x.shape[-1]


def _mean(x: Array) -> tuple[Array, Array]:
    return _over_time(x), np.full_like(x, 1.0 / x.shape[-1])


def _root(d: Array) -> tuple[Array, Array]:
    """Root of the mean square; its derivative at 0 is taken as 0."""
    r = np.sqrt(_over_time(d * d))
    return r, d / (d.shape[-1] * np.where(r > 0.0, r, 1.0))[..., None]


def _std(x: Array) -> tuple[Array, Array]:
    return _root(x - _over_time(x)[..., None])


def _at(x: Array, k: NDArray[np.intp]) -> tuple[Array, Array]:
    bar = np.zeros_like(x)
    np.put_along_axis(bar, k[..., None], 1.0, axis=-1)
    return np.take_along_axis(x, k[..., None], axis=-1)[..., 0], bar


_REDUCE = {
    "mean": _mean,
    "std": _std,
    "rms": _root,
    "min": lambda x: _at(x, np.argmin(x, axis=-1)),
    "max": lambda x: _at(x, np.argmax(x, axis=-1)),
}
