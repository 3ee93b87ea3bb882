"""Recordings and spikes in one HDF5 file.

``recordings/k`` holds recording k: ``t`` (ms), ``values``, ``names``, and its unit as an attribute;
``spikes`` holds ``t`` (ms), ``source`` (an index into ``names``), ``gid`` and ``member``. What the results
are of (the hash of the model, dt, ...) are attributes of the file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from heliox._version import __version__
from heliox.engine import tables
from heliox.errors import ModelError, nearest
from heliox.record import files
from heliox.record.spikes import Spikes

FORMAT = "heliox-results"
PACKED = {"compression": "gzip", "compression_opts": 1, "shuffle": True, "fletcher32": True}


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples over time of one or more variables, as a recording has them.

    Attributes
    ----------
    t : (samples,) ms
    values : (samples,), (n, samples), or either with a leading axis of members
    names : tuple of str
    unit : str
    """

    t: NDArray[np.float64]
    values: NDArray[np.float64]
    names: tuple[str, ...]
    unit: str

    def to_pandas(self) -> Any:
        """As `heliox.engine.recorder.Recording.to_pandas`."""
        return tables.frame(self)

    def to_xarray(self) -> Any:
        """As `heliox.engine.recorder.Recording.to_xarray`."""
        return tables.labelled(self)


@dataclass(frozen=True, eq=False)
class Results:
    """What a file of results holds.

    Attributes
    ----------
    recordings : tuple of Samples
        In the order in which they were asked for.
    spikes : Spikes
    about : dict
        ``heliox`` (the version), and what was given when they were written: ``model`` (the hash), ``dt`` and
        ``t`` in ms, ``math``, ``batch``, ...
    """

    recordings: tuple[Samples, ...]
    spikes: Spikes
    about: Mapping[str, Any]

    def __getitem__(self, name: str) -> Samples:
        """The first recording that holds a variable of this name."""
        for recording in self.recordings:
            if name in recording.names:
                return recording
        held = [name for recording in self.recordings for name in recording.names]
        raise ModelError(f"{name!r} was not recorded; {nearest(name, held)}", variable=name)


def save_results(
    path: str | os.PathLike[str], recordings: Sequence[tables.Sampled], spikes: Spikes, **about: Any
) -> None:
    """Write recordings and spikes: all of them, or nothing.

    Parameters
    ----------
    path : path
    recordings : sequence
        Recordings, or `Samples`.
    spikes : Spikes
    **about : str or number
        Attributes of the file, such as ``model=model.hash``.

    Raises
    ------
    ModelError
        If the file cannot be written; an older one is then as it was.
    """

    def fill(file: h5py.File) -> None:
        file.attrs.update({"format": FORMAT, "heliox": __version__, **about})
        for k, recording in enumerate(recordings):
            group = file.create_group(f"recordings/{k}")
            group.attrs["unit"] = recording.unit
            _write(group, t=recording.t, values=recording.values, names=recording.names)
        _write(
            file.create_group("spikes"),
            t=spikes.t, source=spikes.index, gid=spikes.gid, member=spikes.member, names=spikes.names,
        )  # fmt: skip

    files.write(path, fill)


def _write(group: h5py.Group, **columns: Any) -> None:
    for name, column in columns.items():
        if name == "names":
            group.create_dataset(name, data=list(column), dtype=h5py.string_dtype())
        else:
            group.create_dataset(name, data=column, **(PACKED if column.size else {}))
    group["t"].attrs["unit"] = "ms"


def load_results(path: str | os.PathLike[str]) -> Results:
    """Read what `save_results` or ``Simulation.save_results`` wrote.

    Raises
    ------
    ModelError
        If there is no such file, it holds no results, or it is damaged.
    """
    path = os.fspath(path)
    if not os.path.isfile(path):
        what = "it is a folder" if os.path.isdir(path) else "there is no such file"
        raise ModelError(f"{path} holds no results: {what}", path=path)
    try:
        with h5py.File(path, "r", locking=False) as file:
            if file.attrs.get("format") != FORMAT:
                raise ModelError(f"{path} holds no results of HelioX", path=path)
            about = {k: v.item() if isinstance(v, np.generic) else v for k, v in file.attrs.items()}
            del about["format"]
            groups = file["recordings"] if "recordings" in file else {}
            recordings = tuple(_read(groups[str(k)]) for k in range(len(groups)))
            s = file["spikes"]
            spikes = Spikes(
                s["t"][:], s["source"][:], s["gid"][:], s["member"][:], tuple(s["names"].asstr()[:])
            )
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as e:
        raise ModelError(f"{path} holds no results that can be read: {e}", path=path) from e
    return Results(recordings, spikes, about)


def _read(group: h5py.Group) -> Samples:
    return Samples(
        group["t"][:], group["values"][:], tuple(group["names"].asstr()[:]), str(group.attrs["unit"])
    )
