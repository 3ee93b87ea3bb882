"""Connections with several weights, which the mechanism changes: they live in the connection."""

from typing import Any

import numpy as np
import pytest

from heliox.engine import layout
from heliox.mechanisms.template import MechTemp
from heliox.model.model import Connections
from heliox.simulation import Simulation
from tests.engine.made import network


def receive(weight, count, last, t, s):
    s = s + weight * (1.0 + count) + 0.001 * (t - last)
    weight = 0.75 * weight
    count = count + 1.0
    last = t
    return weight, count, last, s


def initial():
    s = 0.0
    return s


DECLARED: dict[str, Any] = {"states": ("s",), "weights": ("weight", "count", "last")}
DEPRESSING = MechTemp("Depressing", "point", (initial, receive), **DECLARED)
TIMES = [1.0, 2.5, 2.5, 7.25]  # start of each stimulus; interval 10 ms, 10 spikes
WEIGHTS = [0.5, 0.25, 1.0, -0.125, 2.0]
PAIRS = [(2, 0), (3, 0), (4, 1), (5, 1), (2, 1)]  # unit of the source, instance


def model(template=DEPRESSING):
    """Two cells with one Depressing each, four stimuli, five connections of three weights."""
    base = network([1, 1], [(a, 0, 0.5) for a, _ in PAIRS], len(TIMES), [(template, [0, 1], {})])
    k = next(i for i, m in enumerate(base.mechanisms) if m.name == "Depressing")
    c = base.connections
    n = len(PAIRS)
    weights = np.zeros((n, 3))
    weights[:, 0] = WEIGHTS
    to = np.array([j for _, j in PAIRS], np.int32)
    connections = Connections(
        c.source,
        np.full(n, k, np.int32),
        to,
        c.delay,
        3 * np.arange(n + 1),
        weights.ravel(),
        c.active,
        c.number,
    )
    stims = base.mechanisms[-1]
    values = {**stims.values, "start": np.array(TIMES)}
    replaced = type(stims)(stims.name, stims.kind, stims.node, values, stims.globals, stims.number)
    return base.replace(connections=connections, mechanisms=(*base.mechanisms[:-1], replaced))


def reference(tstop, weights=WEIGHTS):
    """s of both instances and the weights of all connections, by plain Python."""
    w, count, last, s = list(weights), [0.0] * 5, [0.0] * 5, [0.0, 0.0]
    arrivals = sorted(
        (TIMES[a - 2] + 10.0 * j + 0.5, a, k) for k, (a, _) in enumerate(PAIRS) for j in range(10)
    )
    for t, _, k in arrivals:
        if t <= tstop:
            i = PAIRS[k][1]
            s[i] = s[i] + w[k] * (1.0 + count[k]) + 0.001 * (t - last[k])
            w[k], count[k], last[k] = 0.75 * w[k], count[k] + 1.0, t
    return np.array(s), np.stack([w, count, last], 1)


def state(sim):
    weights = [sim.var(f"NetCon.weight[{k}]", slice(None)).values for k in range(3)]
    return sim.var("Depressing.s").values, np.stack(weights, -1)


def check(sim, expected):
    s, weights = state(sim)
    for got, want in ((s, expected[0]), (weights, expected[1])):
        np.testing.assert_array_equal(got, np.broadcast_to(want, got.shape))


@pytest.mark.parametrize("chunk_nodes", [1, 1000])
@pytest.mark.parametrize("batch", [1, 3])
def test_weights_are_changed_by_receipt(monkeypatch, chunk_nodes, batch):
    monkeypatch.setattr(layout, "CHUNK_NODES", chunk_nodes)
    sim = Simulation(model(), progress=False, batch=batch)
    for _ in range(2):
        sim.initialize(-65)
        for stop in (0.0, 1.25, 2.9, 3.1, 12.0, 40.01):
            sim.run_until(stop)
            check(sim, reference(stop))
        sim.var("NetCon.weight")[:] = WEIGHTS
    assert sim.spikes.of(0).t.size > 10


def test_initialization_clears_all_but_the_first_weight():
    sim = Simulation(model(), progress=False)
    sim.initialize(-65)
    sim.run_until(20.0)
    first = state(sim)[1][:, 0]
    sim.initialize(-65)
    np.testing.assert_array_equal(state(sim)[1], np.stack([first, 0 * first, 0 * first], 1))


def test_members_have_weights_of_their_own():
    sim = Simulation(model(), progress=False, batch=2)
    sim.initialize(-65)
    mine = np.array([WEIGHTS, [3.0, 2.0, 1.0, 0.5, 0.25]])
    sim.var("NetCon.weight")[:] = mine
    sim.run_until(30.0)
    s, weights = state(sim)
    for k in range(2):
        expected = reference(30.0, mine[k].tolist())
        np.testing.assert_array_equal(s[k], expected[0])
        np.testing.assert_array_equal(weights[k], expected[1])


def test_an_element_of_all_weights_has_a_name():
    """``"NetCon.weight[1]"`` is a selection as ``"NetCon.weight"`` is, not the path of one variable."""
    sim = Simulation(model(), progress=False)
    assert len(sim.var("NetCon.weight[1]")) == len(PAIRS)


def test_states_start_from_their_defaults_without_an_initial_block():
    """As the states of a mod file without INITIAL do."""
    sim = Simulation(model(MechTemp("Depressing", "point", (receive,), **DECLARED)), progress=False)
    sim.initialize(-65)
    sim.run_until(20.0)
    sim.initialize(-65)
    assert not state(sim)[0].any()
