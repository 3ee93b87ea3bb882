"""A function as single operations on names that are set once a path: what derivatives are written from."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from heliox.mechanisms import terms
from heliox.mechanisms.normalise import Source
from heliox.mechanisms.subset import LISTS, Function

STEPS = frozenset({"floor", "ceil"})  # functions that are constant almost everywhere


@dataclass(frozen=True)
class Place:
    """Where an operation stands, for errors."""

    function: Function
    node: ast.AST

    def fail(self, what: str) -> Exception:
        return self.function.fail(self.node, what)

    @property
    def line(self) -> int:
        return self.function.line + getattr(self.node, "lineno", 1) - 1


@dataclass
class Let:
    """`name` = one operation on names and literals, or a choice or test that is taken as it stands."""

    name: str
    value: ast.expr
    place: Place

    @property
    def operands(self) -> list[ast.expr]:
        """What it depends on differentiably."""
        v = self.value
        if terms.is_atom(v):
            return [v]
        if isinstance(v, ast.BinOp):
            return [] if isinstance(v.op, ast.FloorDiv) else [v.left, v.right]
        if isinstance(v, ast.UnaryOp):
            return [v.operand]
        if isinstance(v, ast.IfExp):
            return [v.body, v.orelse]
        assert isinstance(v, ast.Call) and isinstance(v.func, ast.Name)
        if v.func.id in LISTS or v.func.id in STEPS:
            return []
        return v.args[1:] if terms.draws(v) else v.args


@dataclass
class Call:
    """`names` = a helper of the mechanism of names and literals."""

    names: list[str]
    function: str
    args: list[ast.expr]
    place: Place


@dataclass
class Branch:
    test: ast.expr
    then: list[Instruction]
    orelse: list[Instruction]


@dataclass
class Loop:
    """`count` turns of `body` at most; `names` are what it carried at the end, `initial` at the start.

    `turn`, `done` and `turns` are names for its counter, for what says that it ended, and for how often it
    ran.
    """

    names: list[str]
    body: str
    initial: list[ast.expr]
    invariant: list[ast.expr]
    first: int
    step: int
    count: int
    breaks: bool
    turn: str
    done: str
    turns: str
    place: Place


@dataclass
class Effect:
    """A call that acts on the event queue."""

    function: str
    args: list[ast.expr]
    place: Place


@dataclass
class Move:
    """A call that moves a random stream and returns nothing."""

    value: ast.expr


Instruction = Let | Call | Branch | Loop | Effect | Move


@dataclass
class Graph:
    """A function: parameters, operations, results (names or literals), and the names it uses."""

    source: Source
    params: list[str]
    instructions: list[Instruction]
    results: list[ast.expr]
    names: terms.Names = field(repr=False)

    @property
    def all(self) -> Iterator[Instruction]:
        """Every instruction, those inside branches too."""
        return walk(self.instructions)

    @property
    def draws(self) -> bool:
        return any(isinstance(i, Move) or (isinstance(i, Let) and terms.draws(i.value)) for i in self.all)


def walk(instructions: list[Instruction]) -> Iterator[Instruction]:
    for i in instructions:
        yield i
        if isinstance(i, Branch):
            yield from walk(i.then)
            yield from walk(i.orelse)
