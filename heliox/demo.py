"""The demonstration: a network of branched cells built in NEURON, run by NEURON and by HelioX.

``heliox demo`` runs it. `build` makes the network for those who want to look at it or to change it.
NEURON's ``h`` is always given, never imported.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox import plot
from heliox.compare import Comparison, compare, session
from heliox.errors import HelioXError, ModelError
from heliox.record.results import Samples, save_results

V_INIT = -65.0  # mV
SHOWN = 4  # cells whose voltage is drawn


class Cell:
    """A cell of the demo: a number, which is in the names of its sections, and the sections."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.soma: list[Any] = []
        self.dend: list[Any] = []
        self.axon: list[Any] = []

    @property
    def sections(self) -> list[Any]:
        return [*self.soma, *self.dend, *self.axon]

    @property
    def inhibitory(self) -> bool:
        return self.number % 4 == 3

    def __str__(self) -> str:
        return f"Cell[{self.number}]"

    __repr__ = __str__


@dataclass
class Network:
    """What keeps the NEURON objects of the demo alive.

    Attributes
    ----------
    cells : list of Cell
        With ``soma``, ``dend`` and ``axon``, lists of sections.
    synapses, connections, drives : lists of NEURON objects
        Of recurrent connections (ExpSyn excitatory, Exp2Syn inhibitory) and of the drive.
    """

    cells: list[Cell] = field(default_factory=list)
    synapses: list[Any] = field(default_factory=list)
    connections: list[Any] = field(default_factory=list)
    drives: list[Any] = field(default_factory=list)


# ---------------------------------------------------------------------- the network


def build(h: Any, cells: int = 12, *, morphology: str | None = None, seed: int = 1) -> Network:
    """Build the network in NEURON.

    Parameters
    ----------
    h
        NEURON's ``h``; its session may hold other things.
    cells : int
        Every fourth is inhibitory.
    morphology : str, optional
        An SWC or Neurolucida ASC file for all cells; default: branched cells from a generator, each
        different.
    seed : int
        Of the generator, and of the drive's random numbers.

    Returns
    -------
    Network
        Hold it: the model lives as long as it does.

    Raises
    ------
    ModelError
        If the morphology cannot be read, or `cells` is below 1.
    """
    if cells < 1:
        raise ModelError(f"cells is {cells}; it must be at least 1")
    random = np.random.default_rng(seed)
    net = Network()
    instantiate = _importer(h, morphology) if morphology else None
    for k in range(cells):
        cell = Cell(k)
        if instantiate:
            instantiate(cell)
        else:
            _grow(h, cell, random)
        _furnish(cell)
        net.cells.append(cell)
    _connect(h, net, random)
    _drive(h, net, random, seed)
    return net


def _grow(h: Any, cell: Cell, random: np.random.Generator) -> None:
    """A soma, an axon and four to six branching, tapering dendrites with 3-D points."""
    radius = random.uniform(8.0, 11.0)
    cell.soma = [_section(h, cell, "soma[0]", [(0, -radius, 0, 2 * radius), (0, radius, 0, 2 * radius)])]
    cell.axon.append(_cable(h, cell, "axon[0]", random, cell.soma[0](0.0), -np.pi / 2, 150.0, (2.2, 1.0)))
    stems = int(random.integers(4, 7))
    for k in range(stems):
        angle = 2 * np.pi * (k + random.uniform(-0.2, 0.2)) / stems + 0.3
        _branch(h, cell, random, cell.soma[0](1.0 if np.sin(angle) > 0 else 0.0), angle, 2.6, 0)


def _branch(
    h: Any, cell: Cell, random: np.random.Generator, parent: Any, angle: float, diam: float, depth: int
) -> None:
    """One dendrite, and its two daughters (3/2 power law) as long as it is thick enough."""
    tip = 0.75 * diam
    name = f"dend[{len(cell.dend)}]"
    section = _cable(h, cell, name, random, parent, angle, random.uniform(40.0, 110.0), (diam, tip))
    cell.dend.append(section)
    if depth == 2 or (depth > 0 and random.random() < 0.2):
        return
    share = random.uniform(0.35, 0.65)
    spread = random.uniform(0.5, 0.9)
    for part, side in ((share, share - 1.0), (1.0 - share, share)):
        _branch(h, cell, random, section(1.0), angle + spread * side, tip * part ** (2 / 3), depth + 1)


