"""What a device has: arrays, streams, events, kernels, launches, captured graphs.

They reach the driver through their device, ``device.call``; see :mod:`heliox.kernels.device`.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.errors import DeviceError
from heliox.kernels.image import Image, parsed
from heliox.kernels.probe import dotted

if TYPE_CHECKING:
    from heliox.kernels.device import Device


class Capture(threading.local):
    """Of this thread: what the graph being captured uses, else None."""

    kept: list | None = None


capture = Capture()


class Memory:
    """Device memory, freed when nothing refers to it."""

    def __init__(self, device: Device, nbytes: int) -> None:
        self.device, self.pointer = device, 0
        if nbytes == 0:
            return
        device.calm("an allocation")
        try:
            self.pointer = int(self.device.call("cuMemAlloc", nbytes))
        except DeviceError as e:
            free = f"{nbytes / 2**30:.3g} GiB wanted, {device.free / 2**30:.3g} GiB free"
            raise DeviceError(f"{device.name}: {e} ({free})", **e.fields) from None
        device.allocated += nbytes
        device.peak = max(device.peak, device.allocated)
        weakref.finalize(self, device.give_back, "cuMemFree", self.pointer, nbytes)


class DeviceArray:
    """A contiguous array on the device, or a part of one; `pointer` is its address, 0 where it is empty.

    Without a stream, calls wait for everything on the device and return when they are done.
    """

    def __init__(
        self, device: Device, memory: Memory, offset: int, shape: tuple[int, ...], dtype: np.dtype
    ) -> None:
        self.device, self.shape, self.dtype = device, shape, dtype
        self.nbytes = prod(shape) * dtype.itemsize
        self.pointer = memory.pointer + offset if self.nbytes else 0
        self._memory, self._offset = memory, offset

    def __repr__(self) -> str:
        return f"<DeviceArray {self.dtype.name}{list(self.shape)} on cuda:{self.device.index}>"

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self.pointer, False),
            "strides": None,
            "stream": None,
            "version": 3,
        }

    def part(self, start: int, stop: int) -> DeviceArray:
        """Elements `start` to `stop` of the first axis, sharing memory."""
        if not 0 <= start <= stop <= self.shape[0]:
            raise DeviceError(f"part {start}:{stop} of an array of {self.shape[0]}")
        row = prod(self.shape[1:]) * self.dtype.itemsize
        shape = (stop - start, *self.shape[1:])
        return DeviceArray(self.device, self._memory, self._offset + start * row, shape, self.dtype)

    def put(self, host: ArrayLike, stream: Stream | None = None) -> DeviceArray:
        """Copy from the host; with a stream, page-locked memory must stay as it is until that is done."""
        values = np.ascontiguousarray(host, self.dtype).reshape(np.shape(host))
        self._same(values.shape)
        return self._do(stream, (values,), "cuMemcpyHtoDAsync", self.pointer, values.ctypes.data, self.nbytes)

    def get(self, out: NDArray | None = None, stream: Stream | None = None) -> NDArray:
        """Copy to the host; with a stream, the values are there once that is done."""
        if out is None:
            out = np.empty(self.shape, self.dtype)
        if out.dtype != self.dtype or not (out.flags.c_contiguous and out.flags.writeable):
            raise DeviceError(f"out must be a contiguous, writeable array of {self.dtype.name}")
        self._same(out.shape)
        self._do(stream, (out,), "cuMemcpyDtoHAsync", out.ctypes.data, self.pointer, self.nbytes)
        return out

    def copy_from(self, other: DeviceArray, stream: Stream | None = None) -> DeviceArray:
        """Copy from another array of the same shape and type."""
        self._same(other.shape)
        if other.dtype != self.dtype:
            raise DeviceError(f"an array of {other.dtype.name} where one of {self.dtype.name} is needed")
        return self._do(stream, (other,), "cuMemcpyDtoDAsync", self.pointer, other.pointer, self.nbytes)

    def fill_zero(self, stream: Stream | None = None) -> DeviceArray:
        """Set all bytes to zero."""
        return self._do(stream, (), "cuMemsetD8Async", self.pointer, 0, self.nbytes)

    def _same(self, shape: tuple[int, ...]) -> None:
        if tuple(shape) != self.shape:
            raise DeviceError(f"an array of shape {tuple(shape)} where one of {self.shape} is needed")

    def _do(self, stream: Stream | None, kept: tuple, name: str, *arguments: int) -> DeviceArray:
        if self.nbytes:
            if stream is None:  # streams do not wait for the driver's own synchronous copies
                self.device.synchronize()
                self.device.call(name, *arguments, self.device.own.handle)
                self.device.own.synchronize()
            else:
                self.device.use()
                self.device.call(name, *arguments, stream.handle)
                if capture.kept is not None:
                    capture.kept.append((self, stream, *kept))
        return self


class Stream:
    """A queue of the device; `handle` is the driver's."""

    def __init__(self, device: Device) -> None:
        self.device = device
        device.calm("a new stream")
        self.handle = int(
            self.device.call("cuStreamCreate", self.device.api.CUstream_flags.CU_STREAM_NON_BLOCKING)
        )
        weakref.finalize(self, device.give_back, "cuStreamDestroy", self.handle)

    def synchronize(self) -> None:
        """Wait for everything put on this stream."""
        self.device.calm("synchronizing")
        self.device.call("cuStreamSynchronize", self.handle)

    def record(self, timing: bool = False) -> Event:
        """An event that happens when all that is on the stream now is done."""
        event = Event(self.device, timing)
        self.device.call("cuEventRecord", event.handle, self.handle)
        if capture.kept is not None:
            capture.kept.append((event, self))
        return event

    def wait(self, event: Event) -> None:
        """Let what is put on this stream from now on begin after `event`."""
        self.device.use()
        self.device.call("cuStreamWaitEvent", self.handle, event.handle, 0)
        if capture.kept is not None:
            capture.kept.append((event, self))


