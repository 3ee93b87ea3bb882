"""Figures: traces, rasters, shapes, schedules. Takes arrays, or what has the attributes of HelioX's results.

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
MIXED = "value"  # label of an axis that shows several variables
LABELLED = 20  # rows of a raster named at the axis
PLANES = {"xy": (0, 1), "xz": (0, 2), "yz": (1, 2)}
THIN = 0.7  # points; no cable is drawn thinner


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
    variable, own = _quantity(recordings)
    rows = [row for recording in recordings for row in _rows(recording, variable != MIXED)]
    if names is not None and len(names) != len(rows):
        raise HelioXError(f"there are {len(rows)} traces and {len(names)} names")
    for k, (t, values, label) in enumerate(rows):
        label = names[k] if names is not None else label
        ax.plot(t, values, lw=1.0, color=_colour_of(k, len(rows)), label=label or None)
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
    colours = [COLOURS[k % len(COLOURS)] for k in row.tolist()] if count <= LABELLED else COLOURS[0]
    ax.scatter(t, row, marker="|", s=np.clip(3000.0 / max(count, 1), 4.0, 120.0), lw=1.2, c=colours)
    ax.set_ylim(-0.7, max(count, 1) - 0.3)
    ax.set_xlabel("t (ms)")
    ax.set_ylabel("source")
    if 0 < len(names) <= LABELLED:
        ax.set_yticks(range(len(names)), names)
        ax.set_ylabel("")
    return _plain(ax)


def shape(
    lines: Any,
    values: ArrayLike | None = None,
    *,
    name: str | None = None,
    unit: str | None = None,
    limits: tuple[float, float] | None = None,
    bar: bool = True,
    colours: Sequence[int] | None = None,
    points: ArrayLike | None = None,
    view: str = "xy",
    ax: Any = None,
) -> Any:
    """Draw cables as thick as they are, coloured by a number each.

    Parameters
    ----------
    lines
        What ``sim.shape()`` gives, or a sequence of (k, 4) arrays: x, y, z and diameter in um, as NEURON's
        3-D points.
    values : (len(lines),), optional
        Numbers shown as colours, with a colour bar; NaN is grey. Default: the lines' own, if they have any.
    name, unit : str, optional
        Of the values, for the colour bar; default: their own.
    limits : (low, high), optional
        Of the colours; default: the least and the largest value.
    bar : bool
        Whether to draw a colour bar.
    colours : sequence of int, optional
        In place of values a number a line, e.g. of its cell; lines of equal number have the same colour.
    points : (m, 3) array, optional
        x, y and z in um of places to mark, such as synapses; (m, 2) in the plane that is seen.
    view : str
        The plane that is seen, ``"xy"``, ``"xz"`` or ``"yz"``, or ``"3d"``.
    ax : Axes, optional
        Where to draw, for ``"3d"`` of the projection ``"3d"``; default: a new figure.

    Returns
    -------
    Axes
    """
    pieces, owner, shown, own_name, own_unit = _pieces(lines, values)
    if view not in (*PLANES, "3d"):
        raise HelioXError(f"view is {view!r}; legal are {', '.join(map(repr, PLANES))} and '3d'")
    ax = _shape_axes(view, pieces) if ax is None else ax
    drawn = _in_space(ax, pieces) if view == "3d" else _in_plane(ax, pieces, PLANES[view])
    if colours is not None:
        palette = [COLOURS[number % len(COLOURS)] for number in colours]
        drawn.set_color([palette[k] for k in owner])
    elif len(shown):
        _colour(drawn, shown[owner], limits)
        if bar:
            name, unit = own_name if name is None else name, own_unit if unit is None else unit
            _bar(ax, drawn, f"{name} ({unit})" if unit else name)
    else:
        drawn.set_color(COLOURS[0])
    if points is not None:
        _mark(ax, _numbers(points, "points"), view)
    return ax if view == "3d" else _plain(ax)


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
    ax = _axes(ax)
    if hasattr(steps, "steps"):
        _contracted(ax, steps.steps)
    else:
        _lanes(ax, _steps(steps), values, name)
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


def _rows(recording: Any, short: bool) -> list[tuple[NDArray[np.float64], NDArray[np.float64], str]]:
    """(t, values, label) of every trace of a recording or of a pair; short labels are places only."""
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
    t, values = _numbers(t, "t"), _numbers(values, "values")
    if t.ndim != 1 or values.shape[-1:] != t.shape:
        raise HelioXError(f"values of shape {values.shape} do not fit t of shape {t.shape}")
    if short:
        names = [name.rpartition(").")[0] + ")" if ")." in name else name for name in names]
    else:
        names = [f"{name} ({recording.unit})" if recording.unit else name for name in names]
    rows = values.reshape(-1, len(t)) if len(t) else np.empty((0, 0))
    return [(t, row, label) for row, label in zip(rows, _labels(names, values.shape))]


def _numbers(given: Any, what: str) -> NDArray[np.float64]:
    try:
        return np.asarray(given, float)
    except (TypeError, ValueError):
        raise HelioXError(f"{what} must be an array of numbers, not {given!s:.60}") from None


def _labels(names: list[str], shape: tuple[int, ...]) -> list[str]:
    """Names of traces; with a leading axis of members each name occurs once a member."""
    traces = int(np.prod(shape[:-1]))
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
        return MIXED, "unit of each"
    return (variables.pop() if len(variables) == 1 else MIXED), units.pop()


def _spikes(spikes: Any) -> tuple[NDArray[np.float64], NDArray[np.intp], list[str]]:
    """Times, rows and the rows' names; each member has rows of its own."""
    if not (hasattr(spikes, "t") and hasattr(spikes, "index")):
        try:
            t, row = spikes
        except (TypeError, ValueError):
            raise HelioXError(
                f"{type(spikes).__name__} holds no spikes; give sim.spikes, or (t, source)"
            ) from None
        t, row = _numbers(t, "t"), _numbers(row, "source")
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


