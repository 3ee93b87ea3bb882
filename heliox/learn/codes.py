"""How the numbers of a sample reach the cells of an `Encoder`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from heliox.frontend.populations import Group, Population, Populations
from heliox.learn.resistance import resistances
from heliox.model.names import Names
from heliox.simulation import Simulation

Array = NDArray[np.float64]
SOMA = "soma(0.5)"


class Code(Protocol):
    """What an `Encoder` does to its cells. `vary` names the variables in which samples differ."""

    @property
    def vary(self) -> tuple[str, ...]: ...

    def build(self, net: Populations, cells: Population) -> Group | None:
        """Add what drives the cells; the artificial cells that spike for them, if there are any."""
        ...

    def write(self, sim: Simulation, cells: Population, x: Array) -> None:
        """Set what drives the cells for samples `x` (B, n)."""
        ...

    def start(self, cells: Population, x: Array) -> tuple[NDArray[np.int64], Array] | None:
        """Nodes (k,) and their voltages (B, k) mV at the start, where these are not the cell's own."""
        ...


@dataclass(frozen=True)
class RateCode:
    """Regular spikes, the faster the larger the number: every ``T = period / (x + floor)`` ms.

    Spike k = 1, 2, ... arrives at ``onset + delay + k T`` at an exponential synapse (Zhang et al. 2023, Nat
    Commun 14:5798).

    Parameters
    ----------
    period, onset, delay : float
        ms.
    floor : float
    weight : float
        uS, what a spike adds.
    tau : float
        ms, of the synapse.
    e : float
        mV, its reversal potential.
    """

    period: float = 5.0
    floor: float = 0.01
    onset: float = 9.0
    delay: float = 1.0
    weight: float = 0.05
    tau: float = 0.5
    e: float = 1.0

    @property
    def vary(self) -> tuple[str, ...]:
        return ("NetStim.start", "NetStim.interval")

    def build(self, net: Populations, cells: Population) -> Group | None:
        drive = net.points("NetStim", None, cells.copies, number=1e9, start=1e9)
        synapse = net.points("ExpSyn", cells.place(SOMA), tau=self.tau, e=self.e)
        net.connect(drive, np.arange(cells.copies), synapse, self.weight, self.delay)
        return drive

    def write(self, sim: Simulation, cells: Population, x: Array) -> None:
        interval = self.period / (np.maximum(x, 0.0) + self.floor)
        members(sim, "NetStim.start", self.onset + interval)
        members(sim, "NetStim.interval", interval)

    def start(self, cells: Population, x: Array) -> tuple[NDArray[np.int64], Array] | None:
        return None


@dataclass(frozen=True)
class CurrentCode:
    """A steady current, ``gain x`` nA, from `onset` (ms) on: the cell charges."""

    gain: float = 5e-4
    onset: float = 0.0

    @property
    def vary(self) -> tuple[str, ...]:
        return ("IClamp.amp",)

    def build(self, net: Populations, cells: Population) -> Group | None:
        net.points("IClamp", cells.place(SOMA), dur=1e9, delay=self.onset)
        return None

    def write(self, sim: Simulation, cells: Population, x: Array) -> None:
        members(sim, "IClamp.amp", self.gain * x)

    def start(self, cells: Population, x: Array) -> tuple[NDArray[np.int64], Array] | None:
        return None


@dataclass(frozen=True)
class GradedCode:
    """A steady voltage, ``scale x`` mV above a rest of 0, from the start: by the current that holds it."""

    scale: float = 1.0

    @property
    def vary(self) -> tuple[str, ...]:
        return ("IClamp.amp",)

    def build(self, net: Populations, cells: Population) -> Group | None:
        net.points("IClamp", cells.place(SOMA), dur=1e9)
        return None

    def write(self, sim: Simulation, cells: Population, x: Array) -> None:
        soma = Names(cells.cell).node(SOMA)
        members(sim, "IClamp.amp", self.scale * x / resistances(cells.cell, soma)[soma])

    def start(self, cells: Population, x: Array) -> tuple[NDArray[np.int64], Array] | None:
        soma = Names(cells.cell).node(SOMA)
        r = resistances(cells.cell, soma)
        nodes = np.arange(len(r))
        held = self.scale * x[:, :, None] * (r / r[soma])
        return cells.every(nodes), held.reshape(len(x), -1)


def members(sim: Simulation, name: str, values: Array) -> None:
    """Assign (B, n) values."""
    sim.var(name)[...] = values if sim.batch > 1 else values[0]
