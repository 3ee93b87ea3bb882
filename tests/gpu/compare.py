"""Two runs of a model bit by bit, and the names of what differs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heliox.engine.fill import weight_addresses
from heliox.engine.plan import Plan
from heliox.simulation import Simulation
from heliox.solver import events
from tests.gpu.zoo import CASES, Ran


@dataclass(frozen=True)
class State:
    """Everything that a run has changed, apart from how it lies in memory.

    ``values``: variable -> (B, n), of nodes, instances and connections in the order of the model; ``queue``:
    for each member the waiting events in their order, (time, emitted, flag) each.
    """

    values: dict[str, NDArray[np.float64]]
    queue: list[NDArray[np.float64]]
    t: float


def state(sim: Simulation) -> State:
    """The state of a simulation, through its snapshot."""
    plan, arrays = sim.plan, sim.snapshot().arrays
    members = arrays["A"][: plan.A_size].reshape(plan.batch, plan.member_size)
    values = {name: members[:, at] for name, at in places(plan).items()}
    queue = []
    for member in range(plan.batch):
        rows = []
        for g in range(member * plan.chunks, (member + 1) * plan.chunks):
            n = int(arrays["QN"][g, events.EVENTS])
            rows.append(arrays["QF"][g, :n])
        found = np.concatenate(rows) if rows else np.empty((0, 3))
        queue.append(found[np.lexsort((found[:, 2], found[:, 1], found[:, 0]))])
    return State(values, queue, sim.t)


def places(plan: Plan) -> dict[str, NDArray[np.int64]]:
    """Address of all that can change, relative to a member: voltages, instances, weights, flags."""
    out = {"v": plan.node_address("v", np.arange(len(plan.model.nodes)))}
    if plan.program.membrane:
        out["i_membrane_"] = plan.node_address("saved_rhs", np.arange(len(plan.model.nodes)))
    for place in plan.placements:
        base = plan.chunk_base[place.chunk]
        for name, slot in place.struct.own.items():
            for k in range(place.struct.size(name)):
                out[f"{place.struct.template.name}.{name}[{k}]"] = base + place.own_offset(slot + k)
    if plan.program.weights_own:
        at = weight_addresses(plan)
        out["weights"] = at[at >= 0]
    out["flags of detectors"] = np.asarray(plan.detector_flag, np.int64)
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
    one, two = state(a), state(b)
    assert one.t == two.t
    lines = differences(one.values, two.values)
    lines += differences(
        {f"queue of member {k}": q for k, q in enumerate(one.queue)},
        {f"queue of member {k}": q for k, q in enumerate(two.queue)},
    )
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
