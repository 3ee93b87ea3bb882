"""HelioX's own elementary functions: one source, the same bits on every device.

Each function here is plain Python on float64 scalars and uses nothing but correctly rounded operations: ``+ -
* /``, ``sqrt``, ``floor``, a fused multiply-add and integer operations on the bit pattern. Compilers may
therefore not disagree about a result, and the CPU and CUDA versions, which :func:`build` makes from this same
source, return the same bits (the payload and sign of a NaN excepted). Two conditions are the caller's: no
reassociation ("fastmath"), and no contraction of ``a * b + c`` other than where ``fma`` is written.

There are no branches, loops or tables: only conditional expressions whose arms are cheap, so that LLVM turns
them into selects and a loop that calls the function becomes vector code.

How the polynomials were obtained: the function is expanded in the variable named at each polynomial; the
coefficients are the weighted least-squares fit (weight: effect on the relative error of the result) at 80
Chebyshev nodes of the reduced range, in 40-digit arithmetic, rounded to double one after the other from the
lowest order, the remaining ones refitted after each rounding. The stated error 2^-n is that of the rounded
polynomial, relative to the result.

Stated errors are in ulps of the correctly rounded neighbourhood (0.5 would be correct rounding), the largest
seen against 80-bit and multiple-precision references, rounded up. Results whose size is below 2.2e-308 may be
flushed or less accurate; this is said where it happens.

Outside a build the module works as it stands, slowly, in pure Python (exact rational ``fma``), which gives a
third, independent evaluation of the same bits for finite arguments.
"""

from __future__ import annotations

import math
import struct
import types
from fractions import Fraction

# --------------------------------------------------------------------------------------- reference primitives


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


PRIMITIVES = ("fma", "float_as_int", "int_as_float", "sqrt", "floor")

# -------------------------------------------------------------------------------------------------- constants

INF = math.inf
NAN = math.nan
SIGN_BIT = -0x8000000000000000
ABS_MASK = 0x7FFFFFFFFFFFFFFF
MANTISSA_MASK = 0x000FFFFFFFFFFFFF
SMALLEST_NORMAL = 2.2250738585072014e-308
TWO_52_BITS = 0x4330000000000000  # bits of 2^52

# Adding this number rounds a double of modest size to an integer and leaves it in the low bits of the sum.
ROUNDER = 6755399441055744.0  # 1.5 * 2^52

LOG2_E = 1.4426950408889634
LN2 = 0.6931471805599453  # ln 2 = LN2 + LN2_REST
LN2_REST = 2.3190468138462996e-17
LN2_SHORT = 0.6931471805598903  # the first 42 bits of ln 2: times an integer below 2^11 it is exact
LN2_SHORT_REST = 5.497923018708371e-14
LOG10_E = 0.4342944819032518
LOG10_E_REST = 1.098319650216765e-17

PI = 3.141592653589793
PI_REST = 1.2246467991473532e-16
HALF_PI = 1.5707963267948966  # pi/2 = HALF_PI + HALF_PI_2 + HALF_PI_3, 161 bits
HALF_PI_2 = 6.123233995736766e-17
HALF_PI_3 = -1.4973849048591698e-33
QUARTER_PI = 0.7853981633974483
QUARTER_PI_REST = 3.061616997868383e-17
TWO_OVER_PI = 0.6366197723675814

EXP_FLUSH = -708.0  # below: 0
EXP_TOP = 709.8  # exp overflows between 709.78 and here
NEGLIGIBLE = 5.5e-17  # below 2^-54: odd functions equal their argument

# ----------------------------------------------------------------------------------------- signs and rounding


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


# ----------------------------------------------------------------------------------------- exponential family


def _exp_tail(r):
    """Return (exp(r) - 1 - r) / r^2 for |r| <= ln(2)/2: polynomial in r, error 2^-57.6 (Estrin's order)."""
    r2 = r * r
    a = fma(0.1666666666666649, r, 0.5000000000000013)
    b = fma(0.008333333333445603, r, 0.04166666666651215)
    c = fma(0.00019841269610468499, r, 0.0013888888947649982)
    d = fma(2.7557494816438805e-06, r, 2.480148942451215e-05)
    e = fma(2.5028743300104997e-08, r, 2.763143310281207e-07)
    return fma(fma(e, r2, d), r2 * r2 * r2, fma(fma(c, r2, b), r2, a))


