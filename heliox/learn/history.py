"""`History`: what a training was like, epoch by epoch."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.record.files import write

Array = NDArray[np.float64]
COLUMNS = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds")


@dataclass
class History:
    """Means over the samples of each epoch; NaN where there was nothing to compute it from.

    Attributes
    ----------
    train_loss, train_accuracy, validation_loss, validation_accuracy, seconds : list of float
        An entry an epoch; those of training are of samples when they were learned from.
    batches : list of float
        Mean loss of every batch.
    interrupted : bool
        By Ctrl-C.
    stopped : bool
        Early, for want of improvement.
    """

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    batches: list[float] = field(default_factory=list, repr=False)
    interrupted: bool = False
    stopped: bool = False

    @property
    def epochs(self) -> int:
        """Finished ones."""
        return len(self.train_loss)

    def add(self, **row: float) -> None:
        """One more epoch."""
        for name in COLUMNS:
            getattr(self, name).append(float(row.get(name, np.nan)))

    def store(self, group: Any) -> None:
        """Write into a group of an HDF5 file."""
        for name in (*COLUMNS, "batches"):
            group.create_dataset(name, data=np.array(getattr(self, name), float))

    @staticmethod
    def stored(group: Any) -> History:
        """What `store` wrote."""
        return History(**{name: group[name][()].tolist() for name in (*COLUMNS, "batches")})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to an HDF5 file of its own; ModelError if that cannot be done."""
        write(path, self.store)
