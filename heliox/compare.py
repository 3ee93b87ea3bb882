"""The same model in NEURON and in HelioX, beside each other."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.errors import HelioXError, ModelError
from heliox.frontend.neuron import from_neuron
from heliox.model.model import Model
from heliox.model.names import Names
from heliox.record.spikes import Spikes, source_names
from heliox.simulation import Simulation

MEMORY = 256 << 20  # bytes of voltages each simulator may record unless told what to record
SHOWN = 5  # rows of a table in a report
V_INIT = -65.0  # mV, NEURON's own default


def compare(
    tstop: float,
    *,
    v_init: float | None = None,
    record: int | str | Sequence[str] | None = None,
    math: str = "fast",
    dt: float | None = None,
    threads: int | None = None,
    progress: bool = True,
    h: Any = None,
) -> Comparison:
    """Run the live NEURON model in NEURON and in HelioX, and compare voltages, spikes and speed.

    The session is initialized with ``h.finitialize(v_init)``, frozen, and run on by ``psolve``; the frozen
    model is run by HelioX. The session can be used afterwards: it stands at `tstop`.

    Parameters
    ----------
    tstop : float
        ms.
    v_init : float, optional
        mV; default is ``h.v_init``, or -65 where that is not defined.
    record : int, str or sequence of str, optional
        Where voltages are compared: at most this many segments, evenly spread; or what the names select, as
        in ``sim.record("v", where=...)``. Default: the centre of every segment, fewer where that would take
        more than 256 MiB.
    math : str
        ``"fast"``, or ``"libm"`` for NEURON's own bits.
    dt : float, optional
        ms, for both; default is ``h.dt``.
    threads : int, optional
        Threads of HelioX; NEURON runs on one.
    progress : bool
        Show a bar while HelioX runs.
    h : optional
        NEURON's ``h``; by default that of ``neuron``.

    Returns
    -------
    Comparison
        Print it for a table.

    Raises
    ------
    UnsupportedError
        For everything at once that HelioX cannot run.
    ModelError
        If there is no model, or `record` names nothing in it.

    Notes
    -----
    Both times are of the run alone, with the same recordings in both. Compiling (the first time) or loading
    (later) HelioX's code is timed apart.
    """
    h = session() if h is None else h
    if not (np.isfinite(tstop) and tstop > 0.0):
        raise ModelError(f"tstop is {tstop} ms; it must be positive and finite")
    frozen_dt = float(h.dt)
    try:
        if dt is not None:
            h.dt = float(dt)
        return _compare(h, float(tstop), _v_init(h, v_init), record, math, threads, progress)
    finally:
        h.dt = frozen_dt


def _compare(
    h: Any,
    tstop: float,
    v_init: float,
    record: int | str | Sequence[str] | None,
    math: str,
    threads: int | None,
    progress: bool,
) -> Comparison:
    gc.collect()  # what is left of models thrown away would be compared too, and vanish in between
    places = _choose(h, record, v_init, samples=int(tstop / h.dt) + 2)
    vectors = [h.Vector().record(place._ref_v) for place in places]
    h.ParallelContext().set_maxstep(10)
    h.finitialize(v_init)
    began = time.perf_counter()
    model = from_neuron(h=h)
    froze = time.perf_counter() - began
    nodes = np.array([place.node_index() for place in places], np.intp)

    began = time.perf_counter()
    sim = Simulation(model, math=math, threads=threads, progress=progress)
    recording = sim.record("v", where=nodes) if len(nodes) else None
    _warm_up(sim)
    compiled = time.perf_counter() - began

    with _SpikeRecord(h, model) as neuron_spikes:
        began = time.perf_counter()
        h.ParallelContext().psolve(tstop)
        neuron_seconds = time.perf_counter() - began
        groups = neuron_spikes.groups()
    began = time.perf_counter()
    sim.run_until(tstop)
    heliox_seconds = time.perf_counter() - began

    t = recording.t if recording is not None else np.empty(0)
    heliox = np.atleast_2d(recording.values) if recording is not None else np.empty((0, 0))
    neuron = _matrix(vectors, heliox.shape[1])
    dv, when = _differences(neuron, heliox, t)
    return Comparison(
        model=model, math=math, tstop=tstop, dt=sim.dt, threads=sim.threads,
        sites=tuple(Names(model).locations(nodes)) if len(nodes) else (), dv=dv, t_dv=when,
        t=t, neuron=neuron, heliox=heliox, spikes=sim.spikes, trains=_trains(model, sim.spikes, groups),
        neuron_seconds=neuron_seconds, heliox_seconds=heliox_seconds, compile_seconds=compiled,
        freeze_seconds=froze, segments=int(model.sections.nseg.sum()), simulation=sim,
    )  # fmt: skip


# ---------------------------------------------------------------------- results


@dataclass(frozen=True)
class Train:
    """The spikes of one source in both simulators, in ms.

    Sources that record into one and the same Vector of the user's are one train: NEURON keeps no more.
    """

    source: str
    neuron: NDArray[np.float64]
    heliox: NDArray[np.float64]

    @property
    def difference(self) -> float:
        """Largest difference of spike times in ms; infinite if the numbers differ."""
        if len(self.neuron) != len(self.heliox):
            return np.inf
        return float(np.abs(self.neuron - self.heliox).max(initial=0.0))

    @property
    def first_difference(self) -> float:
        """Time in ms of the first spike that only one of the simulators has there; NaN if there is none."""
        n = min(len(self.neuron), len(self.heliox))
        wrong = np.flatnonzero(self.neuron[:n] != self.heliox[:n])
        if len(wrong):
            return float(min(self.neuron[wrong[0]], self.heliox[wrong[0]]))
        longer = max(self.neuron, self.heliox, key=len)
        return float(longer[n]) if len(longer) > n else np.nan


@dataclass(frozen=True, repr=False, eq=False)
class Comparison:
    """One model in NEURON and in HelioX.

    Attributes
    ----------
    sites : tuple of str, (n,)
        Places whose voltage was compared.
    dv : (n,) mV
        Largest absolute difference at each of them.
    t_dv : (n,) ms
        When it occurred.
    t : (samples,) ms
    neuron, heliox : (n, samples) mV
        The voltages.
    spikes : Spikes
        HelioX's.
    trains : tuple of Train
        The spikes of every source in both.
    neuron_seconds, heliox_seconds : float
        Of the run alone.
    compile_seconds : float
        Planning, and compiling or loading the code.
    freeze_seconds : float
    simulation : Simulation
        HelioX's, at the end of its run.
    """

    model: Model
    math: str
    tstop: float
    dt: float
    threads: int
    sites: tuple[str, ...]
    dv: NDArray[np.float64]
    t_dv: NDArray[np.float64]
    t: NDArray[np.float64]
    neuron: NDArray[np.float64]
    heliox: NDArray[np.float64]
    spikes: Spikes
    trains: tuple[Train, ...]
    neuron_seconds: float
    heliox_seconds: float
    compile_seconds: float
    freeze_seconds: float
    segments: int
    simulation: Simulation = field(repr=False)

    @property
    def max_dv(self) -> float:
        """Largest absolute difference of any voltage in mV; 0.0 if none was compared."""
        return float(self.dv.max(initial=0.0))

    @property
    def t_max_dv(self) -> float:
        """When the largest difference occurred, in ms; NaN if no voltage was compared."""
        return float(self.t_dv[np.argmax(self.dv)]) if len(self.dv) else np.nan

    @property
    def site_max_dv(self) -> str:
        """Where the largest difference occurred."""
        return self.sites[int(np.argmax(self.dv))] if len(self.dv) else ""

    @property
    def spike_difference(self) -> float:
        """Largest difference of spike times in ms; infinite if a source has another number of spikes."""
        return max((train.difference for train in self.trains), default=0.0)

    @property
    def spikes_equal(self) -> bool:
        """Whether every source has the same number of spikes, each at the same step."""
        return self.spike_difference < 0.5 * self.dt

    @property
    def neuron_spikes(self) -> int:
        """Number of NEURON's spikes."""
        return sum(len(train.neuron) for train in self.trains)

    @property
    def heliox_spikes(self) -> int:
        """Number of HelioX's spikes."""
        return sum(len(train.heliox) for train in self.trains)

    @property
    def ratio(self) -> float:
        """NEURON's time over HelioX's."""
        return self.neuron_seconds / max(self.heliox_seconds, 1e-9)

    def worst(self, count: int = SHOWN) -> list[tuple[str, float, float]]:
        """The places of the largest differences: (place, mV, ms)."""
        order = np.argsort(-self.dv, kind="stable")[:count]
        return [(self.sites[k], float(self.dv[k]), float(self.t_dv[k])) for k in order]

    def speed_row(self) -> str:
        """Both times and their ratio in words."""
        return (
            f"NEURON {seconds(self.neuron_seconds)}, HelioX {seconds(self.heliox_seconds)}: "
            f"{self.ratio:.2f} x NEURON's speed"
        )

    def __str__(self) -> str:
        return "\n".join([self._title(), *self._rows(), *self._worst_rows(), *self._train_rows()])

    def __repr__(self) -> str:
        equal = "equal" if self.spikes_equal else "DIFFERENT"
        return (
            f"<heliox.Comparison {self.math}, {self.tstop:g} ms: max |dV| {self.max_dv:.2g} mV, "
            f"{self.heliox_spikes} spikes {equal}, {self.ratio:.2g} x NEURON's speed>"
        )

    def _title(self) -> str:
        count = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return (
            f"HelioX (math={self.math!r}, {count}) beside {self.model.origin or 'NEURON'}: "
            f"{len(self.model.cells.name)} cells, {self.segments} segments, "
            f"{self.tstop:g} ms in steps of {self.dt:g} ms"
        )

    def _rows(self) -> list[str]:
        return [
            f"  voltages  {self._voltage_row()}",
            f"  spikes    {self._spike_row()}",
            f"  run       {self.speed_row()}",
            f"  before    freeze {seconds(self.freeze_seconds)}, "
            f"plan and compile or load {seconds(self.compile_seconds)}",
        ]

    def _voltage_row(self) -> str:
        if not self.sites:
            return "none compared"
        places = f"{len(self.sites)} places, {len(self.t)} samples each"
        if self.max_dv == 0.0:
            return f"{places}: max |dV| = 0.0 mV, equal bit for bit"
        return f"{places}: max |dV| = {self.max_dv:.3g} mV at t = {self.t_max_dv:g} ms in {self.site_max_dv}"

    def _spike_row(self) -> str:
        if not self.trains:
            return "no sources"
        what = f"{self.neuron_spikes} from {len(self.spikes.names)} sources"
        if self.spike_difference == 0.0:
            return f"{what}: equal, times and sources"
        if self.spikes_equal:
            return f"{what}: equal sources and steps, times within {self.spike_difference:.2g} ms"
        wrong = sum(not train.difference < 0.5 * self.dt for train in self.trains)
        return f"{what} in NEURON, {self.heliox_spikes} in HelioX: DIFFERENT in {wrong} sources"

    def _worst_rows(self) -> list[str]:
        if self.max_dv == 0.0:
            return []
        rows = [row for row in self.worst() if row[1] > 0.0]
        width = max(len(name) for name, _, _ in rows)
        return ["  largest |dV|", *(f"    {n:<{width}}  {dv:9.3g} mV  at {t:g} ms" for n, dv, t in rows)]

    def _train_rows(self) -> list[str]:
        wrong = [train for train in self.trains if not train.difference < 0.5 * self.dt]
        rows = [
            f"    {w.source}: {len(w.neuron)} in NEURON, {len(w.heliox)} in HelioX, "
            f"first difference at {w.first_difference:g} ms"
            for w in wrong[:SHOWN]
        ]
        return ["  different spikes", *rows] if rows else []


