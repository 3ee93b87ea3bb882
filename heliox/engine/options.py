"""What may be asked of a simulation."""

from __future__ import annotations

from typing import Any

from heliox.errors import DeviceError, ModelError, UnsupportedError, nearest
from heliox.kernels.cuda_backend import CudaBackend
from heliox.kernels.device import available
from heliox.kernels.one_by_one import HostBackend


def choose(what: str, value: str, legal: tuple[str, ...]) -> None:
    """Raise ModelError unless `value` is legal."""
    if value not in legal:
        raise ModelError(f"{what} {value!r}; {nearest(str(value), legal)}")


def choose_device(device: str, math: str, adjoint: bool) -> Any:
    """What runs the kernels of a step: a backend, or None for the CPU engine.

    ``"auto"`` takes a GPU that works, where what is asked for runs there; ``"emulated"`` runs a GPU's kernels on
    the CPU, one by one.

    Raises
    ------
    DeviceError
        If there is no such device, or it cannot be used.
    UnsupportedError
        If what is asked for does not run on it.
    """
    if device == "cpu":
        return None
    legal = ("auto", "cpu", "cuda", "cuda:0", "emulated")
    named = device == "cuda" or device.startswith("cuda:")
    if not (named or device in legal):
        raise DeviceError(f"device {device!r}; {nearest(device, legal)}")
    problems = [
        *(["math='libm' is the C library's arithmetic, which only the CPU has"] if math == "libm" else []),
        *(["gradients run on the CPU only in this version"] if adjoint else []),
    ]
    if device == "auto":
        if problems or available():
            return None
        return CudaBackend("cuda")
    if problems:
        raise UnsupportedError(f"device {device!r}: {'; '.join(problems)}", problems=problems)
    return HostBackend() if device == "emulated" else CudaBackend(device)
