"""Labelled images: whole, split and in shuffled batches; scikit-learn's digits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.errors import ModelError
from heliox.learn.classification import labels_of


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images with labels.

    Attributes
    ----------
    images : (N, pixels) uint8
        Row by row; 0 is background.
    labels : (N,) intp
        From 0 to ``classes - 1``.
    shape : (rows, columns)
    classes : int
    white : int
        The number of a pixel full of ink: 255 in MNIST.
    name : str
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.intp]
    shape: tuple[int, int]
    classes: int = 10
    white: int = 255
    name: str = "images"

    def __post_init__(self) -> None:
        rows, columns = self.shape
        if self.images.dtype != np.uint8 or self.images.shape[1:] != (rows * columns,):
            raise ModelError(
                f"{self.name}: images of {rows} x {columns} are a uint8 array (N, {rows * columns}), not "
                f"{self.images.dtype} {self.images.shape}"
            )
        object.__setattr__(self, "labels", labels_of(self.labels, len(self.images), self.classes))

    def __len__(self) -> int:
        return len(self.images)

    @property
    def intensity(self) -> NDArray[np.float64]:
        """(N, pixels) from 0 to 1."""
        return self.images / float(self.white)

    def take(self, which: ArrayLike | slice) -> Dataset:
        """The samples of some indices, a mask or a slice, in that order."""
        at = which if isinstance(which, slice) else np.asarray(which)
        return Dataset(self.images[at], self.labels[at], self.shape, self.classes, self.white, self.name)

    def split(self, count: int, seed: int = 0) -> tuple[Dataset, Dataset]:
        """All but `count` samples, and these, drawn at random: to choose settings on, without the test set.

        Both keep the order of the data. The draw is NumPy's ``default_rng(seed)``.
        """
        if not 0 < count < len(self):
            raise ModelError(f"{self.name} has {len(self)} samples; {count} cannot be held back from them")
        held = np.zeros(len(self), bool)
        held[np.random.default_rng(seed).permutation(len(self))[:count]] = True
        return self.take(~held), self.take(held)

    def batches(self, size: int, seed: int | None = None, epoch: int = 0) -> Iterator[NDArray[np.intp]]:
        """Indices (size,) of an epoch's batches; the last one may be smaller.

        Parameters
        ----------
        size : int
        seed : int, optional
            The order is a permutation of ``default_rng([seed, epoch])``, so that any epoch can be had again
            without the ones before it; None: the order of the data.
        epoch : int
        """
        if size < 1:
            raise ModelError(f"a batch of {size} samples; it must be at least 1")
        order = np.arange(len(self), dtype=np.intp)
        if seed is not None:
            order = np.random.default_rng([seed, epoch]).permutation(len(self))
        for first in range(0, len(self), size):
            yield order[first : first + size]

    def __repr__(self) -> str:
        rows, columns = self.shape
        return f"<{self.name}: {len(self)} images of {rows} x {columns}, {self.classes} classes>"


def load_digits() -> Dataset:
    """The 1,797 handwritten digits of 8 x 8 pixels that come with scikit-learn, 0 to 16 a pixel.

    Optical recognition of handwritten digits, UCI repository (Alpaydin and Kaynak 1998). They are one set:
    see `Dataset.split`.

    Raises
    ------
    ModelError
        If scikit-learn is not installed.
    """
    try:
        from sklearn import datasets
    except ImportError:
        raise ModelError(
            "the digits come with scikit-learn: python -m pip install scikit-learn, or 'heliox[learn]'"
        ) from None
    found = datasets.load_digits()
    return Dataset(
        found.data.astype(np.uint8), found.target.astype(np.intp), (8, 8), white=16, name="digits"
    )  # fmt: skip
