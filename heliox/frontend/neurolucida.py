"""Neurolucida text files (V3): contours and trees in nested parentheses -> raw sections.

The grammar is the one NEURON's Import3d accepts; here branches are read with a stack of their own, so that
depth costs no recursion.
"""

from __future__ import annotations

import math

from heliox.frontend.import3d import APICAL, AXON, DENDRITE, SOMA, Raw
from heliox.frontend.neurolucida_soma import attach
from heliox.frontend.neurolucida_tokens import END, Tokens
from heliox.frontend.reading import equal, error, shown

MAX_BRANCHING = 10_000  # splits within splits
_MAX_SETS = 50  # sets within sets
_SOMA_NAMES = (b"CellBody", b"Cell Body", b"Soma")
_TYPES = {b"Axon": AXON, b"Dendrite": DENDRITE, b"Apical": APICAL}


class Parser:
    """Recursive descent over the objects of a file; contours of somas and branches become raw sections."""

    def __init__(self, data: bytes, path: str, notes: list[str]) -> None:
        self.tokens = Tokens(data, path)
        self.path, self.notes = path, notes
        self.points: list[tuple[float, float, float, float]] = []
        self.lines: list[int] = []
        self.properties: list[bytes] = []
        self.sections: list[Raw] = []
        self.sets = 0
        self.trying = False

    def file(self) -> None:
        self.objects()
        if self.tokens.kind != END:
            self.tokens.fail("'(' or the end of the file expected")

    def objects(self) -> None:
        self.object()
        while True:
            self.tokens.skip_comma()
            if self.tokens.kind != "(":
                return
            self.object()

    def object(self) -> None:
        tokens = self.tokens
        if tokens.kind != "(":
            tokens.fail("'(' expected")
        match tokens.next_kind:
            case "string":
                self.contour()
            case "label":
                self.marker_or_property()
            case "(":
                self.tree_or_text()
            case "set":
                self.set()
            case _:
                tokens.advance()
                tokens.fail("a name in quotes, a word or '(' expected after '('")

    def tree_or_text(self) -> None:
        """Both begin alike, so a text label is tried first and a tree read from the start again.

        Neither may hold another one in its properties: reading twice would double with every level.
        """
        tokens = self.tokens
        if self.trying:
            tokens.fail("a tree or text inside the properties of another cannot be read: ')' expected")
        start, points = tokens.at, len(self.points)
        self.trying = True
        found = self.is_text()
        self.trying = False
        if not found:
            tokens.at = start
            del self.points[points:], self.lines[points:]
            self.tree()

    def marker_or_property(self) -> None:
        tokens = self.tokens
        if tokens.kinds[tokens.at + 2] != "(":
            self.property()
            return
        tokens.take("(")
        tokens.take("label")
        self.read_properties()
        self.read_points()
        tokens.take(")")

    def read_properties(self) -> None:
        self.properties.clear()
        tokens = self.tokens
        while tokens.kind == "(" and tokens.next_kind in ("label", "set"):
            if tokens.next_kind == "label":
                self.property()
            else:
                self.set()
            tokens.skip_comma()

    def property(self) -> None:
        tokens = self.tokens
        tokens.take("(")
        self.properties.append(tokens.take("label"))
        while tokens.kind in ("number", "string", "label", "rgb"):
            if tokens.kind == "rgb":
                self.colour()
            else:
                tokens.advance()
        tokens.take(")")

    def colour(self) -> None:
        tokens = self.tokens
        tokens.advance()
        tokens.take("(")
        for i in range(3):
            tokens.take("number")
            if i < 2:
                tokens.skip_comma()
        tokens.take(")")

    def set(self) -> None:
        tokens = self.tokens
        tokens.take("(")
        tokens.take("set")
        tokens.take("string")
        if tokens.kind != ")":
            self.sets += 1
            if self.sets > _MAX_SETS:
                tokens.fail(f"more than {_MAX_SETS} sets within sets are not read: ')' expected")
            self.objects()
            self.sets -= 1
        tokens.take(")")

    def contour(self) -> None:
        tokens = self.tokens
        begin = len(self.points)
        tokens.take("(")
        line = tokens.line
        name = tokens.take("string")
        self.read_properties()
        self.read_points()
        tokens.take(")")
        if name not in _SOMA_NAMES:
            return
        if len(self.points) - begin > 2:
            self.sections.append(Raw(SOMA, self.points[begin:], line, is_contour=True))
        else:
            self.notes.append(f"line {line}: a soma contour of fewer than three points was left out")

    def read_points(self) -> None:
        self.point()
        while True:
            self.tokens.skip_comma()
            if self.tokens.kind != "(":
                return
            self.point()

    def is_text(self) -> bool:
        """Read a text label; False if it proves to be a tree, which begins in the same way."""
        tokens = self.tokens
        tokens.take("(")
        self.read_properties()
        self.point()
        if tokens.kind != "string":
            return False
        tokens.advance()
        if tokens.kind != ")":
            return False
        tokens.advance()
        return True

    def point(self) -> None:
        """``(x y z diam name (curve))``, all but x and y optional."""
        tokens = self.tokens
        line = tokens.line
        tokens.take("(")
        values = [self.number()]
        tokens.skip_comma()
        values.append(self.number())
        tokens.skip_comma()
        if tokens.kind == "number":
            values.append(self.number())
            tokens.skip_comma()
            if tokens.kind == "number":
                values.append(self.number())
                self.point_end()
        tokens.take(")")
        x, y, z, diam = values + [0.0] * (4 - len(values))
        self.points.append((x, y, z, diam))
        self.lines.append(line)

    def point_end(self) -> None:
        """What may follow a diameter: the name of a section of the image, a curve's control point."""
        tokens = self.tokens
        tokens.skip_comma()
        if tokens.kind == "label":
            tokens.advance()
        tokens.skip_comma()
        if tokens.kind == "(":
            tokens.advance()
            for i in range(4):
                tokens.take("number")
                if i < 3:
                    tokens.skip_comma()
            tokens.take(")")

    def number(self) -> float:
        tokens = self.tokens
        line = tokens.line
        text = tokens.take("number")
        value = float(text)
        if not math.isfinite(value):
            raise error(self.path, line, f"{shown(text)} is not a finite number")
        return value

    def tree(self) -> None:
        tokens = self.tokens
        tokens.take("(")
        self.read_properties()
        kind = _TYPES.get(self.properties[-1], 0) if self.properties else 0
        self.branches(kind)
        tokens.take(")")

    def branches(self, kind: int) -> None:
        """A branch and all that grows out of it; `waiting` holds the parents of the splits that are open."""
        tokens = self.tokens
        parent: Raw | None = None
        waiting: list[Raw | None] = []
        while True:
            section = self.branch(kind, parent)
            if self.split_opens():
                if len(waiting) == MAX_BRANCHING:
                    tokens.fail(f"more than {MAX_BRANCHING} splits within splits are not read: ')' expected")
                waiting.append(parent)
                parent = section
                continue
            while waiting and tokens.kind != "|":
                tokens.take(")")
                parent = waiting.pop()
            if not waiting:
                return
            tokens.take("|")

    def branch(self, kind: int, parent: Raw | None) -> Raw:
        begin, line = len(self.points), self.tokens.line
        self.tree_points()
        own = self.points[begin:]
        if not own:
            raise error(self.path, line, "a branch without points begins here")
        for point, where in zip(own, self.lines[begin:]):
            if not point[3] > 0.0:
                raise error(self.path, where, f"the diameter is {point[3]:g} um; it must be positive")
        if parent is not None:
            last = parent.points[-1]
            if not all(equal(a, b) for a, b in zip(last[:3], own[0][:3])):
                own.insert(0, (*last[:3], own[0][3]))
        section = Raw(kind, own, self.lines[begin], parent=parent)
        self.sections.append(section)
        return section

    def tree_points(self) -> None:
        tokens = self.tokens
        self.tree_point()
        while True:
            tokens.skip_comma()
            if tokens.kind != "(" or tokens.next_kind != "number":
                return
            self.tree_point()

    def tree_point(self) -> None:
        tokens = self.tokens
        if tokens.next_kind == "label":
            self.marker_or_property()
            return
        self.point()
        while tokens.kind == "<":
            self.spine()

    def spine(self) -> None:
        """A spine has no part in the section."""
        tokens = self.tokens
        tokens.take("<")
        self.read_properties()
        self.point()
        del self.points[-1], self.lines[-1]
        tokens.take(">")

    def split_opens(self) -> bool:
        """Go past the end of a branch; True if it splits there."""
        tokens = self.tokens
        tokens.skip_comma()
        if tokens.kind == "(":
            while tokens.next_kind == "label":
                self.skip_markers()
        tokens.skip_comma()
        if tokens.kind == "(":
            tokens.advance()
            return True
        if tokens.kind == "label":
            tokens.advance()
        return False

    def skip_markers(self) -> None:
        tokens = self.tokens
        tokens.take("(")
        depth = 1
        while depth:
            if tokens.kind in (END, "other"):
                tokens.fail("')' expected")
            depth += {"(": 1, ")": -1}.get(tokens.kind, 0)
            tokens.advance()


def read(data: bytes, path: str, notes: list[str]) -> list[Raw]:
    """Raw sections of a Neurolucida text: somas first, then branches, as in the file.

    Raises
    ------
    ModelError
        With ``path`` and ``line``.
    """
    parser = Parser(data, path, notes)
    parser.file()
    if not parser.sections:
        raise error(path, None, "the file holds no soma contour and no tree")
    return attach(parser.sections, path, notes)
