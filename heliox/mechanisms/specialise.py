"""Helpers called with numbers: a copy for each such call, in which the parameter is the number.

`vtrap(x, 10.0)` then divides by a number, which `heliox.mechanisms.quotients` turns into a product.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection, Mapping

from heliox.mechanisms.subset import Function

MOST = 64  # copies of the helpers of one mechanism


def specialised(
    functions: Mapping[str, Function], helpers: Mapping[str, Function], fixed: Collection[str]
) -> tuple[dict[str, Function], dict[str, Function]]:
    """Blocks and helpers, with copies of helpers for calls that pass numbers.

    Parameters
    ----------
    fixed : collection of str
        Helpers that keep their calls as they are (tabulated ones).
    """
    work = _Specialise(helpers, fixed)
    blocks = {n: work.function(f) for n, f in functions.items()}
    out = {n: work.function(f) for n, f in helpers.items()}
    while work.pending:
        name, f = work.pending.popitem()
        out[name] = work.function(f)
    return blocks, out


class _Specialise(ast.NodeTransformer):
    def __init__(self, helpers: Mapping[str, Function], fixed: Collection[str]) -> None:
        self.helpers = dict(helpers)
        self.fixed = set(fixed)
        self.made: dict[tuple[str, tuple[float | None, ...]], str] = {}
        self.pending: dict[str, Function] = {}

    def function(self, f: Function) -> Function:
        tree = self.visit(copy.deepcopy(f.tree))
        return Function(f.name, ast.unparse(ast.fix_missing_locations(tree)), f.file, f.line)

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        name = node.func.id  # type: ignore[attr-defined]
        f = self.helpers.get(name)
        if f is None or name in self.fixed:
            return node
        values = tuple(number(a) for a in node.args)
        changed = stored(f.tree)
        values = tuple(None if p in changed else v for p, v in zip(f.params, values, strict=True))
        if all(v is None for v in values) or len(self.made) >= MOST:
            return node
        key = name, values
        if key not in self.made:
            self.made[key] = self.copy(f, values)
        node.func.id = self.made[key]  # type: ignore[attr-defined]
        node.args = [a for a, v in zip(node.args, values, strict=True) if v is None]
        return node

    def copy(self, f: Function, values: tuple[float | None, ...]) -> str:
        k = 0
        while f"{f.name}_with_{k}" in self.helpers:
            k += 1
        name = f"{f.name}_with_{k}"
        tree = copy.deepcopy(f.tree)
        known = {p: v for p, v in zip(f.params, values, strict=True) if v is not None}
        tree.name = name
        tree.args.args = [ast.arg(p) for p in f.params if p not in known]
        _Put(known).visit(tree)
        made = Function(name, ast.unparse(ast.fix_missing_locations(tree)), f.file, f.line)
        self.helpers[name] = self.pending[name] = made
        return name


class _Put(ast.NodeTransformer):
    def __init__(self, known: Mapping[str, float]) -> None:
        self.known = known

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = self.known.get(node.id)
        return node if value is None else literal(value)


def stored(s: ast.AST) -> set[str]:
    """Names that are set in `s`, arrays of which an element is set too."""
    out = set()
    for n in ast.walk(s):
        if isinstance(n, (ast.Name, ast.Subscript)) and isinstance(n.ctx, ast.Store):
            name = n.value if isinstance(n, ast.Subscript) else n
            out |= {name.id} if isinstance(name, ast.Name) else set()
    return out


def number(e: ast.expr) -> float | None:
    """The value of a literal, signed or not."""
    if isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.USub):
        value = number(e.operand)
        return None if value is None else -value
    if isinstance(e, ast.Constant) and isinstance(e.value, (int, float)) and not isinstance(e.value, bool):
        return float(e.value)
    return None


def literal(x: float) -> ast.expr:
    """The expression of a number."""
    return ast.UnaryOp(ast.USub(), ast.Constant(-x)) if x < 0.0 else ast.Constant(x)
