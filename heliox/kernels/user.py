"""Learning kernels of a user: plain functions on arrays, compiled as the engine's own are."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from numba import njit
from numba.core.errors import NumbaError

from heliox.errors import MechanismError


@cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    return njit(error_model="numpy", nogil=True)(function)


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call it, compiled for these arguments at the first time; MechanismError where that cannot be done."""
    try:
        return _compiled(function)(*arguments)
    except NumbaError as e:
        name = getattr(function, "__name__", "the kernel")
        raise MechanismError(
            f"{name} cannot be compiled: {str(e).strip().splitlines()[-1]}", name=name
        ) from e
