"""The tree solved by the threads of a block, in plain Python with a thread for each lane, against Hines."""

import math
import threading
from types import FunctionType

import numpy as np
import pytest

from heliox.engine.step_tables import _near, near_words
from heliox.solver import adjoint, dhs, lanes

WARP = 32


def compiled(name: str, barrier: threading.Barrier):
    """A function of `heliox.solver.lanes` with what a generated module gives it."""
    space = {
        "U": int, "_over": lambda x, r: x * r, "_inverse": lambda d: 1.0 / d, "PAD": lanes.PAD,
        "barrier": barrier.wait,
        "meet": lambda width: barrier.wait(), "__builtins__": __builtins__,
    }  # fmt: skip
    space["near_places"] = FunctionType(lanes.near_places.__code__, space)
    return FunctionType(getattr(lanes, name).__code__, space, name)


def tree(n: int, seed: int, chain: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    parent = np.full(n, -1)
    for i in range(1, n):
        parent[i] = i - 1 if rng.random() < chain else rng.integers(0, i)
    return parent.astype(np.int32)


def hines(parent, a, b, d, rhs):
    d, x = d.copy(), rhs.copy()
    r = np.empty(len(d))
    for i in range(len(d) - 1, -1, -1):
        r[i] = 1.0 / d[i]
        if parent[i] >= 0:
            q = a[i] * r[i]
            d[parent[i]] -= q * b[i]
            x[parent[i]] -= q * x[i]
    for i in range(len(d)):
        x[i] = (x[i] - (b[i] * x[parent[i]] if parent[i] >= 0 else 0.0)) * r[i]
    return x, r


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize(
    ("n", "chain", "seed"), [(1, 1.0, 0), (7, 0.5, 1), (60, 0.9, 2), (90, 0.3, 3), (70, 0.0, 4)]
)
def test_a_warp_gives_the_bits_of_hines(n, chain, seed, kept):
    solved("sweep_warp", (), WARP, n, chain, seed, kept)


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize(("n", "chain", "seed"), [(1, 1.0, 0), (90, 0.3, 3), (70, 0.0, 4)])
def test_a_block_with_more_threads_than_a_row_has_nodes(n, chain, seed, kept):
    """All of its threads meet behind each row; so do they with fewer threads than a row has nodes."""
    for lanes_ in (40, 5):
        solved("sweep_near", (WARP,), lanes_, n, chain, seed, kept)


def solved(function, width, wide, n, chain, seed, kept):
    """The tree solved by `wide` threads, against Hines."""
    parent = tree(n, seed, chain)
    rng = np.random.default_rng(seed)
    a, b = -rng.random(n), -rng.random(n)
    d, rhs = 5.0 + rng.random(n), rng.standard_normal(n)
    wanted, r = hines(parent, a, b, d, rhs)
    local = rng.permutation(n)  # where each node is stored
    steps = dhs.schedule(parent, WARP)
    tables = _near(parent, steps, WARP, local)
    K, at = [], {}
    for name, x in tables.items():
        at[name] = sum(map(len, K))
        K.append(np.asarray(x, np.int32))
    A = np.zeros(2 * n)
    A[local], A[n + local] = rhs, r if kept else d
    P = np.zeros(2 * n)
    P[local], P[n + local] = a, b
    S, J = np.zeros(near_words(n, len(steps))), np.zeros(4 * near_words(n, len(steps)), np.int16)
    barrier = threading.Barrier(wide)
    load, sweep = compiled("load_near", barrier), compiled(function, barrier)
    names = ("PLACE", "UNDER", "BESIDE", "OVER", "BEGINS")
    K = np.concatenate(K)

    def work(lane):
        load(A, A, P, K, S, J, n, 0, n, 0, n, *(at[x] for x in names), len(steps), kept, lane, wide)
        more = (wide,) if width else ()
        sweep(S, J, n, len(steps), *width, kept, lane, *more)

    threads = [threading.Thread(target=work, args=(k,), daemon=True) for k in range(wide)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert not any(t.is_alive() for t in threads)
    found = S[n + lanes.PAD + tables["PLACE"][local]]
    assert math.isfinite(found.sum())
    assert (found == wanted).all()


@pytest.mark.parametrize("wide", [1, 3, 64])
def test_adjoints_of_transfers_in_the_order_of_one_thread(wide):
    """Several targets of a source are one thread's, whichever thread comes first."""
    rng = np.random.default_rng(wide)
    n, slots = 40, 9
    place, target = rng.integers(0, slots, n), rng.permutation(n)
    pairs = np.stack([target, place], axis=1).ravel()
    B = rng.standard_normal(n + slots)
    alone, many = B.copy(), B.copy()
    space = {"U": int, "__builtins__": __builtins__}
    take = FunctionType(adjoint.take_adjoint.__code__, space)
    take_lanes = FunctionType(adjoint.take_adjoint_lanes.__code__, space)
    take(alone, pairs, 0, n, 0, n)
    order = np.argsort(place, kind="stable")
    for lane in rng.permutation(wide):
        take_lanes(many, pairs, order, 0, n, 0, n, 0, int(lane), wide)
    np.testing.assert_array_equal(many, alone)
