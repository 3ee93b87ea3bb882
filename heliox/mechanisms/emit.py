"""Statements that evaluate a graph again, and functions made of statements."""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection, Iterable

from heliox.mechanisms import terms
from heliox.mechanisms.graph import Branch, Call, Graph, Instruction, Let, Loop, Move
from heliox.mechanisms.scope import Scope
from heliox.mechanisms.subset import MATH, Function
from heliox.mechanisms.tidy import tidy


def evaluated(instructions: Iterable[Instruction], scope: Scope) -> list[ast.stmt]:
    """The operations as statements, without effects on events."""
    out: list[ast.stmt] = []
    for i in instructions:
        out += evaluated_one(i, scope)
    return out


def evaluated_one(i: Instruction, scope: Scope) -> list[ast.stmt]:
    if isinstance(i, Let):
        return [terms.assign([i.name], i.value)]
    if isinstance(i, Call):
        return [terms.assign(i.names, terms.call(i.function, *i.args))]
    if isinstance(i, Branch):
        return [ast.If(i.test, evaluated(i.then, scope), evaluated(i.orelse, scope))]
    if isinstance(i, Loop):
        return turns(i, scope)
    return [ast.Expr(i.value)] if isinstance(i, Move) else []


def turns(i: Loop, scope: Scope, *, count: bool = False, first: Collection[ast.stmt] = ()) -> list[ast.stmt]:
    """A loop from its start.

    Parameters
    ----------
    count : bool
        Count the turns.
    first : collection of ast.stmt
        What each turn does before it carries on.
    """
    out: list[ast.stmt] = [terms.assign([n], v) for n, v in zip(i.names, i.initial, strict=True)]
    body = [*first, step(i, i.names, terms.name(i.turn), i.done)]
    if count and i.breaks:
        out.append(terms.assign([i.turns], terms.number(0.0)))
        body.append(terms.assign([i.turns], terms.add(terms.name(i.turns), terms.number(1.0))))
    if i.breaks:
        done = terms.compare(terms.name(i.done), ast.Gt(), terms.number(0.0))
        body.append(ast.If(done, [ast.Break()], []))
    limits = [i.first, i.first + i.step * i.count, i.step]
    if i.step == 1:
        limits = limits[:2] if i.first else limits[1:2]
    loop = over(i.turn, limits, body)
    loop.keep = scope.graph(i.body).draws  # type: ignore[attr-defined]
    return [*out, loop]


def step(i: Loop, names: list[str], turn: ast.expr, done: str) -> ast.stmt:
    """One turn."""
    value = terms.call(i.body, *map(terms.name, names), *i.invariant, turn)
    targets = [*names, done] if i.breaks else names
    return terms.assign(targets, value) if targets else ast.Expr(value)


def over(counter: str, limits: list[int], body: list[ast.stmt]) -> ast.For:
    args: list[ast.expr] = [
        ast.Constant(x) if x >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-x)) for x in limits
    ]
    return ast.For(ast.Name(counter, ast.Store()), terms.call("range", *args), body, [])


def function(
    graph: Graph,
    scope: Scope,
    name: str,
    extra: Iterable[str],
    body: list[ast.stmt],
    results: list[ast.expr],
    passing: Collection[str],
    doc: str,
) -> Function:
    """A function of the parameters of `graph` and `extra` ones, made of `body` and a return of `results`."""
    params = [*graph.params, *extra]
    known = {*params, *scope.reserved, *scope.helpers, *MATH}
    statements = [*body, *([ast.Return(terms.several(results))] if results else [])]
    statements = tidy(copy.deepcopy(statements), known, passing)  # the graph's trees stay as they are
    args = ast.arguments([], [ast.arg(p) for p in params], None, [], [], None, [])
    first = ast.Expr(ast.Constant(doc))
    tree = ast.FunctionDef(name, args, [first, *(statements or [ast.Pass()])], [], None, None)
    text = ast.unparse(ast.fix_missing_locations(tree))
    return Function(name, text + "\n", f"<{name} of {scope.template.name}>")


def body_of_loop(name: str, scope: Scope) -> Function:
    """The body of a loop as a function."""
    graph = scope.graph(name)
    passing = {i.name for i in graph.all if isinstance(i, Let) and i.name.startswith("_t")}
    doc = "One turn of a loop: what it carries, then 1 if it ended."
    return function(graph, scope, name, (), evaluated(graph.instructions, scope), graph.results, passing, doc)
