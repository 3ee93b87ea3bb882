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
        return turns(i, scope, i.names, Counters(i.names))
    return [ast.Expr(i.value)] if isinstance(i, Move) else []


class Counters:
    """Names that belong to one loop, made from its first carried one."""

    def __init__(self, names: list[str]) -> None:
        self.turn, self.done, self.turns = f"_k_{names[0]}", f"_done_{names[0]}", f"_n_{names[0]}"


def turns(
    i: Loop,
    scope: Scope,
    names: list[str],
    counters: Counters,
    *,
    count: bool = False,
    first: Collection[ast.stmt] = (),
) -> list[ast.stmt]:
    """A loop from its start; its values are `names`.

    Parameters
    ----------
    count : bool
        Count the turns.
    first : collection of ast.stmt
        What each turn does before it carries on.
    """
    out: list[ast.stmt] = [terms.assign([n], v) for n, v in zip(names, i.initial, strict=True)]
    body = [*first, step(i, names, terms.name(counters.turn), counters)]
    if count and i.breaks:
        out.append(terms.assign([counters.turns], terms.number(0.0)))
        body.append(terms.assign([counters.turns], terms.add(terms.name(counters.turns), terms.number(1.0))))
    if i.breaks:
        done = terms.compare(terms.name(counters.done), ast.Gt(), terms.number(0.0))
        body.append(ast.If(done, [ast.Break()], []))
    stop = i.first + i.step * i.count
    limits = (
        [stop] if (i.first, i.step) == (0, 1) else [i.first, stop] if i.step == 1 else [i.first, stop, i.step]
    )
    loop = over(counters.turn, limits, body)
    loop.keep = scope.graph(i.body).draws  # type: ignore[attr-defined]
    return [*out, loop]


def step(i: Loop, names: list[str], turn: ast.expr, counters: Counters) -> ast.stmt:
    """One turn."""
    value = terms.call(i.body, *map(terms.name, names), *i.invariant, turn)
    return terms.assign([*names, counters.done] if i.breaks else names, value)


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
