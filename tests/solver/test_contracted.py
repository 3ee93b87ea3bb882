"""A tree solved in the order of a contraction, in plain Python, by one thread and many, to the last bit."""

import threading
from types import FunctionType

import numpy as np
import pytest

from heliox.solver import contracted
from heliox.solver.contraction import contract, solve, tables
from tests.solver.test_contraction import dense, system
from tests.solver.test_lanes import tree

NAMES = [
    "contracted_places", "contraction_table", "near_table", "lay_table", "lay_tree", "lay_right_side",
    "take_solution", "first_pivots", "contract", "expand", "receive", "contract_again", "transposed_contract",
    "transposed_expand", "solve_contracted",
]  # fmt: skip
CASES = [(1, 1.0, 0), (2, 1.0, 1), (7, 0.5, 1), (60, 0.9, 2), (90, 0.3, 3), (150, 0.97, 5), (70, 0.0, 4)]


class Solver:
    """The functions with what a generated module gives them; libm's pivots, as the reference has."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        barrier = threading.Barrier(lanes)
        warp = threading.Barrier(min(lanes, 32))
        space = {
            "U": int, "_over": lambda x, d: x / d, "_inverse": lambda d: d, "barrier": barrier.wait,
            "meet": lambda width: (barrier if width > 32 or lanes <= 32 else warp).wait(),
            "__builtins__": __builtins__,
        }  # fmt: skip
        for name in NAMES:
            space[name] = FunctionType(getattr(contracted, name).__code__, space, name)
        self.space = space

    def together(self, function, *arguments) -> None:
        """Call it with every lane, each in a thread."""
        failed = []

        def call(lane: int) -> None:
            try:
                self.space[function](*arguments, lane, self.lanes)
            except Exception as e:
                failed.append(e)
                raise

        threads = [threading.Thread(target=call, args=(k,), daemon=True) for k in range(self.lanes)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(30.0)
        assert not failed and not any(t.is_alive() for t in threads)


def laid(n, chain, seed):
    """A forest, its system, arenas that hold it in a random order of storage, and its tables."""
    parent = tree(n, seed, chain)
    parent[n // 2] = -1
    a, b, d, rhs = system(parent, seed)
    local = np.random.default_rng(seed).permutation(n)
    A, P = np.full(2 * n + 6 * (n + 1), np.nan), np.zeros(2 * n)
    for first, array, values in ((0, A, d), (n, A, rhs), (0, P, a), (n, P, b)):
        array[first + local] = values
    found = tables(contract(parent))
    place = np.empty(n, int)
    place[local] = found.place
    return parent, (a, b, d, rhs), local, A, P, np.concatenate([place, found.table]), found


@pytest.mark.parametrize(("n", "chain", "seed"), CASES)
@pytest.mark.parametrize("lanes", [1, 32, 40])
def test_threads_of_a_block_give_the_bits_of_the_reference(n, chain, seed, lanes):
    parent, system_, local, A, P, J, found = laid(n, chain, seed)
    wanted = solve(contract(parent), *system_)
    s = Solver(lanes)
    S = np.full(6 * (n + 1), np.nan)
    near = np.zeros(20 * (n + 1) + len(J), np.int16)
    for table, at in ((J, n), (near, 20 * (n + 1))):
        if table is near:
            s.together("lay_table", J, near, n, at, n, found.steps, found.tasks)
        s.together(
            "solve_contracted", A, P, J, S, table, 0, at, 0, n, found.steps, found.tasks, found.narrow,
            n, 0, 0, n,
        )  # fmt: skip
        np.testing.assert_array_equal(S[n + 1 + J[:n]][local], wanted)


@pytest.mark.parametrize(("n", "chain", "seed"), CASES)
def test_the_same_matrix_again_and_transposed(n, chain, seed):
    parent, (a, b, d, rhs), local, A, P, J, found = laid(n, chain, seed)
    s = Solver(1).space
    work, rest = 2 * n, (n, found.steps, found.tasks)
    s["lay_tree"](A, P, J, A, work, 0, n, n, 0, 0, n, 0, 1)
    s["first_pivots"](A, J, work, n, n, found.steps, 0, 1)
    s["contract"](A, J, work, n, *rest, 0, found.steps, True, 0, 1, 1)
    s["expand"](A, A, J, work, n, *rest, 0, found.steps, 0, 1, 1)
    s["take_solution"](J, A, work, 0, n, n)
    np.testing.assert_array_equal(A[n + local], solve(contract(parent), a, b, d, rhs))
    other = np.random.default_rng(seed).standard_normal(n)
    B = np.full(len(A), np.nan)
    B[n + local] = other
    s["lay_right_side"](J, B, work, 0, n, n, 0, 1)
    s["contract_again"](A, B, J, work, n, *rest)
    s["expand"](A, B, J, work, n, *rest, 0, found.steps, 0, 1, 1)
    s["take_solution"](J, B, work, 0, n, n)
    np.testing.assert_array_equal(B[n + local], solve(contract(parent), a, b, d, other))
    wanted = np.linalg.solve(dense(parent, a, b, d).T, other)
    for lanes in (1, 5, 40):  # the pivots serve any number of threads
        many, Z = Solver(lanes), B.copy()
        Z[n + local] = other
        many.together("lay_right_side", J, Z, work, 0, n, n)
        many.together("transposed_contract", A, Z, J, work, n, *rest)
        many.together("transposed_expand", A, Z, J, work, n, *rest)
        s["take_solution"](J, Z, work, 0, n, n)
        np.testing.assert_allclose(Z[n + local], wanted, rtol=1e-11, atol=1e-12)
        if lanes == 1:
            alone = Z[n + local]
        np.testing.assert_array_equal(Z[n + local], alone)
