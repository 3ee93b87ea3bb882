"""Learning kernels of a user: plain functions on arrays, compiled as the engine's own are.

A kernel that is called for each of many turns takes the turn's number first. On a CPU that is a loop, on a
device a thread each, of the same text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha256
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numba.core.errors import NumbaError

from heliox.errors import MechanismError, ModelError

LEGAL = ("float64", "int64", "int32")  # numbers of arrays


class Pair(NamedTuple):
    """An arena and the addresses of a variable there, as a kernel takes them."""

    arena: Any
    addresses: Any


@cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    return njit(error_model="numpy", nogil=True)(function)


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call it, compiled for these arguments at the first time; MechanismError where that cannot be done."""
    try:
        return _compiled(function)(*arguments)
    except NumbaError as e:
        raise refusal(function, e) from e


def refusal(function: Callable[..., Any], e: Exception) -> MechanismError:
    """What is said of a kernel that does not compile."""
    name = getattr(function, "__name__", "the kernel")
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", x).strip() for x in str(e).splitlines()]
    said = [x for x in lines if x and not x.startswith(("Failed in", "During:", "- Resolution", ">>>"))]
    return MechanismError(f"{name} cannot be compiled: {(said or lines)[0]}", name=name)


def each(function: Callable[..., Any], count: int, arguments: Sequence[Any]) -> None:
    """Call it for every turn, one behind the other."""
    loop = _loop(function, tuple(isinstance(a, Pair) for a in arguments))
    try:
        loop(count, *flat(arguments))
    except NumbaError as e:
        raise refusal(function, e) from e


@cache
def _loop(function: Callable[..., Any], pairs: tuple[bool, ...]) -> Callable[..., Any]:
    names, given = written(pairs)
    text = f"def loop(_count, {names}):\n    for _k in range(_count):\n        _kernel(_k, {given})\n"
    return _compiled(made(text, _kernel=_compiled(function)))


def written(pairs: Sequence[bool]) -> tuple[str, str]:
    """Texts of parameters, a pair as two, and of what the kernel is called with."""
    names = [f"a{k}, b{k}" if pair else f"a{k}" for k, pair in enumerate(pairs)]
    given = [f"(a{k}, b{k})" if pair else f"a{k}" for k, pair in enumerate(pairs)]
    return ", ".join(names), ", ".join(given)


def made(text: str, **names: Any) -> Callable[..., Any]:
    """The function ``loop`` of a text of this module's."""
    space: dict[str, Any] = dict(names)
    exec(text, space)
    return space["loop"]


def flat(arguments: Sequence[Any]) -> list[Any]:
    """Pairs as their two parts."""
    return [x for a in arguments for x in (a if isinstance(a, Pair) else (a,))]


def type_of(value: Any, name: str) -> str:
    """Type of an argument, as compilers for devices take it; ModelError for what they do not take."""
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return "int64"
    if isinstance(value, (float, np.floating)):
        return "float64"
    if isinstance(value, np.ndarray) and value.dtype.name in LEGAL and value.flags.c_contiguous:
        return f"{value.dtype.name}[{', '.join([':'] * (value.ndim - 1) + ['::1'])}]"
    raise ModelError(
        f"{name}: a kernel on a device takes numbers and contiguous arrays of {', '.join(LEGAL)}, "
        f"not {value!r}"
    )


def identity(function: Callable[..., Any]) -> str:
    """Hash of everything that a function is made of: its code and defaults, and what it names, attributes of
    modules among it."""
    found = sha256()
    seen: set[int] = set()

    def say(*words: object) -> None:
        found.update(repr(words).encode())

    def take(value: Any, attributes: frozenset[str] = frozenset()) -> None:
        value = getattr(value, "py_func", value)
        if isinstance(value, (FunctionType, CodeType, ModuleType)):
            if id(value) in seen:
                return
            seen.add(id(value))
        if isinstance(value, FunctionType):
            take(value.__code__)
            take(value.__defaults__)
            take(tuple(sorted((value.__kwdefaults__ or {}).items())))
            names = _names(value.__code__)
            cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
            named = {n: value.__globals__[n] for n in names if n in value.__globals__}
            for name, what in sorted((named | {n: c.cell_contents for n, c in cells}).items()):
                say(name)
                take(what, names)
        elif isinstance(value, CodeType):
            say(value.co_code, value.co_names, value.co_varnames)
            take(value.co_consts)
        elif isinstance(value, ModuleType):
            say(value.__name__, getattr(value, "__version__", ""))
            seen.discard(id(value))  # other functions may name other attributes of it
            for name in sorted(attributes & set(vars(value))):
                say(name)
                take(vars(value)[name])
        elif isinstance(value, np.ndarray):
            say(value.dtype.str, value.shape, value.tobytes())
        elif isinstance(value, tuple):
            say(len(value))
            for x in value:
                take(x, attributes)
        else:
            say(value)

    take(function)
    return found.hexdigest()


def _names(code: CodeType) -> frozenset[str]:
    """Globals and attributes that a function names, functions inside it too."""
    inner = [_names(c) for c in code.co_consts if isinstance(c, CodeType)]
    return frozenset(code.co_names).union(*inner)