class Event:
    """A moment of a stream; made by :meth:`Stream.record`."""

    def __init__(self, device: Device, timing: bool) -> None:
        self.device, self.timing = device, timing
        device.use()
        flags = self.device.api.CUevent_flags
        kind = flags.CU_EVENT_DEFAULT if timing else flags.CU_EVENT_DISABLE_TIMING
        self.handle = int(self.device.call("cuEventCreate", kind))
        weakref.finalize(self, device.give_back, "cuEventDestroy", self.handle)

    def synchronize(self) -> None:
        """Wait for it."""
        self.device.calm("synchronizing")
        self.device.call("cuEventSynchronize", self.handle)

    def elapsed_ms(self, earlier: Event) -> float:
        """Milliseconds since `earlier`, both recorded with ``timing=True``; waits for this one."""
        if not (self.timing and earlier.timing):
            raise DeviceError("only events recorded with timing=True have times")
        self.synchronize()
        return float(self.device.call("cuEventElapsedTime", earlier.handle, self.handle))


class Kernel:
    """An image on a device; `threads` is the most that a block of it may have."""

    def __init__(self, device: Device, image: Image) -> None:
        made, here = image.capability, device.capability
        if made[0] != here[0] or made > here:
            raise DeviceError(
                f"kernel {image.name} is for capability {dotted(made)}, {device.name} has {dotted(here)}"
            )
        self.device, self.image = device, image
        device.calm("loading a kernel")
        self._module = self.device.call("cuModuleLoadData", image.cubin)
        function = self.device.call(
            "cuModuleGetFunction", self._module, (image.symbol or image.name).encode()
        )
        self.handle = int(function)
        self._attributes = self.device.api.CUfunction_attribute
        # otherwise its first launch would load it, which a capture does not allow; drivers before 12.4 do not
        # know the call and load it when they are asked for its attributes
        with contextlib.suppress(Exception):
            device.api.cuFuncLoad(self.handle)
        most = self._attributes.CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK
        self.threads = int(device.call("cuFuncGetAttribute", most, self.handle))
        self._shared = 48 * 1024 - image.shared

    def allow(self, shared: int) -> None:
        """Let blocks have so many bytes of dynamic shared memory."""
        if shared <= self._shared:
            return
        if shared + self.image.shared > self.device.shared:
            raise DeviceError(
                f"kernel {self.image.name}: {shared + self.image.shared} bytes of shared memory, "
                f"{self.device.name} has {self.device.shared} for a block"
            )
        self.device.use()
        attribute = self._attributes.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
        self.device.call("cuFuncSetAttribute", self.handle, attribute, shared)
        self._shared = shared


# ---------------------------------------------------------------------------------------- launches and graphs


def _three(size: int | Sequence[int]) -> tuple[int, int, int]:
    sizes = (int(size),) if np.ndim(size) == 0 else tuple(map(int, size))  # type: ignore[arg-type]
    if not 1 <= len(sizes) <= 3 or min(sizes) < 1:
        raise DeviceError(f"{size!r} is no size of a grid or block: one to three numbers of at least 1")
    return (*sizes, 1, 1)[:3]  # type: ignore[return-value]