def seconds(value: float) -> str:
    """A time for a report, with three digits: ``"1.23 s"``, ``"45.6 ms"``."""
    return f"{value:.3g} s" if value >= 1.0 else f"{1e3 * value:.3g} ms"


# ---------------------------------------------------------------------- NEURON's side


def session() -> Any:
    """NEURON's ``h``.

    Raises
    ------
    HelioXError
        If NEURON is not installed, with the way to get it.
    """
    try:
        from neuron import h
    except ImportError as e:
        raise HelioXError(
            f"NEURON cannot be imported ({e}); get it with: python -m pip install neuron"
        ) from None
    return h


def _v_init(h: Any, v_init: float | None) -> float:
    if v_init is not None:
        return float(v_init)
    try:
        return float(h.v_init)
    except (AttributeError, TypeError, RuntimeError, LookupError):
        return V_INIT


def _choose(h: Any, record: int | str | Sequence[str] | None, v_init: float, samples: int) -> list[Any]:
    """The NEURON segments whose voltage is recorded."""
    if record is None or isinstance(record, int | np.integer):
        places = [segment for section in h.allsec() for segment in section]
        most = max(1, MEMORY // (8 * samples)) if record is None else int(record)
        if most < 1:
            raise ModelError(f"record is {record}; it must be at least 1")
        return [places[k] for k in np.unique(np.linspace(0, len(places) - 1, most).round().astype(int))] \
            if len(places) > most else places  # fmt: skip
    h.finitialize(v_init)
    chosen = Names(from_neuron(h=h)).select("v", list(_as_names(record))).indices
    by_node = {place.node_index(): place for section in h.allsec() for place in section.allseg()}
    return [by_node[k] for k in chosen.tolist()]


def _as_names(record: str | Sequence[str]) -> list[str]:
    """Places without the variable: ``"soma[0](0.5).v"`` says the same as ``"soma[0](0.5)"``."""
    names = [record] if isinstance(record, str) else list(record)
    return [name[:-2] if name.endswith(").v") else name for name in names]


class _SpikeRecord:
    """NEURON's spikes of every source of a model, from here on.

    What the user records stays recorded; a source that nobody records gets a Vector for as long as this
    lasts. Nothing is added to the network: one more connection of a source can change the order of events.
    """

    def __init__(self, h: Any, model: Model) -> None:
        self.h, self.model = h, model
        self.vectors: dict[Any, tuple[int, list[int]]] = {}  # Vector -> its length at first, sources
        self.own: list[int] = []  # sources

    def __enter__(self) -> _SpikeRecord:
        for source, netcon in self._netcons(range(len(self.model.sources))):
            vector = netcon.get_recordvec()
            if vector is None:
                vector = self.h.Vector()
                netcon.record(vector)
                self.own.append(source)
            self.vectors.setdefault(vector, (len(vector), []))[1].append(source)
        return self

    def __exit__(self, *error: object) -> None:
        for _, netcon in self._netcons(self.own):
            netcon.record()

    def groups(self) -> list[tuple[list[int], NDArray[np.float64]]]:
        """Sources that share a Vector, and their spike times (ms) up to now; PatternStim knows later ones."""
        now = self.h.t + 0.5 * self.h.dt
        times = [(sources, np.array(v)[n:]) for v, (n, sources) in self.vectors.items()]
        return [(sources, t[t < now]) for sources, t in times]

    def _netcons(self, sources: Iterable[int]) -> Iterator[tuple[int, Any]]:
        """Each source with a NetCon of it; for one without, a connection made for a moment to its gid."""
        c, gids = self.model.connections, self.model.sources.gid
        served = np.flatnonzero(c.source >= 0)
        number = dict(zip(c.source[served][::-1].tolist(), c.number[served][::-1].tolist()))
        by_number = {int(n.hname().partition("[")[2][:-1]): n for n in self.h.List("NetCon")}
        target = None
        for k in sources:
            if k in number:
                yield k, by_number[number[k]]
            elif gids[k] >= 0:
                target = target or self.h.IntFire1()  # it draws no random numbers
                yield k, self.h.ParallelContext().gid_connect(int(gids[k]), target)


# ---------------------------------------------------------------------- HelioX's side


def _warm_up(sim: Simulation) -> None:
    """Load or compile all that a run needs."""
    progress, sim.progress = sim.progress, False
    sim.run(2.0 * sim.dt)
    sim.reset()
    sim.progress = progress


def _matrix(vectors: list[Any], samples: int) -> NDArray[np.float64]:
    """NEURON's recordings as rows."""
    lengths = {len(v) for v in vectors}
    if lengths - {samples}:
        raise HelioXError(
            f"NEURON recorded {sorted(lengths)} samples and HelioX {samples}; "
            "does something in the session stop or restart the run?"
        )
    out = np.empty((len(vectors), samples))
    for row, vector in zip(out, vectors):
        row[:] = vector.as_numpy()
    return out


def _differences(
    neuron: NDArray[np.float64], heliox: NDArray[np.float64], t: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Largest absolute difference of each row, and its time."""
    dv, when = np.zeros(len(neuron)), np.zeros(len(neuron))
    for k, (a, b) in enumerate(zip(neuron, heliox)):  # row by row: no third array of this size
        difference = np.abs(a - b)
        worst = int(np.argmax(difference))
        dv[k], when[k] = difference[worst], t[worst]
    return dv, when


def _trains(
    model: Model, spikes: Spikes, groups: list[tuple[list[int], NDArray[np.float64]]]
) -> tuple[Train, ...]:
    names = source_names(model, Names(model))
    return tuple(
        Train(
            names[s[0]] + (f" and {len(s) - 1} more" if len(s) > 1 else ""),
            np.sort(times),
            spikes.t[np.isin(spikes.index, s)],
        )
        for s, times in groups
    )
