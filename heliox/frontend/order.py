"""The order in which NEURON runs mechanisms, from what it registered."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

EXTRACELLULAR = "extracellular"
_COMMENT = re.compile(r"(?ms)^[ \t]*COMMENT\b.*?^[ \t]*ENDCOMMENT\b|[:?][^\n]*")
_USEION = re.compile(
    r"\bUSEION\s+(\w+)((?:\s+(?:READ|WRITE)\s+\w+(?:\s*,\s*\w+)*|\s+VALENCE\s+\S+|\s+REPRESENTS\s+\S+)*)"
)
_ELSEWHERE = {"v", "t", "dt", "celsius", "area", "diam"}
_POINTER = re.compile(r"\b(?:BBCORE)?POINTER\s+(\w+(?:\s*,\s*\w+)*)")
_GLOBAL = re.compile(r"\bGLOBAL\s+(\w+(?:\s*,\s*\w+)*)")
_WRITE = re.compile(r"\bWRITE\s+(\w+(?:\s*,\s*\w+)*)")


@dataclass(frozen=True)
class Registered:
    """A mechanism as NEURON knows it: its number in order of registration, its name and what it is."""

    number: int
    name: str
    point: bool = False
    artificial: bool = False
    ion: bool = False
    writes_concentration: bool = False
    receives: bool = False
    emits: bool = False
    kept: tuple[str, ...] = ()
    pointers: tuple[str, ...] = ()


def writes_concentration(text: str) -> bool:
    """Whether a mod file writes a concentration (``USEION ca ... WRITE cai``)."""
    for ion, clauses in _USEION.findall(_COMMENT.sub(" ", text)):
        for names in _WRITE.findall(clauses):
            if {f"{ion}i", f"{ion}o"} & {n.strip() for n in names.split(",")}:
                return True
    return False


def kept_names(text: str) -> tuple[str, ...]:
    """Names an instance keeps, in the order in which a mod file declares them; empty if it includes others.

    These are ion variables of PARAMETER, states, each before its slope ``D<state>``, and ASSIGNED variables,
    without those NEURON keeps elsewhere.
    """
    code = _COMMENT.sub(" ", text)
    if re.search(r"\bINCLUDE\b", code):
        return ()
    elsewhere = {*_ELSEWHERE, *pointer_names(text), *_listed(_GLOBAL, code)}
    ions = {n for _, clauses in _USEION.findall(code) for n in re.findall(r"\w+", clauses)}
    plain = re.sub(r"\([^)]*\)|<[^>]*>|\bFROM\s+\S+\s+TO\s+\S+|\bSTART\s+\S+", " ", code)
    out = []
    for block, body in re.findall(r"\b(PARAMETER|STATE|ASSIGNED)\s*\{([^}]*)\}", plain):
        for name in re.findall(r"[A-Za-z_]\w*(?:\s*\[\s*\w+\s*\])?", body):
            if name not in elsewhere and (block != "PARAMETER" or name in ions):
                out += [name, f"D{name}"] if block == "STATE" else [name]
    return tuple(re.sub(r"\s", "", n) for n in out)


def pointer_names(text: str) -> tuple[str, ...]:
    """POINTER and BBCOREPOINTER variables of a mod file, in order."""
    return _listed(_POINTER, _COMMENT.sub(" ", text))


def _listed(statement: re.Pattern, code: str) -> tuple[str, ...]:
    return tuple(n.strip() for some in statement.findall(code) for n in some.split(","))


def execution_order(registered: Iterable[Registered]) -> list[Registered]:
    """Mechanisms in order of execution.

    Registration order, but an ion moves up to directly behind extracellular and the ions before it, and a
    mechanism that writes a concentration to directly behind the ions there are when it registers, in front of
    earlier writers.
    """
    out: list[Registered] = []
    behind_ions = None
    for m in sorted(registered, key=lambda m: m.number):
        if behind_ions is not None and (m.ion or m.writes_concentration):
            out.insert(behind_ions, m)
            behind_ions += m.ion
        else:
            out.append(m)
        if m.name == EXTRACELLULAR:
            behind_ions = len(out)
    return out


def promoted_style(style: int, concentration: int, reversal: int) -> int:
    """The style word of an ion pool after a mechanism with these roles has joined.

    Roles: 0 none, 1 read, 2 computed, 3 written.
    """
    c = max(style & 3, concentration)
    e = max(style >> 3 & 3, reversal)
    if c > 0 and e < 2:
        e = 2
    style = (style & ~0x7F) + c + 8 * e
    if c == 3:
        style += 4 + (64 if e == 2 else 0)
    if c > 0 and e == 2:
        style += 32
    return style
