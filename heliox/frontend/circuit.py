"""Networks built without NEURON: copies of cells, stimuli, connections -> `Model`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.errors import MechanismError, ModelError, nearest
from heliox.frontend.cell import Cell
from heliox.frontend.couplings import Named, Play, named, play
from heliox.frontend.instances import KIND, instance_values, labels, make_point, template_of
from heliox.frontend.regions import find
from heliox.frontend.skeleton import Skeleton
from heliox.frontend.values import number
from heliox.mechanisms.template import MechTemp
from heliox.model import paths
from heliox.model.model import Model, Settings

MANY = 2000  # names among which a near one is sought
THRESHOLD = 10.0  # mV, NEURON's default


@dataclass(eq=False)
class Member:
    """One cell of a network. Copies share `cell` and `skeleton`."""

    name: str
    cell: Cell
    skeleton: Skeleton


@dataclass(eq=False)
class Instance:
    """A point process or artificial cell: ``template.name[number]``.

    At local node ``node`` of member ``member`` (-1: an artificial cell).
    """

    template: MechTemp
    number: int
    values: dict[str, NDArray]
    member: int = -1
    node: int = 0

    @property
    def name(self) -> str:
        """NEURON's name."""
        return f"{self.template.name}[{self.number}]"


@dataclass(eq=False)
class Source:
    """What emits spikes: an instance, or the voltage of local node ``node`` of a member."""

    instance: Instance | None
    member: int
    node: int
    threshold: float = THRESHOLD
    gid: int = -1


@dataclass(eq=False)
class Connection:
    """From a source (None: never by itself) to an instance; ``delay`` ms."""

    source: Source | None
    target: Instance
    weights: list[float]
    delay: float


