"""Derivatives of one construct at a time, values where a formula is delicate, and what is refused."""

from __future__ import annotations

import math

import pytest

from heliox.errors import MechanismError
from heliox.mechanisms.derivatives import jvp, vjp
from heliox.mechanisms.template import MechTemp, Var
from tests.mechanisms.plain import Runner, Stream, assert_exact, made

# --- one construct at a time


CONSTRUCTS = {
    "early return": """
def f(x, y):
    if x > y:
        return x * y
    if x < 0.3:
        return y / x
    return x - y * y

def state(x, y):
    x = f(x, y)
    return x
""",
    "early returns inside nested ifs": """
def f(x, y, k):
    z = x
    if x > 0.3:
        if y > 0.5:
            return z * y, z
        z = z * k
        if y < 0.2:
            return z, y
    elif k > 0.5:
        z = x / k
    z = z + y
    return z, z * z

def state(x, y, k):
    x, y = f(x, y, k)
    return x, y
""",
    "reassigned in a branch": """
def state(x, y, a):
    z = x * y
    if a > 0.5:
        z = z * x
        y = z + 1.0
        if y > 1.2:
            z = y * y
    else:
        w = x / y
        x = w * z
    x = x + z * y
    return x, y
""",
    "augmented": """
def state(x, y):
    x *= y
    x += x * x
    y -= x
    y /= 1.0 + x
    y **= 2
    return x, y
""",
    "swap": """
def state(x, y, z):
    x, y = y, x * z
    if x > 0.5:
        x, y, z = z, x, y
    (x, y), z = (y, z), x
    return x, y, z
""",
    "chained": """
def state(x, y):
    a = b = x * y
    x = a + b * y
    return x, y
""",
    "loop with break": """
def state(x, y, k):
    for turn in range(30):
        d = (x * x - y) / (2.0 * x)
        x = x - d
        if abs(d) < 1e-4 * k:
            break
    return x
""",
    "loop with breaks in branches": """
def state(x, y, k):
    n = 0.0
    s = x
    for j in range(2, 40, 3):
        n = n + 1.0
        if s > 3.0:
            if k > 0.5:
                s = s * y
                break
            s = s + k
            if j > 20:
                break
        s = s + j * x / 10.0
    x = s + j * y
    return x, n
""",
    "loop with return": """
def f(x, y):
    s = x
    for j in range(25):
        s = s * (1.0 + y) + 0.1
        if s > 2.0:
            return s, s * j
    return s * x, x

def state(x, y):
    x, y = f(x, y)
    return x, y
""",
    "long loop": """
def state(x, y, k):
    for j in range(300):
        x = x + 0.01 * (y - x * x) * (j + 1.0) / (j + 2.0)
        if j == 7:
            y = y * k
    return x, y
""",
    "loop backwards": """
def state(x, y):
    for j in range(600, -1, -2):
        x = x + 1e-5 * j * y * (1.0 - x)
    return x
""",
    "short loop": """
def state(x, y):
    for j in range(3):
        for k in range(2):
            x = x * y + j / (k + 1.0)
    x = x + k * y
    return x
""",
    "loops in loops": """
def g(x, y):
    for k in range(20):
        d = 0.5 * (x - y / x)
        x = x - d
        if abs(d) < 1e-3:
            break
    return x

def state(x, y, a):
    total = 0.0
    for j in range(9):
        z = y + j
        for k in range(50):
            z = 0.5 * (z + (y + j) / z)
            if z * z - y - j < 1e-3:
                break
        total = total + g(z, y) * x
        if total > 6.0:
            break
    if a > 0.3:
        for j in range(500):
            x = x * 0.999 + 0.001 * y * total
    x = x + total
    return x
""",
    "loop that only counts": """
def state(x, y):
    n = 0.0
    for j in range(60):
        n = n + 1.0
        if n * y > 3.0:
            break
    x = x * n
    return x, n
""",
    "helpers": """
def g(x, y):
    return x * y, x / y

def f(x, y):
    a, b = g(x, y)
    c, d = g(b, x + 1.0)
    return a * c - d * y

def both(x, y):
    return g(y, x)

def state(x, y, k):
    x, y = both(f(x, y) * f(y, 2.0), f(1.5, y) + f(0.5, k))
    x = cnexp(x, -1.0 / (0.5 + y), k, 0.1)
    return x, y
""",
    "whole arrays": """
def f(x, k):
    y = [0.0] * 3
    for j in range(3):
        y[j] = x[j] * k + j
        if y[j] > 1.5:
            y[j] = y[j] * x[2]
    return y

def state(x, k, n):
    w = [1.0, k, k * k]
    s = 0.0
    for j in range(3):
        s = s + w[j] * x[j] ** (j + 1.0)
    x[1] = s
    m = floor(2.9 * n)
    x[m] = x[m] * k + w[m]
    i = x[m] + w[0]
    return x, i
""",
    "choices": """
def state(x, y, k):
    a = min(x, y) * max(x, y * k, k) + abs(x - y) + fabs(y - 0.5)
    b = x * y if x > y else (y / x if k > 0.5 else log(x) * k)
    c = x if y > 0.5 and not k < 0.2 or x > 0.9 else y
    d = (1.0 if x < y < k else 0.0) * k + (x > y) * y
    x = a * b + c
    y = d * c
    return x, y
""",
    "remainders": """
def state(x, y):
    a = fmod(7.3 * x, y) + (5.1 * x) % y + (-4.3 * x) % y + fmod(-6.1 * x, y)
    b = floor(9.0 * x) * y + ceil(7.0 * y) * x + (8.0 * x // y) * x
    x = a
    y = b
    return x, y
""",
    "powers": """
def state(x, y):
    a = x ** 2 + x ** 3.0 + x ** 7 + x ** 11 + x ** -1 + x ** -2.5 + x ** 0.5 + x ** 1.5 + x ** 0
    b = 2.0 ** y + TEN ** (y / 3.0) + pow(x, y) + y ** x + x ** E + (x * y) ** 1 + x ** 0.3
    x = a * b
    return x
""",
    "functions": """
def state(x, y):
    a = exp(x) + expm1(y) + log(x) + log10(y) + log1p(x * y) + sqrt(x)
    b = sin(x) * cos(y) + tan(x) + asin(x * y) + acos(y * x * 0.5) + atan(3.0 * x)
    b = b + atan2(x, y) + atan2(-y, -x)
    c = sinh(x) + cosh(y) + tanh(x - y)
    c = c + exprelr(x) + exprelr(-20.0 * y) + exprelr(0.1 * y) + exprelr(9.0 * x)
    x = a * b
    y = c + b
    return x, y
""",
    "not set on every path": """
def f(x, y):
    if x > 0.5:
        a = x * y
    b = y
    if x > 0.5:
        b = a * y
    return b

def state(x, y):
    x = f(x, y)
    return x
""",
    "a parameter that hides a constant": """
def f(x, TEN, k):
    for j in range(3):
        x = x + TEN ** k + x ** TEN
    return x

def state(x, k):
    x = f(x, k, 0.5 * k) * TEN ** x
    return x
""",
    "unchanged and constant": """
def state(x, y, z, k):
    y = 2.5
    w = k
    return x, y, z, w
""",
    "names like those generated": """
def f(x, x_1, x_2):
    x_1 = x * x_2
    x = x_1 * x
    x_2 = x * x_1
    return x_2

def state(x, x_1, minf):
    x = x * x_1
    x_1 = f(x, x_1, minf)
    minf = minf * x_1
    x = minf * x
    return x, x_1, minf
""",
}  # fmt: skip


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_construct(name):
    arrays = {"states": {"x": Var(0.6, "", 3)}} if name == "whole arrays" else {}
    template = made(CONSTRUCTS[name], {"TEN": 10.0, "E": 2.5}, **arrays)
    assert_exact(template, points=12)


