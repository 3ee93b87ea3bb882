"""What must hold in every model, checked with names: an error says which section and which variable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sized

import numpy as np
from numpy.typing import NDArray

from heliox.errors import ModelError
from heliox.model.model import Mechanism, Model, Variables


def check(model: Model) -> Model:
    """The model, if it can be simulated.

    Parents come before their children, every number is finite, couplings are negative, areas positive,
    indices within range, names unique.

    Raises
    ------
    ModelError
        For the first thing that is wrong; fields ``section``, ``mechanism``, ``variable``.
    """
    _settings(model)
    _names(model)
    _tree(model)
    _geometry(model)
    for m in sorted(model.mechanisms, key=lambda m: m.kind == "ion"):  # causes before consequences
        _mechanism(model, m)
    _sources(model)
    _connections(model)
    _events(model)
    _plays(model)
    _couplings(model)
    _points(model)
    return model


def place_of(model: Model, node: int) -> str:
    """Words for a node: ``soma(0.5)``, or ``the root node of soma``."""
    if not 0 <= node < len(model.nodes):
        return f"node {node}"
    s = int(model.nodes.section[node])
    if s >= 0:
        return f"{_section(model, s)}({model.nodes.x[node]:.6g})"
    heads = np.flatnonzero((model.sections.head == node) & (model.sections.parent < 0))
    return f"the root node of {_section(model, int(heads[0]))}" if len(heads) else f"node {node}"


def _section(model: Model, s: int) -> str:
    return model.sections.name[s] if 0 <= s < len(model.sections.name) else f"section {s}"


def _fail(text: str, **fields: object) -> None:
    raise ModelError(text, **fields)


def _section_of(model: Model, node: int) -> str:
    s = int(model.nodes.section[node]) if 0 <= node < len(model.nodes) else -1
    return _section(model, s) if s >= 0 else ""


def _node_fail(model: Model, bad: NDArray, variable: str, values: NDArray, must: str) -> None:
    k = np.flatnonzero(bad)
    if len(k):
        node = int(k[0])
        more = f" (and {len(k) - 1} more)" if len(k) > 1 else ""
        text = f"{variable} is {values[node]:g} in {place_of(model, node)}{more}, and must be {must}"
        _fail(text, section=_section_of(model, node), variable=variable)


def _settings(model: Model) -> None:
    s = model.settings
    for name in ("t", "dt", "celsius"):
        if not np.isfinite(getattr(s, name)):
            _fail(f"{name} is {getattr(s, name)}, and must be finite", variable=name)
    if s.dt <= 0.0:
        _fail(f"dt is {s.dt:g} ms, and must be positive", variable="dt")
    if s.secondorder not in (0, 1, 2):
        _fail(f"secondorder is {s.secondorder}, and must be 0, 1 or 2", variable="secondorder")


def _names(model: Model) -> None:
    groups = {
        "section": model.sections.name,
        "cell": model.cells.name,
        "mechanism": tuple(m.name for m in model.mechanisms),
    }
    for what, names in groups.items():
        if len(set(names)) != len(names):
            twice = next(n for n, count in Counter(names).items() if count > 1)
            _fail(f"{twice!r} is the name of more than one {what}", **{what: twice})


def _range(values: NDArray, n: int, variable: str, least: int = 0, **fields: object) -> None:
    bad = np.flatnonzero((values < least) | (values >= n))
    if len(bad):
        k = int(bad[0])
        _fail(f"{variable}[{k}] is {values[k]}, and there are only {n}", variable=variable, **fields)


def _lengths(n: int, what: str, **columns: Sized) -> None:
    for name, values in columns.items():
        if len(values) != n:
            _fail(f"{what}.{name} has {len(values)} entries instead of {n}", variable=name)


def _tree(model: Model) -> None:
    nodes, sections, cells = model.nodes, model.sections, model.cells
    n, n_sections, n_cells = len(nodes), len(sections.name), len(cells.name)
    _lengths(
        n,
        "nodes",
        **{k: getattr(nodes, k) for k in ("parent", "section", "x", "area", "a", "b", "diam", "v")},
    )
    columns = ("cell", "parent", "parent_x", "child_end", "nseg", "head", "L", "Ra", "rallbranch")
    _lengths(n_sections, "sections", **{k: getattr(sections, k) for k in columns})
    _lengths(n_cells, "cells", root=cells.root, gid=cells.gid)
    _node_fail(
        model, nodes.parent >= np.arange(n), "parent", nodes.parent, "smaller than the node's own index"
    )
    _node_fail(model, nodes.parent < -1, "parent", nodes.parent, "-1 for a root, else a node")
    _range(nodes.section, n_sections, "nodes.section", -1)
    _range(sections.parent, n_sections, "sections.parent", -1)
    _range(sections.head, n, "sections.head")
    _range(sections.cell, n_cells, "sections.cell")
    _range(cells.root, n, "cells.root")
    if not np.array_equal(np.sort(cells.root), np.flatnonzero(nodes.parent == -1)):
        _fail("cells.root must be the nodes without parent", variable="root")


def _geometry(model: Model) -> None:
    nodes, sections = model.nodes, model.sections
    for name in ("x", "area", "a", "b", "diam", "v"):
        values = getattr(nodes, name)
        _node_fail(model, ~np.isfinite(values), name, values, "finite")
    _node_fail(model, nodes.area <= 0.0, "area", nodes.area, "positive")
    for name in ("a", "b"):
        values = getattr(nodes, name)
        _node_fail(model, values > 0.0, name, values, "negative")
    for name in ("parent_x", "L", "Ra", "rallbranch"):
        values = getattr(sections, name)
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            s = _section(model, int(bad[0]))
            _fail(f"{name} is {values[bad[0]]} in {s}, and must be finite", section=s, variable=name)


def _mechanism(model: Model, m: Mechanism) -> None:
    n = len(m)
    artificial = m.kind == "artificial"
    if artificial:
        if (m.node != -1).any():
            _fail(f"{m.name}: artificial cells have no node", mechanism=m.name, variable="node")
    else:
        _range(m.node, len(model.nodes), f"{m.name}.node", mechanism=m.name)
        if (np.diff(m.node) < 0).any():
            _fail(
                f"{m.name}: its instances must stand in order of their nodes",
                mechanism=m.name,
                variable="node",
            )
        if m.kind != "point" and (np.diff(m.node) == 0).any():
            twice = int(m.node[np.argmin(np.diff(m.node))])
            _fail(f"{m.name} stands twice at {place_of(model, twice)}", mechanism=m.name, variable="node")
    for name, values in m.values.items():
        if len(values) != n:
            _fail(
                f"{m.name}.{name} has {len(values)} entries instead of {n}", mechanism=m.name, variable=name
            )
        good = np.isfinite(values)
        if not good.all():
            k = int(np.flatnonzero(~good.reshape(n, -1).all(axis=1))[0])
            node = int(m.node[k])
            where = f"in {place_of(model, node)}" if not artificial else f"of instance {k}"
            value = np.ravel(values[k])[~np.isfinite(np.ravel(values[k]))][0]
            _fail(
                f"{m.name}.{name} is {value} {where}, and must be finite",
                mechanism=m.name, variable=name, section=_section_of(model, node),
            )  # fmt: skip
    for name, value in m.globals.items():
        if not np.isfinite(value).all():
            _fail(
                f"the global {name} of {m.name} is {value}, and must be finite",
                mechanism=m.name,
                variable=name,
            )
    for name, lists in m.lists.items():
        _divides(lists.ptr, n, len(lists.values), f"{m.name}.{name}", mechanism=m.name)
        if np.isnan(lists.values).any():
            _fail(f"{m.name}.{name} holds NaN", mechanism=m.name, variable=name)
    for name in ("number", "style"):
        values = getattr(m, name)
        if len(values) not in (0, n):
            _fail(
                f"{m.name}.{name} has {len(values)} entries instead of {n}", mechanism=m.name, variable=name
            )


def _instances(model: Model, mechanism: NDArray, instance: NDArray, what: str, none: int) -> None:
    """Indices of instances within their mechanisms; where `mechanism` is -1, within `none` things."""
    _range(mechanism, len(model.mechanisms), f"{what}.mechanism", -1)
    sizes = np.array([*(len(m) for m in model.mechanisms), none])
    bad = np.flatnonzero((instance >= sizes[mechanism]) | ((instance < 0) & ((mechanism >= 0) | (none > 0))))
    if len(bad):
        k = int(bad[0])
        of = model.mechanisms[mechanism[k]].name if mechanism[k] >= 0 else "the nodes"
        _fail(
            f"{what} {k} names instance {instance[k]} of {of}, which has {sizes[mechanism[k]]}", variable=what
        )


def _sources(model: Model) -> None:
    s = model.sources
    _lengths(
        len(s), "sources", index=s.index, variable=s.variable, threshold=s.threshold, gid=s.gid, above=s.above
    )
    _instances(model, s.mechanism, s.index, "source", len(model.nodes))
    for k, (m, variable) in enumerate(zip(s.mechanism.tolist(), s.variable)):
        if m >= 0 and variable and variable not in model.mechanisms[m].values:
            name = model.mechanisms[m].name
            _fail(
                f"source {k} watches {variable!r}, which {name} does not have",
                mechanism=name,
                variable=variable,
            )
    if not np.isfinite(s.threshold).all():
        _fail("the threshold of a source is not finite", variable="threshold")
    real = s.gid[s.gid >= 0]
    if len(np.unique(real)) != len(real):
        _fail("a gid belongs to more than one source", variable="gid")


def _connections(model: Model) -> None:
    c = model.connections
    n = len(c)
    columns = ("mechanism", "instance", "delay", "active", "number")
    _lengths(n, "connections", **{k: getattr(c, k) for k in columns})
    _lengths(n + 1, "connections", weight_ptr=c.weight_ptr)
    _range(c.source, len(model.sources), "connections.source", -1)
    _instances(model, c.mechanism, c.instance, "connection", 0)
    if c.weight_ptr[0] != 0 or c.weight_ptr[-1] != len(c.weights) or (np.diff(c.weight_ptr) < 0).any():
        _fail("connections.weight_ptr does not divide the weights", variable="weight_ptr")
    for name, values in (("delay", c.delay), ("weight", c.weights)):
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            k = int(bad[0]) if name == "delay" else int(np.searchsorted(c.weight_ptr, bad[0], "right")) - 1
            _fail(
                f"{name} of connection NetCon[{c.number[k]}] is {values[bad[0]]}, and must be finite",
                variable=name,
            )
    bad = np.flatnonzero(c.delay < 0.0)
    if len(bad):
        k = int(bad[0])
        _fail(
            f"delay of connection NetCon[{c.number[k]}] is {c.delay[k]:g} ms, and must not be negative",
            variable="delay",
        )


def _events(model: Model) -> None:
    e = model.events
    columns = ("connection", "self_event", "mechanism", "instance", "flag")
    _lengths(len(e), "events", **{k: getattr(e, k) for k in columns})
    _range(e.connection, len(model.connections), "events.connection", -1)
    _instances(model, e.mechanism, e.instance, "event", 0)
    if not np.isfinite(e.time).all():
        _fail("the time of a waiting event is not finite", variable="time")
    if (np.diff(e.time) < 0).any():
        _fail("waiting events must stand in order of their time", variable="time")


def _divides(ptr: NDArray, n: int, size: int, what: str, **fields: object) -> None:
    """`ptr` cuts `size` entries into `n` parts."""
    _lengths(n + 1, what, ptr=ptr)
    if ptr[0] != 0 or ptr[-1] != size or (np.diff(ptr) < 0).any():
        _fail(f"{what} is not divided as its pointer says", variable=what, **fields)


def _variables(model: Model, v: Variables, what: str, *, pointers: bool = False) -> None:
    """Every entry names a variable that exists."""
    _lengths(len(v), what, index=v.index, name=v.name)
    _instances(model, v.mechanism, v.index, what, len(model.nodes))
    for k, (m, name) in enumerate(zip(v.mechanism.tolist(), v.name)):
        plain, _, element = name.partition("[")
        known = ("v",) if m < 0 else model.mechanisms[m].values
        if not pointers and plain not in known:
            owner = model.mechanisms[m].name if m >= 0 else "a node"
            _fail(f"{what} {k} names {name!r}, which {owner} does not have", variable=name)
        if element and not (element[-1] == "]" and element[:-1].isdecimal()):
            _fail(f"{what} {k} names {name!r}; an element is written x[3]", variable=name)


def _plays(model: Model) -> None:
    p = model.plays
    n = len(p)
    _variables(model, p.target, "played variable")
    _lengths(n, "plays", target=p.target, cursor=p.cursor, broken=p.broken, waiting=p.waiting)
    _divides(p.ptr, n, len(p.t), "plays.t")
    _divides(p.break_ptr, n, len(p.breaks), "plays.breaks")
    _lengths(len(p.t), "plays", y=p.y)
    for k in range(n):
        t, y = (x[p.ptr[k] : p.ptr[k + 1]] for x in (p.t, p.y))
        breaks = p.breaks[p.break_ptr[k] : p.break_ptr[k + 1]]
        where = f"of play {k} ({p.target.name[k]})"
        if not len(t):
            _fail(f"play {k} ({p.target.name[k]}) has no points", variable="t")
        if not (np.isfinite(t).all() and np.isfinite(y).all()):
            _fail(f"a point {where} is not finite", variable="t")
        if (np.diff(t) < 0).any():
            _fail(f"times {where} must not go backwards", variable="t")
        if len(breaks) and ((breaks < 0) | (breaks >= len(t))).any():
            _fail(f"a discontinuity {where} is not one of its {len(t)} points", variable="breaks")


def _couplings(model: Model) -> None:
    _variables(model, model.transfers.source, "transferred variable")
    _variables(model, model.transfers.target, "target of a transfer")
    _variables(model, model.pointers.of, "pointer", pointers=True)
    _variables(model, model.pointers.to, "variable pointed at")
    _lengths(len(model.transfers), "transfers", source=model.transfers.source)
    _lengths(len(model.pointers), "pointers", to=model.pointers.to)


def _points(model: Model) -> None:
    p = model.points
    _lengths(len(p), "points", y=p.y, z=p.z, diam=p.diam)
    _divides(p.ptr, len(model.sections.name) if len(p.ptr) > 1 or len(p) else 0, len(p), "points")
    if not all(np.isfinite(x).all() for x in (p.x, p.y, p.z, p.diam)):
        _fail("a 3-D point is not finite", variable="points")
