"""SWC files: points with a type and a parent -> raw sections, parted where NEURON's Import3d parts them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from heliox.frontend.import3d import SOMA, Raw
from heliox.frontend.reading import NUMBER, equal, error, less, shown, to_single

_NUMBER = re.compile(NUMBER)
_LARGEST = 2**53  # whole numbers that a double holds exactly


@dataclass(eq=False)
class Points:
    """The points of a file, in the order of the file."""

    id: list[int]
    type: list[int]
    parent: list[int]  # index of the parent point; -1: none
    x: list[float]  # um; single precision, as NEURON reads them
    y: list[float]
    z: list[float]
    diam: list[float]
    line: list[int]

    def __len__(self) -> int:
        return len(self.id)

    def at(self, i: int) -> tuple[float, float, float, float]:
        """x, y, z, diam of point `i`, um."""
        return self.x[i], self.y[i], self.z[i], self.diam[i]


def read(data: bytes, path: str, notes: list[str]) -> list[Raw]:
    """Raw sections of an SWC text.

    Raises
    ------
    ModelError
        With ``path`` and ``line``.
    """
    points = parse(data, path)
    return Sectioning(points, notes).sections()


def parse(data: bytes, path: str) -> Points:
    """The points of an SWC text: ``number type x y z radius parent`` per line, ``#`` begins a comment."""
    rows: list[list[bytes]] = []
    lines: list[int] = []
    for number, text in enumerate(data.split(b"\n"), 1):
        fields = text.split()
        if not fields or fields[0].startswith(b"#"):
            continue
        if len(fields) < 7 or not all(_NUMBER.fullmatch(x) for x in fields[:7]):
            raise error(
                path, number, f"seven numbers (number type x y z radius parent) expected, not {shown(text)}"
            )
        rows.append(fields[:7])
        lines.append(number)
    if not rows:
        raise error(path, None, "the file holds no points, only comments")

    ids = _whole(rows, 0, "number", lines, path)
    types = _whole(rows, 1, "type", lines, path)
    parents = _whole(rows, 6, "parent", lines, path)
    parent = _parent_indices(ids, parents, lines, path)
    x, y, z, radius = (_singles([row[k] for row in rows], lines, path) for k in (2, 3, 4, 5))
    for value, number in zip(radius, lines):
        if not value > 0.0:
            raise error(path, number, f"the radius is {value:g} um; it must be positive")
    return Points(ids, types, parent, x, y, z, [2 * r for r in radius], lines)


def _whole(rows: list[list[bytes]], column: int, what: str, lines: list[int], path: str) -> list[int]:
    result = []
    for row, line in zip(rows, lines):
        value = float(row[column])
        if not (abs(value) < _LARGEST and value == int(value)):
            raise error(path, line, f"the {what} must be a whole number, not {shown(row[column])}")
        result.append(int(value))
    return result


def _singles(texts: list[bytes], lines: list[int], path: str) -> list[float]:
    """NEURON reads all numbers of an SWC file in single precision."""
    values = to_single(np.array([float(text) for text in texts]), texts)
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        i = int(wrong[0])
        raise error(path, lines[i], f"{shown(texts[i])} is beyond single precision, which NEURON reads")
    return [float(value) for value in values.tolist()]


def _parent_indices(ids: list[int], parents: list[int], lines: list[int], path: str) -> list[int]:
    """Index of every point's parent; what is not one tree, numbered from its root outwards, is refused."""
    index: dict[int, int] = {}
    for i, number in enumerate(ids):
        if number < 0:
            raise error(path, lines[i], f"point {number}: numbers of points must not be negative")
        index.setdefault(number, i)
    result = []
    for i, (number, parent) in enumerate(zip(ids, parents)):
        root = parent < 0 or (i == 0 and parent == 0 and 0 not in index)
        if not root and parent not in index:
            raise error(path, lines[i], f"point {number} has parent {parent}, and there is no such point")
        result.append(-1 if root else index[parent])
    _check_roots(ids, result, lines, path)
    _check_order(ids, index, lines, path)
    _check_backward(ids, result, lines, path)
    return result


