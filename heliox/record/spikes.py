"""Spikes of a run."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.engine import tables
from heliox.errors import ModelError, nearest
from heliox.model.model import Model
from heliox.model.names import Names
from heliox.record.sonata import save_spikes


@dataclass(frozen=True, eq=False)
class Spikes:
    """Spikes sorted by (member, t, source).

    ``t`` (n,) ms, NEURON's stamp (first sample above threshold + 1e-10); ``index`` (n,) source index; ``gid``
    (n,), -1 if none; ``member`` (n,); ``source`` (n,) names.
    """

    t: NDArray[np.float64]
    index: NDArray[np.int64]
    gid: NDArray[np.int64]
    member: NDArray[np.int64]
    names: tuple[str, ...]

    @classmethod
    def collect(
        cls, model: Model, names: Names, parts: list[tuple[NDArray, NDArray, NDArray]], batch: int
    ) -> Spikes:
        """Join the engine's records: (member, time, source) each."""
        joined = [np.concatenate([p[k] for p in parts]) if parts else np.empty(0) for k in range(3)]
        member, t, index = joined[0].astype(np.int64), joined[1], joined[2].astype(np.int64)
        order = np.lexsort((index, t, member))
        gid = model.sources.gid[index] if len(index) else np.empty(0, np.int64)
        return cls(t[order], index[order], gid[order], member[order], source_names(model, names))

    @property
    def source(self) -> NDArray[np.str_]:
        return np.array(self.names, dtype=str)[self.index] if len(self.names) else np.empty(0, str)

    def of(self, member: int) -> Spikes:
        """The spikes of one member."""
        here = self.member == member
        return Spikes(self.t[here], self.index[here], self.gid[here], self.member[here], self.names)

    def matching(self, pattern: str) -> Spikes:
        """The spikes of sources by name: ``spikes.matching("Cell*")``; ``index`` counts these sources only.

        Parameters
        ----------
        pattern : str
            Of whole names; ``*`` stands for any characters and ``?`` for one, brackets for themselves.

        Raises
        ------
        ModelError
            If there is no such source.
        """
        regex = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern)
        taken = np.array([re.fullmatch(regex, name) is not None for name in self.names], bool)
        if not taken.any():
            raise ModelError(f"no source is called {pattern!r}; {nearest(pattern, self.names[:2000])}")
        here = taken[self.index]
        index = (np.cumsum(taken) - 1)[self.index[here]]
        names = tuple(name for name, of in zip(self.names, taken) if of)
        return Spikes(self.t[here], index, self.gid[here], self.member[here], names)

    def to_pandas(self) -> Any:
        """A DataFrame with a row for each spike: ``t`` (ms), ``source``, ``gid``, ``member``.

        Raises
        ------
        HelioXError
            If pandas is not installed.
        """
        return tables.spike_frame(self._columns())

    def to_xarray(self) -> Any:
        """A Dataset with the dimension ``spike``: ``t`` (ms), ``source``, ``gid``, ``member``.

        Raises
        ------
        HelioXError
            If xarray is not installed.
        """
        return tables.spike_dataset(self._columns())

    def _columns(self) -> dict[str, NDArray]:
        return {"t": self.t, "source": self.source, "gid": self.gid, "member": self.member}

    def save_sonata(
        self, path: str | os.PathLike[str], population: str = "heliox", node_ids: str = "gid"
    ) -> None:
        """Write the spikes of one member to a SONATA file: times (ms) and node ids of a population.

        Parameters
        ----------
        path : path
        population : str
        node_ids : str
            ``"gid"``, or ``"index"``: positions in `names`.

        Raises
        ------
        ModelError
            If a source that spiked has no gid (`matching` picks those that have), there are several members,
            or the file cannot be written.
        """
        save_spikes(path, self.t, self._node_ids(node_ids), population)

    def _node_ids(self, which: str) -> NDArray[np.int64]:
        if which not in ("gid", "index"):
            raise ModelError(f"node_ids is {which!r}; {nearest(which, ('gid', 'index'))}")
        if len(np.unique(self.member)) > 1:
            raise ModelError("SONATA knows no members; write spikes.of(member), a file each")
        if which == "gid" and (self.gid < 0).any():
            name = self.names[int(self.index[self.gid < 0][0])]
            raise ModelError(f"{name} spiked and has no gid; take spikes.matching(...), or node_ids='index'")
        return self.gid if which == "gid" else self.index

    def __len__(self) -> int:
        return len(self.t)

    def __repr__(self) -> str:
        return f"<heliox spikes: {len(self)} of {len(self.names)} sources>"


def source_names(model: Model, names: Names) -> tuple[str, ...]:
    """Name of every source: the watched place, or the mechanism that sends."""
    s = model.sources
    out = []
    for mechanism, index, variable in zip(s.mechanism, s.index, s.variable, strict=True):
        if mechanism < 0:
            out.append(names.location(int(index)))
        else:
            place = names.instance(int(mechanism), int(index))
            out.append(f"{place}.{variable}" if variable else place)
    return tuple(out)