def _cable(
    h: Any, cell: Cell, name: str, random: np.random.Generator, parent: Any, angle: float, length: float,
    diam: tuple[float, float],
) -> Any:  # fmt: skip
    """A crooked, tapering cable of about `length` um that starts at `parent`."""
    steps = max(3, int(length / 9.0))
    angles = angle + np.cumsum(random.normal(0.0, 0.12, steps))
    points = np.zeros((steps + 1, 4))
    points[0, :3] = _end(parent)
    stride = length / steps
    points[1:, 0] = points[0, 0] + stride * np.cumsum(np.cos(angles))
    points[1:, 1] = points[0, 1] + stride * np.cumsum(np.sin(angles))
    points[1:, 2] = points[0, 2] + stride * np.cumsum(random.normal(0.0, 0.25, steps))
    points[:, 3] = np.linspace(*diam, steps + 1)
    section = _section(h, cell, name, points)
    section.connect(parent)
    return section


def _section(h: Any, cell: Cell, name: str, points: Any) -> Any:
    section = h.Section(name=name, cell=cell)
    for x, y, z, diam in np.asarray(points, float).tolist():
        section.pt3dadd(x, y, z, diam)
    return section


def _end(segment: Any) -> tuple[float, float, float]:
    """The 3-D point at an end of a section."""
    section = segment.sec
    k = int(section.n3d()) - 1 if segment.x > 0.5 else 0
    return section.x3d(k), section.y3d(k), section.z3d(k)


def _importer(h: Any, path: str) -> Callable[[Cell], None]:
    """A function that gives a cell the sections of a file, as NEURON's Import3d makes them."""
    if not Path(path).is_file():
        raise ModelError(f"there is no file {path!r}", file=path)
    kinds = {".swc": "Import3d_SWC_read", ".asc": "Import3d_Neurolucida3"}
    kind = kinds.get(Path(path).suffix.lower())
    if kind is None:
        raise ModelError(f"{path}: the name of a morphology ends in .swc or .asc", file=path)
    if kind == kinds[".swc"]:
        _check_swc(path)
    h.load_file("stdlib.hoc")
    h.load_file("import3d.hoc")
    scratch = h.Section(name="scratch")  # NEURON dies of an error in a file when there is no section at all
    reader = getattr(h, kind)()
    reader.quiet = 1
    try:
        reader.input(path)
        importer = h.Import3d_GUI(reader, False)
    except RuntimeError as e:
        raise ModelError(f"NEURON's Import3d cannot read {path}: {e}", file=path) from None
    finally:
        h.delete_section(sec=scratch)

    def instantiate(cell: Cell) -> None:
        try:
            importer.instantiate(cell)
        except RuntimeError as e:
            raise ModelError(f"NEURON's Import3d cannot make sections of {path}: {e}", file=path) from None
        everything = list(vars(cell)["all"])
        cell.soma = list(cell.soma) or everything[:1]
        cell.axon = list(cell.axon)
        cell.dend = [s for s in everything if s not in cell.soma and s not in cell.axon]

    return instantiate


