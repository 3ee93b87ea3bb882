"""How a run is timed, and what a row of results holds."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

import heliox
from benchmarks.gpu.work import bytes_per_step, operations_per_step

Row = dict[str, Any]
LEAST, RUNS = 8, 3  # steps of a timed run, and runs


@dataclass(frozen=True)
class Setting:
    """Where and how long is measured.

    Parameters
    ----------
    device : str
        ``"cuda"``; any other for a dry run.
    tiny : bool
        Small models and few steps: to compile, or to try the script.
    quick : bool
        Fewer sizes.
    seconds : float
        Of this measurement, what is compiled not included.
    """

    device: str = "cuda"
    tiny: bool = False
    quick: bool = False
    seconds: float = 30.0

    @property
    def there(self) -> dict[str, Any]:
        """Options of a simulation on the device; one thread: what the CPU does for it is compiled once."""
        return {
            "device": self.device,
            "threads": 1,
            **({"mode": "streams"} if self.device.startswith("cuda") else {}),
        }


class Clock:
    """What is left of a time."""

    def __init__(self, seconds: float) -> None:
        self._end = time.perf_counter() + seconds

    def spare(self, seconds: float) -> None:
        """Leave out what took so long: compilation."""
        self._end += seconds

    @property
    def left(self) -> float:
        return self._end - time.perf_counter()


def say(text: str) -> None:
    """A line of progress."""
    print(text, flush=True)


def made(model: heliox.Model, there: dict[str, Any], **options: Any) -> tuple[heliox.Simulation, float]:
    """A simulation that has done two steps, and the seconds that took: plan, kernels, upload."""
    began = time.perf_counter()
    sim = heliox.Simulation(model, progress=False, **there, **options)
    sim.run(2 * sim.dt)
    return sim, time.perf_counter() - began


def pace(sim: heliox.Simulation, seconds: float, most: int) -> Row:
    """Microseconds a step: the median of runs of at most `most` steps from the same beginning, in `seconds`.

    Nothing is recorded; spikes are.
    """
    dt, clock = sim.dt, Clock(seconds)
    per = _timed(sim, LEAST) / LEAST
    runs: list[float] = []
    steps = int(np.clip(seconds / (RUNS + 1.0) / per, LEAST, most))
    while len(runs) < RUNS and (not runs or clock.left > 1.2 * steps * runs[-1] / 1e6):
        sim.reset()
        sim.run(2 * dt)
        runs.append(1e6 * _timed(sim, steps) / steps)
    return {"us_per_step": statistics.median(runs), "runs_us": runs, "steps": steps}


def _timed(sim: heliox.Simulation, steps: int) -> float:
    began = time.perf_counter()
    sim.run(steps * sim.dt)
    return time.perf_counter() - began


def same_bits(a: heliox.Simulation, b: heliox.Simulation, steps: int) -> bool:
    """Whether two simulations agree in every voltage and spike, some steps from the beginning."""
    for sim in (a, b):
        sim.reset()
        sim.run(steps * sim.dt)
    one, two = a.spikes, b.spikes
    return bool(
        np.array_equal(np.asarray(a.var("v").values), np.asarray(b.var("v").values))
        and np.array_equal(one.t, two.t)
        and np.array_equal(one.index, two.index)
        and np.array_equal(one.member, two.member)
    )


def segments(model: heliox.Model) -> int:
    x = model.nodes.x
    return int(((model.nodes.section >= 0) & (x > 0) & (x < 1)).sum())


def memory(sim: heliox.Simulation) -> Row:
    """Bytes on the device now and at most; nothing where there is none."""
    try:
        device = sim.engine.backend.device  # type: ignore[attr-defined]
        return {"allocated_bytes": int(device.allocated), "peak_bytes": int(device.peak)}
    except AttributeError:
        return {}


def rates(sim: heliox.Simulation, us_per_step: float) -> Row:
    """Bytes and operations that a step must take (`benchmarks.gpu.work`), and how many a second that is."""
    moved, done = bytes_per_step(sim), operations_per_step(sim)
    return {
        "bytes_per_step": moved, "operations_per_step": done,
        "GB_per_s": moved / us_per_step / 1e3, "Gflop_per_s": done / us_per_step / 1e3,
    }  # fmt: skip
