"""Fewer divisions: the same formulas with products by reciprocals, for ``math="fast"``.

A division costs nearly what an exponential costs, and rates are full of them. Done here, in the source, every
device does the same; results differ from the written formula in their last bits.

* divided by a number, or by what is the same for all instances: times its reciprocal;
* several quotients by one divisor in a list of statements: one reciprocal;
* ``cnexp(x, -1.0 / tau, inf / tau, dt)``: ``x + (1 - exp(-dt / tau)) * (inf - x)``.

Quotients inside of floor, ceil and fmod stay as they are, but for powers of two.
"""

from __future__ import annotations

import ast
import copy
import math
from collections import Counter
from collections.abc import Collection, Mapping

from heliox.mechanisms.specialise import literal, number, stored
from heliox.mechanisms.subset import MATH, Function

STEPS = ("floor", "ceil", "fmod")  # what a last bit of the argument may change by a whole


def fewer(f: Function, constants: Mapping[str, float], uniform: Collection[str]) -> Function:
    """`f` with fewer divisions.

    Parameters
    ----------
    constants : mapping
        Module constants by name.
    uniform : collection of str
        Names that mean the same for all instances where they are parameters: GLOBALs, celsius, dt.
    """
    tree = copy.deepcopy(f.tree)
    changed = stored(tree)
    local = changed | set(f.params)
    known = {n: x for n, x in constants.items() if n not in local}
    work = _Fewer(known, {n for n in f.params if n in uniform and n not in changed}, local | set(constants))
    tree.body = work.statements(tree.body)
    return Function(f.name, ast.unparse(ast.fix_missing_locations(tree)), f.file, f.line)


def relaxed(f: Function) -> Function:
    """`f` with cnexp of equations that are written with a time constant in the form above."""
    if "cnexp" not in f.calls:
        return f
    tree = _Relaxed().visit(copy.deepcopy(f.tree))
    return Function(f.name, ast.unparse(ast.fix_missing_locations(tree)), f.file, f.line)


