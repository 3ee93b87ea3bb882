"""Buffers of a plan on the CPU, and the calls into its generated module."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.engine import guard
from heliox.engine.backwards import Backwards
from heliox.engine.fill import fill, weight_addresses
from heliox.engine.indices import entries
from heliox.engine.plan import Plan
from heliox.engine.queued import load_events
from heliox.engine.start import Start
from heliox.errors import DeviceError
from heliox.kernels import cache, threads, user, window
from heliox.kernels.codegen import module_text
from heliox.kernels.event_loop import logged
from heliox.kernels.memory import aligned
from heliox.mechanisms.blocks import EVENT_BLOCKS, MOST_EFFECTS
from heliox.mechanisms.varstruct import STREAM
from heliox.solver import events, tape

QUEUE_ROOM = 256
SPIKE_ROOM = 256
PIECE = 256
LOG_ROOM = 64  # delivered events of a group, to begin with
STATE = ("A", "QF", "QI", "QN", "SF", "SI", "EX", "T")  # what changes in a run
CALL_SECONDS = 0.2  # Python is met at least this often: Ctrl-C, progress


@dataclass(frozen=True)
class Snapshot:
    """Everything that changes in a run, copied."""

    t: float
    step: int
    arrays: dict[str, NDArray]
    model_hash: str
    batch: int


class Engine:
    """Runs a plan on the CPU.

    Parameters
    ----------
    plan : Plan
    threads : int
        Threads that work on groups side by side; results do not depend on it.

    Notes
    -----
    ``A`` and ``P`` are the arenas of docs/design.md. Per group: queue ``QF``, ``QI``, counters ``QN``, spikes
    ``SF``, ``SI``, exchanged spikes ``EX``, time ``T``.
    """

    def __init__(self, plan: Plan, threads: int = 1) -> None:
        self.plan = plan
        self.threads = threads
        self._text = module_text(plan.program)
        groups = plan.chunks * plan.batch
        self.A = aligned(plan.A_size + 1)
        self.P = aligned(plan.P_size)
        self.QF = np.zeros((groups, QUEUE_ROOM, 3))
        self.QI = np.zeros((groups, QUEUE_ROOM, 3), np.int64)
        self.QN = np.zeros((groups, events.COLUMNS), np.int64)
        self.SF = np.zeros((groups, SPIKE_ROOM))
        self.SI = np.zeros((groups, SPIKE_ROOM), np.int64)
        self.EX = np.zeros(groups, np.int64)
        self.T = np.zeros(groups)
        self.R = np.zeros((1, 0))
        self.RA = np.zeros((0, 3), np.int64)
        self.TP = np.zeros(0)  # the tape and the log of events, where a gradient asks for them
        self.LF = np.zeros((groups, 0, 0))
        self.LI = np.zeros((groups, 0, tape.LOG_COLUMNS), np.int64)
        self.t = plan.model.settings.t
        self.limit = guard.LIMIT
        self.interrupted = False
        self._rate = 50.0  # steps a second, learned
        self._make_room(
            int(plan.G[:, plan.program.columns["FANMAX"]].max(initial=0)) + self._initial_events()
        )
        self._start: Start | None = None
        self.fill()
        start = Start.of(self)
        if start is None:
            self.frozen = self.snapshot()
        self._start = start

    def fill(self) -> None:
        """The frozen model in all buffers."""
        self.A[:], self.P[:], self.QN[:], self.EX[:] = 0.0, 0.0, 0, 0
        fill(self.plan, self.A[:-1], self.P)
        self.tables_stale = bool(self.plan.tables)
        load_events(self)
        self.t = self.plan.model.settings.t
        self.T[:] = self.t

    @cached_property
    def module(self) -> ModuleType:
        """The generated module."""
        return cache.load(self._text)

    @property
    def groups(self) -> int:
        return len(self.QN)

    @property
    def step(self) -> int:
        """Steps since the engine was made or initialized."""
        return int(self.QN[:, events.STEP].max(initial=0))

    @property
    def finished_steps(self) -> int:
        """Steps that all groups of a member have done: of the member that came furthest, if some failed."""
        steps = self.QN[:, events.STEP].reshape(self.plan.batch, self.plan.chunks)
        return int(steps.min(axis=1).max(initial=0)) if steps.size else self.step

    def _arguments(self, last: int, first: int, window_: int, exchanged: int) -> tuple:
        """What every call into the module takes: buffers, the plan's tables, the steps to do."""
        self.settle()
        p = self.plan
        return (
            self.A, self.P, p.I, p.G, self.QF, self.QI, self.QN, self.SF, self.SI, p.FAN, p.CI, p.SR,
            self.R, self.RA, self.TP, self.LF, self.LI, self.T, self.EX, p.order, p.chunks, p.stages,
            last, first, window_, exchanged, p.dt, self.limit, p.partition.lockstep,
        )  # fmt: skip

    def _run(self, task: int, last: int = 0) -> int:
        """One task of heliox.kernels.window."""
        return cache.call(self.module.run, task, *self._arguments(last, 0, 0, 0))

    # ------------------------------------------------------------------ state

    def settle(self) -> None:
        """Do what was put off when the engine was made (`Start`): before anybody looks at the state."""
        start, self._start = self._start, None
        if start is None:
            return
        try:
            start.make(self)
            self.frozen = self.snapshot()
            start.write_again(self)
        except BaseException:  # Ctrl-C while compiling: as if nobody had asked
            self.fill()
            start.write_again(self)
            self._start = start
            raise
        self.tables_stale = bool(self.plan.tables)

    def fill_tables(self) -> None:
        """Rebuild every TABLE; needed after a change of what a table depends on."""
        if self.plan.tables:
            self._run(window.TABULATE)
        self.tables_stale = False

    def snapshot(self) -> Snapshot:
        """A copy of everything that changes in a run."""
        self.settle()
        return Snapshot(
            self.t,
            self.step,
            {n: getattr(self, n).copy() for n in STATE},
            self.plan.model.hash,
            self.plan.batch,
        )

    def restore(self, snap: Snapshot) -> None:
        """Return to a snapshot; parameters stored in P stay as they are now."""
        self.settle()
        for name, array in snap.arrays.items():
            setattr(self, name, array.copy())
        self.t = snap.t

    def reset(self) -> None:
        """The frozen state, time, queue and random streams.

        Parameters, GLOBALs, varied weights, delays, thresholds, the temperature and the ids of streams stay
        as they are.
        """
        self.settle()
        kept = self.plan.of_members(self.parameters())
        values = self.A[kept]
        self.restore(self.frozen)
        self.A[kept] = values
        self.fill_tables()

    def parameters(self, initial: bool = True) -> NDArray[np.int64]:
        """Places of parameters, relative to a member in A; with those that INITIAL sets, or without."""
        p = self.plan
        setting = {"initial", "before_initial", "after_initial"} if initial else set()
        parts = [np.empty(0, np.int64)]
        for place in p.placements:
            t = place.struct.template
            state = t.writes(*(set(t.functions) - setting))
            for name in (set(place.struct.own) & set(t.parameters)) - state:
                slots = range(place.struct.own[name], place.struct.own[name] + place.struct.size(name))
                parts += [p.chunk_base[place.chunk] + place.own_offset(slot) for slot in slots]
            for name in t.random:  # the ids name a stream; its position is state
                for slot in range(place.struct.own[name], place.struct.own[name] + STREAM.index("seq")):
                    parts.append(p.chunk_base[place.chunk] + place.own_offset(slot))
        parts += [row.places for row in (*p.head.values(), *p.varied_at.values()) if row.store == "A"]
        if p.program.weights_own:
            parts.append(self._kept_weights())
        return np.setdiff1d(np.concatenate(parts), p.driven)

    def _kept_weights(self) -> NDArray[np.int64]:
        """Addresses of weights that no event changes and no initialization clears."""
        p = self.plan
        at, c = weight_addresses(p), p.model.connections
        size = np.diff(c.weight_ptr)
        which = np.arange(len(at)) - np.repeat(c.weight_ptr[:-1], size)
        target = np.repeat(c.mechanism, size)
        kept = np.zeros(len(at), bool)
        for k, place in enumerate(p.placements):
            t = place.struct.template
            cleared = "receive_initial" not in t.functions
            for j, name in enumerate(t.weights):
                if name not in t.writes(*EVENT_BLOCKS) and not (cleared and j > 0):
                    kept |= (target == k) & (which == j)
        return at[kept & (at >= 0)]

    def initialize(self, v: ArrayLike | None = None) -> None:
        """INITIAL blocks and everything else finitialize does, with the parameters as they are; t = 0."""
        self.clear_time()
        members = self.A[:-1].reshape(self.plan.batch, self.plan.member_size)
        if self.plan.plays:
            self._run(window.BEGIN)
        if v is not None:
            members[:, self.plan.node_address("v", np.arange(len(self.plan.model.nodes)))] = v
        members[:, self.plan.detector_flag] = 0.0
        self.fill_tables()
        cache.call(self.module.initialize, *self._arguments(0, 0, 0, 0))
        self._run(window.SETTLE)
        self.check_status()

    def clear_time(self) -> None:
        """t = 0, nothing waits, and there is room for what INITIAL sends."""
        self.settle()
        self.t = 0.0
        self.T[:] = 0.0
        self.QN[:] = 0
        if self.plan.program.adjoint is not None:
            self.log(False)
        self.EX[:] = 0
        self._make_room(
            self._initial_events() + int(self.plan.G[:, self.plan.program.columns["FANMAX"]].max(initial=0))
        )
        self._make_spike_room(4 * self.plan.most_in_a_chunk(self.plan.source_chunk()) + SPIKE_ROOM)

    def sample(self, k: int) -> None:
        """Write sample k of the recordings from the state as it stands."""
        self._run(window.SAMPLE, last=k)

    def piece(self, places: int) -> int:
        """Samples between two collections, of so many recorded places: the buffer stays in the cache."""
        return PIECE if places else 100 * PIECE

    def set_recording(self, addresses: NDArray[np.int64], samples: int) -> None:
        """Set what is recorded: rows (address, stride, shift) sorted by group, and room for `samples`."""
        self.RA = addresses
        self.R = np.zeros((max(1, samples), len(addresses)))

    # ------------------------------------------------------------------ running

    def advance(self, steps: int, progress: Callable[[int], None] | None = None) -> int:
        """Advance all groups by `steps`; returns the steps done (fewer after an interrupt at a window's end).

        Raises
        ------
        NumericalError
            At a NaN or runaway voltage, when all members have failed; everything up to it is kept.
        """
        self._ready()
        plan = self.plan
        first = self.step
        last = first + steps
        window_ = plan.partition.window or max(1, steps)
        parallel = plan.program.parallel
        done = first
        with threads.use(self.threads if parallel else 1):
            while done < last and not self.interrupted:
                stop = min(last, done + self._portion(window_))
                began = time.perf_counter()
                given = self._arguments(stop, first, window_, done)
                if parallel:
                    now = cache.call(self.module.advance_parallel, *given)
                else:
                    now = cache.call(self.module.run, window.ADVANCE, *given)
                self._learn_rate(now - done, time.perf_counter() - began)
                if self._mend():
                    guard.raise_if_all_failed(self)
                if progress is not None and now > done:
                    progress(now - done)
                done = now
        self._run(window.FINISH)
        while self._mend(finishing=True):
            self._run(window.FINISH)
        self._exchange()
        self.t = float(self.T.max()) if len(self.T) else self.t
        return done - first

    def _ready(self) -> None:
        """State and tables are as a run needs them."""
        self.settle()
        if self.tables_stale:
            self.fill_tables()

    def _portion(self, window: int) -> int:
        """Steps of one call: a fifth of a second's worth, at least a window."""
        return max(1, int(self._rate * CALL_SECONDS), window if window < 1_000 else 1)

    def _learn_rate(self, steps: int, seconds: float) -> None:
        if steps > 0:
            self._rate = min(max(steps / max(seconds, 1e-6), 1.0), 4.0 * self._rate)

    def _exchange(self) -> None:
        while not self._run(window.EXCHANGE):
            self._mend()

    def drain_spikes(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
        """Spikes since the last drain: member, time (ms), source index; the record is emptied."""
        counts = self.QN[:, events.SPIKES]
        group, place = entries(counts)
        source = self._look("SI")[group, place] & ((1 << events.HOPS) - 1)
        member, t = group // self.plan.chunks, self._look("SF")[group, place]
        self.QN[:, events.SPIKES] = 0
        self.EX[:] = 0
        kept = np.ones(len(t), bool)
        for failed, g in guard.first_groups(self).items():  # its other groups may have gone on
            kept &= (member != failed) | (t <= self.T[g])
        return member[kept], t[kept], source[kept]

    def _look(self, name: str) -> NDArray:
        """A buffer, to be read only."""
        return getattr(self, name)

    def read(self, store: str, at: NDArray[np.int64]) -> NDArray[np.float64]:
        """A copy of numbers of an arena."""
        if self._start and store == "A" and self._start.determines(self.plan, at).any():
            self.settle()
        return self._look(store)[at]

    def open(self, at: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which places in A will have what the start makes of the frozen model: it is put off, and nobody has
        assigned to them."""
        return self._start.open(self.plan, at) if self._start else np.zeros(at.shape, np.bool_)

    def write(self, store: str, at: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Set numbers of an arena."""
        if self._start:
            self._start.written.append((store, at, np.array(values)))
        getattr(self, store)[at] = values

    def each(self, kernel: Callable[..., Any], count: int, arguments: Sequence[Any]) -> None:
        """Call a learning kernel for each of `count` turns; variables are pairs (arena, addresses)."""
        self.settle()
        user.each(kernel, count, [self._pair(a) for a in arguments])

    def _pair(self, given: Any) -> Any:
        if not isinstance(given, user.Pair):
            return given
        return user.Pair(getattr(self, given.arena), given.addresses)

    def view(self, store: str, first: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Any:
        """Numbers of an arena in place; strides in bytes."""
        self.settle()
        return np.lib.stride_tricks.as_strided(getattr(self, store)[first:], shape, strides)

    # ------------------------------------------------------------------ buffers

    def _mend(self, finishing: bool = False) -> bool:
        """Make full buffers larger.

        Returns whether something is left to deal with: a runaway, or (finishing) a mended buffer.
        """
        status = self.QN[:, events.STATUS]
        if (status == events.LOST).any():
            raise DeviceError(
                f"one call of a mechanism had more than {MOST_EFFECTS} effects (net_send, net_event, ...); "
                "or an event queue overflowed inside a step, an error of HelioX: please report the model"
            )
        full = status == events.QUEUE_FULL
        crowded = status == events.SPIKES_FULL
        log_full = status == events.LOG_FULL
        if full.any():
            self._make_room(
                2 * self.QF.shape[1] + int(self.plan.G[:, self.plan.program.columns["FANOUT"]].max(initial=0))
            )
        if crowded.any():
            self._make_spike_room(2 * self.SF.shape[1] + len(self.plan.SR))
        if log_full.any():
            self.make_log_room(2 * self.LI.shape[1])
        mended = full | crowded | log_full
        self.QN[mended, events.STATUS] = events.OK
        return bool(mended.any()) if finishing else bool((status == events.RUNAWAY).any())

    def check_status(self) -> None:
        if (self.QN[:, events.STATUS] != events.OK).any():
            raise DeviceError(
                "the event queue overflowed during initialization; "
                "this is an error of HelioX, please report the model"
            )

    def _initial_events(self) -> int:
        """A bound on the queue of a group behind INITIAL: frozen events, what blocks send, fan-outs."""
        p = self.plan
        heard = p.most_in_a_chunk(p.CI[:, 0])
        bound = p.most_in_a_chunk(p.event_chunk()) + len(p.plays) + 4 * heard + 64
        widest = min(heard, int(np.diff(p.FAN).max(initial=0)))
        for pl in p.placements:
            sent, spikes = pl.struct.template.sent("initial")
            bound += int(pl.count.max(initial=0)) * (sent + spikes * widest)
            bound += heard * pl.struct.template.sent("receive_initial")[0]
        return bound

    def _make_room(self, events_: int) -> None:
        have = self.QF.shape[1]
        if events_ > have:
            extra = ((0, 0), (0, events_ - have), (0, 0))
            self.QF, self.QI = np.pad(self.QF, extra), np.pad(self.QI, extra)

    def make_log_room(self, rows: int) -> None:
        """Make room in the log of delivered events for `rows` of each group."""
        p = self.plan.program
        width = tape.LOG_VALUES + max(
            (
                len(logged(m, m.template.functions["receive"]))
                for m in p.mechanisms
                if "receive" in m.template.functions
            ),
            default=0,
        )
        extra = max(0, rows - self.LI.shape[1])
        self.LI = np.pad(self.LI, ((0, 0), (0, extra), (0, 0)))
        self.LF = np.pad(self.LF, ((0, 0), (0, extra), (0, width - self.LF.shape[2])))

    def tape(self, size: int) -> None:
        """Make room for a tape of `size` numbers, and for a log; 0: neither is written."""
        if size and len(self.TP) < size:
            self.TP = np.empty(size)
        elif not size and len(self.TP):
            self.TP = np.empty(0)
        self.log(bool(size))

    def log(self, wanted: bool) -> None:
        """Whether delivered events are noted, from now on."""
        if wanted and not self._look("LI").shape[1]:
            self.make_log_room(LOG_ROOM)
        self.QN[:, events.LOGGED] = 0 if wanted else tape.NOT_LOGGED

    def reverse(self, b: Backwards) -> None:
        """From the last step on the tape back to the first."""
        with threads.use(self.threads if self.plan.program.parallel else 1):
            cache.call(self.module.reverse, *b.arguments(self))

    @property
    def state_bytes(self) -> int:
        """Of a snapshot."""
        return sum(self._look(n).nbytes for n in STATE)

    def _make_spike_room(self, spikes: int) -> None:
        have = self.SF.shape[1]
        if spikes > have:
            extra = ((0, 0), (0, spikes - have))
            self.SF, self.SI = np.pad(self.SF, extra), np.pad(self.SI, extra)
