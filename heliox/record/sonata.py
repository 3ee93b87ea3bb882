"""Spike files of SONATA (Dai et al. 2020, PLoS Comput Biol 16:e1007696)."""

from __future__ import annotations

import os

import h5py
import numpy as np
from numpy.typing import NDArray

from heliox.errors import ModelError
from heliox.record import files

MAGIC = 0x0A7A
VERSION = (0, 1)
SORTING = {"none": 0, "by_id": 1, "by_time": 2}


def save_spikes(
    path: str | os.PathLike[str], t: NDArray[np.float64], node_ids: NDArray[np.int64], population: str
) -> None:
    """Write ``/spikes/<population>/timestamps`` (ms) and ``node_ids``, sorted by time.

    Parameters
    ----------
    path : path
    t : (n,) ms
    node_ids : (n,) int
        Not negative.
    population : str

    Raises
    ------
    ModelError
        If the name of the population cannot be one, or the file cannot be written.
    """
    if not population or "/" in population or "\0" in population or population.startswith("."):
        raise ModelError(f"population {population!r} is no name of a group of HDF5")
    order = np.lexsort((node_ids, t))

    def fill(file: h5py.File) -> None:
        file.attrs["magic"] = np.uint32(MAGIC)
        file.attrs["version"] = np.array(VERSION, np.uint32)
        group = file.create_group(f"spikes/{population}")
        group.attrs.create("sorting", SORTING["by_time"], dtype=h5py.enum_dtype(SORTING, basetype="u1"))
        group.create_dataset("timestamps", data=np.asarray(t, np.float64)[order])
        group["timestamps"].attrs["units"] = "milliseconds"
        group.create_dataset("node_ids", data=np.asarray(node_ids)[order].astype(np.uint64))

    files.write(path, fill)