class _Relaxed(ast.NodeTransformer):
    """cnexp of an equation written with a time constant."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if not (isinstance(node.func, ast.Name) and node.func.id == "cnexp" and len(node.args) == 4):
            return node
        x, a, b, dt = node.args
        tau = _time_constant(a)
        if not isinstance(x, ast.Name) or tau is None:
            return node
        decay = _call("exp", ast.BinOp(ast.UnaryOp(ast.USub(), dt), ast.Div(), tau))
        if number(b) == 0.0:
            return ast.BinOp(x, ast.Mult(), decay)
        same = _quotient(b) and ast.dump(b.right) == ast.dump(tau)  # type: ignore[attr-defined]
        inf = b.left if same else ast.BinOp(b, ast.Mult(), copy.deepcopy(tau))  # type: ignore[attr-defined]
        far = ast.BinOp(inf, ast.Sub(), copy.deepcopy(x))
        part = ast.BinOp(ast.BinOp(ast.Constant(1.0), ast.Sub(), decay), ast.Mult(), far)
        return ast.BinOp(x, ast.Add(), part)


def _time_constant(a: ast.expr) -> ast.expr | None:
    """tau of -1.0 / tau or -(1.0 / tau)."""
    negative = isinstance(a, ast.UnaryOp) and isinstance(a.op, ast.USub)
    q = a.operand if negative else a  # type: ignore[attr-defined]
    if not (isinstance(q, ast.BinOp) and isinstance(q.op, ast.Div)):
        return None
    return q.right if number(q.left) == (1.0 if negative else -1.0) else None


def _quotient(e: ast.expr) -> bool:
    return isinstance(e, ast.BinOp) and isinstance(e.op, ast.Div)


def _call(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(args), [])


class _Fewer:
    """Goes through lists of statements; `uniform` grows by locals that are made of uniform names."""

    def __init__(self, constants: Mapping[str, float], uniform: set[str], taken: set[str]) -> None:
        self.constants = constants
        self.uniform = uniform
        self.taken = taken

    def name(self) -> str:
        """A new one."""
        k = 0
        while f"inverse_{k}_" in self.taken:
            k += 1
        self.taken.add(f"inverse_{k}_")
        return f"inverse_{k}_"

    def statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        self.split(body)
        times = self.repeated(body)
        made: dict[str, str] = {}
        out: list[ast.stmt] = []
        for s in body:
            if isinstance(s, ast.If):
                s.test = _Replace(self, set(), {}).visit(s.test)
                s.body, s.orelse = self.statements(s.body), self.statements(s.orelse)
            elif isinstance(s, ast.For):
                s.body = self.statements(s.body)
            elif isinstance(s, (ast.Assign, ast.AugAssign, ast.Return)) and s.value is not None:
                replace = _Replace(self, times, made)
                s.value = replace.visit(s.value)
                out += replace.before
            out.append(s)
            changed = stored(s)
            made = {k: n for k, n in made.items() if not changed & _names_in(k)}
            self.follow(s, changed)
        return out

    def split(self, body: list[ast.stmt]) -> None:
        """In quotients by a product, the factor that is the same for all instances apart."""
        before = set(self.uniform)
        for s in body:
            if isinstance(s, (ast.Assign, ast.AugAssign, ast.Return)) and s.value is not None:
                for n in ast.walk(s.value):
                    if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div):
                        self.split_one(n)
            self.follow(s, stored(s))
        self.uniform = before

    def split_one(self, node: ast.BinOp) -> None:
        """x / (q*y), q the same for all instances: (x / q) / y."""
        while isinstance(node.right, ast.BinOp) and isinstance(node.right.op, ast.Mult):
            q = node.right
            sides = [(q.left, q.right), (q.right, q.left)]
            found = next(((u, y) for u, y in sides if self.fixed(u) and not self.fixed(y)), None)
            if found is None:
                return
            node.left, node.right = ast.BinOp(node.left, ast.Div(), found[0]), found[1]

    def fixed(self, e: ast.expr) -> bool:
        return self.value(e) is not None or self.is_uniform(e)

    def follow(self, s: ast.stmt, changed: set[str]) -> None:
        """What `s` does to the set of uniform names."""
        if (
            isinstance(s, ast.Assign)
            and self.is_uniform(s.value)
            and all(isinstance(t, ast.Name) for t in s.targets)
        ):
            self.uniform |= changed
        else:
            self.uniform -= changed

    def repeated(self, body: list[ast.stmt]) -> set[str]:
        """Divisors, as text, that divide at least twice in these statements while they stay the same."""
        seen: Counter[str] = Counter()
        out: set[str] = set()
        for s in body:
            if isinstance(s, (ast.Assign, ast.AugAssign, ast.Return)) and s.value is not None:
                for d in _divisors(s.value):
                    seen[d] += 1
                    if seen[d] > 1:
                        out.add(d)
            changed = stored(s)
            for d in [d for d in seen if changed & _names_in(d)]:
                del seen[d]
        return out

    def is_uniform(self, e: ast.expr) -> bool:
        names = {n.id for n in ast.walk(e) if isinstance(n, ast.Name)}
        called = {n.func.id for n in ast.walk(e) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
        return names - called <= self.uniform | set(self.constants)

    def value(self, e: ast.expr) -> float | None:
        """Of a number or a module constant."""
        return self.constants.get(e.id) if isinstance(e, ast.Name) else number(e)


class _Replace(ast.NodeTransformer):
    """Quotients of one expression; `before` are statements that must stand before it."""

    def __init__(self, work: _Fewer, times: set[str], made: dict[str, str]) -> None:
        self.work, self.times, self.made = work, times, made
        self.before: list[ast.stmt] = []
        self.exact = False

    def visit_IfExp(self, node: ast.IfExp) -> ast.IfExp:
        """Of one arm nothing is computed before the whole."""
        times, self.times = self.times, set()
        self.generic_visit(node)
        self.times = times
        return node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        exact, self.exact = self.exact, self.exact or steps(node)
        self.generic_visit(node)
        self.exact = exact
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        value = self.work.value(node.right)
        keep = self.exact and (value is None or abs(math.frexp(value)[0]) != 0.5)
        if keep or not isinstance(node.op, ast.Div):
            self.generic_visit(node)
            return node
        text = ast.unparse(node.right)
        if value is not None:
            inverse = 1.0 / value if value else math.inf
            if not math.isfinite(inverse) or inverse == 0.0:
                self.generic_visit(node)
                return node
            node.left = self.visit(node.left)
            return ast.BinOp(node.left, ast.Mult(), literal(inverse))
        if self.work.is_uniform(node.right) and number(node.left) != 1.0:
            if self.work.is_uniform(node.left):
                return node
            self.generic_visit(node)
            one = ast.BinOp(ast.Constant(1.0), ast.Div(), node.right)
            return ast.BinOp(node.left, ast.Mult(), one)
        self.generic_visit(node)
        if text not in self.times:
            return node
        if text not in self.made:
            name = self.work.name()
            one = ast.BinOp(ast.Constant(1.0), ast.Div(), node.right)
            self.before.append(ast.Assign([ast.Name(name, ast.Store())], one))
            self.made[text] = name
        inverse_name = ast.Name(self.made[text], ast.Load())
        if number(node.left) == 1.0:
            return inverse_name
        return ast.BinOp(node.left, ast.Mult(), inverse_name)


def _names_in(text: str) -> set[str]:
    return {n.id for n in ast.walk(ast.parse(text, mode="eval")) if isinstance(n, ast.Name)}


def steps(n: ast.AST) -> bool:
    """Whether this is a call of floor, ceil or fmod."""
    return isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in STEPS


def _divisors(e: ast.expr) -> list[str]:
    """Divisors in an expression that could be shared: outside of conditional ones, and free of calls that
    may give another value each time."""
    out, work = [], [e]
    while work:
        n = work.pop()
        if isinstance(n, ast.IfExp) or steps(n):
            continue
        if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div) and not isinstance(n.right, ast.Constant):
            called = {x.func.id for x in ast.walk(n.right) if isinstance(x, ast.Call)}  # type: ignore[attr-defined]
            out += [ast.unparse(n.right)] if called <= MATH else []
        work += [x for x in ast.iter_child_nodes(n) if isinstance(x, ast.expr)]
    return out
