"""What of a NEURON session cannot be frozen: found all at once, said with the place and the way out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from heliox.errors import UnsupportedError


@dataclass(frozen=True)
class Problem:
    """One thing that HelioX cannot take over.

    Parameters
    ----------
    kind : str
        A short name of the sort of problem, for programs.
    text : str
        What is wrong.
    mend : str
        What to do about it.
    section, mechanism : str
        The place, as far as it has one.
    """

    kind: str
    text: str
    mend: str
    section: str = ""
    mechanism: str = ""

    def __str__(self) -> str:
        place = ", ".join(x for x in (self.mechanism, self.section) if x)
        return f"{self.kind}{f' ({place})' if place else ''}: {self.text}; {self.mend}"


@dataclass
class Report:
    """All problems of a session; true if there is none."""

    problems: list[Problem] = field(default_factory=list)

    def add(self, kind: str, text: str, mend: str, section: str = "", mechanism: str = "") -> None:
        """Note a problem; the same one is noted once."""
        problem = Problem(kind, text, mend, section, mechanism)
        if problem not in self.problems:
            self.problems.append(problem)

    def __bool__(self) -> bool:
        return not self.problems

    def __len__(self) -> int:
        return len(self.problems)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.problems)

    def __str__(self) -> str:
        if not self.problems:
            return "HelioX can freeze this NEURON session."
        n = len(self.problems)
        head = f"HelioX cannot freeze this NEURON session, for {n} reason{'s' if n > 1 else ''}:"
        return "\n".join([head, *(f"  {k}. {p}" for k, p in enumerate(self.problems, 1))])

    __repr__ = __str__

    def check(self) -> None:
        """Raise UnsupportedError (field ``problems``) that lists everything, if there is anything."""
        if self.problems:
            raise UnsupportedError(str(self), problems=tuple(self.problems))
