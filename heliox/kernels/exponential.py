"""exp, log, pow and the hyperbolic functions, as :mod:`heliox.kernels.arithmetic` describes them."""

from __future__ import annotations

import math

from heliox.kernels.bits import _with_sign_of, fabs, float_as_int, floor, fma, int_as_float

INF = math.inf
NAN = math.nan
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

EXP_FLUSH = -707.7  # below (4.5e-308): 0; half of any larger result is still a normal number
EXP_TOP = 709.8  # exp overflows between 709.78 and here
NEGLIGIBLE = 5.5e-17  # below 2^-54: odd functions equal their argument

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

    Overflows to inf above 709.78; results for x < -707.7 (4.5e-308) are flushed to 0.
    """
    return _exp_of_sum(x, 0.0)


def exp_to_700(x):
    """Return e**min(x, 700), NEURON's hoc_Exp, which mechanisms call: error below 0.9 ulp.

    The bits of `exp`, with fewer operations.
    """
    a = 700.0 if x > 700.0 else x
    a = EXP_FLUSH if a < EXP_FLUSH else a
    rounded = fma(a, LOG2_E, ROUNDER)
    k = rounded - ROUNDER
    h = fma(-k, LN2, a)
    c = k * LN2_REST
    r = h - c
    p = h + fma(r * r, _exp_tail(r), -c)
    power = int_as_float((float_as_int(rounded) << 52) + 0x3FF0000000000000)
    y = fma(p, power, power)
    return 0.0 if x < EXP_FLUSH else y


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
    """Return x / (e**x - 1), 1 at 0: error below 1 ulp; 0 above 709.78 as the plain formula gives."""
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
    """Return the natural logarithm: error below 1 ulp; -inf at 0, NaN below; subnormal arguments are exact
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
    """Return x**y: error below 1.2 ulp; results below 4.5e-308 are flushed to 0.

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
