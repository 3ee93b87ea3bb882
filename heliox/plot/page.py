"""Several figures on one page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from heliox.plot.cable import shape
from heliox.plot.spike import raster
from heliox.plot.trace import traces


def overview(
    path: str | os.PathLike[str],
    *,
    lines: Sequence[ArrayLike],
    recording: Any,
    spikes: Any,
    colours: Sequence[int] | None = None,
    points: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    titles: tuple[str, str, str] = ("", "", ""),
    heading: str = "",
) -> None:
    """Write one page with a network's shape, some voltages and its spikes.

    Parameters
    ----------
    path : path
        A file whose ending names the format: ``.png``, ``.pdf``, ``.svg``.
    lines, colours, points : see `shape`
    recording, labels : see `traces` (`labels` are its names)
    spikes, names : see `raster`
    titles : three str
        Above the shape, the traces and the raster.
    heading : str
        Above all.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.0, 7.0), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 2, width_ratios=(1.0, 1.4))
    left = shape(lines, colours=colours, points=points, ax=figure.add_subplot(grid[:, 0]))
    top = figure.add_subplot(grid[0, 1])
    bottom = figure.add_subplot(grid[1, 1], sharex=top)
    traces(recording, names=labels, ax=top)
    raster(spikes, names=names, ax=bottom)
    top.set_xlabel("")
    top.tick_params(labelbottom=False)
    top.margins(x=0.01)
    for ax, title in zip((left, top, bottom), titles):
        ax.set_title(title, fontsize=10, loc="left", pad=6.0 + (14.0 if ax.get_legend() else 0.0))
    figure.suptitle(heading, fontsize=12, x=0.01, ha="left")
    figure.savefig(path, dpi=150)
