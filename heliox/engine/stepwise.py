"""An engine whose step is a series of kernels on a device: streams joined by events, captured as a graph.

A run is the device's, and the host meets it only at its portions' ends (docs/design.md, section 8).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from inspect import signature
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.engine import guard
from heliox.engine.backwards import Backwards
from heliox.engine.engine import QUEUE_ROOM, SPIKE_ROOM, Engine
from heliox.engine.mirror import Mirror, Mirrored
from heliox.engine.plan import Plan
from heliox.engine.references import watched
from heliox.engine.step_initial import StepInitial
from heliox.engine.step_reverse import StepReverse
from heliox.engine.step_tables import FEW_GROUPS, WARP, row_tiles, step_tables, tiles
from heliox.errors import DeviceError
from heliox.kernels import user
from heliox.kernels.context import W
from heliox.kernels.stages import Kernel
from heliox.kernels.step_kernels import StepKernels
from heliox.kernels.step_module import module_text, names
from heliox.kernels.step_names import CONTROLS, FIRST, HALT, MOVED, PACK
from heliox.solver import events

GRAPH_STEPS = (64, 8, 1)  # steps that a graph holds
LIST_ROOM = 1024  # spikes a member may emit in a step, to begin with
SIDE_STREAMS = 4
SPREAD_NODES = 100_000  # from here on memory traffic counts for more than the number of kernels
SOLVERS = (1056, 128), (FEW_GROUPS, 256), (-1, 512)  # threads of a block that solves, beyond so many blocks
PACKED_GROUPS = 2048  # from here on a group's events are a thread's, not a block's
MOST_MEMBERS = 65_535  # rows of a grid
CHANGED = ("A", "QF", "QI", "QN", "SF", "SI", "EX", "T", "R", "LF", "LI")  # by a run
SAMPLES = 4096  # of a recording between two collections, and
SAMPLE_BYTES = 1 << 28  # what they may take


Launches = list[list[Callable[[Any], None]]]  # stages of what runs side by side


def _check_memory(plan: Plan, backend: Any) -> None:
    """Refuse a plan that is larger than what the device has left, before anything is allocated."""
    groups = plan.chunks * plan.batch
    need = 8 * (plan.A_size + plan.P_size + plan.G.size + groups * (6 * QUEUE_ROOM + 2 * SPIKE_ROOM + 100))
    if need > (free := backend.free):
        raise DeviceError(
            f"the model takes about {need / 1e9:.1f} GB on the device ({plan.batch} members of "
            f"{len(plan.model.nodes)} nodes), and {backend.name} has {free / 1e9:.1f} GB left; "
            "use fewer members, or device='cpu'"
        )


class StepEngine(Engine):
    """Runs a plan kernel by kernel.

    Parameters
    ----------
    plan : Plan
    backend
        `heliox.kernels.cuda_backend.CudaBackend`, or its stand-in `heliox.kernels.one_by_one.HostBackend`.
    together : bool
        Mechanisms of one stage run in one kernel; else each in its own, on several streams.
    lanes : int, optional
        Threads that work on a tree in Hines' order; by default as many as its levels are wide.
    spread : bool, optional
        Currents of mechanisms are computed side by side and then summed; by default in small models.
    """

    A, P, QF, QI, QN = Mirrored(), Mirrored(), Mirrored(), Mirrored(), Mirrored()
    SF, SI, EX, T, R, RA = Mirrored(), Mirrored(), Mirrored(), Mirrored(), Mirrored(), Mirrored()
    LF, LI = Mirrored(), Mirrored()

    def __init__(
        self, plan: Plan, backend: Any, *, together: bool = True, spread: bool | None = None,
        lanes: int | None = None,
    ) -> None:  # fmt: skip
        self.backend, self._lanes = backend, lanes
        _check_memory(plan, backend)
        self.mirror = Mirror(backend, untransferred=("R",))
        super().__init__(plan)
        if spread is None:
            spread = len(plan.model.nodes) * plan.batch < SPREAD_NODES
        self.kernels = StepKernels(plan.program, watched(plan.model), together=together, spread=spread)
        self._signatures = {n: names(s) for n, s in self.kernels.signatures().items()}
        self._kernel_text = module_text(self.kernels, backend.target)
        self._laid = False
        self._version: tuple[Any, ...] = ()
        self._taping = False
        self._initial: StepInitial | None = None
        self._back: StepReverse | None = None
        self.solvers = next(threads for most, threads in SOLVERS if self.groups > most)

    def lay(self) -> None:
        """Compile the kernels, and lay what never changes on the device: once, when the first run begins."""
        if self._laid:
            return
        self._compiled = self.backend.kernels(self._kernel_text, self._signatures)
        self.stream = self.backend.stream()
        self._side = [self.backend.stream() for _ in range(SIDE_STREAMS)]
        plan, up, zeros = self.plan, self.backend.upload, self.backend.zeros
        tables = step_tables(plan, self.kernels.results(), self.backend.near, self._lanes)
        self.tables = tables
        members = plan.batch
        self._fixed = {
            "_I": up(plan.I), "_K": up(tables.K), "_H": up(tables.H), "_FAN": up(tables.FAN),
            "_CI": up(tables.CI), "_SR": up(plan.SR), "_TF": up(tables.TF), "_TC": up(tables.TC),
            "_FC": up(tables.FC), "_X": zeros((tables.room * members + 1,), np.float64),
            "_CTL": zeros((CONTROLS,), np.int64), "_SC": zeros((self.groups, W), np.float64),
            "_PN": zeros((2, members), np.int32), "_PULLED": zeros((self.groups, 2), np.int64),
            "_TP": zeros((1,), np.float64),
        }  # fmt: skip
        self._lists(LIST_ROOM if plan.chunks > 1 else 1)
        self._looks = self._watched().copy()
        self._size = max(1, plan.member_size)
        self._unread = np.zeros(self._size, bool)  # places in A
        for place in plan.placements:
            for name in self.kernels.unread.get(place.struct.template.name, ()):
                for slot in range(place.struct.own[name], place.struct.own[name] + place.struct.size(name)):
                    self._unread[plan.chunk_base[place.chunk] + place.own_offset(slot)] = True
        self._fixed["_G"] = up(plan.G)
        self._tiles = {k.name: up(tiles(plan, k)) for k in self.kernels.kernels}
        nodes = next(k for k in self.kernels.kernels if k.over == "nodes")
        self._tiles["begin_step"] = self._tiles[nodes.name]
        if plan.program.adjoint is not None:
            self._tiles["save_row"] = up(row_tiles(plan))
        self._laid = True

    def _lists(self, room: int) -> None:
        """Lists of spikes between groups, with room for so many of each member."""
        shape = (2, self.plan.batch, room)
        old = self._fixed.get("_PF"), self._fixed.get("_PI")
        for name, had, dtype in (("_PF", old[0], np.float64), ("_PI", old[1], np.int64)):
            new = np.zeros(shape, dtype)
            if had is not None:
                new[:, :, : had.shape[2]] = had.get()
            self._fixed[name] = self.backend.upload(new)
        self.mirror.version += 1

    def _watched(self) -> NDArray[np.int64]:
        """Columns of G that recordings and tapes set."""
        return self.plan.G[:, [self.plan.program.columns[c] for c in ("REC0", "REC1", "ICAP", "TAPE")]]

    # ------------------------------------------------------------------ launches

    def _launches(self) -> None:
        """Prepack every launch, and capture the graphs of steps, anew where device arrays have changed."""
        now = self.mirror.version, self.limit
        if self._version == now:
            return
        plan = self.plan
        leaders = plan.partition.leaders
        first, last = plan.chunks - leaders, plan.chunks

        def ends(name: str, last_: int) -> Launches:
            out = []
            if leaders:
                out.append([self.over_groups(name, WARP, (first, last), 1, last_)])
            return [*out, [self.over_groups(name, WARP, (0, first), 0, last_)]]

        packed = self.groups >= PACKED_GROUPS
        solved = [[self.over_groups("solve", self.solvers, (0, plan.chunks), near=self.tables.near)]]
        if plan.program.transfers:
            solved.append([self.over_groups("take_shelf", W, (0, plan.chunks))])
        self._steps = {}
        for lean, taping in product((False, True), (False, True) if plan.program.adjoint else (False,)):
            step = [
                *ends("events_packed" if packed else "events", 0),
                *([[x]] if taping and (x := self.launch("save_row", W, False)) else []),
                *self.staged(self.kernels.first_half, lean),
                *solved, *self.staged(self.kernels.second_half, lean),
            ]  # fmt: skip
            self._steps[lean, taping] = step
        self.begin = [[x] if (x := self.launch("begin_step", W, False)) else []]
        self._finish = ends("events", 1)
        if plan.chunks > 1:
            self._finish.append([self.over_groups("exchange_all", WARP, (0, first), 0, 1)])
        self._graphs: dict[tuple[bool, bool, int], Any] = {}
        self._version = now

    def staged(
        self, given: Sequence[Sequence[Kernel]], lean: bool = False, tables: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Launches:  # fmt: skip
        """Launches of stages of kernels over tiles, by default the step's own; what has none is left out."""
        tables = self._tiles if tables is None else tables
        launched = [
            [x for k in stage if (x := self.launch(k.name, W, lean, tables[k.name], **more))]
            for stage in given
        ]
        return [stage for stage in launched if stage]

    def _arguments_of(self, name: str, given: dict[str, Any]) -> list[Any]:
        plan = self.plan
        known = {
            **self._fixed, **{f"_{n}": a for n, a in self.mirror.device.items()}, "_chunks": plan.chunks,
            "_room": self.tables.room, "_dt": plan.dt, "_limit": self.limit, **given,
        }  # fmt: skip
        return [known[n] for n in self._signatures[name]]

    def _graph(self, lean: bool, steps: int) -> Any:
        """So many steps, captured when first asked for."""
        key = lean, self._taping, steps
        if key not in self._graphs:
            self._graphs[key] = self.captured(self._steps[lean, self._taping], steps)
        return self._graphs[key]

    def captured(self, stages: Launches, times: int) -> Any:
        """A graph of stages, so many times."""
        with self.backend.capture(self.stream) as maker:
            for _ in range(times):
                self.issue(stages)
        return maker.graph

    def launch(
        self, name: str, block: int, lean: bool, table: Any = None, **given: Any
    ) -> Callable[[Any], None] | None:
        """A launch of a kernel over tiles, None where it has none."""
        table = self._tiles[name] if table is None else table
        if not table.shape[0]:
            return None
        name = f"{name}_lean" if lean and name in self.kernels.lean else name
        arguments = self._arguments_of(name, {"_TT": table, **given})
        return self.backend.launcher(
            self._compiled[name], (table.shape[0], self.plan.batch), block, arguments
        )

    def over_groups(
        self, name: str, block: int, chunks: tuple[int, int], leads: int = 0, last: int = 0, near: int = 0,
        **more: Any,
    ) -> Callable[[Any], None]:  # fmt: skip
        """A launch of a kernel over groups."""
        wide, members = chunks[1] - chunks[0], self.plan.batch
        given = self._arguments_of(
            name,
            {"_from": chunks[0], "_wide": wide, "_members": members, "_leads": leads, "_last": last, **more},
        )
        grid = (wide, members)
        if name == "events_packed":
            grid = (-(-wide * members // PACK), 1)
        return self.backend.launcher(self._compiled[name], grid, block, given, near)

    def issue(self, stages: Launches) -> None:
        """Stages in their order; kernels of one stage side by side, on streams joined by events."""
        main = self.stream
        for stage in stages:
            if len(stage) == 1:
                stage[0](main)
                continue
            begun = main.record()
            side = self._side[: len(stage) - 1]
            for stream in side:
                stream.wait(begun)
            for k, launch in enumerate(stage):
                launch(main if k == 0 else side[(k - 1) % len(side)])
            for stream in side:
                main.wait(stream.record())

    # ------------------------------------------------------------------ running

    def advance(self, steps: int, progress: Callable[[int], None] | None = None) -> int:
        self._ready()
        first = done = self.step
        last = first + steps
        control = np.zeros(CONTROLS, np.int64)
        control[FIRST] = first
        self.enter(control)
        self.issue(self.begin)
        while done < last and not self.interrupted:
            stop = min(last, done + self._portion(1))
            began = time.perf_counter()
            self._replay(stop - done)
            now = self.settled()
            self._learn_rate(now - done, time.perf_counter() - began)
            self.mended()
            if self._all_failed():
                break
            if progress is not None and now > done:
                progress(now - done)
            done = now
        self.issue(self._finish)
        self.settled()
        while self.mended():
            self.issue(self._finish)
            self.settled()
        self.forget_published()
        T = self.mirror.look("T")
        self.t = float(T.max()) if len(T) else self.t
        guard.raise_if_all_failed(self)
        return self.finished_steps - first

    def enter(self, control: NDArray[np.int64]) -> None:
        """Bring the device up to date."""
        self.lay()
        watched = self._watched()
        if not np.array_equal(watched, self._looks):
            self._looks = watched.copy()
            self._fixed["_G"].put(self.plan.G)
        self.mirror.upload()
        self._fixed["_CTL"].put(control)
        self._launches()
        self.mirror.behind |= set(CHANGED)  # from the first launch on, whatever ends the rest

    def replay(self, steps: int, graph: Callable[[int], Any]) -> None:
        """So many steps by graphs of a few sizes."""
        for n in GRAPH_STEPS:
            for _ in range(steps // n):
                graph(n).launch(self.stream)
            steps %= n

    def _replay(self, steps: int) -> None:
        """So many steps; the last one stores everything, the others what is read (`kernels.unread`)."""
        lean = bool(self.kernels.lean) and not self._unread[self.mirror.look("RA")[:, 0] % self._size].any()
        self.replay(steps - 1 if lean else steps, partial(self._graph, lean))
        if lean:
            self._graph(False, 1).launch(self.stream)

    def settled(self) -> int:
        """Wait for the device; returns the step that all groups have made."""
        self.stream.synchronize()
        self.mirror.touched -= set(CHANGED)
        self.mirror.behind |= set(CHANGED)
        QN = self.mirror.look("QN")
        made = QN[:, events.STEP] + (QN[:, events.PHASE] == MOVED)  # counted when the next one begins
        return int(made.reshape(self.plan.batch, self.plan.chunks).min(axis=1).max(initial=0))

    def published(self) -> NDArray[np.int32]:
        """Spikes on both lists of each member."""
        return self._fixed["_PN"].get()

    def forget_published(self) -> None:
        for name in ("_PN", "_PULLED"):
            self._fixed[name].fill_zero()

    def _all_failed(self) -> bool:
        return len(guard.first_groups(self)) == self.plan.batch

    def mended(self) -> bool:
        """Make buffers larger where the device has halted for that, and let it go on; whether it had."""
        control = self._fixed["_CTL"].get()
        if not control[HALT]:
            return False
        status = self.QN[:, events.STATUS]
        full = status == events.LIST_FULL
        if full.any():
            room = self._fixed["_PF"].shape[2]
            self._fixed["_PN"].put(np.minimum(self._fixed["_PN"].get(), np.int32(room)))
            self._lists(2 * room)
            status[full] = events.OK
        self._mend()
        control[HALT] = 0
        self.enter(control)
        return True

    def solver(self) -> Callable[[Any], None]:
        """The solution of all trees alone, as a launch, for measurements: results are thrown away."""
        self.lay()
        self.compile(self.kernels.groups.measured())
        self.enter(np.zeros(CONTROLS, np.int64))
        return self.over_groups("solve_only", self.solvers, (0, self.plan.chunks), near=self.tables.near)

    def compile(self, signatures: Mapping[str, str]) -> None:
        """Kernels that no step has, those that are not there yet."""
        new = {n: names(s) for n, s in signatures.items() if n not in self._compiled}
        self._compiled |= self.backend.kernels(self._kernel_text, new)
        self._signatures |= new

    # ------------------------------------------------------------------ initialization

    def initialize(self, v: ArrayLike | None = None) -> None:
        self._initial = self._initial or StepInitial(self)
        self._initial.compile()
        self.clear_time()
        self._initial.run(v)
        self.tables_stale = False
        self.check_status()

    def fill_tables(self) -> None:
        if self.plan.tables:
            self._initial = self._initial or StepInitial(self)
            self._initial.tabulate()
        self.tables_stale = False

    # ------------------------------------------------------------------ backwards

    def tape(self, size: int) -> None:
        """On the device alone; what is there stays there."""
        self.lay()
        if size > self._fixed["_TP"].shape[0]:
            self._forget_launches()  # they hold the old one
            self._fixed["_TP"] = self.backend.zeros((1,), np.float64)
            if 8 * size > (free := self.backend.free):
                raise DeviceError(
                    f"the tape takes {8 * size / 1e9:.1f} GB on the device, and {self.backend.name} has "
                    f"{free / 1e9:.1f} GB left; give the gradient less `memory`, so that it takes "
                    "checkpoints, or fewer members"
                )
            self._fixed["_TP"] = self.backend.zeros((size,), np.float64)
        self._taping = bool(size)
        self.log(self._taping)

    def _forget_launches(self) -> None:
        self.mirror.version += 1
        self._steps, self._finish, self._graphs = {}, [], {}
        if self._back:
            self._back.forget()

    def reverse(self, b: Backwards) -> None:
        self._back = self._back or StepReverse(self)
        self._back.run(b)

    # ------------------------------------------------------------------ between runs

    def each(self, kernel: Callable[..., Any], count: int, arguments: Sequence[Any]) -> None:
        """A thread a turn, in the device's memory; arrays among the arguments go there and come back."""
        self.settle()
        self.mirror.upload()
        given: list[Any] = []
        for a in arguments:
            if isinstance(a, user.Pair):
                given.append(user.Pair(self.mirror.device[a.arena], self.backend.upload(a.addresses)))
            else:
                given.append(self.backend.upload(a) if isinstance(a, np.ndarray) else a)
        types = []
        for name, a in zip(list(signature(kernel).parameters)[1:], arguments, strict=True):
            pair = isinstance(a, user.Pair)
            types += [*(["float64[::1]"] if pair else []), user.type_of(a.addresses if pair else a, name)]
        self.mirror.behind |= {a.arena for a in arguments if isinstance(a, user.Pair)}
        self.backend.each(kernel, count, given, types)
        for a, there in zip(arguments, given, strict=True):
            if isinstance(a, np.ndarray) and a.flags.writeable:
                there.get(a)

    def _look(self, name: str) -> NDArray:
        return self.mirror.look(name)

    def write(self, store: str, at: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        super().write(store, at, values)
        if store in self.mirror.shared:
            self.mirror.upload()

    def view(self, store: str, first: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Any:
        self.mirror.upload()
        self.mirror.shared.add(store)
        return self.backend.view(self.mirror.device[store], first, shape, strides)

    def piece(self, places: int) -> int:
        return max(64, min(SAMPLES, SAMPLE_BYTES // (8 * places))) if places else 100 * SAMPLES

    def sample(self, k: int) -> None:
        self.settle()
        RA, look = self.mirror.look("RA"), self.mirror.look
        at = k + RA[:, 2]
        own = RA[:, 0] >= 0
        values = np.empty(len(RA))
        values[own] = look("A")[RA[own, 0]]
        values[~own] = look("P")[-1 - RA[~own, 0]]
        here = at % RA[:, 1] == 0
        self.R[at[here] // RA[here, 1], np.flatnonzero(here)] = values[here]