@dataclass(eq=False)
class Network:
    """Cells and what connects them.

    Examples
    --------
    >>> net = Network()
    >>> net.add(cell, copies=3)          # Cell[0], Cell[1], Cell[2]
    >>> stim = net.stim("NetStim", start=5, number=1)
    >>> net.connect(stim, "Cell[0].ExpSyn[0]", weight=0.01, delay=1)
    >>> net.connect("Cell[0].soma(0.5)", "Cell[1].ExpSyn[0]", weight=0.01, delay=2, threshold=-20)
    >>> model = net.model(v_init=-65)
    """

    members: list[Member] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    transfers: list[tuple[Named, Named]] = field(default_factory=list)
    plays: list[Play] = field(default_factory=list)
    _by_name: dict[str, Instance] = field(default_factory=dict)
    _member: dict[str, int] = field(default_factory=dict)
    _copies: dict[str, int] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)
    _source_of: dict[object, Source] = field(default_factory=dict)
    _gids: dict[int, Source] = field(default_factory=dict)
    _targets: dict[object, str] = field(default_factory=dict)
    _streams: int = 0

    # --- cells and stimuli

    def add(self, cell: Cell, copies: int | None = 1, name: str = "Cell") -> list[str]:
        """Add copies of a cell as it is now; what is changed in it later does not reach them.

        Parameters
        ----------
        cell : Cell
        copies : int or None
            None: one cell, called `name` without a number.
        name : str
            They are called ``name[k]``, counted on from earlier ones of that name. ``""``: a single cell
            whose sections keep their bare names.

        Returns
        -------
        list of str
            The names.
        """
        whole = isinstance(copies, int | np.integer) and not isinstance(copies, bool)
        if copies is not None and (not whole or copies < 1):
            raise ModelError(f"copies is {copies!r}; it must be a whole number of at least 1, or None")
        if not isinstance(cell, Cell):
            raise ModelError(f"a network holds cells of heliox.morphology or heliox.Cell, not {cell!r}")
        own = cell.copy()
        skeleton = Skeleton(own._sections)
        if copies is None or not name:
            return [self._add(own, skeleton, name) for _ in range(copies or 1)]
        names = []
        for _ in range(copies):
            k = self._copies.get(name, 0)
            self._copies[name] = k + 1
            names.append(self._add(own, skeleton, f"{name}[{k}]"))
        return names

    def _add(self, cell: Cell, skeleton: Skeleton, name: str) -> str:
        if name in self._member:
            raise ModelError(
                f"there is already a cell {name!r}" if name else "there is already a cell without a name",
                cell=name,
            )
        m = self._member[name] = len(self.members)
        self.members.append(Member(name, cell, skeleton))
        made: dict[int, Instance] = {}
        for label, p in labels(cell.points):
            if id(p) not in made:
                node = skeleton.node(skeleton.index[id(p.section)], p.x)
                made[id(p)] = self._make(p.template, p.values, m, node)
            self._by_name.setdefault(f"{name}.{label}" if name else label, made[id(p)])
        return name

    def _make(self, template: MechTemp, values: dict[str, NDArray], member: int, node: int) -> Instance:
        k = self._numbers.get(template.name, 0)
        self._numbers[template.name] = k + 1
        values = dict(values)
        for stream in template.random:
            self._streams += 1  # NEURON counts those whose ids were set too
            if values[stream].ndim == 0:
                values[stream] = np.array([1.0, 0.0, float(self._streams), 0.0])
        instance = Instance(template, k, values, member, node)
        self.instances.append(instance)
        self._by_name[instance.name] = instance
        return instance

    def stim(self, mechanism: str | MechTemp = "NetStim", **values: float | Sequence[float]) -> str:
        """Add an artificial cell; its name, ``"NetStim[0]"``.

        Values are numbers; a random stream (``ranvar``) is three: the ids of NEURON's
        ``noiseFromRandom123``. Without them it gets ids by order, as NEURON's do.
        """
        template = template_of(mechanism)
        if template.kind != "artificial":
            raise MechanismError(
                f"{template.name} is {KIND[template.kind]}, no artificial cell", mechanism=template.name
            )
        return self._make(template, instance_values(template, values), -1, 0).name

    def place(self, mechanism: str | MechTemp, place: str, **values: float | tuple[float, ...]) -> str:
        """Place a point process in a cell of the network; its name, ``"ExpSyn[7]"``."""
        template = template_of(mechanism)
        m, section, x = self._place(place)
        sections = self.members[m].cell._sections
        point = make_point(template, (sections[section], x), "", values)
        return self._make(template, point.values, m, self.members[m].skeleton.node(section, x)).name

    def _place(self, place: str) -> tuple[int, int, float]:
        """Member, section and x of ``"Cell[0].soma[0](0.5)"``."""
        name, x = paths.parse_place(place)
        cell, _, section = name.rpartition(".")
        if cell not in self._member:
            legal = list(self._member)[:MANY]
            raise ModelError(
                f"{place!r}: the network has no cell {cell!r}; {nearest(cell, legal)}", cell=cell
            )
        member = self.members[self._member[cell]]
        found = find(member.cell._sections, section)
        return self._member[cell], member.skeleton.index[id(found)], x

    # --- connections

    def connect(
        self, source: str | int | None, target: str, weight: float | Sequence[float] = 0.0,
        delay: float = 1.0, threshold: float | None = None,
    ) -> str:  # fmt: skip
        """Connect a source to a synapse or artificial cell.

        Parameters
        ----------
        source : str, int or None
            A place whose voltage is watched (``"Cell[0].soma[0](0.5)"``), a stimulus or other instance that
            emits (``"NetStim[0]"``), a gid, or None: it never fires by itself.
        target : str
            ``"ExpSyn[3]"``, ``"Cell[1].ExpSyn[0]"`` (counted in the cell) or ``"Cell[1].<name>"``.
        weight : float or sequence
            The first weight, or the first few; the others are 0.
        delay : float
            ms.
        threshold : float, optional
            mV, of the source, for all its connections; default stays what it was (10 at first).

        Returns
        -------
        str
            ``"NetCon[k]"``.
        """
        to = self._instance(target)
        n = len(to.template.weights)
        if "receive" not in to.template.functions:
            raise ModelError(f"{target} is a {to.template.name}, which receives no events", target=target)
        label = f"NetCon[{len(self.connections)}]"
        given = [number(w, f"weight of {label}") for w in np.atleast_1d(np.asarray(weight, object)).tolist()]
        if len(given) > n:
            raise ModelError(
                f"{label} has {len(given)} weights, and {to.template.name} takes {n}: "
                + ", ".join(to.template.weights),
                target=target,
            )
        delay = number(delay, f"delay of {label}")
        if delay < 0.0:
            raise ModelError(f"delay of {label} is {delay:g} ms, and must not be negative", variable="delay")
        limit = None if threshold is None else number(threshold, f"threshold of {source}")
        of = None if source is None else self._source(source)
        if of is not None and limit is not None:
            of.threshold = limit
        self.connections.append(Connection(of, to, given + [0.0] * (n - len(given)), delay))
        return label

    def gid(self, source: str, gid: int, threshold: float | None = None) -> None:
        """Give a source a number: spikes carry it, and `connect` takes it for the source."""
        if isinstance(gid, bool) or not isinstance(gid, int | np.integer) or gid < 0:
            raise ModelError(f"gid is {gid!r}; it must be a whole number of at least 0", gid=gid)
        limit = None if threshold is None else number(threshold, f"threshold of {source}")
        of = self._source(source)
        if of.gid not in (-1, gid) or self._gids.get(gid, of) is not of:
            raise ModelError(f"gid {gid} of {source}: source or number has a partner already", gid=gid)
        of.gid, self._gids[gid] = int(gid), of
        of.threshold = of.threshold if limit is None else limit

    def _source(self, source: str | int) -> Source:
        if not isinstance(source, str):
            if source not in self._gids:
                raise ModelError(f"no source has gid {source}; {nearest(str(source), map(str, self._gids))}")
            return self._gids[source]
        if source in self._by_name or "(" not in source:
            instance = self._instance(source)
            if instance.template.kind != "artificial" and not _emits(instance.template):
                raise ModelError(f"{source} emits no events; name a place, e.g. 'Cell[0].soma[0](0.5)'")
            key: object = id(instance)
            new = Source(instance, -1, 0)
        else:
            m, section, x = self._place(source)
            node = self.members[m].skeleton.node(section, x)
            key, new = (m, node), Source(None, m, node)
        if key not in self._source_of:
            self._source_of[key] = new
            self.sources.append(new)
        return self._source_of[key]

    def _instance(self, name: str) -> Instance:
        if name not in self._by_name:
            legal = list(self._by_name)[:MANY]
            raise ModelError(
                f"the network has no point process or artificial cell {name!r}; {nearest(str(name), legal)}",
                name=name,
            )
        return self._by_name[name]

    # --- single variables

    def transfer(self, source: str, target: str) -> None:
        """Let a variable follow another: it gets its value once a step, when the voltages are new.

        NEURON's ``source_var`` and ``target_var``. A target has one source; a source may have many targets.

        Parameters
        ----------
        source, target : str
            ``"Cell[0].soma[0](0.5).v"``, ``"Gap[3].vgap"``, ``"Cell[1].<name>.vpre"``,
            ``"Cell[0].soma[0](0.5).hh.m"``.

        Raises
        ------
        ModelError
            If there is no such variable, or the target has a source already.
        """
        of, to = named(self, source), named(self, target)
        key = (to.member, to.node, to.mechanism, id(to.instance), to.variable)
        if key in self._targets:
            raise ModelError(f"{target} has a source already: {self._targets[key]}", variable=target)
        self._targets[key] = source
        self.transfers.append((of, to))

    def gap_junction(self, a: str, b: str, g: float, g_b: float | None = None) -> tuple[str, str]:
        """Join two places by an ohmic gap junction; the names of its two sides, ``"Gap[0]"``, ``"Gap[1]"``.

        Every side is a point process with the current g*(v - vgap); a transfer brings it the other's voltage.

        Parameters
        ----------
        a, b : str
            ``"Cell[0].dend[3](0.5)"``.
        g : float
            uS.
        g_b : float, optional
            uS, of the side at `b`, if it differs.
        """
        sides = (
            self.place("coupling.Gap", a, g=g),
            self.place("coupling.Gap", b, g=g if g_b is None else g_b),
        )
        self.transfer(f"{b}.v", f"{sides[0]}.vgap")
        self.transfer(f"{a}.v", f"{sides[1]}.vgap")
        return sides

    def play(self, target: str, t: ArrayLike, y: ArrayLike, continuous: bool = False) -> None:
        """Impose a course on a variable; NEURON's ``Vector.play``.

        Parameters
        ----------
        target : str
            As in `transfer`.
        t : (n,) array
            ms, ascending.
        y : (n,) array
            Values. Value k acts from the step whose window contains t[k] on, ``(t - dt/2, t + dt/2]``.
        continuous : bool
            Interpolate in between, at every half step.

        Raises
        ------
        ModelError
            If there is no such variable, or the points are not legal.
        """
        self.plays.append(play(named(self, target), t, y, continuous))

    # --- the model

    def model(
        self, v_init: float | None = None, celsius: float | None = None, dt: float | None = None, *,
        secondorder: int = 0, globals_: Mapping[str, float] | None = None,
    ) -> Model:  # fmt: skip
        """The network as a `Model` at t = 0.

        States have their default values, since INITIAL blocks have not run: begin with
        ``sim.initialize(v_init)``.

        Parameters
        ----------
        v_init : float, optional
            mV, everywhere; default is that of every cell.
        celsius : float, optional
            degC; default is that of the cells.
        dt : float, optional
            ms; default is that of the cells.
        secondorder : int
            0, 1 or 2, as in NEURON.
        globals_ : mapping, optional
            Globals of mechanisms by NEURON's names: ``{"nai0_na_ion": 12, "usetable_hh": 0}``.

        Raises
        ------
        ModelError
            If the network is empty, or its cells are made for different celsius or dt and none is given.
        """
        from heliox.frontend.assemble import assemble  # which reads this class

        start = None if v_init is None else number(v_init, "v_init")
        celsius = self._common("celsius", "degC") if celsius is None else number(celsius, "celsius")
        dt = self._common("dt", "ms") if dt is None else number(dt, "dt")
        return assemble(self, Settings(0.0, dt, celsius, secondorder, 0), start, globals_ or {})

    def _common(self, name: str, unit: str) -> float:
        """What all cells agree on."""
        values = {getattr(m.cell, name) for m in self.members} or {getattr(Cell(), name)}
        if len(values) > 1:
            raise ModelError(
                f"the cells are made for {name} {', '.join(f'{x:g}' for x in sorted(values))} {unit}; "
                f"name the one that holds: model({name}=...)",
                variable=name,
            )
        return number(values.pop(), name)

    def __repr__(self) -> str:
        return (
            f"<heliox.Network: {len(self.members)} cells, {len(self.instances)} point processes and stimuli, "
            f"{len(self.connections)} connections>"
        )


def _emits(template: MechTemp) -> bool:
    functions = (*template.functions.values(), *template.helpers.values())
    return any("net_event" in f.calls for f in functions)
