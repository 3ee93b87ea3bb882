"""Snapshots of a run, in memory and in files.

A file is 512 bytes of header, one line of text with the SHA-256 of what follows, and then HDF5, which allows
for such a block: the arrays of the engine, and as attributes what they belong to.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from typing import NoReturn

import h5py
import numpy as np
from numpy.typing import NDArray

from heliox._version import __version__
from heliox.engine import engine
from heliox.engine.plan import Plan
from heliox.errors import ModelError
from heliox.model.store import HEADER
from heliox.record import files

SCHEMA = 1
GROWING = {"QF", "QI", "SF", "SI"}  # queues and spikes: groups x room
_LINE = re.compile(
    rb"HelioX snapshot; schema (\d{1,9}); heliox ([!-~]{1,40}); (\d{1,18}) bytes; sha256 ([0-9a-f]{64})\n\0*"
)


@dataclass(frozen=True)
class Snapshot(engine.Snapshot):
    """Everything that changes in a run: state, waiting events, random streams, time.

    Made by `Simulation.snapshot`. Not in it are parameters that all members share (they stay what they are in
    the simulation that is restored), the points of plays, and what was recorded.

    Attributes
    ----------
    t : float
        ms.
    model_hash : str
    batch : int
    layout : str
        Digest of the plan's arrangement of state in memory.
    """

    layout: str

    @classmethod
    def of(cls, running: engine.Engine) -> Snapshot:
        """A copy of the state of an engine."""
        return cls(**vars(running.snapshot()), layout=layout(running.plan))

    def check(self, running: engine.Engine) -> None:
        """Refuse an engine that the snapshot does not fit.

        Raises
        ------
        ModelError
            With what is different.
        """
        plan = running.plan
        if self.model_hash != plan.model.hash:
            raise ModelError(
                f"the snapshot is of another model ({self.model_hash[:12]}) than this one "
                f"({plan.model.hash[:12]}); load the model it was made with"
            )
        if self.batch != plan.batch:
            raise ModelError(
                f"the snapshot is of a batch of {self.batch}, and this simulation has {plan.batch}"
            )
        if self.layout != layout(plan) or not _alike(self.arrays, running.frozen.arrays):
            raise ModelError(
                "the snapshot's state lies differently in memory; make the Simulation as the other was made: "
                "the same vary, plays, threads and dt, and i_membrane_ recorded in both or in none"
            )
        delay = plan.head["delay"]
        if delay.store == "A":
            members = self.arrays["A"][:-1].reshape(plan.batch, plan.member_size)
            if (members[:, delay.places[plan.connection_rank]] < plan.partition.least).any():
                raise ModelError(
                    "the snapshot holds delays of members that are shorter than this simulation is planned "
                    "for; assign NetCon.delay before the snapshot is restored",
                    variable="NetCon.delay",
                )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the snapshot to a file, which `Simulation.restore` reads: all of it, or nothing.

        The file is written beside its place and then renamed.

        Raises
        ------
        ModelError
            If it cannot be written.
        """
        image = files.image(self._fill)
        digest = hashlib.sha256(image).hexdigest()
        line = (
            f"HelioX snapshot; schema {SCHEMA}; heliox {__version__}; {len(image)} bytes; sha256 {digest}\n"
        )
        files.place(path, line.encode().ljust(HEADER, b"\0"), image)

    def _fill(self, file: h5py.File) -> None:
        about = {"t": self.t, "step": self.step, "model": self.model_hash, "batch": self.batch}
        file.attrs.update({**about, "layout": self.layout})
        for name, array in self.arrays.items():
            packed = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if array.size else {}
            file.create_dataset(name, data=array, **packed)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Snapshot:
        """Read what `save` wrote.

        Raises
        ------
        ModelError
            If there is no such file, or it is not a complete and undamaged snapshot.
        """
        path = os.fspath(path)
        try:
            _check(path)
            with h5py.File(path, "r", locking=False) as file:
                about = file.attrs
                return cls(
                    t=float(about["t"]), step=int(about["step"]), model_hash=str(about["model"]),
                    batch=int(about["batch"]), layout=str(about["layout"]),
                    arrays={name: np.asarray(file[name]) for name in file},
                )  # fmt: skip
        except OSError as e:
            raise ModelError(f"{path} cannot be read: {e.strerror or e}", path=path) from e


def layout(plan: Plan) -> str:
    """SHA-256 of where everything that changes lies, and of what members are played.

    Equal for plans whose snapshots can be exchanged.
    """
    h = hashlib.sha256(f"{plan.batch} {plan.member_size}".encode())
    for rows in (plan.head, plan.tables, plan.varied_at):
        h.update(str([(k, row.at) for k, row in rows.items() if row.store == "A"]).encode())
    for k, points in plan.vary.plays.items():
        h.update(f"play {k}".encode() + b"".join(x.tobytes() for x in points))
    arrays = [plan.chunk_base, plan.node_chunk, plan.node_local, plan.connection_rank]
    for p in plan.placements:
        h.update(f"{p.struct.template.name} {sorted(p.struct.own.items())} {p.struct.varied}".encode())
        arrays += [p.chunk, p.local, p.own]
    for array in arrays:
        h.update(np.ascontiguousarray(array, np.int64).tobytes())
    return h.hexdigest()


def _alike(arrays: dict[str, NDArray], like: dict[str, NDArray]) -> bool:
    """Whether the arrays are those of an engine; the room for events and spikes may differ."""
    if arrays.keys() != like.keys():
        return False
    for name, x in arrays.items():
        y = like[name]
        fixed = [k for k in range(y.ndim) if not (k == 1 and name in GROWING)]
        if x.dtype != y.dtype or x.ndim != y.ndim or any(x.shape[k] != y.shape[k] for k in fixed):
            return False
    return arrays["QF"].shape[:2] == arrays["QI"].shape[:2] and arrays["SF"].shape == arrays["SI"].shape


def _check(path: str) -> None:
    """Refuse a file whose header or checksum is wrong."""
    if not os.path.isfile(path):
        _refuse(path, "it is a folder" if os.path.isdir(path) else "there is no such file")
    with open(path, "rb") as file:
        head = file.read(HEADER)
        line = _LINE.fullmatch(head)
        if line is None or len(head) != HEADER:
            _refuse(path, _what_it_is(head))
        size, length = os.fstat(file.fileno()).st_size, int(line[3])
        if size != HEADER + length:
            _refuse(path, f"it has {size} bytes and must have {HEADER + length}; copy it again")
        if hashlib.file_digest(file, "sha256").hexdigest() != line[4].decode():
            _refuse(path, "it was changed or damaged after it was written (wrong checksum); copy it again")
    if int(line[1]) != SCHEMA:
        version = line[2].decode()
        _refuse(path, f"it has schema {int(line[1])}, of HelioX {version}; this HelioX reads schema {SCHEMA}")


def _what_it_is(head: bytes) -> str:
    if head.startswith(b"HelioX model"):
        return "it is a model; read it with heliox.load"
    return "its header is damaged; copy it again" if head.startswith(b"HelioX") else "it is something else"


def _refuse(path: str, reason: str) -> NoReturn:
    raise ModelError(f"{path} is not a snapshot that can be restored: {reason}.", path=path)
