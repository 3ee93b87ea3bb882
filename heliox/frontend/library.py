"""NEURON's own library in this process: what of it the interpreter does not show."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any


def library_function(name: str) -> Any:
    """A function of NEURON's library; None if it cannot be found."""
    for library in _libraries():
        with suppress(AttributeError):
            return getattr(library, name)
    return None


def library_pointer(name: str) -> int | None:
    """The value of a pointer variable of NEURON's library (0: nowhere); None if it cannot be found."""
    for library in _libraries():
        with suppress(ValueError):
            return ctypes.c_void_p.in_dll(library, name).value or 0
    return None


def _libraries() -> Iterator[ctypes.CDLL]:
    files = [getattr(sys.modules.get(module), "__file__", None) for module in ("neuron.hoc", "hoc")]
    for file in [*filter(None, files), "libnrniv.dll"]:  # a module of Windows does not lead to its libraries
        with suppress(OSError):
            yield ctypes.CDLL(file)
