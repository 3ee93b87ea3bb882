"""Expressions and steps as Python text: only the parentheses that keep the order of operations."""

from __future__ import annotations

import keyword
import re
import textwrap
from collections.abc import Iterable, Mapping

from heliox.mechanisms.methods import LIBRARY
from heliox.mechanisms.subset import EFFECTS, MATH, RANDOM
from heliox.nmodl.ir import (
    Binary,
    Branch,
    Break,
    Call,
    Effect,
    Expr,
    Index,
    Loop,
    Name,
    Num,
    Return,
    Set,
    Step,
    Text,
    Unary,
)  # fmt: skip
from heliox.nmodl.powers import folded

WIDTH = 110
_COMPARE = frozenset(("==", "!=", "<", ">", "<=", ">="))
_LOGIC = {"&&": "and", "||": "or"}
_PRECEDENCE = {
    "+": 10,
    "-": 10,
    "*": 11,
    "/": 11,
    "neg": 12,
    "^": 13,
    "atom": 20,
    "if": 0,
    "or": 1,
    "and": 2,
    "not": 3,
    "compare": 4,
}
# names a mechanism may not have in Python: the language's own, those of the functions it may call, and
# those of generated code
RESERVED = (
    frozenset(keyword.kwlist) | frozenset(keyword.softkwlist) | MATH | RANDOM | frozenset(EFFECTS) |
    frozenset(LIBRARY) | frozenset(("range", "float", "int", "len", "U", "watch", "for_connections",
    "fail", "Diffusion", "MechTemp", "Ion", "Table", "Var"))
)  # fmt: skip


def renamed(names: Iterable[str]) -> dict[str, str]:
    """Names that must differ in Python -> what they become: an underscore behind."""
    known = set(names)
    out = {}
    for n in sorted(known):
        if n in RESERVED:
            new = n + "_"
            while new in known:
                new += "_"
            out[n] = new
    return out


