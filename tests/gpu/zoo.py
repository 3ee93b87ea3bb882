"""Small models of everything that a step can do, built without NEURON; each runs in a second on the CPU.

``simulation(name, device)`` makes one ready to run with its recordings, ``run`` runs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.engine.recorder import Recording
from heliox.simulation import Simulation
from tests.gpu import zoo_cells, zoo_networks
from tests.gpu.cases import CASES, REST, Case, noisy, tree

__all__ = ["CASES", "REST", "Case", "Ran", "noisy", "ring", "run", "simulation", "tree"]
assert zoo_cells and zoo_networks  # they fill CASES
ring = zoo_networks.ring


@dataclass
class Ran:
    """A simulation with its recordings, by variable."""

    sim: Simulation
    recordings: dict[str, Recording]

    @property
    def values(self) -> dict[str, NDArray[np.float64]]:
        return {name: r.values for name, r in self.recordings.items()}


def simulation(name: str, device: str = "cpu", *, begin: bool = True, **options: Any) -> Ran:
    """A simulation of a model of the zoo, initialized, with its recordings."""
    c = CASES[name]
    sim = Simulation(c.build(), device=device, progress=False, **{**c.options, **options})
    c.prepare(sim)
    recordings = {variable: sim.record(variable) for variable in c.watch}
    if begin:
        sim.initialize(REST)
    return Ran(sim, recordings)


def run(name: str, device: str = "cpu", *, pieces: Sequence[float] = (1.0,), **options: Any) -> Ran:
    """The same, run to its end in pieces (parts of the whole)."""
    ran = simulation(name, device, **options)
    tstop = CASES[name].tstop
    for end in np.cumsum(pieces)[:-1] * tstop:
        ran.sim.run_until(round(end / ran.sim.dt) * ran.sim.dt)
    ran.sim.run_until(tstop)
    return ran