def _exp_of_sum(x, rest):
    """Return exp(x + rest) for a `rest` of at most some ulps of x; see :func:`exp`.

    x = k ln 2 + h - c with h exact; then exp = 2^k (1 + h + (r^2 tail - c)). The factor is applied as 2^(k-1)
    and 2, since 2^1024 is no double.
    """
    a = EXP_TOP if x > EXP_TOP else x
    a = EXP_FLUSH if a < EXP_FLUSH else a
    rounded = fma(a, LOG2_E, ROUNDER)
    k = rounded - ROUNDER
    h = fma(-k, LN2, a)
    c = fma(k, LN2_REST, -rest)
    r = h - c
    p = h + fma(r * r, _exp_tail(r), -c)
    half_power = int_as_float((float_as_int(rounded) << 52) + 0x3FE0000000000000)
    y = fma(p, half_power, half_power) * 2.0
    return 0.0 if x < EXP_FLUSH else y


def exp(x):
    """Return e**x: error below 0.9 ulp.

    Overflows to inf above 709.78; results for x < -708 (3.3e-308) are flushed to 0.
    """
    return _exp_of_sum(x, 0.0)


def _expm1_tail(r):
    """Return (exp(r) - 1 - r) / r^2 for |r| <= ln(2)/2: error 2^-61.6 even relative to exp(r) - 1 (Estrin's
    order)."""
    r2 = r * r
    r4 = r2 * r2
    a = fma(0.16666666666666677, r, 0.5)
    b = fma(0.008333333333321442, r, 0.04166666666666668)
    c = fma(0.00019841269886569808, r, 0.0013888888888877445)
    d = fma(2.7557243786127943e-06, r, 2.4801587340616703e-05)
    e = fma(2.5109178722745544e-08, r, 2.755725920703251e-07)
    high = fma(fma(2.0919500327140614e-09, r2, e), r2, d)
    return fma(high, r2 * r4, fma(fma(c, r2, b), r2, a))


def _expm1_quarter(x):
    """Return (e**x - 1) / 4 as an unevaluated sum hi + lo, for -40 <= x <= 710.8.

    The quarter keeps the power of two finite up to where sinh overflows.
    """
    rounded = fma(x, LOG2_E, ROUNDER)
    k = rounded - ROUNDER
    h = fma(-k, LN2, x)
    c = k * LN2_REST
    r = h - c
    r2 = r * r
    # to first order, what the roundings of r and of its square lose: it would count where base and step
    # cancel
    lost = fma(0.5, fma(r, r, -r2), fma((h - r) - c, r, -c))
    tail = fma(r2, _expm1_tail(r), lost)
    power = int_as_float((float_as_int(rounded) << 52) + 0x3FD0000000000000)
    base = power - 0.25
    step = power * h
    hi = base + step
    # base is 0 (k = 0) or larger than step: the first difference is exact; the last one restores what base
    # lost
    lo = (step - (hi - base)) + fma(power, tail, (power - base) - 0.25)
    total = hi + lo
    return total, lo - (total - hi)


def expm1(x):
    """Return e**x - 1: error below 1 ulp, also near 0."""
    a = EXP_TOP if x > EXP_TOP else x
    a = -40.0 if a < -40.0 else a
    hi, lo = _expm1_quarter(a)
    return x if fabs(x) < NEGLIGIBLE else 4.0 * (hi + lo)


def exprelr(x):
    """Return x / (e**x - 1), 1 at 0: error below 0.9 ulp; 0 above 709.78 as the plain formula gives."""
    a = EXP_TOP if x > EXP_TOP else x
    a = -40.0 if a < -40.0 else a
    hi, lo = _expm1_quarter(a)
    hi = 1.0 if x == 0.0 else hi
    inverse = 1.0 / hi
    numerator = 0.25 * a
    quotient = numerator * inverse
    y = fma(fma(-quotient, hi, numerator) - quotient * lo, inverse, quotient)
    y = -x if x < -40.0 else y
    y = 0.0 if x > 709.782712893384 else y
    return 1.0 if fabs(x) < NEGLIGIBLE else y


def sinh(x):
    """Return the hyperbolic sine: error below 1.1 ulp. With E = e**|x| - 1 it is (E + E / (E + 1)) / 2."""
    a = fabs(x)
    b = 710.6 if a > 710.6 else a
    hi, lo = _expm1_quarter(b)
    whole = hi + 0.25
    whole_rest = ((0.25 - whole) + hi if hi < 0.25 else (hi - whole) + 0.25) + lo
    inverse = 1.0 / whole
    quotient = hi * inverse
    correction = (fma(-quotient, whole, hi) + fma(-quotient, whole_rest, lo)) * inverse
    # E / 2 is 2 hi + 2 lo, and the quotient has the same size near 0
    y = 2.0 * hi + fma(0.5, quotient, fma(0.5, correction, 2.0 * lo))
    y = a if a < NEGLIGIBLE else y
    return _with_sign_of(y, x)


