"""The prelude of generated CPU modules: decorators and the unsigned integer type."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

U = np.uint64

inline = njit(error_model="numpy", forceinline=True)
kernel = njit(error_model="numpy", nogil=True, cache=True)
parallel = njit(error_model="numpy", nogil=True, cache=True, parallel=True)

__all__ = ["U", "inline", "kernel", "np", "parallel", "prange"]
