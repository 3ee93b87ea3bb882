"""Derivatives written from source: products against each other and against differences, in plain Python."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import pytest

from heliox.errors import MechanismError
from heliox.mechanisms import catalogue, subset
from heliox.mechanisms.derivatives import Derivative, jvp, text, vjp
from heliox.mechanisms.methods import LIBRARY
from heliox.mechanisms.subset import Function, from_python
from heliox.mechanisms.template import MechTemp, Table, Var
from heliox.nmodl import translate
from tests.mechanisms.plain import Runner, Stream, check

ROOT = Path(__file__).resolve().parents[1]
MODS = sorted([*(ROOT / "nmodl" / "mods").glob("*.mod"), *(ROOT / "against_neuron" / "mods").glob("*.mod")])
# powers.mod subtracts equal numbers: its value and derivative are rounding, measured against nothing
ROUNDING_ONLY = {"powers"}


def assert_legal(template: MechTemp, d: Derivative) -> None:
    """All functions of a derivative are in the subset, and call what there is."""
    names = {*template.helpers, *d.helpers}
    for f in d.helpers.values():
        subset.check(f, names, set(template.constants), block=False)
    subset.check(d.function, names, set(template.constants), block=True)
    ast.parse(text(d))


def assert_exact(template: MechTemp, points: int = 4, *, smooth: bool = True) -> None:
    """Every block: <w, J u> = <J' w, u>, and J u is what differences give."""
    for block, f in template.functions.items():
        for d in (vjp(template, block, f.params), jvp(template, block, f.params)):
            assert_legal(template, d)
        if template.name in ROUNDING_ONLY:
            continue
        found = check(template, block, 0, points)
        assert found.points == points, block
        assert found.smooth > 0 or not smooth or not f.params, block
        assert found.transposed < 1e-11, (block, found.where)
        assert found.differences < 1e-6, (block, found.where)


@pytest.mark.parametrize("name", catalogue.names())
def test_library(name):
    assert_exact(catalogue.get(name))


@pytest.mark.parametrize(("name", "valence"), [("na_ion", 1.0), ("ca_ion", 2.0), ("x_ion", -1.0)])
def test_ion_pools(name, valence):
    assert_exact(catalogue.get(name, valence), points=8)


@pytest.mark.parametrize("file", MODS, ids=lambda p: p.stem)
def test_translated(file):
    assert_exact(translate(file.read_text(), str(file), [file.parent]))


# --- one construct at a time


def made(code: str, constants: dict[str, float] | None = None, **declared: object) -> MechTemp:
    """A point process of functions in text: blocks and helpers; what blocks read and return is declared."""
    functions, helpers = {}, {n: from_python(f) for n, f in LIBRARY.items() if f"{n}(" in code}
    for node in ast.parse(code).body:
        assert isinstance(node, ast.FunctionDef)
        f = Function(node.name, ast.get_source_segment(code, node) or "", "made", node.lineno)
        (functions if node.name in ("state", "receive", "initial") else helpers)[node.name] = f
    known = {*(n for d in declared.values() for n in d), "t", "dt", "v", "celsius", "flag", "area", "diam"}  # type: ignore[attr-defined]
    returned = dict.fromkeys(r for f in functions.values() for r in f.returns if r not in known)
    read = dict.fromkeys(
        p for f in functions.values() for p in f.params if p not in known and p not in returned
    )
    states = {**dict.fromkeys(returned, ""), **declared.pop("states", {})}  # type: ignore[dict-item]
    parameters = {**dict.fromkeys(read, ""), **declared.pop("parameters", {})}  # type: ignore[dict-item]
    return MechTemp(
        "made", "point", functions=functions, helpers=helpers, constants=constants or {}, states=states,
        parameters=parameters, **declared,  # type: ignore[arg-type]
    )  # fmt: skip


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
    b = sin(x) * cos(y) + tan(x) + asin(x * y) + acos(y * x * 0.5) + atan(3.0 * x) + atan2(x, y) + atan2(-y, -x)
    c = sinh(x) + cosh(y) + tanh(x - y) + exprelr(x) + exprelr(-20.0 * y) + exprelr(0.1 * y) + exprelr(9.0 * x)
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
    template = made(CONSTRUCTS[name].strip(), {"TEN": 10.0, "E": 2.5}, **(
        {"parameters": {"n": ""}, "states": {"x": Var(0.6, "", 3)}} if name == "whole arrays" else {}
    ))  # fmt: skip
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
        ("x ** 9.0", 0.0, 0.0), ("x ** 9.0", -1.0, 9.0), ("x ** 0.3", 0.0, math.inf), ("x ** -1", 2.0, -0.25),
        ("x ** y", 0.0, 0.0), ("x ** (y - 1.0)", 0.0, 1.0), ("x ** (y - 2.0)", 0.0, 0.0), ("x ** y", -3.0, -6.0),
        ("sqrt(x)", 4.0, 0.25), ("exprelr(x)", 0.0, -0.5), ("exprelr(x)", 800.0, 0.0), ("exprelr(x)", -800.0, -1.0),
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
    template = made(
        "def state(x, n):\n    for k in range(900):\n        if k >= n:\n            break\n        x = x * x\n    return x"
    )
    for n, power in ((0.0, 1.0), (1.0, 2.0), (3.0, 8.0)):
        found = gradient(template, [1.1, n], ["x", "n"], [1.0])
        assert found == [pytest.approx(power * 1.1 ** (power - 1.0), rel=1e-14), 0.0]
        assert tangent(template, [1.1, n], ["x"], [1.0])[0] == pytest.approx(found[0], rel=1e-14)


