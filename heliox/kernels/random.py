"""NEURON's random streams: Random123's Philox4x32-10 with the state in doubles.

A stream is named by three 32-bit identifiers and a process-wide key (NEURON's global index); its position is
one number ``seq`` = 4 * counter + word, as NEURON's ``set_seq`` and ``get_seq`` use it. All five are whole
numbers below 2^34 and are held exactly in float64, like every other state variable of a mechanism. Each
function takes the stream and returns ``(value, new_seq)``: nothing is stored, so a draw can be repeated on
any device.

A block of four words is computed anew for each draw: ten rounds of two multiplications are cheap, and no
hidden buffer has to be kept. After 2^34 draws a stream starts anew (NEURON's would carry into ``id3``).

``log`` and ``sqrt`` come from the arithmetic that :func:`build` is given.
"""

from __future__ import annotations

from math import log, sqrt

import numpy as np

from heliox.kernels import arithmetic

# Philox4x32's multipliers and the steps of its keys, from Salmon et al., SC 2011. Everything is uint64: Numba
# makes a float64 of a sum of int64 and uint64.
PHILOX_M0 = np.uint64(0xD2511F53)
PHILOX_M1 = np.uint64(0xCD9E8D57)
PHILOX_W0 = np.uint64(0x9E3779B9)
PHILOX_W1 = np.uint64(0xBB67AE85)
LOW_32 = np.uint64(0xFFFFFFFF)
BITS_32 = np.uint64(32)
BITS_2 = np.uint64(2)
LOW_2 = np.uint64(3)
ZERO = np.uint64(0)
ONE_64 = np.uint64(1)
TWO_64 = np.uint64(2)

SHIFT_32 = 1.0 / 4294967297.0
SEQ_END = 17179869184.0  # 2^34


def philox_word(c0, c1, c2, c3, k0, k1, which):
    """Return word `which` (0 to 3) of the Philox4x32-10 block of a 128-bit counter and a 64-bit key; all
    uint64."""
    for _ in range(10):
        p0 = PHILOX_M0 * c0
        p1 = PHILOX_M1 * c2
        c0 = (p1 >> BITS_32) ^ c1 ^ k0
        c1 = p1 & LOW_32
        c2 = (p0 >> BITS_32) ^ c3 ^ k1
        c3 = p0 & LOW_32
        k0 = (k0 + PHILOX_W0) & LOW_32
        k1 = (k1 + PHILOX_W1) & LOW_32
    low = c0 if which == ZERO else c1
    high = c2 if which == TWO_64 else c3
    return low if which <= ONE_64 else high


def random_ipick(id1, id2, id3, seq, key):
    """Draw a 32-bit word.

    Parameters
    ----------
    id1, id2, id3 : float
        Names of the stream, whole numbers in [0, 2^32).
    seq : float
        Position in the stream, a whole number in [0, 2^34).
    key : float
        NEURON's global index, a whole number in [0, 2^32).

    Returns
    -------
    word : float
        The word, exactly.
    seq : float
        The position after the draw.
    """
    position = np.uint64(seq)
    c0, c1, c2, c3 = position >> BITS_2, np.uint64(id3), np.uint64(id1), np.uint64(id2)
    word = philox_word(c0, c1, c2, c3, np.uint64(key), ZERO, position & LOW_2)
    following = seq + 1.0
    return float(word), 0.0 if following >= SEQ_END else following


def random_uniform(id1, id2, id3, seq, key):
    """Draw from the open interval (0, 1): (word + 1) / (2^32 + 1), in NEURON's order of operations."""
    word, seq = random_ipick(id1, id2, id3, seq, key)
    return (word + 1.0) * SHIFT_32, seq


def random_negexp(id1, id2, id3, seq, key, mean):
    """Draw from the exponential distribution with this mean: -log(uniform) * mean."""
    u, seq = random_uniform(id1, id2, id3, seq, key)
    return -log(u) * mean, seq


def random_normal(id1, id2, id3, seq, key, mean, std):
    """Draw from the normal distribution by the polar method; the pair's second value is thrown away, as in
    NEURON."""
    w = 2.0
    u1 = 0.0
    while w > 1.0:
        u1, seq = random_uniform(id1, id2, id3, seq, key)
        u2, seq = random_uniform(id1, id2, id3, seq, key)
        u1 = 2.0 * u1 - 1.0
        u2 = 2.0 * u2 - 1.0
        w = u1 * u1 + u2 * u2
    return mean + (u1 * sqrt(-2.0 * log(w) / w)) * std, seq


FUNCTIONS = ("random_ipick", "random_uniform", "random_negexp", "random_normal")


def build(functions, wrap):
    """Add the random functions to a target's arithmetic, which supplies ``log`` and ``sqrt``.

    Parameters
    ----------
    functions : dict
        What :func:`heliox.kernels.arithmetic.build` returned, or the C library's functions. It is changed.
    wrap : callable
        The target's compiler.

    Returns
    -------
    dict
        `functions`.
    """
    own = {key: value for key, value in globals().items() if key != "build"}
    namespace = {"log": functions["log"], "sqrt": functions["sqrt"], "np": np}
    arithmetic.rebind(own, namespace, wrap)
    functions.update({key: namespace[key] for key in FUNCTIONS})
    return functions
