"""The GPU: compiling a plain function to machine code, memory, streams, launches, captured graphs.

The only file that knows numba-cuda and NVIDIA's Python packages; they are imported when they are first
needed. Compiling needs neither a driver nor a device. Every failure of the driver is a ``DeviceError`` with
its name for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import threading
import types as pytypes
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import cache, cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from heliox.errors import DeviceError
from heliox.kernels import probe
from heliox.kernels.device_objects import (
    DeviceArray,
    Event,
    Graph,
    GraphMaker,
    Kernel,
    Launch,
    Memory,
    Stream,
    capture,
)  # fmt: skip
from heliox.kernels.image import Image, digest, figures, parsed, read, write

__all__ = [
    "Device", "DeviceArray", "Event", "Graph", "GraphMaker", "Image", "Kernel", "Launch", "Stream",
    "available", "compiled", "describe", "find", "function", "libdevice", "outline", "toolkit",
]  # fmt: skip

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


def compiled(
    f: Callable, types: Sequence[str], cc: tuple[int, int], key: str, max_registers: int | None = None
) -> Image:
    """Compile a function of scalars and arrays as a kernel, or take it from the cache.

    Parameters
    ----------
    f : function
        Plain Python; may call what :func:`function` and :func:`outline` made.
    types : sequence of str
        One a parameter: ``"float64[::1]"``, ``"int64[:, ::1]"``, ``"int64"``, ``"float64*"`` (a pointer).
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
    stem = f"heliox_{digest(said)[:24]}_sm{cc[0]}{cc[1]}"
    versions = [f"{name} {probe.wheels().get(name)}" for name in probe.COMPILERS]
    path = cache.folder() / f"{stem}_{digest(chr(10).join(versions))[:8]}.cubin"
    usable = [path]
    if os.environ.get("HELIOX_CUBINS") == "any":
        usable += sorted(path.parent.glob(f"{stem}_*.cubin"))
    for place in usable:
        if image := read(place):
            return image
    with _compiling, _libraries():
        symbol, ptx = _ptx(f, types, cc)
        cubin, log = _link(ptx, cc, max_registers)
    image = Image(cubin, f.__name__, *figures(ptx, log), symbol, types, cc)
    write(path, image)
    return image


@contextlib.contextmanager
def _libraries() -> Iterator[None]:
    """Name the line that brings NVVM, NVRTC or nvJitLink, where one is missing."""
    try:
        yield
    except (ImportError, RuntimeError) as e:
        if type(e).__name__ not in ("DynamicLibNotFoundError", "NvvmSupportError"):
            raise
        line = probe.pip_line(probe.cuda_of_wheels())
        what = str(e).partition("\n")[0][:150]
        raise DeviceError(f"a part of NVIDIA's compiler is missing ({what}): {line}") from None


def compiled_for(f: Callable, types: Sequence[str], capabilities: Sequence[tuple[int, int]]) -> list[Image]:
    """A kernel as machine code of several capabilities, from one text of the lowest; nothing is kept."""
    with _compiling, _libraries():
        symbol, ptx = _ptx(f, types, min(capabilities))
        made = []
        for cc in capabilities:
            cubin, log = _link(ptx, cc, None)
            made.append(Image(cubin, f.__name__, *figures(ptx, log), symbol, tuple(types), cc))
    return made


def _ptx(f: Callable, types: Sequence[str], cc: tuple[int, int]) -> tuple[str, str]:
    """The kernel's symbol and its assembly text."""
    cuda: Any = toolkit()
    compiler, dispatcher = cuda.compiler, cuda.dispatcher

    # device functions ask for the current device when they are compiled, for its capability only
    ask = dispatcher.get_current_device
    dispatcher.get_current_device = lambda: pytypes.SimpleNamespace(compute_capability=tuple(cc))
    try:
        signature = cuda.types.void(*map(_numba_type, types))
        library, _ = compiler._compile_pyfunc_with_fixup(
            f, signature, debug=False, device=False, fastmath=False, cc=tuple(cc), opt=True, abi="numba"
        )
        library._nvvm_options["fma"] = False  # no contraction: numba-cuda has no option for it
        ptx = library.get_asm_str(cc=tuple(cc))
    finally:
        dispatcher.get_current_device = ask
    if library.needs_cudadevrt or library._linking_files:
        raise DeviceError(f"kernel {f.__name__} needs a library on the device")
    # numba's name says all types: 100 kilobytes of text for a kernel of many arrays
    symbol = f"heliox_{f.__name__}"
    # and places for Python's globals, numbered by what this process compiled before, that nobody reads
    unused = re.compile(r"^\.common \.global \.align 8 \.u64 (_ZN08NumbaEnv\w+);\n", re.MULTILINE)
    ptx = unused.sub(lambda found: found[0] if ptx.count(found[1]) > 1 else "", ptx)
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


def _numba_type(text: str) -> Any:
    types: Any = toolkit().types
    dtype, dimensions, contiguous = parsed(text)
    scalar = getattr(types, dtype.name)
    if dimensions < 1:
        return scalar if dimensions == 0 else types.CPointer(scalar)
    return types.Array(scalar, dimensions, "C" if contiguous else "A")


# ---------------------------------------------------------------------------------------------------- device

_devices: dict[int, Device] = {}


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
        self._set = _driver().cuCtxSetCurrent
        attribute = _driver().CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
        self.shared = int(_call("cuDeviceGetAttribute", attribute, handle))
        self.api, self.call = _driver(), _call
        self._kernels: dict[tuple[str, bytes], Kernel] = {}
        self._late: list[tuple] = []

    def __repr__(self) -> str:
        return f"<cuda:{self.index} {self.name}>"

    def use(self) -> None:
        """Make this the thread's current device."""
        (code,) = self._set(self._context)
        if code != 0:
            raise DeviceError(f"cuCtxSetCurrent: {getattr(code, 'name', code)}")

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
        return DeviceArray(self, Memory(self, prod(shape) * dtype.itemsize), 0, shape, dtype)

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
        self.calm("page-locked memory")
        pointer = int(_call("cuMemHostAlloc", nbytes, 0))
        buffer = (ctypes.c_byte * nbytes).from_address(pointer)
        weakref.finalize(buffer, self.give_back, "cuMemFreeHost", pointer)
        array = np.ctypeslib.as_array(buffer).view(dtype).reshape(shape)
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
        self.calm("a capture")
        maker, driver = GraphMaker(), _driver()
        _call("cuStreamBeginCapture", stream.handle,
              driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)  # fmt: skip
        capture.kept = kept = [stream]
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
            capture.kept = None
            while self._late:
                self.give_back(*self._late.pop())

    def synchronize(self) -> None:
        """Wait for everything on the device."""
        self.calm("synchronizing")
        _call("cuCtxSynchronize")

    @cached_property
    def own(self) -> Stream:
        """The stream of synchronous copies."""
        return Stream(self)

    def calm(self, what: str) -> None:
        if capture.kept is not None:
            raise DeviceError(f"{what} is not possible while a graph is captured")
        self.use()

    def give_back(self, name: str, pointer: int, nbytes: int = 0) -> None:
        if capture.kept is not None:  # freeing would spoil the capture
            self._late.append((name, pointer, nbytes))
            return
        self.allocated -= nbytes
        _silent("cuCtxSetCurrent", self._context)
        _silent(name, pointer)
