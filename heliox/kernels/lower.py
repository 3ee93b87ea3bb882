"""Mechanism functions -> text of the generated module.

Names get prefixes, numbers become floats, powers and effects become calls.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from heliox.mechanisms.arrays import scalarise
from heliox.mechanisms.subset import EFFECTS, MATH, Function
from heliox.mechanisms.template import MechTemp

RENAMED = {"abs": "fabs"}
EACH = "_e_"  # prefix of a connection's weights inside `for_connections`
NATIVE = {"min", "max"}


@dataclass(frozen=True)
class Slopes:
    """Derivative of a tabulated helper by its argument, number `argument` of `arguments`: names of slopes."""

    argument: int
    arguments: int
    names: tuple[str, ...]
    reverse: bool

    def product(self, given: list[ast.expr]) -> ast.expr:
        """What stands for a call of the helper's vjp (jvp) with these arguments and adjoints (tangents)."""
        if self.reverse:
            terms = [ast.BinOp(b, ast.Mult(), _name(n)) for b, n in zip(given[self.arguments :], self.names)]
            total = terms[0]
            for x in terms[1:]:
                total = ast.BinOp(total, ast.Add(), x)
            values: list[ast.expr] = [ast.Constant(0.0)] * self.arguments
            values[self.argument] = total
        else:
            dot = given[self.arguments + self.argument]
            values = [ast.BinOp(_name(n), ast.Mult(), dot) for n in self.names]
        return values[0] if len(values) == 1 else ast.Tuple(values, ast.Load())


