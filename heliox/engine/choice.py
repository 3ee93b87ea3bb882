"""What may be asked of a simulation, and the engine that does it."""

from __future__ import annotations

from typing import Any

from heliox.engine.engine import Engine
from heliox.engine.plan import Plan
from heliox.engine.stepwise import MOST_MEMBERS, StepEngine
from heliox.errors import DeviceError, ModelError, UnsupportedError, nearest
from heliox.kernels.cuda_backend import CudaBackend
from heliox.kernels.device import available
from heliox.kernels.one_by_one import HostBackend


def choose(what: str, value: str, legal: tuple[str, ...]) -> None:
    """Raise ModelError unless `value` is legal."""
    if value not in legal:
        raise ModelError(f"{what} {value!r}; {nearest(str(value), legal)}")


def choose_device(device: str, math: str, mode: str, batch: int, tangent: bool) -> tuple[Any, str]:
    """What runs the kernels of a step, None for the CPU engine; and a line that says what was taken and why.

    ``"auto"`` takes a GPU that works, where what is asked for runs there; ``"emulated"`` runs a GPU's kernels
    on the CPU, one by one.

    Raises
    ------
    DeviceError
        If there is no such device, or it cannot be used.
    UnsupportedError
        If what is asked for does not run on it.
    """
    if device == "cpu":
        return None, "CPU, as asked for"
    legal = ("auto", "cpu", "cuda", "cuda:0", "emulated")
    if not (device == "cuda" or device.startswith("cuda:") or device in legal):
        raise DeviceError(f"device {device!r}; {nearest(device, legal)}")
    problems = [
        *(["math='libm' is the C library's arithmetic, which only the CPU has"] if math == "libm" else []),
        *(["tangents (jvp) run on the CPU only in this version"] if tangent else []),
        *(["mode='fused' is not available in this version; use 'streams'"] if mode == "fused" else []),
        *([f"batch is {batch}, and at most {MOST_MEMBERS} members run"] if batch > MOST_MEMBERS else []),
    ]
    if device == "auto":
        reason = "; ".join(problems) or available()
        if reason:
            return None, f"CPU; no GPU: {reason}"
        found = CudaBackend("cuda")
        return found, f"{found.name}, found by device='auto'"
    if problems:
        raise UnsupportedError(f"device {device!r}: {'; '.join(problems)}", problems=problems)
    backend = HostBackend() if device == "emulated" else CudaBackend(device)
    return backend, f"{backend.name}, as asked for"


def engine_of(plan: Plan, backend: Any, threads: int) -> Engine:
    """The engine that runs a plan: on a backend, or on the CPU with so many threads."""
    return StepEngine(plan, backend) if backend else Engine(plan, threads)
