"""Numbers of spikes as a loss, through a surrogate."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from heliox.engine.adjoint import Surrogate
from heliox.engine.sweeps import slope
from heliox.errors import ModelError
from heliox.learn.losses import Array, Loss
from heliox.learn.statistics import Aimed
from heliox.model.selection import Where


def spike_count(
    variable: str,
    goal: ArrayLike | None = None,
    *,
    weights: ArrayLike | None = None,
    where: Where = None,
    threshold: float | None = None,
    start: float = 0.0,
    stop: float = np.inf,
    surrogate: Surrogate | None = None,
) -> Loss:
    """A loss on how often a variable rises above a threshold, place by place.

    Parameters
    ----------
    variable, where, goal, weights
        As in `reduced`; the number of a place is that of samples above the threshold behind one that is not.
    threshold : float, optional
        In the unit of the variable; default: that of the spike detector at each place.
    start, stop : float
        ms, of the samples that are above, both included.
    surrogate : Surrogate, optional
        What stands for the derivative; default: fast sigmoid, 5 mV wide.

    Notes
    -----
    Counts are steps of the parameters, whose derivative is 0. What is given instead is the derivative of the
    sum of sigma((v - threshold)/width) over all samples behind one that is not above: also of cells that
    never spike.
    """
    return _Count(variable, goal, weights, where, threshold, start, stop, surrogate or Surrogate())


class _Count(Aimed):
    surrogate = True

    def __init__(
        self, variable: str, goal: ArrayLike | None, weights: ArrayLike | None, where: Where,
        threshold: ArrayLike | None, start: float, stop: float, shape: Surrogate,
    ) -> None:  # fmt: skip
        super().__init__(variable, where, start, stop)
        self.aim(goal, weights)
        self.shape = shape
        self.threshold = None if threshold is None else np.asarray(threshold, np.float64)

    def bound(self, sim: Any) -> Loss:
        if self.threshold is not None:
            return self
        v = sim.draft.handle(self.read.variable, self.read.where).variable
        s = sim.model.sources
        found = []
        for index, name in zip(v.indices.tolist(), v.names, strict=True):
            watched = np.array([x == v.name for x in s.variable], bool)
            here = np.flatnonzero((s.mechanism == v.mechanism) & (s.index == index) & watched)
            thresholds = np.unique(s.threshold[here])
            if len(thresholds) != 1:
                what = "no spike detector" if not len(thresholds) else "detectors of different thresholds"
                raise ModelError(f"{name} has {what}; give a threshold to spike_count", variable=name)
            found.append(float(thresholds[0]))
        out = _Count.__new__(_Count)
        out.__dict__.update(self.__dict__)
        out.threshold = np.array(found)
        return out

    def evaluate(self, traces: Any) -> tuple[Array, dict]:
        x = traces[self.read]
        window = self.window(traces.t)
        assert self.threshold is not None
        u = x - np.broadcast_to(self.threshold, x.shape[1:2])[:, None]
        may = np.zeros(x.shape, bool)
        may[:, :, 1:] = u[:, :, :-1] <= 0.0
        may[:, :, : window.start] = may[:, :, window.stop :] = False
        counts = (may & (u > 0.0)).sum(axis=-1).astype(float)
        value, per = self.aimed(counts)
        return value, {self.read: per[:, :, None] * np.where(may, slope(u, self.shape), 0.0)}

    def __repr__(self) -> str:
        return f"<spike count of {self.read.called}>"
