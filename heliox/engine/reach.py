"""Which cells can influence which: over transfers and pointers, and over connections where spikes count."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heliox.engine.partition import cell_of_node
from heliox.model.model import Model, Variables
from heliox.model.variable import Variable


class Reach:
    """Ways from cell to cell.

    Parameters
    ----------
    model : Model
    spikes : bool
        Whether a spike of one cell is a way to the next.
    """

    def __init__(self, model: Model, spikes: bool) -> None:
        self.model = model
        self.cell = cell_of_node(model)
        t, p, c, s = model.transfers, model.pointers, model.connections, model.sources
        ways = [(self._owners(t.source), self._owners(t.target))]
        of, to = self._owners(p.of), self._owners(p.to)
        ways += [(of, to), (to, of)]
        if spikes and len(c):
            kept = c.source >= 0
            source = self._owner(s.mechanism, s.index)[c.source[kept]]
            ways.append((source, self._owner(c.mechanism, c.instance)[kept]))
        self.ways = np.concatenate([np.stack(w) for w in ways], axis=1)

    def _owner(self, mechanism: NDArray, index: NDArray) -> NDArray[np.int64]:
        """Cell of each node or instance; -1 of artificial cells."""
        out = np.full(len(mechanism), -1, np.int64)
        for k in np.unique(mechanism).tolist():
            here = mechanism == k
            if k < 0:
                out[here] = self.cell[index[here]]
            elif self.model.mechanisms[k].kind != "artificial":
                out[here] = self.cell[self.model.mechanisms[k].node[index[here]]]
        return out

    def _owners(self, v: Variables) -> NDArray[np.int64]:
        return self._owner(v.mechanism, v.index)

    def cells(self, v: Variable) -> NDArray[np.int64]:
        """Cells in which a variable acts, (n,); -1 where it belongs to none."""
        if v.kind == "connection":
            c = self.model.connections
            return self._owner(c.mechanism[v.indices], c.instance[v.indices])
        if v.kind == "global":
            return np.full(len(v), -1)
        if v.kind == "section":
            order = np.argsort(self.model.nodes.section, kind="stable")
            first = np.searchsorted(self.model.nodes.section[order], v.indices)
            return self.cell[order[first]].astype(np.int64)
        return self._owner(np.full(len(v), v.mechanism), v.indices)

    def before(self, cells: NDArray[np.int64]) -> set[int]:
        """Cells that can influence one of `cells`, themselves included."""
        found = set(cells.tolist())
        while True:
            more = set(self.ways[0, np.isin(self.ways[1], list(found))].tolist()) - found
            if not more:
                return found - {-1}
            found |= more
