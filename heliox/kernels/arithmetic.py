"""HelioX's own elementary functions: one source, the same bits on every device.

Each function here is plain Python on float64 scalars and uses nothing but correctly rounded operations: ``+ -
* /``, ``sqrt``, ``floor``, a fused multiply-add and integer operations on the bit pattern. Compilers may
therefore not disagree about a result, and the CPU and CUDA versions, which :func:`build` makes from this same
source, return the same bits (the payload and sign of a NaN excepted). Two conditions are the caller's: no
reassociation ("fastmath"), and no contraction of ``a * b + c`` other than where ``fma`` is written.

There are no branches, loops or tables: only conditional expressions whose arms are cheap, so that LLVM turns
them into selects and a loop that calls the function becomes vector code.

How the polynomials were obtained: the function is expanded in the variable named at each polynomial; the
coefficients are the weighted least-squares fit (weight: effect on the relative error of the result) at 80
Chebyshev nodes of the reduced range, in 40-digit arithmetic, rounded to double one after the other from the
lowest order, the remaining ones refitted after each rounding. The stated error 2^-n is that of the rounded
polynomial, relative to the result.

Stated errors are in units of the last place of the exact result (correct rounding: 0.5), the largest seen
against 80-bit and multiple-precision references, rounded up. Results below 4.5e-308 in size may be flushed
or less accurate; this is said where it happens.

Outside a build the module works as it stands, slowly, in pure Python (exact rational ``fma``), which gives a
third, independent evaluation of the same bits for finite arguments.
"""

from __future__ import annotations

import types

from heliox.kernels import bits, circular, exponential
from heliox.kernels.bits import ceil, fabs, floor, fmod, sqrt  # noqa: F401  (all are the public names of here)
from heliox.kernels.circular import acos, asin, atan, atan2, cos, sin, tan  # noqa: F401
from heliox.kernels.exponential import (  # noqa: F401
    cosh,
    exp,
    exp_to_700,
    expm1,
    exprelr,
    log,
    log1p,
    log10,
    pow,
    sinh,
    tanh,
)

PRIMITIVES = ("fma", "float_as_int", "int_as_float", "sqrt", "floor")

FUNCTIONS = (
    "exp", "exp_to_700", "expm1", "exprelr", "log", "log10", "log1p", "pow", "sqrt",
    "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh",
    "fabs", "floor", "ceil", "fmod",
)  # fmt: skip


def rebind(source, namespace, wrap):
    """Compile the functions of a module's namespace against another set of global names.

    Parameters
    ----------
    source : dict
        A module's ``globals()``; its plain functions that are not already in `namespace` are taken, and its
        upper-case constants.
    namespace : dict
        Names the functions shall see instead (primitives, other functions). It is changed: it receives all.
    wrap : callable
        Turns a plain function into what the target calls, ``numba.njit(...)`` for instance.

    Returns
    -------
    dict
        `namespace`.
    """
    name = source["__name__"]
    namespace.setdefault("__name__", name)  # where the copies say they come from
    for key, value in source.items():
        if key.isupper():
            namespace.setdefault(key, value)
    for key, value in list(source.items()):
        if isinstance(value, types.FunctionType) and value.__module__ == name and key not in namespace:
            copy = types.FunctionType(value.__code__, namespace, key, value.__defaults__)
            copy.__doc__ = value.__doc__
            namespace[key] = wrap(copy)
    return namespace


def build(primitives, wrap):
    """Build all functions for one target.

    Parameters
    ----------
    primitives : dict
        The target's ``fma``, ``float_as_int``, ``int_as_float``, ``sqrt`` and ``floor``, callable from its
        code.
    wrap : callable
        The target's compiler, applied to each plain function.

    Returns
    -------
    dict
        Every public function by name (:data:`FUNCTIONS`), the private ones and the constants.
    """
    missing = [key for key in PRIMITIVES if key not in primitives]
    if missing:
        raise ValueError(f"primitives lack {', '.join(missing)}")
    namespace = dict(primitives)
    for module in (bits, exponential, circular):
        rebind(vars(module), namespace, wrap)
    return namespace
