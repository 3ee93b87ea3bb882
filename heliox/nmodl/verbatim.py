"""VERBATIM blocks: C code, which is never run. What can be read as statements of NMODL takes their place; the
rest is refused where a block of the mechanism needs it.

Statements of NMODL may stand between two VERBATIM blocks that only together are a statement of C.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from heliox.nmodl.c_expressions import Meaning, Value
from heliox.nmodl.c_statements import CStatements
from heliox.nmodl.c_tokens import (
    CError,
    Choices,
    CToken,
    comments,
    defined,
    directives,
    expanded,
    macros_with_arguments,
    tokens,
    without_comments,
)
from heliox.nmodl.returns import without_returns
from heliox.nmodl.streams import settle
from heliox.nmodl.syntax import (
    Assign,
    Block,
    Call,
    Declared,
    Name,
    Program,
    Statement,
    Verbatim,
    read_names,
)

_WORD = len("VERBATIM")
_CAST = re.compile(r"(\w+)[ \t]*(?:\(\w+\s*\*+\))?[ \t]*$")
_FUNCTION = re.compile(r"\bdouble\s+(\w+)\s*\(([^(){};]*)\)\s*\{")
_ARGUMENT = re.compile(r"^\s*(?:const\s+)?(?:double|int|long)\s+(\w+)\s*$")
_NEW_STREAM = re.compile(r"nrnran123_newstream")
_STREAMS = re.compile(r"nrnran123_newstream|nrnran123_deletestream|nrn_random_arg")
_FLAG = re.compile(r"(?<=[;{}])\s*(\w+)\s*=\s*(\d+)\s*(?=;)")


def absorb(program: Program, draws: Mapping[str, str] | None = None) -> None:
    """Put statements of NMODL in the place of C code, as far as it can be read.

    `draws` names the distribution of streams that only hoc knows (``{"rng": "uniform(0, 1)"}``).
    """
    meaning = _meaning(program)
    said = {b.name: _comments(b) for b in program.blocks}
    for block in program.blocks:
        block.body = _absorbed(block.body, block, meaning, [{}])
    _functions(program, meaning)
    _constants(program, meaning)
    settle(program, meaning, said, draws or {})
    for block in program.blocks:
        without_returns(block)
    program.notes += dict.fromkeys(meaning.notes)


def _texts(program: Program) -> Iterator[tuple[str, int]]:
    """All C code, with its place."""
    for v in program.verbatim:
        yield v.text, v.at + _WORD
    for b in program.blocks:
        for s in _walk(b.body):
            if isinstance(s, Verbatim):
                yield s.text, s.at + _WORD


def _walk(body: list[Statement]) -> Iterator[Statement]:
    for s in body:
        yield s
        yield from _walk(getattr(s, "body", []))
        yield from _walk(getattr(s, "orelse", []))
        for _, b in getattr(s, "branches", []):
            yield from _walk(b)


def _comments(block: Block) -> str:
    return " ".join(comments(s.text) for s in _walk(block.body) if isinstance(s, Verbatim))


def _meaning(program: Program) -> Meaning:
    out = Meaning(program)
    for text, _at in _texts(program):
        code = without_comments(text)
        out.macros |= defined(text)
        out.calls |= macros_with_arguments(text)
        for kind, rest in directives(code):
            m = _CAST.match(rest) if kind == "define" else None
            if m is not None:
                out.casts.add(m.group(1))
        if _NEW_STREAM.search(code):
            out.flags |= {m.group(1): m.group(2) for m in _FLAG.finditer(code)}
    out.flags = {n: value for n, value in out.flags.items() if not _set_elsewhere(program, n)}
    for v in program.verbatim:
        code = without_comments(v.text)
        for m in _FUNCTION.finditer(code):
            out.functions[m.group(1)] = (code[m.start() :], v.at + _WORD + m.start())
    return out


def _set_elsewhere(program: Program, name: str) -> bool:
    """Whether anything but the code that makes streams sets a variable."""
    changed = re.compile(rf"\b{name}\s*(?:[-+*/]?=(?!=)|\+\+|--)")
    for text, _ in _texts(program):
        code = without_comments(text)
        if not _STREAMS.search(code) and changed.search(re.sub(r"\bstatic\b[^;]*;", "", code)):
            return True
    targets = (s.target.id for b in program.blocks for s in _walk(b.body) if isinstance(s, Assign))
    return name in set(targets)


# ---------------------------------------------------------------- blocks


def _absorbed(
    body: list[Statement], block: Block, meaning: Meaning, scopes: list[dict[str, Value]]
) -> list[Statement]:
    out: list[Statement] = []
    k = 0
    while k < len(body):
        s = body[k]
        if not isinstance(s, Verbatim):
            _inside(s, block, meaning, scopes)
            out.append(s)
            k += 1
            continue
        try:
            items, k = _joined(body, k, meaning)
            parser = CStatements(items, meaning, block)
            parser.scopes = scopes
            found = parser.program()
            for x in found:
                _inside(x, block, meaning, scopes)
            out += _kept(found, s)
        except CError as e:
            if not trivial(s.text):
                s.refused = (e.at, e.what)
                out.append(s)
            k += 1
    return out


def _inside(s: Statement, block: Block, meaning: Meaning, scopes: list[dict[str, Value]]) -> None:
    for name in ("body", "orelse"):
        if getattr(s, name, None):
            setattr(s, name, _absorbed(getattr(s, name), block, meaning, [*scopes, {}]))
    if getattr(s, "branches", None):
        branches = [(test, _absorbed(b, block, meaning, [*scopes, {}])) for test, b in s.branches]  # type: ignore[attr-defined]
        s.branches = branches  # type: ignore[attr-defined]


def _joined(body: list[Statement], k: int, meaning: Meaning) -> tuple[list[CToken], int]:
    """Tokens of the VERBATIM at `k` and of all that follows up to its last closing brace; the next place."""
    out: list[CToken] = []
    level = 0
    choices: Choices = []
    first = body[k]
    while k < len(body):
        s = body[k]
        if isinstance(s, Verbatim):
            found = tokens(s.text, s.at + _WORD, meaning.macros, choices)
            level += sum(t.text == "{" for t in found if t.kind == "sign")
            level -= sum(t.text == "}" for t in found if t.kind == "sign")
            out += found
        elif all(used for used, _ in choices):
            out.append(CToken("nmodl", "", s.at, s))
        k += 1
        if level <= 0 and not choices:
            return expanded(out, meaning.calls), k
    raise CError(first.at, "a brace or an #if is opened and not closed")


def _kept(found: list[Statement], at: Verbatim) -> list[Statement]:
    """Without assignments of a variable to itself; the comment above stays."""
    out = [s for s in found if not (isinstance(s, Assign) and s.target == s.value)]
    if out:
        out[0].before = at.before
    return out


def _constants(program: Program, meaning: Meaning) -> None:
    """Macros of C that NMODL code uses are constants."""
    used = read_names([b.body for b in program.blocks])
    for name in sorted(set(meaning.macros) & used):
        if not meaning.known(name):
            program.constants[name] = Declared(name, meaning.macros[name])


# ---------------------------------------------------------------- C functions


def _functions(program: Program, meaning: Meaning) -> None:
    """C functions that are called become FUNCTIONs."""
    known = {b.name for b in program.blocks}
    work = list(program.blocks)
    while work:
        block = work.pop()
        for name in sorted(called(block.body) & set(meaning.functions) - known):
            known.add(name)
            made = _function(name, meaning)
            program.blocks.append(made)
            work.append(made)


def _function(name: str, meaning: Meaning) -> Block:
    text, at = meaning.functions[name]
    m = _FUNCTION.match(text)
    assert m is not None
    block = Block("FUNCTION", name, at=at)
    try:
        scope: dict[str, Value] = {}
        for argument in filter(None, (x.strip() for x in m.group(2).split(","))):
            a = _ARGUMENT.match(argument)
            if a is None:
                raise CError(at, f"the argument {argument!r} of {name}")
            block.args.append(a.group(1))
            scope[a.group(1)] = Value("whole" if "double" not in argument else "real", Name(a.group(1), at))
        found = tokens(text[m.end() - 1 :], at + m.end() - 1, meaning.macros)
        depth, last = 0, 0
        for t in found:
            depth += (t.text == "{") - (t.text == "}") if t.kind == "sign" else 0
            last += 1
            if depth == 0:
                break
        parser = CStatements(found[:last], meaning, block)
        parser.scopes = [scope]
        block.body = parser.program()
    except CError as e:
        block.body = [Verbatim(at, text=text, refused=(e.at, e.what))]
    block.units = [""] * len(block.args)
    return block


def called(x: object) -> set[str]:
    """Names called anywhere in a tree."""
    out: set[str] = set()

    def visit(x: object) -> None:
        if isinstance(x, Call):
            out.add(x.id)
        if isinstance(x, (list, tuple)):
            for y in x:
                visit(y)
        elif hasattr(x, "__dataclass_fields__"):
            for f in x.__dataclass_fields__:
                visit(getattr(x, f))

    visit(x)
    return out


# ---------------------------------------------------------------- refusal

_PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n\\]|\\\n)*", re.M)
_DECLARATION = re.compile(
    r"\b(?:extern|static)?\s*(?:unsigned\s+)?(?:double|int|long|char|void|FILE|Object|float)\b[\s*]*[\w\s,*\[\]]*(?:\([^(){}]*\))?\s*;"
)
_PRINT = re.compile(r'\b(?:printf|fprintf|Fprintf|fflush)\s*\((?:[^();"]|"[^"]*"|\([^()]*\))*\)\s*;')
_ADVICE = (
    (
        re.compile(r"scop_random|nrn_random_pick|nrnran123|Rand"),
        "declare RANDOM r in NEURON and draw with random_uniform(r) and its kin",
    ),
    (
        re.compile(r"vector_instance_px|vector_capacity|vector_arg|hoc_getarg|ifarg"),
        "for spike times use NEURON's VecStim, for values Vector.play",
    ),
    (
        re.compile(r"_p_\w+|sprintf|hoc_|fopen"),
        "set what it computes from Python, as a parameter of each instance",
    ),
)


def trivial(text: str) -> bool:
    """Whether C code only declares, includes or prints."""
    code = _PREPROCESSOR.sub(" ", without_comments(text))
    return not _DECLARATION.sub(" ", _PRINT.sub(" ", code)).strip(" \t\n;")


def refusal(s: Verbatim) -> str:
    """What to say about C code that a simulation needs."""
    lines = [x.strip() for x in without_comments(s.text).split("\n") if x.strip()]
    shown = lines[0][:60] if lines else ""
    advice = next(
        (a for p, a in _ADVICE if p.search(s.text)), "write it in NMODL: assignments, if, while and FUNCTIONs"
    )
    why = s.refused[1] if s.refused else shown
    return f"VERBATIM holds C code that cannot be read as NMODL ({why}); {advice}"
