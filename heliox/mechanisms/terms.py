"""Small syntax trees and their arithmetic, for what writes functions: derivatives (`derivatives.py`).

Zeros and ones disappear as a sum or product is built, so that generated text has only what is needed.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Collection, Iterable

RANDOM_PREFIX = "random_"


def name(n: str) -> ast.Name:
    return ast.Name(n, ast.Load())


def number(x: float) -> ast.expr:
    """A literal; negative ones keep their sign as an operator, as Python's own trees do."""
    if math.copysign(1.0, x) < 0.0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-float(x)))
    return ast.Constant(float(x))


def literal(e: ast.expr) -> float | None:
    """The value of a literal number, else None."""
    if isinstance(e, ast.Constant) and isinstance(e.value, (int, float)):
        return float(e.value)
    if isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.USub):
        inner = literal(e.operand)
        return None if inner is None else -inner
    return None


def is_atom(e: ast.expr) -> bool:
    """Whether `e` is a name or a literal."""
    return isinstance(e, ast.Name) or literal(e) is not None


def call(function: str, *args: ast.expr) -> ast.Call:
    return ast.Call(name(function), list(args), [])


def compare(a: ast.expr, op: ast.cmpop, b: ast.expr) -> ast.Compare:
    return ast.Compare(a, [op], [b])


def select(test: ast.expr, a: ast.expr, b: ast.expr) -> ast.IfExp:
    return ast.IfExp(test, a, b)


def _negated(e: ast.expr) -> ast.expr | None:
    return e.operand if isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.USub) else None


def neg(a: ast.expr) -> ast.expr:
    inner = _negated(a)
    if inner is not None:
        return inner
    return ast.UnaryOp(ast.USub(), a)


def add(a: ast.expr, b: ast.expr) -> ast.expr:
    if literal(a) == 0.0:
        return b
    if literal(b) == 0.0:
        return a
    minus_a, minus_b = _negated(a), _negated(b)
    if minus_b is not None:
        return ast.BinOp(a, ast.Sub(), minus_b)
    return ast.BinOp(a, ast.Add(), b) if minus_a is None else ast.BinOp(b, ast.Sub(), minus_a)


def sub(a: ast.expr, b: ast.expr) -> ast.expr:
    return add(a, neg(b))


def total(terms: Iterable[ast.expr]) -> ast.expr:
    """Their sum, what is subtracted last."""
    out = number(0.0)
    for t in sorted(terms, key=lambda t: _negated(t) is not None):
        out = add(out, t)
    return out


def mul(a: ast.expr, b: ast.expr) -> ast.expr:
    for x, y in ((a, b), (b, a)):
        if literal(x) == 0.0:
            return number(0.0)
        if literal(x) == 1.0:
            return y
        if literal(x) == -1.0:
            return neg(y)
    for x, y in ((a, b), (b, a)):
        inner = _negated(x)
        if inner is not None:
            return neg(mul(inner, y))
    return ast.BinOp(a, ast.Mult(), b)


def div(a: ast.expr, b: ast.expr) -> ast.expr:
    if literal(a) == 0.0:
        return number(0.0)
    if literal(b) == 1.0:
        return a
    inner = _negated(a)
    if inner is not None and literal(a) is None:
        return neg(div(inner, b))
    return ast.BinOp(a, ast.Div(), b)


def power(x: ast.expr, n: int) -> ast.expr:
    """x to the n-th, n >= 0, by products."""
    if n == 0:
        return number(1.0)
    if n == 1:
        return x
    half = power(x, n // 2)
    square = mul(half, half)
    return square if n % 2 == 0 else mul(square, x)


def assign(targets: Collection[str], value: ast.expr) -> ast.Assign:
    """``a, b = value``; one name without a tuple."""
    names: list[ast.expr] = [ast.Name(n, ast.Store()) for n in targets]
    return ast.Assign([names[0] if len(names) == 1 else ast.Tuple(names, ast.Store())], value)


def several(values: list[ast.expr]) -> ast.expr:
    return values[0] if len(values) == 1 else ast.Tuple(values, ast.Load())


def reads(*trees: ast.AST) -> set[str]:
    """Names that are read, functions among them."""
    return {n for t in trees for n in every_read(t)}


def every_read(tree: ast.AST) -> list[str]:
    return [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]


def stores(*trees: ast.AST) -> list[str]:
    """Names that are set, each once, in the order of the text."""
    found: dict[str, None] = {}
    for t in trees:
        _stores(t, found)
    return list(found)


def _stores(tree: ast.AST, found: dict[str, None]) -> None:
    if isinstance(tree, ast.Name) and isinstance(tree.ctx, ast.Store):
        found[tree.id] = None
    for child in ast.iter_child_nodes(tree):
        _stores(child, found)


def called(tree: ast.AST) -> set[str]:
    return {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}


def draws(tree: ast.AST) -> bool:
    """Whether it draws a random number, or moves a stream."""
    return any(n.startswith(RANDOM_PREFIX) for n in called(tree))


class Replace(ast.NodeTransformer):
    """Puts expressions in the place of names that are read."""

    def __init__(self, value: Callable[[str], ast.expr | None]) -> None:
        self.value = value

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if not isinstance(node.ctx, ast.Load):
            return node
        new = self.value(node.id)
        return node if new is None else new

    def visit_Call(self, node: ast.Call) -> ast.AST:
        node.args = [self.visit(a) for a in node.args]  # not the function's name
        return node


class Names:
    """New names, none twice."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = set(taken)
        self.last: dict[str, int] = {}

    def copy(self) -> Names:
        out = Names(self.taken)
        out.last = dict(self.last)
        return out

    def new(self, base: str) -> str:
        """`base` itself if it is free, else ``base_1``, ``base_2``, ..."""
        if base not in self.taken:
            self.taken.add(base)
            return base
        return self.numbered(base + "_")

    def numbered(self, base: str) -> str:
        """``base1``, ``base2``, ..."""
        k = self.last.get(base, 0) + 1
        while f"{base}{k}" in self.taken:
            k += 1
        self.last[base] = k
        self.taken.add(f"{base}{k}")
        return f"{base}{k}"
