"""Parser of expressions: precedence climbing, bounded depth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from heliox.errors import MechanismError
from heliox.nmodl.source import Source
from heliox.nmodl.syntax import Binary, Call, Expr, Index, Name, Num, Text, Unary
from heliox.nmodl.tokens import Lexer, Token

DEEPEST = 100  # nesting; chains such as a + b + c + ... count one level an operator beyond LONGEST
LONGEST = 150
# C's levels: the generated C text of NEURON is read by a C compiler, so these decide
_LEVEL = {
    "||": 1,
    "&&": 2,
    "==": 3,
    "!=": 3,
    "<": 4,
    ">": 4,
    "<=": 4,
    ">=": 4,
    "+": 5,
    "-": 5,
    "*": 6,
    "/": 6,
}


class Expressions:
    """The half of the parser that reads expressions. `define` maps a DEFINEd name to its integer."""

    source: Source
    lexer: Lexer
    token: Token
    last: Token

    def __init__(self, source: Source) -> None:
        self.source = source
        self.lexer = Lexer(source)
        self.depth = 0
        self.defines: dict[str, int] = {}
        self.last = Token("end", "", 0, 0)
        self.token = self.lexer.next()

    # -------------------------------------------------------- words

    def fail(self, what: str, at: int | None = None) -> MechanismError:
        return self.source.fail(self.token.start if at is None else at, what)

    def advance(self) -> Token:
        self.last, self.token = self.token, self.lexer.next()
        return self.last

    def sign(self, text: str) -> bool:
        return self.token.kind == "sign" and self.token.text == text

    def word(self, *texts: str) -> bool:
        return self.token.kind == "name" and self.token.text in texts

    def take(self, text: str) -> Token:
        if not (self.token.kind in ("sign", "name") and self.token.text == text):
            raise self.fail(f"{text!r} is missing before {self.shown()}")
        return self.advance()

    def shown(self) -> str:
        return self.token.text if self.token.kind == "end" else repr(self.token.text[:40])

    def name(self, what: str = "a name") -> str:
        if self.token.kind != "name":
            raise self.fail(f"{what} is expected, not {self.shown()}")
        return self.advance().text

    def unit(self) -> str:
        """``( raw text )``, or nothing."""
        if not self.sign("("):
            return ""
        text = self.lexer.until(")", self.token.end)
        self.advance()
        return text

    def integer(self) -> int:
        negative = self.sign("-")
        if negative:
            self.advance()
        if self.token.kind == "integer":
            value = int(self.token.text[:12])
        elif self.token.kind == "name" and self.token.text in self.defines:
            value = self.defines[self.token.text]
        else:
            raise self.fail(f"an integer is expected, not {self.shown()}")
        self.advance()
        return -value if negative else value

    def number(self) -> str:
        """A signed number, as text."""
        minus = ""
        while self.sign("-") or self.sign("+"):
            minus = "-" if self.advance().text == "-" and not minus else ""
        if self.token.kind in ("integer", "real"):
            return minus + self.advance().text
        if self.token.kind == "name" and self.token.text in self.defines:
            return minus + str(self.defines[self.advance().text])
        raise self.fail(f"a number is expected, not {self.shown()}")

    def names(self) -> list[str]:
        out = [self.name()]
        while self.sign(","):
            self.advance()
            out.append(self.name())
        return out

    def nested(self, read: Callable[[], Expr]) -> Expr:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.fail(f"nested deeper than {DEEPEST} levels; give parts of it names")
        out = read()
        self.depth -= 1
        return out

    # -------------------------------------------------------- expressions

    def expression(self) -> Expr:
        return self.nested(lambda: self._binary(1))

    def _binary(self, level: int) -> Expr:
        left = self._unary()
        length = 0
        while self.token.kind == "sign" and _LEVEL.get(self.token.text, 0) >= level:
            op = self.advance()
            length += 1
            if length > LONGEST:
                raise self.fail(f"more than {LONGEST} terms in one expression; give parts of it names")
            left = Binary(op.text, left, self._right(_LEVEL[op.text] + 1), op.start)
        return left

    def _right(self, level: int) -> Expr:
        return self.nested(lambda: self._binary(level))

    def _unary(self) -> Expr:
        if self.sign("-") or self.sign("!"):
            op = self.advance()
            return Unary(op.text, self.nested(self._unary), op.start)
        if self.sign("+"):
            self.advance()
            return self.nested(self._unary)
        base = self._primary()
        if self.sign("^"):
            op = self.advance()
            return Binary("^", base, self.nested(self._unary), op.start)
        return base

    def _primary(self) -> Expr:
        t = self.token
        if t.kind in ("integer", "real"):
            self.advance()
            self.unit()
            return Num(t.text, t.start)
        if t.kind == "string":
            self.advance()
            return Text(t.text[1:-1], t.start)
        if t.kind == "prime":
            self.advance()
            return Name(t.text, t.start)
        if self.sign("("):
            self.advance()
            inner = self.expression()
            self.take(")")
            return replace(inner, closed=True) if isinstance(inner, Binary) else inner
        if t.kind == "name":
            return self._named(t)
        raise self.fail(f"an expression is expected, not {self.shown()}")

    def _named(self, t: Token) -> Expr:
        self.advance()
        if t.text in self.defines:
            self.unit()
            return Num(str(self.defines[t.text]), t.start)
        if self.sign("("):
            return self.call(t)
        if self.sign("["):
            self.advance()
            index = self.expression()
            self.take("]")
            return Index(t.text, index, t.start)
        if self.sign("@"):
            raise self.fail(
                "DISCRETE variables (@) cannot be translated; write the delay with FROM loops over an array"
            )
        return Name(t.text, t.start)

    def call(self, t: Token) -> Call:
        self.take("(")
        args: list[Expr] = []
        while not self.sign(")"):
            args.append(self.expression())
            if not self.sign(")"):
                self.take(",")
        self.take(")")
        return Call(t.text, tuple(args), t.start)
