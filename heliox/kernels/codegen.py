"""Writes the module of a plan: mechanisms, loops, phases (docs/design.md, section 6).

The text depends on the set of mechanisms and on options, never on sizes or values. Names of the
infrastructure start with an underscore, which mechanism variables may not.
"""

from __future__ import annotations

from heliox.kernels import mechanism_text as mt
from heliox.kernels import window
from heliox.kernels.condition_loop import conditions
from heliox.kernels.context import W
from heliox.kernels.event_loop import deliver
from heliox.kernels.loops import Loops
from heliox.kernels.program import Program
from heliox.kernels.reverse import ReverseLoops


def module_text(program: Program) -> str:
    """The text of a program's module."""
    names = " ".join(m.template.name for m in program.mechanisms)
    options = f"math={program.math}, secondorder={program.secondorder}"
    loops = Loops(program)
    parts = [
        f"# heliox generated: cpu, {options}, mechanisms: {names}\n"
        "from heliox.kernels import fixed\n"
        "from heliox.kernels.cpu import U, entry, inline, kernel, np as _np\n"
        "from heliox.kernels.cpu import owner, parallel, prange, scratch\n\n"
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
    if program.adjoint:
        parts += ReverseLoops(program, loops).texts()
    return "\n\n".join(p.rstrip() for p in parts) + "\n"
