"""A function in the making: its scopes, and what a finished helper takes and returns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from heliox.nmodl.ir import Step


@dataclass(slots=True)
class Table:
    argument: str
    outs: tuple[str, ...]
    lo: float
    hi: float
    n: int
    depends: tuple[str, ...]


@dataclass(slots=True)
class Signature:
    """A helper: explicit arguments, memory it reads (further parameters) and writes (returned), name
    of its value ("": none).
    """

    name: str
    args: list[str]
    body: list[Step]
    reads: list[str] = field(default_factory=list)
    outs: list[str] = field(default_factory=list)
    value: str = ""
    leading: list[str] = field(default_factory=list)  # returned first, by helpers the translator makes
    table: Table | None = None
    rest: list[str] = field(default_factory=list)  # memory a tabulated helper sets outside its TABLE list
    before: tuple[str, ...] = ()
    at: int = 0


class Frame:
    """Scopes of one function: NMODL's local names -> names in Python."""

    def __init__(self, avoid: Iterable[str] = (), hidden: Iterable[str] = ()) -> None:
        self.scopes: list[dict[str, str]] = [{}]
        self.avoid = set(avoid)
        self.hidden = set(hidden)  # variables of the mechanism: outside an inner scope they mean themselves
        self.arrays: dict[str, int] = {}
        self.loops: dict[str, str] = {}
        self.hoisted: list[Step] = []
        self.constants: dict[str, int] = {}  # counters of unrolled loops
        self.result = ("", "")  # FUNCTION name, its variable
        self.count = 0
        self.used: set[str] = set()

    def find(self, name: str) -> str | None:
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        return None

    def declare(self, name: str, size: int = 0) -> str:
        new = name
        outer = {x for scope in self.scopes[:-1] for x in scope.values()}
        inner = len(self.scopes) > 2
        while (
            new in self.avoid
            or (inner and new in self.hidden)
            or new in outer
            or (new in self.arrays and self.arrays[new] != size)
        ):
            new += "_"
        self.scopes[-1][name] = new
        self.used.add(new)
        if size:
            self.arrays[new] = size
        return new

    def fresh(self, base: str) -> str:
        """A new name that nothing else has."""
        name = base
        while name in self.avoid or name in self.used:
            self.count += 1
            name = f"{base}_{self.count}"
        self.used.add(name)
        return name
