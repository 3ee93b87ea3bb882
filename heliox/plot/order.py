"""The order in which trees are eliminated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.errors import HelioXError
from heliox.plot.axes import COLOURS, LABELLED, axes, colour_bar, legend, numbers, plain


def schedule(steps: Any, values: ArrayLike | None = None, *, name: str = "level", ax: Any = None) -> Any:
    """Draw the order in which a tree is eliminated.

    Parameters
    ----------
    steps
        What `heliox.solver.dhs.schedule` gives, arrays of the nodes of each step: a row a lane, a column a
        step, coloured by `values`. Or what `heliox.solver.contraction.contract` gives: the numbers of nodes
        that are raked and compressed in each step.
    values : (nodes,), optional
        What colours the nodes of the former, e.g. ``dhs.levels(parent)``.
    name : str
        Of the values, for the colour bar.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
    """
    ax = axes(ax)
    if hasattr(steps, "steps"):
        _contracted(ax, steps.steps)
    else:
        _lanes(ax, _steps(steps), values, name)
    return plain(ax)


def _steps(steps: Any) -> list[NDArray[np.intp]]:
    found = [np.asarray(step) for step in steps] if hasattr(steps, "__iter__") else [np.zeros(())]
    if any(step.ndim != 1 or (step.size and step.dtype.kind not in "iu") for step in found):
        raise HelioXError("a schedule is a sequence of steps, each an array of nodes, or a contraction")
    return [step.astype(np.intp) for step in found]


def _lanes(ax: Any, steps: list[NDArray[np.intp]], values: ArrayLike | None, name: str) -> None:
    lanes = max((len(step) for step in steps), default=0)
    nodes = np.concatenate([np.empty(0, int), *steps])
    shown = np.ones(int(nodes.max(initial=-1)) + 1) if values is None else numbers(values, "values")
    if shown.ndim != 1 or len(shown) <= nodes.max(initial=-1):
        raise HelioXError(f"values have the shape {shown.shape} and there are {nodes.max() + 1} nodes")
    table = np.full((max(lanes, 1), max(len(steps), 1)), np.nan)
    for k, step in enumerate(steps):
        table[: len(step), k] = shown[step]
    colours = "Blues" if values is None else "viridis"
    mesh = ax.pcolormesh(np.ma.masked_invalid(table), cmap=colours, rasterized=True)
    ax.set_facecolor("0.92")
    if values is None:
        mesh.set_clim(0.0, 1.4)
    else:
        colour_bar(ax, mesh, name)
    busy = len(nodes) / table.size
    ax.set_title(f"{len(nodes)} nodes in {len(steps)} steps: {100.0 * busy:.0f} % of the lanes' time",
                 fontsize=9, loc="left")  # fmt: skip
    ax.set_xlabel("step")
    ax.set_ylabel("lane")


def _contracted(ax: Any, steps: Sequence[Any]) -> None:
    at = np.arange(1, len(steps) + 1)
    compressed = [int((np.asarray(s.child) >= 0).sum()) for s in steps]
    raked = [len(s.child) - c for s, c in zip(steps, compressed, strict=True)]
    kinds = (("rake", COLOURS[0], raked), ("compress", COLOURS[1], compressed))
    for side, (what, colour, counts) in enumerate(kinds):
        ax.bar(at + 0.4 * side - 0.2, counts, width=0.38, color=colour, label=what)
    ax.set_yscale("log")
    ax.set_ylim(bottom=0.7)
    ax.set_xticks(at if len(at) <= LABELLED else at[:: len(at) // 10])
    ax.set_xlabel("step")
    ax.set_ylabel("nodes eliminated")
    legend(ax, 2)
