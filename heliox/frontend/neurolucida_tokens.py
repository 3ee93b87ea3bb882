"""The tokens of a Neurolucida text."""

from __future__ import annotations

import bisect
import re

from heliox.frontend.reading import NUMBER, error, shown

_TOKEN = re.compile(
    rb"(?:[ \t\n\v\f]+|;[^\n]*)*(?:(?P<number>" + NUMBER + rb")|(?P<sign>[(),|<>])"
    rb'|"(?P<string>[^"\n]*)"|(?P<label>[A-Za-z0-9_]+)|(?P<other>[^\n]))?'
)
_SETS = (b"set", b"Set", b"SET")
_NOT_FINITE = (b"nan", b"inf", b"infinity")  # numbers for C, and so for NEURON
END = "the end of the file"


class Tokens:
    """The tokens of a text with two tokens of look-ahead.

    The kind of a token is ``number``, ``string``, ``label``, ``set``, ``rgb``, ``other``, one of the signs
    ``( ) , | < >``, or the end.
    """

    def __init__(self, data: bytes, path: str) -> None:
        self.data, self.path = data, path
        self.kinds: list[str] = []
        self.texts: list[bytes] = []
        self.places: list[int] = []
        for match in _TOKEN.finditer(data):
            kind = match.lastgroup
            if kind is None:
                continue
            text = match[kind]
            if kind == "sign":
                kind = text.decode()
            elif kind == "label":
                kind = _kind_of_word(text)
            self.kinds.append(kind)
            self.texts.append(text)
            self.places.append(match.start(match.lastgroup or 0))
        self.kinds += [END] * 3
        self.texts += [b""] * 3
        self.places += [len(data.rstrip())] * 3
        self.ends = [i.start() for i in re.finditer(rb"\n", data)]
        self.at = 0

    @property
    def kind(self) -> str:
        return self.kinds[self.at]

    @property
    def next_kind(self) -> str:
        return self.kinds[self.at + 1]

    @property
    def line(self) -> int:
        """Line of the current token."""
        return bisect.bisect_left(self.ends, self.places[self.at]) + 1

    def advance(self) -> None:
        if self.at < len(self.kinds) - 3:
            self.at += 1

    def take(self, kind: str) -> bytes:
        """The current token's text if it is of that kind, and on to the next; else an error."""
        if self.kind != kind:
            self.fail(f"{_named(kind)} expected")
        text = self.texts[self.at]
        self.advance()
        return text

    def skip_comma(self) -> None:
        if self.kind == ",":
            self.advance()

    def fail(self, words: str) -> None:
        found = _named(self.kind)
        if self.kind in ("number", "label", "set", "rgb", "string", "other"):
            found = shown(self.texts[self.at])
        raise error(self.path, self.line, f"{words}, found {found}")


def _kind_of_word(text: bytes) -> str:
    if text in _SETS:
        return "set"
    if text == b"RGB":
        return "rgb"
    return "number" if text.lower() in _NOT_FINITE else "label"


def _named(kind: str) -> str:
    return f"'{kind}'" if len(kind) == 1 else kind
