"""The GPU: compiling a plain function to machine code, memory, streams, launches, captured graphs.

The only file that knows numba-cuda and NVIDIA's Python packages; they are imported when they are first
needed. Compiling needs neither a driver nor a device. Every failure of the driver is a ``DeviceError`` with
its name for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import re
import tempfile
import threading
import types as pytypes
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property, lru_cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from heliox.errors import DeviceError
from heliox.kernels import probe

describe = probe.describe

# ------------------------------------------------------------------------------------------------- compiling

_OPTIONS = "contraction off, 2"  # to be changed with the options of `_link` and `_ptx`
_compiling = threading.RLock()


@cache
def toolkit() -> pytypes.ModuleType:
    """NVIDIA's ``numba.cuda``; raises DeviceError with the line that installs it."""
    if problem := probe.missing():
        raise DeviceError(problem)
    with _row_stack():
        try:
            from numba import cuda
        except ImportError as e:
            line = probe.pip_line(probe.cuda_of_wheels())
            raise DeviceError(f"numba-cuda cannot be imported ({e}): {line}") from None
        if getattr(cuda, "implementation", "") != "NVIDIA":
            # numba-cuda takes its place by a .pth file, which is read in site-packages only
            raise DeviceError(
                "numba.cuda is the old target that numba brings, not numba-cuda's: install it into "
                f"site-packages, {probe.pip_line(probe.cuda_of_wheels())}"
            )
        if not hasattr(cuda, "libdevice") and os.environ.get("NUMBA_ENABLE_CUDASIM", "0") != "0":
            raise DeviceError("numba's CUDA simulator is on; unset NUMBA_ENABLE_CUDASIM")
        import numba.cuda.libdevice
        import numba.cuda.np.arrayobj  # noqa: F401  (asks for row_stack)
    return cuda


@contextlib.contextmanager
def _row_stack() -> Iterator[None]:
    """Lend NumPy 2.5 the name that numba-cuda up to 0.30 asks for while it is imported."""
    if hasattr(np, "row_stack"):
        yield
        return
    setattr(np, "row_stack", np.vstack)  # noqa: B010  (mypy does not know the name)
    try:
        yield
    finally:
        delattr(np, "row_stack")


def function(f: Callable) -> Any:
    """Make a device function that is always inlined."""
    return toolkit().jit(device=True, forceinline=True)(f)


def outline(f: Callable) -> Any:
    """Make a device function that the compiler may leave as a call."""
    return toolkit().jit(device=True)(f)


def libdevice() -> pytypes.ModuleType:
    """NVIDIA's device functions by name: ``fma``, ``double_as_longlong``, ..."""
    return toolkit().libdevice


@dataclass(frozen=True)
class Image:
    """A compiled kernel; sizes in bytes: stack and spills of a thread, shared memory of a block."""

    cubin: bytes
    name: str
    registers: int
    stack: int
    spills: int
    shared: int
    constant: int
    symbol: str = ""
    types: tuple[str, ...] = ()
    capability: tuple[int, int] = (0, 0)


def compiled(
    f: Callable, types: Sequence[str], cc: tuple[int, int], key: str, max_registers: int | None = None
) -> Image:
    """Compile a function of scalars and arrays as a kernel, or take it from the cache.

    Parameters
    ----------
    f : function
        Plain Python; may call what :func:`function` and :func:`outline` made.
    types : sequence of str
        One a parameter: ``"float64[::1]"``, ``"int64[:, ::1]"``, ``"int64"``, ``"float64*"`` (a bare pointer).
    cc : tuple
        Compute capability, e.g. (9, 0).
    key : str
        Hash of everything that `f` is made of.
    max_registers : int, optional

    With the environment variable ``HELIOX_CUBINS=any``, versions of compilers do not matter to the cache.
    """
    from heliox.kernels import cache

    types = tuple(types)
    said = "\n".join((key, f.__name__, *types, str(cc), str(max_registers), _OPTIONS))
    stem = f"heliox_{_hash(said)[:24]}_sm{cc[0]}{cc[1]}"
    versions = [f"{name} {probe.wheels().get(name)}" for name in probe.COMPILERS]
    path = cache.folder() / f"{stem}_{_hash(chr(10).join(versions))[:8]}.cubin"
    usable = [path]
    if os.environ.get("HELIOX_CUBINS") == "any":
        usable += sorted(path.parent.glob(f"{stem}_*.cubin"))
    for place in usable:
        if image := _read(place):
            return image
    with _compiling:
        symbol, ptx = _ptx(f, types, cc)
        cubin, log = _link(ptx, cc, max_registers)
    image = Image(cubin, f.__name__, *_figures(log, symbol), symbol, types, tuple(cc))
    _write(path, image)
    return image


