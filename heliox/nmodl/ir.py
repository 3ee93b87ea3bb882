"""What blocks are lowered to: assignments, branches, loops and calls, with everything a function reads
and writes in sight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from heliox.nmodl.syntax import Binary, Call, Expr, Index, Name, Num, Text, Unary

Target = Name | Index


@dataclass(slots=True)
class Step:
    """Base: ``before`` comment lines above, ``note`` the comment on the line."""

    before: tuple[str, ...] = ()
    note: str = ""


@dataclass(slots=True)
class Set(Step):
    """``targets = value``; several targets take the values of a helper."""

    targets: tuple[Target, ...] = ()
    value: Expr = field(default_factory=lambda: Num("0"))


@dataclass(slots=True)
class Effect(Step):
    """A call whose value is not used: events."""

    call: Call = field(default_factory=lambda: Call("", ()))


@dataclass(slots=True)
class Branch(Step):
    branches: list[tuple[Expr, list[Step]]] = field(default_factory=list)
    orelse: list[Step] = field(default_factory=list)


@dataclass(slots=True)
class Loop(Step):
    """``for var in range(first, stop)``."""

    var: str = ""
    first: int = 0
    stop: int = 0
    step: int = 1
    body: list[Step] = field(default_factory=list)


@dataclass(slots=True)
class Break(Step):
    """``if not test: break`` (``negate``), ``if test: break``, or ``break``."""

    test: Expr | None = None
    negate: bool = False


@dataclass(slots=True)
class Return(Step):
    values: tuple[Expr, ...] = ()


def walk(steps: list[Step]) -> Iterator[Step]:
    """All steps, also inside branches and loops."""
    for s in steps:
        yield s
        if isinstance(s, Branch):
            for _, body in s.branches:
                yield from walk(body)
            yield from walk(s.orelse)
        elif isinstance(s, Loop):
            yield from walk(s.body)


def leaves(s: Step) -> bool:
    """Whether a step may leave the loop it stands in."""
    if isinstance(s, Branch):
        return any(leaves(x) for b in (*(b for _, b in s.branches), s.orelse) for x in b)
    return isinstance(s, Break)


def parts(e: Expr) -> Iterator[Expr]:
    """An expression and everything inside it."""
    yield e
    if isinstance(e, Call):
        for a in e.args:
            yield from parts(a)
    elif isinstance(e, Unary):
        yield from parts(e.x)
    elif isinstance(e, Binary):
        yield from parts(e.a)
        yield from parts(e.b)
    elif isinstance(e, Index):
        yield from parts(e.index)


def names(e: Expr) -> set[str]:
    """Names of variables an expression reads."""
    return {p.id for p in parts(e) if isinstance(p, (Name, Index))}


def expressions(s: Step) -> list[Expr]:
    """Expressions a step evaluates itself."""
    if isinstance(s, Set):
        return [s.value, *(t.index for t in s.targets if isinstance(t, Index))]
    if isinstance(s, Effect):
        return list(s.call.args)
    if isinstance(s, Branch):
        return [test for test, _ in s.branches]
    if isinstance(s, Break):
        return [] if s.test is None else [s.test]
    if isinstance(s, Return):
        return list(s.values)
    return []


def calls(steps: list[Step]) -> Iterator[Call]:
    """All calls, effects included."""
    for s in walk(steps):
        if isinstance(s, Effect):
            yield s.call
        for e in expressions(s):
            for p in parts(e):
                if isinstance(p, Call):
                    yield p


def rebuild(e: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """A copy with `change` applied to every part, innermost first."""
    if isinstance(e, Call):
        e = Call(e.id, tuple(rebuild(a, change) for a in e.args), e.at)
    elif isinstance(e, Unary):
        e = Unary(e.op, rebuild(e.x, change), e.at)
    elif isinstance(e, Binary):
        e = Binary(e.op, rebuild(e.a, change), rebuild(e.b, change), e.at, e.closed)
    elif isinstance(e, Index):
        e = Index(e.id, rebuild(e.index, change), e.at)
    return change(e)


@dataclass(slots=True)
class Flow:
    """Of a list of steps: names read before they are surely set, names set, names surely set."""

    exposed: dict[str, None] = field(default_factory=dict)
    written: dict[str, None] = field(default_factory=dict)
    sure: set[str] = field(default_factory=set)

    def read(self, names: set[str]) -> None:
        for n in sorted(names):
            if n not in self.sure:
                self.exposed.setdefault(n)


def flow(steps: list[Step], sure: set[str] | None = None, sizes: Mapping[str, int] | None = None) -> Flow:
    """Reads and writes of `steps`, of which the names in `sure` are known to be set before.

    `sizes` of arrays: a loop over all elements that sets each sets the array.
    """
    out = Flow(sure=set(sure or ()))
    sizes = sizes or {}
    for s in steps:
        if isinstance(s, Branch):
            after: list[set[str]] = []
            for test, body in s.branches:
                out.read(names(test))
                after.append(_inner(body, out, sizes))
            after.append(_inner(s.orelse, out, sizes))
            out.sure |= set.intersection(*after)
            continue
        if isinstance(s, Loop):
            first = next((k for k, x in enumerate(s.body) if leaves(x)), len(s.body))
            certain = flow(s.body[:first], out.sure | {s.var}, sizes).sure
            _inner(s.body, out, sizes, {s.var})
            if (s.stop - s.first) * s.step > 0:  # the first round runs at least to the first break
                out.sure |= certain | _filled(s, sizes)
            continue
        for e in expressions(s):
            out.read(names(e))
        if isinstance(s, Set):
            for t in s.targets:
                out.written.setdefault(t.id)
                if isinstance(t, Name):
                    out.sure.add(t.id)
    return out


def _filled(s: Loop, sizes: Mapping[str, int]) -> set[str]:
    """Arrays of which the loop sets every element."""
    if s.first != 0 or s.step != 1 or any(leaves(x) for x in s.body):
        return set()
    found = {
        t.id
        for x in s.body
        if isinstance(x, Set)
        for t in x.targets
        if isinstance(t, Index) and t.index == Name(s.var)
    }
    return {n for n in found if sizes.get(n) == s.stop}


def _inner(body: list[Step], out: Flow, sizes: Mapping[str, int], known: set[str] | None = None) -> set[str]:
    inner = flow(body, out.sure | (known or set()), sizes)
    for n in inner.exposed:
        out.exposed.setdefault(n)
    for n in inner.written:
        out.written.setdefault(n)
    return inner.sure


__all__ = [
    "Binary", "Branch", "Break", "Call", "Effect", "Expr", "Flow", "Index", "Loop", "Name", "Num", "Return",
    "Set", "Step", "Target",
    "Text", "Unary", "calls", "expressions", "flow", "leaves", "names", "parts", "rebuild", "walk",
]  # fmt: skip
