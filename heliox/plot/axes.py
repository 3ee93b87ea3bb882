"""What all figures have in common: colours, axes, legends.

The colours are those of Okabe and Ito (2008), which people with any colour vision tell apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.errors import HelioXError

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
NAMED = 8  # traces named in a legend
LABELLED = 20  # rows of a raster named at the axis


def axes(ax: Any) -> Any:
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.subplots(figsize=(7.0, 3.2), layout="constrained")[1]


def plain(ax: Any) -> Any:
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def legend(ax: Any, count: int) -> None:
    """Above the axes, where it hides nothing."""
    if count <= NAMED:
        ax.legend(
            frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=min(count, 4),
            borderaxespad=0.2, handlelength=1.2, columnspacing=1.2,
        )  # fmt: skip


def colour_bar(ax: Any, drawn: Any, label: str) -> None:
    bar = ax.figure.colorbar(drawn, ax=ax, shrink=0.8, pad=0.02)
    bar.set_label(label)
    bar.outline.set_visible(False)


def numbers(given: Any, what: str) -> NDArray[np.float64]:
    try:
        return np.asarray(given, float)
    except (TypeError, ValueError):
        raise HelioXError(f"{what} must be an array of numbers, not {given!s:.60}") from None
