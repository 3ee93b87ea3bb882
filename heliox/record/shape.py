"""The shape of a model as lines to be drawn: from 3-D points where they are known, else from its topology.

A section without points is drawn as a straight cable as long as it is. Its direction comes from an
equal-angle layout of the tree (Felsenstein 2004, Inferring Phylogenies, chapter 34): every branch has a
sector of the plane that is proportional to its number of tips, and runs along the middle of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.errors import ModelError, nearest
from heliox.model.model import Model, Sections
from heliox.model.names import Names
from heliox.model.variable import Variable

SPREAD = 2.2  # rad; widest sector of a branch that is not a root
GAP = 0.15  # between cells that are drawn side by side, as a part of the largest
UP = 0.5 * np.pi


@dataclass(frozen=True, eq=False)
class Shape:
    """Pieces of cable, and the numbers that colour them. `heliox.plot.shape` draws it.

    Attributes
    ----------
    lines : (m, 2, 4)
        The two ends of each piece: x, y, z, diameter, um. A segment has one piece, several along 3-D points.
    node : (m,) int
        The node that each piece belongs to.
    values : (m,)
        What colours the pieces, NaN where there is no value; empty if there is nothing to show.
    name, unit : str
        Of the values.
    """

    lines: NDArray[np.float64]
    node: NDArray[np.intp]
    values: NDArray[np.float64] = dataclasses.field(default_factory=lambda: np.empty(0))
    name: str = ""
    unit: str = ""

    @classmethod
    def of(cls, model: Model, points: Any = None) -> Shape:
        """The shape of a model.

        Parameters
        ----------
        model : Model
        points : optional
            3-D points instead of the model's own: a mapping from names of sections to (k, 4) arrays (x, y,
            z, diameter in um, from the attached end on), or what has ``sections`` with ``name`` and
            ``points``, such as the cell of `heliox.morphology`. A name without a cell's stands for that
            section of every cell. Cells whose places in space are not known in this way are drawn side by
            side.

        Raises
        ------
        ModelError
            If the points are none, or of no section of the model.
        """
        s = model.sections
        paths, placed = _own_points(model) if points is None else _points_of(s, model.cells.name, points)
        lines, node = _Layout(s, paths).pieces(model)
        cell = s.cell[model.nodes.section[node]]
        if len(model.cells.name) > 1 and not placed:
            lines[..., :2] += _side_by_side(lines, cell, len(model.cells.name))[cell][:, None]
        return cls(lines, node)

    def painted(self, names: Names, colour: Any, member: int = 0) -> Shape:
        """The same with values.

        Parameters
        ----------
        names : Names
            Of the model.
        colour
            A handle; numbers by region, section, pattern or place (``{"soma": 1, "dend[3]": 2}``, later ones
            replace earlier); an array over the nodes, (nodes,); or None.
        member : int
            Whose values a handle has, in a batch.

        Raises
        ------
        ModelError
            If these are no values of segments.
        """
        if colour is None:
            return self
        nodes = len(names.model.nodes)
        if hasattr(colour, "variable"):
            v, now = colour.variable, colour.values
            values = np.full(nodes, np.nan)
            values[_nodes_of(names.model, v)] = now[member] if now.ndim > 1 else now
            return dataclasses.replace(self, values=values[self.node], name=names.label(v), unit=colour.unit)
        if isinstance(colour, Mapping):
            values = np.full(nodes, np.nan)
            for where, number in colour.items():
                values[names.select("v", where).indices] = number
        else:
            values = np.asarray(colour, float)
        if values.shape != (nodes,):
            raise ModelError(f"values have the shape {values.shape}; give one for each node: ({nodes},)")
        return dataclasses.replace(self, values=values[self.node], name="", unit="")


def _nodes_of(model: Model, variable: Variable) -> NDArray[np.intp]:
    """The node of each instance of a variable of segments."""
    node: NDArray = variable.indices
    if variable.kind == "mechanism":
        node = model.mechanisms[variable.mechanism].node[node]
    if variable.kind not in ("node", "mechanism") or (node < 0).any():
        raise ModelError(f"{variable.name} is no variable of segments", variable=variable.name)
    if len(np.unique(node)) != len(node):
        name = model.mechanisms[variable.mechanism].name
        raise ModelError(
            f"there are several {name} in one segment; add up their {variable.name}, as an array (nodes,)",
            mechanism=name, variable=variable.name,
        )  # fmt: skip
    return node


def _own_points(model: Model) -> tuple[dict[int, NDArray[np.float64]], bool]:
    """Points that the model has, by index of section; whether its cells lie apart in space."""
    p = model.points
    if not len(p):
        return {}, False
    xyzd = np.stack([p.x, p.y, p.z, p.diam], axis=1)
    paths = {k: xyzd[p.ptr[k] : p.ptr[k + 1]] for k in np.flatnonzero(np.diff(p.ptr) > 1).tolist()}
    roots = np.flatnonzero(model.sections.parent < 0).tolist()
    starts = [tuple(paths[k][0, :3]) for k in roots if k in paths]
    return paths, len(starts) == len(roots) == len(set(starts))


def _points_of(
    s: Sections, cells: tuple[str, ...], given: Any
) -> tuple[dict[int, NDArray[np.float64]], bool]:
    """Points of sections by index; whether they say where each cell lies."""
    sections = getattr(given, "sections", given)
    if not isinstance(sections, Mapping):
        if not isinstance(sections, Iterable):
            raise ModelError(f"points of sections are given by their names, not by {type(given).__name__}")
        sections = {section.name: section.points for section in sections}
    found = {name: _checked(name, points) for name, points in sections.items() if points is not None}
    paths, own = {}, True
    for k, name in enumerate(s.name):
        bare = name.removeprefix(f"{cells[s.cell[k]]}.")
        if name in found or bare in found:
            own = own and name in found
            paths[k] = found.get(name, found.get(bare))
    if found and not paths:
        name = next(iter(found))
        raise ModelError(f"the model has no section {name!r}; {nearest(name, s.name[:2000])}", section=name)
    return paths, own and bool(paths)  # type: ignore[return-value]


def _checked(name: str, points: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(points, float)
    if array.ndim != 2 or array.shape[1] != 4 or len(array) < 2 or not np.isfinite(array).all():
        raise ModelError(
            f"points of {name} have the shape {array.shape}; they must be finite, (k, 4), and at least two",
            section=name,
        )
    return array


class _Layout:
    """Where sections run.

    Parameters
    ----------
    s : Sections
    paths : points of those sections that have them, by index
    """

    def __init__(self, s: Sections, paths: dict[int, NDArray[np.float64]]) -> None:
        self.s, self.paths = s, paths
        self.children: list[list[int]] = [[] for _ in s.name]
        for k, parent in enumerate(s.parent.tolist()):
            if parent >= 0:
                self.children[parent].append(k)
        self.order = [k for k, parent in enumerate(s.parent.tolist()) if parent < 0]
        for k in self.order:  # grows while it is walked: parents before children
            self.order += self.children[k]

    @cached_property
    def angles(self) -> list[float]:
        """Direction of every section in the plane, rad."""
        L, parent = self.s.L.tolist(), self.s.parent.tolist()
        tips, length = [0] * len(L), list(L)
        for k in reversed(self.order):
            tips[k] = tips[k] or 1
            if parent[k] >= 0:
                tips[parent[k]] += tips[k]
                length[parent[k]] += length[k]
        angle, sector = [UP] * len(L), [2.0 * np.pi] * len(L)
        for k in self.order:
            of = self.children[k]
            root = parent[k] < 0
            width = sector[k] if root else min(sector[k], SPREAD)
            at = angle[k] - 0.5 * width
            for c in of:
                sector[c] = width * tips[c] / sum(tips[c] for c in of)
                angle[c] = at + 0.5 * sector[c]
                at += sector[c]
            if root and of:  # the largest branch points up
                turn = UP - angle[max(of, key=lambda c: length[c])]
                for c in of:
                    angle[c] += turn
        return angle

    def ends(self) -> NDArray[np.float64]:
        """(sections, 2, 3) both ends of every section, the attached one first."""
        out = np.zeros((len(self.s.name), 2, 3))
        parent, L, child_end = self.s.parent.tolist(), self.s.L.tolist(), self.s.child_end.tolist()
        for k in self.order:
            if k in self.paths:
                out[k] = self.paths[k][[0, -1], :3]
                continue
            along = L[k] * np.array([np.cos(self.angles[k]), np.sin(self.angles[k]), 0.0])
            p = parent[k]
            if p < 0:
                out[k] = -0.5 * along, 0.5 * along
                continue
            x = float(self.s.parent_x[k])
            start = self._point(p, out[p], 1.0 - x if child_end[p] else x)
            out[k] = start, start + along
        return out

    def _point(self, k: int, ends: NDArray[np.float64], x: float) -> NDArray[np.float64]:
        """The point of section k at the part x of its length from the attached end."""
        if k not in self.paths:
            return ends[0] + x * (ends[1] - ends[0])
        return _cut(self.paths[k], np.array([x]))[0, :3]

    def pieces(self, model: Model) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Lines (m, 2, 4) of all segments, and the node of each."""
        nodes, s = model.nodes, self.s
        inner = np.flatnonzero((nodes.section >= 0) & (nodes.x > 0.0) & (nodes.x < 1.0))
        of = nodes.section[inner]
        x = np.where(s.child_end[of] == 1, 1.0 - nodes.x[inner], nodes.x[inner])
        part = np.floor(x * s.nseg[of])[:, None] + [0.0, 1.0]  # from the attached end, in segments
        part /= s.nseg[of][:, None]
        ends = self.ends()[of]
        lines = np.empty((len(inner), 2, 4))
        lines[..., :3] = ends[:, :1] + part[..., None] * (ends[:, 1:] - ends[:, :1])
        lines[..., 3] = nodes.diam[inner][:, None]
        along = np.isin(of, list(self.paths))
        made, owner = [lines[~along]], [inner[~along]]
        segment = (part[:, 0] * s.nseg[of] + 0.5).astype(int)
        for k, points in self.paths.items():
            here = of == k
            own = np.empty(int(s.nseg[k]), np.intp)
            own[segment[here]] = inner[here]
            pieces, which = _along(points, len(own))
            made.append(pieces)
            owner.append(own[which])
        return np.concatenate(made), np.concatenate(owner)


