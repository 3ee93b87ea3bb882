"""NEURON and HelioX beside each other: a live session is run by NEURON, frozen, and run by HelioX.

Nothing here decides what is equal enough; the tests do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import heliox
from heliox.model.model import Model
from heliox.simulation import Simulation


@dataclass
class Result:
    """One run. ``v`` (nodes, samples) mV in NEURON's node order, ``watched`` path -> (samples,), ``spikes``
    source -> (n,) ms."""

    t: NDArray[np.float64]
    v: NDArray[np.float64]
    watched: dict[str, NDArray[np.float64]]
    spikes: dict[int, NDArray[np.float64]]

    @property
    def count(self) -> int:
        """Number of spikes."""
        return sum(len(times) for times in self.spikes.values())

    def dv(self, other: "Result") -> float:
        """Largest absolute difference of any voltage at any sample in mV."""
        assert self.v.shape == other.v.shape
        return float(np.abs(self.v - other.v).max(initial=0.0))

    def assert_same_spikes(self, other: "Result") -> None:
        """Same sources, same numbers, same times to the last bit."""
        assert self.spikes.keys() == other.spikes.keys()
        for source, times in self.spikes.items():
            np.testing.assert_array_equal(times, other.spikes[source], err_msg=f"spikes of source {source}")

    def assert_same(self, other: "Result") -> None:
        """Everything equal, bit for bit."""
        np.testing.assert_array_equal(self.t, other.t)
        self.assert_same_spikes(other)
        assert self.dv(other) == 0.0
        assert self.watched.keys() == other.watched.keys()
        for path, values in self.watched.items():
            np.testing.assert_array_equal(values, other.watched[path], err_msg=path)


class Session:
    """A live NEURON session with all node voltages recorded; made when the model stands.

    Parameters
    ----------
    h : NEURON's ``h``
    watch : mapping
        Path in HelioX -> NEURON's reference to the same variable.
    v_init : float
        mV.
    """

    def __init__(self, h: Any, watch: Mapping[str, Any] | None = None, v_init: float = -65.0) -> None:
        self.h, self.pc = h, h.ParallelContext()
        self.pc.set_maxstep(10)
        h.finitialize(v_init)  # node indices are known only now
        self.v_init = v_init
        self.places: dict[int, Any] = {}
        for section in h.allsec():
            for segment in section.allseg():
                self.places.setdefault(segment.node_index(), segment)
        assert sorted(self.places) == list(range(len(self.places)))
        self.t = h.Vector().record(h._ref_t)
        self.v = [h.Vector().record(self.places[k]._ref_v) for k in sorted(self.places)]
        self.watch = {path: h.Vector().record(ref) for path, ref in (watch or {}).items()}
        h.finitialize(v_init)

    def solve(self, tstop: float) -> None:
        """Run NEURON until `tstop` ms."""
        self.pc.psolve(tstop)

    def freeze(self) -> Model:
        """The frozen model; from here on spikes of every source are recorded, and samples count."""
        model = heliox.from_neuron(h=self.h)
        assert len(model.nodes) == len(self.places)
        self.first = len(self.t) - 1
        self.spikes: dict[int, Any] = {}
        c = model.connections
        source_of = dict(zip(c.number.tolist(), c.source.tolist()))
        for netcon in self.h.List("NetCon"):
            source = source_of[int(netcon.hname().partition("[")[2][:-1])]
            if source >= 0 and source not in self.spikes:
                self.spikes[source] = self.h.Vector()
                netcon.record(self.spikes[source])
        return model

    def result(self) -> Result:
        """What NEURON gave since the freeze."""
        k = self.first
        return Result(
            np.array(self.t)[k:],
            np.array([np.array(v)[k:] for v in self.v]),
            {path: np.array(v)[k:] for path, v in self.watch.items()},
            {source: np.array(v) for source, v in self.spikes.items()},
        )


def neuron(
    h: Any,
    tstop: float,
    watch: Mapping[str, Any] | None = None,
    *,
    before: float = 0.0,
    v_init: float = -65.0,
) -> tuple[Model, Result]:
    """Run NEURON until `before` ms, freeze, run it on until `tstop` ms."""
    session = Session(h, watch, v_init)
    if before:
        session.solve(before)
    model = session.freeze()
    session.solve(tstop)
    return model, session.result()


def helios(
    model: Model,
    tstop: float,
    watch: Mapping[str, Any] | None = None,
    *,
    prepare: Callable | None = None,
    **options: Any,
) -> Result:
    """Run HelioX until `tstop` ms; `prepare` may change the Simulation first."""
    sim = Simulation(model, progress=False, **options)
    recording = sim.record("v") if len(model.nodes) else None
    watched = {path: sim.record(path) for path in (watch or {})}
    if prepare is not None:
        prepare(sim)
    sim.run_until(tstop)
    return result(model, sim, recording, watched)


def result(model: Model, sim: Simulation, recording: Any, watched: Mapping[str, Any] | None = None) -> Result:
    """What a Simulation of one member gave."""
    spikes = sim.spikes
    served = sorted({s for s in model.connections.source.tolist() if s >= 0})
    v = np.empty((0, 0))
    if recording is not None:  # a model of one node gives one row
        v = recording.values.reshape(len(model.nodes), -1)
    return Result(
        recording.t if recording is not None else np.empty(0),
        v,
        {path: r.values for path, r in (watched or {}).items()},
        {source: spikes.t[spikes.index == source] for source in served},
    )


def own_growth(model: Model, tstop: float, kick: float = 1e-11, **options: Any) -> float:
    """How far the model itself carries a kick of all voltages by `kick` mV: max |dV| in mV."""

    def push(sim: Simulation) -> None:
        v: Any = sim.var("v")
        v[:] = v.values + kick

    return helios(model, tstop, **options).dv(helios(model, tstop, prepare=push, **options))
