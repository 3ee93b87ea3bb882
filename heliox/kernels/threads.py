"""How many threads a parallel call uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numba


def available() -> int:
    """Threads Numba can use here."""
    return int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]


@contextmanager
def use(count: int) -> Iterator[None]:
    """Run the calls inside with `count` threads (a number that is too large is cut to what there is)."""
    before = numba.get_num_threads()
    numba.set_num_threads(max(1, min(count, available())))
    try:
        yield
    finally:
        numba.set_num_threads(before)