def _pieces(
    lines: Any, values: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.float64], str, str]:
    """Straight pieces (m, 2, 4), the line of each, values of the lines (or none), their name and unit."""
    given = getattr(lines, "lines", lines)
    shown = _numbers(getattr(lines, "values", ()) if values is None else values, "values")
    if isinstance(given, np.ndarray) and given.ndim == 3 and given.shape[1:] == (2, 4):
        pieces, owner = given.astype(float), np.arange(len(given))
    elif not hasattr(given, "__iter__"):
        raise HelioXError(f"{type(lines).__name__} is no shape; give sim.shape(), or (k, 4) arrays")
    else:
        arrays = [_numbers(line, f"line {k}") for k, line in enumerate(given)]
        for k, line in enumerate(arrays):
            if line.ndim != 2 or line.shape[1] != 4:
                raise HelioXError(
                    f"line {k} has the shape {line.shape}; it must be (k, 4): x, y, z, diameter"
                )
        cut = [np.stack([line[:-1], line[1:]], axis=1) for line in arrays]
        pieces = np.concatenate([np.empty((0, 2, 4)), *cut])
        owner = np.repeat(np.arange(len(arrays)), [len(c) for c in cut])
    if shown.size and shown.shape != (len(given),):
        raise HelioXError(f"values have the shape {shown.shape} and there are {len(given)} lines")
    return pieces, owner, shown, getattr(lines, "name", ""), getattr(lines, "unit", "")


def _frusta(pieces: NDArray[np.float64], plane: Sequence[int]) -> NDArray[np.float64]:
    """(m, 4, 2) corners of the pieces in a plane."""
    a, b = pieces[:, 0][:, plane], pieces[:, 1][:, plane]
    along = b - a
    length = np.hypot(along[:, 0], along[:, 1])
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.where(length > 0.0, length, 1.0)[:, None]
    wide, narrow = 0.5 * pieces[:, 0, 3:] * normal, 0.5 * pieces[:, 1, 3:] * normal
    return np.stack([a + wide, b + narrow, b - narrow, a - wide], axis=1)


# ---------------------------------------------------------------------- drawing


def _in_plane(ax: Any, pieces: NDArray[np.float64], plane: Sequence[int]) -> Any:
    from matplotlib.collections import PolyCollection

    outlines: Any = _frusta(pieces, plane)
    drawn = PolyCollection(outlines, linewidths=THIN, edgecolors="face")
    ax.add_collection(drawn)
    ax.autoscale_view()
    ax.set_aspect("equal", adjustable="box")
    ax.set_xlabel(f"{'xyz'[plane[0]]} (um)")
    ax.set_ylabel(f"{'xyz'[plane[1]]} (um)")
    return drawn


