"""Index lists of a plan, one behind the other in one array."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Indices:
    """Collects int32 lists."""

    def __init__(self) -> None:
        self._parts: list[NDArray[np.int32]] = []
        self._top = 0

    def add(self, values: NDArray) -> int:
        """Take a list (an array row by row); returns where it begins."""
        at = self._top
        self._parts.append(np.asarray(values, np.int32).ravel())
        self._top += self._parts[-1].size
        return at

    def joined(self) -> NDArray[np.int32]:
        """All lists, and a number behind them: never empty."""
        return np.concatenate([*self._parts, np.zeros(1, np.int32)])
