"""Neurons of C. elegans and the circuit of 136 of them (Zhao et al. 2024, Nat Comput Sci 4:978)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heliox.cells.data import PathLike, find, table
from heliox.errors import ModelError, nearest
from heliox.frontend.build import Cell, Network

Row = dict[str, str]

CHANNELS = (
    "shl1", "shk1", "kvs1", "egl2", "egl36", "kqt3", "egl19", "unc2", "cca1", "slo1_egl19", "slo1_unc2",
    "slo2_egl19", "slo2_unc2", "kcnl", "nca", "irk",
)  # fmt: skip
WEIGHTS = ("init", "opt")
SOMA = "Soma"


def worm_cell(name: str, folder: PathLike | None = None) -> Cell:
    """One neuron: an active soma and passive neurites with a segment for every 2 um.

    Parameters
    ----------
    name : str
        ``"AWCL"``, one of the 136 of ``cells.csv``.
    folder : path, optional
        With ``cells.csv``, ``sections.csv`` and ``points.csv``; default: ``celegans`` in HELIOX_DATA.

    Returns
    -------
    Cell
        With `v_init` -65 mV and `dt` 0.5 ms. Channels that its class does not have are left out.
    """
    data = _Tables.read(folder)
    if name not in data.cells:
        raise ModelError(f"there is no neuron {name!r}; {nearest(name, data.cells)}", cell=name)
    return data.cell(name)


def worm_circuit(folder: PathLike | None = None, weights: str = "init") -> Network:
    """The circuit: 136 neurons, 1115 graded synapses, 393 gap junctions, currents into 15 neurons.

    Parameters
    ----------
    folder : path, optional
        With ``cells.csv``, ``sections.csv``, ``points.csv``, ``connections.csv``, ``inputs.npz``; default:
        ``celegans`` in HELIOX_DATA.
    weights : str
        ``"init"``: weights and inputs as drawn at first; ``"opt"``: as the release has trained them.

    Returns
    -------
    Network
        Cells have their neurons' names (``"AWCL.Soma(0.5)"``). A row of ``connections.csv`` is a
        ``worm_synapse`` or one side of a gap junction, ``Gap``, both counted in order of rows; their
        variables ``w`` and ``g`` are the weights.
    """
    if weights not in WEIGHTS:
        raise ModelError(f"weights {weights!r}; {nearest(str(weights), WEIGHTS)}")
    data = _Tables.read(folder)
    net = Network()
    for name in data.cells:
        net.add(data.cell(name), copies=None, name=name)
    for row in table(data.folder / "connections.csv"):
        w = float(row[f"w_{weights}"])
        here, there = (
            data.place(row["post_cell"], row["post_segment"]),
            data.place(row["pre_cell"], row["pre_segment"]),
        )
        if row["kind"] == "gap":
            net.transfer(f"{there}.v", net.place("coupling.Gap", here, g=w) + ".vgap")
        else:
            net.transfer(f"{there}.v", net.place("worm.synapse", here, w=w) + ".vpre")
    _drive(net, data, np.load(data.folder / "inputs.npz")[f"x_{weights}"])
    return net


def _drive(net: Network, data: _Tables, currents: NDArray) -> None:
    """Currents (nA), one row a neuron, one column a step."""
    for name, row in data.cells.items():
        k = int(row["input_index"])
        if k >= 0:
            clamp = net.place("IClamp", f"{name}.{SOMA}(0.5)", dur=1e9)
            dt = net.members[0].cell.dt
            net.play(f"{clamp}.amp", dt * np.arange(currents.shape[1]), currents[k])


@dataclass(frozen=True)
class _Tables:
    """The tables of a folder; keys are names of neurons."""

    folder: Path
    cells: Mapping[str, Row]
    sections: Mapping[str, list[Row]]
    points: Mapping[str, list[Row]]

    @classmethod
    def read(cls, folder: PathLike | None) -> _Tables:
        at = find(folder, "celegans", "cells.csv").parent
        cells = {r["name"]: r for r in table(at / "cells.csv")}
        names = list(cells)
        out: list[dict[str, list[Row]]] = []
        for file in ("sections.csv", "points.csv"):
            of: dict[str, list[Row]] = {name: [] for name in names}
            for row in table(at / file):
                of[names[int(row["cell"])]].append(row)
            out.append(of)
        return cls(at, cells, *out)

    def cell(self, name: str) -> Cell:
        row, sections = self.cells[name], self.sections[name]
        cell = Cell(v_init=-65.0, dt=0.5)
        for s in sections:
            points = [
                [float(p[c]) for c in ("x_um", "y_um", "z_um", "diam_um")]
                for p in self.points[name]
                if p["section"] == s["section"]
            ]
            parent = int(s["parent_section"])
            at = f"{sections[parent]['name']}({s['parent_x']})" if parent >= 0 else ""
            cell.add_section(
                s["name"], points=np.array(points), nseg=int(s["nseg"]), connect=at, Ra=float(row["Ra"])
            )
        cell.insert("pas", g=float(row["gpas"]), e=float(row["epas"]))
        cell.set(cm=float(row["cm"]))
        cell.insert("worm.capool", where=SOMA)
        for channel in CHANNELS:
            gbar = float(row[f"gb{channel}"])
            if gbar > 0.0:
                cell.insert(f"worm.{channel}", where=SOMA, gbar=gbar)
        return cell

    def place(self, cell: str, segment: str) -> str:
        """Where a segment of a neuron lies, both by number."""
        name = list(self.cells)[int(cell)]
        k = int(segment)
        s = next(s for s in reversed(self.sections[name]) if int(s["first_segment"]) <= k)
        x = (k - int(s["first_segment"]) + 0.5) / int(s["nseg"])
        return f"{name}.{s['name']}({x!r})"
