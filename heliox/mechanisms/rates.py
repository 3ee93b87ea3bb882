"""Time constants as rates: a quotient by a quotient is a product, for ``math="fast"``.

``tau = 1.0 / (alpha + beta)`` and then ``exp(-dt / tau)``: beside tau its reciprocal is kept, here
``tau_rate = alpha + beta``, and what is divided by tau is multiplied by that. A helper that computes tau gets
a copy that returns the rate too. Whatever nobody uses then, a compiler drops.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection, Mapping

from heliox.mechanisms.quotients import steps
from heliox.mechanisms.specialise import number, stored
from heliox.mechanisms.subset import Function


def with_rates(
    functions: Mapping[str, Function],
    helpers: Mapping[str, Function],
    constants: Collection[str],
    fixed: Collection[str],
) -> tuple[dict[str, Function], dict[str, Function]]:
    """Blocks and helpers, with rates in place of time constants as divisors.

    Parameters
    ----------
    constants : collection of str
        Names of module constants: numbers, to divide by which costs nothing.
    fixed : collection of str
        Helpers that keep their calls as they are (tabulated ones).
    """
    work = _Rates(helpers, constants, fixed)
    blocks = {n: _Body(work, f).written(f.name) for n, f in functions.items()}
    out = {n: _Body(work, f).written(f.name) for n, f in helpers.items()}
    while work.pending:
        name, results, new = work.pending.pop()
        out[new] = _Body(work, helpers[name], results).written(new)
    return blocks, out


class _Rates:
    """What all functions of a mechanism share: which results of helpers have rates, and their copies."""

    def __init__(
        self, helpers: Mapping[str, Function], constants: Collection[str], fixed: Collection[str]
    ) -> None:
        self.helpers = {n: f for n, f in helpers.items() if n not in fixed}
        self.constants = set(constants)
        self.known: dict[str, tuple[int, ...]] = {}
        self.copies: dict[tuple[str, tuple[int, ...]], str] = {}
        self.pending: list[tuple[str, tuple[int, ...], str]] = []
        self.taken = set(helpers)

    def results(self, name: str) -> tuple[int, ...]:
        """Numbers of the results of a helper that have a rate."""
        if name not in self.known:
            f = self.helpers.get(name)
            body = _Body(self, f) if f else None
            items = _returned(f.tree) if f else []
            self.known[name] = tuple(k for k, x in enumerate(items) if body and body.invertible(x))
        return self.known[name]

    def copy(self, name: str, results: tuple[int, ...]) -> str:
        """Name of the copy of a helper that returns the rates of these results behind all results."""
        key = name, results
        if key not in self.copies:
            self.copies[key] = _new(f"{name}_rates", self.taken)
            self.pending.append((*key, self.copies[key]))
        return self.copies[key]


class _Body:
    """One function. `results`: numbers of results of which it shall return the rates behind all results."""

    def __init__(self, work: _Rates, f: Function, results: tuple[int, ...] = ()) -> None:
        self.work, self.f, self.results = work, f, results
        tree = f.tree
        self.taken = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} | set(f.params)
        self.fixed = work.constants - stored(tree) - set(f.params)
        self.assignments: list[ast.Assign] = []
        bad = set(f.params)
        for s in ast.walk(tree):
            if isinstance(s, ast.Assign) and len(s.targets) == 1:
                self.assignments.append(s)
                bad |= {n.id for n in ast.walk(s.targets[0]) if isinstance(n, ast.Name)} - set(_names(s))
            elif isinstance(s, (ast.Assign, ast.AnnAssign, ast.For)):
                bad |= stored(s)
            elif isinstance(s, ast.Subscript) and isinstance(s.value, ast.Name):
                bad.add(s.value.id)
        self.good: set[str] = set()
        while more := {n for s in self.assignments for n in self.given(s)} - bad - self.good:
            self.good |= more
        self.names: dict[str, str] = {}
        returned = [_returned(tree)[k] for k in results]
        self.keep(_divisors(tree) & self.good)
        for x in returned:
            self.keep({n.id for n in self.factors(x)[1] if isinstance(n, ast.Name)} & self.good)

    def given(self, s: ast.Assign) -> set[str]:
        """Names set by `s` of which it gives the rate with no division more."""
        names = _names(s)
        if isinstance(s.targets[0], ast.Name):
            if self.invertible(s.value):
                return set(names)
        return {names[k] for k in self.called(s) if k < len(names) and names[k]}

    def called(self, s: ast.Assign) -> tuple[int, ...]:
        """Numbers of the results that have rates, if `s` takes the results of a helper."""
        call = s.value
        named = isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
        return self.work.results(call.func.id) if named else ()  # type: ignore[attr-defined]

    def keep(self, names: set[str]) -> None:
        """Keep the rates of these names, and of those that they are made of."""
        for n in sorted(names - set(self.names)):
            self.names[n] = _new(f"{n}_rate", self.taken)
            for s in self.assignments:
                if n in _names(s) and isinstance(s.targets[0], ast.Name):
                    over = self.factors(s.value)[1]
                    self.keep({x.id for x in over if isinstance(x, ast.Name)} & self.good)

    # ------------------------------------------------------------------ reciprocals

    def factors(self, e: ast.expr) -> tuple[bool, list[ast.expr], list[ast.expr]]:
        """Whether `e` has a minus before it, and factors above and below its bar."""
        if isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.USub):
            negative, over, under = self.factors(e.operand)
            return not negative, over, under
        if isinstance(e, ast.BinOp) and isinstance(e.op, (ast.Mult, ast.Div)):
            a, b = self.factors(e.left), self.factors(e.right)
            if isinstance(e.op, ast.Div):
                b = b[0], b[2], b[1]
            return a[0] != b[0], a[1] + b[1], a[2] + b[2]
        return False, [] if number(e) == 1.0 else [e], []

    def invertible(self, e: ast.expr) -> bool:
        """Whether 1 / `e` is a division less: `e` is a quotient, or is made of something that has a rate."""
        _, over, under = self.factors(e)
        rated = any(isinstance(x, ast.Name) and x.id in self.good for x in over)
        fixed = (number(x) is not None or (isinstance(x, ast.Name) and x.id in self.fixed) for x in under)
        return rated or not all(fixed)

    def reciprocal(self, e: ast.expr) -> ast.expr:
        """1 / `e`."""
        negative, over, under = self.factors(e)
        rated = [x for x in over if isinstance(x, ast.Name) and x.id in self.names]
        over = [x for x in over if x not in rated]
        out = _product([*under, *(self.rate(x) for x in rated)])
        if over:
            out = ast.BinOp(out, ast.Div(), _product(over))
        return copy.deepcopy(ast.UnaryOp(ast.USub(), out) if negative else out)

    def rate(self, x: ast.expr) -> ast.expr:
        """The rate of a name, or that of an expression."""
        if isinstance(x, ast.Name) and x.id in self.names:
            return ast.Name(self.names[x.id], ast.Load())
        return self.reciprocal(x)

    # ------------------------------------------------------------------ statements

    def written(self, name: str) -> Function:
        """The function with what keeps rates and what uses them."""
        if not self.names and not self.results:
            return self.f
        tree = copy.deepcopy(self.f.tree)
        tree.name = name
        rates = [self.rate(_returned(tree)[k]) for k in self.results]
        last = tree.body[-1]
        tree.body = self.statements(tree.body)
        if rates:
            assert isinstance(last, ast.Return) and last.value is not None
            items = last.value.elts if isinstance(last.value, ast.Tuple) else [last.value]
            last.value = ast.Tuple([*items, *rates], ast.Load())
        return Function(name, ast.unparse(ast.fix_missing_locations(tree)), self.f.file, self.f.line)

    def statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        replace = _Replace(self.names)
        out: list[ast.stmt] = []
        for s in body:
            if isinstance(s, ast.If):
                s.test = replace.visit(s.test)
                s.body, s.orelse = self.statements(s.body), self.statements(s.orelse)
                out.append(s)
            elif isinstance(s, ast.For):
                s.body = self.statements(s.body)
                out.append(s)
            else:
                changed = stored(s) & set(self.names)
                out += self.mirrored(s, changed, replace) if changed else [replace.visit(s)]
        return out

    def mirrored(self, s: ast.stmt, changed: set[str], replace: _Replace) -> list[ast.stmt]:
        """`s`, which sets the names `changed`, with what sets their rates."""
        if isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Name) and self.invertible(s.value):
            (n,) = changed
            rate = self.reciprocal(s.value)
            if n not in {x.id for x in ast.walk(rate) if isinstance(x, ast.Name)}:
                return [replace.visit(s), ast.Assign([_store(self.names[n])], replace.visit(rate))]
        out = [replace.visit(s)]
        if isinstance(s, ast.Assign):
            names = _names(s)
            numbers = tuple(k for k in self.called(s) if names[k] in changed)
            if numbers:
                call, target = s.value, s.targets[0]
                assert isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
                call.func.id = self.work.copy(call.func.id, numbers)
                targets = target.elts if isinstance(target, ast.Tuple) else [target]
                rates = [_store(self.names[names[k]]) for k in numbers]
                s.targets = [ast.Tuple([*targets, *rates], ast.Store())]
                changed = changed - {names[k] for k in numbers}
        for n in sorted(changed):
            one = ast.BinOp(ast.Constant(1.0), ast.Div(), ast.Name(n, ast.Load()))
            out.append(ast.Assign([_store(self.names[n])], one))
        return out


class _Replace(ast.NodeTransformer):
    """Quotients by what has a rate."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_Call(self, node: ast.Call) -> ast.Call:
        return node if steps(node) else self.generic_visit(node)  # type: ignore[return-value]

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AugAssign:
        self.generic_visit(node)
        if isinstance(node.op, ast.Div) and isinstance(node.value, ast.Name) and node.value.id in self.names:
            node.op, node.value = ast.Mult(), ast.Name(self.names[node.value.id], ast.Load())
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        d = node.right
        if not (isinstance(node.op, ast.Div) and isinstance(d, ast.Name) and d.id in self.names):
            return node
        rate = ast.Name(self.names[d.id], ast.Load())
        return rate if number(node.left) == 1.0 else ast.BinOp(node.left, ast.Mult(), rate)