def _in_space(ax: Any, pieces: NDArray[np.float64]) -> Any:
    from matplotlib.collections import LineCollection

    if not hasattr(ax, "get_zlim"):
        raise HelioXError("view='3d' needs axes of that projection: figure.add_subplot(projection='3d')")
    ends = pieces[..., :3].reshape(-1, 3)
    low, high = (ends.min(axis=0), ends.max(axis=0)) if len(ends) else (np.zeros(3), np.ones(3))
    middle, half = 0.5 * (low + high), 0.5 * max(float((high - low).max()), 1.0)
    scale = 0.3 * 72.0 * min(ax.figure.get_size_inches()) / half  # points of the page per um, about
    widths = np.maximum(scale * pieces[..., 3].mean(axis=1), THIN)
    drawn: Any = LineCollection(list(pieces[..., :2]), linewidths=widths)
    if len(pieces):
        ax.add_collection3d(drawn)  # turns it into a collection in space, all of it at z = 0
        drawn.set_segments(pieces[..., :3])
    for axis, at in zip("xyz", middle):
        getattr(ax, f"set_{axis}lim")(at - half, at + half)
        getattr(ax, f"set_{axis}label")(f"{axis} (um)")
    ax.locator_params(nbins=5)
    ax.view_init(elev=15.0, azim=25.0, vertical_axis="y")
    ax.set_box_aspect((1.0, 1.0, 1.0), zoom=1.0)
    return drawn


def _colour(drawn: Any, values: NDArray[np.float64], limits: tuple[float, float] | None) -> None:
    """Colours by value."""
    from matplotlib import colormaps

    finite = values[np.isfinite(values)]
    low, high = limits or (finite.min(initial=np.inf), finite.max(initial=-np.inf))
    if not low <= high:
        raise HelioXError(f"limits are {low:g} and {high:g}; there is no number to show between them")
    if limits is None and not high > low:  # one value: the bar is about it
        low, high = low - 0.5 * (abs(low) or 1.0), high + 0.5 * (abs(high) or 1.0)
    drawn.set_cmap(colormaps["viridis"].with_extremes(bad="0.75"))
    drawn.set_array(np.ma.masked_invalid(values))
    drawn.set_clim(low, high)


def _bar(ax: Any, drawn: Any, label: str) -> None:
    bar = ax.figure.colorbar(drawn, ax=ax, shrink=0.8, pad=0.02)
    bar.set_label(label)
    bar.outline.set_visible(False)


def _mark(ax: Any, places: NDArray[np.float64], view: str) -> None:
    """Points, e.g. of synapses."""
    columns = (0, 1, 2) if view == "3d" else PLANES[view]
    if places.size and (places.ndim != 2 or places.shape[1] not in (len(columns), 3)):
        raise HelioXError(f"points have the shape {places.shape}; they must be (m, 3)")
    if places.size:
        at = places[:, columns] if places.shape[1] == 3 else places
        ax.scatter(*at.T, s=5.0, c="k", lw=0.0, zorder=3)


def _steps(steps: Any) -> list[NDArray[np.intp]]:
    found = [np.asarray(step) for step in steps] if hasattr(steps, "__iter__") else [np.zeros(())]
    if any(step.ndim != 1 or (step.size and step.dtype.kind not in "iu") for step in found):
        raise HelioXError("a schedule is a sequence of steps, each an array of nodes, or has rounds")
    return [step.astype(np.intp) for step in found]


def _lanes(ax: Any, steps: list[NDArray[np.intp]], values: ArrayLike | None, name: str) -> None:
    lanes = max((len(step) for step in steps), default=0)
    nodes = np.concatenate([np.empty(0, int), *steps])
    shown = np.ones(int(nodes.max(initial=-1)) + 1) if values is None else _numbers(values, "values")
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
        _bar(ax, mesh, name)
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
    _legend(ax, 2)


# ---------------------------------------------------------------------- axes


def _axes(ax: Any) -> Any:
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.subplots(figsize=(7.0, 3.2), layout="constrained")[1]


def _shape_axes(view: str, pieces: NDArray[np.float64]) -> Any:
    """Axes of a new figure, which in a plane is as wide and high as what is drawn asks for."""
    from matplotlib import pyplot

    if view == "3d":
        return pyplot.figure(figsize=(6.0, 5.0), layout="constrained").add_subplot(projection="3d")
    span = np.ptp(pieces[..., PLANES[view]].reshape(-1, 2), axis=0) if len(pieces) else np.ones(2)
    width, height = np.maximum(4.6 * span / max(span.max(), 1e-9), 1.5)
    return pyplot.figure(figsize=(width + 1.6, height + 0.6), layout="constrained").add_subplot()


def _colour_of(k: int, count: int) -> Any:
    """Of trace k: one of those told apart, or of a scale where there are too many."""
    from matplotlib import colormaps

    return COLOURS[k] if count <= len(COLOURS) else colormaps["viridis"](k / max(count - 1, 1))


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
