"""Cutting a network into groups: nobody is lost, fast connections stay whole, windows are long."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliox.engine.partition import cell_of_node, partition
from tests.engine.made import network

DT = 0.025


@st.composite
def networks(draw):
    cells, stims = draw(st.integers(1, 12)), draw(st.integers(0, 4))
    unit = st.integers(0, cells + stims - 1)
    delay = st.sampled_from([0.0, 0.01, DT - 1e-9, DT, DT + 1e-9, 0.05, 0.06, 0.1, 1.0, 2.0])
    edges = draw(st.lists(st.tuples(unit, unit, delay), max_size=20))
    segments = draw(st.lists(st.integers(1, 6), min_size=cells, max_size=cells))
    return segments, edges, stims


@settings(derandomize=True, deadline=None, max_examples=300)
@given(networks(), st.sampled_from([1, 5, 20, 10_000]), st.integers(1, 4))
def test_a_partition_of_any_network(made, target, at_least):
    segments, edges, stims = made
    model = network(segments, edges, stims)
    p = partition(model, DT, target, at_least)
    cells = len(segments)
    unit = np.concatenate([p.cell, *p.artificial.values()])
    assert len(unit) == cells + stims
    assert set(unit.tolist()) == set(range(p.chunks)) or (not len(unit) and p.chunks == 1)

    driver = np.ones(cells + stims, bool)
    driver[:cells] = False
    driver[[b for _, b, _ in edges]] = False
    leading = unit >= p.chunks - p.leaders
    assert driver[leading].all()  # leaders hear of nobody
    crossing = [d for a, b, d in edges if not leading[a] and unit[a] != unit[b]]
    assert all(d >= DT * (1.0 - 1e-5) for d in crossing)
    if not crossing:
        assert p.window == 0
    else:
        assert p.window >= 1 and min(crossing) >= p.window * DT * (1.0 - 1e-5)
        assert min(crossing) < (p.window + 1) * DT * (1.0 + 1e-5)
    if target == 10_000 and at_least == 1:
        assert p.chunks == 1
    again = partition(model, DT, target, at_least)
    np.testing.assert_array_equal(p.cell, again.cell)


def test_free_cells_are_spread_evenly_and_in_order():
    model = network([3] * 40)
    for wanted in (2, 3, 8):
        p = partition(model, DT, 10_000, wanted)
        counts = np.bincount(p.cell)
        assert p.chunks == wanted and p.window == 0 and counts.max() - counts.min() <= 1
        assert (np.diff(p.cell) >= 0).all()
    assert partition(model, DT, 1, 1).chunks == 40
    nodes = np.bincount(partition(model, DT, 50, 1).cell[cell_of_node(model)])
    assert nodes.max() <= 60


def test_cells_joined_faster_than_a_step_stay_together():
    model = network([1] * 6, [(0, 3, 0.0), (3, 5, 0.02), (1, 2, DT), (4, 1, 1.0)])
    p = partition(model, DT, 1, 1)
    assert p.cell[0] == p.cell[3] == p.cell[5]
    assert len(set(p.cell[[0, 1, 2, 4]].tolist())) == 4 and p.window == 1
    assert partition(model, 0.005, 1, 1).window == 4  # 0.02 ms in steps of 0.005


def test_stimuli_lead_only_where_they_serve_several_groups():
    edges = [(4, 0, 0.0), (4, 1, 0.0), (5, 2, 0.0), (6, 4, 1.0)]  # units 4, 5, 6, 7 are stimuli
    p = partition(network([1] * 4, edges[:3], 4), DT, 1, 1)
    (stims,) = p.artificial.values()
    assert p.leaders == 1 and stims[0] == p.chunks - 1  # serves two cells
    assert stims[1] == p.cell[2]  # serves one: goes with it
    p = partition(network([1] * 4, edges, 4), DT, 1, 1)
    (stims,) = p.artificial.values()
    assert stims[0] < p.chunks - p.leaders  # has input itself: leads nobody
    assert p.cell[0] == p.cell[1] == stims[0]


@pytest.mark.parametrize("at_least", [1, 4])
def test_no_cells_at_all(at_least):
    model = network([1], [(1, 2, 0.5)], 2)
    p = partition(model, DT, 1, at_least)
    assert p.chunks >= 1 and sum(len(x) for x in p.artificial.values()) == 2
