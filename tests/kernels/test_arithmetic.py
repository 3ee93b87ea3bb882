"""The elementary functions: accuracy, special values, vector code, and the C library's bits.

The accuracy tests need mpmath, which belongs to the extra ``test``.
"""

import ctypes
import math
import platform
import re

import llvmlite.binding
import numpy as np
import pytest
from numba import njit

from heliox.kernels import arithmetic
from heliox.kernels.primitives import BINARY, FAST, LIBM, UNARY, _c_library

INF, NAN = math.inf, math.nan
TWO_ARGUMENTS = {"pow", "atan2", "fmod"}

# as the docstrings state them
BOUND = {
    "exp": 0.9, "exp_to_700": 0.9, "expm1": 1.0, "exprelr": 1.0, "log": 1.0, "log10": 1.0, "log1p": 1.0,
    "pow": 1.2,
    "sin": 0.9, "cos": 0.9, "tan": 1.0, "asin": 0.9, "acos": 0.9, "atan": 0.9, "atan2": 0.9,
    "sinh": 1.1, "cosh": 1.0, "tanh": 0.9, "fmod": 0.0,
}  # fmt: skip
EXACT = {"sqrt", "fabs", "floor", "ceil"}


def arguments(name, n, seed=0):
    """Random arguments over the whole useful range and around the function's weak places."""
    rng = np.random.default_rng(seed)

    def uniform(low, high):
        return rng.uniform(low, high, n)

    def powers(low, high):
        return 10.0 ** rng.uniform(low, high, n)

    def signed(x):
        return x * rng.choice([-1.0, 1.0], x.size)

    positive = np.concatenate([powers(-307, 308), uniform(0.4, 2.5), 1.0 + signed(powers(-16, -1))])
    unit = [uniform(-1, 1), signed(1.0 - powers(-16, -1)), signed(powers(-18, -0.01)), uniform(0.45, 0.55)]
    angle = [uniform(-1e6, 1e6), uniform(-10, 10), uniform(-1e9, 1e9), signed(powers(-18, 6))]
    angle += [np.round(uniform(-6e5, 6e5)) * (math.pi / 2)]
    one = {
        "exp": [uniform(-707.7, 709.7), uniform(-3, 3), signed(powers(-18, 2))],
        "exp_to_700": [uniform(-707.7, 700.0), uniform(-3, 3), signed(powers(-18, 2))],
        "expm1": [uniform(-50, 709.7), uniform(-1, 1), signed(powers(-18, 1))],
        "exprelr": [uniform(-50, 700), uniform(-1, 1), signed(powers(-18, 1))],
        "log1p": [positive, -powers(-18, -1e-6), powers(-18, 3)],
        "sinh": [uniform(-710, 710), uniform(-3, 3), signed(powers(-18, 1))],
        "cosh": [uniform(-710, 710), uniform(-3, 3), signed(powers(-18, 1))],
        "tanh": [uniform(-22, 22), uniform(-1, 1), signed(powers(-18, 1))],
        "atan": [uniform(-5, 5), signed(powers(-18, 18))],
        **{key: [positive] for key in ("log", "log10", "sqrt")},
        **{key: unit for key in ("asin", "acos")},
        **{key: angle for key in ("sin", "cos", "tan")},
        **{key: [signed(powers(-5, 17))] for key in ("fabs", "floor", "ceil")},
    }
    two = {
        "pow": (
            [powers(-5, 5), uniform(0.3, 3), powers(-300, 300), uniform(0.69, 1.45)],
            [uniform(-30, 30), uniform(-400, 400), uniform(-1, 1), uniform(-1900, 1900)],
        ),
        "atan2": ([uniform(-1, 1), signed(powers(-100, 100))], [uniform(-1, 1), signed(powers(-100, 100))]),
        "fmod": ([signed(powers(-5, 5)), powers(0, 9)], [signed(powers(-5, 5)), powers(-5, 0)]),
    }
    if name in two:
        x, y = two[name]
        return np.concatenate(x), np.concatenate(y)
    return (np.concatenate(one[name]),)


def loop_over(function, n_arguments):
    """Compile a loop over contiguous arrays around a scalar function."""
    if n_arguments == 1:

        @njit(error_model="numpy")
        def run(x, out):
            for j in range(out.size):
                out[j] = function(x[j])

    else:

        @njit(error_model="numpy")
        def run(x, y, out):
            for j in range(out.size):
                out[j] = function(x[j], y[j])

    return run


def evaluate(space, name, *x):
    out = np.empty(x[0].size)
    loop_over(getattr(space, name), len(x))(*x, out)
    return out


