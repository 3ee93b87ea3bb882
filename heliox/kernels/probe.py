"""What the CUDA driver and the installed wheels say of themselves: nothing of them is imported, no context
is created."""

from __future__ import annotations

import ctypes
import importlib.metadata
import sys
from dataclasses import dataclass
from functools import cache

# what decides on machine code: its version belongs to the name of cached code
COMPILERS = (
    "numba",
    "numba-cuda",
    "nvidia-nvvm",
    "nvidia-cuda-nvcc-cu12",
    "nvidia-nvjitlink",
    "nvidia-nvjitlink-cu12",
)
LOWEST = {12: ((6, 0), "525"), 13: ((7, 5), "580")}  # by CUDA of the wheels: capability, driver

# numbers of CUdevice_attribute
_PROCESSORS, _MAJOR, _MINOR = 16, 75, 76
_NO_DEVICE = 100


@dataclass(frozen=True)
class Found:
    """A CUDA device; memory in bytes."""

    name: str
    capability: tuple[int, int]
    processors: int
    memory: int

    def __str__(self) -> str:
        return (
            f"{self.name}, compute capability {self.capability[0]}.{self.capability[1]}, "
            f"{self.processors} multiprocessors, {self.memory / 2**30:.0f} GiB"
        )


@dataclass(frozen=True)
class Driver:
    """The driver's version of CUDA, its devices, and in one line why there are none."""

    version: tuple[int, int]
    devices: tuple[Found, ...]
    problem: str = ""


@cache
def driver() -> Driver:
    """Ask the driver; never raises."""
    if sys.platform == "darwin":
        return Driver((0, 0), (), "there is no CUDA for macOS; use device='cpu'")
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        library = ctypes.CDLL(name)
    except OSError:
        problem = (
            f"no CUDA driver ({name} is not found): install NVIDIA's driver, https://www.nvidia.com/drivers; "
            "start a container with --gpus all"
        )
        return Driver((0, 0), (), problem)
    code, number, count = library.cuInit(0), ctypes.c_int(0), ctypes.c_int(0)
    library.cuDriverGetVersion(ctypes.byref(number))
    version = (number.value // 1000, number.value % 1000 // 10)
    code = code or library.cuDeviceGetCount(ctypes.byref(count))
    if code == _NO_DEVICE or (code == 0 and count.value == 0):
        problem = "the CUDA driver finds no device; see nvidia-smi and the variable CUDA_VISIBLE_DEVICES"
        return Driver(version, (), problem)
    if code:
        problem = (
            f"the CUDA driver does not start ({_word(library, code)}); see nvidia-smi, restart the machine "
            "after an update of the driver"
        )
        return Driver(version, (), problem)
    return Driver(version, tuple(_device(library, k) for k in range(count.value)))


def _device(library: ctypes.CDLL, k: int) -> Found:
    handle, name, size = ctypes.c_int(0), ctypes.create_string_buffer(128), ctypes.c_size_t(0)
    library.cuDeviceGet(ctypes.byref(handle), k)
    library.cuDeviceGetName(name, len(name), handle)
    library.cuDeviceTotalMem_v2(ctypes.byref(size), handle)

    def attribute(number: int) -> int:
        value = ctypes.c_int(0)
        library.cuDeviceGetAttribute(ctypes.byref(value), number, handle)
        return value.value

    capability = attribute(_MAJOR), attribute(_MINOR)
    return Found(name.value.decode(errors="replace"), capability, attribute(_PROCESSORS), size.value)


def _word(library: ctypes.CDLL, code: int) -> str:
    """The driver's name of an error."""
    text = ctypes.c_char_p()
    found = library.cuGetErrorName(code, ctypes.byref(text)) == 0 and text.value
    return found.decode(errors="replace") if found else f"error {code}"


def version(package: str) -> str:
    """Version of an installed package, else empty."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


@cache
def wheels() -> dict[str, str]:
    """Versions of the packages that the GPU needs, as far as they are installed."""
    names = (*COMPILERS, "cuda-bindings", "cuda-core")
    return {name: found for name in names if (found := version(name))}


def cuda_of_wheels() -> int:
    """Major version of CUDA that the installed wheels are made for, 0 without them."""
    return int(wheels().get("cuda-bindings", "0").partition(".")[0])


def pip_line(cuda: int) -> str:
    """The command that brings the wheels for a driver of this version of CUDA (0: unknown)."""
    return f"python -m pip install 'heliox[cuda{12 if cuda == 12 else 13}]'"


def missing() -> str:
    """Which wheels are missing, with the line that brings them; else empty."""
    absent = [name for name in ("numba-cuda", "cuda-bindings") if name not in wheels()]
    if not absent:
        return ""
    return f"the GPU needs {' and '.join(absent)}: {pip_line(driver().version[0])}"


def reason(index: int = 0) -> str:
    """Why device `index` cannot be used, in one line with what mends it; empty if it can."""
    found, cuda = driver(), cuda_of_wheels()
    if found.problem:
        return found.problem
    if found.version[0] < 12:
        return f"the CUDA driver is too old (CUDA {dotted(found.version)}): update it to 580 or later"
    if problem := missing():
        return problem
    capability, number = LOWEST.get(cuda, LOWEST[13])
    if found.version[0] < cuda:
        return (
            f"the CUDA driver is for CUDA {dotted(found.version)}, the installed wheels for CUDA {cuda}: "
            f"update the driver to {number} or later, or {pip_line(found.version[0])}"
        )
    if not 0 <= index < len(found.devices):
        legal = ", ".join(f"cuda:{k}" for k in range(len(found.devices)))
        return f"there is no device cuda:{index}; legal: {legal}"
    device = found.devices[index]
    if device.capability < capability:
        line = f": {pip_line(12)}" if capability > LOWEST[12][0] <= device.capability else ""
        return (
            f"{device.name} has compute capability {dotted(device.capability)}; the installed wheels need "
            f"{dotted(capability)}{line}"
        )
    return ""


def dotted(numbers: tuple[int, int]) -> str:
    """A version as it is written."""
    return f"{numbers[0]}.{numbers[1]}"


def describe() -> list[str]:
    """Lines on devices, driver and wheels for ``heliox info``, or why there is no device."""
    found = driver()
    lines = [f"{device}, driver for CUDA {dotted(found.version)}" for device in found.devices]
    if problem := reason():
        lines.append(f"not usable: {problem}" if lines else f"none: {problem}")
    if lines and found.devices and wheels():
        lines.append("with " + ", ".join(f"{name} {number}" for name, number in wheels().items()))
    return lines
