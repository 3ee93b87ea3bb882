"""Compiled kernels as files of HelioX's cache, and the texts that name types of their parameters."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np

from heliox.errors import DeviceError


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


def digest(text: str | bytes) -> str:
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def read(path: Path) -> Image | None:
    try:
        head, _, cubin = path.read_bytes().partition(b"\n")
        fields = json.loads(head)
        if fields.pop("sha256") != digest(cubin):
            return None
        fields["types"], fields["capability"] = tuple(fields["types"]), tuple(fields["capability"])
        return Image(cubin, **fields)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write(path: Path, image: Image) -> None:
    fields = asdict(image) | {"sha256": digest(image.cubin)}
    del fields["cubin"]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, suffix=".tmp", delete=False) as f:
            f.write(json.dumps(fields).encode() + b"\n" + image.cubin)
        os.replace(f.name, path)
    except OSError:
        pass  # compiled again next time


def figures(ptx: str, log: str) -> tuple[int, int, int, int, int]:
    """registers, stack, spills, shared, constant of a kernel; what is not said is 0, but 1 for registers."""

    def most(pattern: str) -> int:
        return max((int(n) for n in re.findall(pattern, log)), default=0)

    spills = most(r"(\d+) bytes spill stores") + most(r"(\d+) bytes spill loads")
    stack = max(most(r"(\d+) bytes stack frame"), most(r"(\d+) stack,"))
    # the linker adds on some devices what the system reserves, the text does not
    shared = sum(int(n) for n in re.findall(r"^[^/\n]*\.shared \.align .*\[(\d+)\];", ptx, re.MULTILINE))
    constant = most(r"(\d+) bytes cmem\[0\]")
    return max(most(r"[Uu]sed (\d+) registers"), 1), stack, spills, shared, constant


@cache
def parsed(text: str) -> tuple[np.dtype, int, bool]:
    """Element type, dimensions (-1: bare pointer, 0: scalar), whether an array must be contiguous."""
    found = re.fullmatch(r"(u?int(?:8|16|32|64)|float(?:32|64))(\*|\[[: ,]*(?:::1)?\])?", text)
    if found is None:
        raise DeviceError(f"{text!r} is no type of a kernel's parameter; such are 'int64', 'float64[::1]'")
    name, shape = found.groups()
    if shape in (None, "*"):
        return np.dtype(name), 0 if shape is None else -1, True
    return np.dtype(name), shape.count(",") + 1, "::1" in shape
