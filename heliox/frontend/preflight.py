"""Asking before freezing."""

from __future__ import annotations

from typing import Any

from heliox.frontend.neuron import examine
from heliox.frontend.problems import Report


def preflight(h: Any = None) -> Report:
    """Everything in the NEURON session that HelioX cannot run, with the place and the way out.

    Parameters
    ----------
    h : optional
        NEURON's ``h``; by default that of ``neuron``.

    Returns
    -------
    Report
        True if there is nothing; printed, one line a problem.
    """
    return examine(h)[1]
