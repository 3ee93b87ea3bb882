"""Words of NMODL: names, derivatives, numbers, strings, signs; comments are kept aside."""

from __future__ import annotations

import re
from dataclasses import dataclass

from heliox.nmodl.source import Source

_TOKEN = re.compile(
    r"""
    (?P<prime>[A-Za-z][A-Za-z0-9_]*'+)
  | (?P<name>[A-Za-z][A-Za-z0-9_]*)
  | (?P<real>\d+\.\d*(?:[Ee][-+]?\d+)?|\.\d+(?:[Ee][-+]?\d+)?|\d+[Ee][-+]?\d+)
  | (?P<integer>\d+)
  | (?P<string>"[^"]*")
  | (?P<sign><->|<<|->|<=|>=|==|!=|&&|\|\||~\+|[-+*/^=<>!(){}\[\],~@%])
    """,
    re.X,
)
_SPACE = re.compile(r"[ \t\n\f\v]+")
_RAW = {"VERBATIM": "ENDVERBATIM", "COMMENT": "ENDCOMMENT"}


@dataclass(frozen=True, slots=True)
class Token:
    """A word: kind (``name prime integer real string sign raw title end``), its text, start and end in
    the text.
    """

    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Comment:
    """Text after ``:`` or ``?``, or between COMMENT and ENDCOMMENT."""

    text: str
    start: int


class Lexer:
    """Gives one token after another; where a unit is expected the parser takes raw text instead.

    That is why tokens are made on demand: ``(/ms)`` and ``(S/cm2)`` are no expressions.
    """

    def __init__(self, source: Source) -> None:
        self.source, self.at = source, 0
        self.comments: list[Comment] = []
        self.first_seen: dict[str, int] = {}

    def _skip(self) -> None:
        text = self.source.text
        while True:
            m = _SPACE.match(text, self.at)
            if m:
                self.at = m.end()
            if self.at < len(text) and text[self.at] in ":?":
                end = text.find("\n", self.at)
                end = len(text) if end < 0 else end
                self.comments.append(Comment(text[self.at + 1 : end].strip(" \t:?"), self.at))
                self.at = end
            elif m is None:
                return

    def next(self) -> Token:
        """The next token, kind ``end`` at the end of the text."""
        while True:
            self._skip()
            start = self.at
            if start >= len(self.source.text):
                return Token("end", "the end of the file", start, start)
            m = _TOKEN.match(self.source.text, start)
            if m is None:
                raise self.source.fail(start, f"{self.source.text[start]!r} has no meaning in NMODL")
            self.at = m.end()
            kind, word = str(m.lastgroup), m.group()
            if kind == "name" and word in _RAW:
                body = self._raw(_RAW[word], start)
                if word == "COMMENT":
                    self.comments.append(Comment(body.strip(), start))
                    continue
                return Token("raw", body, start, self.at)
            if kind == "name" and word == "TITLE":
                return Token("title", self._line(), start, self.at)
            if kind in ("name", "prime"):
                self.first_seen.setdefault(word.rstrip("'"), start)
            return Token(kind, word, start, self.at)

    def _raw(self, closing: str, start: int) -> str:
        end = re.compile(rf"\b{closing}\b").search(self.source.text, self.at)
        if end is None:
            raise self.source.fail(start, f"there is no {closing}")
        body = self.source.text[self.at : end.start()]
        self.at = end.end()
        return body

    def _line(self) -> str:
        end = self.source.text.find("\n", self.at)
        end = len(self.source.text) if end < 0 else end
        text = self.source.text[self.at : end].strip()
        self.at = end
        return text

    def until(self, closing: str, after: int) -> str:
        """Raw text from `after` to `closing` on the same line, which is consumed."""
        end = self.source.text.find(closing, after)
        line = self.source.text.find("\n", after)
        if end < 0 or 0 <= line < end:
            raise self.source.fail(after, f"{closing!r} is missing on this line")
        self.at = end + len(closing)
        return self.source.text[after:end].strip()
