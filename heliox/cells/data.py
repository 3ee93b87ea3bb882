"""Finding and reading the data files of ready cells."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from heliox.errors import ModelError

VARIABLE = "HELIOX_DATA"
PathLike = str | os.PathLike[str]


def find(path: PathLike | None, folder: str, *names: str) -> Path:
    """A data file.

    Parameters
    ----------
    path : path or None
        The file, or the folder it is in; None: the folder `folder` in the one that HELIOX_DATA names.
    folder : str
        ``"l5pc"``.
    *names : str
        Files that will do, the best one first.

    Raises
    ------
    ModelError
        If there is no such file.
    """
    if path is None:
        root = os.environ.get(VARIABLE)
        if not root:
            raise ModelError(
                f"give the path of the {folder} data, or set the environment variable {VARIABLE} to the "
                f"folder in which the folder {folder!r} lies"
            )
        path = Path(root) / folder
    path = Path(path)
    if path.is_file():
        return path
    for name in names:
        if (path / name).is_file():
            return path / name
    raise ModelError(f"neither {' nor '.join(names)} is in {os.fspath(path)}", path=os.fspath(path))


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file with a header line."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except OSError as e:
        raise ModelError(f"{os.fspath(path)} cannot be read: {e}", path=os.fspath(path)) from None
