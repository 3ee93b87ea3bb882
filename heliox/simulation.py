"""`Simulation`: what a notebook user holds."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from heliox.engine import guard, interrupt, portable
from heliox.engine.choice import choose, choose_device
from heliox.engine.clock import psolve_steps
from heliox.engine.draft import Draft, Options
from heliox.engine.engine import Engine
from heliox.engine.lasting import LastingHandle
from heliox.engine.plan import Plan
from heliox.engine.recorder import Recording
from heliox.engine.reduction import Reduction
from heliox.engine.registry import VariableRegistry
from heliox.engine.window import Window
from heliox.errors import ModelError, NumericalError
from heliox.kernels import threads as threading
from heliox.kernels.program import Adjoint
from heliox.model.model import Model
from heliox.model.selection import Where
from heliox.model.variable import Variable
from heliox.record.progress import Progress
from heliox.record.results import save_results
from heliox.record.shape import Shape
from heliox.record.snapshot import Snapshot
from heliox.record.spikes import Spikes

SMALL = 20_000  # nodes x members below which a second thread does not pay by default


class Simulation:
    """A model that can run.

    Parameters
    ----------
    model : Model
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:k"``; ``"emulated"``: a GPU's kernels on the CPU. The
        attribute `device` says what was taken, and why; `asked` is what was asked for.
    dt : float, optional
        ms; default is the frozen dt.
    batch : int
        Members: copies of the model that run together and may differ in what `vary` names.
    vary : collection of str
        Variables that differ between members: parameters (``"hh.gnabar"``), GLOBALs (``"na_ion.nai0"``),
        ``"celsius"``, ``"NetCon.weight"``, ``.delay``, ``.threshold``. States, v and streams always may.
    math : str
        ``"fast"``: own vectorising arithmetic, the same bits on every device; ``"libm"``: the C library's,
        NEURON's bits.
    order : str
        Of elimination: ``"neuron"``, or ``"contraction"``, whose depth is logarithmic: for a GPU and few
        cells, with other last bits.
    threads : int, optional
        Default: one for small models, else all cores. Results do not depend on it.
    mode : str
        ``"auto"`` or ``"streams"`` (of use on CUDA only)
    progress : bool
        A bar in runs of more than two seconds.
    adjoint : Adjoint, optional
        Of simulations that `heliox.learn` makes.

    Raises
    ------
    ModelError, DeviceError, UnsupportedError
    """

    def __init__(
        self,
        model: Model,
        device: str = "auto",
        *,
        dt: float | None = None,
        batch: int = 1,
        vary: Collection[str] = (),
        math: str = "fast",
        order: str = "neuron",
        threads: int | None = None,
        mode: str = "auto",
        progress: bool = True,
        adjoint: Adjoint | None = None,
    ) -> None:
        choose("math", math, ("fast", "libm"))
        choose("mode", mode, ("auto", "fused", "streams"))
        backend, self.device = choose_device(
            device, math, mode, batch, adjoint is not None and adjoint.tangent
        )
        choose("order", order, ("neuron", "contraction"))
        if batch < 1 or batch != int(batch):
            raise ModelError(f"batch is {batch}; it must be a whole number of at least 1")
        self.dt = float(model.settings.dt if dt is None else dt)
        if not (self.dt > 0.0 and np.isfinite(self.dt)):
            raise ModelError(f"dt is {self.dt:g} ms; it must be positive")
        if threads is not None and threads < 1:
            raise ModelError(f"threads is {threads}; it must be at least 1")
        self.batch = int(batch)
        self.asked = device
        self.math, self.order = math, order
        self.progress = progress
        self.adjoint = adjoint
        many = len(model.nodes) * self.batch >= SMALL
        self.threads = threads or (threading.available() if many else 1)
        options = Options(self.dt, self.batch, math, order, self.threads, backend, adjoint)
        self.draft = Draft(model, options, vary)

    @property
    def model(self) -> Model:
        """The frozen model, with the plays and detectors that were added."""
        return self.draft.model

    @property
    def plan(self) -> Plan:
        return self.draft.plan

    @property
    def registry(self) -> VariableRegistry:
        return self.draft.registry

    @property
    def engine(self) -> Engine:
        """Buffers and compiled code, in the state in which a run would start now."""
        self.draft.engine.settle()
        return self.draft.engine

    # ------------------------------------------------------------------ variables

    def var(self, name: str | Variable, where: Where = None) -> LastingHandle:
        """A handle to a variable: ``sim.var("hh.gnabar", where="soma")``.

        ``handle.values`` are the present values; ``handle[...] = x`` sets them. Before the first run,
        assigning a (B, n) array to a variable that members share adds it to `vary`; so does (B, 1) for a
        GLOBAL. A stream has the elements id1, id2, id3 and position: with
        ``sim.var("NetStim.ranvar[2]")[...] = np.arange(B)[:, None]`` every member draws its own numbers.
        """
        return LastingHandle(self.draft, name, where)

    @property
    def t(self) -> float:
        """Time in ms."""
        return self.draft.engine.t

    def record(self, variable: str, where: Where = None, *, every: float | None = None) -> Recording:
        """Record a variable at every step, or every `every` ms.

        Parameters
        ----------
        variable : str
            A path (``"soma[0](0.5).v"``, ``"IClamp[0].i"``) or, with `where`, a selection (``"v",
            where="dend*"``).
        every : float, optional
            A multiple of dt: every k-th sample, as NEURON's ``Vector.record(ref, Dt)`` takes them.

        Returns
        -------
        Recording
            With ``t`` (ms) and ``values``; the first sample is the state before the next run.
        """
        stride = self._stride(every)
        handle = self.draft.handle(variable, where)  # first: it may ask for a new plan
        return self.draft.keep(Recording(handle, stride))

    def _stride(self, every: float | None) -> int:
        """Steps in `every` ms."""
        if every is None:
            return 1
        stride = round(every / self.dt) if np.isfinite(every) else 0
        if stride < 1 or abs(stride * self.dt - every) > 1e-9 * max(every, self.dt):
            raise ModelError(f"every is {every:g} ms; it must be a positive multiple of dt = {self.dt:g} ms")
        return stride

    def window(
        self, variable: str | Variable, where: Where = None, *, start: float = 0.0, stop: float,
        every: float | None = None, mean: bool = False,
    ) -> Window:  # fmt: skip
        """Samples from `start` to `stop` (ms, both included) in one array, time first.

        Parameters
        ----------
        every : float, optional
            ms, a multiple of dt: one sample of so many, or with `mean` the mean of so many.
        """
        k = self._stride(every)
        handle = self.draft.handle(variable, where)
        return self.draft.keep(Window(handle, self.dt, start=start, stop=stop, every=k, mean=mean))

    def ring(
        self, variable: str | Variable, where: Where = None, *, samples: int, every: float | None = None,
        mean: bool = False,
    ) -> Window:  # fmt: skip
        """The last `samples` samples, in one array; `every` and `mean` as in `window`."""
        if not isinstance(samples, (int, np.integer)) or samples < 1:
            raise ModelError(f"a ring of {samples} samples; it must hold a whole number, at least one")
        handle = self.draft.handle(variable, where)
        return self.draft.keep(Window(handle, self.dt, every=self._stride(every), mean=mean, last=samples))

    def reduce(
        self, variable: str, kind: str, where: Where = None, *, start: float = 0.0, stop: float = np.inf,
        target: ArrayLike | None = None, threshold: float = 0.0,
    ) -> Reduction:  # fmt: skip
        """A number for each place and member, formed while running: no trace is stored.

        Parameters
        ----------
        variable, where
            As in `record`.
        kind : str
            ``"mean"``, ``"min"``, ``"max"``; ``"rms"``: root of the mean squared difference from `target`;
            ``"crossings"``: how often a sample is above `threshold` and the one before it is not.
        start, stop : float
            ms, both included.
        target : (samples,), (n, samples) or (B, n, samples)
            From the sample at `start` on; the reduction ends with it.
        threshold : float
            In the unit of the variable.

        Raises
        ------
        ModelError
            For an unknown variable or kind, an empty window, or a target that does not fit.
        """
        handle = self.draft.handle(variable, where)
        return self.draft.keep(Reduction(handle, kind, start, stop, target, threshold))

    def play(self, variable: str, t: ArrayLike, y: ArrayLike, *, continuous: bool = False) -> None:
        """Impose values on a variable over time (NEURON's Vector.play). Before the first run only.

        Parameters
        ----------
        variable : str
            One variable: ``"IClamp[0].amp"``, ``"soma[0](0.5).hh.gnabar"``.
        t, y : (n,) or (B, n)
            Times in ms, ascending, and values in the unit of the variable; of all members, or of each.
        continuous : bool
            Interpolate linearly, at every half step; before t[0] the value is y[0], behind t[-1] the last
            segment is extrapolated, and where two times are equal the mean of their values is taken.
            Otherwise value k is assigned at t[k], rounded to a step as every event is.

        Raises
        ------
        ModelError
            For an unknown variable, several places, or times that are not ascending.
        """
        self.draft.play(variable, t, y, continuous)

    def detect(self, variable: str, threshold: float = 10.0, gid: int = -1) -> int:
        """One more spike detector; returns the index of its source. Before the first run only."""
        return self.draft.detect(variable, threshold, gid)

    # ------------------------------------------------------------------ running

    def run(self, duration: float) -> None:
        """Run for `duration` ms.

        Ctrl-C returns within a fraction of a second; what was recorded stays.
        """
        self.run_until(self.t + float(duration))

    def run_until(self, tstop: float) -> None:
        """Run until t reaches `tstop` ms; the number of steps is NEURON's psolve's.

        Raises
        ------
        NumericalError
            A voltage became NaN or left the finite range (in a batch: of every member, see `failures`): time,
            cell, section; recordings up to then are kept.
        """
        steps = psolve_steps(self.t, float(tstop), self.dt)
        self.draft.run()
        engine, recorder = self.draft.engine, self.draft.recorder
        with Progress(self.t, steps, self.dt, self.progress) as bar, interrupt.deferred(engine):
            failed = guard.first_groups(engine)
            try:
                recorder.run(steps, bar.update)
            finally:
                recorder.take_spikes()
                guard.warn(engine, failed)

    @property
    def failures(self) -> dict[int, NumericalError]:
        """Members whose voltage became NaN or ran away, and why; the others went on without them.

        Recordings of a failed member are NaN from there on.
        """
        return guard.failures(self.draft.engine)

    @property
    def spikes(self) -> Spikes:
        """All spikes so far, sorted by (member, t, source)."""
        return Spikes.collect(self.model, self.draft.names, self.draft.recorder.spikes, self.batch)

    def shape(self, colour: Any = None, where: Where = None, *, member: int = 0, points: Any = None) -> Shape:
        """The cells as lines, coloured by a variable as it is now: ``plot.shape(sim.shape("v"))``.

        Parameters
        ----------
        colour, where, member : optional
            A variable and `where` as in `record`; or what `heliox.record.shape.Shape.painted` knows.
        points : optional
            3-D points of sections, such as the cell of `heliox.morphology`; see
            `heliox.record.shape.Shape.of`. Without them cells are laid out by their topology.
        """
        colour = self.draft.handle(colour, where) if isinstance(colour, str) else colour
        return Shape.of(self.model, points).painted(self.draft.names, colour, member)

    def save_results(self, path: str | os.PathLike[str], **about: str | float) -> None:
        """Write all recordings and spikes so far to an HDF5 file, which `heliox.record.load_results` reads.

        Parameters
        ----------
        path : path
        **about
            Words and numbers to be kept with them, beside the hash of the model, dt, t, math and batch.

        Raises
        ------
        ModelError
            If the file cannot be written; an older one is then as it was.
        """
        own = {"model": self.model.hash, "dt": self.dt, "t": self.t, "math": self.math, "batch": self.batch}
        recordings = [r for r in self.draft.recorder.recordings if isinstance(r, Recording)]
        save_results(path, recordings, self.spikes, **{**about, **own})

    def reset(self) -> None:
        """The frozen state, time, queue and random streams again; parameters stay as they are.

        Recordings and spikes start anew.
        """
        self.draft.reset()

    def initialize(self, v: ArrayLike | None = None) -> None:
        """INITIAL blocks with the parameters as they are (NEURON's finitialize); t = 0.

        Parameters
        ----------
        v : float, (nodes,) or (B, nodes), optional
            mV; default keeps every voltage.
        """
        self.draft.initialize(v)

    def snapshot(self) -> Snapshot:
        """A copy of everything that changes in a run; ``snapshot().save(path)`` writes it to a file."""
        return Snapshot.of(self.engine)

    def restore(self, snap: Snapshot | str | os.PathLike[str]) -> None:
        """Go back to a snapshot of the same model and batch, or to one in a file, perhaps of another machine.

        It may have been made with other threads, on another device or in another order of elimination.

        A run that goes on from there has the results of the one that was left, bit for bit, if the parameters
        that all members share are what they were then: they are no part of a snapshot. Recordings and spikes
        go on after what they hold.

        Raises
        ------
        ModelError
            For a snapshot of another model or batch, or made with another `vary` or other plays; for a
            damaged file.
        """
        if isinstance(snap, str | os.PathLike):
            snap = Snapshot.load(snap)
        snap.check(self.engine)
        portable.restore(self.engine, snap.t, snap.arrays)
        self.engine.tables_stale = True  # a table kept by members may be older than the parameters
        self.draft.run()

    def __repr__(self) -> str:
        return (
            f"<heliox.Simulation of {self.model!r}, batch {self.batch}, dt {self.dt:g} ms, math {self.math}, "
            f"{backend.name if (backend := self.draft.options.backend) else 'CPU'}, t = {self.t:g} ms>"
        )
