"""The prelude of generated CUDA modules; importing it loads numba-cuda."""

from __future__ import annotations

import numpy as np

from heliox.kernels import device

U = np.uint64
toolkit = device.toolkit()
inline = device.function
kernel = device.outline

__all__ = ["U", "inline", "kernel", "np", "toolkit"]
