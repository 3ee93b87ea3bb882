"""Geometry of a section as NEURON integrates it: area, axial resistance and diameter of its segments.

The operations and their order are NEURON's, so area and resistance have its bits. Coordinates and diameters
of 3-D points are single precision; their differences are formed in single precision too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heliox.errors import ModelError

ZERO_AREA = 100.0  # formal area of nodes without membrane: their balance is in nA and uS
MAX_NSEG = 32767  # NEURON's limit
_HOC_EPSILON = 1e-11  # hoc's tolerance in comparisons and in int()
_SHORTEST = 1e-9  # um; NEURON lengthens shorter cylinders to this


@dataclass(frozen=True, eq=False)
class Segments:
    """The segments of one section, from the attached end on.

    Parameters
    ----------
    L : float
        Length, um.
    area : (nseg,) float64
        Membrane area, um2.
    diam : (nseg,) float64
        Length-weighted mean diameter, um.
    rinv : (nseg + 1,) float64
        Axial conductance between a node and the node before it, uS: the centre of segment j and that of
        j - 1, or the place of attachment for j = 0; the last entry is that of the node at the far end.
    """

    L: float
    area: np.ndarray
    diam: np.ndarray
    rinv: np.ndarray

    @property
    def nseg(self) -> int:
        """Number of segments."""
        return len(self.area)

    @property
    def ri(self) -> np.ndarray:
        """(nseg + 1,) axial resistance between a node and the node before it, MOhm; NEURON's ``ri(x)``."""
        return 1.0 / self.rinv

    @property
    def node_area(self) -> np.ndarray:
        """(nseg + 1,) area of the nodes as the matrix takes it, um2; 100 for the end without membrane."""
        return np.append(self.area, ZERO_AREA)


def arc_lengths(points: np.ndarray) -> np.ndarray:
    """Path length to each 3-D point, um.

    Parameters
    ----------
    points : (n, 4) float32
        x, y, z, diameter, um.

    Returns
    -------
    (n,) float64
    """
    xyz = np.asarray(points, dtype=np.float32)[:, :3]
    with np.errstate(over="ignore", invalid="ignore"):
        step = np.diff(xyz, axis=0).astype(np.float64)  # the difference in single precision, as in NEURON
        square = step * step
        length = np.sqrt(square[:, 0] + square[:, 1] + square[:, 2])
    return np.concatenate(([0.0], np.cumsum(length)))


def from_points(points: np.ndarray, nseg: int, Ra: float) -> Segments:
    """Integrate area and resistance along 3-D points.

    The section is a row of frusta between points. Each half of a segment is integrated by itself, since the
    resistance between two nodes is that of the right half of one and the left half of the next segment.

    Parameters
    ----------
    points : (n, 4) float32
        x, y, z, diameter, um; at least two.
    nseg : int
        Number of segments.
    Ra : float
        Axial resistivity, ohm cm.
    """
    _check(nseg, Ra)
    points = np.asarray(points, dtype=np.float32)
    if points.ndim != 2 or points.shape[1] != 4 or len(points) < 2:
        raise ModelError(
            f"3-D points are an (n, 4) array of x, y, z, diameter with n > 1, not {points.shape}"
        )
    arcs = arc_lengths(points)
    if not 0.0 < arcs[-1] < np.inf or not (points[:, 3] > 0.0).all():
        raise ModelError("3-D points must be finite, span a length and have positive diameters")
    halves = _half_segments(arcs.tolist(), points[:, 3].astype(np.float64).tolist(), nseg)
    ds = float(arcs[-1]) / nseg
    area, diam, rinv = np.empty(nseg), np.empty(nseg), np.empty(nseg + 1)
    right = 0.0
    for j in range(nseg):
        weight, surface, left_sum, right_sum = halves[j]
        left = left_sum * Ra / math.pi * (4.0 * 0.01)
        rinv[j] = 1.0 / (right + left)
        right = right_sum * Ra / math.pi * (4.0 * 0.01)
        area[j] = surface * 0.5 * math.pi
        diam[j] = weight * (0.5 / ds)
    rinv[nseg] = 1.0 / right
    return Segments(float(arcs[-1]), area, diam, rinv)


