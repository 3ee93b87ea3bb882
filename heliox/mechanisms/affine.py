"""Conductance of currents that are straight lines in v, by symbol instead of NEURON's difference quotient.

NEURON evaluates BREAKPOINT at v + 0.001 and at v and divides the difference by 0.001. Where every current is
``A*v + B`` with A and B free of v, as nearly all Hodgkin-Huxley channels and synapses are, that is A, but for
rounding (1e-11 of it): ``math="fast"`` then runs the block once.
"""

from __future__ import annotations

import ast
import copy

from heliox.mechanisms.specialise import stored
from heliox.mechanisms.subset import Function
from heliox.mechanisms.template import MechTemp

SUFFIX = "_by_v"


class NotAffine(Exception):
    """The currents are no straight lines in v, or cannot be seen to be."""


def conductance(t: MechTemp) -> Function | None:
    """The block `conductance` of a mechanism, or None where its currents are not known to be affine in v."""
    f = t.functions.get("current")
    if f is None or not t.currents or "conductance" in t.functions or set(f.params) & set(f.returns):
        return None
    if "v" in stored(f.tree):
        return None
    declared = {*t.instance_names, *t.globals_, *t.ion_names, *t.constants, *f.params}
    if any(f"g_{c}" in declared for c in t.currents):
        return None  # the name of a result
    taken = {n.id for n in ast.walk(f.tree) if isinstance(n, ast.Name)} | declared
    slopes = _Slopes()
    try:
        body = slopes.statements(copy.deepcopy(f.tree.body[:-1] if f.returns else f.tree.body))
    except NotAffine:
        return None
    if any(n.endswith((SUFFIX, "_now")) for n in taken):
        return None
    steep = [c for c in t.currents if c in slopes.steep]
    targets = steep or [t.currents[0]]
    for c in targets:
        value: ast.expr = _name(c + SUFFIX) if steep else ast.Constant(0.0)
        body.append(_assign(f"g_{c}", value))
    live = {f"g_{c}" for c in targets}
    body = _needed(body, live)
    if _calls(body, t) & {x.function for x in t.tables}:
        return None  # a block of this kind looks nothing up
    _Local({n for s in body for n in stored(s)} & set(t.instance_names)).rename(body)
    read = [n for n in f.params if n in live]
    returned = [_name(f"g_{c}") for c in targets]
    result: ast.expr = returned[0] if len(returned) == 1 else ast.Tuple([*returned], ast.Load())
    tree = copy.deepcopy(f.tree)
    tree.name, tree.args.args, tree.body = (
        "conductance", [ast.arg(n) for n in read], [*body, ast.Return(result)],
    )  # fmt: skip
    return Function("conductance", ast.unparse(ast.fix_missing_locations(tree)), f.file, f.line)


def _name(n: str) -> ast.Name:
    return ast.Name(n, ast.Load())


def _assign(n: str, value: ast.expr) -> ast.Assign:
    return ast.Assign([ast.Name(n, ast.Store())], value)


