"""Models of the benchmarks, built in a live NEURON session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from heliox.cells.data import find, table


def ring(h: Any, cells: int) -> list[object]:
    """A ring of branching cells: soma and first dendrites hh, the rest pas; 57 segments a cell.

    Every cell excites the next one through an ExpSyn on a distal dendrite; every fourth gets one spike at the start.
    """
    pc = h.ParallelContext()
    keep: list[object] = []
    synapses = []
    for gid in range(cells):
        soma, dendrites = _branching_cell(h, gid)
        synapse = h.ExpSyn(dendrites[-8](0.5))
        synapse.tau = 2
        synapses.append(synapse)
        pc.set_gid2node(gid, 0)
        pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
        keep += [soma, *dendrites]
    for gid, synapse in enumerate(synapses):
        connection = pc.gid_connect((gid - 1) % cells, synapse)
        connection.delay, connection.weight[0] = 1.0 + 0.0137 * (gid % 5), 0.04
        keep.append(connection)
        if gid % 4 == 0:
            stimulus = h.NetStim()
            stimulus.start, stimulus.number = 1 + 0.1 * gid, 1
            connection = h.NetCon(stimulus, synapse)
            connection.delay, connection.weight[0] = 0.5, 0.04
            keep += [stimulus, connection]
    return [*keep, *synapses]


def _branching_cell(h: Any, gid: int) -> tuple[Any, list[Any]]:
    soma = h.Section(name=f"cell{gid}_soma")
    soma.L = soma.diam = 20
    soma.insert("hh")
    dendrites, level = [], [soma]
    for depth in range(3):
        grown = []
        for parent in level:
            for k in range(2):
                d = h.Section(name=f"cell{gid}_d{depth}_{len(grown)}")
                d.L, d.diam, d.nseg = 60 + 10 * k + gid % 7, 2.0 - 0.4 * depth, 4
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
        clamp = h.IClamp(keep[-511](0.5))  # the root of this tree
        clamp.delay, clamp.dur, clamp.amp = 1, 1e9, 0.2
        keep.append(clamp)
    return keep


def passive_pyramidal(h: Any, cells: int) -> list[object]:
    """The human layer-2/3 cell of HELIOX_DATA/hpc, passive: 219 sections, 1,043 segments, uniform in a section."""
    sections = table(find(None, "hpc", "sections.csv"))
    diam = {
        r["section"]: float(r["diam_um"])
        for r in table(find(None, "hpc", "segments.csv"))
        if r["kind"] == "seg"
    }
    keep: list[object] = []
    for k in range(cells):
        made = []
        for r in sections:
            s = h.Section(name=f"pyramidal{k}_{r['section'].replace('[', '_').rstrip(']')}")
            s.nseg, s.L, s.diam = int(r["nseg"]), float(r["L_um"]), diam[r["section"]]
            s.Ra, s.cm = float(r["Ra_ohm_cm"]), 0.44
            s.insert("pas")
            s.g_pas, s.e_pas = 1 / 48300, -65
            if made:
                s.connect(made[int(r["parent_section"])](float(r["parent_x"])), int(r["child_end"]))
            made.append(s)
        clamp = h.IClamp(made[0](0.5))
        clamp.delay, clamp.dur, clamp.amp = 1, 1e9, 0.2 + 0.001 * k
        keep += [*made, clamp]
    return keep


MODELS: dict[str, tuple[Callable[[Any], list[object]], float]] = {
    "ring of 64 cells": (lambda h: ring(h, 64), 200.0),
    "ring of 1,024 cells": (lambda h: ring(h, 1024), 50.0),
    "one passive tree, 1,533 segments": (lambda h: passive_trees(h, 1), 200.0),
    "32 passive trees": (lambda h: passive_trees(h, 32), 25.0),
    "500 passive pyramidal cells": (lambda h: passive_pyramidal(h, 500), 10.0),
}
