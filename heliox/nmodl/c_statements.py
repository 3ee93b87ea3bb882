"""Statements of C in VERBATIM blocks, read as statements of NMODL."""

from __future__ import annotations

from heliox.nmodl.c_expressions import TYPES, WHOLE, CExpressions, Value
from heliox.nmodl.c_tokens import CError
from heliox.nmodl.syntax import (
    Assign,
    Binary,
    Break,
    Call,
    Do,
    Expr,
    For,
    Group,
    If,
    Index,
    Local,
    Name,
    Num,
    Return,
    Statement,
    Unary,
    While,
)

PRINTING = frozenset("printf fprintf Fprintf fflush puts fputs hoc_warning assert".split())
STOPPING = frozenset(("hoc_execerror", "exit", "abort"))


class CStatements(CExpressions):
    """The half of the C parser that reads statements."""

    def program(self) -> list[Statement]:
        """All of them."""
        out: list[Statement] = []
        while self.token.kind != "end":
            out += self.statement()
        return out

    def statement(self) -> list[Statement]:
        t = self.token
        self.depth += 1
        if self.depth > 40:
            raise CError(t.at, "blocks of C code nested deeper than 40 levels")
        found = self._read()
        self.depth -= 1
        before, self.pending = self.pending, []
        return [*before, *found]

    def _read(self) -> list[Statement]:
        t = self.token
        if t.statement is not None:
            self.advance()
            return [t.statement]
        if self.sign(";"):
            self.advance()
            return []
        if self.sign("{"):
            return [Group(t.at, body=self._braces())]
        if t.kind != "name":
            return self._expression_statement()
        read = getattr(self, f"_read_{t.text}", None) if t.text in _KEYWORDS else None
        if read is not None:
            self.advance()
            return read(t.at)
        if t.text in ("continue", "goto", "case", "default"):
            raise CError(t.at, f"{t.text!r} has no counterpart in NMODL")
        if self._is_type(0) and self.ahead() not in ("(", "=", "["):
            return self._declaration()
        return self._expression_statement()

    def _braces(self) -> list[Statement]:
        self.take("{")
        self.scopes.append({})
        out: list[Statement] = []
        while not self.sign("}"):
            if self.token.kind == "end":
                raise CError(self.token.at, "a closing } is missing")
            out += self.statement()
        self.take("}")
        self.scopes.pop()
        return out

    def _body(self) -> list[Statement]:
        """The statement behind if, else, for, while."""
        before = [dict(s) for s in self.scopes]
        found = self.statement()
        for old, new in zip(before, self.scopes):  # behind it, a pointer that moved may be either
            for name, v in old.items():
                if v.kind in ("pointer", "data") and new[name].name != v.name:
                    new[name] = Value("other", name=name, at=v.at)
        if len(found) == 1 and isinstance(found[0], Group):
            return found[0].body
        return found

    def _test(self, at: int, what: str) -> Expr:
        """``( condition )``, without effects."""
        before = len(self.pending)
        self.take("(")
        out = self.test()
        self.take(")")
        if len(self.pending) > before:
            raise CError(at, f"an effect in the condition of {what}")
        return out

    # -------------------------------------------------------- control

    def _read_if(self, at: int) -> list[Statement]:
        self.take("(")
        if self._is_type(0):  # if (auto* vv = ...): the pointer it declares is the condition
            self._declaration(ends=(")",))
            test = self.truth(list(self.scopes[-1].values())[-1])
        else:
            test = self.test()
        self.take(")")
        before, self.pending = self.pending, []
        out = If(at, branches=[(test, self._body())])
        if self.token.text == "else":
            self.advance()
            out.orelse = self._body()
            if len(out.orelse) == 1 and isinstance(out.orelse[0], If) and not out.orelse[0].before:
                inner = out.orelse[0]
                out.branches += inner.branches
                out.orelse = inner.orelse
        return [*before, out]

    def _looped(self) -> list[Statement]:
        """The body of a loop, in which no pointer may come to mean something else."""
        before = [dict(s) for s in self.scopes]
        out = self._body()
        for old, new in zip(before, self.scopes):
            for name, v in old.items():
                if v.kind in ("pointer", "data") and new[name].name != v.name:
                    raise CError(self.token.at, f"the pointer {name} moves to another vector inside a loop")
        return out

    def _read_while(self, at: int) -> list[Statement]:
        return [While(at, test=self._test(at, "while"), body=self._looped())]

    def _read_do(self, at: int) -> list[Statement]:
        body = self._looped()
        if self.token.text != "while":
            raise CError(at, "do without while")
        self.advance()
        before, self.pending = self.pending, []
        self.take("(")
        test = self.test()
        self.take(")")
        self.take(";")
        last, self.pending = self.pending, before
        stop = If(at, branches=[(Unary("!", test), [Break(at)])])
        return [While(at, test=Num("1"), body=[*body, *last, stop])]

    def _read_for(self, at: int) -> list[Statement]:
        self.take("(")
        self.scopes.append({})
        first = self._clause()
        test: Expr = Num("1") if self.sign(";") else self._for_test(at)
        self.take(";")
        step = [] if self.sign(")") else self._simple()
        self.take(")")
        start = self.k
        body = self._looped()
        self.scopes.pop()
        counted = self._counted(at, first, test, step, body)
        if counted is not None and not self._needed_later(counted.var, start):
            return [counted]
        return [*first, While(at, test=test, body=[*body, *step])]

    def _for_test(self, at: int) -> Expr:
        before = len(self.pending)
        out = self.test()
        if len(self.pending) > before:
            raise CError(at, "an effect in the condition of for")
        return out

    def _clause(self) -> list[Statement]:
        """The first part of ``for (...)``, with its semicolon."""
        if self.token.kind == "name" and self._is_type(0):
            return self._declaration()
        found = [] if self.sign(";") else self._simple()
        self.take(";")
        return found

    def _simple(self) -> list[Statement]:
        """Assignments with commas between."""
        before, self.pending = self.pending, []
        while True:
            self._effect()
            if not self.sign(","):
                break
            self.advance()
        found, self.pending = self.pending, before
        return found

    def _counted(
        self, at: int, first: list[Statement], test: Expr, step: list[Statement], body: list[Statement]
    ) -> For | None:
        """``FROM`` if the loop counts a whole number by one to a bound and leaves it alone inside."""
        start = first[-1] if first else None
        if not (isinstance(start, Assign) and isinstance(start.target, Name) and len(step) == 1):
            return None
        var, by = start.target.id, step[0]
        if not (isinstance(by, Assign) and by.target == Name(var) and isinstance(start.value, Num)):
            return None
        sign = next((s for s in "+-" if by.value == Binary(s, Name(var), Num("1"))), None)
        if sign is None or not (isinstance(test, Binary) and test.a == Name(var)):
            return None
        if test.op not in (("<", "<=") if sign == "+" else (">", ">=")) or any(
            _assigns(s, var) for s in body
        ):
            return None
        last = test.b
        if len(test.op) == 1:
            whole = (isinstance(last, Num) and last.text.isdigit()) or (
                isinstance(last, Call) and last.id == "length"
            )
            if not whole:
                return None
            one = 1 if sign == "-" else -1
            last = Num(str(int(last.text) + one)) if isinstance(last, Num) else Binary("-", last, Num("1"))
        if sign == "-" and not isinstance(last, Num):
            return None
        return For(at, var=var, first=start.value, last=last, body=body, down=sign == "-")

    def _needed_later(self, var: str, start: int) -> bool:
        """Whether what follows reads the counter of a loop before it sets it."""
        later = next((k for k in range(self.k, len(self.items)) if self.items[k].text == var), None)
        return later is not None and self.items[min(later + 1, len(self.items) - 1)].text != "="

    def _read_switch(self, at: int) -> list[Statement]:
        self.take("(")
        value = self.expression()
        self.take(")")
        self.take("{")
        out = If(at)
        while not self.sign("}"):
            t = self.advance()
            test: Expr | None = None
            if t.text == "case":
                test = Binary("==", value, self.expression(), t.at)
            elif t.text != "default":
                raise CError(t.at, f"case is expected, not {t.text!r}")
            self.take(":")
            body: list[Statement] = []
            while self.token.text not in ("case", "default", "}") and self.token.kind != "end":
                body += self.statement()
            if not body or not isinstance(body[-1], (Break, Return)):
                if not self.sign("}"):
                    raise CError(t.at, "a case without break")
            elif isinstance(body[-1], Break):
                body.pop()
            if test is None:
                out.orelse = body
            else:
                out.branches.append((test, body))
        self.take("}")
        return [out] if out.branches else out.orelse

    def _read_return(self, at: int) -> list[Statement]:
        value = None
        if not self.sign(";"):
            v = self.value()
            value = None if v.kind == "other" else self.number(v)
        self.take(";")
        before, self.pending = self.pending, []
        return [*before, Return(at, value=value)]

    def _read_break(self, at: int) -> list[Statement]:
        self.take(";")
        return [Break(at)]

    # -------------------------------------------------------- declarations, assignments, calls

    def _declaration(self, ends: tuple[str, ...] = (";",)) -> list[Statement]:
        kinds = []
        while self.token.text in TYPES or (self.token.kind == "name" and self.ahead() in ("*", "**")):
            kinds.append(self.advance().text)
        out: list[Statement] = []
        outside = {"extern", "struct"} & set(kinds)
        while True:
            stars = 0
            while self.sign("*") or self.token.text == "const":
                stars += self.advance().text == "*"
            t = self.advance()
            if t.kind != "name":
                raise CError(t.at, f"a name is expected, not {t.text!r}")
            if self.sign("("):  # a function declared
                while not self.sign(")") and self.token.kind != "end":
                    self.advance()
                self.take(")")
            elif not outside:
                out += self._declared(t.text, t.at, kinds, stars)
            if self.sign(*ends):
                if ends == (";",):
                    self.advance()
                before, self.pending = self.pending, []
                return [*before, *out] if ends == (";",) else []
            self.take(",")

    def _declared(self, name: str, at: int, kinds: list[str], stars: int) -> list[Statement]:
        """One name of a declaration: a number, an array of numbers, or a pointer."""
        if stars or "auto" in kinds or not ({"double"} | WHOLE) & set(kinds):
            value = Value("other", name=name, at=at)
            if self.sign("="):
                self.advance()
                value = self.value()
                if value.kind in ("real", "whole"):
                    value = Value("other", name=name, at=at)
            self.scopes[-1][name] = value
            return []
        whole = "double" not in kinds
        new = name + "_" if self.meaning.known(name) else name
        here = Name(new, at)
        self.scopes[-1][name] = Value("whole" if whole else "real", here, at=at)
        if self.sign("["):
            return self._array(here, "static" in kinds)
        out: list[Statement] = [Local(at, names=[(new, 0)])]
        if self.sign("="):
            self.advance()
            right = self.value()
            e = self.number(right)
            if whole and right.kind != "whole":
                e = self.truncated(e)
            before, self.pending = self.pending, []
            out += [*before, Assign(at, target=here, value=e)]
            if "static" in kinds and "const" not in kinds:
                raise CError(at, f"{name} is static: it keeps its value between calls; make it ASSIGNED")
        return out

    def _array(self, here: Name, fixed: bool) -> list[Statement]:
        self.take("[")
        size = self.expression()
        self.take("]")
        if not isinstance(size, Num) or not size.text.isdigit():
            raise CError(here.at, "the size of an array is a number")
        out: list[Statement] = [Local(here.at, names=[(here.id, int(size.text))])]
        if self.sign("="):
            self.advance()
            self.take("{")
            k = 0
            while not self.sign("}"):
                out.append(Assign(here.at, target=Index(here.id, Num(str(k))), value=self.expression()))
                k += 1
                if not self.sign("}"):
                    self.take(",")
            self.take("}")
        elif fixed:
            raise CError(here.at, f"{here.id} is static: it keeps its values between calls; make it ASSIGNED")
        return out

    def _expression_statement(self) -> list[Statement]:
        found = self._simple()
        self.take(";")
        return found

    def _effect(self) -> None:
        """An assignment, ``x++``, or a call; what it does goes to `pending`."""
        t = self.token
        if self.sign("++", "--"):
            self.advance()
            self._step(self._unary(), t.text, t.at)
            return
        if t.kind == "name" and self.ahead() == "(" and t.text not in self.meaning.casts:
            if self._known_effect():
                return
        start = self.k
        v = self.value()
        if self.sign("++", "--"):
            self._step(v, self.advance().text, t.at)
        elif isinstance(v.expr, Call) and self.items[start].kind == "name":
            self.pending.append(Do(t.at, call=v.expr))

    def _step(self, v: Value, sign: str, at: int) -> None:
        if not isinstance(v.expr, (Name, Index)) or v.kind not in ("real", "whole"):
            raise CError(at, f"{sign} of something that is no number")
        self.pending.append(Assign(at, target=v.expr, value=Binary(sign[0], v.expr, Num("1"))))

    def _known_effect(self) -> bool:
        """Calls that only print, stop on errors, send events or set a stream; False for any other."""
        t = self.token
        if t.text in PRINTING | STOPPING or t.text.endswith("printf"):
            self.advance()
            depth = 0
            while self.token.kind != "end":
                depth += self.sign("(") - self.sign(")")
                self.advance()
                if not depth:
                    break
            if t.text in STOPPING:
                self.meaning.notes.append(
                    f"{self.block.name or self.block.kind}: {t.text} is left out: no error is raised"
                )
            return True
        if t.text in ("net_send", "net_event", "net_move", "artcell_net_send", "nrnran123_setseq"):
            self.advance()
            given = [
                v for v in self.arguments() if v.kind != "other" and v.kind not in ("address", "weights")
            ]
            self.pending.append(Do(t.at, call=self._sent(t.text, given, t.at)))
            return True
        return False

    def _sent(self, name: str, given: list[Value], at: int) -> Call:
        if name == "nrnran123_setseq":
            if len(given) != 3 or given[0].kind != "pointer":
                raise CError(at, "nrnran123_setseq(stream, sequence, which)")
            self.meaning.streams.setdefault(given[0].name, at)
            place: Expr = Binary("+", Binary("*", Num("4"), self.number(given[1])), self.number(given[2]))
            if given[1].expr == given[2].expr == Num("0"):
                place = Num("0")
            return Call("random_setseq", (Name(given[0].name, at), place), at)
        args = [self.number(g) for g in given]
        if name.endswith("net_send"):  # in C the time is absolute
            name = "net_send_at"
        return Call(name, tuple(args), at)


def _assigns(s: Statement, var: str) -> bool:
    if isinstance(s, Assign) and s.target == Name(var):
        return True
    inner = [*getattr(s, "body", []), *getattr(s, "orelse", [])]
    inner += [x for _, b in getattr(s, "branches", []) for x in b]
    return isinstance(s, Break) or any(_assigns(x, var) for x in inner)


_KEYWORDS = frozenset("if while do for switch return break".split())
