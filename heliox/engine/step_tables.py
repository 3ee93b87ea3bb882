"""What kernels need besides the plan: who stands where in the tree, who works on what, who hears whom.

See docs/design.md, section 8. Node tables go over all nodes by (chunk, storage place).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from heliox.engine.indices import Indices, entries
from heliox.engine.plan import Plan
from heliox.kernels.context import W
from heliox.kernels.stages import Kernel
from heliox.kernels.step_names import MARKED_PARTS, own_columns
from heliox.solver import dhs
from heliox.solver.lanes import PAD

MOST_LANES = 128  # threads of a block that solves
WARP = 32
FEW_GROUPS = 264  # up to here a multiprocessor has one or two blocks, and memory for schedules as well


@dataclass
class StepTables:
    """``H`` (chunks, columns), ``K`` int32 and, per member, room for `room` results of point processes.

    ``near``: float64 that a block needs for itself to solve. ``FAN`` and the sixth column of ``CI``:
    connections inside a source's chunk; ``TF``, ``TC``, ``FC``: those to others (`heliox.solver.publish`).
    """

    H: NDArray[np.int64]
    K: NDArray[np.int32]
    room: int
    near: int
    FAN: NDArray[np.int64]
    CI: NDArray[np.int64]
    TF: NDArray[np.int64]
    TC: NDArray[np.int64]
    FC: NDArray[np.int64]


def step_tables(plan: Plan, results: Mapping[int, int], near: int, lanes: int | None = None) -> StepTables:
    """The tables of a plan.

    `results`: mechanisms whose currents go through the scratch, and how many results an instance has;
    `near`: float64 that a block may have for itself; `lanes`: threads that work on a tree.
    """
    columns = own_columns(plan.program)
    H = np.full((plan.chunks, len(columns)), -1, np.int64)
    lists = Indices()
    n = len(plan.model.nodes)
    count = np.bincount(plan.node_chunk, minlength=plan.chunks) if n else np.zeros(plan.chunks, int)
    first = np.concatenate([[0], np.cumsum(count)])
    H[:, columns["BEFORE"]] = first[:-1]
    position = first[plan.node_chunk] + plan.node_local if n else np.empty(0, np.int64)
    parent = plan.model.nodes.parent
    parents = np.full(n, -1, np.int64)
    parents[position] = np.where(parent >= 0, plan.node_local[parent], -1) if n else parents
    H[:, columns["PARENTS"]] = lists.add_each(parents, first)
    child = np.flatnonzero(parent >= 0)  # ascending NEURON index, which a stable sort by parent keeps
    ptr, order = _grouped(position[parent[child]], n)
    H[:, columns["CHILDREN"]], H[:, columns["LIST"]] = _listed(
        lists, ptr, plan.node_local[child[order]], first
    )
    if plan.program.order == "contraction":
        near_words = _contractions(plan, H, columns, near)
    else:
        near_words = _schedules(plan, H, columns, lists, count, near, lanes)
    room = 0
    for k, (m, p) in enumerate(zip(plan.model.mechanisms, plan.placements, strict=True)):
        name = p.struct.template.name
        if m.kind in ("density", "ion"):
            at = np.full(n, -1, np.int64)
            at[position[m.node]] = p.local
            H[:, columns[f"{name}_AT"]] = lists.add_each(at, first)
        elif m.kind == "point":
            by_local = np.argsort(p.local, kind="stable")
            ptr, order = _grouped(position[m.node[by_local]], n)
            H[:, columns[f"{name}_FIRST"]], H[:, columns[f"{name}_EACH"]] = _listed(
                lists, ptr, p.local[by_local[order]], first
            )
        if k in results:
            size = results[k] * p.count
            H[:, columns[f"{name}_X"]] = room + np.cumsum(size) - size
            room += int(size.sum())
    if plan.program.adjoint is not None:
        H[:, columns["TAPED"]] = [lists.add(taped(plan, c)) for c in range(plan.chunks)]
        H[:, columns["TAKE_ORDER"]] = [lists.add(_by_source(plan, c)) for c in range(plan.chunks)]
    return StepTables(H, lists.joined(), room, near_words, *_heard(plan))


def _by_source(plan: Plan, chunk: int) -> NDArray[np.intp]:
    """The targets of a chunk in the order of their places on the shelf."""
    first, n = (int(plan.G[chunk, plan.program.columns[c]]) for c in ("TAKE", "TAKEN"))
    return np.argsort(plan.I[first + 1 : first + 2 * n : 2], kind="stable")


def taped(plan: Plan, chunk: int) -> NDArray[np.int64]:
    """Places, from the chunk's base on, of what a row of the tape holds behind the time."""
    first, count = (int(plan.G[chunk, plan.program.columns[c]]) for c in ("RANGES", "RANGE_N"))
    at, n = plan.I[first : first + 2 * count].reshape(-1, 2).astype(np.int64).T
    run, place = entries(n)
    return at[run] + place