def _hash(text: str | bytes) -> str:
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def _read(path: Path) -> Image | None:
    try:
        head, _, cubin = path.read_bytes().partition(b"\n")
        fields = json.loads(head)
        if fields.pop("sha256") != _hash(cubin):
            return None
        fields["types"], fields["capability"] = tuple(fields["types"]), tuple(fields["capability"])
        return Image(cubin, **fields)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _write(path: Path, image: Image) -> None:
    fields = asdict(image) | {"sha256": _hash(image.cubin)}
    del fields["cubin"]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, suffix=".tmp", delete=False) as f:
            f.write(json.dumps(fields).encode() + b"\n" + image.cubin)
        os.replace(f.name, path)
    except OSError:
        pass  # compiled again next time


def _ptx(f: Callable, types: Sequence[str], cc: tuple[int, int]) -> tuple[str, str]:
    """The kernel's symbol and its assembly text."""
    toolkit()
    from numba.cuda import compiler, dispatcher
    from numba.cuda.types import void

    # device functions ask for the current device when they are compiled, for its capability only
    ask = dispatcher.get_current_device
    dispatcher.get_current_device = lambda: pytypes.SimpleNamespace(compute_capability=tuple(cc))
    try:
        signature = void(*map(_numba_type, types))
        library, _ = compiler._compile_pyfunc_with_fixup(
            f, signature, debug=False, device=False, fastmath=False, cc=tuple(cc), opt=True, abi="numba"
        )
        library._nvvm_options["fma"] = False  # no contraction: numba-cuda has no option for it
        ptx = library.get_asm_str(cc=tuple(cc))
    except RuntimeError as e:
        if "NVVM" not in str(e).upper() and type(e).__name__ != "DynamicLibNotFoundError":
            raise
        line = probe.pip_line(probe.cuda_of_wheels())
        raise DeviceError(f"NVIDIA's compiler NVVM is not found: {line}") from None
    finally:
        dispatcher.get_current_device = ask
    if library.needs_cudadevrt or library._linking_files:
        raise DeviceError(f"kernel {f.__name__} needs a library on the device")
    # numba's name says all types: 100 kilobytes of text for a kernel of many arrays
    symbol = f"heliox_{f.__name__}"
    return symbol, ptx.replace(library._entry_name, symbol)


def _link(ptx: str, cc: tuple[int, int], max_registers: int | None) -> tuple[bytes, str]:
    """Machine code and the linker's remarks."""
    from cuda.bindings import nvjitlink

    options = [f"-arch=sm_{cc[0]}{cc[1]}", "-O3", "-fma=0", "-verbose"]
    if max_registers is not None:
        options.append(f"-maxrregcount={max_registers}")
    text = ptx.encode() + b"\0"

    def remarks(size: Callable, get: Callable) -> str:
        buffer = bytearray(size(linker))
        get(linker, buffer)
        return buffer.decode(errors="replace").rstrip("\0\n ")

    linker = nvjitlink.create(len(options), options)
    try:
        nvjitlink.add_data(linker, nvjitlink.InputType.PTX, text, len(text), "kernel")
        nvjitlink.complete(linker)
        cubin = bytearray(nvjitlink.get_linked_cubin_size(linker))
        nvjitlink.get_linked_cubin(linker, cubin)
        return bytes(cubin), remarks(nvjitlink.get_info_log_size, nvjitlink.get_info_log)
    except nvjitlink.nvJitLinkError as e:
        log = remarks(nvjitlink.get_error_log_size, nvjitlink.get_error_log)
        raise DeviceError(f"nvJitLink: {e}: {log[-500:]}") from None
    finally:
        nvjitlink.destroy(linker)


