"""Losses: numbers made of traces, with their exact derivatives by every sample (cotangents)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.engine.clock import SLACK
from heliox.errors import ModelError
from heliox.model.selection import Where
from heliox.model.variable import Variable

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Read:
    """A variable that a loss reads, at its places."""

    variable: str | Variable
    where: Where = None

    @property
    def called(self) -> str:
        """What messages call it."""
        return self.variable if isinstance(self.variable, str) else self.variable.whole


class Traces:
    """What losses are made of: ``traces[read]`` (B, n, samples), at ``t`` (samples,) ms.

    The first sample is the state at the start.
    """

    def __init__(self, t: Array, arrays: Mapping[Read, Array]) -> None:
        self.t, self.arrays = t, dict(arrays)

    def __getitem__(self, read: Read) -> Array:
        return self.arrays[read]


Evaluated = tuple[Array, dict[Read, Array]]  # values (B,); cotangents (B, n, samples)


class Loss:
    """A number a member. Losses add up, and can be multiplied by numbers.

    Attributes
    ----------
    reads : tuple of Read
    surrogate : bool
        Whether the derivatives given are those of something else than the value.
    """

    reads: tuple[Read, ...] = ()
    surrogate = False

    def evaluate(self, traces: Traces) -> Evaluated:
        """Value (B,), and its derivatives by every sample of every read."""
        raise NotImplementedError

    def bound(self, sim: Any) -> Loss:
        """The same for a simulation: what has to be looked up in its model is."""
        return self

    def __add__(self, other: Loss) -> Loss:
        if not isinstance(other, Loss):
            return NotImplemented
        return Sum(((1.0, self), (1.0, other)))

    def __radd__(self, other: object) -> Loss:
        return self if isinstance(other, int) and other == 0 else NotImplemented  # sum() starts at 0

    def __sub__(self, other: Loss) -> Loss:
        return self + -1.0 * other

    def __mul__(self, factor: float) -> Loss:
        if not isinstance(factor, int | float | np.floating | np.integer):
            return NotImplemented
        return Sum(((float(factor), self),))

    __rmul__ = __mul__


class Sum(Loss):
    """Losses times numbers."""

    def __init__(self, terms: tuple[tuple[float, Loss], ...]) -> None:
        flat: list[tuple[float, Loss]] = []
        for factor, loss in terms:
            inner = loss.terms if isinstance(loss, Sum) else ((1.0, loss),)
            flat += [(factor * f, x) for f, x in inner]
        self.terms: tuple[tuple[float, Loss], ...] = tuple(flat)
        self.reads = tuple(dict.fromkeys(r for _, x in flat for r in x.reads))
        self.surrogate = any(x.surrogate for _, x in flat)

    def bound(self, sim: Any) -> Loss:
        return Sum(tuple((f, x.bound(sim)) for f, x in self.terms))

    def evaluate(self, traces: Traces) -> Evaluated:
        total: Array = np.zeros(len(next(iter(traces.arrays.values()))))
        bars: dict[Read, Array] = {}
        for factor, loss in self.terms:
            value, cotangents = loss.evaluate(traces)
            total = total + factor * value
            for read, x in cotangents.items():
                bars[read] = bars[read] + factor * x if read in bars else factor * x
        return total, bars

    def __repr__(self) -> str:
        return " + ".join(f"{f:g} * {x!r}" for f, x in self.terms)


class Windowed(Loss):
    """A loss that reads one variable, from `start` to `stop` (ms, both included)."""

    def __init__(self, variable: str, where: Where, start: float, stop: float) -> None:
        if not start <= stop:
            raise ModelError(f"a window from {start:g} to {stop:g} ms holds no sample")
        self.read = Read(variable, where)
        self.reads = (self.read,)
        self.start, self.stop = float(start), float(stop)

    def window(self, t: Array) -> slice:
        """Samples inside; ModelError if there is none."""
        first = int(np.searchsorted(t, self.start - SLACK))
        last = int(np.searchsorted(t, self.stop + SLACK, side="right"))
        if first >= last:
            raise ModelError(
                f"the window from {self.start:g} to {self.stop:g} ms of a loss on {self.read.called} holds "
                f"none of the samples from {t[0]:g} to {t[-1]:g} ms"
            )
        return slice(first, last)

    def evaluate(self, traces: Traces) -> Evaluated:
        x = traces[self.read]
        window = self.window(traces.t)
        inside = np.ascontiguousarray(x[:, :, window])
        value, bar = self.inside(inside, window, traces.t)
        out = np.zeros_like(x)
        out[:, :, window] = bar
        return value, {self.read: out}

    def inside(self, x: Array, window: slice, t: Array) -> tuple[Array, Array]:
        """Value (B,) and cotangent of the samples of the window (B, n, samples)."""
        raise NotImplementedError

    def __repr__(self) -> str:
        where = "" if self.read.where is None else f" of {self.read.where}"
        return f"<{type(self).__name__} of {self.read.called}{where}>"


def mse(
    variable: str, target: ArrayLike, where: Where = None, *, start: float = 0.0, stop: float = np.inf
) -> Loss:
    """Mean, over places and samples, of the squared difference from a target.

    Parameters
    ----------
    variable, where
        As in `Simulation.record`.
    target : (), (samples,), (n, samples) or (B, n, samples)
        In the unit of the variable; samples of the window, or of the whole run with its first sample.
    start, stop : float
        ms, both included.
    """
    return _Squared(variable, target, where, start, stop)


class _Squared(Windowed):
    def __init__(self, variable: str, target: ArrayLike, where: Where, start: float, stop: float) -> None:
        super().__init__(variable, where, start, stop)
        self.target = target_of(target, variable)

    def inside(self, x: Array, window: slice, t: Array) -> tuple[Array, Array]:
        d = x - fitted(self.target, x.shape, window, len(t), self.read)
        size = d[0].size
        return summed(d * d) / size, (2.0 / size) * d


def custom(
    variable: str,
    function: Callable[[Array, Array], tuple[ArrayLike, ArrayLike]],
    where: Where = None,
) -> Loss:
    """A loss of one's own.

    Parameters
    ----------
    variable, where
        As in `Simulation.record`.
    function : callable
        Of the traces (B, n, samples) and their times (samples,) ms; returns the values (B,) and their
        derivatives by every sample (B, n, samples).
    """
    return _Custom(variable, function, where)


class _Custom(Loss):
    def __init__(self, variable: str, function: Callable, where: Where) -> None:
        self.read = Read(variable, where)
        self.reads = (self.read,)
        self.function = function

    def evaluate(self, traces: Traces) -> Evaluated:
        x = traces[self.read]
        value, bar = (np.asarray(a, np.float64) for a in self.function(x, traces.t))
        if value.shape != x.shape[:1] or bar.shape != x.shape:
            raise ModelError(
                f"a custom loss on {self.read.called} gave values of shape {value.shape} and derivatives "
                f"of shape {bar.shape}; they must be {x.shape[:1]} and {x.shape}"
            )
        return value, {self.read: bar}

    def __repr__(self) -> str:
        return f"<custom loss of {self.read.called}>"


def summed(x: Array) -> Array:
    """Sum over all but the members (B, ...), of each member by itself: its bits do not depend on others."""
    return np.array([float(np.ascontiguousarray(row).ravel().sum()) for row in x])


def target_of(target: ArrayLike, variable: str) -> Array:
    x = np.asarray(target, np.float64)
    if x.ndim > 3 or not np.isfinite(x).all():
        raise ModelError(f"a target of {variable} is a finite array of at most (B, n, samples)")
    return x


def fitted(target: Array, shape: tuple[int, ...], window: slice, samples: int, read: Read) -> Array:
    """A target as (B or 1, n or 1, samples of the window)."""
    x = target if target.ndim == 0 or target.shape[-1] != samples else target[..., window]
    wanted = [(), shape[2:], shape[1:], shape]
    if shape[1] == 1:
        wanted.append((shape[0], shape[2]))
    if x.shape not in wanted:
        raise ModelError(
            f"a target of shape {target.shape} does not fit {read.called}: the window holds {shape[2]} "
            f"samples of {shape[1]} places in {shape[0]} members, the run {samples}",
            variable=read.called,
        )
    if x.ndim == 2 and x.shape != shape[1:]:
        return x[:, None]
    return x
