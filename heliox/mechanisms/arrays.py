"""Array variables as scalars: ``x[2]`` becomes ``x__2``, constant loops are unrolled (docs/design.md, 2.3).

Scalars vectorise, live in registers, and can be differentiated by source. An index that is only known at run
time becomes a chain of selections.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Mapping

from heliox.mechanisms.subset import MATH

LARGEST = 64  # elements; a larger array would make unreadable code


def element(name: str, k: int) -> str:
    """Name of element `k` of array `name`."""
    return f"{name}__{k}"


def expanded(names: Iterable[str], sizes: Mapping[str, int]) -> list[str]:
    """Names with every array replaced by its elements."""
    out: list[str] = []
    for n in names:
        out += [element(n, k) for k in range(sizes[n])] if n in sizes else [n]
    return out


def scalarise(tree: ast.FunctionDef, sizes: Mapping[str, int]) -> ast.FunctionDef:
    """A function without arrays: parameters, returns, local arrays and whole-array arguments become elements.

    Parameters
    ----------
    sizes : mapping
        Array variables of the mechanism -> number of elements. An argument may have the name of one: where
        it is calculated with, it is a number.
    """
    sizes = {n: s for n, s in sizes.items() if n not in _numbers(tree)}
    known = {a.arg: sizes[a.arg] for a in tree.args.args if a.arg in sizes}
    known |= _local_arrays(tree)
    known |= {
        n: s for n, s in sizes.items() if any(isinstance(x, ast.Name) and x.id == n for x in ast.walk(tree))
    }
    if not known:
        return tree
    tree = copy.deepcopy(tree)
    tree.args.args = [ast.arg(n) for n in expanded((a.arg for a in tree.args.args), known)]
    tree.body = _Scalars(known).statements(tree.body)
    return ast.fix_missing_locations(tree)


def _numbers(tree: ast.FunctionDef) -> set[str]:
    """Parameters that stand where only numbers do: in operations, comparisons, mathematical functions."""
    operations = (ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp)
    found: set[str] = set()
    for node in ast.walk(tree):
        calls = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MATH
        if isinstance(node, operations) or calls:
            found |= {x.id for x in ast.iter_child_nodes(node) if isinstance(x, ast.Name)}
    return found & {a.arg for a in tree.args.args}


def _local_arrays(tree: ast.FunctionDef) -> dict[str, int]:
    out = {}
    for s in ast.walk(tree):
        if isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Name):
            length = _literal_length(s.value)
            if length is not None:
                out[s.targets[0].id] = length
    return out


def _literal_length(value: ast.expr) -> int | None:
    if isinstance(value, ast.List):
        return len(value.elts)
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult) and isinstance(value.left, ast.List):
        count = constant_index(value.right)
        return None if count is None else len(value.left.elts) * count
    return None


def constant_index(node: ast.expr) -> int | None:
    """The value of an integer constant expression, else None."""
    if (
        isinstance(node, ast.Constant)
        and isinstance(node.value, (int, float))
        and node.value == int(node.value)
    ):
        return int(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = constant_index(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.BinOp):
        left, right = constant_index(node.left), constant_index(node.right)
        if left is not None and right is not None:
            if isinstance(node.op, ast.Add):
                return left + right
            if isinstance(node.op, ast.Sub):
                return left - right
            if isinstance(node.op, ast.Mult):
                return left * right
    return None


class _Scalars(ast.NodeTransformer):
    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.sizes = sizes
        self.temporaries = 0

    def statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for s in body:
            out += (_placed(new, s) for new in self._statement(s))
        return out

    def _statement(self, s: ast.stmt) -> list[ast.stmt]:
        if isinstance(s, ast.For):
            return self._loop(s)
        if isinstance(s, ast.If):
            return [ast.If(self.visit(s.test), self.statements(s.body), self.statements(s.orelse))]
        if isinstance(s, ast.Assign) and len(s.targets) == 1:
            return self._assignment(s.targets[0], s.value)
        if isinstance(s, ast.AugAssign) and isinstance(s.target, ast.Subscript):
            load = copy.deepcopy(s.target)
            load.ctx = ast.Load()
            return self._assignment(s.target, ast.BinOp(load, s.op, s.value))
        return [self.visit(s)]

    def _assignment(self, target: ast.expr, value: ast.expr) -> list[ast.stmt]:
        if isinstance(target, ast.Name) and target.id in self.sizes and _literal_length(value) is not None:
            return self._literal(target.id, value)
        if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            return self._element(target.value.id, target.slice, value)
        return [ast.Assign([self.visit(target)], self.visit(value))]

    def _literal(self, name: str, value: ast.expr) -> list[ast.stmt]:
        if isinstance(value, ast.List):
            items = value.elts
        else:
            assert isinstance(value, ast.BinOp) and isinstance(value.left, ast.List)
            items = value.left.elts * (constant_index(value.right) or 0)
        return [
            ast.Assign([ast.Name(element(name, k), ast.Store())], self.visit(copy.deepcopy(item)))
            for k, item in enumerate(items)
        ]

    def _element(self, name: str, index: ast.expr, value: ast.expr) -> list[ast.stmt]:
        k = constant_index(index)
        if k is not None:
            return [ast.Assign([ast.Name(element(name, k), ast.Store())], self.visit(value))]
        self.temporaries += 1
        at, new = f"_at{self.temporaries}", f"_new{self.temporaries}"
        out: list[ast.stmt] = [
            ast.Assign([ast.Name(at, ast.Store())], self.visit(index)),
            ast.Assign([ast.Name(new, ast.Store())], self.visit(value)),
        ]
        for k in range(self.sizes[name]):
            e = element(name, k)
            chosen = ast.IfExp(_is(at, k), ast.Name(new, ast.Load()), ast.Name(e, ast.Load()))
            out.append(ast.Assign([ast.Name(e, ast.Store())], chosen))
        return out

    def _loop(self, s: ast.For) -> list[ast.stmt]:
        touched = any(isinstance(n, ast.Subscript) for n in ast.walk(s))
        breaks = any(isinstance(n, ast.Break) for b in s.body for n in ast.walk(b))
        counts = [constant_index(a) for a in s.iter.args]  # type: ignore[attr-defined]
        if not touched or breaks or None in counts:
            return [ast.For(s.target, s.iter, self.statements(s.body), [])]
        out: list[ast.stmt] = []
        for k in range(*counts):  # type: ignore[arg-type]
            body = [Substitute(s.target.id, k).visit(copy.deepcopy(b)) for b in s.body]  # type: ignore[attr-defined]
            out += self.statements(body)
        return out

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        name = node.value.id  # type: ignore[attr-defined]
        k = constant_index(node.slice)
        if k is not None:
            return ast.Name(element(name, k), node.ctx)
        index = self.visit(node.slice)
        out: ast.expr = ast.Name(element(name, self.sizes[name] - 1), ast.Load())
        for k in reversed(range(self.sizes[name] - 1)):
            test = ast.Compare(copy.deepcopy(index), [ast.Eq()], [ast.Constant(float(k))])
            out = ast.IfExp(test, ast.Name(element(name, k), ast.Load()), out)
        return out

    def visit_Call(self, node: ast.Call) -> ast.AST:
        args: list[ast.expr] = []
        for a in node.args:
            if isinstance(a, ast.Name) and a.id in self.sizes:
                args += [ast.Name(element(a.id, k), ast.Load()) for k in range(self.sizes[a.id])]
            else:
                args.append(self.visit(a))
        node.args = args
        return node

    def visit_Tuple(self, node: ast.Tuple) -> ast.AST:
        items: list[ast.expr] = []
        for e in node.elts:
            if isinstance(e, ast.Name) and e.id in self.sizes:
                items += [ast.Name(element(e.id, k), e.ctx) for k in range(self.sizes[e.id])]
            else:
                items.append(self.visit(e))
        node.elts = items
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.sizes:  # the whole array where one name stands: `return x`, `x = f(...)`
            return ast.Tuple(
                [ast.Name(element(node.id, k), node.ctx) for k in range(self.sizes[node.id])], node.ctx
            )
        return node


def _placed(new: ast.stmt, old: ast.stmt) -> ast.stmt:
    """`new`, pointing at the line of the statement it came from."""
    return new if hasattr(new, "lineno") else ast.copy_location(new, old)


class Substitute(ast.NodeTransformer):
    """Puts a number in the place of a loop's counter."""

    def __init__(self, name: str, value: int) -> None:
        self.name, self.value = name, value

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id == self.name and isinstance(node.ctx, ast.Load):
            return ast.copy_location(ast.Constant(self.value), node)
        return node


def _is(name: str, k: int) -> ast.Compare:
    return ast.Compare(ast.Name(name, ast.Load()), [ast.Eq()], [ast.Constant(float(k))])
