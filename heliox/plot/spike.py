"""Spikes: time against source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.errors import HelioXError
from heliox.plot.axes import COLOURS, LABELLED, axes, numbers, plain


def raster(spikes: Any, *, names: Sequence[str] | None = None, ax: Any = None) -> Any:
    """Draw spikes: time against source.

    Parameters
    ----------
    spikes
        ``sim.spikes``, or a pair ``(t, source)``: times in ms, and whole numbers from 0.
    names : sequence of str, optional
        Of the sources, for the axis; default: their own.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
    """
    ax = axes(ax)
    t, row, own = _spikes(spikes)
    names = own if names is None else names
    count = max(len(names), int(row.max(initial=-1)) + 1)
    colours = [COLOURS[k % len(COLOURS)] for k in row.tolist()] if count <= LABELLED else COLOURS[0]
    ax.scatter(t, row, marker="|", s=np.clip(3000.0 / max(count, 1), 4.0, 120.0), lw=1.2, c=colours)
    ax.set_ylim(-0.7, max(count, 1) - 0.3)
    ax.set_xlabel("t (ms)")
    ax.set_ylabel("source")
    if 0 < len(names) <= LABELLED:
        ax.set_yticks(range(len(names)), names)
        ax.set_ylabel("")
    return plain(ax)


def _spikes(spikes: Any) -> tuple[NDArray[np.float64], NDArray[np.intp], list[str]]:
    """Times, rows and the rows' names; each member has rows of its own."""
    if not (hasattr(spikes, "t") and hasattr(spikes, "index")):
        try:
            t, row = spikes
        except (TypeError, ValueError):
            raise HelioXError(
                f"{type(spikes).__name__} holds no spikes; give sim.spikes, or (t, source)"
            ) from None
        t, row = numbers(t, "t"), numbers(row, "source")
        if t.ndim != 1 or t.shape != row.shape or (row < 0).any() or (row != np.floor(row)).any():
            raise HelioXError(
                f"spikes are pairs of a time and a source from 0: shapes {t.shape} and {row.shape}"
            )
        return t, row.astype(np.intp), []
    names = [str(name) for name in spikes.names]
    member = np.asarray(getattr(spikes, "member", np.zeros(len(spikes.t))), np.intp)
    members = int(member.max(initial=0)) + 1
    rows = np.asarray(spikes.index, np.intp) + len(names) * member
    if members > 1:
        names = [f"{name}, member {m}" for m in range(members) for name in names]
    return np.asarray(spikes.t, float), rows, names
