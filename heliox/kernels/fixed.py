"""What all generated modules have in common, compiled once a process: arithmetic, tree, queue, effects.

The functions are those of `heliox.solver`, plain texts on arrays; here they get globals of their own (the
unsigned type, the arithmetic, constants, each other) and a decorator. Generated modules take these globals
over: ``globals().update(fast)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import FunctionType, MappingProxyType, ModuleType
from typing import Any

from heliox.kernels import device
from heliox.kernels.cpu import U, inline, kernel
from heliox.kernels.primitives import FAST, LIBM, for_cuda
from heliox.solver import (
    adjoint,
    contracted,
    diffusion,
    effects,
    events,
    gather,
    lanes,
    membrane,
    play,
    publish,
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
        "LOGGED", "OK", "QUEUE_FULL", "SPIKES_FULL", "RUNAWAY", "LOST", "LOG_FULL", "LIST_FULL",
        "SELF", "CONDITION", "GENERATION", "HOPS",
    ),
    effects: ("SEND", "EVENT", "MOVE", "WATCH", "SEND_AT", "MOST"),
    tree: ("ROOTS", "SINGLE", "ABREAST", "MOVING", "INSIDE", "BORDER"),
    lanes: ("PAD",),
    play: ("TARGET", "CURSOR", "POINTS", "STRIDE", "COUNT", "BREAKS", "BREAK_COUNT", "CONTINUOUS", "PLAY"),
}  # fmt: skip
CONSTANTS[tape] = (
    "LOG_STEP", "LOG_PHASE", "LOG_TARGET", "LOG_CONNECTION", "LOG_SPIKE",
    "LOG_TIME", "LOG_FLAG", "LOG_EMITTED", "LOG_VALUES",
)  # fmt: skip
KERNELS: dict[ModuleType, tuple[str, ...]] = {
    tree: (
        "zero", "clear", "begin_diagonal", "begin_part", "begin_axial", "begin_axial_row", "axial",
        "axial_row", "couple", "couple_row", "eliminate", "eliminate_row", "eliminate_border_row",
        "eliminate_kept_row", "substitute", "substitute_row", "substitute_update",
        "substitute_update_row", "update",
    ),
    gather: ("_unbroken", "_copy", "_add_row", "_gather", "_scatter", "_add", "_reach"),
    events: ("push", "take", "movable", "withdraw", "keep", "send", "emit", "detect", "exchange"),
    play: ("interpolated", "play", "wait", "point_reached", "begin"),
    transfer: ("lay_sources", "take_targets", "take_runs", "take_row"),
    diffusion: ("diffuse",),
    membrane: (
        "forget_membrane", "forget_membrane_begun", "save_membrane", "save_membrane_begun",
        "membrane_current", "initial_membrane_current",
    ),
    effects: ("note", "act"),
    windows: ("record", "settled", "halfway"),
    lanes: (
        "axial_node", "couple_node", "eliminate_lanes", "substitute_lanes", "load_near",
        "sweep_near",
    ),
    contracted: (
        "lay_tree", "lay_right_side", "take_solution", "first_pivots", "contract", "expand",
        "contract_again", "receive", "lay_table", "solve_contracted",
        "transposed_contract", "transposed_expand",
    ),
    publish: ("publish", "pull", "row_of"),
    tape: ("tape_save", "tape_load", "tape_part", "copy_run", "log_event"),
    adjoint: (
        "transposed_right_side", "transposed_eliminate", "transposed_eliminate_row", "transposed_substitute",
        "transposed_substitute_row", "diagonal_adjoint", "axial_adjoint", "axial_adjoint_row",
        "coefficient_adjoint", "coefficient_tangent", "increment_tangent", "axial_tangent", "record_adjoint",
        "record_tangent", "surrogate", "lay_adjoint", "take_adjoint", "play_adjoint", "axial_adjoint_node",
        "coefficient_adjoint_node", "take_adjoint_lanes",
    ),
}  # fmt: skip
INLINE: dict[ModuleType, tuple[str, ...]] = {
    tree: ("stretch", "stays"),
    events: ("before", "put", "move"),
    play: ("points_of",),
    lanes: ("near_places",),
    contracted: ("contracted_places", "contraction_table", "near_table"),
    effects: (
        "_net_send", "_net_send_at", "_net_event", "_net_move", "_watch", "random_set_seq", *RANDOM_NAMES,
        "item", "length",
    ),
}  # fmt: skip


Functions = dict[str, Callable[..., Any]]


# of pivots: fast keeps reciprocals (heliox.solver.tree)
def _inverse_fast(d):
    return 1.0 / d


def _over_fast(x, r):
    return x * r


def _inverse_libm(d):
    return d


def _over_libm(x, d):
    return x / d


def _globals(
    math: str,
    arithmetic: ModuleType,
    own: Functions,
    inline: Callable[..., Any] = inline,
    kernel: Callable[..., Any] = kernel,
    given: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    def made(function: Callable[..., Any], name: str) -> FunctionType:
        out = FunctionType(function.__code__, space, name)
        out.__qualname__ = f"{math}.{name}"  # names of machine code: equal ones are taken for the same
        return out

    space: dict[str, Any] = {"__name__": __name__, "U": U, **given}
    space |= {n: getattr(arithmetic, n) for n in MATH_NAMES}
    space["exp"] = arithmetic.exp_to_700
    space |= {f"_{n}": getattr(arithmetic, n) for n in RANDOM_NAMES}
    space |= {n: getattr(module, n) for module, names in CONSTANTS.items() for n in names}
    for n, function in own.items():
        space[n] = inline(made(function, n))
    for decorate, table in ((kernel, KERNELS), (inline, INLINE)):
        for module, names in table.items():
            for n in names:
                if n not in space:
                    space[n] = decorate(made(getattr(module, n), n))
    for n in ("__name__", "__builtins__"):  # a module that takes these globals over keeps its own
        space.pop(n, None)
    return space


# where one thread does what many do on a device
def _barrier():
    pass


def _meet(width):
    pass


def _next_place(PN, half, member):
    k = PN[half, member]
    PN[half, member] = k + 1
    return k


def _in_warps(width, lanes):
    return False


def _sweep_warp(S, J, n, rows, kept, lane):
    pass


FAST_PIVOTS: Functions = {"_inverse": _inverse_fast, "_over": _over_fast}
ALONE: Functions = {
    "in_warps": _in_warps,
    "sweep_warp": _sweep_warp,
    "barrier": _barrier,
    "meet": _meet,
    "next_place": _next_place,
}
fast = _globals("fast", FAST, {**FAST_PIVOTS, **ALONE})
libm = _globals("libm", LIBM, {"_inverse": _inverse_libm, "_over": _over_libm, **ALONE})


@cache
def stepwise() -> dict[str, Any]:
    """`fast` for kernels that make one phase each, on the CPU."""
    return _globals("stepwise", FAST, {**FAST_PIVOTS, **ALONE, "emit": publish.emit_own})


@cache
def cuda() -> dict[str, Any]:
    """`fast` as device functions of CUDA."""
    toolkit = device.toolkit()

    def barrier():
        toolkit.syncthreads()

    def meet(width):
        if width > 32:
            toolkit.syncthreads()
        else:
            toolkit.syncwarp()

    def in_warps(width, lanes):
        return width <= 32 and lanes >= 32

    def next_place(PN, half, member):
        return toolkit.atomic.add(PN, (half, member), 1)

    given = {n.__name__: device.function(n) for n in (barrier, in_warps, meet, next_place)}
    own: Functions = {**FAST_PIVOTS, "emit": publish.emit_own, "sweep_warp": lanes.sweep_warp}
    return _globals("cuda", for_cuda(), own, device.function, device.outline, given)