def _grouped(key: NDArray, n: int) -> tuple[NDArray, NDArray]:
    """(n + 1,) where the members of each group begin, and the members by group, in their order."""
    order = np.argsort(key, kind="stable")
    return np.searchsorted(key[order], np.arange(n + 1)), order


def _schedules(
    plan: Plan,
    H: NDArray,
    columns: dict[str, int],
    lists: Indices,
    count: NDArray,
    near: int,
    lanes: int | None,
) -> int:
    """Write the schedule of each chunk; equal trees share one. Returns the float64 that a block needs."""
    by_chunk = np.argsort(plan.node_chunk, kind="stable") if count.sum() else np.empty(0, np.intp)
    first = np.concatenate([[0], np.cumsum(count)])
    known: dict[bytes, tuple[list[NDArray[np.int32]], int]] = {}
    laid: dict[bytes, dict[str, int]] = {}
    most = 0
    for c in range(plan.chunks):
        nodes = by_chunk[first[c] : first[c + 1]]  # ascending NEURON index
        tree = dhs.subtree(plan.model.nodes.parent, nodes)
        key = tree.tobytes()
        if key not in known:
            width = lanes or _lanes(tree)
            known[key] = (dhs.schedule(tree, width) if len(tree) else [], width)
        steps, width = known[key]
        local = plan.node_local[nodes]
        shown = key + local.tobytes()
        words = near_words(len(tree), len(steps))
        if shown not in laid:
            lay = _near if words <= near else _far
            laid[shown] = {n: lists.add(x) for n, x in lay(tree, steps, width, local).items()}
            laid[shown] |= {"STEPS": len(steps), "WIDTH": width, "NEAR": int(words <= near)}
        if words <= near:
            most = max(most, words)
        for name, value in laid[shown].items():
            H[c, columns[name]] = value
    return most


