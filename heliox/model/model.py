"""The frozen model: plain arrays in NEURON's own numbers and order.

A `Model` never changes. `Model.replace` and the `with_*` methods give a new one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from heliox.errors import ModelError, nearest

BUILT = "heliox builder"  # origin of models that no simulator has initialized
KINDS = ("density", "point", "artificial", "ion")


@dataclass(frozen=True)
class Settings:
    """Scalars of the run at the moment of the freeze.

    ``t``, ``dt`` ms; ``celsius`` degC; ``secondorder`` 0, 1, 2 as in NEURON; ``random_key`` NEURON's
    Random123 global index.
    """

    t: float = 0.0
    dt: float = 0.025
    celsius: float = 6.3
    secondorder: int = 0
    random_key: int = 0


@dataclass(frozen=True)
class Cells:
    """One entry a tree: ``name``, ``root`` (node index), ``gid`` (-1 if none)."""

    name: tuple[str, ...]
    root: NDArray[np.int32]
    gid: NDArray[np.int64]


@dataclass(frozen=True)
class Sections:
    """Unbranched cables.

    ``parent`` -1 for a root section; it is attached with its ``child_end`` (0 or 1) at ``parent_x``. ``head``
    is the node shared with the parent (or the root node); ``L`` um, ``Ra`` ohm cm, ``rallbranch`` branches
    represented.
    """

    name: tuple[str, ...]
    cell: NDArray[np.int32]
    parent: NDArray[np.int32]
    parent_x: NDArray[np.float64]
    child_end: NDArray[np.int8]
    nseg: NDArray[np.int32]
    head: NDArray[np.int32]
    L: NDArray[np.float64]
    Ra: NDArray[np.float64]
    rallbranch: NDArray[np.float64]


@dataclass(frozen=True)
class Points:
    """3-D points (um) along sections, where the model has them: nothing but pictures depends on them.

    Section k has points ``ptr[k]:ptr[k+1]``, from its attached end on; `ptr` has one entry if there are none.
    """

    ptr: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    x: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    y: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    z: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    diam: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def __len__(self) -> int:
        return len(self.x)

    @staticmethod
    def of(paths: Sequence[NDArray | None]) -> Points:
        """Points of sections in order, each (k, 4): x, y, z, diameter; None or empty where there are none."""
        known = [np.empty((0, 4)) if p is None else np.asarray(p, np.float64).reshape(-1, 4) for p in paths]
        if not any(map(len, known)):
            return Points()
        return Points(np.cumsum([0, *map(len, known)], dtype=np.int64), *np.concatenate(known).T.copy())


@dataclass(frozen=True)
class Nodes:
    """Compartments and zero-area nodes in solver order (parent index < own index).

    ``parent`` -1 for roots; ``section`` -1 for a root node that no section owns as a segment; ``x`` place in
    the section, 0 or 1 for zero-area nodes; ``area`` um2 (100 for zero-area nodes); ``a``, ``b`` coupling
    coefficients (effect of the node on its parent's equation and the reverse, negative); ``diam`` um; ``v``
    mV at the freeze.
    """

    parent: NDArray[np.int32]
    section: NDArray[np.int32]
    x: NDArray[np.float64]
    area: NDArray[np.float64]
    a: NDArray[np.float64]
    b: NDArray[np.float64]
    diam: NDArray[np.float64]
    v: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.parent)


@dataclass(frozen=True)
class Lists:
    """Numbers of varying count for each instance: instance k has ``values[ptr[k]:ptr[k+1]]``."""

    ptr: NDArray[np.int64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ptr) - 1


@dataclass(frozen=True)
class Mechanism:
    """All instances of one mechanism.

    ``node`` (n,), -1 for artificial cells; ``values`` name -> (n,) or (n, size); ``globals`` name -> float
    or (size,) array; ``number`` (n,) the k of NEURON's ``Name[k]`` for point processes and artificial
    cells, else empty; ``style`` (n,) ion style words for ions, else empty; ``lists`` name -> numbers of
    varying count (the spike times of VecStim). Instances are in NEURON's order: ascending node, then the
    node's own order.
    """

    name: str
    kind: str
    node: NDArray[np.int32]
    values: Mapping[str, NDArray[np.float64]]
    globals: Mapping[str, float | NDArray[np.float64]] = field(default_factory=dict)
    number: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    style: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    lists: Mapping[str, Lists] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.node)


@dataclass(frozen=True)
class Sources:
    """What can emit spikes, in NEURON's order of detection.

    ``mechanism`` -1: a node voltage, ``index`` its node; otherwise an index into ``Model.mechanisms`` and
    ``index`` the instance. ``variable`` is the watched variable (``"v"`` for a voltage) or ``""`` for a
    mechanism that emits by net_event. ``threshold`` in the unit of the variable; ``gid`` -1 if none;
    ``above`` whether the variable was above threshold at the freeze.
    """

    mechanism: NDArray[np.int32]
    index: NDArray[np.int32]
    variable: tuple[str, ...]
    threshold: NDArray[np.float64]
    gid: NDArray[np.int64]
    above: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.mechanism)


@dataclass(frozen=True)
class Connections:
    """Connections in NEURON's order of creation.

    ``source`` index into `Sources` or -1 (never fires by itself); ``mechanism``, ``instance`` the target (-1,
    -1: none, it only records); ``delay`` ms; connection k owns ``weights[weight_ptr[k]:weight_ptr[k+1]]``;
    ``active``; ``number`` the k of ``NetCon[k]``.
    """

    source: NDArray[np.int32]
    mechanism: NDArray[np.int32]
    instance: NDArray[np.int32]
    delay: NDArray[np.float64]
    weight_ptr: NDArray[np.int64]
    weights: NDArray[np.float64]
    active: NDArray[np.bool_]
    number: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.source)


@dataclass(frozen=True)
class Events:
    """What waits in the queue at the freeze, in order of delivery.

    ``connection`` -1 for a self event, whose target is ``mechanism``, ``instance`` and which carries ``flag``
    (and, if it holds weights, the connection it carries is ``connection`` with ``self_event`` true).
    """

    time: NDArray[np.float64]
    connection: NDArray[np.int32]
    self_event: NDArray[np.bool_]
    mechanism: NDArray[np.int32]
    instance: NDArray[np.int32]
    flag: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True)
class Variables:
    """Variables named one by one.

    ``mechanism`` -1: the voltage of node ``index`` (``name`` is ``"v"``); otherwise an index into
    ``Model.mechanisms``, ``index`` the instance and ``name`` the variable, ``"x[3]"`` for an element of an
    array.
    """

    mechanism: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    index: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    name: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.mechanism)


@dataclass(frozen=True)
class Plays:
    """Values imposed on variables over time (NEURON's Vector.play), in the order in which they act.

    ``target``: the variable. ``continuous``: interpolated at every half step; otherwise value k is assigned
    by an event at t[k]. Play k owns points ``ptr[k]:ptr[k+1]`` of ``t`` (ms, ascending) and ``y``, and
    ``break_ptr[k]:break_ptr[k+1]`` of ``breaks``: points, counted from the play's first, at which a
    continuous play jumps (empty: none is marked). ``cursor``: next point of a stepwise play, upper bound of
    interpolation of a continuous one; ``broken``: next entry of ``breaks``; ``waiting``: whether the event
    of point ``cursor`` is still to come. All as at the freeze.
    """

    target: Variables = field(default_factory=Variables)
    continuous: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    ptr: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    t: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    y: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    break_ptr: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    breaks: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    cursor: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    broken: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    waiting: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))

    def __len__(self) -> int:
        return len(self.continuous)


@dataclass(frozen=True)
class Transfers:
    """Variables copied to other variables once a step, after the voltages are new.

    Gap junctions and graded synapses (NEURON's source_var and target_var), one row a target.
    """

    source: Variables = field(default_factory=Variables)
    target: Variables = field(default_factory=Variables)

    def __len__(self) -> int:
        return len(self.target)


@dataclass(frozen=True)
class Pointers:
    """What POINTER variables of mechanisms stand for, one row a pointer of an instance.

    ``of``: the pointer (``name`` as the mechanism declares it); ``to``: the variable that it reads or writes.
    """

    of: Variables = field(default_factory=Variables)
    to: Variables = field(default_factory=Variables)

    def __len__(self) -> int:
        return len(self.of)


@dataclass(frozen=True)
class Definition:
    """The text of a mechanism.

    ``language``: ``"library"``, ``"python"`` (a declaration in JSON) or ``"nmodl"``.
    """

    name: str
    language: str
    text: str

    @property
    def sha(self) -> str:
        return hashlib.sha256(f"{self.language}\n{self.text}".encode()).hexdigest()


@dataclass(frozen=True)
class Model:
    """A frozen model. Made by `heliox.from_neuron`, `heliox.load` or the builder, never by hand.

    ``mechanisms`` are in order of execution. ``definitions`` maps mechanism names to their text.
    """

    settings: Settings
    cells: Cells
    sections: Sections
    nodes: Nodes
    mechanisms: tuple[Mechanism, ...]
    sources: Sources
    connections: Connections
    events: Events
    definitions: Mapping[str, Definition]
    origin: str = ""
    plays: Plays = field(default_factory=Plays)
    transfers: Transfers = field(default_factory=Transfers)
    pointers: Pointers = field(default_factory=Pointers)
    points: Points = field(default_factory=Points)

    # set by heliox.frontend.point: the model knows no mechanisms
    _add_point: ClassVar[Callable[..., Model] | None] = None

    def __post_init__(self) -> None:
        for array in self._arrays():
            array.flags.writeable = False

    def _arrays(self) -> Iterator[NDArray]:
        for _, value in walk(self):
            if isinstance(value, np.ndarray):
                yield value

    def mechanism(self, name: str) -> Mechanism:
        """The instances of mechanism `name`; ModelError with near names if there is none."""
        return self.mechanisms[self.mechanism_index(name)]

    def mechanism_index(self, name: str) -> int:
        """Position of mechanism `name` in ``mechanisms``."""
        try:
            return self._mechanism_index[name]
        except KeyError:
            raise ModelError(
                f"the model has no mechanism {name!r}; {nearest(name, self._mechanism_index)}", mechanism=name
            ) from None

    @cached_property
    def _mechanism_index(self) -> dict[str, int]:
        return {m.name: k for k, m in enumerate(self.mechanisms)}

    def replace(self, **changes: object) -> Model:
        """A new model with some parts exchanged."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    @cached_property
    def hash(self) -> str:
        """SHA-256 of everything in the model; equal models have equal hashes."""
        h = hashlib.sha256()
        for path, value in walk(self):
            h.update(path.encode())
            if isinstance(value, np.ndarray):
                h.update(str(value.dtype).encode() + str(value.shape).encode())
                h.update(np.ascontiguousarray(value).tobytes())
            elif path != "origin":
                # a NumPy scalar and the same number from a file must not differ by their repr
                h.update(repr(value.item() if isinstance(value, np.generic) else value).encode())
        return h.hexdigest()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one HDF5 file, which `heliox.load` reads; ModelError if it cannot be written."""
        from heliox.model.store import save  # here, so that h5py is loaded only when a file is written

        save(self, path)

    def with_point(self, mechanism: str, place: str, **values: float) -> Model:
        """A new model with one more point process: ``model.with_point("IClamp", "soma[0](0.5)", amp=0.3)``.

        See `heliox.frontend.point.with_point`, which does it.
        """
        if Model._add_point is None:
            raise ModelError("import heliox (or heliox.frontend.point) before Model.with_point is used")
        return Model._add_point(self, mechanism, place, **values)

    def describe(self) -> str:
        """What is in the model, one line a thing."""
        n = self.nodes
        segments = int(self.sections.nseg.sum())
        s = self.settings
        lines = [
            f"heliox.Model {self.hash[:12]}" + (f" from {self.origin}" if self.origin else ""),
            f"  {len(self.cells.name)} cells, {len(self.sections.name)} sections, "
            f"{segments} segments, {len(n)} nodes",
            f"  t {s.t:g} ms, dt {s.dt:g} ms, celsius {s.celsius:g} degC, secondorder {s.secondorder}",
        ]
        lines += [f"  {m.name:<16} {m.kind:<10} {len(m):>8}" for m in self.mechanisms]
        lines.append(
            f"  {len(self.connections)} connections from {len(self.sources)} sources, "
            f"{len(self.events)} events waiting"
        )
        more = {"plays": len(self.plays), "transfers": len(self.transfers), "pointers": len(self.pointers)}
        if any(more.values()):
            lines.append("  " + ", ".join(f"{n} {what}" for what, n in more.items() if n))
        return "\n".join(lines)

    __str__ = describe

    def __repr__(self) -> str:
        return f"<heliox.Model {self.hash[:12]}: {len(self.cells.name)} cells, {len(self.nodes)} nodes>"


def walk(thing: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Leaves (arrays, scalars, strings) of a model with their paths, in a fixed order."""
    if dataclasses.is_dataclass(thing):
        for f in dataclasses.fields(thing):
            yield from walk(getattr(thing, f.name), f"{path}.{f.name}" if path else f.name)
    elif isinstance(thing, Mapping):
        for key in sorted(thing):
            yield from walk(thing[key], f"{path}[{key}]")
    elif isinstance(thing, tuple) and thing and not isinstance(thing[0], str):
        for k, item in enumerate(thing):
            yield from walk(item, f"{path}[{k}]")
    else:
        yield path, thing
