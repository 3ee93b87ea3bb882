"""Cells as they look: cables in a plane or in space, coloured by numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.errors import HelioXError
from heliox.plot.axes import COLOURS, colour_bar, numbers, plain

PLANES = {"xy": (0, 1), "xz": (0, 2), "yz": (1, 2)}
THIN = 0.7  # points; no cable is drawn thinner


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
    ax = _axes(view, pieces) if ax is None else ax
    drawn = _in_space(ax, pieces) if view == "3d" else _in_plane(ax, pieces, PLANES[view])
    if colours is not None:
        palette = [COLOURS[number % len(COLOURS)] for number in colours]
        drawn.set_color([palette[k] for k in owner])
    elif len(shown):
        _colour(drawn, shown[owner], limits)
        if bar:
            name, unit = own_name if name is None else name, own_unit if unit is None else unit
            colour_bar(ax, drawn, f"{name} ({unit})" if unit else name)
    else:
        drawn.set_color(COLOURS[0])
    if points is not None:
        _mark(ax, numbers(points, "points"), view)
    return ax if view == "3d" else plain(ax)


def _pieces(
    lines: Any, values: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.float64], str, str]:
    """Straight pieces (m, 2, 4), the line of each, values of the lines (or none), their name and unit."""
    given = getattr(lines, "lines", lines)
    shown = numbers(getattr(lines, "values", ()) if values is None else values, "values")
    if isinstance(given, np.ndarray) and given.ndim == 3 and given.shape[1:] == (2, 4):
        pieces, owner = given.astype(float), np.arange(len(given))
    elif not hasattr(given, "__iter__"):
        raise HelioXError(f"{type(lines).__name__} is no shape; give sim.shape(), or (k, 4) arrays")
    else:
        arrays = [numbers(line, f"line {k}") for k, line in enumerate(given)]
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


def _mark(ax: Any, places: NDArray[np.float64], view: str) -> None:
    """Points, e.g. of synapses."""
    columns = (0, 1, 2) if view == "3d" else PLANES[view]
    if places.size and (places.ndim != 2 or places.shape[1] not in (len(columns), 3)):
        raise HelioXError(f"points have the shape {places.shape}; they must be (m, 3)")
    if places.size:
        at = places[:, columns] if places.shape[1] == 3 else places
        ax.scatter(*at.T, s=5.0, c="k", lw=0.0, zorder=3)


def _axes(view: str, pieces: NDArray[np.float64]) -> Any:
    """Axes of a new figure, which in a plane is as wide and high as what is drawn asks for."""
    from matplotlib import pyplot

    if view == "3d":
        return pyplot.figure(figsize=(6.0, 5.0), layout="constrained").add_subplot(projection="3d")
    span = np.ptp(pieces[..., PLANES[view]].reshape(-1, 2), axis=0) if len(pieces) else np.ones(2)
    width, height = np.maximum(4.6 * span / max(span.max(), 1e-9), 1.5)
    return pyplot.figure(figsize=(width + 1.6, height + 0.6), layout="constrained").add_subplot()