# --- values


def gradient(template: MechTemp, point: list[float], wrt: list[str], bars: list[float]) -> list[float]:
    """The vector-Jacobian product of `state`."""
    runner, d = Runner(template), vjp(template, "state", wrt)
    runner.derivative(d)
    return runner.call(d.function, [*point, *bars])


def tangent(template: MechTemp, point: list[float], wrt: list[str], dots: list[float]) -> list[float]:
    """The Jacobian-vector product of `state`."""
    runner, d = Runner(template), jvp(template, "state", wrt)
    runner.derivative(d)
    return runner.call(d.function, [*point, *dots])


@pytest.mark.parametrize(
    ("power", "at", "expected"),
    [
        ("x ** 2", 0.0, 0.0), ("x ** 2", -3.0, -6.0), ("x ** 1", 0.0, 1.0), ("x ** 3.0", -2.0, 12.0),
        ("x ** 0", 0.0, 0.0), ("x ** 0.5", 0.0, math.inf), ("x ** 0.5", 4.0, 0.25), ("x ** 1.5", 0.0, 0.0),
        ("x ** 9.0", 0.0, 0.0), ("x ** 9.0", -1.0, 9.0), ("x ** 0.3", 0.0, math.inf),
        ("x ** -1", 2.0, -0.25), ("x ** y", 0.0, 0.0), ("x ** (y - 1.0)", 0.0, 1.0),
        ("x ** (y - 2.0)", 0.0, 0.0), ("x ** y", -3.0, -6.0), ("sqrt(x)", 4.0, 0.25),
        ("exprelr(x)", 0.0, -0.5), ("exprelr(x)", 800.0, 0.0), ("exprelr(x)", -800.0, -1.0),
        ("abs(x)", -2.0, -1.0), ("max(x, y)", 2.0, 1.0), ("min(y, x)", 2.0, 0.0), ("tanh(x)", 50.0, 0.0),
    ],
)  # fmt: skip
def test_value(power, at, expected):
    """By x, with y = 2; nothing by y is undefined either."""
    template = made(f"def state(x, y):\n    x = {power}\n    return x")
    found = gradient(template, [at, 2.0], ["x", "y"], [1.0])
    assert found[0] == pytest.approx(expected, rel=1e-14)
    assert not math.isnan(found[1])
    assert tangent(template, [at, 2.0], ["x"], [1.0])[0] == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    "side", ["log(x)", "1.0 / x", "sqrt(x - 1.0) / (x * x)", "exp(1e4 * (1.0 - x)) / x", "x ** y"]
)
@pytest.mark.parametrize(
    "form", ["if x > 0.0:\n        z = {0}\n    else:\n        z = y * x", "z = {0} if x > 0.0 else y * x"]
)
def test_side_not_taken_is_silent(side, form):
    """Infinite and undefined values of the other side never reach the derivative."""
    body = form.format(side)
    template = made(
        f"def f(x, y):\n    {body}\n    return z\n\ndef state(x, y):\n    x = f(x, y)\n    return x"
    )
    assert gradient(template, [0.0, 3.0], ["x", "y"], [1.0]) == [3.0, 0.0]
    assert tangent(template, [0.0, 3.0], ["x", "y"], [1.0, 1.0]) == [3.0]


