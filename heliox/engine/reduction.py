"""Reductions: numbers made of samples while a run goes on, so that members need not store their traces."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.engine.clock import SLACK
from heliox.engine.registry import Handle
from heliox.errors import ModelError, nearest

KINDS = ("mean", "min", "max", "rms", "crossings")
_JOIN: dict[str, Callable[[NDArray, NDArray], NDArray]] = {"min": np.minimum, "max": np.maximum}


class Reduction:
    """One number for each place and member, of the samples from `start` to `stop` (ms, both included).

    Attributes
    ----------
    value : () or (n,)
        For one place or several; a leading axis of length B for a batch. NaN without a sample (0 crossings),
        and for members that failed before the last one.
    samples : int
        How many samples it is made of.
    names : list of str
    unit : str

    Notes
    -----
    Sums are formed sample by sample in order of time: no bit depends on how a run is cut into pieces.
    """

    def __init__(
        self, handle: Handle, kind: str, start: float, stop: float, target: ArrayLike | None, threshold: float
    ) -> None:
        if kind not in KINDS:
            raise ModelError(f"reduction {kind!r}; {nearest(str(kind), KINDS)}")
        if not start <= stop:
            raise ModelError(f"a reduction from {start:g} to {stop:g} ms holds no sample")
        if (target is None) == (kind == "rms"):
            raise ModelError("a target trace belongs to 'rms', and to it alone")
        self.kind = kind
        self.start, self.stop, self.threshold = float(start), float(stop), float(threshold)
        self.names = handle.names
        self.unit = "" if kind == "crossings" else handle.unit
        self.stride = 1
        self._given = target
        self.attach(handle)

    def attach(self, handle: Handle) -> None:
        """Go on, without samples, with a new plan's handle of the same variable."""
        self.handle = handle
        self._target = None if self._given is None else _target(self._given, handle)
        self.clear()

    @property
    def value(self) -> NDArray[np.float64]:
        shape = self.handle.addresses.shape
        out = self._result().reshape(shape)
        return out[..., 0] if len(self.handle) == 1 else out

    def _result(self) -> NDArray[np.float64]:
        if self.kind == "crossings":
            return self._held.copy()
        if not self.samples:
            return np.full_like(self._held, np.nan)
        if self.kind in _JOIN:
            return self._held.copy()
        mean: NDArray[np.float64] = self._held / self.samples
        return np.sqrt(mean) if self.kind == "rms" else mean

    def clear(self) -> None:
        """Forget all samples."""
        first = {"min": np.inf, "max": -np.inf}.get(self.kind, 0.0)
        self._held = np.full(self.handle.addresses.size, first)
        self._above: NDArray[np.bool_] | None = None
        self.samples = 0
        self.steps = 0
        self.started = False

    def reserve(self, samples: int) -> None:
        """Nothing is stored."""

    def append(self, t: NDArray[np.float64], block: NDArray[np.float64]) -> None:
        """Take in samples: `t` (k,), `block` (k, places). Half a microsecond of slack at the bounds."""
        for row in block[(t >= self.start - SLACK) & (t <= self.stop + SLACK)]:
            self._take(row)

    def _take(self, row: NDArray[np.float64]) -> None:
        if self.kind == "crossings":
            above = row > self.threshold
            if self._above is not None:
                self._held += above & ~self._above
            self._held[np.isnan(row)] = np.nan
            self._above = above
        elif self.kind in _JOIN:
            self._held = _JOIN[self.kind](self._held, row)
        elif self._target is None:
            self._held += row
        elif self.samples < len(self._target):
            self._held += (row - self._target[self.samples]) ** 2
        else:
            return  # behind the end of the target
        self.samples += 1

    def __repr__(self) -> str:
        return (
            f"<heliox {self.kind} of {len(self.names)} x {self.handle.variable.name}: {self.samples} samples>"
        )


def _target(target: ArrayLike, handle: Handle) -> NDArray[np.float64]:
    """(samples, places) of a trace for all (samples,) or one a place: (n, samples) or (B, n, samples)."""
    x = np.asarray(target, np.float64)
    shape = handle.addresses.shape
    legal = [(), shape[-1:], shape] + ([shape[:1]] if shape[-1] == 1 else [])
    if x.ndim == 0 or x.shape[:-1] not in legal or not np.isfinite(x).all():
        raise ModelError(
            f"a target of shape {x.shape} does not fit {handle.variable.name}: it is (samples,), "
            f"or one finite trace for each of {shape}, samples last",
            variable=handle.variable.name,
        )
    if x.shape[:-1] == shape[:1] and shape[-1] == 1 and len(shape) > 1:
        x = x[:, None]
    return np.ascontiguousarray(np.broadcast_to(x, (*shape, x.shape[-1])).reshape(-1, x.shape[-1]).T)
