"""One more play for a model."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from heliox.errors import ModelError
from heliox.model.model import Model, Plays, Variables


def with_play(
    model: Model, mechanism: int, index: int, name: str, t: ArrayLike, y: ArrayLike, continuous: bool
) -> Model:
    """A model with one more play, whose points are all still to come; see `heliox.model.model.Plays`."""
    times, values = np.asarray(t, np.float64), np.asarray(y, np.float64)
    if times.ndim != 1 or times.shape != values.shape:
        raise ModelError(
            f"t and y of the play of {name} have shapes {times.shape} and {values.shape}; "
            "they must be one-dimensional and of equal length",
            variable=name,
        )
    p = model.plays
    plays = Plays(
        target=Variables(
            np.append(p.target.mechanism, mechanism).astype(np.int32),
            np.append(p.target.index, index).astype(np.int32),
            (*p.target.name, name),
        ),
        continuous=np.append(p.continuous, bool(continuous)),
        ptr=np.append(p.ptr, len(p.t) + len(times)),
        t=np.concatenate([p.t, times]),
        y=np.concatenate([p.y, values]),
        break_ptr=np.append(p.break_ptr, p.break_ptr[-1]),
        breaks=p.breaks,
        cursor=np.append(p.cursor, 0),
        broken=np.append(p.broken, 0),
        waiting=np.append(p.waiting, True),
    )
    return model.replace(plays=plays)
