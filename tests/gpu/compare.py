"""Two runs of a model bit by bit, and the names of what differs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heliox.engine import portable
from heliox.simulation import Simulation
from tests.gpu.zoo import CASES, Ran


def state(sim: Simulation) -> dict[str, NDArray]:
    """Everything that a run has changed, apart from how it lies in memory: variable -> (B, n), and the queue.

    Serial numbers of self events are a group's own, and left out.
    """
    arrays = sim.snapshot().arrays
    out = {name: arrays["values"][:, span] for name, span in portable.spans(sim.plan).items()}
    queue = np.hstack([arrays["event_times"], arrays["events"][:, [0, 2, 3, 4]]])
    out["queue"] = queue[np.lexsort(queue.T[::-1])]
    out["steps"], out["times"] = arrays["counters"][:, 0], arrays["times"]
    return out


def differences(a: dict[str, NDArray], b: dict[str, NDArray]) -> list[str]:
    """A line for each variable that differs: how many numbers, the first place, the largest difference."""
    lines = [f"only one has {sorted(a.keys() ^ b.keys())}"] if a.keys() != b.keys() else []
    for name in a.keys() & b.keys():
        x, y = np.asarray(a[name]), np.asarray(b[name])
        if x.shape != y.shape:
            lines.append(f"{name}: shapes {x.shape} and {y.shape}")
        elif not np.array_equal(x, y, equal_nan=True):
            off = ~((x == y) | (np.isnan(x) & np.isnan(y)))
            first = tuple(int(k[0]) for k in np.nonzero(off))
            if x.ndim > 1:  # of samples: the earliest
                k = int(np.argmax(off.any(axis=tuple(range(x.ndim - 1)))))
                first = (*(int(i[0]) for i in np.nonzero(off[..., k])), k)
            most = float(np.nanmax(np.abs(x - y)))
            lines.append(
                f"{name}: {int(off.sum())} of {off.size} differ, first at {first}: {x[first]!r} and "
                f"{y[first]!r}, by {most:.3g} at most"
            )
    return sorted(lines)


def same_spikes(a: Simulation, b: Simulation) -> None:
    """Assert that all spikes are equal: times, sources, members."""
    one, two = a.spikes, b.spikes
    assert len(one) == len(two), f"{len(one)} spikes and {len(two)}"
    for column in ("t", "index", "member", "gid"):
        np.testing.assert_array_equal(getattr(one, column), getattr(two, column), err_msg=column)


def same_state(a: Simulation, b: Simulation) -> None:
    """Assert that everything a run changes is equal."""
    assert a.t == b.t
    lines = differences(state(a), state(b))
    assert not lines, "\n" + "\n".join(lines)


def same(a: Ran, b: Ran) -> None:
    """Assert that recordings, spikes and states of two runs are equal."""
    for x, y in zip(a.recordings.values(), b.recordings.values(), strict=True):
        np.testing.assert_array_equal(x.t, y.t)
    lines = differences(a.values, b.values)
    assert not lines, "\n" + "\n".join(lines)
    same_spikes(a.sim, b.sim)
    same_state(a.sim, b.sim)


def lives(name: str, ran: Ran) -> None:
    """Assert that a run of the zoo spikes as it should and stays finite, and hardly anything stands still."""
    case = CASES[name]
    assert len(ran.sim.spikes) >= case.spikes
    moved = 0
    for variable, values in ran.values.items():
        assert np.isfinite(values).all(), variable
        moved += bool(np.ptp(values, axis=-1).max() > 0.0)
    assert moved >= max(1, len(case.watch) - 1)