class Printer:
    """Text of one file; `rename` maps names of NMODL to names of Python, `helpers` are functions of
    the file.
    """

    def __init__(self, rename: Mapping[str, str], helpers: Mapping[str, str]) -> None:
        self.rename, self.helpers = rename, helpers

    def name(self, n: str) -> str:
        return self.rename.get(n, n)

    # -------------------------------------------------------- expressions

    def value(self, e: Expr) -> str:
        """As a number."""
        return self._number(e)[0]

    def test(self, e: Expr) -> str:
        """As a condition."""
        return self._test(e)[0]

    def _number(self, e: Expr) -> tuple[str, int]:
        e = folded(e)
        atom = _PRECEDENCE["atom"]
        if isinstance(e, Num):
            return number(e.text), atom
        if isinstance(e, Name):
            return self.name(e.id), atom
        if isinstance(e, Index):
            return f"{self.name(e.id)}[{self.index(e.index)}]", atom
        if isinstance(e, Call):
            return self.call(e), atom
        if isinstance(e, Unary) and e.op == "-":
            level = _PRECEDENCE["neg"]
            return "-" + self._operand(e.x, level), level
        if isinstance(e, Binary) and e.op in ("+", "-", "*", "/"):
            level = _PRECEDENCE[e.op]
            return f"{self._operand(e.a, level)} {e.op} {self._operand(e.b, level + 1)}", level
        if isinstance(e, Binary) and e.op == "^":
            level = _PRECEDENCE["^"]
            return f"{self._operand(e.a, level + 1)} ** {self._operand(e.b, _PRECEDENCE['neg'])}", level
        if isinstance(e, Text):
            return repr(e.text), atom
        return f"1.0 if {self.test(e)} else 0.0", _PRECEDENCE["if"]

    def _operand(self, e: Expr, level: int) -> str:
        text, own = self._number(e)
        return f"({text})" if own < level else text

    def _test(self, e: Expr) -> tuple[str, int]:
        if isinstance(e, Binary) and e.op in _COMPARE:
            level = _PRECEDENCE["compare"]
            return f"{self._operand(e.a, level + 1)} {e.op} {self._operand(e.b, level + 1)}", level
        if isinstance(e, Binary) and e.op in _LOGIC:
            word = _LOGIC[e.op]
            level = _PRECEDENCE[word]
            return f"{self._condition(e.a, level)} {word} {self._condition(e.b, level + 1)}", level
        if isinstance(e, Unary) and e.op == "!":
            return f"not {self._condition(e.x, _PRECEDENCE['compare'])}", _PRECEDENCE["not"]
        return f"{self._operand(e, _PRECEDENCE['compare'] + 1)} != 0.0", _PRECEDENCE["compare"]

    def _condition(self, e: Expr, level: int) -> str:
        text, own = self._test(e)
        return f"({text})" if own < level else text

    def index(self, e: Expr) -> str:
        if isinstance(e, Num):
            return e.text
        if isinstance(e, Binary):
            return f"{self._index_operand(e.a)} {e.op} {self._index_operand(e.b)}"
        return self.name(e.id) if isinstance(e, Name) else self.value(e)

    def _index_operand(self, e: Expr) -> str:
        return f"({self.index(e)})" if isinstance(e, Binary) else self.index(e)

    def call(self, e: Call) -> str:
        if e.id == "#zeros":
            size = e.args[0]
            return f"[0.0] * {size.text if isinstance(size, Num) else 0}"
        if e.id == "#values":
            return ", ".join(self.value(a) for a in e.args)
        if e.id == "watch" and isinstance(e.args[0], Num):
            return f"watch({e.args[0].text}, {self.value(e.args[1])})"
        name = self.helpers.get(e.id, e.id)
        return f"{name}({', '.join(self.value(a) for a in e.args)})"

    # -------------------------------------------------------- steps

    def steps(self, steps: list[Step], indent: int = 1) -> list[str]:
        """Lines of a list of steps."""
        pad = "    " * indent
        out: list[str] = []
        for s in steps:
            out += [x for line in s.before for x in comment_lines(line, pad)]
            out += self._step(s, indent, pad)
        return out

    def _step(self, s: Step, indent: int, pad: str) -> list[str]:
        note = f"  # {s.note}" if s.note else ""
        if isinstance(s, Set):
            targets = ", ".join(self.value(t) for t in s.targets)
            return _line(
                f"{pad}{targets} = {self.value(s.value)}" if targets else f"{pad}{self.value(s.value)}",
                note,
                pad,
            )
        if isinstance(s, Effect):
            return _line(f"{pad}{self.value(s.call)}", note, pad)
        if isinstance(s, Return):
            return _line(f"{pad}return {', '.join(self.value(v) for v in s.values)}", note, pad)
        if isinstance(s, Break) and s.test is None:
            return [f"{pad}break{note}"]
        if isinstance(s, Break) and s.test is not None:
            test = self.test(Unary("!", s.test)) if s.negate else self.test(s.test)
            return [*_line(f"{pad}if {test}:", note, pad), f"{pad}    break"]
        if isinstance(s, Loop):
            first = f"{s.first}, " if s.first or s.step != 1 else ""
            step = f", {s.step}" if s.step != 1 else ""
            head = f"{pad}for {self.name(s.var)} in range({first}{s.stop}{step}):{note}"
            return [head, *(self.steps(s.body, indent + 1) or [f"{pad}    pass"])]
        assert isinstance(s, Branch)
        out: list[str] = []
        for k, (condition, body) in enumerate(s.branches):
            out += _line(f"{pad}{'elif' if k else 'if'} {self.test(condition)}:", note if not k else "", pad)
            out += self.steps(body, indent + 1) or [f"{pad}    pass"]
        if s.orelse:
            out += [f"{pad}else:", *self.steps(s.orelse, indent + 1)]
        return out

    def function(self, name: str, params: list[str], body: list[Step], doc: Iterable[str] = ()) -> str:
        """Text of a function."""
        lines = _line(f"def {name}({', '.join(self.name(p) for p in params)}):", "", "")
        text = " ".join(" ".join(doc).split()).replace("\\", "/").replace('"""', "'''").rstrip('"')
        if text:
            lines += _docstring(text)
        return "\n".join([*lines, *(self.steps(body) or ["    pass"])]) + "\n"


