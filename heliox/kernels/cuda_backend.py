"""CUDA as what runs the kernels of a step: compiled for the device at hand, launched without Numba's dispatcher."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from numpy.typing import DTypeLike, NDArray

from heliox.kernels import cache, device
from heliox.kernels.step_module import READ_ONLY, TYPES


# shared memory that a block may ask for (CUDA's programming guide, technical specifications)
NEAR_BYTES = {
    (7, 0): 98_304, (7, 2): 98_304, (7, 5): 65_536, (8, 0): 166_912, (8, 6): 101_376, (8, 7): 166_912,
    (8, 9): 101_376, (9, 0): 232_448, (10, 0): 232_448, (10, 3): 232_448, (12, 0): 101_376, (12, 1): 101_376,
}  # fmt: skip


class CudaBackend:
    """A GPU (the stand-in is `heliox.kernels.one_by_one.HostBackend`)."""

    target = "cuda"

    def __init__(self, name: str) -> None:
        self.device = device.find(name)
        self.name = self.device.name
        self.near = NEAR_BYTES.get(self.device.capability, 48 * 1024) // 8

    @property
    def allocated(self) -> int:
        return self.device.allocated

    @property
    def peak(self) -> int:
        return self.device.peak

    def kernels(
        self, text: str, signatures: Mapping[str, list[str]], registers: Mapping[str, int]
    ) -> dict[str, Any]:
        """Kernels by name, compiled unless they are found in the cache.

        `registers`: the most that a thread may have, of those kernels that are limited.
        """
        made = images(text, signatures, self.device.capability, registers)
        return {n: self.device.kernel(image) for n, image in made.items()}

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike) -> device.DeviceArray:
        return self.device.zeros(shape, dtype)

    def upload(self, host: NDArray) -> device.DeviceArray:
        return self.device.upload(host)

    def stream(self) -> device.Stream:
        return self.device.stream()

    def launcher(
        self,
        kernel: device.Kernel,
        grid: tuple[int, int],
        block: int,
        arguments: list[Any],
        near: int = 0,
    ) -> Callable[[device.Stream], None]:
        """A launch, ready to go; `near`: float64 of memory that the threads of a block share."""
        return device.Launch(kernel, grid, block, arguments, 8 * near).on

    def capture(self, stream: device.Stream) -> Any:
        return self.device.capture(stream)


def images(
    text: str,
    signatures: Mapping[str, list[str]],
    capability: tuple[int, int],
    registers: Mapping[str, int] = MappingProxyType({}),
) -> dict[str, device.Image]:
    """Every kernel of a CUDA module as machine code of a capability; needs no GPU."""
    module, key = cache.load(text), cache.content(text)
    return {
        n: device.compiled(
            getattr(module, n), [TYPES[x] for x in s], capability, key, registers.get(n),
            apart={x: x in READ_ONLY for x in s if "[" in TYPES[x]},
        )  # fmt: skip
        for n, s in signatures.items()
    }
