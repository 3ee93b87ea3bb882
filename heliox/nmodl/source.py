"""The text of a mod file: line endings, INCLUDE, and where a character stands.

Everything that can be wrong with a mod file ends in `Source.fail`, which makes a `MechanismError` with file,
line, column and the offending line.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence
from pathlib import Path

from heliox.errors import MechanismError

LARGEST = 1_000_000  # characters, INCLUDEs expanded: the largest known model file has 60 000
DEEPEST = 8  # INCLUDE inside INCLUDE

_INCLUDE = re.compile(r'^([ \t]*)INCLUDE[ \t]*"([^"\n]*)"', re.M)
_BINARY = re.compile(r"[\x00-\x08\x0e-\x1f]")


class Source:
    """Text with ``\\n`` line ends and INCLUDEs in place.

    Parameters
    ----------
    text : str
    file : str
        Name used in messages.
    folders : sequence of path
        Where INCLUDE looks for files; a name that leads out of its folder is refused.
    """

    def __init__(self, text: str, file: str, folders: Sequence[str | Path] = ()) -> None:
        self.file = file
        self._lines: list[tuple[str, int]] = []  # line -> file, line there
        self.text = self._expand(_clean(text, file), file, [Path(f) for f in folders], 0)
        self._starts = [0] + [m.end() for m in re.finditer("\n", self.text)]

    def _expand(self, text: str, file: str, folders: list[Path], depth: int) -> str:
        out: list[str] = []
        raw: str | None = None  # inside VERBATIM or COMMENT an INCLUDE is plain text
        for number, line in enumerate(text.split("\n"), 1):
            word = line.split(None, 1)[0] if line.strip() else ""
            if raw is None and word in ("VERBATIM", "COMMENT"):
                raw = "END" + word
            elif raw is not None and word == raw:
                raw = None
            m = _INCLUDE.match(line) if raw is None else None
            if m is None:
                out.append(line)
                self._lines.append((file, number))
                continue
            out.append(self._included(m.group(2), file, number, folders, depth))
            rest = line[m.end() :]
            if rest.strip():
                out.append(rest)
                self._lines.append((file, number))
            if sum(map(len, out)) > LARGEST:
                raise MechanismError(
                    f"{file}:{number}: with its INCLUDEs longer than {LARGEST} characters",
                    file=file,
                    line=number,
                )
        return "\n".join(out)

    def _included(self, name: str, file: str, number: int, folders: list[Path], depth: int) -> str:
        if depth >= DEEPEST:
            raise MechanismError(
                f"{file}:{number}: INCLUDE deeper than {DEEPEST} files; does {name!r} include itself?",
                file=file,
                line=number,
            )
        for folder in folders:
            path = (folder / name).resolve()
            if path.is_relative_to(folder.resolve()) and path.is_file():
                inner = _clean(path.read_text(encoding="utf-8", errors="replace"), name)
                return self._expand(inner, name, folders, depth + 1)
        raise MechanismError(
            f'{file}:{number}: INCLUDE "{name}": no such file in {[str(f) for f in folders]}; give its '
            "folder, or the text with the file in place",
            file=file, line=number, column=1, text=f'INCLUDE "{name}"',
        )  # fmt: skip

    def place(self, offset: int) -> tuple[str, int, int]:
        """File, line and column (from 1) of a character."""
        k = bisect.bisect_right(self._starts, min(offset, len(self.text))) - 1
        file, line = self._lines[min(k, len(self._lines) - 1)]
        return file, line, offset - self._starts[k] + 1

    def line_number(self, offset: int) -> int:
        """Line in the expanded text, from 0: tells which things share a line."""
        return bisect.bisect_right(self._starts, offset) - 1

    def line_text(self, offset: int) -> str:
        k = self.line_number(min(offset, len(self.text)))
        end = self._starts[k + 1] - 1 if k + 1 < len(self._starts) else len(self.text)
        return self.text[self._starts[k] : end]

    def fail(self, offset: int, what: str, **fields: object) -> MechanismError:
        """An error that points at a character."""
        file, line, column = self.place(offset)
        text = self.line_text(offset).strip()
        shown = text if len(text) <= 100 else text[:97] + "..."
        return MechanismError(
            f"{file}:{line}:{column}: {what}\n    {shown}",
            file=file,
            line=line,
            column=column,
            text=text[:1000],
            **fields,
        )


def _clean(text: str, file: str) -> str:
    if len(text) > LARGEST:
        raise MechanismError(
            f"{file}: longer than {LARGEST} characters; this is not a mod file", file=file, line=1
        )
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    m = _BINARY.search(text)
    if m is not None:
        line = text.count("\n", 0, m.start()) + 1
        raise MechanismError(
            f"{file}:{line}: character {m.group()!r}: this is binary data, not the text of a mod file",
            file=file, line=line,
            column=1, text="",
        )  # fmt: skip
    return text
