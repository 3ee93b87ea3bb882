"""Arrays whose first element begins a cache line.

Offsets in the arena are multiples of a line, so that a vector of eight numbers does not lie across two.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LINE = 64  # bytes


def aligned(n: int) -> NDArray[np.float64]:
    """n zeros. Numba compiles it too (`heliox.kernels.cpu.scratch`)."""
    room = np.zeros(n + LINE // 8)
    first = (LINE - room.ctypes.data % LINE) % LINE // 8
    return room[first : first + n]