def _figures(log: str, symbol: str) -> tuple[int, int, int, int, int]:
    """registers, stack, spills, shared, constant; what the linker does not say is 0, registers are at least
    1."""

    def most(pattern: str, text: str = log) -> int:
        return max((int(n) for n in re.findall(pattern, text)), default=0)

    spills = most(r"(\d+) bytes spill stores") + most(r"(\d+) bytes spill loads")
    stack = max(most(r"(\d+) bytes stack frame"), most(r"(\d+) stack,"))
    shared, constant = most(r"(\d+) bytes smem"), most(r"(\d+) bytes cmem\[0\]")
    return max(most(r"[Uu]sed (\d+) registers"), 1), stack, spills, shared, constant


@lru_cache(maxsize=None)
def _parsed(text: str) -> tuple[np.dtype, int, bool]:
    """Element type, dimensions (-1: bare pointer, 0: scalar), whether an array must be contiguous."""
    found = re.fullmatch(r"(u?int(?:8|16|32|64)|float(?:32|64))(\*|\[[: ,]*(?:::1)?\])?", text)
    if found is None:
        raise DeviceError(f"{text!r} is no type of a kernel's parameter; such are 'int64', 'float64[::1]'")
    name, shape = found.groups()
    if shape in (None, "*"):
        return np.dtype(name), 0 if shape is None else -1, True
    return np.dtype(name), shape.count(",") + 1, "::1" in shape


def _numba_type(text: str) -> Any:
    from numba.cuda import types

    dtype, dimensions, contiguous = _parsed(text)
    scalar = getattr(types, dtype.name)
    if dimensions < 1:
        return scalar if dimensions == 0 else types.CPointer(scalar)
    return types.Array(scalar, dimensions, "C" if contiguous else "A")


# ---------------------------------------------------------------------------------------------------- device

_devices: dict[int, Device] = {}


class _Capture(threading.local):
    """Of this thread: what the graph being captured uses, else None; and memory to be freed after it."""

    kept: list | None = None


_capture = _Capture()


@cache
def _driver() -> Any:
    from cuda.bindings import driver

    return driver


def _call(name: str, *arguments: Any) -> Any:
    """Call the driver; its result, or DeviceError."""
    code, *results = getattr(_driver(), name)(*arguments)
    if code != 0:
        raise DeviceError(f"{name}: {getattr(code, 'name', code)}", call=name, code=int(code))
    return results[0] if len(results) == 1 else tuple(results)


def _silent(name: str, *arguments: Any) -> None:
    """Give something back; at the end of the process the driver may be gone."""
    with contextlib.suppress(Exception):
        getattr(_driver(), name)(*arguments)


def available() -> str:
    """Why ``find("cuda")`` would fail, in one line; empty if it would not."""
    return probe.reason(0)


def find(name: str = "cuda") -> Device:
    """The device of a name, ``"cuda"`` or ``"cuda:1"``; the same object every time."""
    found = re.fullmatch(r"cuda(?::(\d+))?", name)
    if found is None:
        raise DeviceError(f"device {name!r}: legal are 'cuda', 'cuda:0', 'cuda:1', ...", device=name)
    index = int(found.group(1) or 0)
    if problem := probe.reason(index):
        raise DeviceError(problem, device=name)
    with _compiling:
        if index not in _devices:
            _devices[index] = Device(index)
        return _devices[index]