def same_bits(a, b):
    a, b = np.asarray(a, float), np.asarray(b, float)
    return (a.view(np.int64) == b.view(np.int64)) | (np.isnan(a) & np.isnan(b))


def test_every_function_has_a_bound():
    assert set(BOUND) | EXACT == set(arithmetic.FUNCTIONS)


@pytest.mark.parametrize("name", BOUND)
def test_error_in_ulps(name):
    mp = pytest.importorskip("mpmath").mp
    exact = {
        "exprelr": lambda x: x / mp.expm1(x) if x else mp.mpf(1),
        "exp_to_700": mp.exp,
        "pow": mp.power,
        # mpmath's fmod has the divisor's sign
        "fmod": lambda x, y: mp.sign(x) * mp.fmod(abs(x), abs(y)),
    }.get(name) or getattr(mp, name)
    x = arguments(name, 600)
    got = evaluate(FAST, name, *x)
    worst, where = 0.0, None
    with mp.workprec(240):
        for j, y in enumerate(got):
            want = exact(*(mp.mpf(float(v[j])) for v in x))
            if not 4.6e-308 < abs(want) < 1.79e308 and not (name == "fmod" and want == 0):
                continue
            ulp = mp.ldexp(1, mp.mag(want) - 53) if want else 1
            error = float(abs(mp.mpf(float(y)) - want) / ulp)
            if error > worst:
                worst, where = error, tuple(float(v[j]) for v in x)
    assert worst <= BOUND[name], f"{name}{where}: {worst:.3f} ulp"


@pytest.mark.parametrize("name", sorted(EXACT))
def test_exact_functions(name):
    (x,) = arguments(name, 2000)
    assert same_bits(evaluate(FAST, name, x), getattr(np, name)(x)).all()


def test_subnormal_logarithms():
    x = np.array([5e-324, 1e-310, 2.2250738585072009e-308])
    for name in ("log", "log10"):
        np.testing.assert_allclose(evaluate(FAST, name, x), getattr(np, name)(x), rtol=3e-16)


def test_powers_of_ten_have_whole_logarithms():
    n = np.arange(-300.0, 308.0)
    x = np.array([float(f"1e{int(v)}") for v in n])
    assert (evaluate(FAST, "log10", x)[n >= 0][:23] == np.arange(23.0)).all()
    np.testing.assert_allclose(evaluate(FAST, "log10", x), n, rtol=2e-16)


SPECIAL = [
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 2.5, -2.5, 40.5, -40.5, 709.7, 745.0, 2.0**53,
    1e-17, -1e-17, 1e-300, -1e-300, 5e-324, -5e-324, 1e300, -1e300, 1.7e308, -(2.0**53) - 2, INF, -INF, NAN,
]  # fmt: skip


def documented_difference(name, x, got, want):
    """What the docstrings say differs from the C library on purpose."""
    if name in ("sin", "cos", "tan"):
        return abs(x[0]) > 2.0**30 and math.isnan(got)
    if name == "fmod":
        return math.isnan(got) and x[1] != 0 and abs(x[0]) / abs(x[1]) >= 2.0**53
    if name == "exprelr":
        return x[0] == INF and got == 0.0
    return got == 0.0 and abs(want) < 4.6e-308  # flushed


@pytest.mark.parametrize("name", arithmetic.FUNCTIONS)
def test_special_values(name):
    points = np.array(SPECIAL)
    x = tuple(v.ravel() for v in np.meshgrid(points, points)) if name in TWO_ARGUMENTS else (points,)
    got, want = evaluate(FAST, name, *x), evaluate(LIBM, name, *x)
    with np.errstate(invalid="ignore"):
        near = (np.abs(got - want) <= 2.0 * np.spacing(np.abs(want))) & (want != 0)
    for j in np.flatnonzero(~(same_bits(got, want) | near)):
        point = tuple(float(v[j]) for v in x)
        assert documented_difference(name, point, got[j], want[j]), f"{name}{point} = {got[j]}, not {want[j]}"


def test_limits():
    assert FAST.exp(709.79) == INF and FAST.exp(709.78) < INF
    assert FAST.exp(-709.0) == 0.0 and FAST.exp(-INF) == 0.0
    assert FAST.log(0.0) == -INF and math.isnan(FAST.log(-1.0))
    assert FAST.sinh(710.47) < INF and FAST.sinh(-710.48) == -INF and FAST.cosh(1e4) == INF
    assert FAST.exprelr(0.0) == 1.0 and FAST.exprelr(1e-20) == 1.0
    assert FAST.pow(NAN, 0.0) == 1.0 and FAST.pow(-8.0, 3.0) == -512.0 and math.isnan(FAST.pow(-8.0, 0.5))
    assert FAST.pow(0.0, -1.0) == INF and FAST.pow(-0.0, -3.0) == -INF


