"""Checkpoints of a training: everything that the next batch depends on, in one HDF5 file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import h5py
import numpy as np
from numpy.typing import NDArray

from heliox.errors import ModelError
from heliox.learn.history import History
from heliox.record.files import write

Array = NDArray[np.float64]
SCHEMA = 2


@dataclass
class Progress:
    """Where a training stands.

    Attributes
    ----------
    x : (N,)
        Parameters.
    state : name -> (N,)
        What the optimiser remembers.
    step : int
        Batches learned from since the beginning.
    epoch, batch : int
        The next one.
    best : (N,), optional
        Parameters of the epoch with the least validation loss, `least`.
    running : (3,)
        Of the unfinished epoch: summed loss, correct answers, seconds.
    data, held : str
        Digests of the samples and targets of the last epoch begun, and of those of the validation.
    first : int
        The epoch from which on this validation counts.
    """

    x: Array
    state: dict[str, Array]
    step: int = 0
    epoch: int = 0
    batch: int = 0
    best: Array | None = None
    least: float = np.inf
    running: Array = field(default_factory=lambda: np.zeros(3))
    data: str = ""
    held: str = ""
    first: int = 0


def save(
    path: str | os.PathLike[str], at: Progress, history: History, about: Mapping[str, str | int]
) -> None:
    """Write a checkpoint: beside its place, then renamed; ModelError if it cannot be written."""

    def fill(file: h5py.File) -> None:
        file.attrs["heliox_checkpoint"] = SCHEMA
        for name, value in about.items():
            file.attrs[f"of_{name}"] = value
        for name in ("step", "epoch", "batch", "least", "data", "held", "first"):
            file.attrs[name] = getattr(at, name)
        file.create_dataset("x", data=at.x)
        file.create_dataset("running", data=at.running)
        if at.best is not None:
            file.create_dataset("best", data=at.best)
        for name, array in at.state.items():
            file.create_dataset(f"state/{name}", data=array)
        history.store(file.create_group("history"))

    write(path, fill)


def load(path: str | os.PathLike[str], about: Mapping[str, str | int]) -> tuple[Progress, History]:
    """Read a checkpoint of a training that is `about` the same.

    Raises
    ------
    ModelError
        If it is none, cannot be read, or belongs to another model or training: with what differs.
    """
    name = os.fspath(path)
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("heliox_checkpoint") != SCHEMA:
                raise ModelError(f"{name} is no checkpoint of this version of HelioX", path=name)
            _same(file, about, name)
            state = {k: v[()] for k, v in file["state"].items()} if "state" in file else {}
            at = Progress(
                file["x"][()], state, int(file.attrs["step"]), int(file.attrs["epoch"]),
                int(file.attrs["batch"]), file["best"][()] if "best" in file else None,
                float(file.attrs["least"]), file["running"][()], str(file.attrs["data"]),
                str(file.attrs["held"]), int(file.attrs["first"]),
            )  # fmt: skip
            return at, History.stored(file["history"])
    except (OSError, KeyError) as e:
        raise ModelError(f"{name} cannot be read as a checkpoint: {e}", path=name) from None


def _same(file: h5py.File, about: Mapping[str, str | int], name: str) -> None:
    for what, value in about.items():
        found = file.attrs.get(f"of_{what}")
        if found != value:
            raise ModelError(
                f"{name} is a checkpoint of another training: {what} is {found} there and {value} here",
                path=name,
            )
