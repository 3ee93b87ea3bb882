"""The two arithmetics as compiled functions: ``FAST`` (own, vectorising) and ``LIBM`` (the C library's, for
proof).

Both are module objects, so that compiled code may use ``FAST.exp(x)`` as well as a name bound to it. They
hold the functions of :data:`heliox.kernels.arithmetic.FUNCTIONS` and those of :mod:`heliox.kernels.random`.
"""

from __future__ import annotations

import ctypes
import sys
import types as pytypes
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from heliox.kernels import arithmetic, random


# error_model "numpy": checks for a zero divisor stop vectorisation. forceinline: LLVM inlines at once, which
# compiles four times faster than Numba's own inlining and runs as fast.
def compiled(function):
    """Compile a plain scalar function for the CPU with the options every kernel helper needs."""
    return njit(error_model="numpy", forceinline=True)(function)


# ------------------------------------------------------------------------------------------------- primitives


@intrinsic
def fma(typingctx, a, b, c):
    """Return a * b + c rounded once: one instruction where the processor has it."""

    def codegen(context, builder, signature, arguments):
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), codegen


@intrinsic
def float_as_int(typingctx, x):
    """Return the bit pattern of a double as int64."""

    def codegen(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), codegen


@intrinsic
def int_as_float(typingctx, i):
    """Return the double with this bit pattern."""

    def codegen(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), codegen


def _llvm_function(name, doc):
    """Make an intrinsic of one LLVM floating point function that is exact or correctly rounded."""

    @intrinsic
    def function(typingctx, x):
        def codegen(context, builder, signature, arguments):
            kind = ir.FunctionType(ir.DoubleType(), [ir.DoubleType()])
            callee = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.f64")
            return builder.call(callee, arguments)

        return types.float64(types.float64), codegen

    function.__doc__ = doc
    return function


# math.floor and math.ceil return integers under Numba, hence LLVM's
_sqrt = _llvm_function("sqrt", "Return the correctly rounded square root, NaN below zero.")
_floor = _llvm_function("floor", "Return the largest whole double not above x.")
_ceil = _llvm_function("ceil", "Return the smallest whole double not below x.")
_fabs = _llvm_function("fabs", "Return the absolute value.")


# -------------------------------------------------------------------------------------------------- C library

UNARY = (
    "exp", "expm1", "log", "log10", "log1p",
    "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh",
)  # fmt: skip
BINARY = ("pow", "atan2", "fmod")


def _c_library():
    """Return the C library that a C compiler here would link for its mathematics."""
    by_platform = {"win32": ("ucrtbase", "msvcrt"), "darwin": ("libSystem.dylib",)}
    candidates = by_platform.get(sys.platform, ("libm.so.6", None))
    for name in candidates:
        try:
            library = ctypes.CDLL(name)
            library.exp, library.pow  # noqa: B018  (asks whether they are there)
        except (OSError, AttributeError):
            continue
        return library
    raise ImportError("no C mathematics library found; looked for " + ", ".join(map(str, candidates)))


def _c_function(library, name, n_arguments):
    """Make an intrinsic that always calls the C library's function `name`.

    The symbol gets a name of our own. LLVM knows ``pow`` and replaces pow(2, x) by exp2, pow(x, 0.5) by sqrt
    and whole powers by products, with other last bits; it knows nothing of ``heliox_libm_pow``.
    """
    symbol = f"heliox_libm_{name}"
    address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
    llvmlite.binding.add_symbol(symbol, address)
    kind = ir.FunctionType(ir.DoubleType(), [ir.DoubleType()] * n_arguments)

    def codegen(context, builder, signature, arguments):
        callee = cgutils.get_or_insert_function(builder.module, kind, symbol)
        callee.attributes.add("nounwind")
        return builder.call(callee, arguments)

    if n_arguments == 1:

        @intrinsic
        def function(typingctx, x):
            return types.float64(types.float64), codegen

    else:

        @intrinsic
        def function(typingctx, x, y):
            return types.float64(types.float64, types.float64), codegen

    function.__doc__ = f"Return the C library's {name}."
    return function


def _unary(call):
    def function(x):
        return call(x)

    return function


def _binary(call):
    def function(x, y):
        return call(x, y)

    return function


def _exprelr(exp):
    def exprelr(x):
        """Return x / (exp(x) - 1), 1 where 1 + x rounds to 1, as mod files write it."""
        return 1.0 if 1.0 + x == 1.0 else x / (exp(x) - 1.0)

    return exprelr


def _exp_to_700(exp):
    def exp_to_700(x):
        """Return exp(x) as NEURON's hoc_Exp does: e**700 above 700, 0 below -700."""
        y = exp(700.0 if x > 700.0 else x)
        return 0.0 if x < -700.0 else y

    return exp_to_700


# ------------------------------------------------------------------------------------------------- namespaces


def _as_module(name, doc, functions):
    """Return a module object holding the public ones of `functions`: attributes of modules work in compiled
    code."""
    module = pytypes.ModuleType(name, doc)
    for key in (*arithmetic.FUNCTIONS, *random.FUNCTIONS):
        setattr(module, key, functions[key])
    return module


def _build_fast():
    primitives = {"fma": fma, "float_as_int": float_as_int, "int_as_float": int_as_float}
    primitives |= {"sqrt": compiled(_unary(_sqrt)), "floor": compiled(_unary(_floor))}
    functions = arithmetic.build(primitives, compiled)
    random.build(functions, compiled)
    return _as_module("heliox.kernels.fast", "HelioX's own arithmetic, compiled for the CPU.", functions)


def _build_libm():
    library = _c_library()
    functions = {}
    for name in UNARY:
        functions[name] = compiled(_unary(_c_function(library, name, 1)))
    for name in BINARY:
        functions[name] = compiled(_binary(_c_function(library, name, 2)))
    for name, call in (("sqrt", _sqrt), ("floor", _floor), ("ceil", _ceil), ("fabs", _fabs)):
        functions[name] = compiled(_unary(call))
    functions["exprelr"] = compiled(_exprelr(functions["exp"]))
    functions["exp_to_700"] = compiled(_exp_to_700(functions["exp"]))
    random.build(functions, compiled)
    return _as_module("heliox.kernels.libm", "The C library's arithmetic, compiled for the CPU.", functions)


FAST = _build_fast()
LIBM = _build_libm()


def for_cuda():
    """Build the own arithmetic as CUDA device functions; imports Numba's CUDA target only now.

    The kernels that use it must be compiled without contraction, as :func:`heliox.kernels.device.compiled`
    does, else ``a * b + c`` in the source becomes a fused operation and the bits differ from the CPU's.

    Returns
    -------
    types.ModuleType
        The same names as in ``FAST``.
    """
    from heliox.kernels import device

    library: Any = device.libdevice()

    def plain(call):
        return device.function(_unary(call))

    def fused(a, b, c):
        return library.fma(a, b, c)

    primitives = {
        "fma": device.function(fused),
        "float_as_int": plain(library.double_as_longlong),
        "int_as_float": plain(library.longlong_as_double),
        "sqrt": plain(library.dsqrt_rn),
        "floor": plain(library.floor),
    }
    functions = arithmetic.build(primitives, device.function)
    random.build(functions, device.function)
    doc = "HelioX's own arithmetic as CUDA device functions."
    return _as_module("heliox.kernels.cuda_arithmetic", doc, functions)
