"""CUDA as what runs the kernels of a step: compiled for the device, launched without Numba's dispatcher."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from numba.core.errors import NumbaError
from numpy.typing import DTypeLike, NDArray

from heliox.kernels import cache, device, user
from heliox.kernels.step_module import TYPES

TURNS = 128  # threads of a block that work on a user's kernel


class DeviceView:
    """Part of an array on the device, for whoever knows ``__cuda_array_interface__``."""

    def __init__(
        self, array: device.DeviceArray, first: int, shape: tuple[int, ...], strides: tuple[int, ...]
    ) -> None:
        self.array = array  # kept alive
        self.shape = shape
        self.__cuda_array_interface__ = {
            "shape": shape, "strides": strides, "typestr": "<f8", "version": 3,
            "data": (array.pointer + 8 * first, False),
        }  # fmt: skip


class CudaBackend:
    """A GPU (the stand-in is `heliox.kernels.one_by_one.HostBackend`)."""

    target = "cuda"

    def __init__(self, name: str) -> None:
        self.device = device.find(name)
        self.name = self.device.name
        self.near = self.device.shared // 8

    @property
    def allocated(self) -> int:
        return self.device.allocated

    @property
    def free(self) -> int:
        return self.device.free

    @property
    def peak(self) -> int:
        return self.device.peak

    def kernels(self, text: str, signatures: Mapping[str, list[str]]) -> dict[str, Any]:
        """Kernels by name, compiled unless they are found in the cache."""
        made = images(text, signatures, self.device.capability)
        return {n: self.device.kernel(image) for n, image in made.items()}

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike) -> device.DeviceArray:
        return self.device.zeros(shape, dtype)

    def upload(self, host: NDArray) -> device.DeviceArray:
        return self.device.upload(host)

    def view(
        self, array: device.DeviceArray, first: int, shape: tuple[int, ...], strides: tuple[int, ...]
    ) -> DeviceView:
        """Float64 of an array in place; strides in bytes."""
        return DeviceView(array, first, shape, strides)

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

    def each(self, kernel: Callable[..., Any], count: int, given: list[Any], types: list[str]) -> None:
        """A user's kernel for each of `count` turns (`heliox.kernels.user`), and wait for it."""
        if count < 1:
            return
        image = each_image(
            kernel, tuple(isinstance(a, user.Pair) for a in given), types, self.device.capability
        )
        launch = device.Launch(
            self.device.kernel(image), -(-count // TURNS), TURNS, [count, *user.flat(given)]
        )
        stream = self.device.stream()
        launch.on(stream)
        stream.synchronize()

    def capture(self, stream: device.Stream) -> Any:
        return self.device.capture(stream)


def each_image(
    kernel: Callable[..., Any], pairs: tuple[bool, ...], types: list[str], capability: tuple[int, int]
) -> device.Image:
    """Machine code that calls a user's kernel in every thread; needs no GPU."""
    names, given = user.written(pairs)
    text = (
        f"def loop(_count, {names}):\n"
        "    _k = _cuda.blockIdx.x * _cuda.blockDim.x + _cuda.threadIdx.x\n"
        f"    if _k < _count:\n        _kernel(_k, {given})\n"
    )
    loop = user.made(text, _kernel=device.function(kernel), _cuda=device.toolkit())
    key = cache.content(text + user.identity(kernel))
    try:
        return device.compiled(loop, ["int64", *types], capability, key)
    except NumbaError as e:
        raise user.refusal(kernel, e) from e


def images(
    text: str,
    signatures: Mapping[str, list[str]],
    capability: tuple[int, int],
) -> dict[str, device.Image]:
    """Every kernel of a CUDA module as machine code of a capability; needs no GPU."""
    module, key = cache.load(text), cache.content(text)
    return {
        n: device.compiled(getattr(module, n), [TYPES[x] for x in s], capability, key)
        for n, s in signatures.items()
    }
