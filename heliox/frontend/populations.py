"""Networks by arrays: populations of equal cells, and point processes, transfers and connections in bulk.

`heliox.frontend.circuit` names things one by one; here a hundred thousand synapses are one call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.errors import MechanismError, ModelError, UnsupportedError
from heliox.frontend.cell import Cell
from heliox.frontend.instances import instance_values, template_of
from heliox.frontend.wheel import in_order
from heliox.mechanisms import catalogue
from heliox.mechanisms.template import MechTemp
from heliox.model.model import (
    BUILT,
    Cells,
    Connections,
    Definition,
    Events,
    Mechanism,
    Model,
    Nodes,
    Points,
    Sections,
    Settings,
    Sources,
    Transfers,
    Variables,
)
from heliox.model.names import Names
from heliox.model.tree import check

Ints = NDArray[np.int64]


@dataclass(eq=False)
class Population:
    """Copies of a frozen cell: ``name[0].soma``, ``name[1].soma``, ...; `first` node beside roots, `root`."""

    name: str
    cell: Model
    copies: int
    root: int = 0
    first: int = 0
    section: int = 0

    @property
    def roots(self) -> int:
        """Trees of one copy."""
        return len(self.cell.cells.root)

    def node(self, local: ArrayLike, copy: ArrayLike) -> Ints:
        """Nodes of the network for nodes of the cell; both broadcast."""
        k, c = np.asarray(local, np.int64), np.asarray(copy, np.int64)
        inner = len(self.cell.nodes) - self.roots
        return np.where(
            k < self.roots, self.root + c * self.roots + k, self.first + c * inner + k - self.roots
        )

    def every(self, local: ArrayLike) -> Ints:
        """Of all copies, one after another (copies * n,)."""
        return self.node(np.atleast_1d(local)[None], np.arange(self.copies)[:, None]).ravel()

    def place(self, place: str) -> Ints:
        """The node at a place of the cell, in every copy (copies,)."""
        return self.every(Names(self.cell).node(place))


@dataclass(eq=False)
class Group:
    """Instances of one mechanism, made together; `instance` (n,) once the model is made."""

    template: MechTemp
    node: Ints
    values: Mapping[str, NDArray]
    instance: Ints | None = None
    mechanism: int = -1

    def __len__(self) -> int:
        return len(self.node)

    def variables(self, name: str) -> Variables:
        """A variable of all of them."""
        assert self.instance is not None
        n = len(self)
        return Variables(np.full(n, self.mechanism, np.int32), self.instance.astype(np.int32), (name,) * n)


@dataclass(eq=False)
class Wires:
    """Connections made together; `connection` (n,) once the model is made."""

    source: Group | Ints
    target: Group
    weight: NDArray[np.float64]
    delay: NDArray[np.float64]
    threshold: float
    which: Ints  # of the sources, the one of each connection
    connection: Ints | None = None


class Populations:
    """A network under construction.

    Examples
    --------
    >>> net = Populations()
    >>> inputs, hidden = net.add("input", point_cell, 784), net.add("hidden", pyramid, 64)
    >>> s = net.points("coupling.GradedSyn", hidden.node(at, np.arange(64)), w=w, g=g)
    >>> net.transfer(inputs.place("soma(0.5)"), s, "vpre")
    >>> model = net.model(dt=0.25)
    """

    def __init__(self) -> None:
        self.populations: list[Population] = []
        self.groups: list[Group] = []
        self.transfers: list[tuple[Ints, Group, str]] = []
        self.wires: list[Wires] = []

    def add(self, name: str, cell: Cell | Model, copies: int) -> Population:
        """Copies of a cell, or of a frozen model that is one.

        Raises
        ------
        UnsupportedError
            For a model with connections, waiting events, plays, transfers or pointers.
        """
        model = cell.model() if isinstance(cell, Cell) else cell
        if not isinstance(model, Model):
            raise ModelError(f"a population is made of a heliox.Cell or a frozen model, not {cell!r}")
        if copies < 1:
            raise ModelError(f"{name}: {copies} cells; there must be at least one")
        sizes = {
            "connections": len(model.connections), "spike sources": len(model.sources),
            "waiting events": len(model.events), "plays": len(model.plays),
            "transfers": len(model.transfers), "pointers": len(model.pointers),
        }  # fmt: skip
        has = [what for what, size in sizes.items() if size]
        has += [m.name for m in model.mechanisms if m.kind == "artificial" or m.lists]
        if has:
            raise UnsupportedError(f"the cell of {name} has {', '.join(has)}; a population is of cells alone")
        roots = np.flatnonzero(model.nodes.parent < 0)
        if not np.array_equal(roots, np.arange(len(model.cells.root))):
            raise UnsupportedError(f"the roots of the cell of {name} are not its first nodes")
        self.populations.append(Population(name, model, int(copies)))
        self._place()
        return self.populations[-1]

    def _place(self) -> None:
        root = section = 0
        for p in self.populations:
            p.root, p.section = root, section
            root += p.copies * p.roots
            section += p.copies * len(p.cell.sections.name)
        for p in self.populations:
            p.first = root
            root += p.copies * (len(p.cell.nodes) - p.roots)

    def points(
        self, mechanism: str | MechTemp, node: ArrayLike | None, n: int = 0, **values: ArrayLike
    ) -> Group:
        """Point processes at nodes (n,), or `n` artificial cells at None; when all cells are added."""
        t = template_of(mechanism)
        at = np.full(n, -1, np.int64) if node is None else np.asarray(node, np.int64).ravel()
        if (node is None) != (t.kind == "artificial") or t.kind not in ("point", "artificial") or t.ions:
            raise MechanismError(f"{t.name} cannot be placed in bulk there", mechanism=t.name)
        columns = {}
        for name, default in instance_values(t, {}).items():
            x = np.asarray(values.pop(name, default), np.float64)
            columns[name] = np.broadcast_to(x, (len(at), *default.shape)) if x.ndim <= default.ndim else x
        for stream in t.random:  # ids by order, as NEURON's
            columns[stream] = np.zeros((len(at), 4))
            columns[stream][:, 0] = 1.0
            columns[stream][:, 2] = 1 + np.arange(len(at))
        if values:
            raise ModelError(f"{t.name} has no variable {next(iter(values))!r}", mechanism=t.name)
        self.groups.append(Group(t, at, columns))
        return self.groups[-1]

    def transfer(self, node: ArrayLike, group: Group, variable: str) -> None:
        """Let `variable` of every instance follow the voltage of a node (n,)."""
        self.transfers.append((np.asarray(node, np.int64).ravel(), group, variable))

    def connect(
        self, source: Group | ArrayLike, which: ArrayLike, target: Group, weight: ArrayLike, delay: ArrayLike,
        threshold: float = 10.0,
    ) -> Wires:  # fmt: skip
        """One connection to each instance of `target`, from ``source[which]``: an instance, or a node."""
        k = np.asarray(which, np.int64).ravel()
        w, d = (np.broadcast_to(np.asarray(x, np.float64).ravel(), len(target)) for x in (weight, delay))
        of = source if isinstance(source, Group) else np.asarray(source, np.int64).ravel()
        if (d < 0.0).any():
            raise ModelError(f"a delay is {d.min():g} ms, and must not be negative", variable="delay")
        self.wires.append(Wires(of, target, w, d, threshold, k))
        return self.wires[-1]

    # --- the model

    def model(self, dt: float, celsius: float = 6.3) -> Model:
        """The network at t = 0, where INITIAL blocks have not run: begin with ``sim.initialize(v)``."""
        mechanisms, definitions = self._mechanisms()
        sources, connections = self._connections()
        none = np.empty(0, np.int32)
        events = Events(np.empty(0), none, np.empty(0, bool), none.copy(), none.copy(), np.empty(0))
        return check(
            Model(
                Settings(0.0, dt, celsius), self._cells(), self._sections(), self._nodes(), mechanisms,
                sources, connections, events, definitions, BUILT, transfers=self._transfers(),
                points=self._points(),
            )
        )  # fmt: skip

    def _copies(self, names: Sequence[str], p: Population) -> list[str]:
        return [f"{p.name}[{c}].{n}" if n else f"{p.name}[{c}]" for c in range(p.copies) for n in names]

    def _cells(self) -> Cells:
        names: list[str] = []
        for p in self.populations:
            names += self._copies([""] if p.roots == 1 else p.cell.cells.name, p)
        n = len(names)
        return Cells(tuple(names), np.arange(n, dtype=np.int32), np.full(n, -1, np.int64))

    def _nodes(self) -> Nodes:
        last = self.populations[-1]
        n = last.first + last.copies * (len(last.cell.nodes) - last.roots)
        out = Nodes(
            np.full(n, -1, np.int32), np.full(n, -1, np.int32), np.zeros(n), np.zeros(n), np.zeros(n),
            np.zeros(n), np.zeros(n), np.zeros(n),
        )  # fmt: skip
        for p in self.populations:
            c, copy = p.cell.nodes, np.arange(p.copies)[:, None]
            at = p.node(np.arange(len(c))[None], copy)
            for name in ("x", "area", "a", "b", "diam", "v"):
                getattr(out, name)[at] = getattr(c, name)
            sections = p.section + copy * len(p.cell.sections.name)
            out.section[at] = np.where(c.section < 0, -1, sections + c.section)
            out.parent[at] = np.where(c.parent < 0, -1, p.node(np.maximum(c.parent, 0), copy))
        return out

    def _sections(self) -> Sections:
        names: list[str] = []
        columns: dict[str, list[NDArray]] = {}
        for p in self.populations:
            s, copy = p.cell.sections, np.arange(p.copies)[:, None]
            names += self._copies(s.name, p)
            own = {n: np.broadcast_to(getattr(s, n), (p.copies, len(s.name))) for n in _SECTION}
            own["cell"] = p.root + copy * p.roots + s.cell
            own["parent"] = np.where(s.parent < 0, -1, p.section + copy * len(s.name) + s.parent)
            own["head"] = p.node(s.head, copy)
            for n, x in own.items():
                columns.setdefault(n, []).append(x.ravel())
        joined = {n: np.concatenate(x).astype(_SECTION[n]) for n, x in columns.items()}
        return Sections(tuple(names), **joined)

    def _points(self) -> Points:
        if not any(len(p.cell.points) for p in self.populations):
            return Points()
        paths: list[NDArray | None] = []
        for p in self.populations:
            q = p.cell.points
            table = np.stack([q.x, q.y, q.z, q.diam], axis=1)
            one: list[NDArray | None] = [table[a:b] for a, b in pairwise(q.ptr)]
            paths += (one or [None] * len(p.cell.sections.name)) * p.copies
        return Points.of(paths)

    def _mechanisms(self) -> tuple[tuple[Mechanism, ...], dict[str, Definition]]:
        used: dict[str, MechTemp] = {}
        for definition in (d for p in self.populations for d in p.cell.definitions.values()):
            _use(used, catalogue.resolve(definition))
        for g in self.groups:
            _use(used, g.template)
        order = in_order(used.values())
        made = []
        for k, t in enumerate(order):
            made.append(self._mechanism(k, t))
        return tuple(made), {t.name: catalogue.define(t) for t in order}

    def _mechanism(self, index: int, t: MechTemp) -> Mechanism:
        """What populations have of it, then groups; by node, of several on one node the last made first."""
        nodes: list[NDArray] = []
        values: list[Mapping[str, NDArray]] = []
        styles: list[NDArray] = []
        globals_: Mapping | None = None
        for p in self.populations:
            m = next((m for m in p.cell.mechanisms if m.name == t.name), None)
            if m is None:
                continue
            if globals_ is not None and any((m.globals[n] != globals_[n]).any() if np.ndim(globals_[n])
                                            else m.globals[n] != globals_[n] for n in globals_):  # fmt: skip
                raise ModelError(f"cells differ in globals of {t.name}", mechanism=t.name)
            globals_ = m.globals
            nodes.append(p.every(m.node))
            values.append({n: np.concatenate([x] * p.copies) for n, x in m.values.items()})
            styles.append(np.concatenate([m.style] * p.copies))
        own = [g for g in self.groups if g.template.name == t.name]
        nodes += [g.node for g in own]
        values += [g.values for g in own]
        node = np.concatenate(nodes)
        number = np.arange(len(node))
        order = np.lexsort((-number if t.kind == "point" else number, node))
        back = np.empty(len(node), np.int64)
        back[order] = number
        first = len(node) - sum(map(len, own))
        for g in own:
            g.mechanism, g.instance = index, back[first : first + len(g)]
            first += len(g)
        if globals_ is None:
            globals_ = {n: float(v.default) for n, v in t.globals_.items()} | (
                {"usetable": 1.0} if t.tables else {}
            )
        return Mechanism(
            t.name, t.kind, node[order].astype(np.int32),
            {n: np.concatenate([v[n] for v in values])[order] for n in values[0]}, globals_,
            number[order].astype(np.int32) if t.kind in ("point", "artificial") else np.empty(0, np.int32),
            np.concatenate(styles)[order] if t.kind == "ion" else np.empty(0, np.int32),
        )  # fmt: skip

    def _transfers(self) -> Transfers:
        if not self.transfers:
            return Transfers()
        node = np.concatenate([n for n, _, _ in self.transfers])
        to = [g.variables(name) for _, g, name in self.transfers]
        n = len(node)
        return Transfers(
            Variables(np.full(n, -1, np.int32), node.astype(np.int32), ("v",) * n),
            Variables(
                np.concatenate([v.mechanism for v in to]), np.concatenate([v.index for v in to]),
                tuple(name for v in to for name in v.name),
            ),
        )  # fmt: skip

    def _connections(self) -> tuple[Sources, Connections]:
        key: list[NDArray] = []
        first = 0
        of: list[NDArray] = []  # source of each connection
        rows: list[tuple[NDArray, NDArray, float]] = []
        known: dict[int, Ints] = {}
        for w in self.wires:
            if id(w.source) not in known:
                if isinstance(w.source, Group):
                    assert w.source.instance is not None
                    at = (np.full(len(w.source), w.source.mechanism), w.source.instance)
                else:
                    at = (np.full(len(w.source), -1), w.source)
                rows.append((*at, w.threshold))
                known[id(w.source)] = first + np.arange(len(at[0]))
                first += len(at[0])
            of.append(known[id(w.source)][w.which])
            key.append(w.delay)
        count = 0
        for w in self.wires:
            w.connection = count + np.arange(len(w.target))
            count += len(w.target)
        mechanism = _joined([m for m, _, _ in rows], np.int32)
        sources = Sources(
            mechanism, _joined([k for _, k, _ in rows], np.int32),
            tuple("v" if m < 0 else "" for m in mechanism.tolist()),
            _joined([np.full(len(m), th) for m, _, th in rows], float),
            np.full(len(mechanism), -1, np.int64), np.zeros(len(mechanism), bool),
        )  # fmt: skip
        size = _joined([np.full(len(w.target), len(w.target.template.weights)) for w in self.wires], np.int64)
        ptr = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
        weights = np.zeros(int(ptr[-1]))
        weights[ptr[:-1]] = _joined([w.weight for w in self.wires], float)
        return sources, Connections(
            _joined(of, np.int32),
            _joined([np.full(len(w.target), w.target.mechanism) for w in self.wires], np.int32),
            _joined([w.target.instance for w in self.wires if w.target.instance is not None], np.int32),
            _joined(key, float), ptr, weights, np.ones(len(size), bool), np.arange(len(size), dtype=np.int32),
        )  # fmt: skip


_SECTION = {
    "cell": np.int32, "parent": np.int32, "parent_x": np.float64, "child_end": np.int8, "nseg": np.int32,
    "head": np.int32, "L": np.float64, "Ra": np.float64, "rallbranch": np.float64,
}  # fmt: skip


def _joined(parts: Sequence[NDArray], dtype: type) -> NDArray:
    return np.concatenate([np.empty(0), *parts]).astype(dtype)


def _use(used: dict[str, MechTemp], t: MechTemp) -> None:
    if used.setdefault(t.name, t) is not t and used[t.name].to_text() != t.to_text():
        raise MechanismError(f"two different mechanisms are called {t.name!r}", mechanism=t.name)
