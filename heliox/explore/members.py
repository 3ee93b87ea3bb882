"""`Members`: named protocols times parameter sets, each pair a member of one batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.errors import ModelError, nearest
from heliox.model.model import Model
from heliox.model.names import Names
from heliox.model.selection import Where
from heliox.simulation import Simulation

Key = str | tuple[str, Where]  # a variable, or a variable and where


class Members:
    """Every parameter set under every protocol: member ``p * sets + s`` is set s under protocol p.

    Parameters
    ----------
    model : Model
    sets : mapping
        Variable -> its values in the sets, (n,) for all places alike or (n, places), in the unit of the
        variable. A variable is a name as `Simulation.var` takes it (``"hh.gnabar"``, ``"IClamp[0].amp"``), or
        a pair of name and where (``("hh.gnabar", "soma")``): what may differ between the members of a batch,
        GLOBALs, delays, thresholds and ids of streams included. Plays are given to the simulation, by
        `Simulation.play` with values of members.
    protocols : mapping, optional
        Name -> variable -> its value, for all places alike or (places,). What a protocol does not name stays
        as it is in the model.

    Raises
    ------
    ModelError
        For unknown variables, sets of different numbers, a variable of a place that is given twice.

    Examples
    --------
    >>> from heliox import explore
    >>> members = explore.Members(
    ...     model,
    ...     {("hh.gnabar", "soma"): np.linspace(0.05, 0.2, 100)},
    ...     {"rest": {}, "step": {"IClamp[0].amp": 0.3}},
    ... )
    >>> sim = members.simulation()
    >>> peak = sim.reduce("soma(0.5).v", "max")
    >>> sim.initialize(-65.0)
    >>> sim.run(50.0)
    >>> members.table(peak.value)["step"]
    """

    def __init__(
        self,
        model: Model,
        sets: Mapping[Key, ArrayLike],
        protocols: Mapping[str, Mapping[Key, ArrayLike]] | None = None,
    ) -> None:
        self.model = model
        self.protocols = {name: dict(p) for name, p in (protocols or {"": {}}).items()}
        self.sets = {key: np.asarray(values, np.float64) for key, values in sets.items()}
        counts = {values.shape[:1] for values in self.sets.values()}
        if len(counts) > 1 or () in counts:
            shapes = ", ".join(f"{_name(k)}: {v.shape}" for k, v in self.sets.items())
            raise ModelError(f"parameter sets have one value a set, of as many sets each; got {shapes}")
        self.count = counts.pop()[0] if counts else 1
        wide = [_name(k) for k, v in self.sets.items() if v.ndim > 2]
        wide += [_name(k) for p in self.protocols.values() for k, v in p.items() if np.ndim(v) > 1]
        if wide:
            raise ModelError(f"{wide[0]}: sets are (n,) or (n, places), values of protocols one or (places,)")
        names = Names(model)
        for protocol in self.protocols.values():
            _check_once(names, (*self.sets, *protocol))
        named = {key for p in self.protocols.values() for key in p}
        self.vary = sorted({names.select(*_pair(key)).whole for key in (*self.sets, *named)})

    @property
    def batch(self) -> int:
        """Number of members."""
        return len(self.protocols) * self.count

    def simulation(self, **options: Any) -> Simulation:
        """A simulation of all members with their values; `options` as those of `Simulation`."""
        sim = Simulation(self.model, batch=self.batch, vary=self.vary, **options)
        self.assign(sim)
        return sim

    def assign(self, sim: Simulation) -> None:
        """Set the values of all members in a simulation of this batch."""
        if sim.batch != self.batch:
            raise ModelError(f"the simulation has {sim.batch} members, and here are {self.batch}")
        named = dict.fromkeys(key for p in self.protocols.values() for key in p)
        for key in (*self.sets, *named):
            handle = sim.var(*_pair(key))
            values = np.atleast_2d(handle[...]).reshape(len(self.protocols), self.count, -1)
            for k, protocol in enumerate(self.protocols.values()):
                given = self.sets[key] if key in self.sets else protocol.get(key)
                if given is not None:
                    values[k] = self._fitted(key, given, values.shape[-1])
            whole = values.reshape(self.batch, -1)
            handle[...] = whole if self.batch > 1 else whole[0]

    def _fitted(self, key: Key, given: ArrayLike, places: int) -> NDArray[np.float64]:
        x = np.asarray(given, np.float64)
        x = x.reshape(self.count, -1) if key in self.sets else np.atleast_1d(x)
        if x.shape[-1] not in (1, places):
            raise ModelError(f"{_name(key)} has {places} places; the values given have the shape {x.shape}")
        return x

    def table(self, values: ArrayLike) -> dict[str, NDArray[np.float64]]:
        """Protocol -> its rows of results (members, ...): (sets, ...)."""
        x = np.asarray(values)
        if x.shape[:1] != (self.batch,):
            x = x[None] if self.batch == 1 else x
        if x.shape[:1] != (self.batch,):
            raise ModelError(f"results of shape {x.shape} are not of {self.batch} members")
        return {n: x[k * self.count : (k + 1) * self.count] for k, n in enumerate(self.protocols)}

    def member(self, protocol: str, s: int) -> int:
        """The member that is parameter set `s` under `protocol`."""
        if protocol not in self.protocols:
            raise ModelError(f"protocol {protocol!r}; {nearest(protocol, self.protocols)}")
        return list(self.protocols).index(protocol) * self.count + range(self.count)[s]

    def __repr__(self) -> str:
        return f"<heliox members: {len(self.protocols)} protocols x {self.count} sets, vary {self.vary}>"


def _pair(key: Key) -> tuple[str, Where]:
    return key if isinstance(key, tuple) else (key, None)


def _name(key: Key) -> str:
    name, where = _pair(key)
    return name if where is None else f"{name} of {where}"


def _check_once(names: Names, keys: tuple[Key, ...]) -> None:
    """No variable of a place is given twice."""
    seen: dict[tuple[object, ...], list[tuple[Key, NDArray]]] = {}
    for key in keys:
        v = names.select(*_pair(key))
        others = seen.setdefault((v.kind, v.mechanism, v.name, v.element), [])
        for other, indices in others:
            if np.intersect1d(indices, v.indices).size:
                raise ModelError(f"{_name(key)} and {_name(other)} are in part the same; give each once")
        others.append((key, v.indices))
