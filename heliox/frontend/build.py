"""Building models without NEURON: a morphology file, cells, networks -> `Model`.

What is built here and the same cell built in NEURON and frozen by `heliox.from_neuron` have equal arrays,
except for what INITIAL blocks compute: a built model holds the defaults of its states, so begin with
``Simulation(model).initialize(v)``.
"""

from __future__ import annotations

import os

import numpy as np

from heliox.frontend import morphology as files
from heliox.frontend.cell import Cell
from heliox.frontend.circuit import Network
from heliox.frontend.point import with_point
from heliox.frontend.regions import Selection
from heliox.frontend.section import Section

__all__ = ["Cell", "Network", "Section", "Selection", "morphology", "with_point"]


def morphology(path: str | os.PathLike[str], digits: int | None = 8) -> Cell:
    """A cell from an SWC or Neurolucida file, with the sections that NEURON's Import3d makes of it.

    Parameters
    ----------
    path : str or path
        The file; its content decides the format.
    digits : int or None
        Significant digits NEURON rounds coordinates to: 8 for ``instantiate(None)``, None (no rounding) for
        ``instantiate(python_object)``.

    Returns
    -------
    Cell
        With nseg 1, NEURON's default Ra and cm, and nothing inserted.

    Raises
    ------
    ModelError
        If the file is no morphology; fields ``path`` and ``line``.
    """
    read = files.read(path, digits)
    sections = [Section(s.name, s.points, s.L, np.nan, child_end=int(s.child_end)) for s in read]
    # Import3d creates sections type by type and connects them as they stand in the file
    for serial, k in enumerate(sorted(range(len(sections)), key=lambda k: read.sections[k].line)):
        sections[k].serial = serial
    for section, s in zip(sections, read):
        section.parent = sections[s.parent] if s.parent >= 0 else None
        section.parent_x = s.parent_x if s.parent >= 0 else 0.0
    return Cell(sections, _serial=len(sections))
