"""Generated modules as real files named by their content: so Numba's own cache finds their machine code."""

from __future__ import annotations

import gc
import hashlib
import importlib.util
import os
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
import numpy as np

from heliox._version import __version__
from heliox.mechanisms import blocks

_ROOMS = (Path(__file__).parent, Path(__file__).parents[1] / "solver")


def folder() -> Path:
    """Where generated modules live: ``$HELIOX_CACHE``, else the user's cache folder."""
    if place := os.environ.get("HELIOX_CACHE"):
        return Path(place)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "heliox"


@cache
def _prelude() -> bytes:
    """Text of everything that generated modules import: Numba's keys do not see a change in it."""
    files = [p for room in _ROOMS for p in sorted(room.glob("*.py"))]
    return b"".join(p.read_bytes() for p in (*files, Path(blocks.__file__)))


def load(text: str) -> ModuleType:
    """The module of a generated text, written once and imported from its file."""
    key = "\n".join((text, __version__, numba.__version__, np.__version__, sys.version)).encode() + _prelude()
    name = f"heliox_{hashlib.sha256(key).hexdigest()[:24]}"
    if name in sys.modules:
        return sys.modules[name]
    path = _place(name, text)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # Numba's cache imports by name
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def content(text: str) -> str:
    """Hash of a generated text and of all it imports, the same with every compiler, on every machine."""
    return hashlib.sha256(f"{text}\n{__version__}".encode() + _prelude()).hexdigest()


def call(entry: Any, *given: Any) -> int:
    """Call an entry of a generated module.

    Where it is compiled for that, without Python's garbage collector, which would spend a sixth of the time
    on searching the compiler's data.
    """
    if entry.signatures or not gc.isenabled():
        return entry(*given)
    gc.disable()
    try:
        return entry(*given)
    finally:
        gc.enable()


def _place(name: str, text: str) -> Path:
    for where in (
        folder(),
        Path(tempfile.gettempdir()) / f"heliox-{os.getuid() if hasattr(os, 'getuid') else 'user'}",
    ):
        path = where / f"{name}.py"
        try:
            if path.exists() and path.read_text() == text:
                return path
            where.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=where, suffix=".tmp", delete=False) as f:
                f.write(text)
            os.replace(f.name, path)
            return path
        except OSError:
            continue
    raise OSError(f"no folder for generated code can be written; set HELIOX_CACHE to one (tried {folder()})")
