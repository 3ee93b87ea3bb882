"""Normal form -> graph: every operation gets a name of its own, plain copies vanish.

Behind an `if`, what its sides leave differently is set at the end of each of them. Helpers that draw random
numbers or send events are written out where they are called, so that they do so once.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from heliox.mechanisms import terms
from heliox.mechanisms.graph import STEPS, Branch, Call, Effect, Graph, Instruction, Let, Loop, Move, Place
from heliox.mechanisms.normalise import LoopStatement, Normal, Source
from heliox.mechanisms.subset import EFFECTS, LISTS, MATH

if TYPE_CHECKING:
    from heliox.mechanisms.scope import Scope

OUT, CHOICE = "_out", "_choice"  # keys of results, and of a conditional expression, while they are collected
CHEAP = frozenset({"abs", "fabs", "min", "max", *STEPS, *LISTS})  # tests of them may be made twice


def build(source: Source, normal: Normal, scope: Scope, reserved: Collection[str]) -> Graph:
    """The graph of a function in normal form.

    Parameters
    ----------
    scope : Scope
        Knows the helpers.
    reserved : collection of str
        Names that must not be given to variables.
    """
    params = [a.arg for a in source.tree.args.args]
    builder = _Builder(source, scope, terms.Names({*reserved, *params}), [])
    env: dict[str, ast.expr] = {p: terms.name(p) for p in params}
    results = builder.function(source, normal, env)
    return Graph(source, params, builder.out, results, builder.names)


class _Builder:
    def __init__(self, source: Source, scope: Scope, names: terms.Names, out: list[Instruction]) -> None:
        self.source = self.top = source
        self.scope, self.names, self.out = scope, names, out
        self.env: dict[str, ast.expr] = {}
        self.local: set[str] = set()

    def function(self, source: Source, normal: Normal, env: dict[str, ast.expr]) -> list[ast.expr]:
        """Append what `normal` does, with its parameters bound by `env`; its results."""
        kept = self.source, self.env, self.local
        self.source, self.env = source, env
        self.local = set(env) | set(terms.stores(*normal.statements))
        for s in ast.walk(ast.Module(normal.statements, [])):
            self.local |= set(s.carried) if isinstance(s, LoopStatement) else set()
        self.statements(normal.statements)
        results: list[ast.expr] = []
        while f"{OUT}{len(results)}" in self.env:
            results.append(self.env[f"{OUT}{len(results)}"])
        self.source, self.env, self.local = kept
        return results

    def at(self, node: ast.AST) -> Place:
        return Place(self.source.origin, node)

    def let(self, value: ast.expr, node: ast.AST, hint: str | None = None) -> ast.Name:
        n = self.names.numbered("_t") if hint is None else self.names.new(hint)
        self.out.append(Let(n, value, self.at(node)))
        return terms.name(n)

    # --- statements

    def statements(self, body: list[ast.stmt]) -> None:
        for s in body:
            if isinstance(s, ast.Assign):
                self.assign(s.targets[0], s.value)
            elif isinstance(s, ast.If):
                self.branch(s)
            elif isinstance(s, LoopStatement):
                self.loop(s)
            elif isinstance(s, ast.Return):
                values = [] if s.value is None else self.values(s.value)
                self.env |= {f"{OUT}{k}": v for k, v in enumerate(values)}
            elif isinstance(s, ast.Expr) and isinstance(s.value, ast.Call):
                self.statement_call(s.value)
            else:
                raise self.at(s).fail(f"{type(s).__name__} cannot be differentiated")

    def assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.env[target.id] = self.value(value, target.id)
            return
        targets = _flat(target)
        values = self.values(value, [t.id for t in targets if isinstance(t, ast.Name)])
        if len(values) != len(targets):
            raise self.at(target).fail(f"{len(values)} values for {len(targets)} names")
        for t, v in zip(targets, values, strict=True):
            if not isinstance(t, ast.Name):
                raise self.at(t).fail(f"an assignment to {ast.unparse(t)} cannot be differentiated")
            self.env[t.id] = v

    def branch(self, s: ast.If) -> None:
        test = self.test(s.test)
        known = _decided(test)
        if known is not None:
            self.statements(s.body if known else s.orelse)
            return
        self.both(test, lambda: self.statements(s.body), lambda: self.statements(s.orelse), s)

    def both(
        self, test: ast.expr, then: Callable[[], None], orelse: Callable[[], None], node: ast.AST
    ) -> None:
        """A branch whose sides are what the two callables append."""
        before, outside = self.env, self.out
        sides = []
        for side in (then, orelse):
            self.env, self.out = dict(before), []
            side()
            sides.append((self.env, self.out))
        (env, first), (other, second) = sides
        self.env, self.out = before, outside
        for n in [*env, *(n for n in other if n not in env)]:
            a, b = env.get(n), other.get(n)
            if n.startswith(OUT) and (a is None or b is None):
                raise self.at(node).fail("it does not return as many values on every path")
            a, b = a or terms.number(0.0), b or terms.number(0.0)
            if ast.dump(a) == ast.dump(b):
                self.env[n] = a
                continue
            merged = self.names.numbered("_t") if n == CHOICE else self.names.new(n)
            first.append(Let(merged, a, self.at(node)))
            second.append(Let(merged, b, self.at(node)))
            self.env[n] = terms.name(merged)
        if first or second:
            self.out.append(Branch(test, first, second))

    def loop(self, s: LoopStatement) -> None:
        if s.count == 0:
            return
        initial = [self.value(terms.name(n)) for n in s.carried]
        invariant = [self.value(terms.name(n)) for n in s.invariant]
        names = [self.names.new(n) for n in s.carried]
        turn, done, turns = (self.names.numbered(n) for n in ("_k", "_done", "_n"))
        range_ = s.first, s.step, s.count
        self.out.append(
            Loop(names, s.body, initial, invariant, *range_, s.breaks, turn, done, turns, self.at(s))
        )
        self.env |= {n: terms.name(new) for n, new in zip(s.carried, names, strict=True)}

    def statement_call(self, node: ast.Call) -> None:
        name = _function(node)
        if name in EFFECTS:
            self.out.append(Effect(name, [self.value(a) for a in node.args], self.at(node)))
        elif terms.draws(node) and name not in self.scope.helpers:
            self.out.append(Move(ast.Call(node.func, [self.value(a) for a in node.args], [])))
        else:
            self.values(node)

    # --- expressions

    def values(self, e: ast.expr, hints: list[str] | None = None) -> list[ast.expr]:
        """Atoms of a tuple, of a call that returns several values, or of one expression."""
        if isinstance(e, ast.Tuple):
            items = [i for item in e.elts for i in _flat(item)]
            names = hints if hints and len(hints) == len(items) else [None] * len(items)
            return [self.value(i, h) for i, h in zip(items, names, strict=True)]
        if isinstance(e, ast.Call) and _function(e) in self.scope.helpers:
            return self.helper(e, hints)
        return [self.value(e, hints[0] if hints else None)]

    def helper(self, e: ast.Call, hints: list[str] | None) -> list[ast.expr]:
        name = _function(e)
        args = [self.value(a) for a in e.args]
        if self.scope.inlined(name):
            source, normal = self.scope.source(name), self.scope.normal(name)
            params = [a.arg for a in source.tree.args.args]
            if len(params) != len(args):
                raise self.at(e).fail(f"{name} takes {len(params)} values, not {len(args)}")
            return self.function(source, normal, dict(zip(params, args, strict=True)))
        count = len(self.scope.graph(name, self.at(e)).results)
        if hints is None or len(hints) != count:
            names = [self.names.numbered("_t") for _ in range(count)]
        else:
            names = [self.names.new(h) for h in hints]
        if names:
            self.out.append(Call(names, name, args, self.at(e)))
        return [terms.name(n) for n in names]

    def value(self, e: ast.expr, hint: str | None = None) -> ast.expr:
        """The name or literal that stands for an expression."""
        if isinstance(e, ast.Name):
            return self._name(e)
        if isinstance(e, ast.Constant):
            return e
        if isinstance(e, ast.UnaryOp) and isinstance(e.op, (ast.USub, ast.UAdd)):
            operand = self.value(e.operand)
            if isinstance(e.op, ast.UAdd):
                return operand
            return (
                terms.neg(operand)
                if terms.literal(operand) is not None
                else self.let(terms.neg(operand), e, hint)
            )
        if isinstance(e, ast.BinOp):
            left, right = self.value(e.left), self.value(e.right)
            return self.let(ast.BinOp(left, e.op, right), e, hint)
        if isinstance(e, ast.Call):
            return self.call(e, hint)
        if isinstance(e, ast.IfExp):
            return self.choice(e, hint)
        if isinstance(e, (ast.Compare, ast.BoolOp, ast.UnaryOp)):
            if isinstance(e, ast.BoolOp) and not all(map(_is_test, e.values)):
                raise self.at(e).fail("`and` and `or` of numbers cannot be differentiated; write an if")
            one, zero = terms.number(1.0), terms.number(0.0)
            return self.let(terms.select(self.substituted(e), one, zero), e, hint)
        raise self.at(e).fail(f"{ast.unparse(e)} cannot be differentiated")

    def _name(self, e: ast.Name) -> ast.expr:
        if e.id in self.env:
            return self.env[e.id]
        if e.id in self.local:
            return terms.number(0.0)  # not set on this path
        constant = self.scope.template.constants.get(e.id)
        if constant is None or self.source is self.top:
            return e
        return terms.number(constant)  # of a helper written out: the name may be another's here

    def call(self, e: ast.Call, hint: str | None) -> ast.expr:
        name = _function(e)
        if name in self.scope.helpers:
            values = self.helper(e, None if hint is None else [hint])
            if len(values) != 1:
                raise self.at(e).fail(f"{name} returns {len(values)} values where one is needed")
            return values[0]
        args = [self.value(a) for a in e.args]
        if name in ("min", "max") and len(args) > 2:
            first: ast.expr = self.let(terms.call(name, *args[:2]), e)
            for a in args[2:]:
                first = self.let(terms.call(name, first, a), e)
            return first
        if name in MATH or name in LISTS or terms.draws(e):
            return self.let(terms.call(name, *args), e, hint)
        raise self.at(e).fail(f"{name} has no value that could be differentiated")

    def choice(self, e: ast.IfExp, hint: str | None) -> ast.expr:
        """A conditional expression: a selection if its sides cost nothing, else a branch."""
        test = self.test(e.test)
        known = _decided(test)
        if known is not None:
            return self.value(e.body if known else e.orelse, hint)
        size, kept = len(self.out), self.env.get(CHOICE)

        def side(value: ast.expr) -> None:
            self.env[CHOICE] = self.value(value)

        self.both(test, lambda: side(e.body), lambda: side(e.orelse), e)
        chosen = self.env.pop(CHOICE)
        if kept is not None:
            self.env[CHOICE] = kept
        if len(self.out) == size:
            return chosen
        branch = self.out[-1]
        assert isinstance(branch, Branch)
        sides = [branch.then, branch.orelse]
        if all(_selection(i) for s in sides for i in s[:-1]):
            self.out.pop()
            self.out += [*branch.then[:-1], *branch.orelse[:-1]]
            a, b = (s[-1].value for s in sides)  # type: ignore[union-attr]
            return self.let(terms.select(test, a, b), e, hint)
        return chosen

    # --- tests: nothing of them is differentiated

    def test(self, e: ast.expr) -> ast.expr:
        """A test on the names as they are now; one that calls functions is evaluated once and kept."""
        out = self.substituted(e)
        if terms.called(out) <= CHEAP:
            return out
        kept = self.let(terms.select(out, terms.number(1.0), terms.number(0.0)), e, "_if")
        return terms.compare(kept, ast.Gt(), terms.number(0.0))

    def substituted(self, e: ast.expr) -> ast.expr:
        for n in terms.called(e) & set(self.scope.helpers):
            if self.scope.inlined(n):
                raise self.at(e).fail(
                    f"{n} draws random numbers or sends events inside a condition; call it before"
                )
            self.scope.graph(n, self.at(e))
        return terms.Replace(lambda n: self._name(terms.name(n))).visit(copy.deepcopy(e))


def _flat(e: ast.expr) -> list[ast.expr]:
    return [x for item in e.elts for x in _flat(item)] if isinstance(e, ast.Tuple) else [e]


def _function(e: ast.Call) -> str:
    return e.func.id  # type: ignore[attr-defined]


def _selection(i: Instruction) -> bool:
    return isinstance(i, Let) and isinstance(i.value, ast.IfExp) and not terms.draws(i.value)


def _is_test(e: ast.expr) -> bool:
    return isinstance(e, (ast.Compare, ast.BoolOp)) or (
        isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.Not)
    )


def _decided(test: ast.expr) -> bool | None:
    """The outcome of a comparison of two literals, else None."""
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1):
        return None
    a, b = terms.literal(test.left), terms.literal(test.comparators[0])
    if a is None or b is None:
        return None
    outcomes = {
        ast.Eq: a == b, ast.NotEq: a != b, ast.Lt: a < b, ast.LtE: a <= b, ast.Gt: a > b, ast.GtE: a >= b,
    }  # fmt: skip
    return outcomes.get(type(test.ops[0]))