def _half_segments(arc: list[float], diam: list[float], nseg: int) -> list[tuple[float, float, float, float]]:
    """Per segment: sums for diameter, area, and resistance of the left and of the right half."""
    ds = arc[-1] / nseg
    j, x1, y1, last = 0, arc[0], abs(diam[0]), len(arc) - 1
    sqrt = math.sqrt
    result = []
    for segment in range(nseg):
        start = segment * ds
        weight = surface = 0.0
        resistances = []
        for _ in range(2):
            end = start + ds / 2.0
            resistance = 0.0
            while True:
                beyond = arc[j + 1] > end or j + 1 == last
                if beyond:  # the half ends before the next point
                    span = arc[j + 1] - arc[j]
                    part = 1.0 if abs(span) < 1e-10 else (end - arc[j]) / span
                    x2, y2 = end, (1.0 - part) * diam[j] + part * diam[j + 1]
                else:
                    x2, y2 = arc[j + 1], diam[j + 1]
                delta = x2 - x1
                weight += (y2 + y1) * delta
                delta = max(delta, 1e-15)
                resistance += 1.0 / (y2 * y1 / delta or 1e-15)
                taper = 0.5 * (y2 - y1)
                surface += (y2 + y1) * sqrt(delta * delta + taper * taper)
                x1, y1 = x2, y2
                if beyond:
                    break
                j += 1
            resistances.append(resistance)
            start = end
        result.append((weight, surface, resistances[0], resistances[1]))
    return result


def from_cylinder(L: float, diam: float | Sequence[float], nseg: int, Ra: float) -> Segments:
    """Area and resistance of a section without 3-D points.

    Parameters
    ----------
    L : float
        Length, um.
    diam : float or (nseg,) sequence
        Diameter of the segments, um.
    nseg : int
        Number of segments.
    Ra : float
        Axial resistivity, ohm cm.
    """
    _check(nseg, Ra)
    diams = np.asarray(diam, dtype=np.float64)
    if diams.shape not in ((), (nseg,)):
        raise ModelError(f"one diameter or {nseg} expected (one per segment), not {diams.shape}", nseg=nseg)
    diams = np.full(nseg, diams)
    if not 0.0 < L < math.inf or not ((diams > 0.0) & (diams < np.inf)).all():
        raise ModelError(f"length and diameters must be positive and finite; L is {L:g} um, diam {diam} um")
    dx = max(float(L), _SHORTEST) / nseg
    area = math.pi * diams * dx
    half = 1e-2 * Ra * (dx / 2) / (math.pi * diams * diams / 4.0)
    before = np.concatenate(([0.0], half))
    rinv = 1.0 / (np.append(half, 0.0) + before)
    return Segments(max(float(L), _SHORTEST), area, diams, rinv)


