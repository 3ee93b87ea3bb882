"""The circular functions and their inverses, as :mod:`heliox.kernels.arithmetic` describes them."""

from __future__ import annotations

import math

from heliox.kernels.bits import _with_sign_of, fabs, float_as_int, fma, int_as_float, sqrt

INF = math.inf
NAN = math.nan
NEGLIGIBLE = 5.5e-17  # below 2^-54: odd functions equal their argument

# Adding this number rounds a double of modest size to an integer and leaves it in the low bits of the sum.
ROUNDER = 6755399441055744.0  # 1.5 * 2^52

PI = 3.141592653589793
PI_REST = 1.2246467991473532e-16
HALF_PI = 1.5707963267948966  # pi/2 = HALF_PI + HALF_PI_2 + HALF_PI_3, 161 bits
HALF_PI_2 = 6.123233995736766e-17
HALF_PI_3 = -1.4973849048591698e-33
QUARTER_PI = 0.7853981633974483
QUARTER_PI_REST = 3.061616997868383e-17
TWO_OVER_PI = 0.6366197723675814

# ----------------------------------------------------------------------------------------- circular functions


def _reduce(x):
    """Return (n, r, rest) with x = n pi/2 + r + rest, |r| <= pi/4: Cody and Waite's reduction with a
    161-bit pi/2.

    n is a bit pattern of which the lowest two bits count. The first fma is exact because its result is a
    multiple of 2^-52 or of the last bit of x; the second product is split exactly; so the sum is good to some
    2^-100 for |x| <= 2^30, nearest multiples of pi/2 included. Beyond 2^30 (1.07e9) the argument becomes
    NaN, rather than silently wrong.
    """
    x = NAN if fabs(x) > 1073741824.0 else x
    rounded = fma(x, TWO_OVER_PI, ROUNDER)
    k = rounded - ROUNDER
    h = fma(-k, HALF_PI, x)
    p = k * HALF_PI_2
    r = h - p
    rest = ((h - r) - p) - fma(k, HALF_PI_3, fma(k, HALF_PI_2, -p))
    return float_as_int(rounded), r, rest


def _sin_part(r, rest):
    """Return sin(r + rest) - r for |r| <= pi/4: odd polynomial, error 2^-57.9."""
    z = r * r
    z2 = z * z
    a = fma(0.00833333333332196, z, -0.1666666666666663)
    b = fma(2.7557313600041373e-06, z, -0.00019841269829504857)
    c = fma(1.58961061025402e-10, z, -2.505074516521879e-08)
    p = fma(fma(c, z2, b), z2, a)
    return fma(r * z, p, fma(-0.5 * z, rest, rest))


def _cos_parts(r, rest):
    """Return cos(r + rest) as hi + lo for |r| <= pi/4: even polynomial, error 2^-64."""
    z = r * r
    z2 = z * z
    a = fma(-0.0013888888888873448, z, 0.041666666666666595)
    b = fma(-2.7557314253061303e-07, z, 2.480158728910544e-05)
    c = fma(-1.1359041437578583e-11, z, 2.0875710774527712e-09)
    p = fma(fma(c, z2, b), z2, a)
    half = 0.5 * z
    hi = 1.0 - half
    return hi, ((1.0 - hi) - half) + fma(z2, p, -r * rest)


def _quadrant(n, r, rest):
    """Return sin(n pi/2 + r + rest)."""
    s = r + _sin_part(r, rest)
    hi, lo = _cos_parts(r, rest)
    y = s if (n & 1) == 0 else hi + lo
    return int_as_float(float_as_int(y) ^ ((n & 2) << 62))


def sin(x):
    """Return the sine: error below 0.9 ulp for |x| <= 2^30, NaN beyond."""
    n, r, rest = _reduce(fabs(x))
    return _with_sign_of(_quadrant(n, r, rest), x)


def cos(x):
    """Return the cosine: error below 0.9 ulp for |x| <= 2^30, NaN beyond."""
    n, r, rest = _reduce(x)
    return _quadrant(n + 1, r, rest)


def tan(x):
    """Return the tangent: error below 1 ulp for |x| <= 2^30, NaN beyond. Sine over cosine, both in two
    parts."""
    n, r, rest = _reduce(fabs(x))
    tail = _sin_part(r, rest)
    s = r + tail
    s_rest = tail - (s - r)
    hi, lo = _cos_parts(r, rest)
    c = hi + lo
    c_rest = lo - (c - hi)
    even = (n & 1) == 0
    top = s if even else -c
    top_rest = s_rest if even else -c_rest
    bottom = c if even else s
    bottom_rest = c_rest if even else s_rest
    inverse = 1.0 / bottom
    y = top * inverse
    y_rest = (fma(-y, bottom, top) + fma(-y, bottom_rest, top_rest)) * inverse
    y = x if fabs(x) < NEGLIGIBLE else _with_sign_of(y + y_rest, x)
    return y


# --------------------------------------------------------------------------------- inverse circular functions