def _along(points: NDArray[np.float64], nseg: int) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """(pieces, 2, 4) a path cut at its points and between its segments; the segment of each piece."""
    x = np.union1d(_arc(points), np.arange(nseg + 1) / nseg)
    at = _cut(points, x)
    which = (0.5 * (x[:-1] + x[1:]) * nseg).astype(np.intp)
    return np.stack([at[:-1], at[1:]], axis=1), np.minimum(which, nseg - 1)


def _arc(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Length of a path up to each of its points, as a part of the whole."""
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points[:, :3], axis=0), axis=1))])
    return arc / arc[-1] if arc[-1] > 0.0 else np.linspace(0.0, 1.0, len(arc))


def _cut(points: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """(len(x), 4) points of a path at parts of its length."""
    arc = _arc(points)
    return np.stack([np.interp(x, arc, column) for column in points.T], axis=1)


def _side_by_side(lines: NDArray[np.float64], cell: NDArray, cells: int) -> NDArray[np.float64]:
    """(cells, 2) shifts that put the cells into the fields of a grid, row by row from the top."""
    low, high = np.full((cells, 2), np.inf), np.full((cells, 2), -np.inf)
    for end in (0, 1):
        np.minimum.at(low, cell, lines[:, end, :2])
        np.maximum.at(high, cell, lines[:, end, :2])
    empty = ~np.isfinite(low)
    low[empty] = high[empty] = 0.0
    field = (1.0 + GAP) * ((high - low).max(axis=0) + lines[..., 3].max(initial=1.0))
    columns = int(np.ceil(np.sqrt(cells * field[1] / field[0])))  # as wide as high
    row, column = np.divmod(np.arange(cells), min(columns, cells))
    return np.stack([column * field[0], -row * field[1]], axis=1) - 0.5 * (low + high)
