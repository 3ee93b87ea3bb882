"""What bodies of kernels share: arguments, columns, what they may leave out (docs/design.md, section 8)."""

from __future__ import annotations

from collections.abc import Sequence

from heliox.kernels.context import ARGS, EVENTLESS
from heliox.kernels.program import Program

HALT, FIRST, KEPT = range(3)  # of CTL
CONTROLS = 3
MARKED_PARTS = 31  # of a kernel over nodes: whether a block needs them is a bit
PACK = 32  # groups of a block where each has a thread
BEFORE_LAST, BEFORE_DETECT, BEFORE_HALF, MOVING, MOVED = 2, 0, 1, 3, 4  # PHASE
BASIC = f"{EVENTLESS}, _X, _K, _H, _QN, _T, _CTL, _TT, _chunks, _room, _dt"
SOLVE = f"{EVENTLESS}, _K, _H, _QN, _T, _CTL, _PN, _PULLED, _chunks, _dt, _limit"
SAVE = f"{EVENTLESS}, _K, _H, _QN, _T, _TP, _CTL, _TT, _chunks"
TAKE = f"{EVENTLESS}, _QN, _T, _CTL, _chunks, _dt"
EVENTS = (
    f"{ARGS}, _T, _EX, _CTL, _SC, _PF, _PI, _PN, _PULLED, _TF, _TC, _FC, "
    "_chunks, _from, _wide, _members, _leads, _last, _dt"
)
BLOCK = "_bx, _by, _lane, _lanes"
NEAR = "_S, _J"  # memory of a block
# columns of H: NEAR says whether the group fits into the memory of a block; BEFORE: nodes of chunks before
TREE = (
    "PARENTS", "CHILDREN", "LIST", "STEPS_AT", "STEPS", "WIDTH", "NEAR", "PLACE", "UNDER", "BESIDE", "OVER",
    "BEGINS", "BEFORE",
)  # fmt: skip


def own_columns(program: Program) -> dict[str, int]:
    """Columns of ``H``, the table of chunks that kernels have besides ``G``.

    ``<mechanism>_AT``: instance at each node, or -1; ``_FIRST``, ``_EACH``: those of each node, ascending;
    ``_X``: where its results lie in the scratch. ``TAPED``: places of what a row of the tape holds;
    ``TAKE_ORDER``: transfers by their place on the shelf.
    """
    names = [*TREE, *(("TAPED", "TAKE_ORDER") if program.adjoint else ())]
    for m in program.mechanisms:
        t = m.template
        if t.kind in ("density", "ion"):
            names += [f"{t.name}_{c}" for c in ("AT", "X")]
        elif t.kind == "point":
            names += [f"{t.name}_{c}" for c in ("FIRST", "EACH", "X")]
    return {n: k for k, n in enumerate(names)}


def strided(name: str, start: str, stop: str, body: Sequence[str], pad: str) -> list[str]:
    """A loop from `start` to `stop` of which a thread does every `_lanes`-th turn; a range would divide."""
    return [
        f"{pad}{name} = {start}",
        f"{pad}while {name} < {stop}:",
        *[f"{pad}    {x}" for x in body],
        f"{pad}    {name} += _lanes",
    ]


def tree(pad: str) -> list[str]:
    """Places of a group's tables of the tree and of its couplings."""
    names = {"parents": "PARENTS", "children": "CHILDREN", "list": "LIST"}
    return [f"{pad}_{n} = _U(_H[_chunk, _{c}])" for n, c in names.items()] + [
        f"{pad}_a = _U(_G[_g, _CA])",
        f"{pad}_b = _U(_G[_g, _CB])",
    ]


def kept(program: Program) -> str:
    """Text of whether a matrix is eliminated already. In a contraction a block would have to fetch more than
    it then need not compute."""
    if program.order == "contraction":
        return "False"
    return f"_CTL[{KEPT}] != 0 and _G[_g, _CONSTANT] > 0"


def pace(program: Program) -> str:
    """Text of 1/dt as the equation of a node has it."""
    return "(2.0 / _dt)" if program.secondorder else "(1.0 / _dt)"