def test_selected_element():
    """An index known at run time: the derivative goes to the element chosen."""
    template = made(
        "def state(x, k):\n    y = x[k] * x[0]\n    return y", parameters={"x": Var(1.0, "", 3), "k": ""}
    )
    assert gradient(template, [2.0, 3.0, 5.0, 1.0], ["x"], [1.0]) == [3.0, 2.0, 0.0]
    d = vjp(template, "state", ["x"])
    assert d.wrt == ("x__0", "x__1", "x__2")
    assert d.function.params[-1] == "_bar_y" and d.function.returns == ("_bar_x__0", "_bar_x__1", "_bar_x__2")
    assert vjp(template, "state", ["x__1", "k"]).wrt == ("x__1", "k")


def test_number_of_turns():
    """A loop is differentiated as often as it turns."""
    template = made("""
def state(x, n):
    for k in range(900):
        if k >= n:
            break
        x = x * x
    return x
""")
    for n, power in ((0.0, 1.0), (1.0, 2.0), (3.0, 8.0)):
        found = gradient(template, [1.1, n], ["x", "n"], [1.0])
        assert found == [pytest.approx(power * 1.1 ** (power - 1.0), rel=1e-14), 0.0]
        assert tangent(template, [1.1, n], ["x"], [1.0])[0] == pytest.approx(found[0], rel=1e-14)


# --- what is refused


REFUSED = {
    (3, "random_negexp"): """
def receive(r, x, k):
    m = k * 2.0
    x = x * random_negexp(r, m)
    return x
""",
    (2, "f calls itself"): """
def f(x):
    return x * f(x - 1.0)

def state(x):
    x = f(x)
    return x
""",
    (3, "length of a loop must be a constant"): """
def state(x, k):
    y = x
    for j in range(k):
        y = y * x
    x = y
    return x
""",
    (3, "write an if"): """
def state(x, k):
    y = 1.0
    x = x or k
    return x
""",
    (2, "as many values on every path"): """
def f(x):
    if x > 0.0:
        return x, x
    return x

def state(x):
    x = f(x)
    return x
""",
    (5, "f returns 2 values where one"): """
def f(x):
    return x, x

def state(x):
    x = 1.0 + f(x)
    return x
""",
    (5, "inside a condition"): """
def f(r):
    return random_uniform(r)

def receive(r, x):
    if x > 0.0 and f(r) > 0.5:
        x = x * x
    return x
""",
    (2, "drawn in a loop"): """
def receive(r, x):
    for j in range(900):
        x = x * random_uniform(r)
    return x
""",
}


@pytest.mark.parametrize(("line", "what"), REFUSED)
def test_refused(line, what):
    code = REFUSED[line, what]
    template = made(code, random=("r",)) if "(r" in code else made(code)
    block = list(template.functions)[-1]
    for product in (vjp, jvp):
        with pytest.raises(MechanismError, match=what) as e:
            product(template, block, template.functions[block].params)
        assert e.value.fields["line"] == line


def test_inactive_draws_are_legal():
    """A draw whose distribution does not depend on what is differentiated is a constant, also in a loop."""
    code = """
def receive(r, x, k):
    n = 0.0
    for j in range(900):
        if random_uniform(r) < k:
            break
        n = n + 1.0
    x = x * n * random_negexp(r, k)
    return x
"""
    template = made(code, random=("r",))
    runner, d = Runner(template), vjp(template, "receive", ["x"])
    runner.derivative(d)
    value = runner.call(template.functions["receive"], [Stream(1), 1.0, 0.1])
    assert runner.call(d.function, [Stream(1), 1.0, 0.1, 1.0]) == value
