"""Temporal views: samples of a window, or the last ones, thinned or averaged, in one contiguous array."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heliox.engine.clock import SLACK
from heliox.engine.registry import Handle
from heliox.errors import ModelError


class Window:
    """Samples of a variable, time first: what a learning rule looks back on.

    Attributes
    ----------
    t : (samples,) ms
        Of a mean over several samples, the time of the last of them.
    values : (samples, n), (samples, B, n) for a batch
        Contiguous, and the same memory in every run: a later run overwrites it.
    names : list of str
    unit : str

    Notes
    -----
    Made by `Simulation.window` (between two times) and `Simulation.ring` (the last samples) before the run:
    its size is known then, and part of ``sim.plan.summary()``.
    """

    def __init__(
        self, handle: Handle, dt: float, *, start: float = 0.0, stop: float = np.inf, every: int = 1,
        mean: bool = False, last: int = 0,
    ) -> None:  # fmt: skip
        if not last and not (0.0 <= start <= stop and np.isfinite(stop)):
            raise ModelError(f"a window from {start:g} to {stop:g} ms: it must begin at 0 or later, and end")
        self.start, self.stop, self.mean, self.last = float(start), float(stop), mean, last
        self.every = every
        self.stride = 1 if mean else every
        self.names, self.unit = handle.names, handle.unit
        self.rows = last or self._most(dt)
        if not self.rows:
            raise ModelError(
                f"a window from {start:g} to {stop:g} ms holds no sample of {handle.variable.name}"
            )
        self.attach(handle)

    def _most(self, dt: float) -> int:
        """Samples between the bounds, on the grid of `stride` steps from 0."""
        step = self.stride * dt
        first = int(np.ceil((self.start - SLACK) / step))
        found = int(np.floor((self.stop + SLACK) / step)) - first + 1
        return found // self.every if self.mean else found

    def attach(self, handle: Handle) -> None:
        """Go on, without samples, with a new plan's handle of the same variable."""
        self.handle = handle
        self._data = np.zeros((self.rows, handle.addresses.size))
        self._times = np.zeros(self.rows)
        self.clear()

    def clear(self) -> None:
        """Forget all samples."""
        self._count = 0
        self._summed = 0
        self._sum = np.zeros(self.handle.addresses.size)
        self.steps = 0
        self.started = False

    @property
    def nbytes(self) -> int:
        return self._data.nbytes

    @property
    def t(self) -> NDArray[np.float64]:
        return self._times[self._order()]

    @property
    def values(self) -> NDArray[np.float64]:
        shape = self.handle.addresses.shape
        if self._count <= self.rows:
            return self._data[: self._count].reshape(-1, *shape)
        return self._data[self._order()].reshape(-1, *shape)

    def _order(self) -> NDArray[np.intp]:
        """Rows in order of time: a ring begins behind what was written last."""
        first = max(0, self._count - self.rows)
        return np.arange(first, self._count) % self.rows

    def reserve(self, samples: int) -> None:
        """The room is there already."""

    def append(self, t: NDArray[np.float64], block: NDArray[np.float64]) -> None:
        """Take in samples: `t` (k,), `block` (k, places)."""
        if not self.last:
            inside = np.flatnonzero((t >= self.start - SLACK) & (t <= self.stop + SLACK))
            if not len(inside):
                return
            here = slice(int(inside[0]), int(inside[-1]) + 1)
            t, block = t[here], block[here]
        if self.mean:
            for time, row in zip(t, block, strict=True):
                self._sum = self._sum + row
                self._summed += 1
                if self._summed == self.every:
                    self._put(time[None], (self._sum / self.every)[None])
                    self._sum, self._summed = np.zeros_like(self._sum), 0
        else:
            self._put(t, block)

    def _put(self, t: NDArray[np.float64], block: NDArray[np.float64]) -> None:
        if not self.last:
            room = self.rows - self._count
            t, block = t[:room], block[:room]
        at = np.arange(self._count, self._count + len(t)) % self.rows
        if len(at) and at[-1] - at[0] == len(at) - 1:
            self._data[at[0] : at[-1] + 1] = block
            self._times[at[0] : at[-1] + 1] = t
        else:
            for k, row, time in zip(at.tolist(), block, t, strict=True):
                self._data[k], self._times[k] = row, time
        self._count += len(t)

    def __repr__(self) -> str:
        what = f"{len(self.names)} x {self.handle.variable.name}"
        return f"<heliox window of {what}: {self.rows} samples, {self.nbytes:,} bytes>"
