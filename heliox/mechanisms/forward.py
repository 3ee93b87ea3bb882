"""Forward mode: every operation, and beside it the tangent of what it sets."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from heliox.mechanisms import activity, emit, partials, terms
from heliox.mechanisms.graph import Branch, Call, Graph, Instruction, Let, Loop
from heliox.mechanisms.reverse import Derive
from heliox.mechanisms.scope import Scope


class Forward:
    """The statements of one Jacobian-vector product.

    Parameters
    ----------
    active : set of str
        Names that get tangents.
    derive : callable
        Makes the same of a helper, and gives its name.
    """

    def __init__(
        self, graph: Graph, scope: Scope, active: set[str], names: terms.Names, derive: Derive
    ) -> None:
        self.graph, self.scope, self.active, self.names, self.derive = graph, scope, active, names, derive
        self.constants = scope.constants(graph)
        self.passing = {i.name for i in graph.all if isinstance(i, Let) and i.name.startswith("_t")}
        self.dots: dict[str, ast.expr] = {}

    def run(self, seeds: Sequence[ast.expr | None]) -> tuple[list[ast.stmt], list[ast.expr]]:
        """Statements, and tangents of the results, for the tangents `seeds` of the parameters."""
        self.dots = {p: s for p, s in zip(self.graph.params, seeds, strict=True) if s is not None}
        body = self._block(self.graph.instructions)
        return body, [self.dot(r) for r in self.graph.results]

    def dot(self, e: ast.expr) -> ast.expr:
        """The tangent of a name or literal."""
        return self.dots.get(e.id, terms.number(0.0)) if isinstance(e, ast.Name) else terms.number(0.0)

    def _new(self, n: str) -> str:
        """A name for the tangent of `n`."""
        if n in self.dots and isinstance(self.dots[n], ast.Name):
            return self.dots[n].id  # type: ignore[attr-defined]  # the other side of a branch
        if n.startswith("_"):
            new = self.names.numbered("_d")
            self.passing.add(new)
        else:
            new = self.names.new(f"_dot_{n}")
        return new

    def _block(self, instructions: list[Instruction]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for i in instructions:
            if isinstance(i, Branch):
                out.append(ast.If(i.test, self._block(i.then), self._block(i.orelse)))
            elif isinstance(i, Loop):
                out += self._loop(i)
            else:
                out += emit.evaluated_one(i, self.scope)
                if isinstance(i, Let) and i.name in self.active:
                    out.append(self._let(i))
                elif isinstance(i, Call) and self.active & set(i.names):
                    out.append(self._call(i))
        return out

    def _let(self, i: Let) -> ast.stmt:
        value = self._tangent(i)
        new = self._new(i.name)
        self.dots[i.name] = terms.name(new)
        return terms.assign([new], value)

    def _tangent(self, i: Let) -> ast.expr:
        v = i.value
        if isinstance(v, ast.BinOp) and isinstance(v.op, ast.Div):
            change = terms.sub(self.dot(v.left), terms.mul(self.dot(v.right), terms.name(i.name)))
            return terms.div(change, v.right)
        scales = partials.scales(i, self.constants)
        if isinstance(v, ast.IfExp):
            return terms.select(v.test, self.dot(v.body), self.dot(v.orelse))
        if isinstance(v, ast.Call) and terms.called(v) & {"min", "max"} and len(v.args) == 2:
            a, b = v.args
            test = partials.second_taken(v.func.id, a, b)  # type: ignore[attr-defined]
            return terms.select(test, self.dot(b), self.dot(a))
        return terms.total(scale(self.dot(o)) for o, scale in scales if terms.literal(self.dot(o)) != 0.0)

    def _call(self, i: Call) -> ast.stmt:
        results = [k for k, n in enumerate(i.names) if n in self.active]
        rows = self.scope.matrix(i.function)
        reach = frozenset[int]().union(*(rows[k] for k in results))
        args = [
            k for k, a in enumerate(i.args) if k in reach and isinstance(a, ast.Name) and a.id in self.active
        ]
        function = self.derive(i.function, args, results)
        new = [self._new(n) if k in results else self.names.numbered("_d") for k, n in enumerate(i.names)]
        self.dots |= {i.names[k]: terms.name(new[k]) for k in results}
        dots = [self.dot(a) if k in args else terms.number(0.0) for k, a in enumerate(i.args)]
        return terms.assign(new, terms.call(function, *i.args, *dots))

    def _loop(self, i: Loop) -> list[ast.stmt]:
        """The loop, with the tangents of what it carries carried along."""
        moving = [k for k, n in enumerate(i.names) if n in self.active]
        if not moving:
            return emit.turns(i, self.scope)
        if self.scope.graph(i.body).draws:
            raise i.place.fail("random numbers are drawn in a loop that carries what is differentiated")
        new = {k: self._new(i.names[k]) for k in moving}
        start = [terms.assign([new[k]], self.dot(i.initial[k])) for k in moving]
        self.passing -= set(new.values())
        reach = activity.reaching(i, set(moving), self.scope)
        dots = [terms.name(new[k]) if k in new else terms.number(0.0) for k in range(len(i.names))]
        dots += [self.dot(e) for e in i.invariant] + [terms.number(0.0)]
        args = [k for k, d in enumerate(dots) if k in reach and terms.literal(d) != 0.0]
        function = self.derive(i.body, args, moving)
        inputs = [*map(terms.name, i.names), *i.invariant, terms.name(i.turn)]
        width = len(i.names) + i.breaks
        given = [self.names.numbered("_d") for _ in range(width)]
        first: list[ast.stmt] = [terms.assign(given, terms.call(function, *inputs, *dots))]
        first += [terms.assign([n], terms.name(given[k])) for k, n in new.items()]
        self.dots |= {i.names[k]: terms.name(n) for k, n in new.items()}
        return [*start, *emit.turns(i, self.scope, first=first)]
