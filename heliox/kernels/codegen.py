"""Writes the module of a plan: mechanisms, loops, phases (docs/design.md, section 6).

The text depends on the set of mechanisms and on options, never on sizes or values. Names of the
infrastructure start with an underscore, which mechanism variables may not.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from heliox.kernels import mechanism_text as mt
from heliox.kernels import window
from heliox.kernels.condition_loop import conditions
from heliox.kernels.context import W
from heliox.kernels.event_loop import deliver
from heliox.kernels.loops import Loops
from heliox.mechanisms.varstruct import VarStruct
from heliox.solver import diffusion, effects, events, gather, membrane, play, transfer, tree

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


# NEURON's exp (hoc_Exp): e**700 above 700, 0 below -700; the own one is 0 below -707.7 anyway
_EXP = {
    "fast": """\
@inline
def exp(x):
    return _m.exp(700.0 if x > 700.0 else x)""",
    "libm": """\
@inline
def exp(x):
    y = _m.exp(700.0 if x > 700.0 else x)
    return 0.0 if x < -700.0 else y""",
}


def _paste(module: object, names: Sequence[str], decorator: str) -> list[str]:
    return [f"{decorator}\n{inspect.getsource(getattr(module, n))}" for n in names]


def _module(program: Program) -> str:
    names = " ".join(m.template.name for m in program.mechanisms)
    space = program.math.upper()
    options = f"math={program.math}, secondorder={program.secondorder}"
    parts = [
        f"# heliox generated: cpu, {options}, mechanisms: {names}\n"
        "from heliox.kernels.cpu import U, entry, inline, kernel, np as _np, owner, parallel, prange\n"
        f"from heliox.kernels.primitives import {space} as _m\n\n_U = U\n"
        + "".join(f"{n} = _m.{n}\n" for n in mt.MATH_NAMES if n != "exp")
        + "".join(f"_{n} = _m.{n}\n" for n in mt.RANDOM_NAMES),
        "".join(f"_{n} = {k}\n" for n, k in program.columns.items()),
        "".join(f"{n} = {getattr(events, n)}\n" for n in mt.EVENT_CONSTANTS)
        + "".join(f"{n} = {getattr(effects, n)}\n" for n in mt.EFFECT_CONSTANTS)
        + "".join(f"{n} = {getattr(tree, n)}\n" for n in mt.TREE_CONSTANTS)
        + "".join(f"{n} = {k}\n" for n, k in window.TASKS.items()),
    ]
    parts.append(_EXP[program.math])
    parts += _paste(tree, ("clear", *mt.TREE_ROWS, "axial", "eliminate", "substitute", "update"), "@kernel")
    parts += _paste(gather, mt.GATHERS, "@kernel")
    parts += _paste(events, ("before", "put", "move"), "@inline")
    parts += _paste(events, ("push", "take", "movable", "emit", "detect", "exchange"), "@kernel")
    loops = Loops(program)
    if program.plays:
        parts.append("".join(f"{n} = {getattr(play, n)}\n" for n in mt.PLAY_CONSTANTS))
        parts += _paste(play, ("interpolated", "play", "wait", "point_reached", "begin"), "@kernel")
    if program.transfers:
        parts += _paste(transfer, ("lay_sources", "take_targets"), "@kernel")
    if any(m.template.diffusion for m in program.mechanisms):
        parts += _paste(diffusion, ("diffuse",), "@kernel")
    if program.membrane:
        names_ = ("forget_membrane", "save_membrane", "membrane_current", "initial_membrane_current")
        parts += _paste(membrane, names_, "@kernel")
    parts += _paste(effects, ("note",), "@kernel")
    parts += _paste(effects, ("_net_send", "_net_event", "_net_move", "_watch"), "@inline")
    parts += _paste(effects, ("act",), "@kernel")
    parts += _paste(effects, ("random_set_seq", *mt.RANDOM_NAMES), "@inline")
    if any(m.template.lists for m in program.mechanisms):
        parts += _paste(effects, ("item", "length"), "@inline")
    for m in program.mechanisms:
        parts.append(mt.slots(m, W))
        parts += mt.functions(m)
        parts += loops.mechanism(m)
    parts.append(conditions(loops.context))
    parts.append(deliver(loops.context))
    parts += window.texts(program, loops)
    return "\n\n".join(p.rstrip() for p in parts) + "\n"
