"""NEURON's Random123 streams: against Philox written out here, and against a live NEURON."""

import math

import numpy as np
import pytest
from numba import njit

from heliox.kernels import random
from heliox.kernels.primitives import FAST, LIBM

MASK = 0xFFFFFFFF


def philox(counter, key):
    """Philox4x32-10 in plain integers."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & MASK, (p0 >> 32) ^ c3 ^ k1, p0 & MASK
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return c0, c1, c2, c3


class Stream:
    """One stream in plain Python, draw after draw."""

    def __init__(self, id1, id2, id3, seq=0, key=0):
        self.ids, self.seq, self.key = (id1, id2, id3), seq, key

    def ipick(self):
        id1, id2, id3 = self.ids
        word = philox((self.seq >> 2, id3, id1, id2), (self.key, 0))[self.seq & 3]
        self.seq = (self.seq + 1) % 2**34
        return word

    def uniform(self):
        return (self.ipick() + 1.0) * (1.0 / 4294967297.0)

    def negexp(self, mean):
        return -math.log(self.uniform()) * mean

    def normal(self, mean, std):
        while True:
            u1 = 2.0 * self.uniform() - 1.0
            u2 = 2.0 * self.uniform() - 1.0
            w = u1 * u1 + u2 * u2
            if w <= 1.0:
                return mean + (u1 * math.sqrt(-2.0 * math.log(w) / w)) * std


def draw(function, ids, n, *parameters, seq=0.0, key=0.0):
    """Draw n values; return them and the last position."""
    values = []
    for _ in range(n):
        value, seq = function(*ids, seq, key, *parameters)
        values.append(value)
    return values, seq


def test_known_answers():
    """Philox4x32-10 of the all-zero and the all-one block, as published with Random123."""
    assert philox((0, 0, 0, 0), (0, 0)) == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)
    assert philox((MASK,) * 4, (MASK,) * 2) == (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)


@pytest.mark.parametrize("ids", [(7.0, 8.0, 9.0), (0.0, 0.0, 0.0), (4294967295.0, 1.0, 4294967295.0)])
@pytest.mark.parametrize("seq, key", [(0.0, 0.0), (5.0, 3.0), (17179869180.0, 4294967295.0)])
def test_words(ids, seq, key):
    id1, id2, id3 = map(int, ids)
    stream = Stream(id1, id2, id3, seq=int(seq), key=int(key))
    want = [float(stream.ipick()) for _ in range(40)]
    got, end = draw(LIBM.random_ipick, ids, 40, seq=seq, key=key)
    assert got == want and end == stream.seq
    assert draw(FAST.random_ipick, ids, 40, seq=seq, key=key) == (got, end)
    assert draw(random.random_ipick, ids, 40, seq=seq, key=key) == (got, end)  # plain Python


@pytest.mark.parametrize("name, parameters", [("uniform", ()), ("negexp", (3.7,)), ("normal", (1.3, 0.7))])
def test_distributions(name, parameters):
    ids = (11.0, 12.0, 13.0)
    stream = Stream(11, 12, 13)
    want = [getattr(stream, name)(*parameters) for _ in range(500)]
    got, end = draw(getattr(LIBM, f"random_{name}"), ids, 500, *parameters)
    assert got == want and end == stream.seq
    fast, fast_end = draw(getattr(FAST, f"random_{name}"), ids, 500, *parameters)
    np.testing.assert_allclose(fast, want, rtol=1e-15, atol=1e-15)
    assert fast_end == end


def test_inside_compiled_loops():
    @njit(error_model="numpy")
    def fill(out):
        seq = 2.0
        for j in range(out.size):
            out[j], seq = LIBM.random_negexp(1.0, 2.0, 3.0, seq, 0.0, 10.0)
        return seq

    out = np.empty(100)
    stream = Stream(1, 2, 3, seq=2)
    assert fill(out) == 102.0
    assert out.tolist() == [stream.negexp(10.0) for _ in range(100)]


@pytest.fixture
def h():
    return pytest.importorskip("neuron").h


@pytest.mark.parametrize(
    "name, neuron_parameters, parameters",
    [("uniform", (0, 1), ()), ("negexp", (1,), (1.0,)), ("normal", (0, 1), (0.0, 1.0))],
)
def test_live_neuron(h, name, neuron_parameters, parameters):
    r = h.Random()
    r.Random123(7, 8, 9)
    # no repick: it would return the normal pair's second value, which mod files throw away
    want = [getattr(r, name)(*neuron_parameters) for _ in range(300)]
    got, end = draw(getattr(LIBM, f"random_{name}"), (7.0, 8.0, 9.0), 300, *parameters)
    assert got == want and end == r.seq()


def test_live_neuron_global_index(h):
    r = h.Random()
    before = r.Random123_globalindex()
    try:
        r.Random123_globalindex(41)
        r.Random123(7, 8, 9)
        r.uniform(0, 1)
        want = [r.repick() for _ in range(10)]
    finally:
        r.Random123_globalindex(before)
    assert draw(LIBM.random_uniform, (7.0, 8.0, 9.0), 10, seq=1.0, key=41.0)[0] == want


def test_live_netstim(h):
    h.load_file("stdrun.hoc")
    section = h.Section()
    source = h.NetStim()
    source.noiseFromRandom123(7, 8, 9)
    source.noise, source.interval, source.number, source.start = 1, 3.7, 20, 1
    times = h.Vector()
    connection = h.NetCon(source, None)
    connection.record(times)
    h.finitialize(-65)
    h.continuerun(120)
    intervals, _ = draw(LIBM.random_negexp, (7.0, 8.0, 9.0), 21, 1.0)
    t = max(1 + (0.0 * 3.7 + 1.0 * 3.7 * intervals[0]) - 3.7 * (1.0 - 1.0), 0.0)
    want = []
    for interval in intervals[1:]:
        want.append(t)
        t = t + ((1.0 - 1.0) * 3.7 + 1.0 * 3.7 * interval)
    assert times.to_python() == [v for v in want if v <= 120]
    del section