def _check_swc(path: str) -> None:
    """Find what NEURON's reader stumbles over, with its line."""
    seen: set[int] = set()
    for number, line in enumerate(Path(path).read_text(errors="replace").splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            point, parent = int(words[0]), int(words[6])
        except (ValueError, IndexError):
            text = "is not a point: number, type, x, y, z, radius, parent"
            raise ModelError(f"{path}, line {number} {text}", file=path, line=number) from None
        if point in seen:
            raise ModelError(f"{path}, line {number}: point {point} occurs twice", file=path, line=number)
        if parent >= 0 and parent not in seen:
            text = f"the parent {parent} of point {point} does not come before it"
            raise ModelError(f"{path}, line {number}: {text}", file=path, line=number)
        seen.add(point)
    if not seen:
        raise ModelError(f"{path} holds no points", file=path)


def _furnish(cell: Cell) -> None:
    """Discretization, passive properties, hh in soma and axon, pas in dendrites."""
    for section in cell.sections:
        section.nseg = 1 + 2 * int(section.L / 40.0)
        section.Ra, section.cm = 120.0, 1.0
    for section in (*cell.soma, *cell.axon):
        section.insert("hh")
        for segment in section:
            segment.hh.gnabar, segment.hh.gkbar = 0.36, 0.08
    for section in cell.dend:
        section.insert("pas")
        for segment in section:
            segment.pas.g, segment.pas.e = 5e-5, V_INIT


def _connect(h: Any, net: Network, random: np.random.Generator) -> None:
    """Each cell hears up to four others, with delays of 1 to 4 ms."""
    for post in net.cells:
        others = [cell for cell in net.cells if cell is not post]
        for j in random.permutation(len(others))[:4].tolist():
            inhibitory = others[j].inhibitory
            place = _somewhere(post, random)
            synapse = h.Exp2Syn(place) if inhibitory else h.ExpSyn(place)
            if inhibitory:
                synapse.tau1, synapse.tau2, synapse.e = 0.5, 6.0, -80.0
            else:
                synapse.tau, synapse.e = 2.0, 0.0
            source = others[j].soma[0]
            connection = h.NetCon(source(0.5)._ref_v, synapse, sec=source)
            connection.threshold = -10.0
            connection.delay = random.uniform(1.0, 4.0)
            connection.weight[0] = 0.004 if inhibitory else 0.002
            net.synapses.append(synapse)
            net.connections.append(connection)


def _drive(h: Any, net: Network, random: np.random.Generator, seed: int) -> None:
    """A noisy NetStim for each cell, which reaches it through three synapses."""
    for cell in net.cells:
        stim = h.NetStim()
        stim.start, stim.interval, stim.number, stim.noise = 2.0, 9.0, 1e9, 1.0
        stim.noiseFromRandom123(cell.number, seed, 0)
        net.drives.append(stim)
        for _ in range(3):
            synapse = h.Exp2Syn(_somewhere(cell, random))
            synapse.tau1, synapse.tau2 = 0.4, 3.0
            connection = h.NetCon(stim, synapse)
            connection.delay = random.uniform(0.5, 2.0)
            connection.weight[0] = 0.008
            net.synapses.append(synapse)
            net.connections.append(connection)


def _somewhere(cell: Cell, random: np.random.Generator) -> Any:
    """A segment of a dendrite."""
    sections = cell.dend or cell.soma
    return sections[int(random.integers(len(sections)))](random.uniform(0.05, 0.95))


# ---------------------------------------------------------------------- the run


@dataclass(frozen=True)
class Result:
    """What the demo found.

    Attributes
    ----------
    network : Network
    exact, fast : Comparison
        With ``math="libm"`` and ``math="fast"``, every voltage recorded.
    light : Comparison
        As `fast`, with the voltages of the somata only, as one would record them.
    files : dict
        What was written: ``model``, ``recordings``, ``figure``.
    """

    network: Network
    exact: Comparison
    fast: Comparison
    light: Comparison
    files: dict[str, Path]

    @property
    def good(self) -> bool:
        """Whether the exact run equals NEURON bit for bit, and the fast one has its spikes."""
        return self.exact.max_dv == 0.0 and self.exact.spike_difference == 0.0 and self.fast.spikes_equal


def run(
    *,
    cells: int = 12,
    tstop: float = 100.0,
    morphology: str | None = None,
    out: str | os.PathLike[str] = "heliox-demo",
    seed: int = 1,
    threads: int | None = None,
    say: Callable[[str], None] = print,
    h: Any = None,
) -> Result:
    """Build the network, run it in both simulators, compare, and write files.

    Parameters
    ----------
    cells, morphology, seed : see `build`
    tstop : float
        ms.
    out : path
        A folder for ``model.h5``, ``recordings.h5`` and ``network.png``; made if it is not there.
    threads : int, optional
        Threads of HelioX.
    say : function
        Takes lines of the report as they come.
    h : optional
        NEURON's ``h``; by default that of ``neuron``.
    """
    h = session() if h is None else h
    folder = _folder(out)
    network = build(h, cells, morphology=morphology, seed=seed)
    say(f"built in NEURON: {describe(network)}")
    compared = []
    for math, words in (("libm", "with the C library's arithmetic"), ("fast", "with its own arithmetic")):
        say(f"\nHelioX {words} (math={math!r}); the first time on a machine, this compiles ...")
        compared.append(compare(tstop, v_init=V_INIT, math=math, threads=threads, h=h))
        say(str(compared[-1]))
    exact, fast = compared
    soma = [f"{cell.soma[0]}(0.5)" for cell in network.cells]
    light = compare(tstop, v_init=V_INIT, record=soma, threads=threads, h=h)
    say(f"\nwith {len(light.sites)} instead of {len(fast.sites)} voltages recorded: {light.speed_row()}")
    files = {name: folder / file for name, file in
             (("model", "model.h5"), ("recordings", "recordings.h5"), ("figure", "network.png"))}  # fmt: skip
    fast.model.save(files["model"])
    rows = [k for k, site in enumerate(fast.sites) if site in soma]
    voltages = Samples(fast.t, fast.heliox[rows], tuple(f"{fast.sites[k]}.v" for k in rows), "mV")
    save_results(files["recordings"], [voltages], fast.spikes, model=fast.model.hash, math="fast", dt=fast.dt)
    _draw(files["figure"], network, fast, light, voltages)
    say("\nwritten: " + ", ".join(str(path) for path in files.values()))
    return Result(network, exact, fast, light, files)


def describe(network: Network) -> str:
    """Numbers of cells, sections, segments, synapses and connections."""
    sections = [section for cell in network.cells for section in cell.sections]
    segments = sum(section.nseg for section in sections)
    return (
        f"{len(network.cells)} cells, {len(sections)} sections, {segments} segments, "
        f"{len(network.synapses)} synapses, {len(network.connections)} connections, "
        f"{len(network.drives)} noisy drives"
    )


def _folder(out: str | os.PathLike[str]) -> Path:
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise HelioXError(f"the folder {folder} cannot be made: {e}") from None
    return folder


# ---------------------------------------------------------------------- the figure


def _draw(path: Path, network: Network, fast: Comparison, light: Comparison, voltages: Samples) -> None:
    lines, colours = outlines(network)
    shown = Samples(voltages.t, voltages.values[:SHOWN], voltages.names[:SHOWN], "mV")
    plot.overview(
        path, lines=lines, colours=colours, recording=shown, spikes=_of_cells(network, fast.spikes),
        names=[f"cell {cell.number}" for cell in network.cells],
        labels=[f"soma of cell {cell.number}" for cell in network.cells[:SHOWN]],
        titles=(
            f"{len(network.cells)} cells, {fast.segments} segments",
            f"voltages; those of all {len(fast.sites)} segments are within {fast.max_dv:.1e} mV of NEURON's",
            "spikes, " + ("at NEURON's steps" if fast.spikes_equal else "NOT all of them NEURON's"),
        ),
        heading=f"HelioX demo: {fast.tstop:g} ms; {light.speed_row()}",
    )  # fmt: skip


def _of_cells(network: Network, spikes: Any) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Times and cell numbers of the spikes of cells; those of the drives are left out."""
    number = {f"{cell.soma[0]}(0.5)": cell.number for cell in network.cells}
    row = np.array([number.get(name, -1) for name in spikes.names], np.intp)[spikes.index]
    return spikes.t[row >= 0], row[row >= 0]


def outlines(network: Network) -> tuple[list[NDArray[np.float64]], list[int]]:
    """The 3-D points (x, y, z, diameter in um) of every section, the cells side by side; cell numbers."""
    drawn = [[_points(section) for section in cell.sections] for cell in network.cells]
    low = np.min([np.min([line[:, :2].min(0) for line in cell], axis=0) for cell in drawn], axis=0)
    high = np.max([np.max([line[:, :2].max(0) for line in cell], axis=0) for cell in drawn], axis=0)
    step = 0.95 * (high - low)
    columns = max(1, round(np.sqrt(0.75 * len(drawn) * step[1] / step[0])))
    lines, colours = [], []
    for k, cell in enumerate(drawn):
        shift = np.array([step[0] * (k % columns), -step[1] * (k // columns), 0.0, 0.0])
        lines += [line + shift for line in cell]
        colours += [k] * len(cell)
    return lines, colours


def _points(section: Any) -> NDArray[np.float64]:
    n = int(section.n3d())
    return np.array([[section.x3d(k), section.y3d(k), section.z3d(k), section.diam3d(k)] for k in range(n)])