class Device:
    """A CUDA device; get it from :func:`find`.

    Attributes
    ----------
    index, name, capability, processors, memory, driver
        memory in bytes, driver the version of CUDA that it is for.
    shared
        The most dynamic shared memory of a block, in bytes.
    allocated, peak
        Bytes of arrays made here, now and at most.
    """

    def __init__(self, index: int) -> None:
        found, version = probe.driver().devices[index], probe.driver().version
        self.index, self.name, self.capability = index, found.name, found.capability
        self.processors, self.memory = found.processors, found.memory
        self.driver = f"{version[0]}.{version[1]}"
        self.allocated = self.peak = 0
        _call("cuInit", 0)
        handle = _call("cuDeviceGet", index)
        # the primary context: the one that torch and cupy use
        self._context = int(_call("cuDevicePrimaryCtxRetain", handle))
        attribute = _driver().CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
        self.shared = int(_call("cuDeviceGetAttribute", attribute, handle))
        self._kernels: dict[tuple[str, bytes], Kernel] = {}
        self._late: list[tuple] = []

    def __repr__(self) -> str:
        return f"<cuda:{self.index} {self.name}>"

    def use(self) -> None:
        """Make this the thread's current device."""
        _call("cuCtxSetCurrent", self._context)

    @property
    def free(self) -> int:
        """Bytes that are free on the device."""
        self.use()
        return int(_call("cuMemGetInfo")[0])

    def zeros(self, shape: int | Sequence[int], dtype: DTypeLike = float) -> DeviceArray:
        """A new array of zeros."""
        return self._empty(shape, dtype).fill_zero()

    def upload(self, host: ArrayLike) -> DeviceArray:
        """A new array with the values of `host`, in its type."""
        host = np.asarray(host)
        return self._empty(host.shape, host.dtype).put(host)

    def _empty(self, shape: int | Sequence[int], dtype: DTypeLike) -> DeviceArray:
        shape = (int(shape),) if np.ndim(shape) == 0 else tuple(map(int, shape))  # type: ignore[arg-type]
        dtype = np.dtype(dtype)
        return DeviceArray(self, _Memory(self, prod(shape) * dtype.itemsize), 0, shape, dtype)

    def stream(self) -> Stream:
        """A new stream, which waits for no other."""
        return Stream(self)

    def pinned(self, shape: int | Sequence[int], dtype: DTypeLike = float) -> NDArray:
        """A new array of page-locked host memory, freed with its last view."""
        shape = (int(shape),) if np.ndim(shape) == 0 else tuple(map(int, shape))  # type: ignore[arg-type]
        dtype = np.dtype(dtype)
        nbytes = prod(shape) * dtype.itemsize
        if nbytes == 0:
            return np.zeros(shape, dtype)
        self._calm("page-locked memory")
        pointer = int(_call("cuMemHostAlloc", nbytes, 0))
        buffer = (ctypes.c_byte * nbytes).from_address(pointer)
        weakref.finalize(buffer, self._give_back, "cuMemFreeHost", pointer)
        array = np.frombuffer(buffer, np.uint8).view(dtype).reshape(shape)
        array[...] = 0
        return array

    def kernel(self, image: Image) -> Kernel:
        """The image on the device, loaded once."""
        key = (image.name, image.cubin)
        if key not in self._kernels:
            self._kernels[key] = Kernel(self, image)
        return self._kernels[key]

    @contextlib.contextmanager
    def capture(self, stream: Stream) -> Iterator[GraphMaker]:
        """Make a graph of what is put on `stream`, and on streams that wait for its events, in the block.

        Nothing is executed in the block. Streams must be joined again at its end; nothing may be allocated,
        freed or synchronized in it.
        """
        self._calm("a capture")
        maker, driver = GraphMaker(), _driver()
        _call("cuStreamBeginCapture", stream.handle,
              driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)  # fmt: skip
        _capture.kept = kept = [stream]
        try:
            yield maker
        except BaseException:
            code, graph = driver.cuStreamEndCapture(stream.handle)
            if code == 0 and int(graph):
                _silent("cuGraphDestroy", graph)
            raise
        else:
            maker._graph = Graph(self, _call("cuStreamEndCapture", stream.handle), kept)
        finally:
            _capture.kept = None
            while self._late:
                self._give_back(*self._late.pop())

    def synchronize(self) -> None:
        """Wait for everything on the device."""
        self._calm("synchronizing")
        _call("cuCtxSynchronize")

    @cached_property
    def _own(self) -> Stream:
        """The stream of synchronous copies."""
        return Stream(self)

    def _calm(self, what: str) -> None:
        if _capture.kept is not None:
            raise DeviceError(f"{what} is not possible while a graph is captured")
        self.use()

    def _give_back(self, name: str, pointer: int, nbytes: int = 0) -> None:
        if _capture.kept is not None:  # freeing would spoil the capture
            self._late.append((name, pointer, nbytes))
            return
        self.allocated -= nbytes
        _silent("cuCtxSetCurrent", self._context)
        _silent(name, pointer)


