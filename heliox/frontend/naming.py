"""Names that are the same in every run.

They are NEURON's own, with ``Cell[0].soma`` where a Python object's address would stand.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{4,}")


class CellNames:
    """Names of the Python objects that own sections: class and a counter in order of first appearance.

    Parameters
    ----------
    taken : iterable of str
        Names that are in use already (those of hoc objects).
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = set(taken)
        self.names: dict[Hashable, str] = {}
        self.counts: dict[str, int] = {}

    def __call__(self, owner: object) -> str:
        key = id(owner)
        if key not in self.names:
            name = str(owner)
            if _ADDRESS.search(name):
                name = self._numbered(type(owner).__name__)
            self.names[key] = name
            self.taken.add(name)
        return self.names[key]

    def _numbered(self, kind: str) -> str:
        while True:
            k = self.counts.get(kind, 0)
            self.counts[kind] = k + 1
            if (name := f"{kind}[{k}]") not in self.taken:
                return name


def unique(names: Iterable[str]) -> tuple[str, ...]:
    """The names, later ones of equal names with ``#2``, ``#3``, ... behind."""
    names = list(names)
    taken, seen, out = set(names), set(), []
    counts: dict[str, int] = {}
    for name in names:
        new = name
        while new in seen or (new != name and new in taken):
            counts[name] = counts.get(name, 1) + 1
            new = f"{name}#{counts[name]}"
        seen.add(new)
        out.append(new)
    return tuple(out)