# --- what is asked for


HH = catalogue.get("hh")


def test_interface():
    """Names and order of parameters and returns."""
    back = vjp(HH, "current", {"gnabar", "m", "v"}, {"ina", "ik"})
    assert back.wrt == ("v", "m", "gnabar") and back.of == ("ina", "ik") and back.lost == ()
    assert back.function.name == "current_vjp"
    assert back.function.params == (*HH.functions["current"].params, "_bar_ina", "_bar_ik")
    assert back.function.returns == ("_bar_v", "_bar_m", "_bar_gnabar")
    ahead = jvp(HH, "current", {"gnabar", "m", "v"}, {"ina", "ik"})
    assert ahead.function.name == "current_jvp"
    assert ahead.function.params == (*HH.functions["current"].params, "_dot_v", "_dot_m", "_dot_gnabar")
    assert ahead.function.returns == ("_dot_ina", "_dot_ik")


def test_only_what_is_active_is_written():
    """No exponentials where nothing depends on the voltage; calls of a table stay calls of all it takes."""
    d = vjp(HH, "state", ["m"], ["m"])
    assert set(d.helpers) == {"cnexp_vjp_1_1"} and "exp" in d.helpers["cnexp_vjp_1_1"].calls
    d = vjp(HH, "state", ["v"], ["minf"])
    assert "rates_vjp" in d.helpers and "cnexp" not in text(d)
    assert d.helpers["rates_vjp"].params == ("v", "celsius", *(f"_bar_{k}" for k in range(6)))
    assert vjp(HH, "state", [], None).function.calls == frozenset()


def test_same_name_same_text():
    """Whoever puts derivatives of several blocks into one module may merge helpers by their names."""
    seen: dict[str, str] = {}
    for file in [m for m in MODS if m.stem in ("implicit", "legacy", "gates", "syn", "tabled", "pairs")]:
        template = translate(file.read_text(), str(file), [file.parent])
        seen.clear()
        for block, f in template.functions.items():
            for wrt in (f.params, f.params[:2], f.params[1:]):
                for d in (vjp(template, block, wrt), jvp(template, block, wrt)):
                    for name, helper in d.helpers.items():
                        assert seen.setdefault(name, helper.text) == helper.text


def test_tables_keep_their_signature():
    """A tabulated helper has one derivative, of all its arguments and results."""
    code = "def r(v, q):\n    return exp(v / q), q * v\n\ndef state(v, q, x):\n    a, b = r(v, 2.0)\n    x = x * a\n    return x"
    template = made(code, tables=(Table("r", "v", -100.0, 100.0, 50, ("q",)),))
    for d in (vjp(template, "state", ["v", "x"]), jvp(template, "state", ["v"])):
        assert [n for n in d.helpers if n.startswith("r_")] == [f"r_{d.function.name[-3:]}"]
    assert_exact(template)


def test_texts_do_not_depend_on_what_was_asked_before():
    first = text(vjp(HH, "state", ["v", "m"]))
    jvp(HH, "state", ["h"])
    vjp(HH, "initial", ["v"])
    assert text(vjp(HH, "state", ["v", "m"])) == first


# --- events and random numbers


SENDS = """
def later(t, w, k):
    net_send(k * 2.0, 1.0)
    if w > 0.5:
        net_event(t)
    return w * k

def receive(w, t, flag, k, x):
    x = x * later(t, w, k)
    if flag == 1.0:
        net_move(t + k)
        for_connections()
        watch(0, 2.0)
    return x

def watch_0(x):
    d = x - 1.0
    return d

def receive_each(w, k):
    w = w * k
    return w
"""