@pytest.mark.parametrize("name", arithmetic.FUNCTIONS)
def test_plain_python_gives_the_same_bits(name):
    """The undecorated source with an exact rational fma is a second implementation of the same operations."""
    x = arguments(name, 40, seed=1)
    plain = getattr(arithmetic, name)
    want = [plain(*(float(v[j]) for v in x)) for j in range(x[0].size)]
    assert same_bits(evaluate(FAST, name, *x), want).all()


def test_build_names_missing_primitives():
    with pytest.raises(ValueError, match="fma, float_as_int"):
        arithmetic.build({"int_as_float": None, "sqrt": None, "floor": None}, lambda f: f)


# ------------------------------------------------------------------------------------------------ vector code


def has_avx2():
    if platform.machine() not in ("x86_64", "AMD64"):
        return False
    features = llvmlite.binding.get_host_cpu_features()
    return bool(features.get("avx2") and features.get("fma"))


needs_avx2 = pytest.mark.skipif(not has_avx2(), reason="reads x86 assembly: needs x86-64 with AVX2")


def assembly(space, name):
    x = arguments(name, 8)
    run = loop_over(getattr(space, name), len(x))
    run(*x, np.empty(x[0].size))
    (text,) = run.inspect_asm().values()
    return text


@needs_avx2
@pytest.mark.parametrize("name", arithmetic.FUNCTIONS)
def test_loops_become_vector_code(name):
    text = assembly(FAST, name)
    # moves aside, arithmetic on 256 or 512 bit registers
    wide = re.findall(r"^\s+v(?!mov)\w+\s.*%[yz]mm", text, re.MULTILINE)
    fused = re.findall(r"^\s+vfn?m\w+pd\s.*%[yz]mm", text, re.MULTILINE)
    assert wide, f"the loop over {name} is scalar"
    if name not in EXACT | {"fmod"}:
        assert len(fused) >= 9, f"the loop over {name} has {len(fused)} wide fused operations"
    assert not re.search(r"heliox_libm|\$(exp|log|pow|sin|cos|fma|floor|ceil)\b", text)


# -------------------------------------------------------------------------------------------------- C library


@pytest.mark.parametrize("name", [*UNARY, *BINARY, "sqrt"])
def test_libm_is_the_c_library(name):
    x = arguments(name, 100_000 // (3 if name in BINARY else 2))
    function = getattr(_c_library(), name)
    function.restype = ctypes.c_double
    function.argtypes = [ctypes.c_double] * len(x)
    want = [function(*v) for v in zip(*(v.tolist() for v in x))]
    assert same_bits(evaluate(LIBM, name, *x), want).all()


@njit(error_model="numpy")
def constant_powers(x, out):
    for j in range(x.size):
        out[0, j] = LIBM.pow(2.0, x[j])
        out[1, j] = LIBM.pow(0.5, x[j])
        out[2, j] = LIBM.pow(10.0, x[j])
        out[3, j] = LIBM.pow(x[j], 0.5)
        out[4, j] = LIBM.pow(x[j], 2.0)
        out[5, j] = LIBM.pow(x[j], 3.0)
        out[6, j] = LIBM.pow(x[j], -1.0)


def test_constant_powers_still_call_the_c_library():
    """LLVM would turn these into exp2, sqrt and products, with other last bits."""
    x = np.random.default_rng(2).uniform(0.01, 30.0, 20_000)
    out = np.empty((7, x.size))
    constant_powers(x, out)
    pow_ = _c_library().pow
    pow_.restype, pow_.argtypes = ctypes.c_double, [ctypes.c_double] * 2
    bases, exponents = [2.0, 0.5, 10.0] + [None] * 4, [None] * 3 + [0.5, 2.0, 3.0, -1.0]
    for row, base, exponent in zip(out, bases, exponents):
        want = [pow_(base or v, exponent or v) for v in x.tolist()]
        assert same_bits(row, want).all(), (base, exponent)


def test_libm_exprelr_is_the_plain_formula():
    (x,) = arguments("exprelr", 2000)
    with np.errstate(divide="ignore", invalid="ignore"):
        want = np.where(1.0 + x == 1.0, 1.0, x / (evaluate(LIBM, "exp", x) - 1.0))
    assert same_bits(evaluate(LIBM, "exprelr", x), want).all()
