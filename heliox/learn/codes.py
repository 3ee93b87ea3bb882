"""How the numbers of a sample reach the cells of an `Encoder`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from heliox.errors import ModelError
from heliox.frontend.populations import Group, Population, Populations
from heliox.learn.resistance import resistances
from heliox.model.names import Names
from heliox.model.variable import Variable
from heliox.simulation import Simulation

Array = NDArray[np.float64]
SOMA = "soma(0.5)"
SHORTEST = 1e-3  # ms between spikes of a cell


class Code(Protocol):
    """What an `Encoder` does to its cells. `vary` names the variables in which samples differ."""

    @property
    def vary(self) -> tuple[str, ...]: ...

    def build(self, net: Populations, cells: Population) -> Group:
        """Add what drives the cells, one for each; where it is artificial cells, they spike for them."""
        ...

    def write(self, sim: Simulation, cells: Population, driven: Group, x: Array) -> None:
        """Set what `build` has added for samples `x` (B, n)."""
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

    def __post_init__(self) -> None:
        for name in ("period", "floor", "tau"):
            if not getattr(self, name) > 0.0:
                raise ModelError(f"{name} of a RateCode is {getattr(self, name):g}; it must be positive")

    def build(self, net: Populations, cells: Population) -> Group:
        drive = net.points("NetStim", None, cells.copies, number=1e9, start=1e9)
        synapse = net.points("ExpSyn", cells.place(SOMA), tau=self.tau, e=self.e)
        net.connect(drive, np.arange(cells.copies), synapse, self.weight, self.delay)
        return drive

    def write(self, sim: Simulation, cells: Population, driven: Group, x: Array) -> None:
        interval = self.period / (np.maximum(x, 0.0) + self.floor)
        if (interval < SHORTEST).any():
            sample = int(np.flatnonzero((interval < SHORTEST).any(axis=1))[0])
            raise ModelError(
                f"sample {sample} of its batch holds {x[sample].max():g}, of which a RateCode makes spikes "
                f"every {interval[sample].min():.2g} ms; numbers are of the order of 1",
                sample=sample,
            )
        members(sim, driven, "start", self.onset + interval)
        members(sim, driven, "interval", interval)

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

    def build(self, net: Populations, cells: Population) -> Group:
        return net.points("IClamp", cells.place(SOMA), dur=1e9, delay=self.onset)

    def write(self, sim: Simulation, cells: Population, driven: Group, x: Array) -> None:
        members(sim, driven, "amp", self.gain * x)

    def start(self, cells: Population, x: Array) -> tuple[NDArray[np.int64], Array] | None:
        return None


@dataclass(frozen=True)
class GradedCode:
    """A steady voltage, ``scale x`` mV above a rest of 0, from the start: by the current that holds it."""

    scale: float = 1.0

    @property
    def vary(self) -> tuple[str, ...]:
        return ("IClamp.amp",)

    def build(self, net: Populations, cells: Population) -> Group:
        return net.points("IClamp", cells.place(SOMA), dur=1e9)

    def write(self, sim: Simulation, cells: Population, driven: Group, x: Array) -> None:
        soma = Names(cells.cell).node(SOMA)
        members(sim, driven, "amp", self.scale * x / resistances(cells.cell, soma)[soma])

    def start(self, cells: Population, x: Array) -> tuple[NDArray[np.int64], Array] | None:
        soma = Names(cells.cell).node(SOMA)
        r = resistances(cells.cell, soma)
        nodes = np.arange(len(r))
        held = self.scale * x[:, :, None] * (r / r[soma])
        return cells.every(nodes), held.reshape(len(x), -1)


def members(sim: Simulation, group: Group, name: str, values: Array) -> None:
    """Assign (B, n) values to a variable of a group."""
    assert group.instance is not None
    at = Variable("mechanism", group.mechanism, name, group.instance.astype(np.intp), 0, Names(sim.model))
    sim.var(at)[...] = values if sim.batch > 1 else values[0]
