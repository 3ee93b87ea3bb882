"""Generated statements made short: what is not needed goes, what is used once moves to where it is used."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection

from heliox.mechanisms import terms
from heliox.mechanisms.normalise import exposed

LONGEST = 48  # nodes of an expression that may move into another


def tidy(body: list[ast.stmt], known: Collection[str], passing: Collection[str]) -> list[ast.stmt]:
    """A function's body without what does not matter for its return.

    Parameters
    ----------
    known : collection of str
        Parameters, constants and functions.
    passing : collection of str
        Names that may vanish into the expression that uses them.

    Returns
    -------
    list of ast.stmt
        With names that only one side of an `if` sets, and something behind it reads, set to 0 before it.
    """
    body = _joined(_needed(body, set()))
    uses: Counter[str] = Counter()
    for s in body:
        uses.update(terms.every_read(s))
    once = {n for n, k in uses.items() if k == 1} - set(known)
    body = _moved(body, once & set(passing))
    _rename_copies(body, once)
    return _set_before(body, set(), set(known))


# --- what matters


def _needed(body: list[ast.stmt], live: set[str]) -> list[ast.stmt]:
    """The statements that matter, given the names read behind them; `live` becomes those read before."""
    out: list[ast.stmt] = []
    for s in reversed(body):
        if isinstance(s, ast.If):
            then, other = set(live), set(live)
            first, second = _needed(s.body, then), _needed(s.orelse, other)
            if first or second:
                live.clear()
                live |= then | other | terms.reads(s.test)
                out.append(_if(s.test, first, second))
        elif isinstance(s, ast.For):
            if live & set(terms.stores(s)) or getattr(s, "keep", False):
                live |= exposed([s], set())
                out.append(s)
        elif not isinstance(s, ast.Assign) or live & set(terms.stores(s)) or terms.draws(s):
            live -= set(terms.stores(s))
            live |= terms.reads(s)
            out.append(s)
    return out[::-1]


def _if(test: ast.expr, first: list[ast.stmt], second: list[ast.stmt]) -> ast.If:
    return ast.If(test, first, second) if first else ast.If(_opposite(test), second, [])


def _opposite(test: ast.expr) -> ast.expr:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        swapped = {ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}.get(type(test.ops[0]))  # the others differ for NaN
        if swapped is not None:
            return ast.Compare(test.left, [swapped()], test.comparators)
    return ast.UnaryOp(ast.Not(), test)


def _set_before(body: list[ast.stmt], live: set[str], known: set[str]) -> list[ast.stmt]:
    """With zeros for names that are read where only one side of an earlier `if` has set them."""
    out: list[ast.stmt] = []
    for s in reversed(body):
        if isinstance(s, ast.If):
            then, other = set(live), set(live)
            s.body, s.orelse = _set_before(s.body, then, known), _set_before(s.orelse, other, known)
            live.clear()
            live |= then | other
            unset = [n for n in terms.stores(s) if n in live and n not in known]
            live |= terms.reads(s.test)
            live.difference_update(unset)
            out.append(s)
            out += [terms.assign([n], terms.number(0.0)) for n in reversed(unset)]
        else:
            live -= set() if isinstance(s, ast.For) else set(terms.stores(s))
            live |= exposed([s], set())
            out.append(s)
    return out[::-1]


# --- branches


def _joined(body: list[ast.stmt]) -> list[ast.stmt]:
    """Branches on the same test made one, where nothing that the second one reads is set between them."""
    out: list[ast.stmt] = []
    for s in body:
        first = _partner(s, out) if isinstance(s, ast.If) else None
        if isinstance(s, ast.If) and first is not None:
            same = ast.dump(s.test) == ast.dump(first.test)
            then, other = (s.body, s.orelse) if same else (s.orelse, s.body)
            first.body, first.orelse = [*first.body, *then], [*first.orelse, *other]
        else:
            out.append(s)
    for s in out:
        if isinstance(s, ast.If):
            s.body, s.orelse = _joined(s.body), _joined(s.orelse)
    return out


def _partner(s: ast.If, before: list[ast.stmt]) -> ast.If | None:
    tests = {ast.dump(s.test), ast.dump(_opposite(s.test))}
    read = terms.reads(s)
    for b in reversed(before):
        if isinstance(b, ast.If) and ast.dump(b.test) in tests:
            return b
        if read & set(terms.stores(b)) or terms.draws(b) or isinstance(b, (ast.For, ast.Expr)):
            return None
    return None


# --- names


def _moved(body: list[ast.stmt], once: set[str]) -> list[ast.stmt]:
    """Expressions of the names `once` put where they are used, inside one list of statements."""
    out: list[ast.stmt | None] = []
    waiting: dict[str, tuple[ast.expr, int]] = {}

    def put(n: str) -> ast.expr | None:
        if n not in waiting:
            return None
        value, at = waiting.pop(n)
        out[at] = None
        return value

    def replaced(e: ast.expr) -> ast.expr:
        return _Signs().visit(terms.Replace(put).visit(e))

    for s in body:
        if isinstance(s, ast.If):
            s.test = replaced(s.test)
            s.body, s.orelse = _moved(s.body, once), _moved(s.orelse, once)
        elif isinstance(s, (ast.Assign, ast.Return, ast.Expr)) and s.value is not None:
            s.value = replaced(s.value)
        stored = set(terms.stores(s))
        for n in [n for n, (value, _) in waiting.items() if terms.reads(value) & stored]:
            del waiting[n]
        if isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Name) and s.targets[0].id in once:
            if not terms.draws(s.value) and sum(1 for _ in ast.walk(s.value)) <= LONGEST:
                waiting[s.targets[0].id] = (s.value, len(out))
        out.append(s)
    return [s for s in out if s is not None]


class _Signs(ast.NodeTransformer):
    """``--a``, ``a + -b`` and ``a - -b`` without the second sign."""

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        inner = _minus(node)
        return (_minus(inner) if inner is not None else None) or node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        right = _minus(node.right)
        if right is not None and isinstance(node.op, (ast.Add, ast.Sub)):
            return ast.BinOp(node.left, ast.Sub() if isinstance(node.op, ast.Add) else ast.Add(), right)
        return node


def _minus(e: ast.expr) -> ast.expr | None:
    return e.operand if isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.USub) else None


def _rename_copies(body: list[ast.stmt], once: set[str]) -> None:
    """``a = ...; b = a`` becomes ``b = ...`` where nothing else reads a."""
    at = len(body) - 1
    while at >= 0:
        s = body[at]
        if isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Name) and isinstance(s.value, ast.Name):
            old, new = s.value.id, s.targets[0].id
            if old in once and _rename(body[:at], old, new):
                del body[at]
        at -= 1
    for s in body:
        if isinstance(s, ast.If):
            _rename_copies(s.body, once)
            _rename_copies(s.orelse, once)


def _rename(body: list[ast.stmt], old: str, new: str) -> bool:
    """Rename `old` where the last statements set it, if `new` is neither read nor set from there on."""
    for s in reversed(body):
        stored = terms.stores(s)
        if new in stored or (new in terms.reads(s) and (old not in stored or not isinstance(s, ast.Assign))):
            return False
        if old in stored:
            if isinstance(s, ast.For) or any(old in terms.stores(b) for b in body if b is not s):
                return False
            for n in ast.walk(s):
                if isinstance(n, ast.Name) and n.id == old and isinstance(n.ctx, ast.Store):
                    n.id = new
            return True
    return False
