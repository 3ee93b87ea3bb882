"""Reverse mode: the operations of a function, then adjoints from its results back to its parameters.

The adjoint of a name is the sum of what its uses contribute, and is complete when the operation that set the
name is reached. Inside a branch contributions are collected apart, and only those of the side taken count.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Sequence

from heliox.mechanisms import activity, emit, partials, terms
from heliox.mechanisms.graph import Branch, Call, Graph, Instruction, Let, Loop
from heliox.mechanisms.scope import Scope

LONGEST_SUM = 12  # terms of one statement
Bars = dict[str, list[ast.expr]]
Derive = Callable[
    [str, Collection[int], Collection[int]], str
]  # helper, active arguments and results -> name


class Reverse:
    """The statements of one vector-Jacobian product.

    Parameters
    ----------
    active : set of str
        Names that get adjoints.
    derive : callable
        Makes the same of a helper, and gives its name.
    """

    def __init__(
        self, graph: Graph, scope: Scope, active: set[str], names: terms.Names, derive: Derive
    ) -> None:
        self.graph, self.scope, self.active, self.names, self.derive = graph, scope, active, names, derive
        self.constants = scope.constants(graph)
        self.passing = {i.name for i in graph.all if isinstance(i, Let) and i.name.startswith("_t")}

    def run(self, seeds: Sequence[ast.expr | None]) -> tuple[list[ast.stmt], Bars]:
        """Statements, and contributions to the parameters, for the adjoints `seeds` of the results."""
        bars: Bars = {}
        for r, seed in zip(self.graph.results, seeds, strict=True):
            if seed is not None:
                self._give(bars, r, seed)
        back = self._block(self.graph.instructions, bars)
        return [*self._forward(self.graph.instructions), *back], bars

    def _forward(self, instructions: list[Instruction]) -> list[ast.stmt]:
        """Evaluation; loops that will be run backwards count their turns."""
        out: list[ast.stmt] = []
        for i in instructions:
            if isinstance(i, Branch):
                out.append(ast.If(i.test, self._forward(i.then), self._forward(i.orelse)))
            elif isinstance(i, Loop):
                back = bool(self.active & set(i.names))
                out += emit.turns(i, self.scope, count=back)
            else:
                out += emit.evaluated_one(i, self.scope)
        return out

    # --- adjoints

    def _give(self, bars: Bars, to: ast.expr, value: ast.expr) -> None:
        if isinstance(to, ast.Name) and to.id in self.active and terms.literal(value) != 0.0:
            bars.setdefault(to.id, []).append(value)

    def new(self) -> str:
        """A name that may vanish into the expression that uses it."""
        out = self.names.numbered("_b")
        self.passing.add(out)
        return out

    def _take(self, bars: Bars, n: str, out: list[ast.stmt]) -> ast.expr | None:
        """The complete adjoint of a name, as a name or literal; None if nothing depends on it."""
        if n not in bars:
            return None
        value = self.total(bars, n, out)
        if terms.is_atom(value):
            return value
        if n.startswith("_"):
            new = self.new()
        else:
            new = self.names.new(f"_bar_{n}")
        out.append(terms.assign([new], value))
        return terms.name(new)

    def total(self, bars: Bars, n: str, out: list[ast.stmt]) -> ast.expr:
        """The sum of what uses of `n` contribute, taken from `bars`; a long one in several statements."""
        parts = bars.pop(n, [])
        while len(parts) > LONGEST_SUM:
            new = self.names.numbered("_b")
            out.append(terms.assign([new], terms.total(parts[:LONGEST_SUM])))
            parts = [terms.name(new), *parts[LONGEST_SUM:]]
        return terms.total(parts)

    def _block(self, instructions: list[Instruction], bars: Bars) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for i in reversed(instructions):
            if isinstance(i, Let):
                self._let(i, bars, out)
            elif isinstance(i, Call):
                self._call(i, bars, out)
            elif isinstance(i, Branch):
                self._branch(i, bars, out)
            elif isinstance(i, Loop):
                self._loop(i, bars, out)
        return out

    def _let(self, i: Let, bars: Bars, out: list[ast.stmt]) -> None:
        bar = self._take(bars, i.name, out)
        if bar is None:
            return
        v = i.value
        if isinstance(v, ast.BinOp) and isinstance(v.op, ast.Div) and self._is_active(v.right):
            quotient = self.new()  # serves both sides
            out.append(terms.assign([quotient], terms.div(bar, v.right)))
            self._give(bars, v.left, terms.name(quotient))
            self._give(bars, v.right, terms.neg(terms.mul(terms.name(quotient), terms.name(i.name))))
            return
        for operand, scale in partials.scales(i, self.constants):
            if self._is_active(operand):
                self._give(bars, operand, scale(bar))

    def _is_active(self, e: ast.expr) -> bool:
        return isinstance(e, ast.Name) and e.id in self.active

    def _call(self, i: Call, bars: Bars, out: list[ast.stmt]) -> None:
        taken = [self._take(bars, n, out) for n in i.names]
        results = [k for k, b in enumerate(taken) if b is not None]
        rows = self.scope.matrix(i.function)
        reach = frozenset[int]().union(*(rows[k] for k in results))
        args = [k for k, a in enumerate(i.args) if k in reach and self._is_active(a)]
        if not args:
            return
        seeds = [terms.number(0.0) if b is None else b for b in taken]
        back = [self.new() for _ in i.args]
        out.append(terms.assign(back, terms.call(self.derive(i.function, args, results), *i.args, *seeds)))
        for k in args:
            self._give(bars, i.args[k], terms.name(back[k]))

    def _branch(self, i: Branch, bars: Bars, out: list[ast.stmt]) -> None:
        seeds: Bars = {}
        for n in [n for n in _set_in(i) if n in bars]:
            bar = self._take(bars, n, out)
            if bar is not None:
                seeds[n] = [bar]
        if not seeds:
            return
        sides = []
        for side in (i.then, i.orelse):
            inner = {n: list(b) for n, b in seeds.items()}
            statements = self._block(side, inner)
            sides.append((statements, {n: b for n, b in inner.items() if n not in seeds}))
        (then, first), (other, second) = sides
        for n in dict.fromkeys([*first, *second]):
            new = self.new()
            then.append(terms.assign([new], self.total(first, n, then)))
            other.append(terms.assign([new], self.total(second, n, other)))
            bars.setdefault(n, []).append(terms.name(new))
        if then or other:
            out.append(ast.If(i.test, then, other))

    def _loop(self, i: Loop, bars: Bars, out: list[ast.stmt]) -> None:
        """Turns from the last to the first; what each started from is found by running the loop anew."""
        carried = len(i.names)
        ends = [self._take(bars, n, out) for n in i.names]
        if all(e is None for e in ends):
            return
        if self.scope.graph(i.body).draws:
            raise i.place.fail("random numbers are drawn in a loop that carries what is differentiated")
        results = activity.reaching(i, {k for k, e in enumerate(ends) if e is not None}, self.scope)
        known = [*i.initial, *i.invariant]
        start = {k for k in results if k >= carried and self._is_active(known[k])}
        moving = self._moving(i, results, start)
        results = {k for k in results if k in moving or k in start}
        inside = sorted(k for k in results if k < carried)
        function = self.derive(i.body, sorted(results), inside)
        bar = {k: self.new() for k in inside}
        total = {k: self.new() for k in sorted(start)}
        for k in inside:
            out.append(terms.assign([bar[k]], ends[k] or terms.number(0.0)))
        out += [terms.assign([n], terms.number(0.0)) for n in total.values()]
        self.passing -= {*bar.values(), *total.values()}
        out.append(self._backwards(i, function, bar, total))
        for k, n in (bar | total).items():
            self._give(bars, known[k], terms.name(n))

    def _moving(self, i: Loop, reach: set[int], start: set[int]) -> set[int]:
        """Carried values, by number, that depend on what is differentiated in some turn."""
        rows = self.scope.matrix(i.body)
        out = {k for k, e in enumerate(i.initial) if k in reach and self._is_active(e)}
        while True:
            more = out | {k for k in reach if k < len(i.names) and rows[k] & (out | start)}
            if more == out:
                return out
            out = more

    def _backwards(self, i: Loop, function: str, bar: dict[int, str], total: dict[int, str]) -> ast.stmt:
        new = self.names.numbered
        back, now, again, done = new("_back"), new("_turn"), new("_again"), new("_done")
        local = [new("_from") for _ in i.names]
        number, name = terms.number, terms.name
        if i.breaks:
            last: ast.expr = terms.sub(name(i.turns), number(1.0))
        else:
            last = number(i.count - 1.0)
        replay = emit.step(i, local, self._turn(i, name(again)), done)
        body: list[ast.stmt] = [
            terms.assign([now], terms.sub(last, name(back))),
            ast.If(terms.compare(name(now), ast.Lt(), number(0.0)), [ast.Break()], []),
            *(terms.assign([n], v) for n, v in zip(local, i.initial, strict=True)),
            emit.over(
                again,
                [i.count],
                [ast.If(terms.compare(name(again), ast.GtE(), name(now)), [ast.Break()], []), replay],
            ),
        ]
        inputs = [*map(name, local), *i.invariant, self._turn(i, name(now))]
        seeds = [name(bar[k]) if k in bar else number(0.0) for k in range(len(i.names))]
        given = [new("_b") for _ in inputs]
        if i.breaks:
            seeds.append(number(0.0))
        body.append(terms.assign(given, terms.call(function, *inputs, *seeds)))
        body += [terms.assign([n], name(given[k])) for k, n in bar.items()]
        body += [terms.assign([n], terms.add(name(n), name(given[k]))) for k, n in total.items()]
        return emit.over(back, [i.count], body)

    @staticmethod
    def _turn(i: Loop, k: ast.expr) -> ast.expr:
        """The loop's own counter in turn `k`."""
        return terms.add(terms.number(i.first), terms.mul(terms.number(i.step), k))


def _set_in(i: Branch) -> list[str]:
    """Names that both sides of a branch set, in order."""
    found: dict[str, None] = {}
    for side in (i.then, i.orelse):
        for x in side:
            names = [x.name] if isinstance(x, Let) else x.names if isinstance(x, (Call, Loop)) else []
            found |= dict.fromkeys(names)
    return list(found)
