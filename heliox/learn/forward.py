"""A network and one simulation of it: samples in, readouts and what a rule looks back on out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.engine.window import Window
from heliox.errors import NumericalError
from heliox.learn.network import Net
from heliox.learn.readout import averaged, samples_read, window_steps
from heliox.learn.weights import pieces
from heliox.simulation import Simulation

Array = NDArray[np.float64]


class Forward:
    """Runs samples through a network, `batch` at a time.

    Parameters
    ----------
    net : Net
    batch : int
    traces : bool
        Keep the voltages of all layers over the window, for rules that learn on the way.
    options
        ``device``, ``threads``, ``math`` of the `Simulation`.
    """

    def __init__(self, net: Net, batch: int, traces: bool = False, **options: Any) -> None:
        self.net, self.batch = net, batch
        self.sim = Simulation(net.model, batch=batch, vary=net.vary, dt=net.dt, progress=False, **options)
        self._handles = [self.sim.var(p.variable) for p, _ in pieces(net.parameters)]
        self.first, self.last = window_steps(net)
        self.windows: list[Window] = []
        places = net.traced if traces else [net.readout]
        for v in places:
            self.windows.append(self.sim.window(v, start=self.first * net.dt, stop=self.last * net.dt))

    @property
    def threads(self) -> int:
        return self.sim.threads

    def write(self, x: Array) -> None:
        """Set the parameters (N,)."""
        for (p, piece), handle in zip(pieces(self.net.parameters), self._handles, strict=True):
            handle[...] = p.values(x[piece])

    def run(self, samples: Array) -> Array:
        """Show samples (k, inputs), k at most `batch`; the readouts (k, outputs).

        Raises
        ------
        NumericalError
            If a voltage of a sample runs away; the field ``member`` says of which.
        """
        k = len(samples)
        filled = (
            samples
            if k == self.batch
            else np.concatenate([samples, np.zeros((self.batch - k, samples.shape[1]))])
        )
        self.net.drive(self.sim, filled)
        if self.net.through == "initialize":
            self.sim.initialize(self.net.start(filled))
        else:
            self.sim.reset()
        self.sim.run(self.net.duration)
        failed = {m: e for m, e in self.sim.failures.items() if m < k}
        if failed:
            member = min(failed)
            raise NumericalError(str(failed[member]), member=member)
        return self.mean()[:k]

    def mean(self) -> Array:
        """Readouts (B, outputs): the mean over the window, in order of time."""
        return averaged(self.traces(-1)[samples_read(self.net).start - self.first :])

    def traces(self, k: int) -> Array:
        """Voltages (T, B, n) of a layer at the samples `first` to `last`."""
        v = self.windows[k].values
        return v if v.ndim == 3 else v[:, None]
