"""LONGITUDINAL_DIFFUSION: a block for every diffusing state, with its coefficient and its COMPARTMENT volume.

NEURON solves the state at fixed steps in two stages: first the KINETIC block in every segment, as if nothing
diffused, then diffusion between segments, implicitly, from the new values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliox.mechanisms.template import Diffusion
from heliox.nmodl import syntax as ast
from heliox.nmodl.ir import Expr, Name, Num, Set, Step, names

if TYPE_CHECKING:
    from heliox.nmodl.blocks import BlockLowering, Made

RESULT = ("coefficient", "volume")


def diffusing(low: BlockLowering) -> list[tuple[Diffusion, Made]]:
    """Declarations and blocks of all states that diffuse, in the order of the file."""
    out: list[tuple[Diffusion, Made]] = []
    solved = {s.block for s in low.solved}
    for block in low.program.blocks:
        if block.name not in solved:
            continue
        parts = [s for s in block.body if isinstance(s, ast.Compartment)]
        for s in parts:
            for name in s.names if s.longitudinal else ():
                volume = next((p for p in parts if not p.longitudinal and name in p.names), None)
                out += _state(low, block, s, name, volume)
    return out


def _state(
    low: BlockLowering, block: ast.Block, s: ast.Compartment, name: str, volume: ast.Compartment | None
) -> list[tuple[Diffusion, Made]]:
    if name not in low.program.states or low.program.kind != "density":
        what = f"{name} diffuses" if low.program.kind != "density" else f"{name} is no STATE"
        raise low.fail(
            s.at, f"LONGITUDINAL_DIFFUSION: {what}; states of a SUFFIX mechanism diffuse along the cell"
        )
    size = low.memory[name].size
    out = []
    for k in range(size) if size else (-1,):
        label = f"{name}_{k}" if size else name
        made = _block(low, f"diffuse_{label}", s, volume, k)
        out.append((Diffusion(f"{name}[{k}]" if size else name, made.name), made))
    return out


def _block(low: BlockLowering, name: str, s: ast.Compartment, volume: ast.Compartment | None, k: int) -> Made:
    from heliox.nmodl.blocks import Made

    frame = low.block_frame([s, *([volume] if volume else [])])
    steps: list[Step] = []
    values: list[Expr] = []
    for part in (s, volume):
        if part is None:
            values.append(Num("1.0"))
            continue
        if part.var:
            frame.constants[part.var] = k
        values.append(low.expression(part.value, frame))
        steps += frame.hoisted
        frame.hoisted = []
        frame.constants.pop(part.var, None)
    if RESULT[0] in names(values[1]):
        steps.append(Set(targets=(Name("volume_"),), value=values[1]))
        frame.used.add("volume_")
        values[1] = Name("volume_")
    steps += [Set(targets=(Name(r),), value=v) for r, v in zip(RESULT, values)]
    return Made(name, steps, frame, at=s.at, fixed=RESULT)
