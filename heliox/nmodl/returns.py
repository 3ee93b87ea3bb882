"""`return` of VERBATIM code as plain branches: what follows runs only where nothing returned."""

from __future__ import annotations

from heliox.nmodl.syntax import (
    Assign,
    Binary,
    Block,
    Break,
    Expr,
    For,
    Group,
    If,
    Local,
    Name,
    Num,
    Return,
    Statement,
    While,
)

FLAG = "returned"


def without_returns(block: Block) -> None:
    """Rewrite the body of a block. A FUNCTION's value is set where it returns."""
    if any(_returns(s) for s in block.body):
        made = _Rewriting(block)
        body, _ = made.rewrite(block.body, False, False)
        if made.flagged:
            start = Assign(block.at, target=Name(FLAG), value=Num("0"))
            body = [Local(block.at, names=[(FLAG, 0)]), start, *body]
        block.body = body


class _Rewriting:
    def __init__(self, block: Block) -> None:
        self.block, self.flagged = block, False

    def rewrite(self, body: list[Statement], flag: bool, loop: bool) -> tuple[list[Statement], bool]:
        """The statements without Return, and whether they always return.

        `flag`: somebody outside asks whether it returned; `loop`: a return leaves a loop.
        """
        out: list[Statement] = []
        for k, s in enumerate(body):
            if isinstance(s, Return):
                return [*out, *self._value(s), *self._leave(s.at, flag, loop)], True
            if not _returns(s):
                out.append(s)
                continue
            rest = body[k + 1 :]
            if isinstance(s, Group):
                more, always = self.rewrite([*s.body, *rest], flag, loop)
            elif isinstance(s, If):
                more, always = self._branches(s, rest, flag, loop)
            else:
                more, always = self._loop(s, rest, flag, loop), False
            return [*out, *more], always
        return out, False

    def _loop(self, s: Statement, rest: list[Statement], flag: bool, loop: bool) -> list[Statement]:
        assert isinstance(s, (While, For))
        s.body, _ = self.rewrite(s.body, True, True)
        more, _ = self.rewrite(rest, flag, loop)
        if loop:
            return [s, If(s.at, branches=[(Binary("!=", Name(FLAG), Num("0")), [Break(s.at)])]), *more]
        return [s, If(s.at, branches=[(Binary("==", Name(FLAG), Num("0")), more)])] if more else [s]

    def _branches(self, s: If, rest: list[Statement], flag: bool, loop: bool) -> tuple[list[Statement], bool]:
        bodies = [b for _, b in s.branches] + [s.orelse]
        going_on = [k for k, b in enumerate(bodies) if not _always(b)]
        if len(going_on) <= 1:  # what follows belongs to the one branch that goes on
            for k in going_on:
                bodies[k] = [*bodies[k], *rest]
            rest = []
        asked = flag or (bool(rest) and not loop)
        made = [self.rewrite(b, asked, loop) for b in bodies]
        s.branches = [(test, b) for (test, _), (b, _) in zip(s.branches, made)]
        s.orelse = made[-1][0]
        if not rest:
            return [s], all(always for _, always in made)
        more, _ = self.rewrite(rest, flag, loop)
        if loop:
            return [s, *more], False
        return [s, If(s.at, branches=[(Binary("==", Name(FLAG), Num("0")), more)])], False

    def _value(self, s: Return) -> list[Statement]:
        if self.block.kind != "FUNCTION":
            return []
        value: Expr = Num("0") if s.value is None else s.value
        if value == Name(self.block.name):
            return []
        return [Assign(s.at, target=Name(self.block.name), value=value)]

    def _leave(self, at: int, flag: bool, loop: bool) -> list[Statement]:
        self.flagged |= flag
        raised: list[Statement] = [Assign(at, target=Name(FLAG), value=Num("1"))] if flag else []
        return [*raised, Break(at)] if loop else raised


def _returns(s: Statement) -> bool:
    if isinstance(s, Return):
        return True
    if isinstance(s, If):
        return any(_returns(x) for b in (*(b for _, b in s.branches), s.orelse) for x in b)
    return isinstance(s, (Group, While, For)) and any(_returns(x) for x in s.body)


def _always(body: list[Statement]) -> bool:
    """Whether statements certainly return."""
    for s in body:
        if isinstance(s, Return) or (isinstance(s, Group) and _always(s.body)):
            return True
        if (
            isinstance(s, If)
            and s.orelse
            and all(_always(b) for b in (*(b for _, b in s.branches), s.orelse))
        ):
            return True
    return False
