"""What all generated modules have in common, compiled once a process: arithmetic, tree, queue, effects.

The functions are those of `heliox.solver`, plain texts on arrays; here they get globals of their own (the
unsigned type, the arithmetic, constants, each other) and a decorator. Generated modules take these globals
over: ``globals().update(fast)``.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

from heliox.kernels.cpu import U, inline, kernel
from heliox.kernels.primitives import FAST, LIBM
from heliox.solver import diffusion, effects, events, gather, membrane, play, transfer, tree, windows

MATH_NAMES = (
    "exp", "expm1", "log", "log10", "log1p", "pow", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan",
    "atan2", "sinh", "cosh", "tanh", "fabs", "floor", "ceil", "fmod", "exprelr",
)  # fmt: skip
RANDOM_NAMES = ("random_ipick", "random_uniform", "random_negexp", "random_normal")
CONSTANTS: dict[ModuleType, tuple[str, ...]] = {
    events: (
        "EVENTS", "SPIKES", "SERIAL", "STATUS", "DELIVERED", "STEP", "PHASE",
        "OK", "QUEUE_FULL", "SPIKES_FULL", "RUNAWAY", "LOST", "SELF", "CONDITION", "GENERATION", "HOPS",
    ),
    effects: ("SEND", "EVENT", "MOVE", "WATCH", "MOST"),
    tree: ("ROOTS", "SINGLE", "ABREAST"),
    play: ("TARGET", "CURSOR", "POINTS", "STRIDE", "COUNT", "BREAKS", "BREAK_COUNT", "CONTINUOUS", "PLAY"),
}  # fmt: skip
KERNELS: dict[ModuleType, tuple[str, ...]] = {
    tree: (
        "clear", "axial", "axial_currents", "axial_diagonal", "eliminate", "eliminate_row", "substitute",
        "substitute_row", "update",
    ),
    gather: ("_unbroken", "_copy", "_add_row", "_gather", "_scatter", "_add"),
    events: ("push", "take", "movable", "withdraw", "emit", "detect", "exchange"),
    play: ("interpolated", "play", "wait", "point_reached", "begin"),
    transfer: ("lay_sources", "take_targets"),
    diffusion: ("diffuse",),
    membrane: ("forget_membrane", "save_membrane", "membrane_current", "initial_membrane_current"),
    effects: ("note", "act"),
    windows: ("record", "settled", "halfway"),
}  # fmt: skip
INLINE: dict[ModuleType, tuple[str, ...]] = {
    tree: ("stretch",),
    events: ("before", "put", "move"),
    play: ("points_of",),
    effects: (
        "_net_send", "_net_event", "_net_move", "_watch", "random_set_seq", *RANDOM_NAMES, "item", "length",
    ),
}  # fmt: skip


# NEURON's exp (hoc_Exp): e**700 above 700, 0 below -700; the own one is 0 below -707.7 anyway
def _exp_fast(x):
    return _exp(700.0 if x > 700.0 else x)  # type: ignore[name-defined]  # noqa: F821


def _exp_libm(x):
    y = _exp(700.0 if x > 700.0 else x)  # type: ignore[name-defined]  # noqa: F821
    return 0.0 if x < -700.0 else y


def _globals(math: str, arithmetic: ModuleType, exp: Callable[..., float]) -> dict[str, Any]:
    def made(function: Callable[..., Any], name: str) -> FunctionType:
        out = FunctionType(function.__code__, space, name)
        out.__qualname__ = f"{math}.{name}"  # names of machine code: equal ones are taken for the same
        return out

    space: dict[str, Any] = {"__name__": __name__, "U": U}
    space |= {n: getattr(arithmetic, n) for n in MATH_NAMES}
    space |= {f"_{n}": getattr(arithmetic, n) for n in RANDOM_NAMES}
    space |= {n: getattr(module, n) for module, names in CONSTANTS.items() for n in names}
    space["_exp"] = arithmetic.exp
    space["exp"] = inline(made(exp, "exp"))
    for decorate, table in ((kernel, KERNELS), (inline, INLINE)):
        for module, names in table.items():
            for n in names:
                space[n] = decorate(made(getattr(module, n), n))
    for n in ("__name__", "__builtins__"):  # a module that takes these globals over keeps its own
        space.pop(n, None)
    return space


fast = _globals("fast", FAST, _exp_fast)
libm = _globals("libm", LIBM, _exp_libm)
