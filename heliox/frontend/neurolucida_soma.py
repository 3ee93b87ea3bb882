"""Somas of Neurolucida files: which contours form one soma, and which trees grow out of which soma."""

from __future__ import annotations

import math

import numpy as np

from heliox.frontend import contour
from heliox.frontend.import3d import Raw
from heliox.frontend.reading import error, less

_AROUND = 0.5  # um around a single contour that still count as inside
_WIRE = 0.01  # um: NEURON's diameter for the point at the soma's centre; it is no part of the section


def attach(sections: list[Raw], path: str, notes: list[str]) -> list[Raw]:
    """Somas first; every tree is attached to the middle of a soma.

    A tree that begins inside the box around a soma belongs to it, any other to the nearest soma. Without a
    soma every tree is a cell of its own.
    """
    contours = [raw for raw in sections if raw.is_contour]
    others = [raw for raw in sections if not raw.is_contour]
    somas = stacked(contours)
    free = [raw for raw in others if raw.parent is None]
    if somas:
        centres = [centre(soma, path) for soma in somas]
        for soma, place in zip(somas, centres):
            inside = [raw for raw in free if is_inside(raw, soma)]
            for raw in inside:
                join(raw, soma, place)
            free = [raw for raw in free if raw.parent is None]
        for raw in free:
            k = nearest_soma(raw, centres)
            notes.append(f"line {raw.line}: a tree begins outside of the somas: attached to the nearest")
            join(raw, somas[k], centres[k])
    return contours + others


def stacked(contours: list[Raw]) -> list[Raw]:
    """The somas: contours that overlap the one before them, seen along z, become part of its stack."""
    somas: list[Raw] = []
    for raw, before in zip(contours, [None, *contours]):
        if before is not None and overlap(box(raw), box(before)):
            somas[-1].stack.append(raw)
            raw.is_subsidiary = True
        else:
            somas.append(raw)
    return somas


def box(raw: Raw) -> np.ndarray:
    """(2, 2) smallest and largest x and y."""
    xy = np.array(raw.points)[:, :2]
    return np.array([xy.min(axis=0), xy.max(axis=0)])


def overlap(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two boxes touch; hoc's tolerance."""
    return not any(less(other[1, k], one[0, k]) or less(one[1, k], other[0, k]) for k in (0, 1))


def centre(soma: Raw, path: str) -> np.ndarray:
    """(3,) the place, um, from which the trees of a soma spring."""
    try:
        if soma.stack:
            return contour.stack_centre([soma.points, *(raw.points for raw in soma.stack)])
        return contour.centre(soma.points)
    except ValueError as e:
        raise error(path, soma.line, f"the soma contour that begins here {e}") from None


def is_inside(tree: Raw, soma: Raw) -> bool:
    """Whether the tree's first point lies in the box around the soma, in single precision as in NEURON."""
    boxes = np.array([box(raw) for raw in (soma, *soma.stack)])
    around = 0.0 if soma.stack else _AROUND
    low, high = boxes[:, 0].min(axis=0) - around, boxes[:, 1].max(axis=0) + around
    with np.errstate(over="ignore"):
        x, low, high = (np.asarray(v).astype(np.float32) for v in (tree.points[0][:2], low, high))
    return bool((x >= low).all() and (x <= high).all())


def nearest_soma(tree: Raw, centres: list[np.ndarray]) -> int:
    best, least = 0, math.inf
    for k, place in enumerate(centres):
        away = math.dist(tree.points[0][:3], place)
        if less(away, least):
            best, least = k, away
    return best


def join(tree: Raw, soma: Raw, place: np.ndarray) -> None:
    """Attach a tree to the middle of a soma by a wire from `place`."""
    x, y, z = place.tolist()
    tree.parent, tree.parent_x = soma, 0.5
    tree.points.insert(0, (x, y, z, _WIRE))
    tree.first = 1