def _check_roots(ids: list[int], parent: list[int], lines: list[int], path: str) -> None:
    roots = [i for i, p in enumerate(parent) if p < 0]
    if len(roots) > 1:
        second = roots[1]
        raise error(
            path,
            lines[second],
            f"point {ids[second]} has no parent, like point {ids[roots[0]]} of line {lines[roots[0]]}: "
            f"{len(roots)} roots, and a cell has one",
        )
    if not roots:
        raise error(path, lines[0], "no point is the root (parent -1): the parents run in a circle")


def _check_order(ids: list[int], index: dict[int, int], lines: list[int], path: str) -> None:
    for i in range(1, len(ids)):
        first = index[ids[i]]
        if first != i:
            raise error(path, lines[i], f"the number {ids[i]} was already used in line {lines[first]}")
        if ids[i] < ids[i - 1]:
            raise error(
                path,
                lines[i],
                f"point {ids[i]} comes after point {ids[i - 1]}: numbers must ascend, as NEURON demands",
            )


def _check_backward(ids: list[int], parent: list[int], lines: list[int], path: str) -> None:
    forward = [i for i, p in enumerate(parent) if p >= i]
    if not forward:
        return
    i = forward[0]
    circle = _circle(parent, i)
    if circle:
        words = " -> ".join(str(ids[k]) for k in circle[:6]) + (" ..." if len(circle) > 6 else "")
        raise error(path, lines[i], f"the parents run in a circle: {words}")
    raise error(
        path,
        lines[i],
        f"point {ids[i]} has parent {ids[parent[i]]}, which comes later ({len(forward)} such points): "
        "every point must come after its parent, as NEURON demands",
    )


def _circle(parent: list[int], start: int) -> list[int]:
    """The points met from `start` towards the root, if that walk meets one twice; else nothing."""
    walk, seen = [start], {start}
    while parent[walk[-1]] >= 0:
        walk.append(parent[walk[-1]])
        if walk[-1] in seen:
            return walk
        seen.add(walk[-1])
    return []


