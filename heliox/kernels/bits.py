"""Bit patterns, signs and rounding: what the elementary functions are made of.

The five primitives here are reference versions in plain Python. A build (see
:mod:`heliox.kernels.arithmetic`) puts the target's in their place.
"""

from __future__ import annotations

import math
import struct
from fractions import Fraction

NAN = math.nan
SIGN_BIT = -0x8000000000000000
ABS_MASK = 0x7FFFFFFFFFFFFFFF


def fma(a, b, c):
    """Return a * b + c rounded once (reference version, exact rational arithmetic)."""
    if math.isfinite(a) and math.isfinite(b) and math.isfinite(c):
        exact = Fraction(a) * Fraction(b) + Fraction(c)
        if exact == 0:
            return a * b + c  # the sign of zero as the hardware makes it
        try:
            return float(exact)
        except OverflowError:
            return math.copysign(math.inf, exact)
    return a * b + c


def float_as_int(x):
    """Return the bit pattern of a double as a signed 64-bit integer (reference version)."""
    return struct.unpack("<q", struct.pack("<d", x))[0]


def int_as_float(i):
    """Return the double with the bit pattern `i` (reference version, takes the low 64 bits)."""
    return struct.unpack("<d", struct.pack("<Q", i & 0xFFFFFFFFFFFFFFFF))[0]


def sqrt(x):
    """Return the correctly rounded square root, NaN below zero (reference version)."""
    return math.sqrt(x) if x >= 0.0 else math.nan


def floor(x):
    """Return the largest whole double not above `x` (reference version)."""
    return math.copysign(float(math.floor(x)), x) if math.isfinite(x) else x


def fabs(x):
    """Return |x|, exact."""
    return int_as_float(float_as_int(x) & ABS_MASK)


def ceil(x):
    """Return the smallest whole double not below `x`, exact."""
    return -floor(-x)


def _with_sign_of(y, x):
    """Return `y`, its sign flipped where `x` is negative or -0."""
    return int_as_float(float_as_int(y) ^ (float_as_int(x) & SIGN_BIT))


def fmod(x, y):
    """Return the remainder of x / y with the sign of `x`, exact while |x / y| < 2^53, NaN beyond.

    One division finds the quotient, at most one too large; the remainder itself is representable, hence one
    fma gives it without error.
    """
    a = fabs(x)
    b = fabs(y)
    quotient = floor(a / b)
    rest = fma(-quotient, b, a)
    rest = rest + b if rest < 0.0 else rest
    rest = rest if quotient < 9007199254740992.0 else NAN
    rest = a if a < b else rest
    return _with_sign_of(rest, x)
