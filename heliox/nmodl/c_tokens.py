"""Words of the C code in VERBATIM blocks: without comments, with the preprocessor's choices made."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from heliox.nmodl.syntax import Statement

_TOKEN = re.compile(
    r"""
    (?P<name>[A-Za-z_]\w*)
  | (?P<number>(?:0[xX][0-9A-Fa-f]+|(?:\d+\.?\d*|\.\d+)(?:[Ee][-+]?\d+)?)[uUlLfF]*)
  | (?P<string>"(?:[^"\\\n]|\\.)*")
  | (?P<character>'(?:[^'\\\n]|\\.)+')
  | (?P<sign>->|\+\+|--|<<=|>>=|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|::|[-+*/%=<>!(){}\[\],;.&|^~?:])
    """,
    re.X,
)
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_DIRECTIVE = re.compile(r"[ \t]*#[ \t]*(\w+)[ \t]*((?:\\\n|[^\n])*)")
_DEFINE = re.compile(r"(\w+)[ \t]+(\(?[-+]?[\d.]+(?:[eE][-+]?\d+)?\)?)\s*$")
_MACRO = re.compile(r"(\w+)\(([\w\s,]*)\)[ \t]*(.*)$", re.S)
_CONSTANT = re.compile(r"\bconst\s+(?:int|double)\s+(\w+)\s*=\s*(-?[\d.]+(?:[eE][-+]?\d+)?)\s*;")
_CALL = re.compile(r"(NRN_VERSION_\w+|defined)\s*\(([^()]*)\)|defined\s+(\w+)|(\w+)")
KNOWN = {"NRN_VERSION_GTEQ_8_2_0": True, "NRN_VERSION_GTEQ_9_0_0": True, "__cplusplus": True}  # no other
VERSION = (9, 0, 2)


class CError(Exception):
    """What cannot be translated: (place in the file, what is wrong)."""

    def __init__(self, at: int, what: str) -> None:
        super().__init__(what)
        self.at, self.what = at, what


@dataclass(frozen=True, slots=True)
class CToken:
    """Kind (``name number string character sign nmodl end``), text, place; ``nmodl`` holds a statement
    between two VERBATIM blocks.
    """

    kind: str
    text: str
    at: int
    statement: Statement | None = None


Choices = list[tuple[bool, bool]]  # of every open #if: whether this part is used, and whether some part was


def tokens(
    code: str, at: int, macros: Mapping[str, str] | None = None, choices: Choices | None = None
) -> list[CToken]:
    """Tokens of C code that starts at `at` of the file; numeric macros replaced. An #if may be open before
    and after, in `choices`.

    Raises ------ CError For a character C does not have.
    """
    text = _chosen(without_comments(code), [] if choices is None else choices)
    out: list[CToken] = []
    place = 0
    while True:
        while place < len(text) and text[place].isspace():
            place += 1
        if place >= len(text):
            return out
        m = _TOKEN.match(text, place)
        if m is None:
            raise CError(at + place, f"{text[place]!r} in C code")
        kind, word = str(m.lastgroup), m.group()
        if kind == "name" and macros and word in macros:
            kind, word = "number", macros[word]
        out.append(CToken(kind, word, at + place))
        place = m.end()


def without_comments(code: str) -> str:
    """`code` with comments made blank; every character keeps its place."""
    out, place = [], 0
    for m in re.finditer(rf"{_STRING.pattern}|{_COMMENT.pattern}", code, re.S):
        if not m.group().startswith('"'):
            out += [code[place : m.start()], re.sub(r"[^\n]", " ", m.group())]
            place = m.end()
    return "".join([*out, code[place:]])


def comments(code: str) -> str:
    """The text of the comments."""
    found = re.finditer(rf"{_STRING.pattern}|{_COMMENT.pattern}", code, re.S)
    return " ".join(m.group() for m in found if not m.group().startswith('"'))


def defined(code: str) -> dict[str, str]:
    """Macros and constants that stand for a number."""
    out = {}
    for kind, rest in directives(without_comments(code)):
        m = _DEFINE.match(rest) if kind == "define" else None
        if m is not None:
            out[m.group(1)] = m.group(2).strip("()")
    return out | {m.group(1): m.group(2) for m in _CONSTANT.finditer(without_comments(code))}


def macros_with_arguments(code: str) -> dict[str, tuple[list[str], str]]:
    """``#define NAME(a, b) text`` where the preprocessor uses it: name -> arguments, text."""
    kept: list[str] = []
    _chosen(without_comments(code), [], kept)
    found = (_MACRO.match(rest) for rest in kept)
    return {m.group(1): (re.findall(r"\w+", m.group(2)), m.group(3).replace("\\\n", " ")) for m in found if m}


