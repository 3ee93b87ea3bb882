"""What a path like ``soma[0](0.5).hh.gnabar`` or a pattern like ``dend*`` says, before any model is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from heliox.errors import ModelError

_NAME = r"[A-Za-z_]\w*"
_VARIABLE = rf"(?:(?P<mechanism>{_NAME})\.)?(?P<variable>{_NAME})(?:\[(?P<element>\d+)\])?"
# greedy: the representation of a Python cell may itself hold parentheses and dots
_SEGMENT = re.compile(rf"(?P<section>.+)\((?P<x>[^()]*)\)\.{_VARIABLE}")
_OBJECT = re.compile(rf"(?P<name>{_NAME})\[(?P<number>\d+)\]\.(?P<variable>{_NAME})(?:\[(?P<element>\d+)\])?")
_WHOLE = re.compile(_VARIABLE)
_PLACE = re.compile(r"(?P<section>.+)\((?P<x>[^()]*)\)")
_NUMBERED = re.compile(
    rf"(?P<name>{_NAME})(?:\[(?:(?P<number>\d+)|(?P<first>\d*):(?P<stop>\d*)|(?P<all>\*))\])?"
)

CONNECTION = "NetCon"  # the object type of connections
FORMS = (
    "legal are e.g. 'soma[0](0.5).v', 'soma[0](0.5).hh.gnabar', 'soma[0](0.5).ena', 'IClamp[0].amp', "
    "'NetCon[3].weight[0]', 'hh.gnabar', 'celsius'."
)


@dataclass(frozen=True)
class Reference:
    """A variable path taken apart.

    Either ``x`` is a number (a variable at a place in ``section``), or ``number`` is one (a variable of the
    object ``mechanism[number]``), or both are None (a variable as a whole).

    Attributes
    ----------
    variable : str
        Name of the variable, as written.
    mechanism : str
        Mechanism or object type; ``""`` where none is named.
    section : str
        Section name, as written; ``""`` if the path names no place.
    x : float or None
        Place in the section, 0 to 1.
    number : int or None
        The k of ``IClamp[k]``.
    element : int or None
        Index into an array variable.
    """

    variable: str
    mechanism: str = ""
    section: str = ""
    x: float | None = None
    number: int | None = None
    element: int | None = None


def parse(path: str) -> Reference:
    """Take a variable path apart.

    Raises
    ------
    ModelError
        If it has none of the legal forms, or x is not a number from 0 to 1.
    """
    if not isinstance(path, str):
        raise ModelError(f"a path is text, not {type(path).__name__}; {FORMS}", path=path)
    text = path.strip()
    if m := _SEGMENT.fullmatch(text):
        x = place_x(m["x"], path)
        return Reference(m["variable"], m["mechanism"] or "", m["section"], x, None, _int(m["element"]))
    if m := _OBJECT.fullmatch(text):
        return Reference(m["variable"], m["name"], "", None, int(m["number"]), _int(m["element"]))
    if m := _WHOLE.fullmatch(text):
        return Reference(m["variable"], m["mechanism"] or "", element=_int(m["element"]))
    raise ModelError(f"{path!r} is not the path of a variable; {FORMS}", path=path)


def parse_place(place: str) -> tuple[str, float]:
    """Section name and x of ``"soma[0](0.5)"``.

    Raises
    ------
    ModelError
        If it has another form, or x is not a number from 0 to 1.
    """
    m = _PLACE.fullmatch(place.strip()) if isinstance(place, str) else None
    if m is None:
        raise ModelError(f"{place!r} is not a place; write a section and x, e.g. 'soma[0](0.5)'.", path=place)
    return m["section"], place_x(m["x"], place)


def place_x(text: str, path: str) -> float:
    """`text` as a number from 0 to 1; `path` is what the error message names."""
    try:
        x = float(text)
    except ValueError:
        x = -1.0
    if not 0.0 <= x <= 1.0:  # also refuses NaN
        raise ModelError(f"{path!r}: x must be a number from 0 to 1, not {text!r}.", path=path, x=text)
    return x


def split_pattern(pattern: str) -> tuple[str, float | None]:
    """``"dend[3](0.5)"`` -> (``"dend[3]"``, 0.5), ``"dend*"`` -> (``"dend*"``, None)."""
    m = _PLACE.fullmatch(pattern)
    if m is None:
        return pattern, None
    return m["section"], place_x(m["x"], pattern)


def parse_numbers(pattern: str) -> tuple[str, int, int | None] | None:
    """``"ExpSyn[2]"`` -> (``"ExpSyn"``, 2, 3), ``"ExpSyn[1:]"`` -> (``"ExpSyn"``, 1, None).

    ``"ExpSyn"`` and ``"ExpSyn[*]"`` are all of them. None for text of another form.
    """
    m = _NUMBERED.fullmatch(pattern)
    if m is None:
        return None
    if m["number"] is not None:
        return m["name"], int(m["number"]), int(m["number"]) + 1
    return m["name"], int(m["first"] or 0), int(m["stop"]) if m["stop"] else None


@lru_cache(64)
def section_regex(pattern: str) -> re.Pattern[str]:
    """The regular expression of a section pattern.

    ``*`` and ``?`` are the only wildcards: brackets are part of NEURON's names. A pattern is compared with
    the whole name and with everything behind a dot of it; its last index may be missing. Without a dot
    its wildcards stay within the last part, so that ``s*`` does not take all of a cell ``stellate[0]``.
    """
    many, one = (".*", ".") if "." in pattern else ("[^.]*", "[^.]")
    body = "".join(many if c == "*" else one if c == "?" else re.escape(c) for c in pattern)
    return re.compile(rf"(?:.*\.)?{body}(?:\[\d+\])?", re.DOTALL)


def without_index(name: str) -> str:
    """``"apic[3]"`` -> ``"apic"``."""
    return name[: name.rindex("[")] if name.endswith("]") and "[" in name else name


def region(section: str) -> str:
    """Last part of a section's name without its index: ``"L5PC[0].apic[3]"`` -> ``"apic"``."""
    return without_index(section.rpartition(".")[2])


def suffixes(section: str) -> set[str]:
    """All names under which a section may be asked for, if no other section has them."""
    tails, rest = [section], section
    while "." in rest:
        rest = rest.partition(".")[2]
        tails.append(rest)
    return {name for tail in tails for name in (tail, without_index(tail)) if name}


def _int(text: str | None) -> int | None:
    return None if text is None else int(text)
