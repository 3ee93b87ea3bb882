"""Generated statements made short: what is not needed goes, what is used once moves to where it is used."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection

from heliox.mechanisms import terms
from heliox.mechanisms.normalise import exposed

LONGEST = 48  # nodes of an expression that others may be put into


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
    live: set[str] = set()
    return _inlined(_live(body, live, set(known)), passing)


def _live(body: list[ast.stmt], live: set[str], known: set[str]) -> list[ast.stmt]:
    """The statements that matter, given the names read behind them; `live` becomes those read before."""
    out: list[ast.stmt] = []
    for s in reversed(body):
        if isinstance(s, ast.If):
            then, other = set(live), set(live)
            first, second = _live(s.body, then, known), _live(s.orelse, other, known)
            if not first and not second:
                continue
            live.clear()
            live |= then | other
            unset = [n for n in terms.stores(*first, *second) if n in live and n not in known]
            live |= terms.reads(s.test)
            live.difference_update(unset)
            out.append(_if(s.test, first, second))
            out += [terms.assign([n], terms.number(0.0)) for n in reversed(unset)]
        elif isinstance(s, ast.For):
            if live & set(terms.stores(s)) or getattr(s, "keep", False):
                live |= exposed([s], set())
                out.append(s)
        elif isinstance(s, ast.Assign):
            stored = set(terms.stores(s))
            if stored & live or terms.draws(s):
                live -= stored
                live |= terms.reads(s.value)
                out.append(s)
        else:
            live |= terms.reads(s)
            out.append(s)
    return out[::-1]


def _if(test: ast.expr, first: list[ast.stmt], second: list[ast.stmt]) -> ast.If:
    if first:
        return ast.If(test, first, second)
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
        return ast.If(terms.compare(test.left, ast.NotEq(), test.comparators[0]), second, [])
    return ast.If(ast.UnaryOp(ast.Not(), test), second, [])


def _inlined(body: list[ast.stmt], passing: Collection[str]) -> list[ast.stmt]:
    uses: Counter[str] = Counter()
    for s in body:
        uses.update(terms.every_read(s))
    return _block(body, {n for n in passing if uses[n] == 1})


def _block(body: list[ast.stmt], once: set[str]) -> list[ast.stmt]:
    """Expressions of the names `once` put where they are used, inside one list of statements."""
    out: list[ast.stmt | None] = []
    waiting: dict[str, tuple[ast.expr, int]] = {}

    def put(n: str) -> ast.expr | None:
        if n not in waiting:
            return None
        value, at = waiting.pop(n)
        out[at] = None
        return value

    for s in body:
        if isinstance(s, ast.If):
            s.test = terms.Replace(put).visit(s.test)
            s.body, s.orelse = _block(s.body, once), _block(s.orelse, once)
        elif isinstance(s, (ast.Assign, ast.Return, ast.Expr)) and s.value is not None:
            s.value = terms.Replace(put).visit(s.value)
        stored = set(terms.stores(s))
        for n in [n for n, (value, _) in waiting.items() if terms.reads(value) & stored]:
            del waiting[n]
        if isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Name) and s.targets[0].id in once:
            if not terms.draws(s.value) and sum(1 for _ in ast.walk(s.value)) <= LONGEST:
                waiting[s.targets[0].id] = (s.value, len(out))
        out.append(s)
    return [s for s in out if s is not None]
