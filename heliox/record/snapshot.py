"""Snapshots of a run, in memory and in files.

A file is 512 bytes of header, one line of text with the SHA-256 of what follows, and then HDF5, which allows
for such a block: the arrays of the state, and as attributes what they belong to.
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
from heliox.engine import portable
from heliox.engine.engine import Engine
from heliox.engine.plan import Plan
from heliox.errors import ModelError
from heliox.model.store import HEADER
from heliox.record import files

SCHEMA = 2
_LINE = re.compile(
    rb"HelioX snapshot; schema (\d{1,9}); heliox ([!-~]{1,40}); (\d{1,18}) bytes; sha256 ([0-9a-f]{64})\n\0*"
)


@dataclass(frozen=True)
class Snapshot:
    """Everything that changes in a run: state, waiting events, random streams, time.

    Made by `Simulation.snapshot`. It goes on with other threads, on another device, with other arithmetic and
    in another order of elimination. Not in it are parameters that all members share (they stay what they are
    in the simulation that is restored), the points of plays, and what was recorded.

    Attributes
    ----------
    t : float
        ms.
    step : int
    arrays : dict
        See `heliox.engine.portable.state`.
    model_hash : str
    batch : int
    kind : str
        Digest of what the arrays hold: see `kind`.
    """

    t: float
    step: int
    arrays: dict[str, NDArray]
    model_hash: str
    batch: int
    kind: str

    @classmethod
    def of(cls, running: Engine) -> Snapshot:
        """A copy of the state of an engine."""
        plan = running.plan
        arrays = portable.state(running)
        return cls(running.t, running.step, arrays, plan.model.hash, plan.batch, kind(plan))

    def check(self, running: Engine) -> None:
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
        if self.kind != kind(plan) or not portable.fits(plan, self.arrays):
            raise ModelError(
                "the snapshot holds other variables; make the Simulation as the other was made: the same "
                "vary and plays, and i_membrane_ recorded in both or in none"
            )
        delay = plan.head["delay"]
        if delay.store == "A":
            delays = self.arrays["values"][:, portable.spans(plan)["delay"]][:, plan.connection_rank]
            if (delays < plan.partition.least).any():
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
        file.attrs.update({**about, "kind": self.kind})
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
                    batch=int(about["batch"]), kind=str(about["kind"]),
                    arrays={name: np.asarray(file[name]) for name in file},
                )  # fmt: skip
        except OSError as e:
            raise ModelError(f"{path} cannot be read: {e.strerror or e}", path=path) from e


def kind(plan: Plan) -> str:
    """SHA-256 of the names of all that changes, and of what members are played.

    Equal for plans whose snapshots can be exchanged.
    """
    h = hashlib.sha256(str(portable.spans(plan)).encode())
    h.update(np.ascontiguousarray(plan.connection_rank, np.int64).tobytes())
    for k, points in plan.vary.plays.items():
        h.update(f"play {k}".encode() + b"".join(x.tobytes() for x in points))
    return h.hexdigest()


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
