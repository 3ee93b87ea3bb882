"""Syntax tree of a mod file. `at` is the place in the text, for messages."""

from __future__ import annotations

from dataclasses import dataclass, field

# ---------------------------------------------------------------- expressions


@dataclass(frozen=True, slots=True)
class Num:
    """A number as written (``5`` is 5.0)."""

    text: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Name:
    id: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Index:
    """An element of an array."""

    id: str
    index: Expr
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    id: str
    args: tuple[Expr, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Unary:
    """``-`` or ``!``."""

    op: str
    x: Expr
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Binary:
    op: str
    a: Expr
    b: Expr
    at: int = field(default=0, compare=False)
    closed: bool = field(default=False, compare=False)  # in parentheses of its own


@dataclass(frozen=True, slots=True)
class Text:
    """A string argument."""

    text: str
    at: int = field(default=0, compare=False)


Expr = Num | Name | Index | Call | Unary | Binary | Text

# ---------------------------------------------------------------- statements


@dataclass(slots=True)
class Statement:
    """``before``: comment lines above, ``note``: comment on the same line."""

    at: int = field(default=0, compare=False)
    before: tuple[str, ...] = ()
    note: str = ""


@dataclass(slots=True)
class Assign(Statement):
    """``target = value``; ``primes`` > 0 for a derivative."""

    target: Name | Index = field(default_factory=lambda: Name(""))
    value: Expr = field(default_factory=lambda: Num("0"))
    primes: int = 0


@dataclass(slots=True)
class Do(Statement):
    """A call as a statement."""

    call: Call = field(default_factory=lambda: Call("", ()))


@dataclass(slots=True)
class If(Statement):
    branches: list[tuple[Expr, list[Statement]]] = field(default_factory=list)
    orelse: list[Statement] = field(default_factory=list)


@dataclass(slots=True)
class For(Statement):
    var: str = ""
    first: Expr = field(default_factory=lambda: Num("0"))
    last: Expr = field(default_factory=lambda: Num("0"))
    step: Expr | None = None
    body: list[Statement] = field(default_factory=list)
    down: bool = False  # C code counting down by one


@dataclass(slots=True)
class While(Statement):
    test: Expr = field(default_factory=lambda: Num("0"))
    body: list[Statement] = field(default_factory=list)


@dataclass(slots=True)
class Group(Statement):
    """``{ ... }``"""

    body: list[Statement] = field(default_factory=list)


@dataclass(slots=True)
class Local(Statement):
    """Names with sizes (0: scalar)."""

    names: list[tuple[str, int]] = field(default_factory=list)


@dataclass(slots=True)
class Return(Statement):
    """``return value;`` of C code."""

    value: Expr | None = None


@dataclass(slots=True)
class Break(Statement):
    """``break;`` of C code."""


@dataclass(slots=True)
class Verbatim(Statement):
    """C code; ``refused`` says where and why it could not be read."""

    text: str = ""
    refused: tuple[int, str] | None = None


@dataclass(slots=True)
class Solve(Statement):
    block: str = ""
    method: str = ""
    steady: bool = False


@dataclass(slots=True)
class Tabulate(Statement):
    """TABLE names DEPEND depend FROM first TO last WITH n."""

    names: list[str] = field(default_factory=list)
    depend: list[str] = field(default_factory=list)
    first: Expr = field(default_factory=lambda: Num("0"))
    last: Expr = field(default_factory=lambda: Num("0"))
    n: int = 0


@dataclass(slots=True)
class Conductance(Statement):
    name: str = ""
    ion: str = ""


@dataclass(slots=True)
class Reaction(Statement):
    """``~ left <-> right (forward, backward)``; kind ``<->``, ``->`` or ``<<``. A side is [(count,
    species)].
    """

    left: list[tuple[int, Name | Index]] = field(default_factory=list)
    right: list[tuple[int, Name | Index]] = field(default_factory=list)
    kind: str = "<->"
    forward: Expr = field(default_factory=lambda: Num("0"))
    backward: Expr = field(default_factory=lambda: Num("0"))


@dataclass(slots=True)
class Conserve(Statement):
    species: list[tuple[int, Name | Index]] = field(default_factory=list)
    total: Expr = field(default_factory=lambda: Num("0"))


@dataclass(slots=True)
class Compartment(Statement):
    """COMPARTMENT (or, with ``longitudinal``, LONGITUDINAL_DIFFUSION) [var,] value {names}."""

    var: str = ""
    value: Expr = field(default_factory=lambda: Num("0"))
    names: list[str] = field(default_factory=list)
    longitudinal: bool = False


@dataclass(slots=True)
class Equation(Statement):
    """``~ left = right`` of LINEAR and NONLINEAR."""

    left: Expr = field(default_factory=lambda: Num("0"))
    right: Expr = field(default_factory=lambda: Num("0"))


@dataclass(slots=True)
class Watch(Statement):
    """Conditions ``(a > b) flag``."""

    conditions: list[tuple[Expr, str, Expr, Expr]] = field(default_factory=list)


@dataclass(slots=True)
class ForNetcons(Statement):
    args: list[str] = field(default_factory=list)
    body: list[Statement] = field(default_factory=list)


@dataclass(slots=True)
class Initial(Statement):
    """INITIAL inside NET_RECEIVE."""

    body: list[Statement] = field(default_factory=list)


# ---------------------------------------------------------------- declarations and blocks


@dataclass(slots=True)
class Declared:
    """A variable of PARAMETER, ASSIGNED, STATE or CONSTANT; size 0 is a scalar."""

    name: str
    value: str | None = None
    unit: str = ""
    size: int = 0
    at: int = field(default=0, compare=False)
    note: str = ""


@dataclass(slots=True)
class UseIon:
    ion: str
    read: list[str] = field(default_factory=list)
    write: list[str] = field(default_factory=list)
    valence: float | None = None
    at: int = field(default=0, compare=False)


@dataclass(slots=True)
class Block:
    """A procedure-like block: kind (``INITIAL``, ``BREAKPOINT``, ``FUNCTION``, ``BEFORE STEP``, ...),
    name, arguments.
    """

    kind: str
    name: str = ""
    args: list[str] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    body: list[Statement] = field(default_factory=list)
    solvefor: list[str] = field(default_factory=list)
    before: tuple[str, ...] = ()
    at: int = field(default=0, compare=False)


@dataclass(slots=True)
class Program:
    """A mod file."""

    title: str = ""
    comments: tuple[str, ...] = ()
    suffix: str = ""
    kind: str = ""  # density, point, artificial
    suffix_at: int = 0
    ions: list[UseIon] = field(default_factory=list)
    nonspecific: list[str] = field(default_factory=list)
    electrode: list[str] = field(default_factory=list)
    current_order: list[str] = field(default_factory=list)
    range_: dict[str, int] = field(default_factory=dict)
    global_: dict[str, int] = field(default_factory=dict)
    pointer: dict[str, int] = field(default_factory=dict)
    bbcore: dict[str, int] = field(default_factory=dict)
    external: dict[str, int] = field(default_factory=dict)
    lists: dict[str, int] = field(default_factory=dict)  # vectors that C code holds by a pointer
    random: dict[str, int] = field(default_factory=dict)
    parameters: dict[str, Declared] = field(default_factory=dict)
    assigned: dict[str, Declared] = field(default_factory=dict)
    states: dict[str, Declared] = field(default_factory=dict)
    constants: dict[str, Declared] = field(default_factory=dict)
    unit_constants: dict[str, tuple[str, str, int]] = field(default_factory=dict)  # name -> from, to, at
    unit_names: dict[str, str] = field(default_factory=dict)
    defines: dict[str, int] = field(default_factory=dict)
    locals_: list[tuple[str, int]] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    verbatim: list[Verbatim] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    first_seen: dict[str, int] = field(default_factory=dict)  # name -> where the file names it first

    def place(self, name: str) -> tuple[str, int]:
        """Sorts names as NEURON's symbol table does: by first letter, then last met in the file first."""
        return name[0], -self.first_seen.get(name, 0)


def read_names(body: object) -> set[str]:
    """Names of variables anywhere in a tree."""
    out: set[str] = set()

    def visit(x: object) -> None:
        if isinstance(x, (Name, Index)):
            out.add(x.id)
        if isinstance(x, (list, tuple)):
            for y in x:
                visit(y)
        elif hasattr(x, "__dataclass_fields__"):
            for f in x.__dataclass_fields__:
                visit(getattr(x, f))

    visit(body)
    return out
