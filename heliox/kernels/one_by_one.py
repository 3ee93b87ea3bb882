"""A stand-in for a device: the kernels of a step run on the CPU, block after block, on NumPy arrays.

What is launched, captured and copied is what CUDA would be given; so everything above the kernels is tested
without a GPU, and with the same bits.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from heliox.kernels import cache, user


class HostArray:
    """An array of the stand-in (`heliox.kernels.device.DeviceArray`)."""

    def __init__(self, array: NDArray) -> None:
        self.array = array
        self.shape, self.dtype, self.nbytes = array.shape, array.dtype, array.nbytes

    def put(self, host: NDArray, stream: Any = None) -> None:
        self.array[...] = host

    def get(self, out: NDArray | None = None, stream: Any = None) -> NDArray:
        if out is None:
            return self.array.copy()
        out[...] = self.array
        return out

    def copy_from(self, other: HostArray, stream: Any = None) -> None:
        self.array[...] = other.array

    def fill_zero(self, stream: Any = None) -> None:
        self.array[...] = 0


class HostStream:
    """Does at once what it is given; while captured, later."""

    def __init__(self, backend: HostBackend) -> None:
        self.backend = backend

    def synchronize(self) -> None:
        """Everything is done already."""

    def record(self, timing: bool = False) -> None:
        self.backend.calls.append("record")

    def wait(self, event: None) -> None:
        self.backend.calls.append("wait")


class HostGraph:
    def __init__(self, launches: list[Callable[[], None]]) -> None:
        self.launches = launches
        self.nodes = len(launches)

    def launch(self, stream: HostStream) -> None:
        for call in self.launches:
            call()


class _Maker:
    graph: HostGraph


class HostBackend:
    """`calls` lists what was launched, recorded and waited for.

    Parameters
    ----------
    lanes : int
        Threads of a block whose threads never meet, one behind the other.
    turned : bool
        The last block and thread come first. What depends on neither has no races between blocks, nor in
        kernels without a barrier.
    """

    target = "cpu"
    name = "CPU, kernel by kernel"
    near = 1 << 15  # float64 that a block may have for itself
    free = sys.maxsize  # bytes

    def __init__(self, lanes: int = 1, turned: bool = False) -> None:
        self.lanes, self.turned = lanes, turned
        self.calls: list[str] = []
        self._captured: list[Callable[[], None]] | None = None
        self.allocated = self.peak = 0

    def kernels(self, text: str, signatures: Mapping[str, list[str]]) -> dict[str, Any]:
        module = cache.load(text)
        return {n: getattr(module, n) for n in signatures}

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike) -> HostArray:
        return HostArray(np.zeros(shape, dtype))

    def upload(self, host: NDArray) -> HostArray:
        return HostArray(np.array(host, order="C"))

    def view(self, array: HostArray, first: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> NDArray:
        return np.lib.stride_tricks.as_strided(array.array[first:], shape, strides)

    def stream(self) -> HostStream:
        return HostStream(self)

    def launcher(
        self, kernel: Any, grid: tuple[int, int], block: int, arguments: list[Any], near: int = 0
    ) -> Callable[[HostStream], None]:
        given = [a.array if isinstance(a, HostArray) else a for a in arguments]

        def call() -> None:
            cache.call(kernel, *given, *grid, near, self.lanes, self.turned)

        def on(stream: HostStream) -> None:
            self.calls.append(kernel.__name__)
            if self._captured is None:
                call()
            else:
                self._captured.append(call)

        return on

    def each(self, kernel: Callable[..., Any], count: int, given: list[Any], types: list[str]) -> None:
        """A user's kernel for each of `count` turns (`heliox.kernels.user`)."""
        self.calls.append("each")
        user.each(kernel, count, [_opened(a) for a in given])

    @contextmanager
    def capture(self, stream: HostStream) -> Iterator[_Maker]:
        maker = _Maker()
        self._captured = []
        try:
            yield maker
            maker.graph = HostGraph(self._captured)
        finally:
            self._captured = None


def _opened(given: Any) -> Any:
    """The array behind a stand-in's."""
    if isinstance(given, user.Pair):
        return user.Pair(given.arena.array, given.addresses.array)
    return given.array if isinstance(given, HostArray) else given
