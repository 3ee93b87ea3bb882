"""Variables over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.errors import HelioXError
from heliox.plot.axes import COLOURS, axes, legend, numbers, plain

MIXED = "value"  # label of an axis that shows several variables


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
    ax = axes(ax)
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
        legend(ax, len(rows))
    return plain(ax)


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
    t, values = numbers(t, "t"), numbers(values, "values")
    if t.ndim != 1 or values.shape[-1:] != t.shape:
        raise HelioXError(f"values of shape {values.shape} do not fit t of shape {t.shape}")
    if short:
        names = [name.rpartition(").")[0] + ")" if ")." in name else name for name in names]
    else:
        names = [f"{name} ({recording.unit})" if recording.unit else name for name in names]
    rows = values.reshape(-1, len(t)) if len(t) else np.empty((0, 0))
    return [(t, row, label) for row, label in zip(rows, _labels(names, values.shape))]


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


def _colour_of(k: int, count: int) -> Any:
    """Of trace k: one of those told apart, or of a scale where there are too many."""
    from matplotlib import colormaps

    return COLOURS[k] if count <= len(COLOURS) else colormaps["viridis"](k / max(count - 1, 1))
