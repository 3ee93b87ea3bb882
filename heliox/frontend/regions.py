"""Selections: which sections of a cell under construction are meant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from heliox.errors import ModelError, nearest
from heliox.frontend.section import Section
from heliox.model import paths

if TYPE_CHECKING:
    from heliox.frontend.cell import Cell
    from heliox.frontend.values import Value

Where = str | Section | Callable[[Section], bool] | Iterable | None


class Selection(Sequence[Section]):
    """Some sections of a cell, in order of creation.

    What a `Cell` can be told of all its sections can be told of these:
    ``cell.region("apic").insert("pas", g=1e-4)``.
    """

    def __init__(self, cell: Cell, sections: Iterable[Section]) -> None:
        self.cell = cell
        self._sections = tuple(sections)

    @property
    def names(self) -> list[str]:
        """Names of the sections."""
        return [s.name for s in self]

    def nseg(self, n: int | None = None, **rule: float) -> Selection:
        """Number of segments; see `Cell.nseg`."""
        self.cell.nseg(n, where=self, **rule)
        return self

    def set(self, *, origin: str = "", **values: Value) -> Selection:
        """Values of variables; see `Cell.set`."""
        self.cell.set(where=self, origin=origin, **values)
        return self

    def insert(self, mechanism: str, *, origin: str = "", **values: Value) -> Selection:
        """Insert a mechanism; see `Cell.insert`."""
        self.cell.insert(mechanism, where=self, origin=origin, **values)
        return self

    def distance(self, origin: str = "") -> np.ndarray:
        """Distances of the segments, um; see `Cell.distance`."""
        return self.cell.distance(where=self, origin=origin)

    def __len__(self) -> int:
        return len(self._sections)

    def __iter__(self) -> Iterator[Section]:
        return iter(self._sections)

    def __getitem__(self, k):
        return self._sections[k]

    def __repr__(self) -> str:
        shown = ", ".join(self.names[:6]) + (", ..." if len(self) > 6 else "")
        return f"<{len(self)} sections: {shown}>"


def choose(sections: Sequence[Section], where: Where) -> list[Section]:
    """The sections meant by `where`, in order of creation.

    Parameters
    ----------
    where : str, Section, function, iterable of these, or None
        A region (``"apic"``), a section (``"dend[3]"``), a pattern (``"dend*"``), a function of a section
        that tells whether it is meant, or None for all.

    Raises
    ------
    ModelError
        If something named does not exist, or nothing is meant.
    """
    if where is None:
        chosen = set(map(id, sections))
    elif isinstance(where, Section):
        chosen = {id(where)}
        if not any(s is where for s in sections):
            raise ModelError(f"section {where.name!r} is not, or no longer, in the cell", section=where.name)
    elif isinstance(where, str):
        regex = paths.section_regex(where)
        chosen = {id(s) for s in sections if regex.fullmatch(s.name)}
        if not chosen:
            legal = [*dict.fromkeys(s.region for s in sections), *(s.name for s in sections)]
            raise ModelError(
                f"the cell has no section or region {where!r}; {nearest(where, legal)}", section=where
            )
    elif callable(where):
        chosen = {id(s) for s in sections if where(s)}
    elif isinstance(where, Iterable):
        chosen = {id(s) for part in where for s in choose(sections, part)}
    else:
        raise ModelError(f"`where` is a name, a function of a section or a list of these, not {where!r}")
    if not chosen:
        raise ModelError("no section is selected", where=where)
    return [s for s in sections if id(s) in chosen]


def find(sections: Sequence[Section], name: str) -> Section:
    """The section called `name`; its index may be missing if it is the only one of its region."""
    found = [s for s in sections if s.name == name] or [s for s in sections if s.region == name]
    if len(found) > 1:
        raise ModelError(
            f"{name!r} is the name of {len(found)} sections: {found[0].name}, {found[1].name}, ...",
            section=name,
        )
    if not found:
        legal = [s.name for s in sections]
        raise ModelError(f"the cell has no section {name!r}; {nearest(name, legal)}", section=name)
    return found[0]


def find_place(sections: Sequence[Section], place: str) -> tuple[Section, float]:
    """Section and x of ``"soma(0.5)"``."""
    name, x = paths.parse_place(place)
    return find(sections, name), x
