"""From the parts of a network under construction to the arrays of a `Model`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heliox.errors import MechanismError, ModelError, nearest
from heliox.frontend.cell import CAPACITANCE, Cell
from heliox.frontend.couplings import Found
from heliox.frontend.instances import pools
from heliox.frontend.naming import unique
from heliox.frontend.order import promoted_style
from heliox.frontend.styles import roles
from heliox.frontend.values import column
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
)
from heliox.model.tree import check

if TYPE_CHECKING:
    from heliox.frontend.circuit import Instance, Member, Network

ORIGIN = BUILT  # a model whose INITIAL blocks have not run
CI_WRITTEN, CO_WRITTEN = 128, 256  # bits of the style word


def assemble(net: Network, settings: Settings, v_init: float | None, globals_: Mapping[str, float]) -> Model:
    """The model of a network; see `Network.model`."""
    if not net.members and not any(i.member < 0 for i in net.instances):
        raise ModelError("the network is empty: add a cell or a stimulus first")
    return _Assembly(net, v_init, dict(globals_)).model(settings)


@dataclass
class _Assembly:
    net: Network
    v_init: float | None
    globals_: dict[str, float]
    place: dict[int, tuple[int, int]] = field(default_factory=dict)  # id -> mechanism, instance
    streams: int = 0

    def __post_init__(self) -> None:
        trees = [len(m.skeleton.roots) for m in self.members]
        nodes = [m.skeleton.n for m in self.members]
        sections = [len(m.skeleton.sections) for m in self.members]
        self.root = np.cumsum([0, *trees])
        self.base = np.cumsum([self.root[-1], *nodes])
        self.section = np.cumsum([0, *sections])
        self.n = int(self.base[-1])
        self.streams = self.net._streams

    @property
    def members(self) -> list[Member]:
        return self.net.members

    def nodes_of(self, member: int, local: NDArray) -> NDArray:
        """Nodes of the model for local nodes of a member."""
        local = np.asarray(local)
        return np.where(local < 0, self.root[member] - 1 - local, self.base[member] + local)

    def model(self, settings: Settings) -> Model:
        nodes = self._nodes()
        templates = self._templates
        mechanisms = tuple(self._mechanism(k, t) for k, t in enumerate(templates))
        if self.globals_:
            legal = {f"{g}_{m.name}" for m in mechanisms for g in m.globals}
            name = next(iter(self.globals_))
            raise ModelError(f"no mechanism has a global {name!r}; {nearest(name, legal)}", variable=name)
        sources = self._sources()
        definitions: dict[str, Definition] = {t.name: catalogue.define(t) for t in templates}
        found = Found(mechanisms, self.place, self.nodes_of)
        return check(
            Model(
                settings, self._cells(sources), self._sections(nodes), nodes, mechanisms, sources,
                self._connections(), _no_events(), definitions, ORIGIN,
                plays=found.plays(self.net.plays), transfers=found.transfers(self.net.transfers),
                points=self._points(),
            )
        )  # fmt: skip

    # --- trees

    def _nodes(self) -> Nodes:
        r, n = int(self.root[-1]), self.n
        out = Nodes(
            parent=np.full(n, -1, np.int32), section=np.full(n, -1, np.int32), x=np.zeros(n),
            area=np.full(n, 100.0), a=np.zeros(n), b=np.zeros(n), diam=np.zeros(n), v=self._start(),
        )  # fmt: skip
        columns = [m.skeleton.columns for m in self.members]
        if columns:
            for name in ("x", "area", "a", "b", "diam"):
                getattr(out, name)[r:] = np.concatenate([c[name] for c in columns])
            parents = [self.nodes_of(k, c["parent"]) for k, c in enumerate(columns)]
            out.parent[r:] = np.concatenate(parents)
            out.section[r:] = np.concatenate([c["section"] + self.section[k] for k, c in enumerate(columns)])
        return out

    def _start(self) -> NDArray[np.float64]:
        """Voltage of every node, mV."""
        cells = [m.cell.v_init if self.v_init is None else self.v_init for m in self.members]
        trees, nodes = np.diff(self.root), np.diff(self.base)
        return np.concatenate([np.repeat(cells, trees), np.repeat(cells, nodes)])

    def _sections(self, nodes: Nodes) -> Sections:
        names: list[str] = []
        rows: list[tuple] = []
        for k, m in enumerate(self.members):
            s = m.skeleton
            heads = self.nodes_of(k, s.head).tolist()
            cells = (self.root[k] + s.tree).tolist()
            for x, head, cell, L in zip(s.sections, heads, cells, s.columns["L"].tolist()):
                names.append(f"{m.name}.{x.name}" if m.name else x.name)
                parent = -1 if x.parent is None else self.section[k] + s.index[id(x.parent)]
                rows.append((cell, parent, x.parent_x, x.child_end, x.nseg, head, L, x.Ra, 1.0))
        columns = list(zip(*rows)) if rows else [()] * 9
        types = (np.int32, np.int32, float, np.int8, np.int32, np.int32, float, float, float)
        return Sections(tuple(names), *(np.array(c, t) for c, t in zip(columns, types)))

    def _points(self) -> Points:
        return Points.of([x.points for m in self.members for x in m.skeleton.sections])

    def _cells(self, sources: Sources) -> Cells:
        names = [m.name or m.skeleton.sections[root].name for m in self.members for root in m.skeleton.roots]
        roots = np.arange(len(names), dtype=np.int32)
        gid = np.full(len(names), -1, np.int64)
        for s in self.net.sources:
            if s.instance is None and s.gid >= 0:
                k = self._tree(s.member, s.node)
                gid[k] = s.gid if gid[k] < 0 else gid[k]
        return Cells(unique(names), roots, gid)

    def _tree(self, member: int, node: int) -> int:
        s = self.members[member].skeleton
        tree = -1 - node if node < 0 else int(s.tree[s.columns["section"][node]])
        return int(self.root[member]) + tree

    # --- mechanisms

    @cached_property
    def _templates(self) -> list[MechTemp]:
        """All that is used, in order of execution."""
        used: dict[str, MechTemp] = {}
        for cell in self._distinct.values():
            for name in cell.inserted:
                self._use(used, cell.templates[name])
        for i in self.net.instances:
            self._use(used, i.template)
        used.update(pools(used.values()))
        if self.n:
            used[CAPACITANCE] = catalogue.get(CAPACITANCE)
        return in_order(used.values())

    def _use(self, used: dict[str, MechTemp], t: MechTemp) -> None:
        if used.setdefault(t.name, t) is not t and used[t.name].to_text() != t.to_text():
            raise MechanismError(f"two different mechanisms are called {t.name!r}", mechanism=t.name)

    @cached_property
    def _distinct(self) -> dict[int, Cell]:
        return {id(m.cell): m.cell for m in self.members}

    def _mechanism(self, index: int, t: MechTemp) -> Mechanism:
        if t.kind in ("point", "artificial"):
            return self._placed(index, t)
        if t.kind == "ion":
            return self._pool(t)
        return self._inserted(t)

    def _inserted(self, t: MechTemp) -> Mechanism:
        """A density mechanism; what copies of a cell share is computed once."""
        made: dict[int, tuple[NDArray, dict[str, NDArray]]] = {}
        for key, m in {id(m.cell): m for m in self.members}.items():
            nodes = m.skeleton.segment_node
            here = np.flatnonzero(self._where(m, t.name))
            here = here[np.argsort(nodes[here])]
            rules = [r for r in m.cell.rules if r.mechanism == t.name]
            columns = {
                n: column(m.skeleton, v, [r for r in rules if r.variable == n])[here]
                for n, v in t.instance_names.items()
            }
            made[key] = nodes[here], columns
        parts = [made[id(m.cell)] for m in self.members]
        node = np.concatenate([self.nodes_of(k, p[0]) for k, p in enumerate(parts)]).astype(np.int32)
        values = {n: np.concatenate([p[1][n] for p in parts]) for n in t.instance_names}
        for stream in t.random:
            values[stream] = np.zeros((len(node), 4))
            values[stream][:, 0] = 1.0
            values[stream][:, 2] = self.streams + 1 + np.arange(len(node))
            self.streams += len(node)
        return Mechanism(t.name, t.kind, node, values, self._globals(t))

    def _where(self, m: Member, name: str) -> NDArray[np.bool_]:
        """Mask of the segments of a member that have a density mechanism."""
        inserted = m.cell.inserted.get(name, set())
        has = np.array([name == CAPACITANCE or s in inserted for s in m.skeleton.sections], bool)
        return np.repeat(has, m.skeleton.nseg)

    def _placed(self, index: int, t: MechTemp) -> Mechanism:
        """Instances by node; of several on one node the last made comes first, as in NEURON."""
        own = [i for i in self.net.instances if i.template.name == t.name]
        node = np.array([self._node(i) for i in own], np.int32)
        number = np.array([i.number for i in own], np.int32)
        order = np.lexsort((-number if t.kind == "point" else number, node))
        self.place.update((id(own[j]), (index, k)) for k, j in enumerate(order.tolist()))
        values = {n: np.array([own[j].values[n] for j in order.tolist()], float) for n in t.instance_names}
        return Mechanism(t.name, t.kind, node[order], values, self._globals(t), number[order])

    def _node(self, i: Instance) -> int:
        return -1 if i.member < 0 else int(self.nodes_of(i.member, np.array(i.node)))

    def _pool(self, t: MechTemp) -> Mechanism:
        """An ion wherever something uses it."""
        users = self._users(t.name.removesuffix("_ion"))
        there = users.any(axis=0) | self._beside_points(t.name.removesuffix("_ion"))
        node = np.flatnonzero(there).astype(np.int32)
        style = self._styles(t.name.removesuffix("_ion"), users[:, node])
        values = {n: np.full(len(node), float(v.default)) for n, v in t.instance_names.items()}
        values["style"] = style.astype(float)
        for n, v in t.states.items():
            whole = np.full(self.n, float(v.default))
            for k, m in enumerate(self.members):
                rules = [r for r in m.cell.rules if (r.mechanism, r.variable) == (t.name, n)]
                if rules:
                    at = self.nodes_of(k, m.skeleton.segment_node)
                    whole[at] = column(m.skeleton, v, rules)
            values[n] = whole[node]
        return Mechanism(t.name, t.kind, node, values, self._globals(t), style=style)

    def _using(self, ion: str) -> list[MechTemp]:
        return [t for t in self._templates if ion in t.ions]

    def _users(self, ion: str) -> NDArray[np.bool_]:
        """(mechanisms that use the ion, nodes): where they are."""
        using = self._using(ion)
        out = np.zeros((len(using), self.n), bool)
        for row, t in zip(out, using):
            if t.kind == "point":
                row[[self._node(i) for i in self.net.instances if i.template.name == t.name]] = True
            else:
                for k, m in enumerate(self.members):
                    row[self.nodes_of(k, m.skeleton.segment_node[self._where(m, t.name)])] = True
        return out

    def _beside_points(self, ion: str) -> NDArray[np.bool_]:
        """Segments of sections with a point process that uses the ion: NEURON inserts it in all of them."""
        out = np.zeros(self.n, bool)
        for i in self.net.instances:
            if i.member >= 0 and ion in i.template.ions:
                s = self.members[i.member].skeleton
                k = int(s.columns["section"][i.node])
                out[self.nodes_of(i.member, s.segment_node[s.start[k] : s.start[k + 1]])] = True
        return out

    def _styles(self, ion: str, users: NDArray[np.bool_]) -> NDArray[np.int32]:
        using = self._using(ion)
        kinds, which = np.unique(users, axis=1, return_inverse=True)
        words = np.zeros(kinds.shape[1], np.int32)
        for k in range(len(words)):
            style = 0
            for t in (t for t, here in zip(using, kinds[:, k]) if here):
                written = t.ions[ion].write
                style |= CI_WRITTEN * (f"{ion}i" in written) | CO_WRITTEN * (f"{ion}o" in written)
                style = promoted_style(style, *roles(ion, t.ions[ion]))
            words[k] = style
        return words[which.ravel()]

    def _globals(self, t: MechTemp) -> dict[str, float | NDArray[np.float64]]:
        out: dict[str, float | NDArray[np.float64]] = {}
        for n, v in t.globals_.items():
            out[n] = float(v.default) if v.size == 1 else np.full(v.size, float(v.default))
        if t.tables:
            out["usetable"] = 1.0
        for n in out:
            if f"{n}_{t.name}" in self.globals_:
                out[n] = float(self.globals_.pop(f"{n}_{t.name}"))
        return out

    # --- spikes

    def _sources(self) -> Sources:
        s = self.net.sources
        at = [self.place[id(x.instance)] if x.instance is not None else (-1, self._at(x)) for x in s]
        return Sources(
            mechanism=np.array([m for m, _ in at], np.int32), index=np.array([k for _, k in at], np.int32),
            variable=tuple("v" if x.instance is None else _watched(x.instance.template) for x in s),
            threshold=np.array([x.threshold for x in s], float), gid=np.array([x.gid for x in s], np.int64),
            above=np.zeros(len(s), bool),
        )  # fmt: skip

    def _at(self, source: object) -> int:
        return int(self.nodes_of(source.member, np.array(source.node)))  # type: ignore[attr-defined]

    def _connections(self) -> Connections:
        c = self.net.connections
        number = {id(s): k for k, s in enumerate(self.net.sources)}
        target = [self.place[id(x.target)] for x in c]
        weights = [w for x in c for w in x.weights]
        return Connections(
            source=np.array([number.get(id(x.source), -1) for x in c], np.int32),
            mechanism=np.array([m for m, _ in target], np.int32),
            instance=np.array([k for _, k in target], np.int32), delay=np.array([x.delay for x in c], float),
            weight_ptr=np.cumsum([0, *(len(x.weights) for x in c)], dtype=np.int64),
            weights=np.array(weights, float), active=np.ones(len(c), bool),
            number=np.arange(len(c), dtype=np.int32),
        )  # fmt: skip


def _watched(template: MechTemp) -> str:
    """What NEURON watches of an emitter: nothing if it tells by net_event, else its x."""
    return "x" if "receive" not in template.functions and "x" in template.instance_names else ""


def _no_events() -> Events:
    empty = np.empty(0, np.int32)
    return Events(np.empty(0), empty, np.empty(0, bool), empty.copy(), empty.copy(), np.empty(0))
