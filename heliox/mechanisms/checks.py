"""What must hold in every declaration of a mechanism; an error says where, and what would be legal."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from heliox.errors import MechanismError, nearest
from heliox.mechanisms import subset
from heliox.mechanisms.blocks import BLOCKS, EVENT_BLOCKS, KINDS, NODE, SCALARS
from heliox.mechanisms.subset import Function

if TYPE_CHECKING:
    from heliox.mechanisms.template import MechTemp


def check(m: MechTemp) -> None:
    if m.kind not in KINDS:
        raise MechanismError(f"{m.name}: kind {m.kind!r}; {nearest(m.kind, KINDS)}", mechanism=m.name)
    if not m.name.isidentifier():
        raise MechanismError(f"{m.name!r} is not a legal mechanism name", mechanism=m.name)
    groups = {
        "parameters": m.parameters,
        "states": m.states,
        "assigned": m.assigned,
        "globals_": m.globals_,
        "random": m.random,
        "pointers": m.pointers,
        "lists": m.lists,
    }
    seen: dict[str, str] = {}
    for group, names in groups.items():
        for n in names:
            if n in seen or not n.isidentifier() or n.startswith("_"):
                raise MechanismError(
                    f"{m.name}: {n!r} of {group} is "
                    + (f"already among {seen[n]}" if n in seen else "no legal name"),
                    mechanism=m.name,
                    variable=n,
                )
            seen[n] = group
    readable = set(m.instance_names) | set(m.globals_) | set(m.ion_names) | set(m.pointers) | set(SCALARS)
    readable |= set(m.lists)
    if m.kind != "artificial":
        readable |= set(NODE)
    writable = (
        set(m.instance_names) - set(m.random)
        | set(m.globals_)
        | {n for d in m.ions.values() for n in d.write}
    )
    for c in m.currents:
        if c not in writable:
            raise MechanismError(
                f"{m.name}: current {c!r} is declared neither as assigned nor as written ion current; "
                f"{nearest(c, writable)}",
                mechanism=m.name,
                variable=c,
            )
    for name, f in m.functions.items():
        if name not in BLOCKS and not name.startswith(("watch_", "diffuse_")):
            raise f.fail(None, f"{name!r} is not the name of a block; {nearest(name, BLOCKS)}")
        subset.check(f, set(m.helpers), set(m.constants), block=True)
        event = name in EVENT_BLOCKS
        legal_read = readable | ({"flag", *m.weights} if event else set())
        legal_write = (
            writable
            | (set(m.weights) if event else set())
            | ({"v"} if name == "receive" else set())
            | set(m.pointers)
        )
        if name == "conductance":
            legal_write = {f"g_{c}" for c in m.currents}
        if name.startswith("watch_"):
            legal_write = {f.returns[0]} if f.returns else set()
        if name.startswith("diffuse_"):
            legal_write = {"coefficient", "volume"}
        for p in f.params:
            if p not in legal_read:
                raise f.fail(
                    None, f"it reads {p!r}, which {m.name} does not declare; {nearest(p, legal_read)}"
                )
        for r in f.returns:
            if r not in legal_write:
                raise f.fail(f.tree.body[-1], f"it writes {r!r}, which it may not; {nearest(r, legal_write)}")
        if name != "conductance":  # the body of `current` again, for these alone
            subset.check_assignment(f, set(m.instance_names) | set(m.weights))
        if m.effects(name) and name not in ("initial", "receive", "receive_initial"):
            raise f.fail(None, f"{', '.join(subset.EFFECTS)} are legal in initial and receive only")
        _check_lists(m, f)
    _check_conditions(m)
    for f in m.helpers.values():
        subset.check(f, set(m.helpers), set(m.constants), block=False)
    missing = [
        c for c in m.currents if "current" not in m.functions or c not in m.functions["current"].returns
    ]
    if missing:
        raise MechanismError(
            f"{m.name}: current {missing[0]!r} is not returned by a function `current`",
            mechanism=m.name,
            variable=missing[0],
        )
    for t in m.tables:
        if t.function not in m.helpers:
            raise MechanismError(
                f"{m.name}: TABLE of {t.function!r}; {nearest(t.function, m.helpers)}", mechanism=m.name
            )
        if not (t.lo < t.hi and t.n > 0):
            raise MechanismError(
                f"{m.name}: TABLE of {t.function!r} needs lo < hi and n > 0", mechanism=m.name
            )
    _check_diffusion(m)
    for theirs, ours in m.renamed.items():
        known = {*m.instance_names, *m.globals_, *m.weights, *m.pointers}
        if ours not in known:
            message = f"{m.name}: renamed: {theirs!r} -> {ours!r}; {nearest(ours, known)}"
            raise MechanismError(message, mechanism=m.name, variable=ours)


def _check_lists(m: MechTemp, f: Function) -> None:
    """Lists are read by `item` and `length` only, and passed on to helpers."""
    read = {
        id(a)
        for n in ast.walk(f.tree)
        if isinstance(n, ast.Call)
        and isinstance(n.func, ast.Name)
        and n.func.id in {*subset.LISTS, *m.helpers}
        for a in (n.args[:1] if n.func.id in subset.LISTS else n.args)
    }
    for n in ast.walk(f.tree):
        if isinstance(n, ast.Name) and n.id in m.lists and id(n) not in read:
            raise f.fail(n, f"a list is read as item({n.id}, k) or length({n.id})")


def _check_conditions(m: MechTemp) -> None:
    """Conditions that are armed exist, and have a receiver; `for_connections` has its block."""
    for f in (*m.functions.values(), *m.helpers.values()):
        for n in ast.walk(f.tree):
            if not (isinstance(n, ast.Call) and isinstance(n.func, ast.Name)):
                continue
            if n.func.id in ("watch", "for_connections") and f is not m.functions.get("receive"):
                raise f.fail(n, f"{n.func.id} is legal in `receive` itself only")
            if n.func.id == "watch":
                k = n.args[0].value if isinstance(n.args[0], ast.Constant) else None
                if f"watch_{k!r}" not in m.functions:
                    raise f.fail(n, "the first argument of watch is the number of a block watch_<number>")
            elif n.func.id == "for_connections" and "receive_each" not in m.functions:
                raise f.fail(n, "for_connections runs a block `receive_each`, which is missing")
    each = m.functions.get("receive_each")
    if each is not None:
        foreign = [r for r in each.returns if r in m.pointers or r in m.ion_names]
        if foreign:
            raise each.fail(
                None, f"it writes {foreign[0]!r}; it may set weights and variables of the instance"
            )
    if m.conditions and "receive" not in m.functions:
        raise MechanismError(f"{m.name}: a watch needs a block `receive`", mechanism=m.name)


def _check_diffusion(m: MechTemp) -> None:
    written = {n for d in m.ions.values() for n in d.write}
    sizes = {n: v.size for n, v in m.states.items()} | dict.fromkeys(written, 1)
    legal = [n if size == 1 else f"{n}[{k}]" for n, size in sizes.items() for k in range(size)]
    for x in m.diffusion:
        if x.state not in legal or m.kind != "density":
            message = f"{m.name}: diffusion of {x.state!r}; {nearest(x.state, legal)}"
            if m.kind != "density":
                message = f"{m.name}: only density mechanisms diffuse along the cell, this one is {m.kind}"
            raise MechanismError(message, mechanism=m.name, variable=x.state)
        f = m.functions.get(x.function)
        if f is None or f.returns != ("coefficient", "volume"):
            message = f"{m.name}: diffusion of {x.state!r} needs a block {x.function!r} that returns "
            raise MechanismError(message + "coefficient, volume", mechanism=m.name, variable=x.state)
    used = {x.function for x in m.diffusion}
    unused = [n for n in m.functions if n.startswith("diffuse_") and n not in used]
    if unused:
        raise m.functions[unused[0]].fail(None, f"no entry of diffusion names {unused[0]!r}")
