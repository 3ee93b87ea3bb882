"""What a file that is no model seems to be, for the message that refuses it."""

from __future__ import annotations

import os
import re

_SIGNATURES = (
    (b"PK\x03\x04", "a zip archive (a .npz file of NumPy, or a document)"),
    (b"\x1f\x8b", "compressed by gzip; unpack it first"),
    (b"BZh", "compressed by bzip2; unpack it first"),
    (b"\xfd7zXZ", "compressed by xz; unpack it first"),
    (b"\x93NUMPY", "a NumPy array (.npy)"),
    (b"\x80", "a Python pickle, which HelioX never reads"),
    (b"CDF", "a NetCDF file"),
    (b"\x89PNG", "an image"),
    (b"\x7fELF", "a compiled program or library"),
    (b"version https://git-lfs", "a pointer of Git LFS; fetch the file itself with git lfs pull"),
)


def looks_like(path: str, head: bytes) -> str:
    """Words for a file that is neither HDF5 nor a damaged model, from its name and its first bytes."""
    if not head:
        return "it is empty"
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return f"it is not HDF5; it looks like {name}"
    try:
        text = head.decode()
    except UnicodeDecodeError as e:
        text = head[: e.start].decode()
        if e.start < len(head) - 4:  # not just a character that is cut in two
            text = ""
    if not text or "\0" in text:
        return "it is not HDF5, nor anything else that HelioX knows"
    return f"it is not HDF5; it looks like text{_kind_of_text(path, text)}"


def _kind_of_text(path: str, text: str) -> str:
    end = os.path.splitext(path)[1].lower()
    if end in (".swc", ".asc"):
        return ", a morphology: read it with heliox.morphology"
    if end == ".mod" or re.search(r"^\s*NEURON\s*\{", text, re.MULTILINE):
        return ", a mechanism: read it with heliox.load_mod"
    if end in (".hoc", ".py"):
        return ": run it in NEURON, then freeze the session with heliox.from_neuron"
    return f" that begins with {text[:30]!r}"
