"""Distances as the published set-ups of the pyramidal cells take them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heliox.frontend.build import Cell


def published_distance(cell: Cell, region: str, origin: str) -> NDArray[np.float64]:
    """(segments,) distances (um) of a region's segments from `origin`, section by section.

    That of the centre, but of a section's last segment that of the section's end: the scripts went over the
    segments and then over the end, which belongs to the last one and overwrote it.
    """
    d = cell.distance(region, origin=origin)
    sections = cell.region(region)
    last = np.cumsum([s.nseg for s in sections]) - 1
    d[last] += [0.5 * s.L / s.nseg for s in sections]
    return d