def _names(s: ast.Assign) -> list[str]:
    """Names that an assignment sets, in order; empty ones for elements of arrays."""
    target = s.targets[0]
    targets = target.elts if isinstance(target, ast.Tuple) else [target]
    return [t.id if isinstance(t, ast.Name) else "" for t in targets]


def _product(factors: list[ast.expr]) -> ast.expr:
    out: ast.expr = factors[0] if factors else ast.Constant(1.0)
    for x in factors[1:]:
        out = ast.BinOp(out, ast.Mult(), x)
    return out


def _store(name: str) -> ast.Name:
    return ast.Name(name, ast.Store())


def _divisors(tree: ast.AST) -> set[str]:
    """Names that divide somewhere, outside of what makes steps."""
    out: set[str] = set()
    work = [tree]
    while work:
        n = work.pop()
        if steps(n):
            continue
        if isinstance(n, (ast.BinOp, ast.AugAssign)) and isinstance(n.op, ast.Div):
            d = n.right if isinstance(n, ast.BinOp) else n.value
            out |= {d.id} if isinstance(d, ast.Name) else set()
        work += ast.iter_child_nodes(n)
    return out


def _returned(tree: ast.FunctionDef) -> list[ast.expr]:
    """What a function returns at its end, if it returns nowhere else."""
    returns = [n for n in ast.walk(tree) if isinstance(n, ast.Return)]
    last = tree.body[-1]
    if len(returns) != 1 or not isinstance(last, ast.Return) or last.value is None:
        return []
    return list(last.value.elts) if isinstance(last.value, ast.Tuple) else [last.value]


def _new(name: str, taken: set[str]) -> str:
    """A name like this that is not taken, and now is."""
    out, k = name, 0
    while out in taken:
        out, k = f"{name}_{k}", k + 1
    taken.add(out)
    return out