class _Slopes:
    """Puts beside every assignment one of the derivative by v; `steep` are the names that depend on v."""

    def __init__(self) -> None:
        self.steep = {"v"}

    def statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for s in body:
            out += self.statement(s)
        return out

    def statement(self, s: ast.stmt) -> list[ast.stmt]:
        if isinstance(s, ast.AugAssign) and isinstance(s.target, ast.Name):
            return self.statement(ast.Assign([s.target], ast.BinOp(_name(s.target.id), s.op, s.value)))
        if isinstance(s, ast.Assign) and len(s.targets) == 1 and isinstance(s.targets[0], ast.Name):
            n = s.targets[0].id
            slope = self.slope(s.value)
            if slope is None and n not in self.steep:
                return [s]
            first = _assign(n + SUFFIX, ast.Constant(0.0) if slope is None else slope)
            self.steep.add(n)
            return [first, s]  # the slope first: it may read what the assignment changes
        if isinstance(s, ast.If):
            self.free(s.test)
            return [self.branches(s)]
        if isinstance(s, ast.Pass) or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)):
            return []
        for e in ast.walk(s):
            if isinstance(e, ast.expr):
                self.free(e)
        if isinstance(s, (ast.Assign, ast.AugAssign, ast.For)) and not stored(s) & self.steep:
            return [s]
        raise NotAffine

    def branches(self, s: ast.If) -> ast.If:
        """Both arms; what one of them makes steep has a slope in the other and before."""
        while True:
            known = set(self.steep)
            body, orelse = self.statements(s.body), self.statements(s.orelse)
            if self.steep == known:
                break
        if not self.certain(s):
            raise NotAffine  # a slope would be undefined on some path
        return ast.If(s.test, body or [ast.Pass()], orelse)

    def certain(self, s: ast.If) -> bool:
        """Whether both arms set the same steep names."""
        one, other = ({n for x in arm for n in stored(x) if n in self.steep} for arm in (s.body, s.orelse))
        return one == other

    def free(self, e: ast.expr) -> None:
        """Raise unless `e` is free of v."""
        if any(isinstance(n, ast.Name) and n.id in self.steep for n in ast.walk(e)):
            raise NotAffine

    def slope(self, e: ast.expr) -> ast.expr | None:
        """Derivative of `e` by v; None: it is free of v."""
        if isinstance(e, ast.Name):
            if e.id == "v":
                return ast.Constant(1.0)
            return _name(e.id + SUFFIX) if e.id in self.steep else None
        if isinstance(e, ast.UnaryOp) and isinstance(e.op, (ast.USub, ast.UAdd)):
            slope = self.slope(e.operand)
            return slope if slope is None or isinstance(e.op, ast.UAdd) else ast.UnaryOp(ast.USub(), slope)
        if isinstance(e, ast.BinOp):
            return self.binary(e)
        if isinstance(e, ast.IfExp):
            self.free(e.test)
            one, other = self.slope(e.body), self.slope(e.orelse)
            if one is None and other is None:
                return None
            zero = ast.Constant(0.0)
            return ast.IfExp(e.test, zero if one is None else one, zero if other is None else other)
        self.free(e)
        return None

    def binary(self, e: ast.BinOp) -> ast.expr | None:
        left, right = self.slope(e.left), self.slope(e.right)
        if left is None and right is None:
            return None
        if isinstance(e.op, (ast.Add, ast.Sub)):
            if left is None and right is not None:
                return right if isinstance(e.op, ast.Add) else ast.UnaryOp(ast.USub(), right)
            assert left is not None
            return left if right is None else ast.BinOp(left, e.op, right)
        if isinstance(e.op, ast.Mult) and (left is None or right is None):
            factor, slope = (e.left, right) if left is None else (e.right, left)
            if isinstance(slope, ast.Constant) and slope.value == 1.0:
                return factor
            return ast.BinOp(factor, ast.Mult(), slope)  # type: ignore[arg-type]
        if isinstance(e.op, ast.Div) and right is None and left is not None:
            return ast.BinOp(left, ast.Div(), e.right)
        raise NotAffine


class _Local(ast.NodeTransformer):
    """Gives variables of the mechanism that the block only computes with names of its own."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def rename(self, body: list[ast.stmt]) -> None:
        for s in body:
            self.visit(s)

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if node.id in self.names:
            node.id += "_now"
        return node


def _calls(body: list[ast.stmt], t: MechTemp) -> set[str]:
    """Helpers that these statements call, themselves or through others."""
    found = {n.id for s in body for n in ast.walk(s) if isinstance(n, ast.Name)} & set(t.helpers)
    while more := {n for h in found for n in t.helpers[h].calls} & set(t.helpers) - found:
        found |= more
    return found


def _needed(body: list[ast.stmt], live: set[str]) -> list[ast.stmt]:
    """The statements on which the names `live` depend; `live` becomes what must be known before them."""
    out: list[ast.stmt] = []
    for s in reversed(body):
        if isinstance(s, ast.If):
            inner = [set(live), set(live)]
            arms = [_needed(arm, names) for arm, names in zip((s.body, s.orelse), inner, strict=True)]
            live.clear()
            live |= inner[0] | inner[1]
            if any(arms):
                live |= {n.id for n in ast.walk(s.test) if isinstance(n, ast.Name)}
                out.append(ast.If(s.test, arms[0] or [ast.Pass()], arms[1]))
            continue
        if isinstance(s, ast.Pass):
            continue
        changed = stored(s)
        if changed & live:
            if isinstance(s, ast.Assign) and all(isinstance(x, (ast.Name, ast.Tuple)) for x in s.targets):
                live -= changed  # else in part, or not on every path
            live |= {n.id for n in ast.walk(s) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
            out.append(s)
    return out[::-1]
