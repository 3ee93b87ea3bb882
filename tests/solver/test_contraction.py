"""Rake and compress: what is independent of what, how many rounds, and the solution against dense algebra."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliox.errors import ModelError
from heliox.solver.contraction import contract, solve, steps


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
def test_each_round_is_parallel(parent):
    """Every node goes once; what goes at once are leaves, or nodes of chains that do not touch."""
    tree = {i: int(p) for i, p in enumerate(parent)}
    schedule = contract(parent)
    for r in schedule.rounds:
        assert len(r) > 0
        for nodes in (r.rake, r.compress):
            assert (np.diff(nodes) < 0).all()
        children = set(tree.values())
        for i, p in zip(r.rake.tolist(), r.rake_parent.tolist()):
            assert i not in children
            assert tree.pop(i) == p
        together = set(r.compress.tolist())
        for i, p, c in zip(r.compress.tolist(), r.compress_parent.tolist(), r.compress_child.tolist()):
            assert [k for k, up in tree.items() if up == i] == [c]
            assert tree[i] == p and p >= 0 and not {p, c} & together
        for i, p, c in zip(r.compress.tolist(), r.compress_parent.tolist(), r.compress_child.tolist()):
            del tree[i]
            tree[c] = p
    assert sorted(tree) == schedule.roots.tolist() and set(tree.values()) <= {-1}
    assert len(schedule.rounds) <= 1.5 * np.log2(len(parent)) + 1


@settings(derandomize=True, deadline=None, max_examples=60)
@given(forests(200))
def test_children_are_never_left_behind_a_rake(parent):
    """A raked node goes after everything below it; a compressed one before its child."""
    schedule = contract(parent)
    at = steps(schedule)
    for r in schedule.rounds:
        assert (at[r.rake] < at[r.rake_parent]).all()
        assert (at[r.compress] < at[r.compress_parent]).all()
        assert (at[r.compress] < at[r.compress_child]).all()
    assert (at[schedule.roots] == 2 * len(schedule.rounds)).all()


@pytest.mark.parametrize(
    ("parent", "most"),
    [
        (np.arange(-1, 9_999), 14),  # a chain: log2(10,000) = 13.3
        (np.maximum(np.arange(10_000) - 2, -1), 13),  # two chains
        (np.where(np.arange(10_000) == 0, -1, 0), 1),  # a star
        ((np.arange(1, 10_001) // 2) - 1, 13),  # a complete binary tree
        (np.full(10_000, -1), 0),  # roots only
        (np.where(np.arange(10_000) % 10 == 0, -1, np.arange(-1, 9_999)), 4),  # a thousand short cables
        (np.where(np.arange(10_000) % 2, np.arange(-1, 9_999), np.arange(-2, 9_998)), 14),  # a comb
        (np.zeros(0, int), 0),
    ],
    ids=["chain", "two chains", "star", "binary", "roots", "cables", "comb", "nothing"],
)
def test_depth_is_logarithmic(parent, most):
    parent = np.maximum(parent, -1).astype(np.int32)
    schedule = contract(parent)
    assert len(schedule.rounds) <= most
    if len(parent):
        a, b, d, rhs = system(parent, 1)
        assert residual(parent, a, b, d, rhs, solve(schedule, a, b, d, rhs)) < 1e-11


def test_a_chain_of_five_by_hand():
    """Nodes 0-4: 4 is a leaf; of the chain 1, 2 above 3, which is the new leaf, the first goes."""
    first, second, last = contract(np.array([-1, 0, 1, 2, 3])).rounds
    assert first.rake.tolist() == [4] and first.rake_parent.tolist() == [3]
    assert (first.compress.tolist(), first.compress_parent.tolist(), first.compress_child.tolist()) == (
        [1], [0], [2],
    )  # fmt: skip
    assert second.rake.tolist() == [3] and second.rake_parent.tolist() == [2]
    assert last.rake.tolist() == [2] and last.rake_parent.tolist() == [0]


def test_what_is_no_forest():
    with pytest.raises(ModelError, match="parent of node 1 is 2"):
        contract(np.array([-1, 2, 0]))
    with pytest.raises(ModelError, match="parent of node 0 is -2"):
        contract(np.array([-2]))