def coupling(
    rinv: np.ndarray, area: np.ndarray, parent_area: np.ndarray, rallbranch: np.ndarray | float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of the tree matrix, node by node.

    Parameters
    ----------
    rinv : (n,) float64
        Axial conductance to the parent node, uS.
    area, parent_area : (n,) float64
        Area of the node and of its parent node, um2; 100 for nodes without membrane.
    rallbranch : (n,) or float
        Number of equal branches the node stands for; other than 1 only at a section's first node.

    Returns
    -------
    a, b : (n,) float64
        Effect of the node on its parent's equation, and of the parent on the node's; both negative. S/cm2
        (uS where the equation's node has no membrane).
    """
    return -1e2 * rallbranch * rinv / parent_area, -1e2 * rinv / area


def attachment(
    parents: Sequence[int], parent_x: Sequence[float], nsegs: Sequence[int]
) -> list[tuple[int, int]]:
    """The node to which the first node of every section is coupled.

    A child at the 0 end of its parent is coupled to what the parent is coupled to, as NEURON has it, when all
    sections are attached by their 0 end.

    Parameters
    ----------
    parents : sequence of int
        Index of every section's parent; -1 for roots.
    parent_x : sequence of float
        Place on the parent, 0 to 1.
    nsegs : sequence of int
        Number of segments of every section.

    Returns
    -------
    list of (section, node)
        Nodes count from 0 in every section, `nseg` is the one at the far end, and -1 is the root's own
        extra node without membrane, whose area counts as 100.
    """
    result = []
    for section, parent in enumerate(parents):
        x = parent_x[section]
        for _ in range(len(parents)):
            if parent < 0 or x != 0.0:
                break
            section, parent, x = parent, parents[parent], parent_x[parent]
        if parent < 0:
            result.append((section, -1))
        else:
            nseg = nsegs[parent]
            result.append((parent, nseg if x == 1.0 else int(nseg * x)))
    return result


def lambda_f(
    points: np.ndarray | None = None,
    *,
    diam: float | None = None,
    Ra: float,
    cm: float,
    frequency: float = 100.0,
) -> float:
    """Length constant at a frequency, um: NEURON's ``lambda_f``.

    Parameters
    ----------
    points : (n, 4) float32, optional
        3-D points; the length constant is then the section's length over its electrotonic length.
    diam : float, optional
        Diameter in the section's middle, um, where there are no points.
    Ra : float
        Axial resistivity, ohm cm.
    cm : float
        Membrane capacitance, uF/cm2.
    frequency : float
        Hz.
    """
    if not (0.0 < Ra < math.inf and 0.0 <= cm < math.inf and 0.0 < frequency < math.inf):
        raise ModelError(f"Ra {Ra} ohm cm, cm {cm} uF/cm2 and frequency {frequency} Hz must be positive")
    if cm <= _HOC_EPSILON:
        return 1e10
    if points is None:
        if diam is None or not 0.0 < diam < math.inf:
            raise ModelError(f"lambda_f needs 3-D points or a positive diameter, not {diam} um", diam=diam)
        return 1e5 * math.sqrt(diam / (4 * math.pi * frequency * Ra * cm))
    arc = arc_lengths(points).tolist()
    width = np.asarray(points, dtype=np.float32)[:, 3].astype(np.float64).tolist()
    if not min(width) > 0.0:
        raise ModelError("lambda_f needs positive diameters at all 3-D points")
    total = 0.0
    for i in range(1, len(arc)):
        total += (arc[i] - arc[i - 1]) / math.sqrt(width[i - 1] + width[i])
    total *= math.sqrt(2) * 1e-5 * math.sqrt(4 * math.pi * frequency * Ra * cm)
    return arc[-1] / total


def nseg_from_lambda(L: float, length_constant: float, d_lambda: float = 0.1, margin: float = 0.9) -> int:
    """The d_lambda rule: an odd number of segments, none longer than a fraction of the length constant.

    Parameters
    ----------
    L, length_constant : float
        Length of the section and its `lambda_f`, um.
    d_lambda : float
        The fraction.
    margin : float
        What is added before rounding down: 0.9 in the published rule, 0.999 in NEURON's CellBuilder.
    """
    if not (L >= 0.0 and length_constant > 0.0 and d_lambda > 0.0):
        raise ModelError(
            f"L {L} um, length constant {length_constant} um and d_lambda {d_lambda} must be positive"
        )
    return _nseg((L / (d_lambda * length_constant) + margin) / 2)


def nseg_from_length(L: float, longest: float = 40.0) -> int:
    """One segment, and two more for every `longest` um of the length `L` in um."""
    if not (L >= 0.0 and longest > 0.0):
        raise ModelError(f"L {L} um and the longest segment {longest} um must be positive")
    return _nseg(L / longest)


def _nseg(pairs: float) -> int:
    """One segment and as many pairs as hoc's int() gives, which forgives what is a hair below a number."""
    if not pairs <= (MAX_NSEG - 1) / 2:
        raise ModelError(f"the rule gives {1 + 2 * pairs:g} segments; legal are 1 to {MAX_NSEG}")
    return 1 + 2 * int(pairs + _HOC_EPSILON)


def _check(nseg: int, Ra: float) -> None:
    if isinstance(nseg, bool) or not isinstance(nseg, int | np.integer) or not 1 <= nseg <= MAX_NSEG:
        raise ModelError(f"nseg must be a whole number from 1 to {MAX_NSEG}, not {nseg!r}", nseg=nseg)
    if not 0.0 < Ra < math.inf:
        raise ModelError(f"Ra must be positive and finite, not {Ra!r} ohm cm", Ra=Ra)
