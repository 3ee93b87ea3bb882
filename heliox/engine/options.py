"""What may be asked of a simulation."""

from __future__ import annotations

from heliox.errors import DeviceError, ModelError, nearest


def choose(what: str, value: str, legal: tuple[str, ...]) -> None:
    """Raise ModelError unless `value` is legal."""
    if value not in legal:
        raise ModelError(f"{what} {value!r}; {nearest(str(value), legal)}")


def choose_device(device: str) -> None:
    """Raise DeviceError unless there is such a device."""
    if device in ("auto", "cpu"):
        return
    if device == "cuda" or device.startswith("cuda:"):
        raise DeviceError("this version of HelioX runs on the CPU only; use device='cpu' or 'auto'")
    raise DeviceError(f"device {device!r}; {nearest(device, ('auto', 'cpu', 'cuda', 'cuda:0'))}")
