"""How training went: learning curves, and which classes are taken for which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.errors import HelioXError
from heliox.plot.axes import COLOURS, legend, numbers, plain

PANELS = {"loss": "loss", "accuracy": "accuracy (%)"}
PARTS = ("train", "validation", "test")  # each with a colour of its own


def learning(history: Any, *, figure: Any = None) -> Any:
    """Draw loss and accuracy, epoch by epoch.

    Parameters
    ----------
    history
        A mapping, or an object with attributes: ``train_loss``, ``validation_loss``, ``train_accuracy``,
        ``validation_accuracy`` (and ``test_``...), each with a number an epoch; NaN where there is none.
        Accuracies are from 0 to 1. What is missing is left out. ``epoch`` numbers them; default: from 1.
    figure : Figure, optional
        Where to draw; default: a new one.

    Returns
    -------
    Figure
        With an Axes for each of loss and accuracy that there is.
    """
    found = {name: _curves(history, name) for name in PANELS}
    panels = [name for name, curves in found.items() if curves]
    if not panels:
        wanted = [f"{part}_{name}" for name in PANELS for part in PARTS]
        raise HelioXError(f"the history has none of {', '.join(wanted)}")
    epoch = _get(history, "epoch")
    if figure is None:
        from matplotlib import pyplot

        figure = pyplot.figure(figsize=(3.6 * len(panels) + 0.4, 3.2), layout="constrained")
    for ax, name in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels):
        for part, values in found[name].items():
            at = np.arange(1, len(values) + 1) if epoch is None else numbers(epoch, "epoch")
            if at.shape != values.shape:
                raise HelioXError(f"{part}_{name} has {len(values)} epochs and epoch has {len(at)}")
            shown = values if name == "loss" else 100.0 * values
            colour = COLOURS[PARTS.index(part)]
            ax.plot(at, shown, "o-", lw=1.2, ms=3.0, color=colour, label=part)
        ax.set_xlabel("epoch")
        ax.set_ylabel(PANELS[name])
        ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        legend(ax, len(found[name]))
        plain(ax)
    return figure


def confusion(
    labels: ArrayLike, predicted: ArrayLike, *, names: Sequence[str] | None = None, ax: Any = None
) -> Any:
    """Draw how often each class was taken for each.

    Parameters
    ----------
    labels, predicted : (N,)
        What is true and what was answered: whole numbers from 0.
    names : sequence of str, optional
        Of the classes; default: their numbers.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
        Rows are the true class; the number of samples stands in each square, and the shade is its part of the
        row, so that rare classes are seen as well as frequent ones.
    """
    true, answer = _classes(labels, "labels"), _classes(predicted, "predicted")
    if true.shape != answer.shape or not true.size:
        raise HelioXError(f"there are {len(true)} labels and {len(answer)} predictions")
    count = max(int(true.max()), int(answer.max())) + 1
    names = [str(k) for k in range(count)] if names is None else names
    if len(names) < count:
        raise HelioXError(f"there are {count} classes and {len(names)} names")
    table = np.zeros((len(names), len(names)), int)
    np.add.at(table, (true, answer), 1)
    if ax is None:
        from matplotlib import pyplot

        side = 1.4 + 0.38 * len(names)
        ax = pyplot.figure(figsize=(side, side), layout="constrained").add_subplot()
    part = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    ax.imshow(np.sqrt(part), cmap="Blues", vmin=0.0, vmax=1.15)  # the root: errors of a percent are seen
    for (row, column), number in np.ndenumerate(table):
        if number:
            ink = "w" if part[row, column] > 0.4 else "k"
            ax.text(column, row, str(number), ha="center", va="center", fontsize=7, color=ink)
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks(range(len(names)), names)
    ax.set_xlabel("predicted")
    ax.set_ylabel("label")
    right = int(np.trace(table))
    ax.set_title(f"{100.0 * right / len(true):.2f} % of {len(true)} right", fontsize=9, loc="left")
    ax.tick_params(length=0.0)
    ax.spines[:].set_visible(False)
    return ax


def _get(history: Any, name: str) -> Any:
    return history.get(name) if isinstance(history, Mapping) else getattr(history, name, None)


def _curves(history: Any, name: str) -> dict[str, NDArray[np.float64]]:
    """Of a loss or accuracy, by part, those that hold a number."""
    found = {}
    for part in PARTS:
        given = _get(history, f"{part}_{name}")
        if given is None:
            continue
        values = numbers(given, f"{part}_{name}")
        if values.ndim != 1:
            raise HelioXError(f"{part}_{name} has the shape {values.shape}; it is one number an epoch")
        if np.isfinite(values).any():
            found[part] = values
    return found


def _classes(given: ArrayLike, what: str) -> NDArray[np.intp]:
    x = numbers(given, what)
    if x.ndim != 1 or not ((x >= 0) & (x == np.floor(x))).all():
        raise HelioXError(f"{what} are whole numbers from 0, one a sample")
    return x.astype(np.intp)