def packed(name: str, types: Sequence[str], arguments: Sequence[Any]) -> NDArray[np.uint64]:
    """The words of a kernel's parameters as numba's kernels take them, eight bytes each."""
    if len(types) != len(arguments):
        raise DeviceError(f"kernel {name} takes {len(types)} arguments, not {len(arguments)}")
    words: list[bytes] = []
    for k, (text, value) in enumerate(zip(types, arguments)):
        dtype, dimensions, _ = parsed(text)
        if isinstance(value, DeviceArray) != (dimensions != 0):
            raise DeviceError(f"kernel {name}, argument {k}: {value!r} where {text} is needed")
        if dimensions == 0:
            if not isinstance(value, (int, np.integer) if dtype.kind in "iu" else (int, float, np.number)):
                raise DeviceError(f"kernel {name}, argument {k}: {value!r} where {text} is needed")
            try:
                words.append(np.array(value, dtype).tobytes().ljust(8, b"\0"))
            except OverflowError:
                raise DeviceError(f"kernel {name}, argument {k}: {value} does not fit {text}") from None
            continue
        if value.dtype != dtype or dimensions not in (-1, len(value.shape)):
            raise DeviceError(f"kernel {name}, argument {k}: {value!r} where {text} is needed")
        numbers = [value.pointer]
        if dimensions > 0:
            size = dtype.itemsize
            strides = [size * prod(value.shape[d + 1 :]) for d in range(dimensions)]
            # two words numba does not use on the device, elements, bytes of one, then the array itself
            numbers = [0, 0, prod(value.shape), size, value.pointer, *value.shape, *strides]
        words += [np.uint64(n).tobytes() for n in numbers]
    return np.frombuffer(b"".join(words), np.uint64).copy()


class Launch:
    """A kernel with its arguments, ready to be launched any number of times.

    Parameters
    ----------
    kernel : Kernel
    grid, block : int or sequence of up to three
    arguments : sequence of DeviceArray, int, float
        They are kept alive. Numbers are what they are now.
    shared : int
        Bytes of dynamic shared memory of a block.
    """

    def __init__(
        self, kernel: Kernel, grid: int | Sequence[int], block: int | Sequence[int], arguments: Sequence[Any],
        shared: int = 0,
    ) -> None:  # fmt: skip
        self.kernel, self.arguments = kernel, tuple(arguments)
        grid, block = _three(grid), _three(block)
        if prod(block) > kernel.threads:
            raise DeviceError(f"kernel {kernel.image.name}: a block of {prod(block)} threads; it can have "
                              f"{kernel.threads} with its {kernel.image.registers} registers")  # fmt: skip
        kernel.allow(shared)
        self.words = packed(kernel.image.name, kernel.image.types, self.arguments)
        self._table = self.words.ctypes.data + 8 * np.arange(self.words.size, dtype=np.uint64)
        self._before = (kernel.handle, *grid, *block, int(shared))
        self._after = (self._table.ctypes.data if self._table.size else 0, 0)
        self._launch, self._use = kernel.device.api.cuLaunchKernel, kernel.device.use

    def on(self, stream: Stream) -> None:
        """Put it on a stream."""
        self._use()
        (code,) = self._launch(*self._before, stream.handle, *self._after)
        if code != 0:
            raise DeviceError(f"cuLaunchKernel of {self.kernel.image.name}: {getattr(code, 'name', code)}")
        if capture.kept is not None:
            capture.kept.append((self, stream))


class GraphMaker:
    """What :meth:`Device.capture` gives; `graph` is there after its block."""

    _graph: Graph | None = None

    @property
    def graph(self) -> Graph:
        """The graph."""
        if self._graph is None:
            raise DeviceError("the graph is there when its block has ended")
        return self._graph


class Graph:
    """Captured work, ready to be launched any number of times; it keeps alive what it uses."""

    def __init__(self, device: Device, graph: Any, kept: list) -> None:
        self.device, self._kept, self._launch = device, kept, device.api.cuGraphLaunch
        if not int(graph):
            raise DeviceError("the capture is spoilt: a stream is not joined again, or a call is not legal")
        weakref.finalize(self, device.give_back, "cuGraphDestroy", graph)
        self.nodes = int(self.device.call("cuGraphGetNodes", graph)[-1])
        self.handle = int(self.device.call("cuGraphInstantiate", graph, 0))
        weakref.finalize(self, device.give_back, "cuGraphExecDestroy", self.handle)

    def launch(self, stream: Stream) -> None:
        """Put it on a stream."""
        self.device.use()
        (code,) = self._launch(self.handle, stream.handle)
        if code != 0:
            raise DeviceError(f"cuGraphLaunch: {getattr(code, 'name', code)}")
