"""Recordings: which addresses are sampled, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.engine import guard, tables
from heliox.engine.clock import step_times
from heliox.engine.engine import Engine
from heliox.engine.reduction import Reduction
from heliox.engine.references import watched
from heliox.engine.registry import Handle
from heliox.engine.window import Window
from heliox.kernels.unread import unread
from heliox.solver import events


class Recording:
    """Samples of one or more variables.

    Attributes
    ----------
    t : (samples,) ms
    values : (samples,)
        For one place of one member; (n, samples) for several places; a leading axis of length B for a batch.
    names : list of str
    unit : str
    """

    def __init__(self, handle: Handle, stride: int) -> None:
        self.handle = handle
        self.stride = stride
        self.names = handle.names
        self.unit = handle.unit
        self._times = np.empty(0)
        self._data = np.empty((handle.addresses.size, 0))
        self._count = 0
        self.steps = 0  # since its first sample
        self.started = False

    def attach(self, handle: Handle) -> None:
        """Go on, without samples, with a new plan's handle of the same variable."""
        self.handle = handle
        self.clear()

    @property
    def t(self) -> NDArray[np.float64]:
        return self._times[: self._count].copy()

    @property
    def values(self) -> NDArray[np.float64]:
        shape = self.handle.addresses.shape
        out = self._data.reshape(*shape, self._data.shape[1])[..., : self._count]
        out = out[..., 0, :] if len(self.handle) == 1 else out
        out.flags.writeable = False  # a view: later runs append behind it
        return out

    def to_pandas(self) -> Any:
        """A DataFrame: rows by t (ms), columns by name, or by (member, name) for a batch.

        Raises
        ------
        HelioXError
            If pandas is not installed.
        """
        return tables.frame(self)

    def to_xarray(self) -> Any:
        """A DataArray with the dimensions of `values`, of ``member``, ``place`` and ``t`` (ms).

        Raises
        ------
        HelioXError
            If xarray is not installed.
        """
        return tables.labelled(self)

    def clear(self) -> None:
        """Forget all samples; the next run starts with a new first one."""
        self._times = np.empty(0)
        self._data = np.empty((self.handle.addresses.size, 0))
        self._count = 0
        self.steps = 0
        self.started = False

    def reserve(self, samples: int) -> None:
        """Make room for `samples` more."""
        wanted = self._count + samples
        if wanted > len(self._times):
            data, times = np.empty((len(self._data), wanted)), np.empty(wanted)
            data[:, : self._count] = self._data[:, : self._count]
            times[: self._count] = self._times[: self._count]
            self._data, self._times = data, times

    def append(self, t: NDArray[np.float64], block: NDArray[np.float64]) -> None:
        """Add samples: `t` (k,), `block` (k, places)."""
        self.reserve(len(t))
        self._times[self._count : self._count + len(t)] = t
        self._data[:, self._count : self._count + len(t)] = block.T
        self._count += len(t)

    def __repr__(self) -> str:
        what = f"{len(self.names)} x {self.handle.variable.name} ({self.unit})"
        return f"<heliox recording of {what}: {len(self.t)} samples>"


def _voided(
    r: Recording | Reduction | Window, block: NDArray[np.float64], steps: NDArray, failed: dict[int, int]
) -> NDArray[np.float64]:
    """Samples with NaN for members behind the step in which they failed; what all share never changes."""
    at = r.handle.addresses
    if r.handle.store == "P":
        return np.broadcast_to(r.handle.values.ravel(), block.shape)
    out = block.reshape(len(block), *np.atleast_2d(at).shape).copy()
    for member, last in failed.items():
        out[steps > last, member] = np.nan
    return out.reshape(block.shape)