def _listed(
    lists: Indices, ptr: NDArray, values: NDArray, first: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What belongs to each node of a chunk: where its pointers into its values begin, and where these do."""
    bounds = ptr[first]
    starts = [lists.add(ptr[a : b + 1] - ptr[a]) for a, b in pairwise(first)]
    return np.array(starts, np.int64), lists.add_each(values, bounds)


def _contractions(plan: Plan, H: NDArray, columns: dict[str, int], near: int) -> int:
    """Say what of a contraction fits into a block's own memory; returns the float64 that a block needs.

    ``NEAR`` is 1 for the tree, 2 for its schedule too, where no other block wants that memory.
    """
    n, steps, tasks = (
        plan.G[: plan.chunks, plan.program.columns[c]] for c in ("NODES", "SCHEDULE_STEPS", "SCHEDULE_TASKS")
    )
    tree = 5 * (n + 1)
    both = tree + -(-(2 * (steps + 1) + 3 * (n + 1) + 3 * tasks) // 4)
    few = plan.chunks * plan.batch <= FEW_GROUPS
    H[:, columns["NEAR"]] = np.where((both <= near) & few, 2, tree <= near)
    words = np.where(H[:, columns["NEAR"]] == 2, both, np.where(H[:, columns["NEAR"]] == 1, tree, 0))
    return int(words.max(initial=0))


def near_words(nodes: int, steps: int) -> int:
    """float64 that the solution of a tree in a block's own memory takes (`heliox.solver.lanes.load_near`)."""
    return 4 * (nodes + PAD) + (3 * (nodes + PAD) + steps + 6) // 4


def _far(
    tree: NDArray[np.int32], steps: list[NDArray[np.int32]], width: int, local: NDArray
) -> dict[str, NDArray]:
    """The nodes of each step, a row of `width` places."""
    table = np.full((len(steps), width), -1, np.int32)
    for s, taken in enumerate(steps):
        table[s, : len(taken)] = local[taken]
    return {"STEPS_AT": table}


def _near(
    tree: NDArray[np.int32], steps: list[NDArray[np.int32]], width: int, local: NDArray
) -> dict[str, NDArray]:
    """Nodes in the order of the schedule, and their relatives as places in it."""
    taken = np.concatenate(steps) if steps else np.empty(0, np.int32)
    place = np.empty(len(tree) + 1, np.int64)
    place[taken] = np.arange(len(taken))
    place[-1] = len(tree)  # the relative that a node lacks
    under, beside = np.full(len(tree), -1), np.full(len(tree), -1)
    child = np.flatnonzero(tree >= 0)  # ascending: the last one written is the last child
    order = child[np.argsort(tree[child], kind="stable")]
    same = tree[order[1:]] == tree[order[:-1]]
    beside[order[1:][same]] = order[:-1][same]
    under[tree[child]] = child
    at = np.empty(len(tree), np.int64)  # node in each storage place
    at[local] = np.arange(len(tree))
    begins = np.concatenate([[0], np.cumsum([len(s) for s in steps])])
    return {
        "PLACE": place[at], "UNDER": place[under[taken]], "BESIDE": place[beside[taken]],
        "OVER": place[tree[taken]], "BEGINS": begins,
    }  # fmt: skip


def _lanes(tree: NDArray[np.int32]) -> int:
    """Threads for a tree: a warp, or a block where levels are much wider."""
    if not len(tree):
        return WARP
    mean = len(tree) / (int(dhs.levels(tree).max()) + 1)
    return WARP if mean <= 2 * WARP else MOST_LANES


def tiles(plan: Plan, kernel: Kernel) -> NDArray[np.int32]:
    """Rows (mechanism, chunk, first instance or node): what each block of a kernel works on.

    Of kernels over nodes the first number has bit k set where the k-th part has anything to do.
    """
    rows = []
    if kernel.over == "nodes":
        rows.append(_tiles(0, plan.G[: plan.chunks, plan.program.columns["NODES"]], W))
        rows[0][:, 0] = _present(plan, kernel, rows[0])
    else:
        for p in kernel.parts:
            together = p.how in ("serial", "diffuse")
            rows.append(_tiles(p.mechanism, plan.placements[p.mechanism].count, 0 if together else W))
    return np.concatenate(rows) if rows else np.empty((0, 3), np.int32)


def row_tiles(plan: Plan, part: str = "") -> NDArray[np.int32]:
    """Rows (end, chunk, first) of what blocks save or load of a row of the tape: a part of it, or all."""
    G, columns = plan.G[: plan.chunks], plan.program.columns
    if not part:
        begin, size = np.zeros(plan.chunks, np.int64), G[:, columns["ROW"]] - 1
    else:
        begin = G[:, columns[f"{part}_ROW"]] - 1
        at, count = G[:, columns[f"{part}_RANGES"]], G[:, columns[f"{part}_RANGE_N"]]
        size = np.array([plan.I[a + 1 : a + 2 * n : 2].sum() for a, n in zip(at, count, strict=True)])
    out = _tiles(0, size.astype(np.int64), W)
    out[:, 0] = (begin + size)[out[:, 1]]
    out[:, 2] += begin[out[:, 1]].astype(np.int32)
    return out


def _present(plan: Plan, kernel: Kernel, rows: NDArray[np.int32]) -> NDArray[np.int32]:
    """Which parts of a kernel each of its blocks needs, as bits."""
    out = np.zeros(len(rows), np.int32)
    begins = np.searchsorted(rows[:, 1], np.arange(plan.chunks))
    for k, part in enumerate(kernel.parts[:MARKED_PARTS]):
        node = plan.model.mechanisms[part.mechanism].node
        tile = np.unique(begins[plan.node_chunk[node]] + plan.node_local[node] // W)
        out[tile] |= np.int32(1 << k)
    return out


def _tiles(code: int, count: NDArray, width: int) -> NDArray[np.int32]:
    number = -(-count // width) if width else (count > 0).astype(np.int64)
    chunk, place = entries(number)
    return np.stack([np.full(len(chunk), code), chunk, place * width], axis=1).astype(np.int32)


def _heard(plan: Plan) -> tuple[NDArray, NDArray, NDArray, NDArray, NDArray]:
    """``FAN``, ``CI``, ``TF``, ``TC``, ``FC``."""
    home, sources = plan.source_chunk(), len(plan.model.sources)
    source = np.repeat(np.arange(sources), np.diff(plan.FAN))
    CI = np.zeros((len(plan.CI), 6), np.int64)
    CI[:, :5] = plan.CI
    connection = np.arange(len(source))
    to = plan.CI[: len(source), 0]
    own = connection[to == home[source]] if sources else connection[:0]
    FAN = np.searchsorted(source[own], np.arange(sources + 1))
    CI[: len(own), 5] = own
    far = connection[(to >= 0) & (to != home[source])] if sources else connection[:0]
    far = far[np.lexsort((far, to[far], source[far]))]
    key = np.stack([source[far], to[far]], axis=1)
    new = np.ones(len(far), bool)
    new[1:] = (key[1:] != key[:-1]).any(axis=1)
    begin = np.flatnonzero(new)
    TC = np.stack([to[far[begin]], begin, np.append(begin[1:], len(far))[: len(begin)]], axis=1)
    TF = np.searchsorted(source[far[begin]], np.arange(sources + 1))
    return tuple(np.ascontiguousarray(x, np.int64) for x in (FAN, CI, TF, TC.reshape(-1, 3), far))  # type: ignore[return-value]
