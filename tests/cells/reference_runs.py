"""Reference runs of the data folders l5pc, hpc, celegans: how each was made, and how far one may be off.

``benchmarks/references.py`` does all of them, the tests the beginnings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heliox import cells
from heliox.frontend.build import Cell, Network
from heliox.mechanisms import catalogue
from heliox.model.model import Model
from heliox.simulation import Simulation

APICAL = "apic[36](0.9723256456527213)"  # of the L5PC, 620 um up the trunk
THRESHOLD = -20.0  # mV
SINGLE = ("AWCL", "AIYL", "RIML", "AVAL", "VD05")


@dataclass(frozen=True)
class Run:
    """A reference run.

    Parameters
    ----------
    name : str
        What its arrays begin with.
    model : function
        Folder -> the model.
    tstop : float
        ms.
    sites : mapping
        Rest of an array's name -> path of the variable.
    tolerance : sequence of (float, float)
        Until this time (ms), this much (mV).
    reordered : sequence of (float, float)
        The same for arithmetic that forms sums in another order than NEURON, as `math="fast"` does; empty:
        no other.
    """

    name: str
    model: Callable[[Path], Model]
    tstop: float
    sites: Mapping[str, str]
    tolerance: tuple[tuple[float, float], ...]
    reordered: tuple[tuple[float, float], ...] = ()

    def allowed(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """(samples,) mV."""
        out = np.full(t.shape, np.nan)
        for until, limit in reversed(self.tolerance):
            out[t <= until] = limit
        return out


@dataclass(frozen=True)
class Outcome:
    """How a run compares: times (ms), differences of every site (samples,) in mV, spikes of both (ms).

    ``final``: the largest difference of all segments' voltages at the end of a whole run (mV), else nan.
    """

    run: Run
    t: NDArray[np.float64]
    difference: dict[str, NDArray[np.float64]]
    spikes: NDArray[np.float64]
    expected: NDArray[np.float64]
    final: float

    @property
    def largest(self) -> float:
        """mV."""
        return float(np.nanmax([self.final, *(d.max() for d in self.difference.values())]))

    @property
    def same_spikes(self) -> bool:
        """Whether every spike falls into the step of its counterpart."""
        dt = self.t[1] - self.t[0]
        same = len(self.spikes) == len(self.expected)
        return same and bool((np.floor(self.spikes / dt) == np.floor(self.expected / dt)).all())

    @property
    def within(self) -> bool:
        """Whether all is as close as asked for."""
        limit = self.run.allowed(self.t)
        return self.same_spikes and all(bool((d <= limit).all()) for d in self.difference.values())


def perform(run: Run, folder: Path, math: str, tstop: float | None = None, **options: object) -> Outcome:
    """Make a run, whole or until `tstop` ms."""
    if math == "fast" and run.reordered:
        run = replace(run, tolerance=run.reordered)
    sim = Simulation(run.model(folder), math=math, progress=False, **options)  # type: ignore[arg-type]
    records = {name: sim.record(path) for name, path in run.sites.items()}
    sim.run(run.tstop if tstop is None else tstop)
    reference = np.load(folder / "reference.npz")
    n = len(next(iter(records.values())).t)
    t = next(iter(records.values())).t
    difference = {
        name: np.abs(r.values.ravel() - reference[f"{run.name}_{name}"][:n]) for name, r in records.items()
    }
    soma, expected = records["v_soma"].values.ravel(), reference[f"{run.name}_v_soma"][:n]
    v: NDArray = sim.var("v").values.ravel()[_nodes(sim, reference)]  # type: ignore[attr-defined]
    final = np.nan if tstop is not None else float(np.abs(v - reference[f"{run.name}_v_final"]).max())
    return Outcome(run, t, difference, crossings(t, soma), crossings(t, expected), final)


def crossings(t: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Times (ms) of upward crossings of the threshold, linearly interpolated."""
    k = np.flatnonzero((v[:-1] < THRESHOLD) & (v[1:] >= THRESHOLD))
    return t[k] + (t[k + 1] - t[k]) * (THRESHOLD - v[k]) / (v[k + 1] - v[k])


# --- company: the generated code depends on the set of mechanisms, and the runs of both cells shall share it


def _beside_company(cell: Cell) -> Network:
    """A cell, and beside it one segment with all mechanisms of the two pyramidal cells and their stimuli."""
    beside = Cell(v_init=cell.v_init, celsius=cell.celsius, dt=cell.dt)
    beside.add_section("all")
    for family, names in catalogue.FAMILIES.items():
        for name in names if family in ("l5pc", "hpc") else ():
            if catalogue.get(f"{family}.{name}").kind == "density":
                beside.insert(f"{family}.{name}")
    beside.insert("pas")
    for point in ("IClamp", "l5pc.epsp", "Exp2Syn"):
        beside.place(point, "all(0.5)")
    net = Network()
    net.add(cell, name="")
    net.add(beside, copies=None, name="company")
    net.connect(net.stim("NetStim", number=0), "company.Exp2Syn[0]", weight=0.0)
    return net


def _nodes(sim: Simulation, reference: Mapping[str, NDArray]) -> NDArray[np.intp]:
    """Nodes of a reference's segments: rows of ``segments.csv``, and the company's root comes before."""
    return reference["segment_row"] + (len(sim.model.cells.name) - 1)


# --- the layer-5b cell


