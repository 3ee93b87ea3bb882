"""Files in MNIST's format: IDX (LeCun, Cortes and Burges), plain or gzip-compressed, and NPZ."""

from __future__ import annotations

import gzip
import math
import os
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heliox.errors import ModelError
from heliox.learn.dataset import Dataset

VARIABLE = "HELIOX_DATA"
FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
ARRAYS = {"train": ("x_train", "y_train"), "test": ("x_test", "y_test")}  # as Keras and others name them
PathLike = str | os.PathLike[str]


def load_mnist(path: PathLike | None = None) -> tuple[Dataset, Dataset]:
    """Training and test samples of MNIST, or of a set in its format such as Fashion-MNIST.

    Parameters
    ----------
    path : path, optional
        A folder with ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte`` and the same of ``t10k``, each
        plain or ``.gz``; or an NPZ file with ``x_train`` (N, rows, columns), ``y_train`` (N,), ``x_test`` and
        ``y_test``, as unsigned bytes. Default: the folder that the environment variable HELIOX_DATA names, or
        ``mnist`` in it.

    Returns
    -------
    train, test : Dataset

    Raises
    ------
    ModelError
        If a file is missing, cut short, damaged, or of another kind: field ``path``.
    """
    at = _place(path)
    if at.is_file():
        arrays = _npz(at)
    else:
        arrays = {
            part: (read_idx(_file(at, images), 3), read_idx(_file(at, labels), 1))
            for part, (images, labels) in FILES.items()
        }
    name = "MNIST" if path is None else at.stem
    return _dataset(*arrays["train"], f"{name} train", at), _dataset(*arrays["test"], f"{name} test", at)


def read_idx(path: PathLike, dimensions: int | None = None) -> NDArray[np.uint8]:
    """The array of unsigned bytes in an IDX file, plain or gzip-compressed.

    The header is big-endian: two bytes 0, the type (8: unsigned byte), the number of dimensions, and a
    four-byte size for each.

    Parameters
    ----------
    path : path
    dimensions : int, optional
        How many there must be: 3 for images, 1 for labels.

    Raises
    ------
    ModelError
        If the file cannot be read, is of another kind, or does not hold what its header says.
    """
    where = os.fspath(path)
    try:
        data = Path(path).read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as e:
        raise ModelError(f"{where} cannot be read: {e}", path=where) from None
    if len(data) < 4 or data[:3] != b"\0\0\x08" or data[3] != (dimensions or data[3]):
        wanted = f"0000080{dimensions}" if dimensions else "000008.."
        raise ModelError(
            f"{where} is no IDX file of unsigned bytes"
            + (f" with {dimensions} dimensions" if dimensions else "")
            + f": it begins with {data[:4].hex() or 'nothing'}, not with {wanted}",
            path=where,
        )
    begin = 4 + 4 * data[3]
    shape = tuple(int.from_bytes(data[k : k + 4], "big") for k in range(4, begin, 4))
    if len(data) != begin + math.prod(shape):
        raise ModelError(
            f"{where} says that {' x '.join(map(str, shape))} bytes follow its header of {begin}, and has "
            f"{max(len(data) - begin, 0)}: it is cut short or damaged",
            path=where,
        )
    return np.frombuffer(data, np.uint8, offset=begin).reshape(shape)


def _place(path: PathLike | None) -> Path:
    if path is not None:
        at = Path(path)
        if not at.exists():
            raise ModelError(f"there is no {os.fspath(path)}", path=os.fspath(path))
        return at
    root = os.environ.get(VARIABLE)
    if not root:
        raise ModelError(
            f"give the path of MNIST's files, or set the environment variable {VARIABLE} to the folder in "
            "which they, or a folder 'mnist' with them, lie"
        )
    inside = Path(root) / "mnist"
    return inside if inside.is_dir() else Path(root)


def _file(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise ModelError(f"neither {name} nor {name}.gz is in {folder}", path=os.fspath(folder))


def _npz(path: Path) -> dict[str, tuple[NDArray, NDArray]]:
    try:
        with np.load(path, allow_pickle=False) as found:
            missing = [name for names in ARRAYS.values() for name in names if name not in found]
            if missing:
                raise ModelError(
                    f"{path} has no array {' and no '.join(missing)}; it has {', '.join(found)}",
                    path=str(path),
                )
            return {part: (found[images], found[labels]) for part, (images, labels) in ARRAYS.items()}
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error) as e:
        raise ModelError(f"{path} cannot be read as NPZ: {e}", path=str(path)) from None


def _dataset(images: NDArray, labels: NDArray, name: str, path: Path) -> Dataset:
    if images.ndim != 3 or images.dtype != np.uint8:
        raise ModelError(
            f"{name}: images are unsigned bytes (N, rows, columns), not {images.dtype} {images.shape}",
            path=str(path),
        )
    if labels.shape != (len(images),):
        raise ModelError(
            f"{name}: there are {len(images)} images and labels of shape {labels.shape}", path=str(path)
        )
    count, rows, columns = images.shape
    classes = max(10, int(labels.max(initial=0)) + 1)
    return Dataset(images.reshape(count, -1), labels, (rows, columns), classes, name=name)
