"""Sections and places in them <-> nodes. Tables are NumPy arrays, made when first asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from heliox.errors import ModelError, nearest
from heliox.model import paths
from heliox.model.model import Model

MANY = 2000  # names among which a near one is sought: comparing with more takes seconds
SHOWN = 6  # names quoted in a message


class Places:
    """Where the nodes of a model lie.

    Parameters
    ----------
    model : Model
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    # --- sections

    def section(self, name: str) -> int:
        """Index of the section called `name`: its full name, or an end of it that no other section has.

        Raises
        ------
        ModelError
            If there is none, or more than one.
        """
        found = self._by_name.get(name) or self._by_suffix.get(name)
        if found is None:
            raise ModelError(f"the model has no section {name!r}; {nearest(name, self._legal)}", section=name)
        if len(found) > 1:
            names = some(f"{self.model.sections.name[s]!r}" for s in found)
            raise ModelError(f"{name!r} is the name of {len(found)} sections: {names}", section=name)
        return found[0]

    def matching(self, pattern: str) -> NDArray[np.bool_]:
        """Mask (sections,) of what a pattern without x names: sections, regions, or all sections of cells.

        Raises
        ------
        ModelError
            If it names none.
        """
        regex = paths.section_regex(pattern)
        mask = np.array([regex.fullmatch(name) is not None for name in self.model.sections.name], bool)
        if not mask.any():
            cells = [k for k, name in enumerate(self.model.cells.name) if regex.fullmatch(name)]
            mask = np.isin(self.model.sections.cell, cells)
        if not mask.any():
            legal = [*self._legal, *self.model.cells.name[:MANY]]
            raise ModelError(f"no section matches {pattern!r}; {nearest(pattern, legal)}", section=pattern)
        return mask

    def regions(self, nodes: NDArray[np.integer]) -> str:
        """Words for a message: the regions in which `nodes` lie."""
        names = self.model.sections.name
        owners = np.unique(self.owner[nodes[nodes >= 0]])
        return some(sorted({paths.region(names[s]) for s in owners[owners >= 0]}))

    # --- nodes

    def node(self, place: str) -> int:
        """Index of the node at a place such as ``"soma[0](0.5)"``, as NEURON finds it.

        Raises
        ------
        ModelError
            If the section is unknown or ambiguous, or x not from 0 to 1.
        """
        name, x = paths.parse_place(place)
        return self.at(self.section(name), x)

    def at(self, section: int, x: float) -> int:
        """Index of the node at `x` (0 to 1) of a section; the end at the parent is the parent's node."""
        return int(self.at_each(np.array([section]), x)[0])

    def at_each(self, sections: NDArray[np.integer], x: float) -> NDArray[np.intp]:
        """Indices (len(sections),) of the nodes at `x` of several sections."""
        s = self.model.sections
        near = s.child_end[sections]
        if x in (0.0, 1.0):
            far = self._starts[sections] + np.where(near == 1, 0, s.nseg[sections])
            return np.where(near == x, s.head[sections], self._order[far]).astype(np.intp)
        # the zero-area node is the first in the order of x where the section is attached with its 1 end
        segment = np.minimum((x * s.nseg[sections]).astype(np.intp), s.nseg[sections] - 1)
        return self._order[self._starts[sections] + segment + (near == 1)]

    def location(self, node: int) -> str:
        """``"L5PC[0].apic[3](0.5)"``: the section of a node and NEURON's x of it."""
        return self.locations(np.array([node]))[0]

    def locations(self, nodes: Sequence[int] | NDArray[np.integer]) -> list[str]:
        """Locations of several nodes."""
        nodes = np.asarray(nodes, np.intp)
        if nodes.size and not 0 <= nodes.min() <= nodes.max() < len(self.model.nodes):
            wrong = int(nodes.min() if nodes.min() < 0 else nodes.max())
            raise ModelError(f"the model has no node {wrong}; it has {len(self.model.nodes)}.", node=wrong)
        names = self.model.sections.name
        places = zip(nodes.tolist(), self.owner[nodes].tolist(), self._x(nodes).tolist())
        return [f"{names[s]}({x:g})" if s >= 0 else f"node[{node}]" for node, s, x in places]

    @cached_property
    def owner(self) -> NDArray[np.int32]:
        """(nodes,) section of each node; of a root node the first that starts at it, -1 if none does."""
        owner = self.model.nodes.section.astype(np.int32)
        first = np.full(len(owner), -1, np.int32)
        first[self.model.sections.head[::-1]] = np.arange(len(self.model.sections.head), dtype=np.int32)[::-1]
        return np.where(owner < 0, first, owner)

    def _x(self, nodes: NDArray[np.integer]) -> NDArray[np.float64]:
        """x of each node in its owner."""
        owner = self.owner[nodes]
        if not len(self.model.sections.head):
            return self.model.nodes.x[nodes]
        at_root = (self.model.nodes.section[nodes] < 0) & (owner >= 0)
        return np.where(at_root, self.model.sections.child_end[owner], self.model.nodes.x[nodes])

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        """Nodes by (section, x) without the heads: section s has nseg + 1, from ``_starts[s]`` on."""
        nodes, head = self.model.nodes, self.model.sections.head
        own = np.flatnonzero(nodes.section >= 0)
        own = own[head[nodes.section[own]] != own]
        return own[np.lexsort((nodes.x[own], nodes.section[own]))]

    @cached_property
    def _starts(self) -> NDArray[np.intp]:
        section, nseg = self.model.nodes.section[self._order], self.model.sections.nseg
        count = np.bincount(section, minlength=len(nseg))
        if (count != nseg + 1).any():
            s = int(np.flatnonzero(count != nseg + 1)[0])
            name = self.model.sections.name[s]
            raise ModelError(
                f"section {name!r} has {count[s]} nodes of its own; nseg {nseg[s]} asks for {nseg[s] + 1}.",
                section=name,
            )
        return np.concatenate([[0], np.cumsum(count)[:-1]]).astype(np.intp)

    # --- names

    @cached_property
    def _by_name(self) -> dict[str, list[int]]:
        found = defaultdict(list)
        for s, name in enumerate(self.model.sections.name):
            found[name].append(s)
        return dict(found)

    @cached_property
    def _by_suffix(self) -> dict[str, list[int]]:
        found = defaultdict(list)
        for s, name in enumerate(self.model.sections.name):
            for short in paths.suffixes(name):
                found[short].append(s)
        return dict(found)

    @cached_property
    def _legal(self) -> list[str]:
        """Names worth proposing: all if they are few, else the regions."""
        names = self.model.sections.name
        if len(names) <= MANY:
            return [*names, *sorted({paths.region(name) for name in names})]
        return sorted({paths.region(name) for name in names})[:MANY]


def some(names: Iterable[str], shown: int = SHOWN) -> str:
    """The first few of `names` for a message."""
    listed = list(names)
    return ", ".join(listed[:shown]) + (f", ... ({len(listed)} in all)" if len(listed) > shown else "")
