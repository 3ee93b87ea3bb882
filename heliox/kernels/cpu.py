"""The prelude of generated CPU modules: decorators and the unsigned integer type."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from heliox.kernels.lean import linked
from heliox.kernels.memory import aligned

U = np.uint64

inline = linked(error_model="numpy", _nrt=False, forceinline=True)  # without reference counts
kernel = linked(error_model="numpy", _nrt=False)
owner = linked(error_model="numpy")  # for what makes an array
entry = njit(error_model="numpy", nogil=True, cache=True)
parallel = njit(error_model="numpy", nogil=True, cache=True, parallel=True)
scratch = owner(aligned)

__all__ = ["U", "entry", "inline", "kernel", "np", "owner", "parallel", "prange", "scratch"]
