"""Reading sections and nodes of a NEURON session; `h` is always given, never imported."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

from heliox.frontend.naming import CellNames, unique
from heliox.frontend.savestate import SaveState
from heliox.model.model import Nodes, Points, Sections

MOST_POINTS = 200_000  # 3-D points that are read from a session: a microsecond each

_segment = attrgetter("x", "diam", "cm", "i_cap")


@dataclass
class Anatomy:
    """Sections and nodes, and the handles by which the rest is read.

    ``segments[s]`` are the places of section s from its parent's end, without the node it shares with the
    parent; ``index[s]`` their node numbers. ``root_segments`` root node -> (section, place).
    """

    names: tuple[str, ...]
    handles: list
    number: dict[object, int]
    segments: list[list]
    index: list[list[int]]
    root_segments: dict[int, tuple[int, Any]]
    sections: Sections
    nodes: Nodes
    cell_names: tuple[str, ...]
    capacitance: tuple[np.ndarray, np.ndarray, np.ndarray]

    def places(self, section: int) -> list[tuple[Any, int]]:
        """All places of a section with their nodes, the one it shares with its parent too."""
        sec = self.handles[section]
        head = sec(sec.orientation())
        return [(head, head.node_index()), *zip(self.segments[section], self.index[section])]


def section_names(handles: list) -> tuple[list[str], list[str]]:
    """Deterministic names of the sections, and of the cell each belongs to ("" if none)."""
    raw = [s.name() for s in handles]
    owners = [s.cell() for s in handles]
    hoc = [o is None or type(o).__module__ == "hoc" for o in owners]
    name = CellNames(str(o) for o, is_hoc in zip(owners, hoc) if is_hoc and o is not None)
    names, cells = [], []
    for text, owner, is_hoc in zip(raw, owners, hoc):
        if is_hoc:
            names.append(text)
            cells.append("" if owner is None else str(owner))
        else:
            cell = name(owner)
            names.append(cell + text[len(str(owner)) :])
            cells.append(cell)
    return list(unique(names)), cells


def read_cells(h: Any, handles: list, state: SaveState) -> Anatomy:
    """The sections `handles` (all, in NEURON's order) and their nodes.

    The session's structure must be up to date.
    """
    names, cells = section_names(handles)
    number = {s: k for k, s in enumerate(handles)}
    n_sections = len(handles)
    segments: list[list] = []
    index: list[list[int]] = []
    roots: dict[int, tuple[int, Any]] = {}
    columns = {k: np.zeros(n_sections, d) for k, d in _SECTION_TYPES.items()}
    for k, sec in enumerate(handles):
        end = int(sec.orientation())
        places = list(sec.allseg())
        if end:
            places.reverse()
        segments.append(places[1:])
        index.append([p.node_index() for p in places[1:]])
        head = places[0].node_index()
        parent = sec.parentseg()
        if parent is None:
            roots[head] = (k, places[0])
        row = (
            -1 if parent is None else number[parent.sec],
            0.0 if parent is None else parent.x,
            end,
            sec.nseg,
            head,
            sec.L,
            sec.Ra,
            sec.rallbranch,
        )
        for name, value in zip(_SECTION_TYPES, row):
            columns[name][k] = value
    nodes, capacitance = _nodes(h, segments, index, roots, columns, state)
    cell, cell_names = _cells(columns, roots, names, cells)
    sections = Sections(name=tuple(names), cell=cell, **columns)
    return Anatomy(
        tuple(names), handles, number, segments, index, roots, sections, nodes, cell_names, capacitance
    )


def read_points(handles: list) -> Points:
    """3-D points of the sections (pt3dadd), as long as they are no more than `MOST_POINTS`."""
    counts = [int(s.n3d()) for s in handles]
    if sum(counts) > MOST_POINTS:
        return Points()
    return Points.of(
        [
            np.array([(s.x3d(k), s.y3d(k), s.z3d(k), s.diam3d(k)) for k in range(n)]) if n else None
            for s, n in zip(handles, counts, strict=True)
        ]
    )


_SECTION_TYPES = {
    "parent": np.int32, "parent_x": np.float64, "child_end": np.int8, "nseg": np.int32, "head": np.int32,
    "L": np.float64, "Ra": np.float64, "rallbranch": np.float64,
}  # fmt: skip


def _nodes(
    h: Any, segments: list, index: list, roots: dict, columns: dict, state: SaveState
) -> tuple[Nodes, tuple]:
    n = sum(map(len, index)) + len(roots)
    out = Nodes(
        parent=np.full(n, -1, np.int32), section=np.full(n, -1, np.int32), x=np.zeros(n),
        area=np.full(n, 100.0), a=np.zeros(n), b=np.zeros(n), diam=np.zeros(n), v=np.zeros(n),
    )  # fmt: skip
    fmatrix = h.fmatrix
    rows: list[tuple] = []
    order: list[int] = []
    membrane: list[bool] = []
    for places, nodes in zip(segments, index):
        order += nodes
        rows += [(*_segment(p), p.area(), fmatrix(p, 1), fmatrix(p, 3)) for p in places]
        membrane += [True] * (len(places) - 1) + [False]
    if order:
        at = np.array(order)
        x, diam, cm, i_cap, area, a, b = np.array(rows).T
        has = np.array(membrane)
        lengths = [len(i) for i in index]
        out.x[at], out.a[at], out.b[at] = x, a, b
        out.area[at[has]], out.diam[at[has]] = area[has], diam[has]
        out.section[at] = np.repeat(np.arange(len(index)), lengths)
        out.parent[at[1:]] = at[:-1]
        out.parent[at[np.cumsum([0, *lengths[:-1]])]] = columns["head"]
        out.v[at] = np.concatenate(state.v)
        capacitance = (at[has], cm[has], i_cap[has])
    else:
        capacitance = (np.empty(0, int), np.empty(0), np.empty(0))
    for node, (section, place) in roots.items():
        out.x[node] = place.x
        out.v[node] = state.root_v[section]
    return out, capacitance


def _cells(
    columns: dict, roots: dict, names: list[str], cells: list[str]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Cell of each section, and the names of the cells: that of the owner, else of the root section."""
    tree = {section: node for node, (section, _) in roots.items()}
    cell = np.full(len(names), -1, np.int32)
    for start in range(len(names)):
        path, s = [], start
        while cell[s] < 0 and s not in tree:
            path.append(s)
            s = int(columns["parent"][s])
        cell[s] = tree.get(s, cell[s])
        cell[path] = cell[s]
    sections = [roots[node][0] for node in sorted(roots)]
    return cell, unique(cells[s] or names[s] for s in sections)
