"""A cell under construction: sections, mechanisms, parameters, point processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from heliox.errors import MechanismError, ModelError, nearest
from heliox.frontend.geometry import Segments, nseg_from_lambda, nseg_from_length
from heliox.frontend.instances import KIND, Point, labels, make_point, pools, template_of
from heliox.frontend.regions import Selection, Where, choose, find, find_place
from heliox.frontend.section import RA, Section, checked_nseg, positive
from heliox.frontend.skeleton import Skeleton
from heliox.frontend.values import Rule, Value, checked, column, settable, spread
from heliox.mechanisms import catalogue
from heliox.mechanisms.template import MechTemp
from heliox.model.model import Model

CAPACITANCE = "capacitance"


@dataclass(eq=False)
class Cell:
    """A cell under construction.

    Parameters
    ----------
    sections : list of Section
        In order of creation. `heliox.morphology` fills in those of a file, `add_section` adds one.

    Attributes
    ----------
    v_init : float
        mV, at which its models start.
    celsius : float
        degC.
    dt : float
        ms.

    Examples
    --------
    >>> cell = Cell()
    >>> cell.add_section("soma", L=20, diam=20)
    >>> cell.add_section("dend[0]", L=200, diam=1, nseg=5, connect="soma(1)")
    >>> cell.insert("hh", where="soma")
    >>> cell.insert("pas", where="dend", g=1e-4, e=-65)
    >>> cell.place("IClamp", "soma(0.5)", delay=5, dur=50, amp=0.3)
    >>> model = cell.model(v_init=-65)
    """

    _sections: list[Section] = field(default_factory=list)
    templates: dict[str, MechTemp] = field(default_factory=dict)
    inserted: dict[str, set[Section]] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    _serial: int = 0
    v_init: float = -65.0
    celsius: float = 6.3
    dt: float = 0.025

    # --- sections

    @property
    def sections(self) -> Selection:
        """All sections."""
        return Selection(self, self._sections)

    def __getitem__(self, name: str) -> Selection:
        """The section called `name`, as a selection of one; ModelError with near names if there is none."""
        return Selection(self, [find(self._sections, name)])

    def region(self, where: Where) -> Selection:
        """The sections of a region (``"apic"``), or what else `heliox.frontend.regions.choose` knows."""
        return Selection(self, choose(self._sections, where))

    def add_section(
        self, name: str, L: float = 100.0, diam: float = 500.0, nseg: int = 1, *,
        connect: str = "", end: int = 0, points: NDArray | None = None, Ra: float = RA,
        given: Segments | None = None,
    ) -> Section:  # fmt: skip
        """Add a section.

        Parameters
        ----------
        name : str
            ``"axon[0]"``.
        L, diam : float
            Length and diameter of a cylinder, um. The defaults are NEURON's.
        nseg : int
            Number of segments.
        connect : str
            Where it is attached, ``"soma(0.5)"``; without it a cell of its own begins.
        end : int
            The end that is attached, 0 or 1.
        points : (n, 4) array, optional
            x, y, z, diameter, um, from the 0 end on, in place of the cylinder.
        Ra : float
            Axial resistivity, ohm cm.
        given : Segments, optional
            Area, diameter and axial conductances as they are, in place of all that would tell them; see
            `heliox.frontend.geometry.Segments`.
        """
        if any(s.name == name for s in self._sections):
            raise ModelError(f"there is already a section {name!r}", section=name)
        if end not in (0, 1) or (end == 1 and (points is not None or not connect)):
            raise ModelError(
                f"end of {name} is {end!r}; legal are 0 and, for a connected cylinder, 1", section=name
            )
        parent, x = find_place(self._sections, connect) if connect else (None, 0.0)
        nseg, Ra = checked_nseg(nseg, name), positive(Ra, "Ra", "ohm cm", name)
        if given is not None:
            points, L, diam, nseg = None, positive(given.L, "L", "um", name), np.nan, given.nseg
        elif points is None:
            L, diam = positive(L, "L", "um", name), positive(diam, "diam", "um", name)
        else:
            points, diam = np.array(points, np.float32), np.nan
        section = Section(name, points, L, diam, parent, x, int(end), self._serial, nseg, Ra, given)
        section.L = section.segments().L  # refuses points that are none
        self._serial += 1
        self._sections.append(section)
        return section

    def delete(self, where: Where) -> None:
        """Take sections out, with all that was placed in them.

        Raises
        ------
        ModelError
            If a section that stays is attached to one of them.
        """
        gone = set(choose(self._sections, where))
        for s in self._sections:
            if s.parent in gone and s not in gone:
                raise ModelError(
                    f"{s.name} is attached to {s.parent.name}: delete it too, or first", section=s.name
                )
        self._sections = [s for s in self._sections if s not in gone]
        self.points = [p for p in self.points if p.section not in gone]
        for where_in in self.inserted.values():
            where_in -= gone

    def nseg(
        self, n: int | None = None, where: Where = None, *,
        d_lambda: float | None = None, per: float | None = None, frequency: float = 100.0,
    ) -> None:  # fmt: skip
        """Set the number of segments, in one of three ways.

        Parameters
        ----------
        n : int
            A fixed number.
        d_lambda : float
            The d_lambda rule: no segment longer than this part of the length constant at `frequency` (Hz),
            with Ra and cm (in the section's middle) as they are now.
        per : float
            ``1 + 2*int(L/per)``, um: two more segments for every `per` um.
        where
            As in `region`; default all sections.
        """
        if sum(x is not None for x in (n, d_lambda, per)) != 1:
            raise ModelError("nseg takes exactly one of a number, d_lambda and per", variable="nseg")
        chosen = choose(self._sections, where)
        cm = self._cm() if d_lambda is not None else {}
        for s in chosen:
            if s.given is not None:
                raise ModelError(f"the segments of {s.name} are given and stay as they are", section=s.name)
            if per is not None:
                s.nseg = nseg_from_length(s.L, per)
            elif d_lambda is not None:
                s.nseg = nseg_from_lambda(s.L, s.length_constant(cm[s], frequency), d_lambda)
            else:
                s.nseg = checked_nseg(n, s.name)

    def _cm(self) -> dict[Section, float]:
        """Capacitance in the middle of each section, uF/cm2."""
        rules = [r for r in self.rules if r.mechanism == CAPACITANCE]
        if not rules:
            return dict.fromkeys(self._sections, 1.0)
        skeleton = Skeleton(self._sections)
        values = column(skeleton, catalogue.get(CAPACITANCE).parameters["cm"], rules)
        middle = [start + s.segment(0.5) for s, start in zip(self._sections, skeleton.start.tolist())]
        return dict(zip(self._sections, values[middle].tolist()))

    # --- membrane

    def insert(
        self, mechanism: str | MechTemp, where: Where = None, *, origin: str = "", **values: Value
    ) -> None:
        """Insert a density mechanism, and the ions it uses.

        Parameters
        ----------
        mechanism : str or MechTemp
            ``"hh"``, or what `heliox.mechanism` gave.
        where
            As in `region`; default all sections.
        origin : str
            Where distances start, ``"apic[0](0)"``; default ``soma(0.5)``.
        **values
            Variables of the mechanism: a number, a function of the distance (um) of a segment's centre, or an
            array over the segments of `where`, section by section from 0 to 1.

        Raises
        ------
        MechanismError
            If there is no such mechanism, or it is none of sections.
        ModelError
            If it has no such variable, a value is not finite, or an array has the wrong length.
        """
        template = template_of(mechanism)
        if template.kind != "density":
            raise MechanismError(
                f"{template.name} is {KIND[template.kind]}, and cannot be inserted", mechanism=template.name
            )
        sections = choose(self._sections, where)
        rules = [self._rule(template, name, sections, value, origin) for name, value in values.items()]
        self.templates[template.name] = template
        if template.name != CAPACITANCE:
            self.inserted.setdefault(template.name, set()).update(sections)
        self.rules += rules

    def set(self, where: Where = None, *, origin: str = "", **values: Value) -> None:
        """Set variables: ``cell.set(Ra=100, cm=2, where="apic"); cell.set(ena=50); cell.set(g_pas=1e-4)``.

        Parameters
        ----------
        where, origin
            As in `insert`.
        **values
            ``Ra`` (ohm cm), ``L`` and ``diam`` (um, of cylinders): numbers. ``cm`` (uF/cm2), variables of
            ions (``ena`` mV, ``nai`` mM, ...) and of mechanisms (``gnabar_hh``): as in `insert`.
        """
        sections = choose(self._sections, where)
        for name, value in values.items():
            if name in ("Ra", "L", "diam"):
                self._set_sections(sections, name, value)
            else:
                template, variable = self._owner(name)
                self.rules.append(self._rule(template, variable, sections, value, origin))

    def _set_sections(self, sections: list[Section], name: str, value: Value) -> None:
        for s in sections:
            if s.given is not None:
                raise ModelError(f"the segments of {s.name} are given and stay as they are", section=s.name)
            if name != "Ra" and s.points is not None:
                raise ModelError(f"{name} of {s.name} follows from its 3-D points", section=s.name)
            setattr(s, name, positive(value, name, "ohm cm" if name == "Ra" else "um", s.name))

    def _owner(self, name: str) -> tuple[MechTemp, str]:
        """Template and variable that NEURON's name `name` means in this cell."""
        legal: dict[str, tuple[MechTemp, str]] = {"cm": (catalogue.get(CAPACITANCE), "cm")}
        used = [*self.templates.values(), *(p.template for p in self.points)]
        for pool in pools(used).values():
            legal.update((n, (pool, n)) for n in pool.states)
        for t in self.templates.values():
            legal.update((f"{n}_{t.name}", (t, n)) for n in t.instance_names if n not in t.random)
        if name not in legal:
            raise ModelError(
                f"no section has a variable {name!r}; {nearest(name, [*legal, 'Ra', 'L', 'diam'])} "
                "Mechanisms are inserted first.",
                variable=name,
            )
        return legal[name]

    def _rule(
        self, template: MechTemp, variable: str, sections: list[Section], value: Value, origin: str
    ) -> Rule:
        var = settable(template, variable)
        label = f"{template.name}.{variable}"
        rule = Rule(template.name, variable, tuple(sections), checked(value, label), self._origin(origin))
        if not callable(rule.value):
            spread(Skeleton(self._sections), rule, var.size) if np.ndim(rule.value) else None
        return rule

    def _origin(self, origin: str) -> tuple[Section, float]:
        if origin:
            return find_place(self._sections, origin)
        somata = [s for s in self._sections if s.region == "soma"] or self._sections
        if not somata:
            raise ModelError("the cell has no section yet; add one with add_section")
        return somata[0], 0.5

    def distance(self, where: Where = None, origin: str = "") -> NDArray[np.float64]:
        """(segments,) path lengths (um) from `origin` to the centres of segments, as NEURON's ``h.distance``.

        Parameters
        ----------
        where
            As in `region`; section by section, each from 0 to 1.
        origin : str
            ``"soma(0.5)"``, ``"apic[0](0)"``; default the middle of the first soma section.
        """
        skeleton = Skeleton(self._sections)
        section, x = self._origin(origin)
        d = skeleton.distances(skeleton.index[id(section)], x)
        chosen = [skeleton.index[id(s)] for s in choose(self._sections, where)]
        return np.concatenate([d[skeleton.start[k] : skeleton.start[k + 1]] for k in chosen])

    # --- point processes and the model

    def place(
        self, mechanism: str | MechTemp, place: str, *, name: str = "",
        **values: float | tuple[float, ...],
    ) -> str:  # fmt: skip
        """Place a point process.

        Parameters
        ----------
        mechanism : str or MechTemp
            ``"IClamp"``, ``"ExpSyn"``, ...
        place : str
            ``"soma(0.5)"``; at an end where two sections meet it sits on the node they share.
        name : str
            By which the cell's networks may call it, ``Cell[0].<name>``.
        **values
            Its variables, numbers.

        Returns
        -------
        str
            `name`, or ``"ExpSyn[k]"``, counted in this cell.
        """
        template = template_of(mechanism)
        point = make_point(template, find_place(self._sections, place), name, values)
        count = sum(p.template.name == template.name for p in self.points)
        if name and name in {label for label, _ in labels(self.points)}:
            raise ModelError(f"there is already a point process {name!r} in the cell", name=name)
        self.points.append(point)
        return name or f"{template.name}[{count}]"

    def model(
        self, v_init: float | None = None, celsius: float | None = None, dt: float | None = None,
        globals_: Mapping[str, float] | None = None,
    ) -> Model:  # fmt: skip
        """The cell as a `Model` without any network; see `Network.model`."""
        from heliox.frontend.circuit import Network  # which builds on this module

        net = Network()
        net.add(self, name="")
        return net.model(v_init=v_init, celsius=celsius, dt=dt, globals_=globals_)

    def copy(self) -> Cell:
        """A cell of its own with the same contents."""
        new = {s: replace(s) for s in self._sections}
        for s in new.values():
            s.parent = new.get(s.parent) if s.parent is not None else None
        rules = [
            replace(
                r,
                sections=tuple(new[s] for s in r.sections if s in new),
                origin=(new.get(r.origin[0], r.origin[0]), r.origin[1]),
            )
            for r in self.rules
        ]
        return Cell(
            list(new.values()), dict(self.templates),
            {name: {new[s] for s in where} for name, where in self.inserted.items()},
            rules, [replace(p, section=new[p.section]) for p in self.points], self._serial,
            self.v_init, self.celsius, self.dt,
        )  # fmt: skip

    def __repr__(self) -> str:
        segments = sum(s.nseg for s in self._sections)
        what = ", ".join([*self.inserted, *(label for label, _ in labels(self.points))][:8])
        return f"<heliox.Cell: {len(self._sections)} sections, {segments} segments; {what or 'bare'}>"
