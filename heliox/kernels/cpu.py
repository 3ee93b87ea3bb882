"""The prelude of generated CPU modules: decorators and the unsigned integer type.

Only entries get a wrapper for Python and a place in Numba's cache; what they call is compiled into them (that
alone cuts compilation by a quarter).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

U = np.uint64

_inner: dict[str, Any] = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_lean: dict[str, Any] = {**_inner, "_nrt": False}  # no reference counts: a seventh less to compile
inline = njit(**_lean, forceinline=True)
kernel = njit(**_lean)
owner = njit(**_inner)  # for what makes an array
entry = njit(error_model="numpy", nogil=True, cache=True)
parallel = njit(error_model="numpy", nogil=True, cache=True, parallel=True)

__all__ = ["U", "entry", "inline", "kernel", "np", "owner", "parallel", "prange"]
