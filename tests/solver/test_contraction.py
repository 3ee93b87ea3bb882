"""Rake and compress: what is independent of what, how many rounds, and the solution against dense algebra."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliox.errors import ModelError
from heliox.solver.contraction import contract, solve, steps_of, tables


@st.composite
def forests(draw, most=60):
    """Parents with parent[i] < i, -1 for roots; `reach` 1 makes chains, a large one bushes."""
    n, reach = draw(st.integers(1, most)), draw(st.sampled_from([1, 2, 5, 100]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    low = np.maximum(np.arange(n) - reach, 0 if draw(st.booleans()) else -1)
    parent = np.array([rng.integers(k, i) if i else -1 for i, k in enumerate(low)], np.int32)
    parent[rng.random(n) < draw(st.sampled_from([0.0, 0.1]))] = -1
    return parent


def system(parent, seed):
    """A cable's matrix: negative couplings, diagonally dominant, not symmetric."""
    rng = np.random.default_rng(seed)
    n = len(parent)
    a, b = -rng.uniform(0.5, 2.0, n), -rng.uniform(0.5, 2.0, n)
    inner = parent >= 0
    d = rng.uniform(0.1, 1.0, n) - np.where(inner, b, 0.0)
    np.subtract.at(d, parent[inner], a[inner])
    return a, b, d, rng.standard_normal(n)


def dense(parent, a, b, d):
    matrix = np.diag(d)
    i = np.flatnonzero(parent >= 0)
    matrix[parent[i], i], matrix[i, parent[i]] = a[i], b[i]
    return matrix


def residual(parent, a, b, d, rhs, x):
    """Largest component of rhs - M x, without forming M."""
    i = np.flatnonzero(parent >= 0)
    left = rhs - d * x
    left[i] -= b[i] * x[parent[i]]
    np.subtract.at(left, parent[i], a[i] * x[i])
    return np.abs(left).max()


@settings(derandomize=True, deadline=None, max_examples=200)
@given(forests(), st.integers(0, 2**32 - 1))
def test_solution_against_dense(parent, seed):
    a, b, d, rhs = system(parent, seed)
    before = [x.copy() for x in (a, b, d, rhs)]
    x = solve(contract(parent), a, b, d, rhs)
    np.testing.assert_allclose(x, np.linalg.solve(dense(parent, a, b, d), rhs), rtol=1e-11, atol=1e-12)
    for now, then in zip((a, b, d, rhs), before):
        np.testing.assert_array_equal(now, then)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(forests(200))
def test_each_step_is_parallel(parent):
    """Every node goes once; what goes at once are leaves and nodes of chains, no two of them neighbours."""
    tree = {i: int(p) for i, p in enumerate(parent)}
    schedule = contract(parent)
    for step in schedule.steps:
        assert len(step) > 0 and (np.diff(step.nodes) < 0).all()
        together = set(step.nodes.tolist())
        rows = list(zip(step.nodes.tolist(), step.parent.tolist(), step.child.tolist(), strict=True))
        for i, p, c in rows:
            assert [k for k, up in tree.items() if up == i] == ([c] if c >= 0 else [])
            assert tree[i] == p and not {p, c} & together
            assert c < 0 or p >= 0
        for i, p, c in rows:
            del tree[i]
            if c >= 0:
                tree[c] = p
    assert not tree
    assert len(schedule.steps) <= 2.0 * np.log2(len(parent)) + 2


@settings(derandomize=True, deadline=None, max_examples=60)
@given(forests(60), forests(60))
def test_a_tree_does_not_notice_its_company(one, other):
    alone, shift = contract(one), len(one)
    both = contract(np.concatenate([one, np.where(other >= 0, other + shift, -1)]))
    for k, step in enumerate(alone.steps):
        mine = both.steps[k].nodes < shift
        for name in ("nodes", "parent", "child"):
            np.testing.assert_array_equal(getattr(both.steps[k], name)[mine], getattr(step, name))
    assert (steps_of(both)[:shift] == steps_of(alone)).all()


@pytest.mark.parametrize(
    ("parent", "most"),
    [
        (np.arange(-1, 9_999), 15),  # a chain: log2(10,000) = 13.3
        (np.maximum(np.arange(10_000) - 2, -1), 14),  # two chains
        (np.where(np.arange(10_000) == 0, -1, 0), 2),  # a star
        ((np.arange(1, 10_001) // 2) - 1, 14),  # a complete binary tree
        (np.full(10_000, -1), 1),  # roots only
        (np.where(np.arange(10_000) % 10 == 0, -1, np.arange(-1, 9_999)), 5),  # a thousand short cables
        (np.where(np.arange(10_000) % 2, np.arange(-1, 9_999), np.arange(-2, 9_998)), 15),  # a comb
        (np.zeros(0, int), 0),
    ],
    ids=["chain", "two chains", "star", "binary", "roots", "cables", "comb", "nothing"],
)
def test_depth_is_logarithmic(parent, most):
    parent = np.maximum(parent, -1).astype(np.int32)
    schedule = contract(parent)
    assert len(schedule.steps) <= most
    if len(parent):
        a, b, d, rhs = system(parent, 1)
        assert residual(parent, a, b, d, rhs, solve(schedule, a, b, d, rhs)) < 1e-11


def test_a_chain_of_six_by_hand():
    """Nodes 0-5: 5 is a leaf, which its parent 4 awaits; of the chain 1, 2, 3 the first and the third go."""
    first, second, third, last = contract(np.array([-1, 0, 1, 2, 3, 4])).steps
    assert (first.nodes.tolist(), first.parent.tolist(), first.child.tolist()) == (
        [5, 3, 1], [4, 2, 0], [-1, 4, 2],
    )  # fmt: skip
    assert (second.nodes.tolist(), second.parent.tolist(), second.child.tolist()) == ([4], [2], [-1])
    assert (third.nodes.tolist(), third.parent.tolist()) == ([2], [0])
    assert (last.nodes.tolist(), last.parent.tolist()) == ([0], [-1])


def test_tables_by_hand():
    """Root 0 with children 1 and 2 (a leaf); 1 with the leaves 3 and 4."""
    found = tables(contract(np.array([-1, 0, 0, 1, 1])))
    order = [4, 3, 2, 1, 0]
    np.testing.assert_array_equal(found.place[order], np.arange(5))
    begins, starts, nodes, tasks = np.split(found.table, [4, 8, 8 + 18])
    assert begins.tolist() == [0, 3, 4, 5] and starts.tolist() == [0, 2, 3, 3]
    up, down, beside = nodes.reshape(3, 6).tolist()
    assert up == [3, 3, 4, 4, 5, 5] and down == [5] * 6
    assert beside == [1, 5, 5, 5, 5, 5]  # of 1's children, 4 first, then 3
    target, kid, above = tasks.reshape(3, 3).tolist()
    assert target == [2 * 3 + 1, 2 * 4, 2 * 4 + 1] and kid == [0, 2, 3] and above == [5] * 3
    assert (found.steps, found.tasks, found.narrow) == (3, 3, 0)


def test_what_is_no_forest():
    with pytest.raises(ModelError, match="parent of node 1 is 2"):
        contract(np.array([-1, 2, 0]))
    with pytest.raises(ModelError, match="parent of node 0 is -2"):
        contract(np.array([-2]))