class Recorder:
    """Drives the engine's recording table and collects samples, a piece of a run at a time; and spikes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # what steps leave out where nobody looks, and whether somebody always does
        seldom = unread(engine.plan.program)
        self.seldom = {n for names in seldom.values() for n in names}
        self.always = any(n in seldom.get(mechanism, ()) for mechanism, n in watched(engine.plan.model))
        self.recordings: list[Recording | Reduction | Window] = []
        self.spikes: list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]] = []

    def take_spikes(self) -> None:
        """Add the engine's spikes since the last time."""
        self.spikes.append(self.engine.drain_spikes())

    def forget(self) -> None:
        """Forget all samples and spikes."""
        self.spikes.clear()
        for r in self.recordings:
            r.clear()

    def run(self, steps: int, progress: Callable[[int], None] | None = None) -> int:
        """Advance `steps` and collect; no steps take the first samples only. Returns the steps done."""
        window = max(1, self.engine.plan.partition.window)
        places = sum(r.handle.addresses.size for r in self.recordings)
        piece = max(1, self.engine.piece(places) // window) * window
        done = 0
        rows = self._arrange(min(piece, steps))
        for r in self.recordings:
            r.reserve(1 + (r.steps % r.stride + steps) // r.stride)
        self._first_samples(rows)
        while done < steps:
            n = min(piece, steps - done)
            self._shift(rows)
            times = step_times(self.engine.t, n, self.engine.plan.dt)
            before = self.engine.step
            try:
                got = self.engine.advance(n, progress)
            finally:
                got = max(0, self.engine.finished_steps - before)
                self._collect(rows, times[: got + 1], got, before)
            done += got
            if self.engine.interrupted:
                break
        return done

    def _arrange(self, steps: int) -> list[NDArray[np.intp]]:
        """Fill the engine's table, sorted by group. Returns the rows of each recording."""
        plan = self.engine.plan
        if not self.recordings:
            self.engine.set_recording(np.zeros((0, 3), np.int64), 1)
            self._groups(np.empty(0, np.int64))
            return []
        addresses, group, owner, stride = [], [], [], []
        for k, r in enumerate(self.recordings):
            at = r.handle.addresses.ravel()
            addresses.append(at if r.handle.store == "A" else -1 - at)
            group.append(self._group_of(at) if r.handle.store == "A" else np.zeros(len(at), np.int64))
            owner.append(np.full(len(at), k))
            stride.append(np.full(len(at), r.stride))
        flat = np.concatenate(addresses)
        groups = np.concatenate(group)
        order = np.argsort(groups, kind="stable")
        table = np.stack([flat, np.concatenate(stride), np.zeros(len(flat), np.int64)], axis=1)[order]
        self.engine.set_recording(np.ascontiguousarray(table), steps + 2)
        self._groups(groups[order])
        row = np.empty(len(flat), np.intp)
        row[order] = np.arange(len(flat))
        owners = np.concatenate(owner)
        assert plan is self.engine.plan
        return [row[owners == k] for k in range(len(self.recordings))]

    def _group_of(self, at: NDArray[np.int64]) -> NDArray[np.int64]:
        base = self.engine.plan.G[:, self.engine.plan.program.columns["BASE"]]
        return np.searchsorted(base, at, side="right") - 1

    def _groups(self, groups: NDArray[np.int64]) -> None:
        plan = self.engine.plan
        bounds = np.searchsorted(groups, np.arange(self.engine.groups + 1))
        plan.G[:, plan.program.columns["REC0"]] = bounds[:-1]
        plan.G[:, plan.program.columns["REC1"]] = bounds[1:]
        names = {r.handle.variable.name.partition("[")[0] for r in self.recordings}
        plan.G[:, plan.program.columns["ICAP"]] = int("i_cap" in names)
        plan.G[:, plan.program.columns["SEEN"]] = int(self.always or bool(names & self.seldom))

    def _shift(self, rows: list[NDArray[np.intp]]) -> None:
        for r, row in zip(self.recordings, rows, strict=True):
            self.engine.RA[row, 2] = r.steps % r.stride

    def _first_samples(self, rows: list[NDArray[np.intp]]) -> None:
        new = [(r, row) for r, row in zip(self.recordings, rows, strict=True) if not r.started]
        if not new:
            return
        self.engine.sample(0)
        failed, now = self._failed(), np.array([self.engine.step])
        for r, row in new:
            block = self.engine.R[:1, row]
            r.append(np.array([self.engine.t]), _voided(r, block, now, failed) if failed else block)
            r.started = True

    def _failed(self) -> dict[int, int]:
        """Member -> the step in which it ran away, of a batch."""
        if self.engine.plan.batch == 1:
            return {}
        first = guard.first_groups(self.engine)
        return {m: int(self.engine.QN[g, events.STEP]) for m, g in first.items()}

    def _collect(self, rows: list[NDArray[np.intp]], times: NDArray[np.float64], n: int, before: int) -> None:
        failed = self._failed()
        for r, row in zip(self.recordings, rows, strict=True):
            shift = r.steps % r.stride
            k = np.arange(1, n + 1)
            k = k[(k + shift) % r.stride == 0]
            if len(k):
                first, last = (int(k[0]) + shift) // r.stride, (int(k[-1]) + shift) // r.stride
                kept = self.engine.R[first : last + 1]
                whole = len(row) == kept.shape[1] and np.array_equal(row, np.arange(len(row)))
                block = kept if whole else kept[:, row]
                r.append(times[k], _voided(r, block, k + before, failed) if failed else block)
            r.steps += n
