"""Which segments exchange a diffusing substance, and the geometric factors (NEURON's ldifus.cpp)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heliox.model.model import Mechanism, Model


def neighbours(model: Model, m: Mechanism) -> tuple[NDArray[np.int64], NDArray, NDArray]:
    """For every instance the one above it (-1: none), and the factors of the coupling.

    Returns
    -------
    higher : (n,) int64
        Towards the root: at the parent node, else at its parent (zero-area nodes hold nothing), else in the
        first segment of the parent section.
    below, above : (n,)
        1/um2: ``2 rall/dx_p/(dx + dx_p)`` in the equation of the upper, ``2/dx/(dx + dx_p)`` in that of the
        lower segment; dx is the section's length over its segments.
    """
    nodes, sections = model.nodes, model.sections
    at = np.full(len(nodes) + 1, -1, np.int64)  # the last entry is that of node -1
    at[m.node] = np.arange(len(m))
    section = nodes.section[m.node]
    parent = nodes.parent[m.node]
    grand = np.where(parent >= 0, nodes.parent[parent], -1)
    first = _first_segment(model)
    upper_section = sections.parent[section]
    beside = np.where(upper_section >= 0, first[upper_section], -1)
    higher = at[parent]
    higher = np.where(higher < 0, at[grand], higher)
    higher = np.where(higher < 0, at[beside], higher)
    dx = sections.L / sections.nseg
    own, upper = dx[section], dx[section[higher]]
    rall = np.where(m.node == first[section], sections.rallbranch[section], 1.0)
    return higher, 2 * rall / upper / (own + upper), 2 / own / (own + upper)


def _first_segment(model: Model) -> NDArray[np.int64]:
    """Node of every section's first segment, seen from the root."""
    nodes = model.nodes
    inner = np.flatnonzero((nodes.section >= 0) & (nodes.x > 0.0) & (nodes.x < 1.0))
    out = np.full(len(model.sections.name), -1, np.int64)
    out[nodes.section[inner[::-1]]] = inner[::-1]  # the first one comes last, and stays
    return out