def number(text: str) -> str:
    """A number of NMODL as a double of Python."""
    if text.lstrip("-").isdigit():
        sign = "-" if text.startswith("-") else ""
        digits = text.lstrip("-").lstrip("0") or "0"
        return f"{sign}{digits}.0" if len(digits) < 16 else repr(float(text))
    return (
        repr(float(text)) if text.lstrip("-").startswith("0") and len(text.rstrip("0")) > 17 else _tidy(text)
    )


def _tidy(text: str) -> str:
    mantissa, _, exponent = text.lower().partition("e")
    if mantissa.startswith("."):
        mantissa = "0" + mantissa
    if mantissa.endswith("."):
        mantissa += "0"
    whole, dot, rest = mantissa.partition(".")
    whole = whole.lstrip("0") or "0"
    mantissa = whole + dot + rest
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def _line(text: str, note: str, pad: str) -> list[str]:
    """A line, with its comment behind it or above it, broken where it is too long."""
    if len(text) + len(note) <= WIDTH:
        return [text + note]
    above = comment_lines(note.strip(" #"), pad) if note else []
    return [*above, *wrap(text)]


def comment_lines(text: str, pad: str) -> list[str]:
    """A comment in lines of its own."""
    return textwrap.wrap(text, WIDTH, initial_indent=f"{pad}# ", subsequent_indent=f"{pad}# ")


def wrap(text: str) -> list[str]:
    """Break a long statement inside its parentheses, after commas and before operators."""
    if len(text) <= WIDTH:
        return [text]
    indent = " " * (len(text) - len(text.lstrip()))
    body = text.lstrip()
    head, sign, tail = body.partition(" = ")
    for word in ("return ", "if ", "elif "):
        if body.startswith(word):
            head, sign, tail = "", word, body[len(word) :]
            break
    else:
        if not sign or "(" in head or body.startswith("def "):
            head, sign, tail = body.partition("(")
            close = tail.rfind(")")
            return (
                [indent + head + sign, *_filled(tail[:close], indent + "    "), indent + tail[close:]]
                if close >= 0
                else [text]
            )
    call = re.match(r"\w+\(", tail)
    if call is not None and sign not in ("if ", "elif ") and _closes(tail, call.end() - 1) == len(tail) - 1:
        inner = _filled(tail[call.end() : -1], indent + "    ")
        return [f"{indent}{head}{sign}{call.group()}", *inner, f"{indent})"]
    colon = ":" if sign in ("if ", "elif ") else ""
    tail = tail.removesuffix(":") if colon else tail
    return [f"{indent}{head}{sign}(", *_filled(tail, indent + "    "), f"{indent}){colon}"]


def _closes(text: str, at: int) -> int:
    """Where the parenthesis at `at` closes."""
    level = 0
    for k in range(at, len(text)):
        level += (text[k] in "([") - (text[k] in ")]")
        if level == 0:
            return k
    return -1


def _filled(text: str, pad: str) -> list[str]:
    lines: list[str] = []
    line = pad
    for word in text.split(" "):
        if len(line) + len(word) + 1 > WIDTH and line.strip():
            lines.append(line.rstrip())
            line = pad
        line += word + " "
    return [*lines, line.rstrip()]


def _docstring(text: str) -> list[str]:
    lines = _filled(text, "    ")
    lines[0] = '    """' + lines[0].lstrip()
    if len(lines) == 1 and len(lines[0]) <= WIDTH - 3:
        return [lines[0] + '"""']
    return [*lines, '    """']


__all__ = ["RESERVED", "WIDTH", "Printer", "number", "renamed", "wrap"]
