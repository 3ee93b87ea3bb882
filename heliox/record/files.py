"""Writing HDF5 files: all of a file, or nothing."""

from __future__ import annotations

import os
from collections.abc import Callable

import h5py

from heliox.errors import ModelError
from heliox.model.store import write_beside


def write(path: str | os.PathLike[str], fill: Callable[[h5py.File], None]) -> None:
    """Write a plain HDF5 file.

    It is made in memory, written beside its place and then renamed, so that a failure leaves an older file as
    it was.

    Parameters
    ----------
    path : path
    fill : function
        Is given the open file, and writes into it.

    Raises
    ------
    ModelError
        If the file cannot be written.
    """
    place(path, image(fill))


def image(fill: Callable[[h5py.File], None]) -> bytes:
    """The bytes of an HDF5 file. In memory, because HDF5 itself does not survive a disk that fills up."""
    memory = {"driver": "core", "backing_store": False, "block_size": 1 << 22}
    with h5py.File("image", "w", libver=("v110", "v110"), **memory) as file:
        fill(file)
        file.flush()
        return file.id.get_file_image()


def place(path: str | os.PathLike[str], *parts: bytes) -> None:
    """Put a file of these bytes in the place of `path`; ModelError if that cannot be done."""
    path = os.fspath(path)
    try:
        write_beside(path, *parts)
    except OSError as e:
        kept = "; the older file is as it was" if os.path.isfile(path) else ""
        raise ModelError(f"{path} cannot be written: {e.strerror or e}{kept}", path=path) from e