def _atan_parts(a, b):
    """Return atan(a / b) as hi + lo for a, b >= 0 not both 0, of moderate size.

    atan(q) = pi/4 + atan((q - 1) / (q + 1)) = pi/2 - atan(1 / q): one of the three brings the argument below
    tan(pi/8), always as one quotient t + t_rest; then an odd polynomial, error 2^-59.3.
    """
    middle = a > 0.41421356237309503 * b
    upper = a > 2.414213562373095 * b
    minus = a - b
    plus = a + b
    # what the sum and the difference lose; the larger operand comes first
    large = a if a > b else b
    small = b if a > b else a
    minus_rest = (large - fabs(minus)) - small
    minus_rest = minus_rest if a > b else -minus_rest
    plus_rest = (large - plus) + small
    top = minus if middle else a
    top = -b if upper else top
    top_rest = minus_rest if middle else 0.0
    top_rest = 0.0 if upper else top_rest
    bottom = plus if middle else b
    bottom = a if upper else bottom
    bottom_rest = plus_rest if middle else 0.0
    bottom_rest = 0.0 if upper else bottom_rest
    base = QUARTER_PI if middle else 0.0
    base = HALF_PI if upper else base
    base_rest = QUARTER_PI_REST if middle else 0.0
    base_rest = HALF_PI_2 if upper else base_rest

    inverse = 1.0 / bottom
    t = top * inverse
    t_rest = (fma(-t, bottom, top) + fma(-t, bottom_rest, top_rest)) * inverse
    z = t * t
    z2 = z * z
    c0 = fma(0.19999999999951087, z, -0.33333333333333187)
    c1 = fma(0.11111110773373047, z, -0.1428571427997442)
    c2 = fma(0.07692055746043196, z, -0.09090897489469017)
    c3 = fma(0.058475566267457674, z, -0.06663056030878345)
    c4 = fma(0.03802947158611575, z, -0.05037869197686522)
    p = fma(fma(fma(-0.017870098782875134, z2, c4), z2, c3), z2 * z2 * z2, fma(fma(c2, z2, c1), z2, c0))
    hi = base + t
    lo = (t - (hi - base)) + fma(t * z, p, t_rest + base_rest)
    return hi, lo


def atan(x):
    """Return the arc tangent: error below 0.9 ulp."""
    a = fabs(x)
    b = 1e300 if a > 1e300 else a
    hi, lo = _atan_parts(b, 1.0)
    y = hi + lo
    y = a if a < NEGLIGIBLE else y
    return _with_sign_of(y, x)


def atan2(y, x):
    """Return the angle of the point (x, y): error below 0.9 ulp, signed zeros and infinities as in IEEE 754.

    Results below 1e-290 may lose accuracy.
    """
    a = fabs(y)
    b = fabs(x)
    # infinite, zero, huge and tiny points are replaced by or scaled to ordinary ones of the same direction
    far = (a == INF) | (b == INF)
    a = (1.0 if a == INF else 0.0) if far else a
    b = (1.0 if b == INF else 0.0) if far else b
    origin = (a == 0.0) & (b == 0.0)
    b = 1.0 if origin else b
    large = a if a > b else b
    scale = 2.409919865102884e-181 if large > 1e150 else 1.0  # 2^-600
    scale = 4.149515568880993e180 if large < 1e-150 else scale  # 2^600
    hi, lo = _atan_parts(a * scale, b * scale)
    left = float_as_int(x) < 0
    mirrored = PI - hi
    mirrored_rest = ((PI - mirrored) - hi) + (PI_REST - lo)
    angle = mirrored + mirrored_rest if left else hi + lo
    angle = _with_sign_of(angle, y)
    return x + y if (x != x) | (y != y) else angle


def _asin_tail(z):
    """Return (asin(s) / s - 1) / z with z = s^2 <= 1/4: polynomial in z, error 2^-59.7."""
    z2 = z * z
    c0 = fma(0.07499999999971084, z, 0.1666666666666676)
    c1 = fma(0.030381942728418904, z, 0.04464285717424165)
    c2 = fma(0.017351623993933394, z, 0.02237221435454818)
    c3 = fma(0.011400151643391608, z, 0.013980672146778715)
    c4 = fma(0.003733157988659024, z, 0.010773219158633699)
    c5 = fma(-0.020906701043339845, z, 0.021642178518192026)
    high = fma(fma(fma(0.03257098925264881, z2, c5), z2, c4), z2, c3)
    return fma(high, z2 * z2 * z2, fma(fma(c2, z2, c1), z2, c0))


def _asin_parts(a):
    """Return (s, rest, small): asin(a) is s + rest where small (a <= 1/2), else pi/2 - 2 (s + rest)."""
    small = a <= 0.5
    z = a * a if small else 0.5 - 0.5 * a
    root = sqrt(z)
    # half of the root's own error; the tiny addend only prevents 0 / 0 at a = 1
    root_rest = fma(-root, root, z) / (2.0 * root + 1e-300)
    s = a if small else root
    s_rest = 0.0 if small else root_rest
    return s, fma(s * z, _asin_tail(z), s_rest), small


def asin(x):
    """Return the arc sine: error below 0.9 ulp; NaN outside [-1, 1]."""
    a = fabs(x)
    s, rest, small = _asin_parts(a)
    double = 2.0 * s
    hi = HALF_PI - double
    lo = ((HALF_PI - hi) - double) + fma(-2.0, rest, HALF_PI_2)
    y = s + rest if small else hi + lo
    y = a if a < NEGLIGIBLE else y
    return _with_sign_of(y, x)


def acos(x):
    """Return the arc cosine: error below 0.9 ulp; NaN outside [-1, 1]."""
    a = fabs(x)
    s, rest, small = _asin_parts(a)
    negative = x < 0.0
    # three sums: pi/2 -+ asin (small), 2 (s + rest), pi - 2 (s + rest)
    s = -s if small & negative else s
    rest = -rest if small & negative else rest
    factor = 1.0 if small else 2.0
    base = HALF_PI if small else PI
    base_rest = HALF_PI_2 if small else PI_REST
    term = factor * s
    term_rest = factor * rest
    hi = base - term
    lo = ((base - hi) - term) + (base_rest - term_rest)
    return hi + lo if small | negative else term + term_rest
