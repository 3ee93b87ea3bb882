"""A function in the form that can be differentiated: one exit, no loops but calls of their bodies.

* Arrays are scalars (`arrays.py`), short loops without `break` are unrolled.
* Any other loop becomes a `LoopStatement`: its body is a function of its own, of what it carries from turn to
  turn, of what it only reads, and of the counter; it returns what it carries, and 1.0 behind it where it
  broke.
* A `return` inside a loop leaves the loop by a flag; a `return` inside an `if` takes what follows into the
  other side. So every path ends in one return.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from heliox.mechanisms import terms
from heliox.mechanisms.arrays import Substitute, constant_index
from heliox.mechanisms.subset import Function

UNROLLED = 200  # statements that an unrolled loop may make
Node = TypeVar("Node", bound=ast.AST)


@dataclass(frozen=True)
class Source:
    """A function on scalars: its tree, and the function of the mechanism at which errors point."""

    name: str
    tree: ast.FunctionDef
    origin: Function


class LoopStatement(ast.stmt):
    """A loop whose body is the function `body`: carried, invariant, counter -> carried[, done]."""

    body: str
    carried: list[str]
    invariant: list[str]
    first: int
    step: int
    count: int
    breaks: bool


@dataclass
class Normal:
    """Statements that are assignments, `if`, loops, calls, and returns at the ends of paths only."""

    statements: list[ast.stmt]
    bodies: dict[str, Source] = field(default_factory=dict)


def normalise(source: Source, constants: Mapping[str, float]) -> Normal:
    """The normal form of a function.

    Raises
    ------
    MechanismError
        If the length of a loop is not constant.
    """
    return _Normaliser(source, constants).run()


class _Normaliser:
    def __init__(self, source: Source, constants: Mapping[str, float]) -> None:
        hidden = {a.arg for a in source.tree.args.args} | set(terms.stores(source.tree))
        self.source = source
        self.constants = {n: x for n, x in constants.items() if n not in hidden}
        self.names = terms.Names({n.id for n in ast.walk(source.tree) if isinstance(n, ast.Name)})
        self.names.taken |= {a.arg for a in source.tree.args.args} | set(constants)
        self.bodies: dict[str, Source] = {}
        self.reads: Counter[str] = Counter()
        self.variables: set[str] = set()

    def run(self) -> Normal:
        body = self._plain(copy.deepcopy(self.source.tree.body))
        body = self._flagged(self._unrolled(body))
        for s in body:
            self.reads.update(terms.every_read(s))
        self.variables = {a.arg for a in self.source.tree.args.args} | set(terms.stores(*body))
        return Normal(_one_exit(self._extracted(body)), self.bodies)

    # --- simple statements

    def _plain(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Without docstrings, augmented and chained assignments, and choices between tuples."""
        out: list[ast.stmt] = []
        for s in body:
            if isinstance(s, (ast.If, ast.For)):
                s.body, s.orelse = self._plain(s.body), self._plain(s.orelse)
                out.append(s)
            elif isinstance(s, ast.Pass) or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)):
                continue
            else:
                out += self._plain_assignment(s)
        return out

    def _plain_assignment(self, s: ast.stmt) -> list[ast.stmt]:
        if isinstance(s, ast.AugAssign):
            sum_ = _at(s, ast.BinOp(_loaded(s.target), s.op, s.value))
            return [_at(s, ast.Assign([s.target], sum_))]
        if isinstance(s, ast.AnnAssign):
            return [] if s.value is None else [_at(s, ast.Assign([s.target], s.value))]
        if isinstance(s, ast.Assign) and len(s.targets) > 1:
            first = s.targets[0]
            rest = [_at(s, ast.Assign([t], _loaded(first))) for t in s.targets[1:]]
            return [*self._plain_assignment(_at(s, ast.Assign([first], s.value))), *rest]
        if isinstance(s, (ast.Assign, ast.Return)) and isinstance(s.value, ast.IfExp):
            choice = s.value
            if isinstance(choice.body, ast.Tuple) or isinstance(choice.orelse, ast.Tuple):
                sides = []
                for value in (choice.body, choice.orelse):
                    one = copy.deepcopy(s)
                    one.value = value
                    sides.append(self._plain_assignment(one))
                return [_at(s, ast.If(choice.test, *sides))]
        return [s]

    # --- loops

    def _unrolled(self, body: list[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for s in body:
            if isinstance(s, (ast.If, ast.For)):
                s.body, s.orelse = self._unrolled(s.body), self._unrolled(s.orelse)
            out += self._unroll(s) if isinstance(s, ast.For) else [s]
        return out

    def _unroll(self, s: ast.For) -> list[ast.stmt]:
        turns = self._range(s)
        counter = _counter(s)
        inside = sum(isinstance(n, ast.stmt) for b in s.body for n in ast.walk(b))
        leaves = any(isinstance(n, (ast.Break, ast.Return)) for b in s.body for n in ast.walk(b))
        if leaves or counter in terms.stores(*s.body) or inside * len(turns) > UNROLLED:
            return [s]
        out: list[ast.stmt] = []
        for k in turns:
            out += [Substitute(counter, k).visit(copy.deepcopy(b)) for b in s.body]
        return out + ([_at(s, terms.assign([counter], ast.Constant(turns[-1])))] if turns else [])

    def _range(self, s: ast.For) -> range:
        args: list[int] = []
        for a in s.iter.args:  # type: ignore[attr-defined]
            known = constant_index(terms.Replace(self._constant).visit(copy.deepcopy(a)))
            if known is None:
                raise self.source.origin.fail(
                    s, "the length of a loop must be a constant to differentiate it"
                )
            args.append(known)
        return range(*args)

    def _constant(self, n: str) -> ast.expr | None:
        return ast.Constant(self.constants[n]) if n in self.constants else None

    def _flagged(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """A `return` inside a loop becomes a flag, a `break`, and a `return` behind the loop."""
        out: list[ast.stmt] = []
        for s in body:
            if isinstance(s, (ast.If, ast.For)):
                s.body, s.orelse = self._flagged(s.body), self._flagged(s.orelse)
            out += self._flag(s) if isinstance(s, ast.For) and _returns(s) else [s]
        return out

    def _flag(self, s: ast.For) -> list[ast.stmt]:
        widths = {len(_values(r)) for r in _returns(s)}
        gone = self.names.numbered("_gone")
        results = [self.names.numbered("_early") for _ in range(max(widths))]
        s.body = self._leave(s.body, gone, results)
        start = [_at(s, terms.assign([n], terms.number(0.0))) for n in (gone, *results)]
        back = ast.Return(terms.several([terms.name(n) for n in results]) if results else None)
        test = terms.compare(terms.name(gone), ast.Gt(), terms.number(0.0))
        return [*start, s, _at(s, ast.If(test, [_at(s, back)], []))]

    def _leave(self, body: list[ast.stmt], gone: str, results: list[str]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for s in body:
            if isinstance(s, ast.Return):
                if s.value is not None:
                    out.append(_at(s, terms.assign(results, s.value)))
                out += [_at(s, terms.assign([gone], terms.number(1.0))), _at(s, ast.Break())]
                continue
            if isinstance(s, ast.If):
                s.body, s.orelse = self._leave(s.body, gone, results), self._leave(s.orelse, gone, results)
            out.append(s)
        return out

    def _extracted(self, body: list[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for s in body:
            if isinstance(s, ast.If):
                s.body, s.orelse = self._extracted(s.body), self._extracted(s.orelse)
            out.append(self._extract(s) if isinstance(s, ast.For) else s)
        return out

    def _extract(self, s: ast.For) -> ast.stmt:
        turns, counter = self._range(s), _counter(s)
        inside: Counter[str] = Counter()
        for b in s.body:
            inside.update(terms.every_read(b))
        outside = {n for n, k in self.reads.items() if k > inside[n]}
        statements = s.body
        first = counter
        if counter in outside or counter in terms.stores(*s.body):
            first = self.names.numbered(f"_{counter}")
            statements = [_at(s, terms.assign([counter], terms.name(first))), *s.body]
        unset = exposed(statements, {first})
        stored = terms.stores(*statements)
        carried = [n for n in stored if n in unset or n in outside]
        invariant = sorted((set(inside) & self.variables) - set(stored) - {first})
        breaks = any(isinstance(n, ast.Break) for n in _own(s.body))
        out = LoopStatement()
        out.body = f"{self.source.name}_loop{len(self.bodies) + 1}"
        out.carried, out.invariant, out.breaks = carried, invariant, breaks
        out.first, out.step, out.count = turns.start, turns.step, len(turns)
        tree = copy.copy(self.source.tree)
        tree.name = out.body
        tree.args = ast.arguments(
            [], [ast.arg(n) for n in (*carried, *invariant, first)], None, [], [], None, []
        )
        tree.body = [*_broken(statements, carried), _back(s, carried, 0.0 if breaks else None)]
        self.bodies[out.body] = Source(out.body, tree, self.source.origin)
        return _at(s, out)


def _at(place: ast.AST, new: Node) -> Node:
    """`new`, pointing at the line of `place`."""
    return ast.copy_location(new, place)


def _loaded(target: ast.expr) -> ast.expr:
    out = copy.deepcopy(target)
    for n in ast.walk(out):
        if isinstance(n, (ast.Name, ast.Tuple)):
            n.ctx = ast.Load()
    return out


def _counter(s: ast.For) -> str:
    return s.target.id  # type: ignore[attr-defined]


def _returns(s: ast.stmt) -> list[ast.Return]:
    return [n for n in ast.walk(s) if isinstance(n, ast.Return)]


def _values(r: ast.Return) -> list[ast.expr]:
    if r.value is None:
        return []
    return r.value.elts if isinstance(r.value, ast.Tuple) else [r.value]


def _own(body: list[ast.stmt]) -> list[ast.stmt]:
    """Statements of a loop's body, those of loops inside it left out."""
    out: list[ast.stmt] = []
    for s in body:
        out.append(s)
        if isinstance(s, ast.If):
            out += _own(s.body) + _own(s.orelse)
    return out


def _back(place: ast.stmt, carried: list[str], done: float | None) -> ast.stmt:
    values: list[ast.expr] = [terms.name(n) for n in carried]
    if done is not None:
        values.append(terms.number(done))
    return _at(place, ast.Return(_at(place, terms.several(values)) if values else None))


def _broken(body: list[ast.stmt], carried: list[str]) -> list[ast.stmt]:
    """A loop's body as that of a function: `break` returns."""
    out: list[ast.stmt] = []
    for s in body:
        if isinstance(s, ast.Break):
            out.append(_back(s, carried, 1.0))
        elif isinstance(s, ast.If):
            out.append(_at(s, ast.If(s.test, _broken(s.body, carried), _broken(s.orelse, carried))))
        else:
            out.append(s)
    return out


def _leaves(body: list[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], (ast.Break, ast.Return))


def exposed(body: list[ast.stmt], defined: set[str]) -> set[str]:
    """Names that may be read before `body` has set them; `defined` grows by what it surely sets."""
    out: set[str] = set()
    for s in body:
        if isinstance(s, ast.If):
            out |= terms.reads(s.test) - defined
            then, other = set(defined), set(defined)
            out |= exposed(s.body, then) | exposed(s.orelse, other)
            defined |= other if _leaves(s.body) else then if _leaves(s.orelse) else then & other
        elif isinstance(s, ast.For):
            out |= exposed(s.body, defined | {_counter(s)})
        else:
            out |= terms.reads(s) - defined
            defined |= set(terms.stores(s))
    return out


def _one_exit(body: list[ast.stmt]) -> list[ast.stmt]:
    """Returns at the ends of paths only: what follows an `if` with a return moves into its other side."""
    for k, s in enumerate(body):
        if isinstance(s, ast.Return):
            return body[: k + 1]
        if isinstance(s, ast.If) and _returns(s):
            rest = body[k + 1 :]
            sides = [_one_exit([*s.body, *rest]), _one_exit([*s.orelse, *rest])]
            return [*body[:k], _at(s, ast.If(s.test, *sides))]
    return body