def cosh(x):
    """Return the hyperbolic cosine: error below 1 ulp. (e**|x| + 1 / e**|x|) / 2 from a two-part e**|x|."""
    a = fabs(x)
    b = 710.6 if a > 710.6 else a
    hi, lo = _expm1_quarter(b)
    whole = hi + 0.25
    rest = ((0.25 - whole) + hi if hi < 0.25 else (hi - whole) + 0.25) + lo
    return fma(2.0, whole, 0.125 / whole + 2.0 * rest)


def tanh(x):
    """Return the hyperbolic tangent: error below 0.9 ulp. E / (E + 2) with a two-part E = e**(2|x|) - 1."""
    a = fabs(x)
    b = 22.0 if a > 22.0 else a
    hi, lo = _expm1_quarter(2.0 * b)
    whole = hi + 0.5
    rest = ((0.5 - whole) + hi if hi < 0.5 else (hi - whole) + 0.5) + lo
    inverse = 1.0 / whole
    quotient = hi * inverse
    y = fma(fma(-quotient, whole, hi) + fma(-quotient, rest, lo), inverse, quotient)
    y = a if a < NEGLIGIBLE else y
    return _with_sign_of(y, x)


# ------------------------------------------------------------------------------------------- logarithm family

TWO_THIRDS = 0.6666666666666666
TWO_THIRDS_REST = 3.700743415417188e-17
ONE_MINUS_SQRT_HALF_BITS = 0x3FF0000000000000 - 0x3FE6A09E667F3BCD
SQRT_HALF_BITS = 0x3FE6A09E667F3BCD


def _split(x):
    """Return (k, f) with x = 2^k (1 + f) and 1 + f in [sqrt(1/2), sqrt(2)), for positive finite x; exact."""
    tiny = x < SMALLEST_NORMAL
    y = x * 18014398509481984.0 if tiny else x
    shifted = float_as_int(y) + ONE_MINUS_SQRT_HALF_BITS
    # the exponent, put into the low bits of 2^52, is a double after one subtraction
    bias = 4503599627371573.0 if tiny else 4503599627371519.0  # 2^52 + 1023 (+ 54)
    k = int_as_float(((shifted >> 52) & 0x7FF) | TWO_52_BITS) - bias
    m = int_as_float((shifted & MANTISSA_MASK) + SQRT_HALF_BITS)
    return k, m - 1.0


def _atanh_tail(z):
    """Return (2 atanh(s) / s - 2 - 2z/3) / z^2 with z = s^2, |s| <= 3 - sqrt(8): polynomial in z, error
    2^-66.1."""
    z2 = z * z
    a = fma(0.28571428570044294, z, 0.4000000000000239)
    b = fma(0.18181783660315645, z, 0.22222222528754548)
    c = fma(0.132561560535871, z, 0.15386787573987357)
    return fma(fma(fma(0.13202150523111494, z2, c), z2, b), z2, a)


def _log_sum(k, f):
    """Return ln(2^k (1 + f)) as hi + lo, lo to about 0.2 ulp of the whole.

    With s = f / (2 + f): ln(1 + f) = 2 atanh(s) = f - s (f - R), R = z (2/3 + z tail), so the division's
    error touches only the small second term.
    """
    s = f / (2.0 + f)
    z = s * s
    series = z * fma(z, _atanh_tail(z), TWO_THIRDS)
    base = k * LN2_SHORT
    hi = base + f
    lo = f - (hi - base)  # exact: base is 0 or the larger
    return hi, fma(-s, f - series, fma(k, LN2_SHORT_REST, lo))


def _log_domain(y, x):
    """Return `y` for positive finite x and the limits of the logarithm elsewhere."""
    y = y if x < INF else x
    bad = -INF if x == 0.0 else NAN
    return y if x > 0.0 else bad


def log(x):
    """Return the natural logarithm: error below 0.9 ulp; -inf at 0, NaN below; subnormal arguments are exact
    too."""
    k, f = _split(x)
    hi, lo = _log_sum(k, f)
    return _log_domain(hi + lo, x)


def log10(x):
    """Return the decimal logarithm: error below 1 ulp; powers of ten give whole numbers."""
    k, f = _split(x)
    hi, lo = _log_sum(k, f)
    total = hi + lo
    rest = lo - (total - hi)
    y = total * LOG10_E
    y_rest = fma(total, LOG10_E, -y) + fma(total, LOG10_E_REST, rest * LOG10_E)
    return _log_domain(y + y_rest, x)


