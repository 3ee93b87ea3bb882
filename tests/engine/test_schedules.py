"""Every schedule of the elimination visits children before parents, and all give the same bits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliox.engine.storage import stretches
from heliox.solver import tree
from heliox.solver.dhs import level_order, levels, schedule


@st.composite
def forests(draw, most=40):
    """Parents with parent[i] < i, -1 for roots."""
    n = draw(st.integers(1, most))
    return np.array([draw(st.integers(-1, i - 1)) for i in range(n)], np.int32)


def slow_levels(parent):
    out: list[int] = []
    for p in parent:
        out.append(0 if p < 0 else out[p] + 1)
    return np.array(out)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(forests(), st.sampled_from([1, 2, 3, 8, 1000]))
def test_children_come_before_parents(parent, lanes):
    steps = schedule(parent, lanes)
    flat = np.concatenate(steps)
    assert sorted(flat.tolist()) == list(range(len(parent)))
    when = np.empty(len(parent), int)
    for k, nodes in enumerate(steps):
        assert 1 <= len(nodes) <= lanes
        when[nodes] = k
    inner = parent >= 0
    assert (when[np.flatnonzero(inner)] < when[parent[inner]]).all()
    depth = int(slow_levels(parent).max()) + 1
    assert len(steps) >= max(depth, -(-len(parent) // lanes))
    if lanes >= len(parent):
        assert len(steps) == depth  # no more steps than the deepest branch has nodes


@settings(derandomize=True, deadline=None, max_examples=150)
@given(forests())
def test_levels_and_storage_order(parent):
    np.testing.assert_array_equal(levels(parent), slow_levels(parent))
    order = level_order(parent)
    assert sorted(order.tolist()) == list(range(len(parent)))
    place = np.argsort(order)
    for i, p in enumerate(parent):
        assert p < 0 or place[p] < place[i]
    depth = slow_levels(parent)[order]
    assert (np.diff(depth) >= 0).all()
    assert all(np.diff(order)[np.diff(depth) == 0] > 0)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(forests())
def test_one_lane_is_hines_order(parent):
    """In level order, one lane goes from the last node to the first."""
    order = level_order(parent)
    place = np.argsort(order)
    stored = np.array([-1 if parent[i] < 0 else place[parent[i]] for i in order], np.int32)
    one = np.concatenate(schedule(stored, 1))
    np.testing.assert_array_equal(one, np.arange(len(parent))[::-1])


def solve_scheduled(parent, a, b, d, rhs, lanes):
    """The cable equation by any schedule: a node gathers its children in descending order."""
    d, rhs, children = (
        d.copy(),
        rhs.copy(),
        {i: np.flatnonzero(parent == i)[::-1] for i in range(len(parent))},
    )
    steps = schedule(parent, lanes)
    for nodes in steps:
        for i in nodes:
            for c in children[i]:
                q = a[c] / d[c]
                d[i] -= q * b[c]
                rhs[i] -= q * rhs[c]
    for nodes in reversed(steps):
        for i in nodes:
            up = rhs[parent[i]] if parent[i] >= 0 else 0.0
            rhs[i] = (rhs[i] - b[i] * up) / d[i] if parent[i] >= 0 else rhs[i] / d[i]
    return d, rhs


@settings(derandomize=True, deadline=None, max_examples=60)
@given(forests(25), st.integers(0, 2**32 - 1))
def test_every_schedule_gives_the_bits_of_the_sweep(parent, seed):
    """And the sweep in storage order gives those of a sweep in NEURON's order."""
    rng = np.random.default_rng(seed)
    n = len(parent)
    a, b = -rng.random(n), -rng.random(n)
    a[parent < 0] = b[parent < 0] = 0.0
    d, rhs = 1.0 + rng.random(n), rng.standard_normal(n)
    for i in range(n):
        d[i] -= b[i]
        if parent[i] >= 0:
            d[parent[i]] -= a[i]
    results = [solve_scheduled(parent, a, b, d, rhs, lanes) for lanes in (1, 2, 7, n)]
    order = level_order(parent)
    place = np.argsort(order)
    stored = np.array([-1 if parent[i] < 0 else place[parent[i]] for i in order])
    tree.U = int  # type: ignore[attr-defined]
    tree._inverse, tree._over = (lambda d: d), (lambda x, d: x / d)  # type: ignore[attr-defined]
    try:
        for least in (1, 2, n + 1):
            A, P = np.concatenate([d[order], rhs[order]]), np.concatenate([a[order], b[order]])
            rows = stretches(np.arange(n), stored, 0 * stored, least)
            I = np.concatenate([np.arange(n), stored, rows.ravel()])  # noqa: E741
            tree.eliminate(A, P, I, n, 0, 0, n, 0, n, 2 * n, len(rows), False, False)
            tree.substitute(A, P, I, n, 0, n, 0, n, 2 * n, len(rows), False, False)
            results.append((A[:n][place], A[n:][place]))
    finally:
        del tree.U, tree._inverse, tree._over  # type: ignore[attr-defined]
    for dd, xx in results:
        np.testing.assert_array_equal(dd, results[0][0])
        np.testing.assert_array_equal(xx, results[0][1])


@settings(derandomize=True, deadline=None, max_examples=40)
@given(forests(15), st.integers(0, 2**32 - 1))
def test_the_solution_solves_the_equations(parent, seed):
    rng = np.random.default_rng(seed)
    n = len(parent)
    a, b = -rng.random(n), -rng.random(n)
    d, rhs = 3.0 + 10 * rng.random(n), rng.standard_normal(n)
    matrix = np.diag(d)
    for i, p in enumerate(parent):
        if p >= 0:
            matrix[p, i], matrix[i, p] = a[i], b[i]
        else:
            a[i] = b[i] = 0.0
    if np.linalg.cond(matrix) < 1e6:
        _, x = solve_scheduled(parent, a, b, d, rhs, 3)
        np.testing.assert_allclose(matrix @ x, rhs, atol=1e-9)


def test_lanes_must_be_positive():
    with pytest.raises(ValueError, match="at least 1"):
        schedule(np.array([-1, 0]), 0)
