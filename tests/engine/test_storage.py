"""Order of nodes in a chunk, and the stretches that cover it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliox.engine import layout
from heliox.engine.partition import cell_of_node
from heliox.engine.storage import LEAST_ABREAST, _equipment, orders, stretches, sweeps
from heliox.simulation import Simulation
from heliox.solver.tree import ABREAST, BORDER, MOVING, ROOTS
from tests.engine.made import network


def everywhere(n, what=True):
    return np.full(n, what)


def in_storage(model):
    """Nodes as a sweep visits them; where each of these is stored, and its parent (-1: none)."""
    n = len(model.nodes)
    sweep, storage, stays = orders(model, np.zeros(n, int), everywhere(n))
    assert (stays == MOVING).all()
    assert np.array_equal(np.sort(storage), np.arange(len(storage)))
    stored = np.argsort(storage)
    parent = model.nodes.parent[sweep]
    return sweep, stored[sweep], np.where(parent >= 0, stored[parent], -1)


def check_cover(place, parent, rows, least):
    assert np.array_equal(np.concatenate([np.arange(a, a + n) for a, n, *_ in rows]), np.arange(len(parent)))
    for first, n, kind, _ in rows:
        mine, nodes = parent[first : first + n], place[first : first + n]
        assert (kind == ROOTS) == (mine < 0).all() and (mine < 0).all() == (mine < 0).any()
        if kind == ABREAST:
            assert n >= least
            assert np.array_equal(mine, mine[0] + np.arange(n))
            assert np.array_equal(nodes, nodes[0] + np.arange(n))
            assert not set(nodes) & set(mine)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=12), st.integers(1, 5))
def test_parents_come_first_and_children_ascend(sizes, least):
    """Cells of these numbers of segments; some are equal, some alone."""
    model = network(sizes)
    sweep, place, parent = in_storage(model)
    visited = np.argsort(place)  # when each place is visited
    assert (visited[parent[parent >= 0]] < np.flatnonzero(parent >= 0)).all()
    for p in np.unique(parent[parent >= 0]):
        assert (np.diff(sweep[parent == p]) > 0).all()
    check_cover(place, parent, stretches(place, parent, 0 * parent, least), least)


def test_equal_cells_lie_abreast():
    model = network([5] * 20 + [3])
    _, place, parent = in_storage(model)
    rows = stretches(place, parent, 0 * parent)
    abreast = rows[rows[:, 2] == ABREAST]
    nodes_of_each = np.bincount(cell_of_node(model))[0]
    assert (abreast[:, 1] == 20).all()
    assert len(abreast) == nodes_of_each - 1
    check_cover(place, parent, rows, 16)


def test_nodes_with_the_same_mechanisms_lie_together():
    model = network([7])
    assert len({m.name for m in model.mechanisms if m.kind == "density"}) > 1
    _, storage, _ = orders(model, np.zeros(len(model.nodes), int), everywhere(len(model.nodes)))
    made = _equipment(model)[storage]
    assert np.count_nonzero(np.diff(made)) == len(np.unique(made)) - 1


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=12), st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_the_matrix_moves_above_what_changes(sizes, seed, least):
    """In cells that lie abreast wherever it does in one of them."""
    model = network(sizes)
    n, parent, cell = len(model.nodes), model.nodes.parent, cell_of_node(model)
    rng = np.random.default_rng(seed)
    changes = rng.random(n) < rng.choice([0.0, 0.05, 0.3])
    sweep, storage, stays = orders(model, np.zeros(n, int), changes)
    for i in range(n):
        if parent[i] >= 0:
            assert stays[i] != MOVING or stays[parent[i]] == MOVING
            assert (stays[i] == BORDER) == (stays[i] != MOVING and stays[parent[i]] == MOVING)
    assert not (changes & (stays != MOVING)).any()
    alike = [sizes.index(s) for s in sizes]
    expected = changes.copy()
    for k in set(alike):  # cells of one size are of one shape
        mine = [np.flatnonzero(cell == c) for c in range(len(sizes)) if alike[c] == k]
        assert len({len(m) for m in mine}) == 1
        assert len({stays[m].tobytes() for m in mine}) == 1
        expected[np.concatenate(mine)] = np.tile(np.any([changes[m] for m in mine], axis=0), len(mine))
    for i in np.argsort(-np.arange(n)):
        if expected[i] and parent[i] >= 0:
            expected[parent[i]] = True
    assert ((stays == MOVING) == expected).all()
    place, up = np.argsort(storage)[sweep], parent[sweep]
    up = np.where(up >= 0, np.argsort(storage)[up], -1)
    rows = stretches(place, up, stays[sweep], least)
    check_cover(place, up, rows, least)
    for first, m, _, what in rows:
        assert (stays[sweep][first : first + m] == what).all()
    rows, runs, count = sweeps(place, up, stays[sweep])
    check_cover(place, up, rows, LEAST_ABREAST)
    if count >= 0:
        assert count == len(runs)
        runs_of = np.concatenate([np.empty(0, int), *(np.arange(a, a + m) for a, m in runs)])
        assert np.array_equal(runs_of, np.flatnonzero(stays[storage] == MOVING))
    else:
        assert (rows[:, 3] == MOVING).all()


def test_an_empty_chunk_has_no_stretches():
    nothing = np.empty(0, int)
    assert stretches(nothing, nothing, nothing).shape == (0, 4)


@pytest.mark.parametrize("math", ["fast", "libm"])
def test_interleaving_does_not_show(monkeypatch, math):
    """20 equal cells and others, each alone in its chunk or all in one: the same bits."""
    model = network([4] * 20 + [3, 2], [(k, k + 1, 1.0 + 0.01 * k) for k in range(21)] + [(22, 0, 0.5)], 1)
    model = replace(model, connections=replace(model.connections, weights=model.connections.weights * 40))
    found = []
    for nodes in (1, 10**6):
        monkeypatch.setattr(layout, "CHUNK_NODES", nodes)
        sim = Simulation(model, math=math, threads=1, progress=False)
        v = sim.record("v")
        sim.run(20.0)
        found.append(v.values)
    assert np.ptp(found[0]) > 1.0
    assert np.array_equal(*found)
