"""What in a function depends on what.

Only names that depend on what is differentiated by, and reach what is differentiated, get derivatives.
"""

from __future__ import annotations

import ast
from collections.abc import Collection
from typing import TYPE_CHECKING

from heliox.mechanisms import terms
from heliox.mechanisms.graph import Branch, Call, Effect, Graph, Instruction, Let, Loop

if TYPE_CHECKING:
    from heliox.mechanisms.scope import Scope

Dependence = dict[str, frozenset[int]]
LOST = {
    "net_send": ("delay", "flag"), "net_send_at": ("time", "flag"), "net_event": ("time",),
    "net_move": ("time",), "watch": ("", "flag"),
}  # fmt: skip


def of(e: ast.expr, depends: Dependence) -> frozenset[int]:
    """Parameters, by number, on which a name or literal depends."""
    return depends.get(e.id, frozenset()) if isinstance(e, ast.Name) else frozenset()


def dependence(graph: Graph, scope: Scope) -> Dependence:
    """Name -> parameters, by number, on which it depends differentiably."""
    out: Dependence = {p: frozenset({k}) for k, p in enumerate(graph.params)}
    _forward(graph.instructions, out, scope)
    return out


def _forward(instructions: list[Instruction], out: Dependence, scope: Scope) -> None:
    for i in instructions:
        if isinstance(i, Let):
            out[i.name] = out.get(i.name, frozenset()).union(*(of(o, out) for o in i.operands))
        elif isinstance(i, Call):
            for n, row in zip(i.names, scope.matrix(i.function), strict=True):
                out[n] = frozenset().union(*(of(i.args[k], out) for k in row))
        elif isinstance(i, Branch):
            _forward(i.then, out, scope)
            _forward(i.orelse, out, scope)
        elif isinstance(i, Loop):
            _forward_loop(i, out, scope)


def _forward_loop(i: Loop, out: Dependence, scope: Scope) -> None:
    """What is carried depends on what it depended on before, turn by turn, until nothing is added."""
    rows = scope.matrix(i.body)
    fixed = [of(e, out) for e in i.invariant]
    now = [of(e, out) for e in i.initial]
    while True:
        inputs = [*now, *fixed, frozenset[int]()]
        more = [old.union(*(inputs[k] for k in rows[j])) for j, old in enumerate(now)]
        if more == now:
            break
        now = more
    out |= dict(zip(i.names, now, strict=True))


def useful(graph: Graph, results: Collection[int], scope: Scope) -> set[str]:
    """Names that reach one of the `results`, by number."""
    out = {r.id for k, r in enumerate(graph.results) if k in results and isinstance(r, ast.Name)}
    _backward(graph.instructions, out, scope)
    return out


def _backward(instructions: list[Instruction], out: set[str], scope: Scope) -> None:
    for i in reversed(instructions):
        if isinstance(i, Let) and i.name in out:
            out |= _names(i.operands)
        elif isinstance(i, Call):
            rows = scope.matrix(i.function)
            for k, n in enumerate(i.names):
                out |= _names([i.args[j] for j in rows[k]]) if n in out else set()
        elif isinstance(i, Branch):
            _backward(i.then, out, scope)
            _backward(i.orelse, out, scope)
        elif isinstance(i, Loop):
            needed = reaching(i, {k for k, n in enumerate(i.names) if n in out}, scope)
            out |= _names([[*i.initial, *i.invariant][k] for k in needed])
            out |= {
                n for k, n in enumerate(i.names) if k in needed
            }  # from turn to turn, if not behind the loop


def reaching(i: Loop, results: set[int], scope: Scope) -> set[int]:
    """What of a loop's carried and invariant values, by number, reaches the given carried ones."""
    rows = scope.matrix(i.body)
    known = len(i.initial) + len(i.invariant)
    needed = set(results)
    while True:
        more = needed.union(*(rows[k] for k in needed if k < len(i.initial)))
        more = {k for k in more if k < known}  # not the counter
        if more == needed:
            return needed
        needed = more


def _names(atoms: list[ast.expr]) -> set[str]:
    return {a.id for a in atoms if isinstance(a, ast.Name)}


def active(graph: Graph, scope: Scope, params: Collection[int], results: Collection[int]) -> set[str]:
    """Names that depend on one of `params` and reach one of `results`, both by number."""
    depends = dependence(graph, scope)
    reach = useful(graph, results, scope)
    wanted = frozenset(params)
    return {n for n in reach if depends.get(n, frozenset()) & wanted}


def lost(graph: Graph, params: Collection[int], scope: Scope) -> list[str]:
    """Effects whose arguments depend on `params`, by number; `for_connections` always changes variables."""
    out = []
    depends, wanted = dependence(graph, scope), frozenset(params)
    for i in graph.all:
        if isinstance(i, Loop):
            inputs = [*map(terms.name, i.names), *i.invariant]
            inside = [k for k, e in enumerate(inputs) if of(e, depends) & wanted]
            out += lost(scope.graph(i.body), inside, scope)
        if not isinstance(i, Effect):
            continue
        where = f"in {i.place.function.name}, line {i.place.line}"
        if i.function == "for_connections":
            out.append(f"for_connections {where}")
        for a, what in zip(i.args, LOST.get(i.function, ()), strict=True):
            if of(a, depends) & wanted:
                out.append(f"{i.function} {what} {where}")
    return list(dict.fromkeys(out))
