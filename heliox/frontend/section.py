"""A section of a cell under construction, and what may be said of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from heliox.errors import ModelError
from heliox.frontend import geometry
from heliox.frontend.geometry import MAX_NSEG, Segments
from heliox.model import paths

RA = 35.4  # ohm cm, NEURON's default


@dataclass(eq=False)
class Section:
    """An unbranched cable.

    Parameters
    ----------
    name : str
        ``"dend[3]"``.
    points : (n, 4) float32 or None
        x, y, z, diameter, um; None for a cylinder.
    L, diam : float
        Of a cylinder, um; of a section with points `L` is the length along them and `diam` nan.
    parent : Section or None
        To which it is attached with its `child_end` (0 or 1) at `parent_x` (0 to 1).
    serial : int
        Place in the order of connecting: of children at one place the last one comes first.
    nseg : int
        Number of segments.
    Ra : float
        Axial resistivity, ohm cm.
    given : Segments or None
        Area, diameter and axial conductances, where they are known and not computed.
    """

    name: str
    points: np.ndarray | None = None
    L: float = 100.0
    diam: float = 500.0
    parent: Section | None = None
    parent_x: float = 0.0
    child_end: int = 0
    serial: int = 0
    nseg: int = 1
    Ra: float = RA
    given: Segments | None = None

    @property
    def region(self) -> str:
        """The name without its index: ``"dend"``."""
        return paths.region(self.name)

    @property
    def x(self) -> np.ndarray:
        """(nseg,) places of the segments' centres, 0 to 1."""
        return (np.arange(self.nseg) + 0.5) / self.nseg

    def segment(self, x: float) -> int:
        """Index of the segment that holds `x`, counted from the 0 end."""
        return min(int(self.nseg * x), self.nseg - 1)

    def segments(self) -> Segments:
        """Area, diameter and axial conductances from the attached end on."""
        if self.given is not None:
            return self.given
        if self.points is None:
            return geometry.from_cylinder(self.L, self.diam, self.nseg, self.Ra)
        return geometry.from_points(self.points, self.nseg, self.Ra)

    def length_constant(self, cm: float, frequency: float = 100.0) -> float:
        """NEURON's ``lambda_f``, um, for a capacitance `cm` (uF/cm2)."""
        if self.given is not None:
            raise ModelError(f"the segments of {self.name} are given and stay as they are", section=self.name)
        diam = None if self.points is not None else self.diam
        return geometry.lambda_f(self.points, diam=diam, Ra=self.Ra, cm=cm, frequency=frequency)

    def __repr__(self) -> str:
        at = "" if self.parent is None else f" at {self.parent.name}({self.parent_x:g})"
        return f"<section {self.name}{at}: {self.nseg} segments, L {self.L:g} um, Ra {self.Ra:g} ohm cm>"


def checked_nseg(nseg: object, section: str) -> int:
    """`nseg` if it is a legal number of segments, else ModelError."""
    if isinstance(nseg, bool) or not isinstance(nseg, int | np.integer) or not 1 <= nseg <= MAX_NSEG:
        raise ModelError(
            f"nseg of {section} must be a whole number from 1 to {MAX_NSEG}, not {nseg!r}",
            section=section, variable="nseg",
        )  # fmt: skip
    return int(nseg)


def positive(value: object, variable: str, unit: str, section: str) -> float:
    """`value` as a positive finite number, else ModelError."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not 0.0 < number < math.inf:
        raise ModelError(
            f"{variable} of {section} must be positive and finite, not {value!r} {unit}",
            section=section, variable=variable,
        )  # fmt: skip
    return number
