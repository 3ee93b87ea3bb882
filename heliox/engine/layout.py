"""Lays a model out: `make_plan` (docs/design.md, section 3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heliox.engine.constant import changes, constant_matrix, steady
from heliox.engine.contraction import Contractions
from heliox.engine.diffusion import neighbours
from heliox.engine.indices import Indices
from heliox.engine.partition import Partition, cell_of_node, connected, nodes_of_chunk, partition
from heliox.engine.plan import Placement, Plan, Row, inside
from heliox.engine.references import Couplings, named_variables, pointed
from heliox.engine.storage import orders, sweeps
from heliox.engine.tape import lay_tape, varied_trained
from heliox.engine.vary import Vary
from heliox.errors import ModelError
from heliox.kernels.context import W
from heliox.kernels.mechanism_text import table_size
from heliox.kernels.program import Adjoint, Program
from heliox.mechanisms import catalogue
from heliox.mechanisms.blocks import EVENT_BLOCKS
from heliox.mechanisms.fast import fast_form, without_tables
from heliox.mechanisms.varstruct import VarStruct, hidden_names, layout
from heliox.model.model import Lists, Mechanism, Model
from heliox.solver import diffusion

CHUNK_NODES = 24_000  # best of 800 to 100,000 on rings and pyramidal cells: many abreast, and near the cache
ALIGN = 8


def make_plan(
    model: Model,
    *,
    dt: float,
    batch: int = 1,
    vary: Vary | None = None,
    delays: NDArray[np.float64] | None = None,
    membrane: bool = False,
    math: str = "fast",
    threads: int = 1,
    chunk_nodes: int | None = None,
    adjoint: Adjoint | None = None,
    order: str = "neuron",
    forward: bool = True,
) -> Plan:
    """Lay a model out.

    Parameters
    ----------
    dt : float
        ms
    vary : Vary
        What differs between members.
    delays : (connections,)
        ms; the least that members may have, by default those of the model.
    membrane : bool
        i_membrane_ is computed.
    adjoint : Adjoint, optional
        The plan is made for gradients too.
    order : str
        Of elimination: ``"neuron"`` or ``"contraction"``.
    threads : int
        At least so many chunks are wanted if the batch alone does not give them.
    forward : bool
        Chunks may run one level after another, where transfers make no circle.
    """
    vary = vary or Vary()
    named, varied = named_variables(model), vary.mechanisms
    templates = [catalogue.resolve(model.definitions[m.name]) for m in model.mechanisms]
    templates = [t if tabulated(m) else without_tables(t) for m, t in zip(model.mechanisms, templates)]
    if math == "fast":
        templates = [fast_form(t) for t in templates]
    structs = [
        layout(t, {*varied.get(m.name, ()), *named.get(m.name, ())})
        for m, t in zip(model.mechanisms, templates, strict=True)
    ]
    wanted = -(-threads // batch)
    if adjoint is not None:  # the reverse pass does not depend on threads, and meets nobody on its way
        whole = connected(model) or bool(varied_trained(structs, adjoint))
        everything = len(model.nodes) + sum(len(m) for m in model.mechanisms if m.kind == "artificial")
        chunk_nodes, wanted = (everything + 1 if whole else chunk_nodes), 1
    forward = forward and adjoint is None
    part = partition(model, dt, chunk_nodes or nodes_of_chunk(model, CHUNK_NODES), wanted, delays, forward)
    begun = math == "fast" and "cm" not in named.get("capacitance", ())
    program = Program(
        tuple(structs), math, model.settings.secondorder, vary.celsius,
        weights_own=vary.weights or any(writes_weights(s) for s in structs),
        delays_own=vary.delays, thresholds_own=vary.thresholds,
        plays=len(model.plays) > 0, transfers=len(model.transfers) > 0, membrane=membrane,
        parallel=threads > 1 and part.chunks * batch > 1, begun=begun,
        steady=steady(structs, named) if begun else frozenset(),
        adjoint=adjoint, order=order, pointed=pointed(model),
    )  # fmt: skip
    return _Builder(model, dt, batch, program, part, vary).build()


def tabulated(m: Mechanism) -> bool:
    """Whether the tables of a mechanism are used."""
    return bool(float(m.globals.get("usetable", 1.0)))


def writes_weights(s: VarStruct) -> bool:
    """Whether a mechanism changes the weights of its connections."""
    t = s.template
    cleared = len(t.weights) > 1 and "receive_initial" not in t.functions
    return cleared or bool(set(t.weights) & t.writes(*EVENT_BLOCKS))


def free_order(s: VarStruct) -> bool:
    """Whether nothing depends on the order of a mechanism's instances but the sums of a node."""
    t = s.template
    if t.kind in ("density", "ion"):
        return True
    return (
        t.kind == "point" and not any(t.effects(b) for b in t.functions) and not set(t.globals_) & set(s.own)
    )


