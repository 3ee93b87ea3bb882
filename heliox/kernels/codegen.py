"""Writes the module of a plan: mechanisms, loops, phases (docs/design.md, section 6).

The text depends on the set of mechanisms and on options, never on sizes or values. Names of the
infrastructure start with an underscore, which mechanism variables may not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from heliox.kernels import mechanism_text as mt
from heliox.kernels import window
from heliox.kernels.condition_loop import conditions
from heliox.kernels.context import W
from heliox.kernels.event_loop import deliver
from heliox.kernels.loops import Loops
from heliox.mechanisms.varstruct import VarStruct

FIXED = (
    "BASE", "CHUNK", "NODES", "V", "RHS", "D", "CA", "CB", "AREA", "DIAM", "PARENT", "STRETCHES", "STRETCH_N",
    "FLAGS", "SRC0", "SRC1", "REC0", "REC1", "WEIGHTS", "CELSIUS", "THRESHOLD", "DELAY", "FANOUT", "FANMAX",
    "KEY", "ICAP", "PLAYS", "PLAY", "SHELF", "LAID", "LAY", "TAKEN", "TAKE", "SAVED_RHS", "SAVED_D",
)  # fmt: skip


@dataclass(frozen=True)
class Program:
    """What the generator needs to know: mechanisms in order of execution, and options.

    ``celsius_own``: celsius differs between members. ``weights_own``: connection weights change in a run or
    differ between members. ``plays``, ``transfers``: there are any; ``membrane``: i_membrane_ is computed.
    """

    mechanisms: tuple[VarStruct, ...]
    math: str = "fast"
    secondorder: int = 0
    celsius_own: bool = False
    weights_own: bool = False
    plays: bool = False
    transfers: bool = False
    membrane: bool = False

    @cached_property
    def columns(self) -> dict[str, int]:
        """Column of every entry of the group table ``G``."""
        names = list(FIXED)
        for m in self.mechanisms:
            names += mt.columns(m)
        return {n: k for k, n in enumerate(names)}

    @cached_property
    def text(self) -> str:
        return _module(self)


def _module(program: Program) -> str:
    names = " ".join(m.template.name for m in program.mechanisms)
    options = f"math={program.math}, secondorder={program.secondorder}"
    loops = Loops(program)
    parts = [
        f"# heliox generated: cpu, {options}, mechanisms: {names}\n"
        "from heliox.kernels import fixed\n"
        "from heliox.kernels.cpu import U, entry, inline, kernel, np as _np, owner, parallel, prange\n\n"
        f"globals().update(fixed.{program.math})\n_U = U\n",
        "".join(f"_{n} = {k}\n" for n, k in program.columns.items()),
        "".join(f"{n} = {k}\n" for n, k in window.TASKS.items()),
    ]
    for m in program.mechanisms:
        parts.append(mt.slots(m, W))
        parts += mt.functions(m)
        parts += loops.mechanism(m)
    parts.append(conditions(loops.context))
    parts.append(deliver(loops.context))
    parts += window.texts(program, loops)
    return "\n\n".join(p.rstrip() for p in parts) + "\n"
