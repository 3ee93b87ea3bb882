"""Models of the benchmarks, built in a live NEURON session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heliox.cells import layer23
from heliox.cells.data import find, table


def ring(h: Any, cells: int) -> list[object]:
    """A ring of branching cells: soma and first dendrites hh, the rest pas; 57 segments a cell.

    Every cell excites the next one through an ExpSyn on a distal dendrite; every fourth gets one spike at
    the start.
    """
    pc = h.ParallelContext()
    keep: list[object] = []
    synapses = []
    for k in range(cells):
        soma, dendrites = _branching_cell(h, k)
        synapse = h.ExpSyn(dendrites[-8](0.5))
        synapse.tau = 2
        synapses.append(synapse)
        keep += [gid(h, k, soma), soma, *dendrites]
    for k, synapse in enumerate(synapses):
        connection = pc.gid_connect((k - 1) % cells, synapse)
        connection.delay, connection.weight[0] = 1.0 + 0.0137 * (k % 5), 0.04
        keep.append(connection)
        if k % 4 == 0:
            stimulus = h.NetStim()
            stimulus.start, stimulus.number = 1 + 0.1 * k, 1
            connection = h.NetCon(stimulus, synapse)
            connection.delay, connection.weight[0] = 0.5, 0.04
            keep += [stimulus, connection]
    return [*keep, *synapses]


def _branching_cell(h: Any, number: int) -> tuple[Any, list[Any]]:
    soma = h.Section(name=f"cell{number}_soma")
    soma.L = soma.diam = 20
    soma.insert("hh")
    dendrites, level = [], [soma]
    for depth in range(3):
        grown = []
        for parent in level:
            for k in range(2):
                d = h.Section(name=f"cell{number}_d{depth}_{len(grown)}")
                d.L, d.diam, d.nseg = 60 + 10 * k + number % 7, 2.0 - 0.4 * depth, 4
                d.connect(parent(1))
                d.insert("hh" if depth == 0 else "pas")
                if depth:
                    d.e_pas = -65
                grown.append(d)
        dendrites += grown
        level = grown
    for s in (soma, *dendrites):
        s.Ra, s.cm = 100, 1
    return soma, dendrites


def passive_trees(h: Any, cells: int) -> list[object]:
    """Binary passive trees of depth 8 (511 sections, 1533 segments), a current into the soma of each."""
    keep: list[object] = []
    for k in range(cells):
        level = []
        for depth in range(9):
            grown = []
            for j in range(2**depth):
                s = h.Section(name=f"tree{k}_{depth}_{j}")
                s.L, s.diam, s.nseg, s.Ra, s.cm = 50, 6.0 / 1.3**depth, 3, 150, 1
                s.insert("pas")
                s.g_pas, s.e_pas = 5e-5, -70
                if depth:
                    s.connect(level[j // 2](1))
                grown.append(s)
            level = grown
            keep += grown
        root: Any = keep[-511]
        keep += [gid(h, k, root), clamped(h, root(0.5), 1, 1e9, 0.2)]
    return keep


def pyramidal(h: Any, cells: int, active: bool = False) -> list[object]:
    """The human layer-2/3 cell of HELIOX_DATA/hpc: 219 sections, 1,043 segments, the diameter
    uniform in a section.

    Active, it has the channels of heliox.cells.hpc in soma and axon (mechanisms of Figure5 of DeepDendrite).
    """
    folder = find(None, "hpc", "sections.csv")
    sections, rows = (
        table(folder),
        [r for r in table(find(None, "hpc", "segments.csv")) if r["kind"] == "seg"],
    )
    of_section: dict[str, list[dict[str, str]]] = {r["section"]: [] for r in sections}
    for r in rows:
        of_section[r["section"]].append(r)
    keep: list[object] = []
    for k in range(cells):
        made: list[Any] = []
        for r in sections:
            name, segments = r["section"], of_section[r["section"]]
            s = h.Section(name=f"pyramidal{k}_{name.replace('[', '_').rstrip(']')}")
            s.nseg, s.L, s.diam = int(r["nseg"]), float(r["L_um"]), float(segments[-1]["diam_um"])
            s.Ra, s.cm = float(r["Ra_ohm_cm"]), 0.44
            s.insert("pas")
            s.g_pas, s.e_pas = 1 / 48300, -65
            if active:
                s.e_pas = layer23.E_PAS
                for segment, row in zip(s, segments, strict=True):
                    segment.cm, segment.pas.g = float(row["cm_active"]), float(row["g_pas_active"])
                region = {"soma": layer23.SOMA, "axon": layer23.AXON}.get(name.partition("[")[0], {})
                for mechanism, values in region.items():
                    s.insert(mechanism)
                    for variable, value in values.items():
                        setattr(s, f"{variable}_{mechanism}", value)
                if region:
                    s.ena, s.ek = layer23.E_NA, layer23.E_K
            if made:
                s.connect(made[int(r["parent_section"])](float(r["parent_x"])), int(r["child_end"]))
            made.append(s)
        keep += [*made, clamped(h, made[0](0.5), 1, 1e9, (0.8 if active else 0.2) + 0.001 * k)]
        keep.append(gid(h, k, made[0]))
    if active:
        h.celsius = 37
    return keep


def hay(h: Any, folder: Path, cells: int, step: tuple[float, float, float]) -> list[object]:
    """The layer-5b cell of ModelDB 139653 (642 segments), a current step (ms, ms, nA) into each soma.

    Where there are several the current grows from cell to cell by up to 0.5 nA.
    """
    h.load_file("import3d.hoc")
    h.load_file(str(folder / "models" / "L5PCbiophys3.hoc"))
    h.load_file(str(folder / "models" / "L5PCtemplate.hoc"))
    h.celsius = 34
    keep: list[object] = []
    delay, duration, amplitude = step
    for k in range(cells):
        cell = h.L5PCtemplate(str(folder / "morphologies" / "cell1.asc"))
        soma = cell.soma[0]
        keep += [cell, gid(h, k, soma), clamped(h, soma(0.5), delay, duration, amplitude + 0.5 * k / cells)]
    return keep


def clamped(h: Any, segment: Any, delay: float, duration: float, amplitude: float) -> Any:
    clamp = h.IClamp(segment)
    clamp.delay, clamp.dur, clamp.amp = delay, duration, amplitude
    return clamp


def gid(h: Any, number: int, section: Any) -> Any:
    """Give a cell a number, which CoreNEURON asks for."""
    pc = h.ParallelContext()
    pc.set_gid2node(number, 0)
    detector = h.NetCon(section(0.5)._ref_v, None, sec=section)
    pc.cell(number, detector)
    return detector


def library(folder: Path, what: str = "nrnmech") -> Path:
    """The shared library that nrnivmodl has left somewhere below a folder."""
    found = sorted(p for p in folder.rglob(f"lib{what}*") if p.suffix in (".so", ".dylib"))
    if not found:
        raise SystemExit(f"no lib{what} below {folder}: compile its mod files with nrnivmodl -coreneuron")
    return found[0]


@dataclass(frozen=True)
class Task:
    """A model in a NEURON session, and how long it runs.

    Parameters
    ----------
    build : function
        (h, folder) -> what must be kept.
    tstop : float
        ms.
    v_init : float
        mV.
    needs : str
        ``"hay"`` or ``"hpc"``: the folder with compiled mechanisms that it needs; ``"data"``: HELIOX_DATA.
    repeat : int
        Runs, where more make no sense.
    coreneuron : bool
        Whether CoreNEURON runs it too.
    threads : bool
        Whether HelioX runs it with two threads too.
    sets : int
        Parameter sets that HelioX runs as one batch; seconds are per set, NEURON's those of one.
    starts : bool
        Whether first results in fresh processes are timed too.
    """

    build: Callable[[Any, Path], list[object]]
    tstop: float
    v_init: float = -65.0
    needs: tuple[str, ...] = ()
    coreneuron: bool = True
    threads: bool = False
    sets: int = 1
    starts: bool = False


LONG, AT_ONCE = (100.0, 800.0, 0.793), (5.0, 1e9, 0.5)
VARIED = ("NaTa_t.gNaTa_tbar", "SKv3_1.gSKv3_1bar", "Ca_HVA.gCa_HVAbar", "Ih.gIhbar")
MODELS: dict[str, Task] = {
    "ring of 64 cells": Task(lambda h, _: ring(h, 64), 200.0),
    "ring of 1,024 cells": Task(lambda h, _: ring(h, 1024), 50.0),
    "one passive tree, 1,533 segments": Task(lambda h, _: passive_trees(h, 1), 200.0),
    "32 passive trees": Task(lambda h, _: passive_trees(h, 32), 25.0),
    "500 passive human pyramidal cells": Task(lambda h, _: pyramidal(h, 500), 10.0, needs=("data",)),
    "500 active human pyramidal cells": Task(
        lambda h, _: pyramidal(h, 500, active=True), 10.0, -86.0, needs=("data", "hpc")
    ),
    "Hay L5PC": Task(lambda h, f: hay(h, f, 1, LONG), 1000.0, -80.0, needs=("hay",), starts=True),
    "32 Hay L5PC": Task(lambda h, f: hay(h, f, 32, AT_ONCE), 50.0, -80.0, needs=("hay",), threads=True),
    "256 parameter sets of Hay L5PC": Task(
        lambda h, f: hay(h, f, 1, AT_ONCE), 20.0, -80.0, needs=("hay",), sets=256, coreneuron=False
    ),
}
