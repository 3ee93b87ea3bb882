"""Which samples of a run a window spans, and which are read out."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from heliox.errors import ModelError

Array = NDArray[np.float64]


class Timed(Protocol):
    """What has a window, ms."""

    duration: float
    window: tuple[float, float]
    dt: float


def window_steps(net: Timed) -> tuple[int, int]:
    """Samples that a window spans: from the first step with start <= t + dt/2 to the last sample <= stop."""
    start, stop = net.window
    return int(np.ceil((start - 0.5 * net.dt) / net.dt - 1e-9)), int(np.floor(stop / net.dt + 1e-9))


def samples_read(net: Timed) -> slice:
    """Samples of a run with start < t <= stop, whose mean is the readout."""
    first, last = window_steps(net)
    after = 1 if first * net.dt <= net.window[0] + 1e-9 else 0
    return slice(first + after, last + 1)


def check(net: Timed) -> None:
    """Raise ModelError unless times are finite and the window lies in the run and holds a sample of it."""
    if not (np.isfinite(net.duration) and 0.0 < net.dt <= net.duration):
        raise ModelError(f"dt {net.dt:g} ms must be positive and at most the duration, {net.duration:g} ms")
    if not 0.0 <= net.window[0] < net.window[1] <= net.duration:
        raise ModelError(f"the window {net.window} ms must lie within the {net.duration:g} ms of a sample")
    read = samples_read(net)
    if read.stop <= read.start:
        raise ModelError(f"the window {net.window} ms holds no sample of a run with dt {net.dt:g} ms")


def averaged(v: Array) -> Array:
    """Mean over the first axis, added in order of time."""
    return np.add.accumulate(v, axis=0)[-1] / len(v)