def log1p(x):
    """Return ln(1 + x): error below 1 ulp, also near 0."""
    u = 1.0 + x
    back = u - 1.0
    lost = (1.0 - (u - back)) + (x - back)  # 1 + x = u + lost exactly
    k, f = _split(u)
    hi, lo = _log_sum(k, f)
    y = _log_domain(hi + (lo + lost / u), u)
    return x if fabs(x) < NEGLIGIBLE else y


def _log_two_doubles(k, f):
    """Return ln(2^k (1 + f)) as hi + lo with relative error of about 2^-65."""
    d = 2.0 + f
    d_rest = f - (d - 2.0)
    inverse = 1.0 / d
    s = f * inverse
    s_rest = fma(-s, d_rest, fma(-s, d, f)) * inverse
    z = s * s
    z_rest = fma(2.0 * s, s_rest, fma(s, s, -z))
    tail = fma(z, _atanh_tail(z), TWO_THIRDS_REST)
    c = TWO_THIRDS + tail
    c_rest = (TWO_THIRDS - c) + tail
    t = z * c
    t_rest = fma(z, c, -t) + fma(z, c_rest, z_rest * c)
    u = s * t
    u_rest = fma(s, t, -u) + fma(s, t_rest, s_rest * t)
    base = k * LN2_SHORT
    first = 2.0 * s
    h1 = base + first
    h2 = h1 + u
    lo = (first - (h1 - base)) + ((u - (h2 - h1)) + fma(k, LN2_SHORT_REST, fma(2.0, s_rest, u_rest)))
    hi = h2 + lo
    return hi, lo - (hi - h2)


def pow(x, y):
    """Return x**y: error below 1.2 ulp; results below 3.3e-308 are flushed to 0.

    exp(y ln|x|) with ln|x| and the product in two doubles. Special cases as in IEEE 754: x**0 = 1**y = 1 even
    for NaN, a negative base takes whole exponents only (NaN otherwise), 0**-y = inf, (-0)**odd keeps the
    sign.
    """
    a = fabs(x)
    k, f = _split(a)
    hi, lo = _log_two_doubles(k, f)
    hi = hi if a < INF else a  # inf and NaN
    hi = -INF if a == 0.0 else hi
    product = y * hi
    rest = fma(y, lo, fma(y, hi, -product))
    rest = rest if fabs(product) < 800.0 else 0.0
    size = _exp_of_sum(product, rest)
    whole = floor(y) == y
    odd = whole & (floor(0.5 * y) * 2.0 != y)
    signed = -size if odd & (float_as_int(x) < 0) else size
    signed = NAN if (x < 0.0) & (a < INF) & (floor(y) < y) else signed
    signed = 1.0 if (a == 1.0) & (fabs(y) == INF) else signed
    return 1.0 if (y == 0.0) | (x == 1.0) else signed


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


# --------------------------------------------------------------------------------------------------- building

FUNCTIONS = (
    "exp", "expm1", "exprelr", "log", "log10", "log1p", "pow", "sqrt",
    "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh",
    "fabs", "floor", "ceil", "fmod",
)  # fmt: skip


def rebind(source, namespace, wrap):
    """Compile the functions of a module's namespace against another set of global names.

    Parameters
    ----------
    source : dict
        A module's ``globals()``; its plain functions that are not already in `namespace` are taken, and its
        upper-case constants.
    namespace : dict
        Names the functions shall see instead (primitives, other functions). It is changed: it receives all.
    wrap : callable
        Turns a plain function into what the target calls, ``numba.njit(...)`` for instance.

    Returns
    -------
    dict
        `namespace`.
    """
    name = source["__name__"]
    namespace.setdefault("__name__", name)
    for key, value in source.items():
        if key.isupper():
            namespace.setdefault(key, value)
    for key, value in list(source.items()):
        if isinstance(value, types.FunctionType) and value.__module__ == name and key not in namespace:
            copy = types.FunctionType(value.__code__, namespace, key, value.__defaults__)
            copy.__doc__ = value.__doc__
            namespace[key] = wrap(copy)
    return namespace


def build(primitives, wrap):
    """Build all functions for one target.

    Parameters
    ----------
    primitives : dict
        The target's ``fma``, ``float_as_int``, ``int_as_float``, ``sqrt`` and ``floor``, callable from its
        code.
    wrap : callable
        The target's compiler, applied to each plain function.

    Returns
    -------
    dict
        Every public function by name (:data:`FUNCTIONS`), the private ones and the constants.
    """
    missing = [key for key in PRIMITIVES if key not in primitives]
    if missing:
        raise ValueError(f"primitives lack {', '.join(missing)}")
    own = {key: value for key, value in globals().items() if key not in ("rebind", "build")}
    return rebind(own, dict(primitives), wrap)
