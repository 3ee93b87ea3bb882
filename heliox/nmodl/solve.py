"""SOLVE: which block, by which method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliox.errors import nearest
from heliox.nmodl import derivative
from heliox.nmodl import syntax as ast
from heliox.nmodl.ir import Name, Num, Step

if TYPE_CHECKING:
    from heliox.nmodl.frames import Frame
    from heliox.nmodl.lowering import Lowering

METHODS = {
    "DERIVATIVE": ("cnexp", "derivimplicit", "euler"),
    "KINETIC": ("sparse",),
    "LINEAR": ("simeq",),
    "NONLINEAR": ("newton",),
    "PROCEDURE": ("after_cvode", "cvode_t", "cvode_t_v"),
}


def solve(low: Lowering, s: ast.Solve, frame: Frame) -> list[Step]:
    """Steps of a SOLVE statement."""
    block = low.blocks.get(s.block)
    if block is None or block.kind not in METHODS:
        legal = [b.name for b in low.program.blocks if b.kind in METHODS]
        raise low.fail(s.at, f"SOLVE {s.block}: no such block; {nearest(s.block, legal)}")
    legal_methods = METHODS[block.kind]
    if s.method and s.method not in legal_methods:
        advice = {
            "runge": "use cnexp or derivimplicit",
            "sparse": "use derivimplicit, or write a KINETIC block",
        }.get(s.method, nearest(s.method, legal_methods))
        raise low.fail(s.at, f"METHOD {s.method} is not translated for a {block.kind} block; {advice}")
    if block.kind == "PROCEDURE":
        return low.do(ast.Do(s.at, s.before, s.note, ast.Call(block.name, (), s.at)), frame)
    steps: list[Step]
    if block.kind == "DERIVATIVE":
        steps = _derivative(low, s, block, frame)
    elif block.kind == "KINETIC":
        from heliox.nmodl import kinetic

        steps = kinetic.sparse(low, s, block, frame)
    else:
        from heliox.nmodl import simultaneous

        steps = (
            simultaneous.linear(low, block, frame)
            if block.kind == "LINEAR"
            else simultaneous.nonlinear(low, block, frame)
        )
    if steps:
        steps[0].before = (*s.before, *block.before, *steps[0].before)
    return steps


def _derivative(low: Lowering, s: ast.Solve, block: ast.Block, frame: Frame) -> list[Step]:
    from heliox.nmodl import newton

    if s.method == "cnexp" and not s.steady:
        steps = derivative.cnexp(low, block, frame)
        if steps is not None:
            return steps
        low.notes.append(
            f"{block.name}: cnexp does not apply to these equations; solved by derivimplicit, as NEURON does"
        )
    if s.method == "euler":
        return derivative.euler(low, block, frame, Name("dt"))
    # NEURON's STEADYSTATE derivimplicit takes a step of 1e-9 ms
    return newton.implicit(low, block, frame, Num("1e-9") if s.steady else Name("dt"))
