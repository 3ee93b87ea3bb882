"""A soma traced as one outline, or as a stack of them: its centre line and diameters, as Import3d finds them.

The arithmetic follows NEURON's in kind and order; what is left of the difference between two eigenvalue
solvers (1e-15) disappears when points are rounded to single precision. All lengths in um.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

Point = tuple[float, float, float, float]
_UNIFORM = 100  # parts into which a perimeter is cut
_PARTS = 20  # parts of the centre line


def centroid(outline: list[Point], stack: list[list[Point]]) -> list[Point]:
    """Centre line and diameters of a soma.

    Parameters
    ----------
    outline : list of (x, y, z, diam)
        The contour; its diameters do not matter.
    stack : list of lists of (x, y, z, diam)
        Further contours at other depths. With any, every contour becomes a circle.

    Raises
    ------
    ValueError
        With words that end the sentence "the contour ...".
    """
    if stack:
        return [circle(points) for points in (outline, *stack)]
    even, mean = uniform(coordinates(outline))
    major, minor = axes(even - mean)
    along, across = _dots(even - mean, major), _dots(even - mean, minor)
    place, width = profile(along, across)
    line = place[:, None] * major + mean
    return [(x, y, z, w) for (x, y, z), w in zip(line.tolist(), width.tolist())]


def coordinates(points: list[Point]) -> np.ndarray:
    """(n, 3) array of x, y, z."""
    return np.array(points, dtype=np.float64)[:, :3]


def uniform(xyz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """101 points evenly along an outline, and their mean.

    As in NEURON the perimeter is measured in x and y only, and ends at the last point.
    """
    steps = np.diff(xyz[:, :2], axis=0)
    lengths = np.sqrt(steps[:, 0] * steps[:, 0] + steps[:, 1] * steps[:, 1])
    perimeter = np.concatenate(([0.0], np.cumsum(lengths)))
    if not perimeter[-1] > 0.0:
        raise ValueError("has no extent in x and y")
    places = np.arange(_UNIFORM + 1) * (perimeter[-1] / _UNIFORM)
    even = np.stack([interpolated(column, places, perimeter) for column in xyz.T], axis=1)
    return even, np.array([_mean(column) for column in even.T])


def centre(points: list[Point]) -> np.ndarray:
    """(3,) centre of an outline."""
    return uniform(coordinates(points))[1]


def axes(offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors along the longest principal axis, and along the middle one as seen in x and y."""
    columns = offsets.T
    moments = np.array([[_sum(a * b) for a in columns] for b in columns])
    if not np.isfinite(moments).all():
        raise ValueError("is too large")
    _, vectors = np.linalg.eigh(moments)  # ascending eigenvalues
    major, minor = vectors[:, 2], vectors[:, 1].copy()
    if major[np.argmax(np.abs(major))] < 0.0:
        major = -major
    minor[2] = 0.0
    size = math.sqrt(_sum(minor * minor))
    if size < 1e-6:
        raise ValueError("lies in no plane through x and y: NEURON finds no centre line")
    return major, minor / size


def profile(along: np.ndarray, across: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """21 places on the major axis and the outline's width there.

    The outline is parted at its two ends on the axis; each side is made to run one way along the axis, and
    the distance between the sides is the width. The two end widths are means with their neighbours, since
    they would be 0.
    """
    turn = int(np.argmax(along))
    along, across = np.roll(along, -turn), np.roll(across, -turn)
    low = int(np.argmin(along))
    side1 = _one_way(along[:low][::-1].tolist(), across[:low][::-1].tolist())
    side2 = _one_way(along[low:].tolist(), across[low:].tolist())
    both = sorted(side1[0] + side2[0])
    if len(both) < 2 or not side1[0]:
        raise ValueError("has no extent along its axis")
    start, end = both[1], both[-2]
    step = (end - start) / _PARTS
    if not step > 0.0:
        raise ValueError("has no extent along its axis")
    place = np.arange(math.floor((end - start) / step + 1e-9) + 1) * step + start
    one, other = (interpolated(np.array(y), place, np.array(x)) for x, y in (side1, side2))
    width = np.abs(one - other)
    width[0] = (width[0] + width[1]) / 2
    width[-1] = (width[-1] + width[-2]) / 2
    return place, width


def _one_way(along: list[float], across: list[float]) -> tuple[list[float], list[float]]:
    """Without the points that do not lie beyond the one before them, going through them from the end."""
    j = len(along) - 1
    while j > 0:
        if along[j] <= along[j - 1] + 1e-11:  # hoc's <=
            del along[j], across[j]
            if j != len(along):
                continue  # the point that moved up is next
        j -= 1
    return along, across


def interpolated(values: np.ndarray, wanted: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Linear interpolation as by NEURON's Vector.interpolate; `places` may repeat."""
    y, x, s = values.tolist(), places.tolist(), wanted.tolist()
    result, i = [], 0
    while i < len(s) and s[i] <= x[0]:
        result.append(y[0])
        i += 1
    for k in range(1, len(x)):
        if x[k] <= x[k - 1]:
            continue
        while i < len(s) and s[i] <= x[k]:
            theta = (s[i] - x[k - 1]) / (x[k] - x[k - 1])
            result.append((1.0 - theta) * y[k - 1] + theta * y[k])
            i += 1
    return np.array(result + [y[-1]] * (len(s) - i))


def circle(points: list[Point]) -> Point:
    """The circle that stands for one outline of a stack: its diameter is the mean of two estimates."""
    xyz = coordinates(points)
    even, mean = uniform(xyz)
    edges = np.roll(xyz, -1, axis=0) - xyz
    perimeter = _sum(np.sqrt(_squares(edges)))
    diameter = _mean(np.sqrt(_squares(even - mean))) + perimeter / (2 * math.pi)
    x, y, z = mean.tolist()
    return x, y, z, diameter


def stack_centre(outlines: list[list[Point]]) -> np.ndarray:
    """(3,) the middle of the line through the centres of a stack."""
    centres = [centre(points) for points in outlines]
    steps = [math.sqrt(_sum((b - a) ** 2)) for a, b in pairwise(centres)]
    way = np.concatenate(([0.0], np.cumsum(steps)))
    half = float(way[-1]) / 2
    if half == 0.0:
        return centres[0]
    i = int(np.flatnonzero(way > half + 1e-11)[0]) if (way > half + 1e-11).any() else len(way) - 1
    theta = (half - way[i - 1]) / (way[i] - way[i - 1])
    return theta * centres[i] + (1 - theta) * centres[i - 1]


def _sum(values: np.ndarray) -> float:
    return float(np.cumsum(values)[-1])  # one after the other; np.sum adds in pairs


def _mean(values: np.ndarray) -> float:
    return _sum(values) / len(values)


def _dots(vectors: np.ndarray, others: np.ndarray) -> np.ndarray:
    parts = vectors * others
    return parts[:, 0] + parts[:, 1] + parts[:, 2]


def _squares(vectors: np.ndarray) -> np.ndarray:
    return _dots(vectors, vectors)
