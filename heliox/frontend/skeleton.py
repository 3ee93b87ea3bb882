"""The nodes of a cell under construction, in the order and with the numbers NEURON gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from heliox.frontend.geometry import ZERO_AREA, coupling
from heliox.frontend.section import Section

HEAD = -1  # the node that a section shares with its parent, or its root node


@dataclass(eq=False)
class Skeleton:
    """Trees of sections as nodes.

    Nodes are numbered from 0 without the root nodes, which NEURON puts before all cells; tree k's root node
    is ``-1 - k`` here. Nodes of a section count from its attached end: `nseg` segments, then the far end.

    Parameters
    ----------
    sections : sequence of Section
        In order of creation; parents are among them.
    """

    sections: Sequence[Section]

    def __post_init__(self) -> None:
        self.index = {id(s): k for k, s in enumerate(self.sections)}
        self.roots = [k for k, s in enumerate(self.sections) if s.parent is None]
        self._order_sections()
        self._number_nodes()

    # --- order

    def _order_sections(self) -> None:
        """Trees one after the other, each breadth first; children by place, the last connected first."""
        children: dict[int, list[int]] = {}
        for k, s in enumerate(self.sections):
            if s.parent is not None:
                children.setdefault(self.index[id(s.parent)], []).append(k)
        for of in children.values():
            of.sort(key=lambda k: (_position(self.sections[k]), -self.sections[k].serial))
        self.order: list[int] = []
        self.tree = np.zeros(len(self.sections), np.int32)
        for t, root in enumerate(self.roots):
            row = [root]
            for k in row:  # grows while it is walked
                self.tree[k] = t
                row += children.get(k, [])
            self.order += row

    def _number_nodes(self) -> None:
        self.nseg = np.array([s.nseg for s in self.sections], np.int32)
        self.first = np.zeros(len(self.sections), np.int64)
        self.head = np.zeros(len(self.sections), np.int64)
        at = 0
        for k in self.order:
            self.first[k], at = at, at + int(self.nseg[k]) + 1
        self.n = at
        self.attached = [self._attachment(s) for s in self.sections]
        for k, (parent, j) in enumerate(self.attached):
            self.head[k] = -1 - self.tree[k] if parent < 0 else self.first[parent] + j

    def _attachment(self, s: Section) -> tuple[int, int]:
        """Section and node in it to which the first node of `s` is coupled; (-1, HEAD): the root node."""
        while s.parent is not None:
            j = node_of(s.parent, s.parent_x)
            if j != HEAD:
                return self.index[id(s.parent)], j
            s = s.parent
        return -1, HEAD

    def node(self, section: int, x: float) -> int:
        """Local node at `x` of a section, ``-1 - k`` for the root node of tree k."""
        j = node_of(self.sections[section], x)
        return int(self.head[section] if j == HEAD else self.first[section] + j)

    # --- segments, from the 0 end to the 1 end of each section, section by section

    @cached_property
    def start(self) -> NDArray[np.int64]:
        """(sections + 1,) where the segments of each section begin among all segments."""
        return np.concatenate([[0], np.cumsum(self.nseg)]).astype(np.int64)

    @cached_property
    def segment_node(self) -> NDArray[np.int64]:
        """(segments,) local node of each segment."""
        parts = []
        for s, first in zip(self.sections, self.first.tolist()):
            nodes = np.arange(first, first + s.nseg)
            parts.append(nodes[::-1] if s.child_end else nodes)
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    # --- numbers

    @cached_property
    def columns(self) -> dict[str, NDArray]:
        """Of the local nodes: parent, section, x, area (um2), a, b, diam (um); and L (um) of the sections."""
        n = self.n
        out: dict[str, NDArray] = {
            "parent": np.zeros(n, np.int64), "section": np.zeros(n, np.int32), "x": np.zeros(n),
            "area": np.full(n, ZERO_AREA), "diam": np.zeros(n), "rinv": np.zeros(n),
            "L": np.zeros(len(self.sections)),
        }  # fmt: skip
        for k, s in enumerate(self.sections):
            own, first, nseg = s.segments(), int(self.first[k]), s.nseg
            here = slice(first, first + nseg)
            out["parent"][first : first + nseg + 1] = [self.head[k], *range(first, first + nseg)]
            out["section"][first : first + nseg + 1] = k
            out["x"][here] = s.x[::-1] if s.child_end else s.x
            out["x"][first + nseg] = 1.0 - s.child_end
            out["area"][here], out["diam"][here] = own.area, own.diam
            out["rinv"][first : first + nseg + 1] = own.rinv
            out["L"][k] = own.L
        of_parent = np.where(out["parent"] < 0, ZERO_AREA, out["area"][out["parent"]])
        out["a"], out["b"] = coupling(out.pop("rinv"), out["area"], of_parent)
        return out

    # --- distance

    def distances(self, section: int, x: float) -> NDArray[np.float64]:
        """(segments,) path length (um) from the node at `x` of a section, inf where there is no path.

        The sums are formed in the order of NEURON's ``h.distance``.
        """
        rank = np.empty(len(self.sections), np.int64)
        rank[self.order] = np.arange(len(self.order))
        origin = (section, node_of(self.sections[section], x))
        out = np.empty(int(self.start[-1]))
        for k, s in enumerate(self.sections):
            here = slice(self.start[k], self.start[k + 1])
            if self.tree[k] != self.tree[section]:
                out[here] = np.inf
                continue
            j = np.arange(s.nseg)
            out[here] = self._path(*origin, k, j[::-1] if s.child_end else j, rank)
        return out

    def _path(self, s1: int, j1: int, s2: int, j2: NDArray, rank: NDArray) -> NDArray:
        x1, x2 = self._along(s1, np.array(j1)), self._along(s2, j2)
        d = np.zeros(len(j2))
        at2 = self.first[s2] + j2
        at1 = np.array(self.head[s1] if j1 == HEAD else self.first[s1] + j1)
        while s1 != s2:
            if s1 >= 0 and (s2 < 0 or rank[s1] > rank[s2]):
                d, at1 = d + x1, np.array(self.head[s1])
                s1 = self._up(s1)
                x1 = self._at(s1, at1)
            else:
                d, at2 = d + x2, np.array(self.head[s2])
                s2 = self._up(s2)
                x2 = self._at(s2, at2)
        return d if s1 < 0 else d + np.where(at1 != at2, np.abs(x1 - x2), 0.0)

    def _up(self, k: int) -> int:
        """The parent section, in NEURON's sense the one that holds the node of attachment; -1 above roots."""
        parent = self.sections[k].parent
        return -1 if parent is None else self.index[id(parent)]

    def _at(self, k: int, node: NDArray) -> NDArray:
        """Path along section k to a local node of it or its head."""
        if k < 0 or node == self.head[k]:
            return np.array(0.0)
        return self._along(k, node - self.first[k])

    def _along(self, k: int, j: NDArray) -> NDArray:
        """Path (um) from the attached end of section k to its nodes `j`."""
        nseg = int(self.nseg[k])
        ratio = np.where(j == nseg, 1.0, (j + 0.5) / nseg)
        return np.where(j == HEAD, 0.0, self.columns["L"][k] * ratio)


def node_of(section: Section, x: float) -> int:
    """Node at `x` of a section, counted from its attached end; HEAD for that end itself."""
    if x == section.child_end:
        return HEAD
    if x in (0.0, 1.0):
        return section.nseg
    j = section.segment(x)
    return section.nseg - 1 - j if section.child_end else j


def _position(section: Section) -> float:
    """Where a section is attached, as a part of its parent's length from the parent's attached end."""
    parent = section.parent
    return 1.0 - section.parent_x if parent is not None and parent.child_end else section.parent_x
