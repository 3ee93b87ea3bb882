"""Numbers of steps and times of samples, as NEURON counts them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heliox.errors import ModelError

SLACK = 5e-7  # ms, at the bounds of windows of samples


def psolve_steps(t: float, tstop: float, dt: float) -> int:
    """Steps NEURON's psolve(tstop) takes from t."""
    if not np.isfinite(tstop):
        raise ModelError(f"tstop is {tstop}; it must be finite")
    end = tstop * (1.0 + 1e-11)
    n = int((end - t) / dt + 1e-9)
    if n > 3:
        return n
    n = 0
    while t <= end - dt:
        t = t + 0.5 * dt
        t = t + 0.5 * dt
        n += 1
    return n


def step_times(t: float, steps: int, dt: float) -> NDArray[np.float64]:
    """t after 0 ... `steps` steps, accumulated by half steps as NEURON does."""
    halves = np.full(2 * steps + 1, 0.5 * dt)
    halves[0] = t
    return np.add.accumulate(halves)[::2]