def expanded(items: list[CToken], macros: Mapping[str, tuple[list[str], str]]) -> list[CToken]:
    """Tokens with macros of arguments put in, once."""
    out: list[CToken] = []
    k = 0
    while k < len(items):
        t = items[k]
        if t.kind != "name" or t.text not in macros or k + 1 == len(items) or items[k + 1].text != "(":
            out.append(t)
            k += 1
            continue
        parameters, text = macros[t.text]
        given, k = _given(items, k + 2)
        values = dict(zip(parameters, given))
        for x in tokens(text, t.at):
            out += values.get(x.text, [CToken(x.kind, x.text, t.at)])
    return out


def _given(items: list[CToken], k: int) -> tuple[list[list[CToken]], int]:
    """Arguments from place `k` behind the parenthesis, and the place behind the closing one."""
    out: list[list[CToken]] = [[]]
    level = 0
    while k < len(items):
        t = items[k]
        k += 1
        if t.text == ")" and level == 0:
            return out, k
        level += (t.text == "(") - (t.text == ")")
        if t.text == "," and level == 0:
            out.append([])
        else:
            out[-1].append(t)
    raise CError(items[-1].at, "')' of a macro is missing")


def directives(code: str) -> Iterator[tuple[str, str]]:
    """Preprocessor lines: word and rest."""
    for m in _DIRECTIVE.finditer(code):
        if not code[: m.start()].rpartition("\n")[2].strip():
            yield m.group(1), m.group(2)


def _chosen(code: str, stack: Choices, kept: list[str] | None = None) -> str:
    """`code` with directives and what they leave out made blank; #defines that are used go to `kept`."""
    out: list[str] = []
    lines = iter(code.splitlines(keepends=True))
    for line in lines:
        whole = line
        while line.rstrip("\n").endswith("\\") and line.lstrip().startswith("#"):
            line = next(lines, "")
            whole += line
        m = _DIRECTIVE.match(whole)
        if m is None:
            used = all(active for active, _ in stack)
            out.append(whole if used else re.sub(r"[^\n]", " ", whole))
            continue
        kind, rest = m.group(1), m.group(2).strip()
        if kind in ("if", "ifdef", "ifndef"):
            test = _holds(rest) if kind == "if" else KNOWN.get(rest, False) == (kind == "ifdef")
            stack.append((test, test))
        elif kind in ("else", "elif") and stack:
            _, done = stack.pop()
            test = not done and (kind == "else" or _holds(rest))
            stack.append((test, done or test))
        elif kind == "endif" and stack:
            stack.pop()
        elif kind == "define" and kept is not None and all(active for active, _ in stack):
            kept.append(rest)
        out.append(re.sub(r"[^\n]", " ", whole))
    return "".join(out)


def _holds(test: str) -> bool:
    """Whether a preprocessor condition holds for NEURON 9 without CoreNEURON."""

    def value(m: re.Match[str]) -> str:
        if m.group(1) == "defined" or m.group(3):
            return str(KNOWN.get(m.group(3) or m.group(2).strip(), False))
        if m.group(1):
            return str(_version(m.group(1), m.group(2)))
        word = m.group(4)
        return word if word.isdigit() else str(KNOWN.get(word, False))

    words = _CALL.sub(value, test).replace("&&", " and ").replace("||", " or ").replace("!=", " is_not ")
    return _evaluate(words.replace("!", " not ").replace(" is_not ", "!="))


def _version(macro: str, numbers: str) -> bool:
    """``NRN_VERSION_GTEQ(9, 0, 0)`` and its kin."""
    asked = tuple(int(x) for x in re.findall(r"\d+", numbers))
    tests = {"EQ": VERSION == asked, "NE": VERSION != asked, "GT": VERSION > asked, "LT": VERSION < asked}
    tests |= {"GTEQ": VERSION >= asked, "LTEQ": VERSION <= asked}
    return tests.get(macro.removeprefix("NRN_VERSION_"), False)


def _evaluate(words: str) -> bool:
    """A condition of ``True False and or not ( )`` and integers."""
    parts = re.findall(r"\w+|[()]", words)
    place = 0

    def either() -> bool:
        nonlocal place
        out = both()
        while place < len(parts) and parts[place] == "or":
            place += 1
            out = both() or out
        return out

    def both() -> bool:
        nonlocal place
        out = one()
        while place < len(parts) and parts[place] == "and":
            place += 1
            out = one() and out
        return out

    def one() -> bool:
        nonlocal place
        word = parts[place] if place < len(parts) else ""
        place += 1
        if word == "not":
            return not one()
        if word == "(":
            out = either()
            place += 1
            return out
        return word == "True" or (word.isdigit() and int(word) != 0)

    return either()
