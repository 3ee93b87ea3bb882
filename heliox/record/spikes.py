"""Spikes of a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heliox.model.model import Model
from heliox.model.names import Names


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