class Sectioning:
    """Where sections begin and end, and what they are attached to.

    A section is a run of points of one type without a branch. Most of the rules concern the soma: branches in
    it and to it do not always part it, and a neurite attached to it begins at its own first point, not at the
    soma's.

    Parameters
    ----------
    points : Points
        One tree; every point comes after its parent.
    notes : list of str
        Receives a line for everything a reader should know.
    """

    def __init__(self, points: Points, notes: list[str]) -> None:
        self.points, self.notes = points, notes
        self.type = points.type
        self.parent = list(points.parent)
        self.soma_children = self._count_soma_children()
        self.at_start = [False] * len(points)  # attached to the 0 end of the parent's section
        self.weight = self._weights()
        self.sphere = self._three_points_mean_a_sphere()
        self._join_soma()

    def _count_soma_children(self) -> list[int]:
        counts = [0] * len(self.points)
        for i, p in enumerate(self.parent):
            if p >= 0 and self.type[i] == SOMA and self.type[p] == SOMA:
                counts[p] += 1
        return counts

    def _weights(self) -> list[int]:
        """100 for a point that goes on in the next one, and nowhere else; anything else ends a section."""
        weight = [0] * len(self.points)
        for i, p in enumerate(self.parent):
            if p < 0:
                continue
            weight[p] += 100
            if p != i - 1:
                weight[p] += 1
                if self._joins_start(p):
                    # else the parent would be a section of a single point
                    self.at_start[i] = True
                    weight[p] = 100
            if self.type[p] != self.type[i]:
                weight[p] += 1
        return weight

    def _joins_start(self, p: int) -> bool:
        """Whether a branch from point `p` joins the 0 end of the section that begins with `p`."""
        if self.type[p] == SOMA:
            return False
        return p == 0 or (p > 1 and self.type[self.parent[p]] == SOMA)

    def _three_points_mean_a_sphere(self) -> bool:
        """NeuroMorpho's way to write a spherical soma: a centre and two points a radius away from it."""
        if self.type.count(SOMA) != 3 or self.parent[1:3] != [0, 0] or self.weight[1] or self.weight[2]:
            return False
        points = self.points
        if not (equal(points.diam[1], points.diam[0]) and equal(points.diam[2], points.diam[0])):
            return False
        x, y, z, diam = points.at(0)
        length = 0.0
        for i in (1, 2):
            dx, dy, dz = points.x[i] - x, points.y[i] - y, points.z[i] - z
            length += (dx**2 + dy**2 + dz**2) ** 0.5
        if not less(abs(length / diam - 1), 0.01):
            return False
        self.parent[2] = 1  # one section, of which the centre is kept
        return True

    def _join_soma(self) -> None:
        """A soma point that goes on in the next soma point ends no section, whatever else is attached."""
        for i in range(len(self.points) - 1):
            if self.type[i] == self.type[i + 1] == SOMA and self.parent[i + 1] == i:
                if i == 0 or self.soma_children[i] <= 1:
                    self.weight[i] = 100

    def sections(self) -> list[Raw]:
        """The raw sections, in the order of the file."""
        raws: list[Raw] = []
        first_points: list[int] = []
        owner = [0] * len(self.points)
        begin = 0
        for end, weight in enumerate(self.weight):
            owner[end] = len(raws)
            if weight == 100:
                continue
            if begin == 0:
                stop = 1 if self.sphere else end + 1
                own = [self.points.at(i) for i in range(stop)]
                raws.append(Raw(self.type[0], own, self.points.line[0]))
            else:
                k = owner[self.parent[begin]]
                raws.append(self._attached(begin, end, raws[k], first_points[k], raws[0]))
            first_points.append(begin)
            self._note_breaks(begin, end)
            begin = end + 1
        return raws

    def _attached(self, begin: int, end: int, parent: Raw, parent_begin: int, root: Raw) -> Raw:
        """The section of points `begin` to `end`."""
        at, own = self.parent[begin], [self.points.at(i) for i in range(begin, end + 1)]
        raw = Raw(self.type[begin], [self.points.at(at), *own], self.points.line[begin], parent=parent)
        raw.parent_x, raw.first = self._place(at, raw.type, len(own), parent, parent_begin, parent is root)
        if parent.type == SOMA and raw.type != SOMA:
            raw.points[0] = (*raw.points[0][:3], own[0][3])  # a neurite does not begin as wide as the soma
        if self.at_start[begin]:
            raw.parent_x = 0.0
        return raw

    def _place(
        self, at: int, kind: int, n: int, parent: Raw, parent_begin: int, on_root: bool
    ) -> tuple[float, int]:
        """Place on the parent, and 1 where the copy of the parent's point is no part of the section."""
        leaves_soma = parent.type == SOMA and kind != SOMA
        wire = int(leaves_soma and n > 1)
        if on_root:
            if leaves_soma and len(parent.points) == 1:
                return 0.5, wire
            if at == parent_begin:
                return 0.0, int(kind != SOMA and self.soma_children[at] > 1)
        if parent.type != SOMA:
            return 1.0, 0
        last = parent_begin + len(parent.points) - (1 if parent_begin == 0 else 2)
        if at < last:
            return 0.5, wire
        return 1.0, int(wire and self.soma_children[at] > 1)

    def _note_breaks(self, begin: int, end: int) -> None:
        for i in range(begin + 1, end + 1):
            if self.parent[i] != i - 1:
                number, parent = self.points.id[i], self.points.id[self.parent[i]]
                self.notes.append(
                    f"line {self.points.line[i]}: point {number} is joined to the point before it, "
                    f"as in NEURON, and not to its parent {parent}; "
                    "a file that runs every branch to its end before the next avoids this"
                )
