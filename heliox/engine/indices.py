"""Index lists of a plan, one behind the other in one array."""

from __future__ import annotations

from hashlib import blake2b
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


class Indices:
    """Collects int32 lists; equal ones are kept once, so that cells of one kind read the same places."""

    def __init__(self) -> None:
        self._parts: list[NDArray[np.int32]] = []
        self._top = 0
        self._known: dict[tuple[int, bytes], int] = {}

    def add(self, values: NDArray) -> int:
        """Take a list (an array row by row); returns where it begins."""
        part = np.ascontiguousarray(values, np.int32).ravel()
        key = part.size, blake2b(part.data, digest_size=16).digest()
        if key not in self._known:
            self._known[key] = self._top
            self._parts.append(part)
            self._top += part.size
        return self._known[key]

    def add_each(self, values: NDArray, bounds: NDArray[np.int64]) -> NDArray[np.int64]:
        """Take the lists ``values[bounds[k]:bounds[k + 1]]``; returns where each begins."""
        return np.array([self.add(values[a:b]) for a, b in pairwise(bounds)], np.int64)

    def joined(self) -> NDArray[np.int32]:
        """All lists, and a number behind them: never empty."""
        return np.concatenate([*self._parts, np.zeros(1, np.int32)])


def entries(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column of the first `counts` entries of each row."""
    row = np.repeat(np.arange(len(counts)), counts)
    return row, np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