def _l5pc(clamp: tuple[float, float, float] = (0.0, 0.0, 0.0), apical: float = 0.0, synapse: float = 0.0):
    def model(folder: Path) -> Model:
        cell = cells.l5pc(folder)
        delay, dur, amp = clamp
        cell.place("IClamp", "soma[0](0.5)", delay=delay, dur=dur, amp=amp)
        cell.place("l5pc.epsp", APICAL, onset=105.0, tau0=0.5, tau1=5.0, imax=apical)
        cell.place("Exp2Syn", APICAL, name="synapse", tau1=0.5, tau2=5.0, e=0.0)
        net = _beside_company(cell)
        drive = net.stim("NetStim", start=104.5, number=1)
        net.connect(drive, "synapse", weight=synapse, delay=0.5)
        return net.model()

    return model


_PULSE = (100.0, 5.0, 1.9)  # of the BAC protocol: delay ms, duration ms, nA
_SOMA = {"v_soma": "soma[0](0.5).v", "v_apic620": f"{APICAL}.v"}


def _within(tolerance: float) -> tuple[tuple[float, float], ...]:
    return ((np.inf, tolerance),)


L5PC = {
    r.name: r
    for r in (
        Run("rest", _l5pc(), 500.0, _SOMA | {"v_dend60": "dend[60](0.5).v"}, _within(1e-9)),
        Run("epsponly", _l5pc(apical=0.5), 250.0, _SOMA, _within(1e-9)),
        Run("somaonly", _l5pc(_PULSE), 250.0, _SOMA, _within(1e-8)),
        Run("bac", _l5pc(_PULSE, apical=0.5), 250.0, _SOMA, _within(1e-8)),
        Run("bacsyn", _l5pc(_PULSE, synapse=0.02), 250.0, _SOMA, _within(1e-8)),
        Run(
            "step", _l5pc((50.0, 500.0, 1.0)), 600.0,
            _SOMA | {"v_axon1": "axon[1](0.5).v", "cai_soma": "soma[0](0.5).cai"},
            _within(1e-8), _within(1e-7),
        ),
    )
}  # fmt: skip
l5pc_ten = _l5pc((0.0, 1e9, 1.0))  # the model whose state after 10 ms is known


# --- the human cell


def _hpc(active: bool, clamp: tuple[float, float, float], cm: float | None = None, dt: float = 0.025):
    def model(folder: Path) -> Model:
        cell = cells.hpc(folder, active=active)
        if cm is not None:
            cell.set(cm=cm)
        delay, dur, amp = clamp
        cell.place("IClamp", "soma[0](0.5)", delay=delay, dur=dur, amp=amp)
        return _beside_company(cell).model(dt=dt)

    return model


_FAR = {
    "v_soma": "soma[0](0.5).v",
    "v_apic_far": "apic[71](0.9285714285714286).v",
    "v_basal_far": "dend[16](0.9615384615384616).v",
}
HPC = {
    r.name: r
    for r in (
        Run("passive", _hpc(False, (10.0, 100.0, 0.1)), 200.0, _FAR, _within(1e-10)),
        Run("passive_mnist", _hpc(False, (10.0, 100.0, 0.1), 1.5, 0.25), 200.0, _FAR, _within(1e-10)),
        Run(
            "active", _hpc(True, (50.0, 500.0, 0.8)), 600.0,
            _FAR | {"v_axon1": "axon[1](0.5).v"}, ((150.0, 1e-8), (200.0, 1e-7), (np.inf, 2e-6)),
        ),
        Run("active_rest", _hpc(True, (0.0, 0.0, 0.0)), 500.0, _FAR, _within(1e-8)),
    )
}  # fmt: skip
hpc_ten = _hpc(True, (0.0, 1e9, 0.8))


# --- initial states and those after 10 ms


def states(sim: Simulation, reference: Mapping[str, NDArray], prefix: str) -> dict[str, tuple[float, float]]:
    """Largest relative and absolute difference of every variable whose values a reference holds.

    Where it holds fewer values than segments they are those of soma and axon.
    """
    rows = _nodes(sim, reference)
    sections = sim.model.sections.name
    of_node = sim.model.nodes.section.tolist()
    few = [of_node.index(sections.index(n)) for n in ("soma[0]", "axon[0]", "axon[1]")]
    out = {}
    for key in reference:
        if key.startswith(prefix):
            expected = reference[key]
            name = key[len(prefix) :]
            here = _at_nodes(sim, name)[rows if len(expected) == len(rows) else few]
            there = ~np.isnan(expected)
            assert np.array_equal(there, ~np.isnan(here)), name
            d = np.abs(here[there] - expected[there])
            out[name] = float((d / np.abs(expected[there]).clip(1e-300)).max()), float(d.max())
    return out


def _at_nodes(sim: Simulation, name: str) -> NDArray[np.float64]:
    """(nodes,) values of ``NaTa_t_m``, ``cai``, ``v``; nan where it is absent."""
    if name == "v":
        return sim.var("v").values.ravel()  # type: ignore[attr-defined]
    pools = {"cai": "ca", "eca": "ca", "ica": "ca", "ik": "k", "ina": "na"}
    mechanism, _, variable = name.rpartition("_")
    owner = f"{pools[name]}_ion" if name in pools else mechanism
    path = name if name in pools else f"{mechanism}.{variable}"
    out = np.full(len(sim.model.nodes), np.nan)
    out[sim.model.mechanism(owner).node] = sim.var(path).values.ravel()  # type: ignore[attr-defined]
    return out


# --- the worm


def with_single_neurons(net: Network, folder: Path) -> None:
    """Five isolated neurons more in a network, each with a pulse of 0.01 nA into its soma."""
    for name in SINGLE:
        net.add(cells.worm_cell(name, folder), copies=None, name=f"alone_{name}")
        net.place("IClamp", f"alone_{name}.Soma(0.5)", delay=50.0, dur=200.0, amp=0.01)


def last_place(cell: Cell) -> str:
    """The last segment of a neuron."""
    section = cell.sections[-1]
    return f"{section.name}({float(section.x[-1])!r})"
