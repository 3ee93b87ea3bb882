"""Figures: traces, rasters, shapes. Takes arrays, or whatever has the attributes of HelioX's results.

The colours are those of Okabe and Ito (2008), which people with any colour vision tell apart.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.errors import HelioXError

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
NAMED = 8  # traces named in a legend
LABELLED = 20  # rows of a raster named at the axis


def traces(
    *recordings: Any, names: Sequence[str] | None = None, unit: str | None = None, ax: Any = None
) -> Any:
    """Draw recordings over time.

    Parameters
    ----------
    *recordings
        What ``sim.record`` gives, or pairs ``(t, values)``: t in ms (samples,), values (samples,),
        (n, samples) or (B, n, samples).
    names : sequence of str, optional
        One a trace; default: the recordings' own, followed by the member where there are several.
    unit : str, optional
        Of the values; default: the recordings' own, mV for pairs.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
    """
    ax = _axes(ax)
    rows = [row for recording in recordings for row in _rows(recording)]
    if names is not None and len(names) != len(rows):
        raise HelioXError(f"there are {len(rows)} traces and {len(names)} names")
    for k, (t, values, label) in enumerate(rows):
        label = names[k] if names is not None else label
        ax.plot(t, values, lw=1.0, color=COLOURS[k % len(COLOURS)], label=label or None)
    variable, own = _quantity(recordings)
    ax.set_xlabel("t (ms)")
    ax.set_ylabel(f"{variable} ({unit or own})" if unit or own else variable)
    if any(label for _, _, label in rows) or names is not None:
        _legend(ax, len(rows))
    return _plain(ax)


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
    ax = _axes(ax)
    t, row, own = _spikes(spikes)
    names = own if names is None else names
    count = max(len(names), int(row.max(initial=-1)) + 1)
    ax.scatter(t, row, marker="|", s=np.clip(3000.0 / max(count, 1), 4.0, 120.0), lw=1.2,
               c=[COLOURS[k % len(COLOURS)] for k in row.tolist()])  # fmt: skip
    ax.set_ylim(-0.7, max(count, 1) - 0.3)
    ax.set_xlabel("t (ms)")
    ax.set_ylabel("source")
    if 0 < len(names) <= LABELLED:
        ax.set_yticks(range(len(names)), names)
        ax.set_ylabel("")
    return _plain(ax)


def shape(
    lines: Sequence[ArrayLike],
    *,
    colours: Sequence[int] | None = None,
    points: ArrayLike | None = None,
    ax: Any = None,
) -> Any:
    """Draw cables seen along the z axis, as thick as they are.

    Parameters
    ----------
    lines : sequence of (n, 4) arrays
        x, y, z and diameter in um, as NEURON's 3-D points.
    colours : sequence of int, optional
        A number a line, e.g. of its cell; lines of equal number have the same colour.
    points : (m, 2) array, optional
        x and y in um of places to mark, such as synapses.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
    """
    from matplotlib.collections import PolyCollection

    ax = _axes(ax)
    numbers = list(colours) if colours is not None else [0] * len(lines)
    outlines, fill = [], []
    for line, number in zip(lines, numbers):
        quads = _frusta(np.asarray(line, float))
        outlines += list(quads)
        fill += [COLOURS[number % len(COLOURS)]] * len(quads)
    ax.add_collection(PolyCollection(outlines, facecolors=fill, edgecolors=fill, linewidths=0.4))
    if points is not None and len(np.asarray(points)):
        xy = np.asarray(points, float)
        ax.scatter(xy[:, 0], xy[:, 1], s=5.0, c="k", lw=0.0, zorder=3)
    ax.autoscale_view()
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xlabel("x (um)")
    ax.set_ylabel("y (um)")
    return _plain(ax)


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


# ---------------------------------------------------------------------- reading what is given


def _rows(recording: Any) -> list[tuple[NDArray[np.float64], NDArray[np.float64], str]]:
    """(t, values, label) of every trace of a recording or of a pair."""
    if hasattr(recording, "values") and hasattr(recording, "t"):
        t, values, names = recording.t, recording.values, list(getattr(recording, "names", []))
    else:
        try:
            t, values = recording
        except (TypeError, ValueError):
            raise HelioXError(
                f"{type(recording).__name__} is no recording; give what sim.record returns, or (t, values)"
            ) from None
        names = []
    t, values = np.asarray(t, float), np.asarray(values, float)
    if values.shape[-1:] != t.shape:
        raise HelioXError(f"values of shape {values.shape} do not fit t of shape {t.shape}")
    rows = values.reshape(-1, len(t)) if len(t) else np.empty((0, 0))
    return [(t, row, label) for row, label in zip(rows, _labels(names, values.shape))]


def _labels(names: list[str], shape: tuple[int, ...]) -> list[str]:
    """Names of traces; with a leading axis of members each name occurs once a member."""
    traces = int(np.prod(shape[:-1]))
    names = [name.rpartition(").")[0] + ")" if ")." in name else name for name in names]
    if not names:
        return [""] * traces
    members = traces // max(len(names), 1)
    if members <= 1:
        return names
    return [f"{name}, member {member}" for member in range(members) for name in names]


def _quantity(recordings: Sequence[Any]) -> tuple[str, str]:
    """Name and unit of the variable; the value of a pair is a voltage."""
    paths = [name for r in recordings for name in getattr(r, "names", [])]
    variables = {name.rpartition(").")[2].rpartition("].")[2] for name in paths} or {"v"}
    units = {getattr(r, "unit", "mV") for r in recordings} or {"mV"}
    if len(units) > 1:
        return "value", "unit of each"
    return (variables.pop() if len(variables) == 1 else "value"), units.pop()


def _spikes(spikes: Any) -> tuple[NDArray[np.float64], NDArray[np.intp], list[str]]:
    """Times, rows and the rows' names; each member has rows of its own."""
    if not (hasattr(spikes, "t") and hasattr(spikes, "index")):
        try:
            t, row = spikes
        except (TypeError, ValueError):
            raise HelioXError(
                f"{type(spikes).__name__} holds no spikes; give sim.spikes, or (t, source)"
            ) from None
        return np.asarray(t, float), np.asarray(row, np.intp), []
    names = [str(name) for name in spikes.names]
    member = np.asarray(getattr(spikes, "member", np.zeros(len(spikes.t))), np.intp)
    members = int(member.max(initial=0)) + 1
    rows = np.asarray(spikes.index, np.intp) + len(names) * member
    if members > 1:
        names = [f"{name}, member {m}" for m in range(members) for name in names]
    return np.asarray(spikes.t, float), rows, names


def _frusta(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n - 1, 4, 2) corners of the pieces of a cable in the plane."""
    a, b = line[:-1, :2], line[1:, :2]
    along = b - a
    length = np.hypot(along[:, 0], along[:, 1])
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.where(length > 0.0, length, 1.0)[:, None]
    wide, narrow = 0.5 * line[:-1, 3:4] * normal, 0.5 * line[1:, 3:4] * normal
    return np.stack([a + wide, b + narrow, b - narrow, a - wide], axis=1)


# ---------------------------------------------------------------------- axes


def _axes(ax: Any) -> Any:
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.subplots(figsize=(7.0, 3.2), layout="constrained")[1]


def _legend(ax: Any, count: int) -> None:
    """Above the axes, where it hides nothing."""
    if count <= NAMED:
        ax.legend(
            frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=min(count, 4),
            borderaxespad=0.2, handlelength=1.2, columnspacing=1.2,
        )  # fmt: skip


def _plain(ax: Any) -> Any:
    ax.spines[["top", "right"]].set_visible(False)
    return ax
