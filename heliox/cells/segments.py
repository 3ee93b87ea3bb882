"""A cell from tables of its sections and segments, with area and axial resistance as they stand there."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from heliox.cells.data import table
from heliox.errors import ModelError
from heliox.frontend.build import Cell
from heliox.frontend.geometry import Segments

ROOT = "root"


def read(path: Path) -> Cell:
    """The bare cell of a table.

    Parameters
    ----------
    path : Path
        ``segments.csv``, one node a row in solver order: ``row, section, kind`` (``seg``, ``end`` or
        ``root``), ``area_um2, diam_um, ri_MOhm``. ``sections.csv`` lies beside it, one section a row in order
        of creation: ``section, parent_section`` (row, -1: none), ``parent_x, L_um, Ra_ohm_cm``.
    """
    sections = table(path.with_name("sections.csv"))
    nodes: dict[str, list[dict[str, str]]] = {s["section"]: [] for s in sections}
    try:
        for row in table(path):
            if row["kind"] != ROOT:
                nodes[row["section"]].append(row)
        return _cell(sections, nodes)
    except (KeyError, ValueError) as e:
        raise ModelError(f"{path} is no table of segments: {e!r}", path=str(path)) from None


def _cell(sections: list[dict[str, str]], nodes: dict[str, list[dict[str, str]]]) -> Cell:
    cell = Cell()
    for s in sections:
        name, parent = s["section"], int(s["parent_section"])
        rows = nodes[name]
        given = Segments(
            L=float(s["L_um"]),
            area=np.array([float(r["area_um2"]) for r in rows[:-1]]),
            diam=np.array([float(r["diam_um"]) for r in rows[:-1]]),
            rinv=1.0 / np.array([float(r["ri_MOhm"]) for r in rows]),
        )
        at = f"{sections[parent]['section']}({float(s['parent_x'])!r})" if parent >= 0 else ""
        cell.add_section(name, connect=at, Ra=float(s["Ra_ohm_cm"]), given=given)
    # of children at one place the last connected comes first: the first row was the last
    for section in cell.sections:
        section.serial = -int(nodes[section.name][0]["row"])
    return cell