class _Space:
    """Hands out aligned ranges."""

    def __init__(self) -> None:
        self.top = 0

    def take(self, n: int) -> int:
        at = self.top
        self.top += -(-int(n) // ALIGN) * ALIGN
        return at


class _Builder:
    def __init__(
        self, model: Model, dt: float, batch: int, program: Program, part: Partition, vary: Vary
    ) -> None:
        self.model, self.dt, self.batch, self.program, self.part = model, dt, batch, program, part
        self.vary = vary
        self.G = np.full((part.chunks, len(program.columns)), -1, np.int64)
        self.I = Indices()
        self.P = _Space()
        self.own = [_Space() for _ in range(part.chunks)]
        self.member_columns: dict[str, int] = {}  # columns that hold a place in A of the group's member
        self.constants: list[tuple[int, NDArray[np.float64]]] = []

    def column(self, name: str) -> NDArray[np.int64]:
        return self.G[:, self.program.columns[name]]

    def row(self, column: str, size: int, own: bool) -> Row:
        """Room for numbers of the whole model, found by `column`; `own`: each member has its own.

        A member's lie in the region of its first chunk.
        """
        at = self.own[0].take(size) if own else self.P.take(size)
        if own:
            self.member_columns[column] = at
        else:
            self.column(column)[:] = at
        return Row("A" if own else "P", at, size)

    def build(self) -> Plan:
        options = self.program
        head = {
            "celsius": self.row("CELSIUS", 1, options.celsius_own),
            "key": self.row("KEY", 1, False),
            "threshold": self.row("THRESHOLD", len(self.model.sources), options.thresholds_own),
            "delay": self.row("DELAY", len(self.model.connections), options.delays_own),
        }
        self._nodes()
        placements = self._place()
        self._mechanism_indices(placements)
        self.column("CONSTANT")[:] = constant_matrix(self.program, placements, named_variables(self.model))
        rank, FAN, CI, weight_at = self._connections(placements)
        SR, flags = self._detectors(placements)
        self._fan_bounds(FAN, CI, placements)
        couplings = Couplings(self, placements)
        plays = couplings.plays() if self.program.plays else []
        if self.program.transfers:
            couplings.transfers()
        couplings.pointers()
        if self.program.adjoint is not None:
            lay_tape(self, placements, couplings)
        self.column("CHUNK")[:] = np.arange(self.part.chunks)
        tables, globals_at, varied_at = self._globals()
        sizes = np.array([s.top for s in self.own], np.int64)
        base = np.concatenate([[0], np.cumsum(sizes)])
        member = int(base[-1])
        G = np.tile(self.G, (self.batch, 1))
        G[:, self.program.columns["BASE"]] = (
            member * np.arange(self.batch)[:, None] + base[None, :-1]
        ).ravel()
        number = np.repeat(np.arange(self.batch), self.part.chunks)
        G[:, self.program.columns["MEMBER"]] = number
        for name, at in self.member_columns.items():
            G[:, self.program.columns[name]] = member * number + at
        chunk = np.tile(np.arange(self.part.chunks), self.batch)
        follows = chunk < self.part.chunks - self.part.leaders
        order = np.lexsort((self.part.level[chunk], follows))
        levels = np.bincount(self.part.level[chunk][follows]) if follows.any() else np.zeros(1, np.int64)
        stages = np.cumsum([0, np.count_nonzero(~follows), *levels])
        I = self.I.joined()  # noqa: E741
        flag_at = base[:-1][self._flag_chunk] + flags if len(flags) else flags
        driven = np.concatenate([np.empty(0, np.int64), *(base[:-1][c] + at for c, at in couplings.driven)])
        return Plan(
            self.model, self.dt, self.batch, self.program, self.part, placements, self.node_chunk,
            self.node_local, member, base[:-1], self.P.top + 1, G, I, SR, FAN, CI, order, self.vary, head,
            tables, globals_at, varied_at, rank, weight_at, flag_at, stages, plays, driven, self.constants,
        )  # fmt: skip

    # ---------------------------------------------------------------- nodes

    def _nodes(self) -> None:
        nodes = self.model.nodes
        n = len(nodes)
        cell = cell_of_node(self.model)
        self.node_chunk = self.part.cell[cell] if n else np.empty(0, np.int32)
        sweep, storage, stays = orders(self.model, self.node_chunk, changes(self.model, self.program))
        counts = np.bincount(self.node_chunk, minlength=self.part.chunks)
        first = np.concatenate([[0], np.cumsum(counts)])
        self.node_local = np.empty(n, np.int64)
        self.node_local[storage] = np.arange(n) - first[self.node_chunk[storage]]
        local_parent = np.where(nodes.parent >= 0, self.node_local[nodes.parent], -1)
        self.column("NODES")[:] = counts
        for c in range(self.part.chunks):
            mine = storage[first[c] : first[c + 1]]
            row = self.G[c]
            names = ["V", "RHS", "D", *(("SAVED_RHS", "SAVED_D") if self.program.membrane else ())]
            if self.program.adjoint is not None and self.program.adjoint.geometry:
                names += ["A_BAR", "B_BAR", "AREA_BAR", "DIAM_BAR"]
            # where no diagonal is begun it is room for what `StepEngine.solver` throws away
            names += ["BEGIN_D", *(("COUPLING",) if self.program.membrane else ())]
            for name in names:
                row[self.program.columns[name]] = self.own[c].take(len(mine))
            for name in ("CA", "CB", "AREA", "DIAM"):
                row[self.program.columns[name]] = self.P.take(len(mine))
            visited = sweep[first[c] : first[c + 1]]
            row[self.program.columns["ORDER"]] = self.I.add(self.node_local[visited])
            row[self.program.columns["PARENT"]] = self.I.add(local_parent[visited])
            rows, runs, count = sweeps(self.node_local[visited], local_parent[visited], stays[visited])
            at = self.I.add(rows.ravel()), len(rows), self.I.add(runs.ravel()), count
            for name, value in zip(("STRETCHES", "STRETCH_N", "MOVING", "MOVING_N"), at, strict=True):
                row[self.program.columns[name]] = value
        if self.program.order == "contraction":
            by_chunk, contractions = np.argsort(self.node_chunk, kind="stable"), Contractions(self)
            for c in range(self.part.chunks):
                contractions.lay(c, nodes.parent, by_chunk[first[c] : first[c + 1]])

    # ---------------------------------------------------------------- mechanisms

    def _place(self) -> list[Placement]:
        out = []
        for k, (m, s) in enumerate(zip(self.model.mechanisms, self.program.mechanisms, strict=True)):
            if m.kind == "artificial":
                chunk = self.part.artificial[k]
            else:
                chunk = self.node_chunk[m.node].astype(np.int32)
            count = np.bincount(chunk, minlength=self.part.chunks).astype(np.int64)
            # in the nodes' storage order, so that gathers run forwards; those of one node in NEURON's order
            within = self.node_local[m.node] if free_order(s) else np.zeros(len(m))
            order = np.lexsort((within, chunk))
            first = np.concatenate([[0], np.cumsum(count)])
            local = np.empty(len(m), np.int64)
            local[order] = np.arange(len(m)) - first[chunk[order]]
            blocks = -(-count // W)
            own = np.array(
                [self.own[c].take(int(blocks[c]) * W * s.own_slots) for c in range(self.part.chunks)],
                np.int64,
            )
            shared = np.array([self.P.take(int(b) * W * s.shared_slots) for b in blocks], np.int64)
            name = s.template.name
            self.column(f"{name}_N")[:] = count
            self.column(f"{name}_OWN")[:] = own
            self.column(f"{name}_SHARED")[:] = shared
            out.append(Placement(s, chunk, local, count, own, shared))
        return out

    def _mechanism_indices(self, placements: list[Placement]) -> None:
        index = {m.name: k for k, m in enumerate(self.model.mechanisms)}
        pool_at: dict[str, NDArray] = {}
        for k, (m, p) in enumerate(zip(self.model.mechanisms, placements, strict=True)):
            t = p.struct.template
            if m.kind != "artificial":
                self.index_list(f"{t.name}_NODE", p, self.node_local[m.node])
            if any(t.effects(b) for b in t.functions):
                self.index_list(f"{t.name}_SOURCE", p, self._source_of(k, len(m)))
            for name in t.lists:
                self._list(m, p, name)
            if t.diffusion:
                self._diffusion(m, p)
            for ion in t.ions:
                pool = f"{ion}_ion"
                if pool not in index:
                    raise ModelError(
                        f"{t.name} uses ion {ion!r}, but the model has no {pool}", mechanism=t.name
                    )
                if pool not in pool_at:
                    pool_at[pool] = np.full(len(self.model.nodes), -1, np.int64)
                    q = placements[index[pool]]
                    pool_at[pool][self.model.mechanism(pool).node] = inside(q.local, q.struct.own_slots)
                at = pool_at[pool][m.node]
                if (at < 0).any():
                    node = int(m.node[np.argmin(at)])
                    section = self.model.sections.name[self.model.nodes.section[node]]
                    raise ModelError(
                        f"{t.name} in {section} uses ion {ion!r}, which is missing there",
                        mechanism=t.name,
                        section=section,
                    )
                self.index_list(f"{t.name}_ION_{ion}", p, at)

    def _diffusion(self, m: Mechanism, p: Placement) -> None:
        """Places of a diffusing mechanism in NEURON's order, who stands above whom, factors, room to work."""
        higher, below, above = neighbours(self.model, m)
        for c in range(self.part.chunks):
            mine = np.flatnonzero(p.chunk == c)
            place = np.full(len(m) + 1, -1, np.int64)
            place[mine] = np.arange(len(mine))
            columns = {
                "PLACES": self.I.add(p.local[mine]),
                "HIGHER": self.I.add(place[higher[mine]]),
                "WORK": self.own[c].take(diffusion.ROWS * len(mine)),
            }
            for name, values in (("BELOW", below), ("ABOVE", above)):
                columns[name] = self.P.take(len(mine))
                self.constants.append((columns[name], values[mine]))
            for name, at in columns.items():
                self.G[c, self.program.columns[f"{m.name}_{name}"]] = at

    def _list(self, m: Mechanism, p: Placement, name: str) -> None:
        """Address in P and length of the list of every instance."""
        lists = m.lists.get(name) or Lists(np.zeros(len(m) + 1, np.int64), np.empty(0))
        at = self.P.take(len(lists.values))
        self.constants.append((at, lists.values))
        pair = np.stack([at + lists.ptr[:-1], np.diff(lists.ptr)], axis=1)
        self.index_list(f"{m.name}_LIST_{name}", p, pair)

    def _incoming(self, mechanism: int, p: Placement, weight_at: NDArray) -> None:
        """Place of the first weight, and number, of the connections to every instance."""
        c = self.model.connections
        mine = np.flatnonzero(c.mechanism == mechanism)
        pair = np.zeros((len(p.local), 2), np.int64)
        pair[:, 0] = np.iinfo(np.int64).max
        np.minimum.at(pair[:, 0], c.instance[mine], weight_at[mine])
        pair[pair[:, 0] == np.iinfo(np.int64).max, 0] = 0
        pair[:, 1] = np.bincount(c.instance[mine], minlength=len(pair))
        self.index_list(f"{p.struct.template.name}_INCOMING", p, pair)

    def index_list(self, column: str, p: Placement, values: NDArray) -> None:
        """An index list per chunk, in the chunk's instance order; rows of a 2-d array lie together."""
        order = np.lexsort((p.local, p.chunk))
        first = np.concatenate([[0], np.cumsum(p.count)])
        rows = np.asarray(values)[order]
        self.column(column)[:] = self.I.add_each(rows, first)

    def _source_of(self, mechanism: int, n: int) -> NDArray[np.int64]:
        s = self.model.sources
        out = np.full(n, -1, np.int64)
        mine = (
            np.flatnonzero((s.mechanism == mechanism) & np.array([v == "" for v in s.variable], bool))
            if len(s)
            else np.empty(0, int)
        )
        out[s.index[mine]] = mine
        return out

    # ---------------------------------------------------------------- spikes

    def _connections(self, placements: list[Placement]) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        c = self.model.connections
        n = len(c)
        key = np.where(c.source >= 0, c.source, len(self.model.sources))
        order = np.lexsort((np.arange(n), key))
        rank = np.empty(n, np.int64)
        rank[order] = np.arange(n)
        FAN = np.searchsorted(key[order], np.arange(len(self.model.sources) + 1)).astype(np.int64)
        chunk = np.full(n, -1, np.int64)
        target = np.zeros(n, np.int64)
        for k in np.unique(c.mechanism[c.mechanism >= 0]):
            here = c.mechanism == k
            p = placements[k]
            chunk[here] = p.chunk[c.instance[here]]
            target[here] = (int(k) << 32) + p.local[c.instance[here]]
            if "receive" not in p.struct.template.functions:
                raise ModelError(
                    f"a connection targets {p.struct.template.name}, which receives no events",
                    mechanism=p.struct.template.name,
                )
        weight_at = self._weights(rank, chunk)
        CI = np.zeros((n, 5), np.int64)
        CI[:, 0], CI[:, 1], CI[:, 2], CI[:, 3] = (
            chunk[order],
            target[order],
            weight_at[order],
            c.active[order],
        )
        CI[:, 4] = rank
        for k, p in enumerate(placements):
            if "receive_each" in p.struct.template.functions:
                self._incoming(k, p, weight_at)
        base = self.column("WEIGHTS")
        absolute = np.where(chunk >= 0, weight_at + base[chunk], 0) if n else weight_at
        return rank, FAN, CI, absolute

    def _weights(self, rank: NDArray, chunk: NDArray) -> NDArray[np.int64]:
        """Where the weights of each connection lie, inside the chunk's region.

        Those of a target instance lie together, ordered by (source, creation): so goes NEURON's FOR_NETCONS.
        """
        c = self.model.connections
        n = len(c)
        size = np.diff(c.weight_ptr)
        order = np.lexsort((rank, c.instance, c.mechanism, chunk))
        at = np.zeros(n, np.int64)
        total = np.zeros(self.part.chunks, np.int64)
        if n:
            running = np.cumsum(size[order]) - size[order]
            start = np.searchsorted(chunk[order], np.arange(self.part.chunks))
            starts = np.append(running, running[-1] + size[order[-1]])[start]
            at[order] = running - np.where(chunk[order] >= 0, starts[chunk[order]], 0)
            total = np.bincount(
                chunk[chunk >= 0], weights=size[chunk >= 0], minlength=self.part.chunks
            ).astype(np.int64)
        own = self.program.weights_own
        self.column("WEIGHTS")[:] = [
            (self.own[k] if own else self.P).take(int(total[k])) for k in range(self.part.chunks)
        ]
        return at

    def _detectors(self, placements: list[Placement]) -> tuple[NDArray, NDArray]:
        s = self.model.sources
        watching = (
            np.flatnonzero(np.array([v != "" for v in s.variable], bool)) if len(s) else np.empty(0, int)
        )
        chunk = np.empty(len(watching), np.int64)
        address = np.empty(len(watching), np.int64)
        for j, k in enumerate(watching):
            chunk[j : j + 1], address[j : j + 1] = self.variables(
                placements, int(s.mechanism[k]), s.index[[k]], s.variable[k], "a spike source watches"
            )
        order = np.argsort(chunk, kind="stable")
        SR = (
            np.stack([watching[order], address[order]], axis=1).astype(np.int64)
            if len(watching)
            else np.zeros((0, 2), np.int64)
        )
        first = np.searchsorted(chunk[order], np.arange(self.part.chunks + 1))
        self.column("SRC0")[:], self.column("SRC1")[:] = first[:-1], first[1:]
        self.column("FLAGS")[:] = [
            self.own[k].take(int(first[k + 1] - first[k])) for k in range(self.part.chunks)
        ]
        flags = (
            self.column("FLAGS")[chunk[order]] + np.arange(len(order)) - first[chunk[order]]
            if len(order)
            else np.empty(0, np.int64)
        )
        self._flag_chunk = chunk[order]
        return SR, flags

    def variables(
        self, placements: list[Placement], mechanism: int, index: NDArray, name: str, use: str
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Chunk of one variable of nodes or instances (n,), and its offset from the base of the chunk."""
        if mechanism < 0:
            chunk = self.node_chunk[index].astype(np.int64)
            return chunk, self.column("V")[chunk] + self.node_local[index]
        p = placements[mechanism]
        plain, _, element = name.partition("[")
        if plain not in p.struct.own:
            raise ModelError(
                f"{use} {p.struct.template.name}.{name}, which never changes",
                mechanism=p.struct.template.name,
                variable=name,
            )
        slot = p.struct.own[plain] + (int(element[:-1]) if element else 0)
        return p.chunk[index].astype(np.int64), p.own_offset(slot)[index]

    def _fan_bounds(self, FAN: NDArray, CI: NDArray, placements: list[Placement]) -> None:
        """Room a queue needs before a step detects (FANOUT) and before an event is delivered (FANMAX)."""
        widest = int(np.max(np.diff(FAN))) if len(FAN) > 1 else 0
        self.column("FANOUT")[:] = 8 + np.bincount(CI[CI[:, 0] >= 0, 0], minlength=self.part.chunks)
        for p in placements:  # a step may find every condition of WATCH true
            self.column("FANOUT")[:] += p.count * len(hidden_names(p.struct.template))
        sent = [p.struct.template.sent("receive") for p in placements]
        self.column("FANMAX")[:] = 8 + max((s + e * widest for s, e in sent), default=0)

    # ---------------------------------------------------------------- globals and tables

    def _globals(self) -> tuple[dict[int, Row], dict[int, int], dict[int, Row]]:
        tables, globals_at, varied_at = {}, {}, {}
        for k, s in enumerate(self.program.mechanisms):
            t = s.template
            if s.varied:
                size = sum(t.globals_[name].size for name in s.varied)
                varied_at[k] = self.row(f"{t.name}_VARIED", size, True)
            if t.globals_:
                globals_at[k] = self.P.take(sum(v.size for v in t.globals_.values()))
                self.column(f"{t.name}_GLOBALS")[:] = globals_at[k]
            if t.tables:
                tables[k] = self.row(f"{t.name}_TABLE", table_size(s), self.program.tables_own(s))
        return tables, globals_at, varied_at
