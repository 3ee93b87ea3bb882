"""Vectors and random streams that C code holds by pointers: they become lists and RANDOM streams.

``nrn_random_pick`` draws from the distribution that hoc gave the stream. It is known if the file draws from
the same stream by name, or has another generator for the case without a stream; failing these, from the
comment that says what hoc must give. Where none tells, or they differ, the user says it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from heliox.nmodl.c_expressions import Meaning
from heliox.nmodl.intrinsic_calls import LEGACY
from heliox.nmodl.syntax import Binary, Call, Do, Expr, Group, If, Index, Name, Num, Program, Statement, Unary

SPIKE_TIMES = "spike_times"  # what the one vector of an ARTIFICIAL_CELL holds
_STANDARD = {"exprand": "negexp(1)", "normrand": "normal(0,1)", "scop_random": "uniform(0,1)"}
_NAMED = {"random_uniform": "uniform(0,1)", "random_negexp": "negexp(1)", "random_normal": "normal(0,1)"}
_COMMENT = re.compile(r"Random\s*\.\s*(uniform|negexp|normal)\s*\(([^()]*)\)")
_DRAW = re.compile(r"(uniform|negexp|normal)\(([-+.\deE,]*)\)$")


def settle(program: Program, meaning: Meaning, said: Mapping[str, str], draws: Mapping[str, str]) -> None:
    """Declare lists and streams; resolve what depends on which is which. `said`: comments of each block."""
    for name, at in meaning.streams.items():
        program.random.setdefault(name, at)
    for name, at in meaning.lists.items():
        program.lists.setdefault(name, at)
    for name in (*program.random, *program.lists):
        program.pointer.pop(name, None)
        program.bbcore.pop(name, None)
    if program.kind == "artificial" and len(program.lists) == 1:
        program.lists = dict.fromkeys((SPIKE_TIMES,), next(iter(program.lists.values())))
    own = [stream for name, stream in draws.items() if name in (*LEGACY, "set_seed")]
    for name in own:
        program.random.setdefault(name, 0)
    _Settling(program, meaning, said, draws).run()


class _Settling:
    def __init__(
        self, program: Program, meaning: Meaning, said: Mapping[str, str], draws: Mapping[str, str]
    ) -> None:
        self.program, self.meaning = program, meaning
        self.draws: dict[str, str] = {}
        self.own = next((s for name, s in draws.items() if name in (*LEGACY, "set_seed")), "")
        for name in meaning.streams:
            found = self._evidence(name) or self._said(name, said)
            given = draws.get(name, "").replace(" ", "")
            if given:
                self.draws[name] = given
            elif len(found) == 1:
                self.draws[name] = found.pop()
                meaning.notes.append(f"the stream {name} is taken to be {self.draws[name]}")

    def _said(self, name: str, said: Mapping[str, str]) -> set[str]:
        """Distributions that comments name where the stream is drawn from."""
        drawing = [b for b in self.program.blocks if _draws_from(b.body, name)]
        found = [m for b in drawing for m in _COMMENT.finditer(said.get(b.name, ""))]
        out = {f"{m.group(1)}({m.group(2).replace(' ', '')})" for m in found}
        return {"uniform(0,1)" if d == "uniform(1)" else d for d in out}

    def _evidence(self, name: str) -> set[str]:
        """Distributions the file itself draws from this stream, or in its place."""
        out: set[str] = set()

        def visit(x: object, beside: bool) -> None:
            if isinstance(x, Call):
                if x.id in _NAMED and x.args and x.args[0] == Name(name):
                    out.add(_NAMED[x.id])
                elif beside and x.id in _STANDARD and all(a in (Num("0"), Num("1")) for a in x.args):
                    out.add(_STANDARD[x.id])
            if isinstance(x, If):
                beside = beside or _mentions(x, name)
            if isinstance(x, (list, tuple)):
                for y in x:
                    visit(y, beside)
            elif hasattr(x, "__dataclass_fields__"):
                for f in x.__dataclass_fields__:
                    visit(getattr(x, f), beside)

        for b in self.program.blocks:
            visit(b.body, False)
        return out

    def run(self) -> None:
        for b in self.program.blocks:
            b.body = self.statements(b.body)

    def statements(self, body: list[Statement]) -> list[Statement]:
        out: list[Statement] = []
        for s in body:
            out += self.statement(s)
        return out

    def statement(self, s: Statement) -> list[Statement]:
        """The statement with its expressions resolved, and branches that are known decided."""
        if isinstance(s, If):
            return self._if(s)
        if isinstance(s, Do) and s.call.id == "set_seed" and self.own:
            return []  # a stream has its ids
        for f in s.__dataclass_fields__:
            x = getattr(s, f)
            if f in ("body", "orelse"):
                setattr(s, f, self.statements(x))
            elif isinstance(x, (Num, Name, Index, Call, Unary, Binary)):
                setattr(s, f, self.expression(x))
        return [s]

    def _if(self, s: If) -> list[Statement]:
        branches: list[tuple[Expr, list[Statement]]] = []
        orelse = s.orelse
        for test, body in s.branches:
            test = self.expression(test)
            if isinstance(test, Num) and float(test.text) == 0.0:
                continue
            if isinstance(test, Num):
                orelse = body
                break
            branches.append((test, self.statements(body)))
        orelse = self.statements(orelse)
        if not branches:
            return [Group(s.at, body=orelse)] if orelse else []
        s.branches, s.orelse = branches, orelse
        return [s]

    def expression(self, e: Expr) -> Expr:
        if isinstance(e, Call):
            if e.id == "#present":
                return self._present(e)
            if e.id == "#pick":
                return self._pick(e)
            args = tuple(self.expression(a) for a in e.args)
            if e.id in LEGACY and self.own and len(args) == LEGACY[e.id][1]:
                return Call(LEGACY[e.id][0], (Name(self.own, e.at), *args), e.at)
            if e.id in ("item", "length") and SPIKE_TIMES in self.program.lists:
                args = (Name(SPIKE_TIMES, e.at), *args[1:])
            return Call(e.id, args, e.at)
        if isinstance(e, Index):
            return Index(e.id, self.expression(e.index), e.at)
        if isinstance(e, Unary):
            x = self.expression(e.x)
            if e.op == "!" and isinstance(x, Num):
                return Num("0" if float(x.text) else "1", e.at)
            return Unary(e.op, x, e.at)
        if isinstance(e, Binary):
            a, b = self.expression(e.a), self.expression(e.b)
            if e.op in ("==", "!=") and isinstance(a, Num) and isinstance(b, Num):
                same = float(a.text) == float(b.text)
                return Num("1" if same == (e.op == "==") else "0", e.at)
            both = replace(e, a=a, b=b)
            return _decided(both) if e.op in ("&&", "||") else both
        return e

    def _present(self, e: Call) -> Expr:
        """Whether a pointer points: a stream always does, a vector where it has elements."""
        name = e.args[0]
        assert isinstance(name, Name)
        if name.id in self.program.random:
            return Num("1", e.at)
        if name.id in self.meaning.lists:
            return Binary(">", self.expression(Call("length", (name,), e.at)), Num("0"), e.at)
        return e

    def _pick(self, e: Call) -> Expr:
        name = e.args[0]
        assert isinstance(name, Name)
        m = _DRAW.match(self.draws.get(name.id, ""))
        if m is None:
            return e
        numbers = tuple(Num(x.lstrip("+")) for x in m.group(2).split(",") if x)
        if m.group(1) == "uniform" and numbers == (Num("0"), Num("1")):
            numbers = ()
        return Call(f"random_{m.group(1)}", (name, *numbers), e.at)


def _decided(e: Binary) -> Expr:
    """``&&`` and ``||`` with an operand that is known."""
    for known, other in ((e.a, e.b), (e.b, e.a)):
        if isinstance(known, Num):
            true = float(known.text) != 0.0
            return other if true == (e.op == "&&") else Num("1" if true else "0", e.at)
    return e


def _draws_from(x: object, name: str) -> bool:
    if isinstance(x, Call) and x.id == "#pick" and x.args[0] == Name(name):
        return True
    if isinstance(x, (list, tuple)):
        return any(_draws_from(y, name) for y in x)
    if hasattr(x, "__dataclass_fields__"):
        return any(_draws_from(getattr(x, f), name) for f in x.__dataclass_fields__)
    return False


def _mentions(s: If, name: str) -> bool:
    return any(Call("#present", (Name(name),)) in _parts(test) for test, _ in s.branches)


def _parts(e: Expr) -> list[Expr]:
    inner = [e.x] if isinstance(e, Unary) else [e.a, e.b] if isinstance(e, Binary) else []
    return [e, *(p for x in inner for p in _parts(x))]