def test_lost():
    """Effects are left out, and named where a derivative ends in one."""
    parts = {n.name: ast.get_source_segment(SENDS, n) for n in ast.parse(SENDS).body}  # type: ignore[attr-defined]
    functions = {n: Function(n, parts[n] or "", "made") for n in ("receive", "watch_0", "receive_each")}
    template = MechTemp(
        "made", "point", functions=functions, helpers={"later": Function("later", parts["later"] or "", "made", 10)},
        constants={}, parameters={"k": ""}, states={"x": ""}, weights=("w",),
    )  # fmt: skip
    d = vjp(template, "receive", ["w", "k", "x"])
    assert d.lost == (
        "net_send delay in later, line 11", "net_move time in receive, line 4", "for_connections in receive, line 5",
    )  # fmt: skip
    assert jvp(template, "receive", ["t"]).lost == (
        "net_event time in later, line 13", "net_move time in receive, line 4", "for_connections in receive, line 5",
    )  # fmt: skip
    assert not set(subset.EFFECTS) & d.function.calls and "later" not in d.function.calls
    assert "# not differentiated: net_send delay" in text(d)
    assert_exact(template)
    netstim = vjp(catalogue.get("NetStim"), "receive", ["interval", "event"])
    assert (
        all(x.startswith("net_send delay in receive, line ") for x in netstim.lost) and len(netstim.lost) == 2
    )


def test_random_numbers_are_drawn_once():
    """A derivative draws what its block draws, in the same order; the numbers are constants."""
    code = """
def noisy(r, x):
    return x * random_uniform(r) + random_normal(r, 0.0, 1.0)

def receive(r, x, y, w):
    if y > 0.2 and random_uniform(r) > 0.1:
        x = noisy(r, x)
    random_set_seq(r, 3.0)
    z = random_negexp(r, 1.0)
    y = y * random_uniform(r) * noisy(r, y)
    return x, y
"""
    template = made(code.strip(), random=("r",), weights=("w",))
    assert_exact(template, points=8)
    runner = Runner(template)
    for y in (0.1, 0.7):
        counts = []
        for d, seeds in (
            (vjp(template, "receive", ["x", "y"]), 2),
            (jvp(template, "receive", ["x", "y"]), 2),
        ):
            runner.derivative(d)
            stream = Stream(5)
            runner.call(d.function, [stream, 0.4, y, 0.0, *[1.0] * seeds])
            counts.append(stream.count)
        stream = Stream(5)
        runner.call(template.functions["receive"], [stream, 0.4, y, 0.0])
        assert counts == [stream.count] * 2


# --- what is refused


@pytest.mark.parametrize(
    ("code", "line", "what"),
    [
        ("def receive(r, x, k):\n    m = k * 2.0\n    x = x * random_negexp(r, m)\n    return x", 3, "random_negexp"),
        ("def f(x):\n    return x * f(x - 1.0)\n\ndef state(x):\n    x = f(x)\n    return x", 2, "calls itself"),
        ("def state(x, k):\n    y = x\n    for j in range(k):\n        y = y * x\n    x = y\n    return x", 3, "constant"),
        ("def state(x, k):\n    y = 1.0\n    x = x or k\n    return x", 3, "write an if"),
        ("def f(x):\n    if x > 0.0:\n        return x, x\n    return x\n\ndef state(x):\n    x = f(x)\n    return x", 2, "as many values"),
        ("def f(x):\n    return x, x\n\ndef state(x):\n    x = 1.0 + f(x)\n    return x", 5, "returns 2 values"),
        ("def f(r):\n    return random_uniform(r)\n\ndef receive(r, x):\n    if x > 0.0 and f(r) > 0.5:\n        x = x * x\n    return x",
         5, "inside a condition"),
        ("def receive(r, x):\n    for j in range(900):\n        x = x * random_uniform(r)\n    return x", 2, "in a loop"),
    ],
)  # fmt: skip
def test_refused(code, line, what):
    template = made(code, random=("r",)) if "(r" in code else made(code)
    block = list(template.functions)[-1]
    for product in (vjp, jvp):
        with pytest.raises(MechanismError, match=what) as e:
            product(template, block, template.functions[block].params)
        assert e.value.fields["line"] == line


def test_inactive_draws_are_legal():
    """A draw whose distribution does not depend on what is differentiated, in a loop or not, is a constant."""
    code = "def receive(r, x, k):\n    n = 0.0\n    for j in range(900):\n        if random_uniform(r) < k:\n            break\n        n = n + 1.0\n    x = x * n * random_negexp(r, k)\n    return x"
    template = made(code, random=("r",))
    runner, d = Runner(template), vjp(template, "receive", ["x"])
    runner.derivative(d)
    value = runner.call(template.functions["receive"], [Stream(1), 1.0, 0.1])
    assert runner.call(d.function, [Stream(1), 1.0, 0.1, 1.0]) == value


def test_unknown_names():
    with pytest.raises(MechanismError, match="did you mean"):
        vjp(HH, "current", ["gnabr"])
    with pytest.raises(MechanismError, match="no block"):
        vjp(HH, "receive", ["v"])
    with pytest.raises(MechanismError, match="gnabar"):
        jvp(HH, "current", ["v"], ["gnabar"])
