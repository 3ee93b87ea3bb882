"""Parser of statements."""

from __future__ import annotations

from heliox.nmodl.expressions import Expressions
from heliox.nmodl.syntax import (
    Assign,
    Binary,
    Call,
    Compartment,
    Conductance,
    Conserve,
    Do,
    Equation,
    Expr,
    For,
    ForNetcons,
    Group,
    If,
    Index,
    Initial,
    Local,
    Name,
    Num,
    Reaction,
    Solve,
    Statement,
    Tabulate,
    Verbatim,
    Watch,
    While,
)  # fmt: skip

NESTED = 30  # blocks inside blocks
BRANCHES = 80  # else if


class Statements(Expressions):
    """The part of the parser that reads what stands between braces."""

    level = 0
    comment_at = 0
    kind = ""  # of the block being read: decides what ~ means

    def body(self) -> list[Statement]:
        """``{ statements }``"""
        self.level += 1
        if self.level > NESTED:
            raise self.fail(f"blocks nested deeper than {NESTED} levels")
        self.take("{")
        out: list[Statement] = []
        while not self.sign("}"):
            if self.token.kind == "end":
                raise self.fail("a closing } is missing")
            before = self.comments_before(self.token.start)
            statement = self._statement()
            if statement is None:
                continue
            statement.before = before
            statement.note = self.comment_after(self.last.end)
            out.append(statement)
        self.take("}")
        self.level -= 1
        return out

    def comments_before(self, at: int) -> tuple[str, ...]:
        """Comments not yet carried over that stand before `at`."""
        found = self.lexer.comments
        out: list[str] = []
        while self.comment_at < len(found) and found[self.comment_at].start < at:
            out += [x.strip() for x in found[self.comment_at].text.split("\n")]
            self.comment_at += 1
        return tuple(x for x in out if x.strip("-=*#_ "))

    def comment_after(self, end: int) -> str:
        """The comment on the line of `end`, right of it."""
        found = self.lexer.comments
        if self.comment_at < len(found):
            c = found[self.comment_at]
            if c.start >= end and self.source.line_number(c.start) == self.source.line_number(
                max(end - 1, 0)
            ):
                if "\n" not in c.text:
                    self.comment_at += 1
                    return c.text
        return ""

    def _statement(self) -> Statement | None:
        t = self.token
        if t.kind == "raw":
            self.advance()
            return Verbatim(t.start, text=t.text)
        if self.sign("{"):
            return Group(t.start, body=self.body())
        if self.sign("~"):
            return self._tilde()
        if t.kind == "prime":
            return self._derivative()
        if t.kind == "name":
            read = getattr(self, "_read_" + t.text.lower(), None) if t.text in _KEYWORDS else None
            return read() if read is not None else self._assignment()
        raise self.fail(f"a statement is expected, not {self.shown()}")

    def _assignment(self) -> Statement | None:
        t = self.token
        target = self._named(t)
        if isinstance(target, Call):
            return Do(t.start, call=target)
        if not isinstance(target, (Name, Index)):
            raise self.fail(f"{t.text!r} cannot be assigned", t.start)
        self.take("=")
        return Assign(t.start, target=target, value=self.expression())

    def _derivative(self) -> Statement:
        t = self.advance()
        base = t.text.rstrip("'")
        target: Name | Index = Name(base, t.start)
        if self.sign("["):
            self.advance()
            target = Index(base, self.expression(), t.start)
            self.take("]")
        self.take("=")
        return Assign(t.start, target=target, value=self.expression(), primes=len(t.text) - len(base))

    # -------------------------------------------------------- control

    def _read_if(self) -> Statement:
        out = If(self.advance().start)
        while True:
            self.take("(")
            test = self.expression()
            self.take(")")
            out.branches.append((test, self.body()))
            if len(out.branches) > BRANCHES:
                raise self.fail(f"more than {BRANCHES} branches of one if")
            if not self.word("else", "ELSE"):
                return out
            self.advance()
            if not self.word("if", "IF"):
                out.orelse = self.body()
                return out
            self.advance()

    def _read_while(self) -> Statement:
        at = self.advance().start
        self.take("(")
        test = self.expression()
        self.take(")")
        return While(at, test=test, body=self.body())

    def _read_from(self) -> Statement:
        at = self.advance().start
        var = self.name("a loop variable")
        self.take("=")
        first = self.expression()
        self.take("TO")
        last = self.expression()
        step = None
        if self.word("BY"):
            self.advance()
            step = self.expression()
        return For(at, var=var, first=first, last=last, step=step, body=self.body())

    def _read_local(self) -> Statement:
        at = self.advance().start
        return Local(at, names=self.local_names())

    def local_names(self) -> list[tuple[str, int]]:
        out = []
        while True:
            name, size = self.name(), 0
            if self.sign("["):
                self.advance()
                size = self.integer()
                self.take("]")
            out.append((name, size))
            if not self.sign(","):
                return out
            self.advance()

    def _read_protect(self) -> Statement | None:
        self.advance()
        return None

    _read_mutexlock = _read_mutexunlock = _read_unitson = _read_unitsoff = _read_protect

    # -------------------------------------------------------- SOLVE, TABLE, ...

    def _read_solve(self) -> Statement:
        out = Solve(self.advance().start)
        out.block = self.name("the name of a block")
        if self.word("METHOD", "STEADYSTATE", "USING"):
            out.steady = self.advance().text == "STEADYSTATE"
            out.method = self.name("a method")
        return out

    def _read_table(self) -> Statement:
        out = Tabulate(self.advance().start)
        if not self.word("FROM", "DEPEND"):
            out.names = self.names()
        if self.word("DEPEND"):
            self.advance()
            out.depend = self.names()
        self.take("FROM")
        out.first = self.expression()
        self.take("TO")
        out.last = self.expression()
        self.take("WITH")
        out.n = self.integer()
        return out

    def _read_conductance(self) -> Statement:
        out = Conductance(self.advance().start)
        out.name = self.name()
        if self.word("USEION"):
            self.advance()
            out.ion = self.name("an ion")
        return out

    def _read_watch(self) -> Statement:
        out = Watch(self.advance().start)
        while True:
            self.take("(")
            test = self.expression()
            self.take(")")
            if not isinstance(test, Binary) or test.op not in ("<", ">"):
                raise self.fail("WATCH takes (expression > expression) flag", out.at)
            out.conditions.append((test.a, test.op, test.b, Num(self.number(), out.at)))
            if not self.sign(","):
                return out
            self.advance()

    def _read_for_netcons(self) -> Statement:
        out = ForNetcons(self.advance().start)
        out.args = [n for n, _ in self.arguments()]
        out.body = self.body()
        return out

    def arguments(self) -> list[tuple[str, str]]:
        """``(name (unit), ...)``"""
        self.take("(")
        out: list[tuple[str, str]] = []
        while not self.sign(")"):
            name = self.name("an argument")
            out.append((name, self.unit()))
            if not self.sign(")"):
                self.take(",")
        self.take(")")
        return out

    def _read_initial(self) -> Statement:
        at = self.advance().start
        return Initial(at, body=self.body())

    # -------------------------------------------------------- KINETIC, LINEAR, NONLINEAR

    def _tilde(self) -> Statement:
        at = self.advance().start
        if self.kind != "KINETIC":
            left = self.expression()
            self.take("=")
            return Equation(at, left=left, right=self.expression())
        out = Reaction(at, left=self._side())
        if self.sign("-"):
            self.advance()
            self.take(">")
            out.kind = "->"
        elif self.sign("<->") or self.sign("->") or self.sign("<<"):
            out.kind = self.advance().text
        else:
            raise self.fail(f"<->, -> or << is expected, not {self.shown()}")
        if out.kind == "<->":
            out.right = self._side()
        elif out.kind == "->" and not self.sign("("):
            out.right = self._side()
        self.take("(")
        out.forward = self.expression()
        if out.kind == "<->":
            self.take(",")
            out.backward = self.expression()
        self.take(")")
        return out

    def _side(self) -> list[tuple[int, Name | Index]]:
        out: list[tuple[int, Name | Index]] = []
        while True:
            count = self.integer() if self.token.kind == "integer" or self.token.text in self.defines else 1
            t = self.token
            self.name("a species")
            species: Name | Index = Name(t.text, t.start)
            if self.sign("["):
                self.advance()
                species = Index(t.text, self.expression(), t.start)
                self.take("]")
            out.append((count, species))
            if not self.sign("+"):
                return out
            self.advance()

    def _read_conserve(self) -> Statement:
        out = Conserve(self.advance().start, species=self._side())
        self.take("=")
        out.total = self.expression()
        return out

    def _read_compartment(self) -> Statement:
        t = self.advance()
        out = Compartment(t.start, longitudinal=t.text == "LONGITUDINAL_DIFFUSION")
        first: Expr = self.expression()
        if self.sign(",") and isinstance(first, Name):
            self.advance()
            out.var = first.id
            first = self.expression()
        out.value = first
        self.take("{")
        while not self.sign("}"):
            out.names.append(self.name("a species"))
            if self.sign(","):
                self.advance()
        self.take("}")
        return out

    _read_longitudinal_diffusion = _read_compartment

    def _read_lag(self) -> Statement:
        raise self.fail("LAG cannot be translated; keep the earlier values in an array of your own")


_KEYWORDS = frozenset(
    "if IF while WHILE FROM LOCAL PROTECT MUTEXLOCK MUTEXUNLOCK UNITSON UNITSOFF SOLVE TABLE CONDUCTANCE "
    "WATCH FOR_NETCONS INITIAL "
    "CONSERVE COMPARTMENT LONGITUDINAL_DIFFUSION LAG".split()
)