class _Lower(ast.NodeTransformer):
    def __init__(
        self,
        prefix: str,
        helpers: set[str],
        constants: dict[str, float],
        effectful: set[str],
        tabled: dict[str, tuple[str, ...]],
        looking_up: set[str],
        tabulated: set[str],
        sloped: Mapping[str, Slopes],
    ):
        self.prefix, self.helpers, self.constants, self.effectful, self.tabled = (
            prefix,
            helpers,
            constants,
            effectful,
            tabled,
        )
        self.looking_up, self.tabulated, self.sloped = looking_up, tabulated, sloped
        self.exact = False  # inside range() and subscripts integers stay integers

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if not self.exact and isinstance(node.value, int) and not isinstance(node.value, bool):
            return ast.copy_location(ast.Constant(float(node.value)), node)
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant):
            return None  # docstrings of the source are not repeated
        return self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        node.value = self.visit(node.value)
        self.exact, was = True, self.exact
        node.slice = self.visit(node.slice)
        self.exact = was
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if isinstance(node.ctx, ast.Load) and node.id in self.constants:
            return ast.copy_location(ast.Constant(self.constants[node.id]), node)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Pow) and not self.exact:
            return ast.copy_location(_call("pow", [node.left, node.right]), node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = node.func.id  # type: ignore[attr-defined]
        if name == "range":
            self.exact, was = True, self.exact
            self.generic_visit(node)
            self.exact = was
            return node
        args = [self.visit(a) for a in node.args]
        if name in self.tabled:
            values: list[ast.expr] = [_name(n) for n in self.tabled[name]]
            return values[0] if len(values) == 1 else ast.Tuple(values, ast.Load())
        if name in self.sloped:
            return self.sloped[name].product(args)
        if name in self.tabulated:
            return _call(f"{self.prefix}_{name}_lookup", [_name("_T"), *args])
        if name in self.helpers:
            if name in self.looking_up:
                args = [_name("_T"), *args]
            if name in self.effectful:
                args = [_name("_S"), *args]
            return _call(f"{self.prefix}_{name}", args)
        if name in EFFECTS:
            return _call(f"_{name}", [_name("_S"), *args])
        if name in MATH and name not in NATIVE:
            return _call(RENAMED.get(name, name), args)
        return _call(name, args)


def _name(n: str) -> ast.Name:
    return ast.Name(n, ast.Load())


def _call(name: str, args: list[ast.expr]) -> ast.Call:
    return ast.Call(_name(name), args, [])


def effectful_helpers(template: MechTemp) -> set[str]:
    """Helpers that send events, themselves or through others."""
    return _callers(template, {n for n, f in template.helpers.items() if f.has_effects})


def looking_up(template: MechTemp) -> set[str]:
    """Helpers that look tables up, themselves or through others; tabulated ones compute."""
    tabulated = {t.function for t in template.tables}
    direct = {n for n, f in template.helpers.items() if f.calls & tabulated}
    return _callers(template, direct) - tabulated


def looks_up_inside(template: MechTemp, f: Function, event: bool = False) -> bool:
    """Whether a block looks tables up while it runs, rather than before (`table_calls`)."""
    tabulated = {t.function for t in template.tables}
    inside = bool(f.calls & tabulated) and (event or table_calls(f, tabulated) is None)
    return inside or bool(f.calls & looking_up(template))


def _callers(template: MechTemp, out: set[str]) -> set[str]:
    while True:
        more = {n for n, f in template.helpers.items() if f.calls & out} - out
        if not more:
            return out
        out |= more


_PLAIN = (
    ast.Name,
    ast.Constant,
    ast.BinOp,
    ast.UnaryOp,
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.USub,
    ast.UAdd,
)


def table_calls(f: Function, tabulated: Collection[str]) -> dict[str, tuple[ast.expr, ...]] | None:
    """Look-ups of a block that can be made before it runs: helper -> its arguments.

    None if a look-up must stay inside: it is called twice, or of something else than plain arithmetic on
    parameters as they come in.
    """
    calls: dict[str, tuple[ast.expr, ...]] = {}
    stored = {n.id for n in ast.walk(f.tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for n in ast.walk(f.tree):
        if not (isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in tabulated):
            continue
        parts = [x for a in n.args for x in ast.walk(a) if not isinstance(x, ast.expr_context)]
        names = {x.id for x in parts if isinstance(x, ast.Name)}
        plain = all(isinstance(x, _PLAIN) for x in parts)
        if n.func.id in calls or not plain or not names <= set(f.params) - stored:
            return None
        calls[n.func.id] = tuple(n.args)
    return calls


def plain_text(expression: ast.expr, rename: dict[str, str] | None = None) -> str:
    """Text of plain arithmetic; integers become floats, names may be replaced."""
    tree = copy.deepcopy(expression)
    for x in ast.walk(tree):
        if isinstance(x, ast.Constant):
            x.value = float(x.value)  # type: ignore[arg-type]
        elif isinstance(x, ast.Name) and rename:
            x.id = rename.get(x.id, x.id)
    return ast.unparse(tree)


def function_text(
    template: MechTemp,
    f: Function,
    name: str,
    tabled: dict[str, tuple[str, ...]] | None = None,
    *,
    inside: bool = False,
    derivatives: Collection[str] = (),
    sloped: Mapping[str, Slopes] | None = None,
) -> str:
    """Text of one function under a new `name`.

    A function that sends events gets the scratch `_S` as a parameter. `tabled` maps a tabulated helper to the
    names of its values: these are parameters too, and take the place of the call. With `inside` the
    function looks tables up itself, and gets them as `_T`. `derivatives` are names of derivatives of
    helpers, which it may call; those in `sloped` are replaced by products with slopes of tables, parameters
    behind the values.
    """
    tree = copy.deepcopy(f.tree)
    if "for_connections" in f.calls:
        tree = over_connections(tree, template)
    tree = scalarise(tree, template.array_sizes)
    effectful = effectful_helpers(template)
    tabled = tabled or {}
    shadow = set(f.params) | {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    constants = {k: v for k, v in template.constants.items() if k not in shadow}
    tabulated = {t.function for t in template.tables} if inside else set()
    sloped = sloped or {}
    helpers = {*template.helpers, *derivatives}
    _Lower(
        template.name, helpers, constants, effectful, tabled, looking_up(template), tabulated, sloped
    ).visit(tree)
    first = [ast.arg(n) for helper in sorted(tabled) for n in tabled[helper] if sloped or helper in f.calls]
    first += [ast.arg(n) for helper in sorted(sloped) for n in sloped[helper].names]
    if f.has_effects or f.calls & effectful:
        first.append(ast.arg("_S"))
    if "for_connections" in f.calls:
        first.append(ast.arg("_each"))
    if inside:
        first.append(ast.arg("_T"))
    tree.args.args = first + tree.args.args
    tree.name = name
    if not tree.body:
        tree.body = [ast.Pass()]
    return ast.unparse(ast.fix_missing_locations(tree))


def each_names(template: MechTemp) -> tuple[list[str], list[str]]:
    """What `receive` must read and store besides its own, because `receive_each` runs inside it."""
    receive, each = template.functions["receive"], template.functions["receive_each"]
    instance = set(template.instance_names) | set(template.globals_)
    read = [n for n in each.params if n not in template.weights and n not in receive.params]
    stored = [n for n in each.returns if n in instance and n not in receive.returns]
    return read, stored


def over_connections(tree: ast.FunctionDef, template: MechTemp) -> ast.FunctionDef:
    """`receive` with the loop that `for_connections()` stands for.

    ``_each`` is (memory of weights, place of the first connection's, number of connections, place of the
    weights of the connection that is being received or -1). Its own weights are stored before the loop and
    loaded again after it, since it is one of those the loop goes over.
    """
    receive, each = template.functions["receive"], template.functions["receive_each"]
    read, stored = each_names(template)
    weights = template.weights
    own = [w for w in weights if w in receive.params or w in receive.returns]
    lines = ["_M, _at, _count, _own = _each"]
    if own:
        kept = [w for w in own if w in receive.returns]
        lines += ["if _own >= 0:"] if kept else []
        lines += [f"    _M[U(_own) + U({weights.index(w)})] = {w}" for w in kept]
    lines += ["for _c in range(_count):", f"    _k = _at + U(_c) * U({len(weights)})"]
    lines += [f"    {EACH}{w} = _M[_k + U({weights.index(w)})]" for w in weights if w in each.params]
    names = [f"{EACH}{n}" if n in weights else n for n in each.params]
    results = [f"{EACH}{n}" if n in weights else n for n in each.returns]
    table = ["_T"] if looks_up_inside(template, each, event=True) else []
    call = f"{template.name}_receive_each({', '.join([*table, *names])})"
    lines.append(f"    {', '.join(results)} = {call}" if results else f"    {call}")
    lines += [f"    _M[_k + U({weights.index(w)})] = {EACH}{w}" for w in weights if w in each.returns]
    if own:
        lines += ["if _own >= 0:"]
        lines += [f"    {w} = _M[U(_own) + U({weights.index(w)})]" for w in own]
    loop = ast.parse("\n".join(lines)).body
    tree.body = _Paste(loop).statements(tree.body)
    tree.args.args += [ast.arg(n) for n in read]
    if stored:
        last = tree.body[-1]
        if not isinstance(last, ast.Return):
            last = ast.Return(ast.Tuple([], ast.Load()))
            tree.body.append(last)
        values = last.value.elts if isinstance(last.value, ast.Tuple) else [last.value]
        last.value = ast.Tuple([*values, *map(_name, stored)], ast.Load())
    return ast.fix_missing_locations(tree)


class _Paste(ast.NodeTransformer):
    """Puts statements in the place of a call of `for_connections`."""

    def __init__(self, loop: list[ast.stmt]) -> None:
        self.loop = loop

    def statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for s in body:
            if isinstance(s, (ast.If, ast.For)):
                s.body, s.orelse = self.statements(s.body), self.statements(s.orelse)
            value = s.value if isinstance(s, ast.Expr) else None
            called = isinstance(value, ast.Call) and ast.unparse(value.func) == "for_connections"
            out += copy.deepcopy(self.loop) if called else [s]
        return out