class _Memory:
    """Device memory, freed when nothing refers to it."""

    def __init__(self, device: Device, nbytes: int) -> None:
        self.pointer = 0
        if nbytes == 0:
            return
        device._calm("an allocation")
        try:
            self.pointer = int(_call("cuMemAlloc", nbytes))
        except DeviceError as e:
            free = f"{nbytes / 2**30:.3g} GiB wanted, {device.free / 2**30:.3g} GiB free"
            raise DeviceError(f"{device.name}: {e} ({free})", **e.fields) from None
        device.allocated += nbytes
        device.peak = max(device.peak, device.allocated)
        weakref.finalize(self, device._give_back, "cuMemFree", self.pointer, nbytes)


class DeviceArray:
    """A contiguous array on the device, or a part of one; `pointer` is its address, 0 where it is empty.

    Without a stream, calls wait for everything on the device and return when they are done.
    """

    def __init__(
        self, device: Device, memory: _Memory, offset: int, shape: tuple[int, ...], dtype: np.dtype
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
        return {"shape": self.shape, "typestr": self.dtype.str, "data": (self.pointer, False), "strides": None,
                "stream": None, "version": 3}  # fmt: skip

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
                _call(name, *arguments, self.device._own.handle)
                self.device._own.synchronize()
            else:
                self.device.use()
                _call(name, *arguments, stream.handle)
                if _capture.kept is not None:
                    _capture.kept.append((self, stream, *kept))
        return self


class Stream:
    """A queue of the device; `handle` is the driver's."""

    def __init__(self, device: Device) -> None:
        self.device = device
        device._calm("a new stream")
        self.handle = int(_call("cuStreamCreate", _driver().CUstream_flags.CU_STREAM_NON_BLOCKING))
        weakref.finalize(self, device._give_back, "cuStreamDestroy", self.handle)

    def synchronize(self) -> None:
        """Wait for everything put on this stream."""
        self.device._calm("synchronizing")
        _call("cuStreamSynchronize", self.handle)

    def record(self, timing: bool = False) -> Event:
        """An event that happens when all that is on the stream now is done."""
        event = Event(self.device, timing)
        _call("cuEventRecord", event.handle, self.handle)
        if _capture.kept is not None:
            _capture.kept.append((event, self))
        return event

    def wait(self, event: Event) -> None:
        """Let what is put on this stream from now on begin after `event`."""
        self.device.use()
        _call("cuStreamWaitEvent", self.handle, event.handle, 0)
        if _capture.kept is not None:
            _capture.kept.append((event, self))


class Event:
    """A moment of a stream; made by :meth:`Stream.record`."""

    def __init__(self, device: Device, timing: bool) -> None:
        self.device, self.timing = device, timing
        device.use()
        flags = _driver().CUevent_flags
        kind = flags.CU_EVENT_DEFAULT if timing else flags.CU_EVENT_DISABLE_TIMING
        self.handle = int(_call("cuEventCreate", kind))
        weakref.finalize(self, device._give_back, "cuEventDestroy", self.handle)

    def synchronize(self) -> None:
        """Wait for it."""
        self.device._calm("synchronizing")
        _call("cuEventSynchronize", self.handle)

    def elapsed_ms(self, earlier: Event) -> float:
        """Milliseconds since `earlier`, both recorded with ``timing=True``; waits for this one."""
        if not (self.timing and earlier.timing):
            raise DeviceError("only events recorded with timing=True have times")
        self.synchronize()
        return float(_call("cuEventElapsedTime", earlier.handle, self.handle))


class Kernel:
    """An image on a device; `threads` is the most that a block of it may have."""

    def __init__(self, device: Device, image: Image) -> None:
        if image.capability[0] != device.capability[0] or image.capability > device.capability:
            raise DeviceError(f"kernel {image.name} is for capability {image.capability}, "
                              f"{device.name} has {device.capability}")  # fmt: skip
        self.device, self.image = device, image
        device._calm("loading a kernel")
        self._module = _call("cuModuleLoadData", image.cubin)
        function = _call("cuModuleGetFunction", self._module, (image.symbol or image.name).encode())
        self.handle = int(function)
        self._attributes = _driver().CUfunction_attribute
        # asking loads it: otherwise its first launch would, which a capture does not allow
        self.threads = int(_call("cuFuncGetAttribute",
                                 self._attributes.CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, self.handle))  # fmt: skip
        self._shared = 48 * 1024 - image.shared

    def allow(self, shared: int) -> None:
        """Let blocks have so many bytes of dynamic shared memory."""
        if shared <= self._shared:
            return
        if shared + self.image.shared > self.device.shared:
            raise DeviceError(f"kernel {self.image.name}: {shared + self.image.shared} bytes of shared memory, "
                              f"{self.device.name} has {self.device.shared} for a block")  # fmt: skip
        self.device.use()
        attribute = self._attributes.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
        _call("cuFuncSetAttribute", self.handle, attribute, shared)
        self._shared = shared


# ---------------------------------------------------------------------------------------- launches and graphs


def _three(size: int | Sequence[int]) -> tuple[int, int, int]:
    sizes = (int(size),) if np.ndim(size) == 0 else tuple(map(int, size))  # type: ignore[arg-type]
    if not 1 <= len(sizes) <= 3 or min(sizes) < 1:
        raise DeviceError(f"{size!r} is no size of a grid or block: one to three numbers of at least 1")
    return (*sizes, 1, 1)[:3]  # type: ignore[return-value]


def packed(name: str, types: Sequence[str], arguments: Sequence[Any]) -> NDArray[np.uint64]:
    """The words of a kernel's parameters as numba's kernels take them, one a parameter of the machine code."""
    if len(types) != len(arguments):
        raise DeviceError(f"kernel {name} takes {len(types)} arguments, not {len(arguments)}")
    words: list[bytes] = []
    for k, (text, value) in enumerate(zip(types, arguments)):
        dtype, dimensions, _ = _parsed(text)
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
        self._launch = _driver().cuLaunchKernel

    def on(self, stream: Stream) -> None:
        """Put it on a stream."""
        self.kernel.device.use()
        (code,) = self._launch(*self._before, stream.handle, *self._after)
        if code != 0:
            raise DeviceError(f"cuLaunchKernel of {self.kernel.image.name}: {getattr(code, 'name', code)}")
        if _capture.kept is not None:
            _capture.kept.append((self, stream))


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
        self.device, self._kept, self._launch = device, kept, _driver().cuGraphLaunch
        if not int(graph):
            raise DeviceError("the capture was spoilt: a stream was not joined again, or a call is not legal in it")
        weakref.finalize(self, device._give_back, "cuGraphDestroy", graph)
        self.nodes = int(_call("cuGraphGetNodes", graph)[-1])
        self.handle = int(_call("cuGraphInstantiate", graph, 0))
        weakref.finalize(self, device._give_back, "cuGraphExecDestroy", self.handle)

    def launch(self, stream: Stream) -> None:
        """Put it on a stream."""
        self.device.use()
        (code,) = self._launch(self.handle, stream.handle)
        if code != 0:
            raise DeviceError(f"cuGraphLaunch: {getattr(code, 'name', code)}")
