"""Gradients of a run: the forward sweep with its tape, the reverse sweep, checkpoints between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heliox.engine.backwards import Backwards
from heliox.engine.engine import Engine, Snapshot
from heliox.engine.plan import Plan
from heliox.errors import ModelError, NumericalError
from heliox.kernels import cache, threads
from heliox.kernels.program import Adjoint
from heliox.model.names import Names
from heliox.solver import events, tape

MEMORY = 2_000_000_000  # bytes that a tape may take unless told otherwise
SURROGATES = ("sigmoid", "triangle", "exponential")


@dataclass(frozen=True)
class Surrogate:
    """What stands for the derivative of a spike by the voltage: kind (`SURROGATES`) and width in mV."""

    kind: str = "sigmoid"
    width: float = 5.0

    def __post_init__(self) -> None:
        if self.kind not in SURROGATES:
            raise ModelError(f"surrogate {self.kind!r}; legal are {', '.join(SURROGATES)}")
        if not self.width > 0.0:
            raise ModelError(f"the width of a surrogate is {self.width:g} mV; it must be positive")


@dataclass(frozen=True)
class Schedule:
    """How a run of `steps` is taped: pieces of at most `piece` steps, with a checkpoint before each but one.

    ``row``: bytes of a step on the tape, ``checkpoint``: bytes of a checkpoint; `factor`: forward steps done
    for each step of the run.
    """

    steps: int
    piece: int
    row: int
    checkpoint: int
    bisect: bool = False

    @property
    def pieces(self) -> int:
        return max(1, -(-self.steps // self.piece))

    @property
    def checkpoints(self) -> int:
        """Kept at the same time."""
        if self.pieces == 1:
            return 0
        return int(np.ceil(np.log2(self.pieces))) + 1 if self.bisect else self.pieces

    @property
    def bytes(self) -> int:
        return min(self.piece, self.steps) * self.row + self.checkpoints * self.checkpoint

    @property
    def factor(self) -> float:
        if self.pieces == 1:
            return 1.0
        if not self.bisect:
            return 2.0 - 1.0 / self.pieces
        return 1.0 + 0.5 * float(np.log2(self.pieces))

    def summary(self) -> str:
        kind = "bisection" if self.bisect else "one level"
        return (
            f"tape: {self.row} bytes a step, {self.steps} steps in {self.pieces} pieces of {self.piece}, "
            f"{self.checkpoints} checkpoints of {self.checkpoint} bytes ({kind}); "
            f"{self.bytes / 1e6:.2f} MB in all, {self.factor:.2f} forward steps a step"
        )


def schedule(steps: int, row: int, checkpoint: int, memory: int | None) -> Schedule:
    """The schedule with the fewest forward steps that fits into `memory` bytes.

    Raises
    ------
    ModelError
        If not even one step and the checkpoints of a bisection fit.
    """
    limit = MEMORY if memory is None else int(memory)
    steps = max(1, steps)
    whole = Schedule(steps, steps, row, checkpoint)
    if whole.bytes <= limit:
        return whole
    counts = sorted({*range(1, min(steps, 100) + 1), *(int(n) for n in np.geomspace(1, steps, 200))})
    for bisect in (False, True):
        for n in counts:  # few pieces: little is done again
            s = Schedule(steps, -(-steps // n), row, checkpoint, bisect)
            if s.bytes <= limit:
                return s
    least = Schedule(steps, 1, row, checkpoint, bisect=True)
    raise ModelError(
        f"a gradient over {steps} steps needs at least {least.bytes} bytes here ({row} for a step on the "
        f"tape, {checkpoint} for a checkpoint); {limit} are allowed: give a larger `memory`, or fewer members"
    )


def spec_of(
    plan_names: Names,
    trained: frozenset[tuple[str, str]],
    watched: frozenset[tuple[str, str]],
    *,
    weights: bool = False,
    geometry: bool = False,
    tangent: bool = False,
) -> Adjoint:
    """An `Adjoint` of a model, with the variables that its transfers and pointers name."""
    model = plan_names.model
    coupled = set()
    for v in (model.transfers.source, model.transfers.target, model.pointers.to):
        for mechanism, name in zip(v.mechanism.tolist(), v.name, strict=True):
            if mechanism >= 0:
                coupled.add((model.mechanisms[mechanism].name, name.partition("[")[0]))
    return Adjoint(trained, watched, weights, geometry, tangent, frozenset(coupled))


class Differentiator:
    """Sweeps of one engine whose plan has an `Adjoint`.

    Attributes
    ----------
    B : (A_size + 1,) float64
        Adjoints (or tangents) in the layout of the engine's ``A``: behind `backward`, of the state at the
        start of the run and of parameters.
    R, RB : (steps + 1, recorded)
        Recorded values, and their adjoints; columns as given to `record`.
    """

    def __init__(
        self, engine: Engine, *, memory: int | None = None, surrogate: Surrogate | None = None
    ) -> None:
        self.engine, self.memory, self.surrogate = engine, memory, surrogate
        self.B = np.zeros(engine.plan.A_size + 1)
        self.R = np.zeros((1, 0))
        self.RB = np.zeros((1, 0))
        self.schedule: Schedule | None = None
        self._columns = np.empty(0, np.intp)
        self.row_bytes = 8 * int(engine.plan.G[:, self._column("ROW")].sum())

    def _column(self, name: str) -> int:
        return self.engine.plan.program.columns[name]

    @property
    def plan(self) -> Plan:
        return self.engine.plan

    # ------------------------------------------------------------------ what is recorded

    def record(self, addresses: NDArray[np.int64]) -> None:
        """What `R` and `RB` hold: places in A (below 0: ``-1 - place`` in P)."""
        base = self.plan.G[:, self._column("BASE")]
        group = np.where(addresses >= 0, np.searchsorted(base, addresses, side="right") - 1, 0)
        order = np.lexsort((addresses, group))  # equal ones side by side, in their order
        self._columns = np.empty(len(addresses), np.intp)
        self._columns[order] = np.arange(len(addresses))
        self._table = np.zeros((len(addresses), 3), np.int64)
        self._table[:, 0], self._table[:, 1] = addresses[order], 1
        bounds = np.searchsorted(group[order], np.arange(self.engine.groups + 1))
        self._bounds = bounds

    def _arrange(self, steps: int) -> None:
        self.engine.set_recording(self._table, steps + 2)
        self.plan.G[:, self._column("REC0")] = self._bounds[:-1]
        self.plan.G[:, self._column("REC1")] = self._bounds[1:]
        self.plan.G[:, self._column("ICAP")] = 0

    # ------------------------------------------------------------------ forward

    def forward(self, steps: int, progress: Callable[[int], None] | None = None) -> NDArray[np.float64]:
        """Run `steps` from the present state; recorded values (steps + 1, columns), the start's first."""
        e = self.engine
        e.drain_spikes()
        self._first = e.snapshot()
        self.schedule = schedule(steps, self.row_bytes, e.state_bytes, self.memory)
        self._start = e.step
        self._steps = steps
        self.R = np.zeros((steps + 1, len(self._table)))
        self._arrange(1)
        e.sample(0)
        self.R[0] = e.R[0]
        s = self.schedule
        self._kept: dict[int, Snapshot] = {}
        at = 0
        while at < steps:
            n = min(s.piece, steps - at)
            last = at + n == steps
            if not last and (not s.bisect or at == 0):
                self._kept[at] = e.snapshot()
            self._piece(n, taped=last)
            self.R[at + 1 : at + n + 1] = e.R[1 : n + 1]
            at += n
            if progress is not None:
                progress(n)
        if e.QN[:, events.STATUS].any():
            raise_failed(e)
        return self.R[:, self._columns]

    def _piece(self, n: int, taped: bool, first_time: bool = True) -> None:
        """Advance n steps in one call, with or without the tape."""
        e = self.engine
        self._arrange(n)
        rows = self.plan.G[:, self._column("ROW")]
        self.plan.G[:, self._column("TAPE")] = (np.cumsum(rows) - rows) * n
        longest = max(n, self.schedule.piece if self.schedule else 0)  # the last piece may be shorter
        e.tape(int(rows.sum()) * longest if taped else 0)
        self._began = e.T.copy()
        e.advance(n)
        if first_time or taped:
            self._note_spikes(taped)

    def _note_spikes(self, taped: bool) -> None:
        e = self.engine
        if not taped:
            e.drain_spikes()
            return
        found = []
        for g in range(e.groups):
            n = int(e.QN[g, events.SPIKES])
            found.append((e.SF[g, :n].copy(), e.SI[g, :n] & ((1 << events.HOPS) - 1)))
        self._spikes_by_group = found
        e.drain_spikes()

    # ------------------------------------------------------------------ reverse

    def backward(self, RB: NDArray[np.float64], progress: Callable[[int], None] | None = None) -> None:
        """Adjoints of everything, from those of the recorded values: RB (steps + 1, columns)."""
        if self.schedule is None:
            raise ModelError("backward comes after forward")
        self.B = np.zeros(self.plan.A_size + 1)
        self.RB = np.zeros_like(self.R)
        self.RB[:, self._columns] = RB
        for first, n in self._pieces():
            self._reverse(first, n)
            if not np.isfinite(self.B[:-1]).all():
                raise self._nan(first, n)
            if progress is not None:
                progress(n)
        at = self._table[:, 0]
        own = at >= 0
        np.add.at(self.B, at[own], self.RB[0, own])

    def backward_initial(self) -> None:
        """Behind `backward` of a run that began with `Engine.initialize`: through the INITIAL blocks too.

        Adjoints of v are then those of the voltages that `initialize` was given.
        """
        self.engine.restore(self._first)
        cache.call(self.engine.module.reverse_initial, *self._sweep(0, 0).arguments(self.engine))

    def coefficients(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Behind `backward` with an `Adjoint` with geometry: adjoints of a and b, each (B, nodes)."""
        p = self.plan
        nodes = np.arange(len(p.model.nodes))
        found = []
        for name in ("A_BAR", "B_BAR"):
            at = (p.G[: p.chunks, self._column(name)] + p.chunk_base)[p.node_chunk] + p.node_local
            found.append(self.B[p.of_members(at[nodes])])
        return found[0], found[1]

    def _pieces(self) -> Iterator[tuple[int, int]]:
        """Pieces from the last to the first, each taped when it is given."""
        s, e = self.schedule, self.engine
        assert s is not None
        first = (s.pieces - 1) * s.piece
        yield first, s.steps - first
        if not s.bisect:
            for k in reversed(range(s.pieces - 1)):
                e.restore(self._kept.pop(k * s.piece))
                self._piece(s.piece, taped=True, first_time=False)
                yield k * s.piece, s.piece
            return
        yield from self._bisected(0, s.pieces - 1)

    def _bisected(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        """Pieces low to high - 1 backwards, from the checkpoint before piece `low`."""
        s, e = self.schedule, self.engine
        assert s is not None
        if high <= low:
            return
        e.restore(self._kept[low * s.piece])
        if high - low == 1:
            self._piece(s.piece, taped=True, first_time=False)
            yield low * s.piece, s.piece
            return
        middle = (low + high) // 2
        for _ in range(middle - low):
            self._piece(s.piece, taped=False, first_time=False)
            e.drain_spikes()
        self._kept[middle * s.piece] = e.snapshot()
        yield from self._bisected(middle, high)
        del self._kept[middle * s.piece]
        yield from self._bisected(low, middle)

    def _reverse(self, first: int, n: int) -> None:
        self._spike_tables(self._start + first, n)
        self.engine.reverse(self._sweep(first, n))

    def _sweep(self, first: int, n: int) -> Backwards:
        s = self.surrogate or Surrogate()
        kind = SURROGATES.index(s.kind)
        return Backwards(
            self.B, self.RB, self._SB, self._SP, n, self._start + first, first, s.width, kind
        )  # fmt: skip

    def _spike_tables(self, first: int, n: int) -> None:
        """Spikes of detectors in a piece, and which of them sent each event of the log."""
        e, p = self.engine, self.plan
        e.LI[:, :, tape.LOG_SPIKE] = -1
        room = 1 + max((len(t) for t, _ in self._spikes_by_group), default=0) if self.surrogate else 1
        self._SP = np.zeros((e.groups, 3 * room + 1), np.int64)
        self._SB = np.zeros((e.groups, room))
        if self.surrogate is None:
            return
        watched = {int(s): int(a) for s, a in p.SR}
        owner = np.full(len(p.model.connections), -1, np.int64)
        for s in range(len(p.FAN) - 1):
            owner[p.FAN[s] : p.FAN[s + 1]] = s
        for g, (times, sources) in enumerate(self._spikes_by_group):
            places = {}
            count = 0
            middle = self._middles(g, n)
            for t, s in sorted(zip(times.tolist(), sources.tolist(), strict=True)):
                if s not in watched:
                    continue
                step = first + int(np.searchsorted(middle, t, side="right"))
                base = int(p.G[g, self._column("BASE")])
                self._SP[g, 3 * count + 1 : 3 * count + 4] = step, base + watched[s], s
                places[s, t] = count
                count += 1
            self._SP[g, 0] = count
            for k in range(int(e.QN[g, events.LOGGED])):
                c = int(e.LI[g, k, tape.LOG_CONNECTION])
                if c >= 0:
                    key = int(owner[c]), float(e.LF[g, k, tape.LOG_EMITTED])
                    e.LI[g, k, tape.LOG_SPIKE] = places.get(key, -1)

    def _middles(self, g: int, n: int) -> NDArray[np.float64]:
        """Times of the middle of the steps on the tape, as a run adds them up."""
        t, half, out = float(self._began[g]), 0.5 * self.plan.dt, np.empty(n)
        for k in range(n):
            out[k] = t + half
            t = out[k] + half
        return out

    # ------------------------------------------------------------------ tangents

    def tangent(self, B: NDArray[np.float64]) -> NDArray[np.float64]:
        """Tangents of the recorded values (steps + 1, columns), from those of the start `B` (as ``A``).

        Behind a `forward` whose tape is in one piece.
        """
        if self.schedule is None or self.schedule.pieces != 1:
            raise ModelError("tangents need a run whose tape is in one piece")
        self.B = B.copy()
        self.RB = np.zeros_like(self.R)
        at = self._table[:, 0]
        self.RB[0] = np.where(at >= 0, self.B[np.maximum(at, 0)], 0.0)
        self._spike_tables(self._start, self.schedule.steps)
        with threads.use(self.engine.threads if self.plan.program.parallel else 1):
            cache.call(
                self.engine.module.tangent, *self._sweep(0, self.schedule.steps).arguments(self.engine)
            )
        return self.RB[:, self._columns]

    # ------------------------------------------------------------------ errors

    def _nan(self, first: int, n: int) -> NumericalError:
        """Names one variable whose adjoint is not finite."""
        bad = int(np.flatnonzero(~np.isfinite(self.B[:-1]))[0])
        place = locate(self.plan, bad)
        t = self.plan.dt * first
        span = f"between {t:g} and {t + self.plan.dt * n:g} ms of the run"
        return NumericalError(
            f"the adjoint of {place} became NaN or infinite in the reverse pass {span}; "
            "check the loss, and parameters at the edge of their range"
        )


def locate(plan: Plan, address: int) -> str:
    """Name of what lies at an address of A."""
    member, at = divmod(address, plan.member_size)
    suffix = f" (member {member})" if plan.batch > 1 else ""
    nodes = np.arange(len(plan.model.nodes))
    found = np.flatnonzero(plan.node_address("v", nodes) == at)
    sections = plan.model.sections.name
    if len(found):
        return f"v in {sections[plan.model.nodes.section[found[0]]]}{suffix}"
    for m, place in zip(plan.model.mechanisms, plan.placements, strict=True):
        for name, slot in place.struct.own.items():
            found = np.flatnonzero(plan.chunk_base[place.chunk] + place.own_offset(slot) == at)
            if len(found):
                where = ""
                if m.kind != "artificial":
                    where = f" in {sections[plan.model.nodes.section[m.node[found[0]]]]}"
                return f"{m.name}.{name}{where}{suffix}"
    return f"a variable of the solver{suffix}"


def raise_failed(engine: Engine) -> None:
    """The first failure of a forward sweep as an error: a gradient needs all members."""
    from heliox.engine import guard

    for failure in guard.failures(engine).values():
        raise failure
