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
from heliox.solver import (
    adjoint,
    diffusion,
    effects,
    events,
    gather,
    membrane,
    play,
    tape,
    transfer,
    tree,
    windows,
)

MATH_NAMES = (
    "exp", "expm1", "log", "log10", "log1p", "pow", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan",
    "atan2", "sinh", "cosh", "tanh", "fabs", "floor", "ceil", "fmod", "exprelr",
)  # fmt: skip
RANDOM_NAMES = ("random_ipick", "random_uniform", "random_negexp", "random_normal")
CONSTANTS: dict[ModuleType, tuple[str, ...]] = {
    events: (
        "EVENTS", "SPIKES", "SERIAL", "STATUS", "DELIVERED", "STEP", "PHASE",
        "LOGGED", "OK", "QUEUE_FULL", "SPIKES_FULL", "RUNAWAY", "LOST", "LOG_FULL",
        "SELF", "CONDITION", "GENERATION", "HOPS",
    ),
    effects: ("SEND", "EVENT", "MOVE", "WATCH", "MOST"),
    tree: ("ROOTS", "SINGLE", "ABREAST"),
    play: ("TARGET", "CURSOR", "POINTS", "STRIDE", "COUNT", "BREAKS", "BREAK_COUNT", "CONTINUOUS", "PLAY"),
}  # fmt: skip
CONSTANTS[tape] = (
    "LOG_STEP", "LOG_PHASE", "LOG_TARGET", "LOG_CONNECTION", "LOG_SPIKE",
    "LOG_TIME", "LOG_FLAG", "LOG_EMITTED", "LOG_VALUES",
)  # fmt: skip
KERNELS: dict[ModuleType, tuple[str, ...]] = {
    tree: (
        "zero", "clear", "begin_matrix", "axial", "axial_row", "couple", "couple_row", "eliminate",
        "eliminate_row", "eliminate_kept_row", "substitute", "substitute_row", "update",
    ),
    gather: ("_unbroken", "_copy", "_add_row", "_gather", "_scatter", "_add"),
    events: ("push", "take", "movable", "withdraw", "emit", "detect", "exchange"),
    play: ("interpolated", "play", "wait", "point_reached", "begin"),
    transfer: ("lay_sources", "take_targets"),
    diffusion: ("diffuse",),
    membrane: (
        "forget_membrane", "save_membrane", "save_membrane_coupled", "membrane_current",
        "initial_membrane_current",
    ),
    effects: ("note", "act"),
    windows: ("record", "settled", "halfway"),
    tape: ("tape_save", "tape_load", "tape_part", "copy_run", "log_event"),
    adjoint: (
        "transposed_right_side", "transposed_eliminate", "transposed_eliminate_row", "transposed_substitute",
        "transposed_substitute_row", "diagonal_adjoint", "axial_adjoint", "axial_adjoint_row",
        "coefficient_adjoint", "increment_tangent", "axial_tangent", "record_adjoint", "record_tangent",
        "surrogate", "lay_adjoint", "take_adjoint", "play_adjoint",
    ),
}  # fmt: skip
INLINE: dict[ModuleType, tuple[str, ...]] = {
    tree: ("stretch",),
    events: ("before", "put", "move"),
    play: ("points_of",),
    effects: (
        "_net_send", "_net_event", "_net_move", "_watch", "random_set_seq", *RANDOM_NAMES, "item", "length",
    ),
}  # fmt: skip


# of pivots: fast keeps reciprocals (heliox.solver.tree)
def _inverse_fast(d):
    return 1.0 / d


def _over_fast(x, r):
    return x * r


def _inverse_libm(d):
    return d


def _over_libm(x, d):
    return x / d


def _globals(math: str, arithmetic: ModuleType, own: dict[str, Callable[..., float]]) -> dict[str, Any]:
    def made(function: Callable[..., Any], name: str) -> FunctionType:
        out = FunctionType(function.__code__, space, name)
        out.__qualname__ = f"{math}.{name}"  # names of machine code: equal ones are taken for the same
        return out

    space: dict[str, Any] = {"__name__": __name__, "U": U}
    space |= {n: getattr(arithmetic, n) for n in MATH_NAMES}
    space["exp"] = arithmetic.exp_to_700
    space |= {f"_{n}": getattr(arithmetic, n) for n in RANDOM_NAMES}
    space |= {n: getattr(module, n) for module, names in CONSTANTS.items() for n in names}
    for n, function in own.items():
        space[n] = inline(made(function, n))
    for decorate, table in ((kernel, KERNELS), (inline, INLINE)):
        for module, names in table.items():
            for n in names:
                space[n] = decorate(made(getattr(module, n), n))
    for n in ("__name__", "__builtins__"):  # a module that takes these globals over keeps its own
        space.pop(n, None)
    return space


fast = _globals("fast", FAST, {"_inverse": _inverse_fast, "_over": _over_fast})
libm = _globals("libm", LIBM, {"_inverse": _inverse_libm, "_over": _over_libm})
