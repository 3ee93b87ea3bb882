"""From the raw sections of a morphology file to the sections that NEURON's Import3d would create.

Here are the rules that do not depend on the format: sections that are too short vanish, names count up per
type, a contour becomes a line of frusta, a single point a sphere, and numbers are rounded on their way.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from heliox.errors import ModelError
from heliox.frontend import contour
from heliox.frontend.geometry import arc_lengths
from heliox.frontend.reading import equal, error

SOMA, AXON, DENDRITE, APICAL = 1, 2, 3, 4
_REGIONS = {SOMA: "soma", AXON: "axon", DENDRITE: "dend", APICAL: "apic"}


@dataclass(frozen=True, eq=False)
class MorphSection:
    """A section as NEURON's Import3d creates it; its 0 end is the one that is attached.

    Parameters
    ----------
    name : str
        NEURON's name, as ``"dend[3]"``.
    region : str
        The name without the index: ``"soma"``, ``"axon"``, ``"dend"``, ``"apic"``, ``"dend_5"``,
        ``"minus_1"``.
    type : int
        Number of the type in an SWC file: 1 soma, 2 axon, 3 (basal) dendrite, 4 apical dendrite.
    parent : int
        Index of the parent in the morphology's sections, -1 for a root. It may be larger than the
        section's own index.
    parent_x : float
        Place on the parent, 0 to 1.
    points : (n, 4) float32
        x, y, z and diameter, um.
    L : float
        Length along the points, um.
    anchor : (3,) float32 or None
        Where the parent was, um, if the section is attached by a wire that is not part of it (what
        NEURON's ``pt3dstyle`` keeps).
    line : int
        Line of the section's first own point in the file.
    child_end : float
        The end attached to the parent: always 0.
    """

    name: str
    region: str
    type: int
    parent: int
    parent_x: float
    points: np.ndarray
    L: float
    anchor: np.ndarray | None
    line: int
    child_end: float = 0.0

    def __repr__(self) -> str:
        return f"MorphSection({self.name!r}, {len(self.points)} points, L={self.L:g} um)"


@dataclass(eq=False)
class Raw:
    """A section on its way. The first of `points` is a copy of the parent's point where there is one."""

    type: int
    points: list[tuple[float, float, float, float]]  # x, y, z, diam in um, double precision
    line: int
    first: int = 0  # 1: the copy of the parent's point is no part of the section
    parent: Raw | None = None
    parent_x: float = 1.0
    is_contour: bool = False
    stack: list[Raw] = field(default_factory=list)  # a soma's further contours
    is_subsidiary: bool = False  # a contour in the stack of another


def instantiate(raws: list[Raw], path: str, digits: int | None, notes: list[str]) -> list[MorphSection]:
    """The sections, in the order in which NEURON creates them: by type, then as in the file.

    Parameters
    ----------
    raws : list of Raw
        As read; sections without length vanish from it.
    path : str
        For error messages.
    digits : int or None
        Significant decimal digits to which coordinates and diameters are rounded before they become
        single-precision.
    notes : list of str
        What a reader should know is appended here.
    """
    remove_short(raws, notes)
    created = sorted((raw for raw in raws if not raw.is_subsidiary), key=lambda raw: raw.type)
    index = {id(raw): i for i, raw in enumerate(created)}
    counts: dict[int, int] = {}
    sections = []
    for raw in created:
        number = counts.setdefault(raw.type, 0)
        counts[raw.type] += 1
        parent = -1 if raw.parent is None else index[id(raw.parent)]
        sections.append(_finished(raw, number, parent, path, digits))
    return sections


def _finished(raw: Raw, number: int, parent: int, path: str, digits: int | None) -> MorphSection:
    name = f"{region(raw.type)}[{number}]"
    points = rounded(polyline(raw, path), digits)
    check(points, raw.line, name, path)
    length = float(arc_lengths(points)[-1])
    if not 0.0 < length < np.inf:
        words = "no length" if length == 0.0 else "no finite length in single precision"
        raise error(path, raw.line, f"the section that begins here ({name}) has {words}")
    anchor = rounded(raw.points[:1], digits)[0, :3] if raw.first else None
    return MorphSection(
        name, region(raw.type), raw.type, parent, raw.parent_x, points, length, anchor, raw.line
    )


def region(kind: int) -> str:
    """NEURON's name for the sections of a type."""
    return _REGIONS.get(kind, f"minus_{-kind}" if kind < 0 else f"dend_{kind}")


def remove_short(raws: list[Raw], notes: list[str]) -> None:
    """Take out sections of one point, or of two equal ones; their children move to their parent."""
    short = set()
    for raw in raws:
        own = raw.points[raw.first :]
        if raw.parent is None or len(own) > 2:
            continue
        if len(own) == 2 and not all(equal(a, b) for a, b in zip(own[0][:3], own[1][:3])):
            continue
        short.add(id(raw))
        notes.append(f"line {raw.line}: a section of one point or of no length was left out, as in NEURON")
    for raw in raws:  # parents first, so one step up is enough
        if raw.parent is not None and id(raw.parent) in short:
            gone = raw.parent
            raw.parent, raw.parent_x = gone.parent, gone.parent_x
    raws[:] = [raw for raw in raws if id(raw) not in short]


def polyline(raw: Raw, path: str) -> list[tuple[float, float, float, float]]:
    """The points along the section, before rounding."""
    own = raw.points[raw.first :]
    if raw.is_contour:
        try:
            return contour.centroid(own, [other.points for other in raw.stack])
        except ValueError as e:
            raise error(path, raw.line, f"the soma contour that begins here {e}") from None
    if len(own) == 1:  # a sphere as a cylinder of the same area
        x, y, z, diam = own[0]
        return [(x - diam / 2, y, z, diam), (x, y, z, diam), (x + diam / 2, y, z, diam)]
    return own


def rounded(points: list[tuple[float, float, float, float]], digits: int | None) -> np.ndarray:
    """Points as NEURON stores them: printed with `digits` significant digits, then single precision."""
    values = np.array(points, dtype=np.float64).reshape(-1, 4)
    if digits is not None:
        flat = [float(f"{value:.{digits}g}") for value in values.ravel().tolist()]
        values = np.array(flat).reshape(-1, 4)
    with np.errstate(over="ignore", under="ignore"):
        single = values.astype(np.float32)
    single.setflags(write=False)
    return single


def check(points: np.ndarray, line: int, name: str, path: str) -> None:
    """Refuse points that single precision cannot hold, and diameters that are not positive."""
    if not np.isfinite(points).all():
        raise error(path, line, f"a point of the section that begins here ({name}) is not a finite number")
    if not (points[:, 3] > 0.0).all():
        where = int(np.flatnonzero(~(points[:, 3] > 0.0))[0])
        raise ModelError(
            f"{path}, line {line}: point {where} of the section that begins here ({name}) has diameter "
            f"{points[where, 3]:g} um; it must be positive",
            path=path, line=line, section=name, point=where,
        )  # fmt: skip
