"""The fast form of a mechanism computes what the mechanism does: both executed as plain Python."""

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from heliox.mechanisms import catalogue
from heliox.mechanisms.affine import conductance
from heliox.mechanisms.fast import fast_form
from heliox.mechanisms.quotients import fewer, relaxed
from heliox.mechanisms.specialise import specialised
from heliox.mechanisms.subset import EFFECTS, RANDOM, Function
from heliox.mechanisms.template import Ion, MechTemp, Table, Var
from heliox.nmodl import translate
from tests.nmodl.reference import Instance

MODS = sorted((Path(__file__).parents[1] / "nmodl" / "mods").glob("*.mod"))
IONS = {"na_ion": 1.0, "ca_ion": 2.0}
POINTS = 20
ULPS = 8 * 2.0**-52  # relative, of a result; beside it as much as this of every input makes of it
FIXED = {"dt": 0.025, "flag": 1.0}


def template(name):
    if name.endswith(".mod"):
        file = next(m for m in MODS if m.name == name)
        return translate(file.read_text(), str(file), [file.parent])
    return catalogue.get(name, IONS.get(name))


ALL = [*catalogue.names(), *IONS, *(m.name for m in MODS)]


class Plain:
    """The blocks of a template as plain Python functions; effects are noted, draws are the same each time."""

    def __init__(self, t):
        self.t = t
        self.noted: list[tuple] = []
        instance = Instance(t, SimpleNamespace(send=None))  # type: ignore[arg-type]
        space = instance.space
        for name in EFFECTS:
            space[name] = lambda *given, name=name: self.noted.append((name, *given))
        for name in RANDOM:
            space[name] = lambda *given, name=name: 0.25 + 0.5 * len(name) / 20 + sum(given[1:])
        space["exprelr"] = lambda x: x / math.expm1(x) if x else 1.0
        space |= {"expm1": math.expm1, "log1p": math.log1p, "fail": lambda code: 0.0}
        space["range"] = lambda *n: range(*map(int, n))  # constants of a module are floats here
        self.blocks = instance.blocks

    def __call__(self, block, given):
        """Results and effects of a block, as numbers."""
        self.noted.clear()
        f = self.t.functions[block]
        values = [list(x) if isinstance(x, list) else x for x in (given[p] for p in f.params)]
        result = self.blocks[block](*values)
        out = [] if result is None else [*result] if isinstance(result, tuple) else [result]
        flat = [x for y in out for x in (y if isinstance(y, list) else [y])]
        return np.array([*flat, *(x for call in self.noted for x in call[1:])], float)


def points(t, rng):
    """Values of all that a block may read, near the defaults of parameters."""
    while True:
        given = {
            n: float(rng.uniform(0.1, 1.0)) for n in (*t.weights, *t.pointers, *t.random, "area", "diam")
        }
        given |= {"v": float(rng.uniform(-100, 50)), "t": float(rng.uniform(0, 50))}
        given |= {"celsius": float(rng.uniform(5, 37))}
        for n, var in {**t.instance_names, **t.globals_}.items():
            near = (
                var.default * rng.uniform(0.7, 1.3, var.size)
                if var.default
                else rng.uniform(0.1, 0.9, var.size)
            )
            given[n] = near.tolist() if var.size > 1 else float(near[0])
        for n in t.ion_names:
            given[n] = float(rng.uniform(-90, 120) if n.startswith("e") else rng.uniform(0.01, 1.0))
        given |= {n: np.sort(rng.uniform(0, 50, 4)).tolist() for n in t.lists}
        yield given | FIXED


def shifted(given, rng):
    """The same with a rounding error on every number."""

    def off(x):
        return x * (1.0 + ULPS * rng.choice([-1.0, 1.0]))

    return {
        n: x if n in FIXED else [off(y) for y in x] if isinstance(x, list) else off(x)
        for n, x in given.items()
    }


@pytest.mark.parametrize("name", ALL)
def test_the_fast_form_computes_the_same(name):
    """Up to what rounding errors of a few ulps make of the formula as it is written."""
    t = template(name)
    written, fast = Plain(t), Plain(fast_form(t))
    assert set(fast.blocks) - {"conductance"} == set(written.blocks) - {"conductance"}
    rng = np.random.default_rng(1)
    many = points(t, rng)
    for block in written.blocks:
        for _ in range(POINTS):
            given = next(many)
            expected = written(block, given)
            around = [written(block, shifted(given, rng)) for _ in range(8)]
            found = fast(block, given)
            assert found.shape == expected.shape
            seen = [x for x in around if x.shape == expected.shape]
            with np.errstate(invalid="ignore"):
                allowed = ULPS * np.abs(expected) + 2.0 * np.max([np.abs(x - expected) for x in seen], axis=0)
                same = (np.abs(found - expected) <= allowed) | (found == expected)
            assert (same | (np.isnan(found) & np.isnan(expected))).all(), (block, found, expected, allowed)


@pytest.mark.parametrize("name", ALL)
def test_the_symbolic_conductance_is_the_difference_quotient(name):
    t = template(name)
    rule = conductance(t)
    if rule is None:
        return
    plain, fast = Plain(t), Plain(fast_form(t))
    assert set(rule.returns) <= {f"g_{c}" for c in t.currents}
    at = [t.functions["current"].returns.index(c) for c in t.currents]
    many = points(t, np.random.default_rng(2))
    for _ in range(POINTS):
        given = next(many)
        high, low = (plain("current", given | {"v": v})[at] for v in (50.0, -100.0))
        slopes = dict(zip((f"g_{c}" for c in t.currents), (high - low) / 150.0, strict=True))
        found = dict(zip(rule.returns, fast("conductance", given), strict=True))
        for n, slope in slopes.items():
            assert found.get(n, 0.0) == pytest.approx(slope, rel=1e-9, abs=1e-13 * np.abs(high).max())


def test_which_of_the_library_are_affine():
    """All currents of the library but those of helpers that know the voltage."""
    with_currents = {n for n in ALL if template(n).currents and not n.endswith(".mod")}
    refused = {n for n in with_currents if fast_form(template(n)).functions.get("conductance") is None}
    assert refused == {"SEClamp", "VClamp", "OClamp"}
    assert {
        "hh",
        "pas",
        "ExpSyn",
        "Exp2Syn",
        "IClamp",
        "l5pc.Ih",
        "hpc.NaTg",
        "coupling.Gap",
    } <= with_currents - refused


# --- what is no straight line, or cannot be seen to be one


def channel(text, helpers=(), tables=(), **more):
    """A mechanism of one block `current`, whose text this is."""
    f = Function("current", text)
    declared = {
        "parameters": {"g": 0.1, "e": -70.0, "a": Var(0.3, size=3)}, "assigned": {"i": "", "x": ""},
        "currents": ("i",), **more,
    }  # fmt: skip
    named = {h.name: h for h in helpers}
    return MechTemp("made", "density", {"current": f}, helpers=named, constants={}, tables=tables, **declared)


def text(*lines, params="v, g, e", returns="i"):
    return "\n    ".join([f"def current({params}):", *lines, f"return {returns}"]) + "\n"


@pytest.mark.parametrize(
    "lines",
    [
        ["i = g * v * v"],
        ["i = g * exp(v)"],
        ["i = g / (v - e)"],
        ["i = g * v ** 1.0"],
        ["i = g * (v - e) if v > e else 0.0"],
        ["i = 0.0", "if v > e:", "    i = g * (v - e)"],
        ["i = g * (v - e)", "if g > 0.0:", "    i = 2.0 * g * (v - e)"],
        ["i = g * fabs(v - e)"],
        ["v = v + 1.0", "i = g * v"],
        ["y = [0.0] * 2", "y[0] = v", "i = g * y[0]"],
        ["i = 0.0", "for k in range(3):", "    i = i + g * (v - e)"],
    ],
)
def test_other_currents_are_refused(lines):
    assert conductance(channel(text(*lines))) is None


def test_a_helper_that_knows_the_voltage_is_refused():
    helper = Function("ohm", "def ohm(v, e):\n    return v - e\n")
    assert conductance(channel(text("i = g * ohm(v, e)"), [helper])) is None
    assert conductance(channel(text("i = g * ohm(g, e) * (v - e)"), [helper])) is not None


def test_a_current_that_goes_on_from_its_last_value_is_refused():
    assert conductance(channel(text("i = i + g * (v - e)", params="v, g, e, i"))) is None


def test_a_variable_called_as_a_result_is_refused():
    own = channel(text("i = g_i * (v - e)", params="v, g_i, e"), parameters={"g_i": 0.1, "e": -70.0})
    assert conductance(own) is None
    assert "conductance" not in fast_form(own).functions


def test_a_tabulated_factor_is_refused():
    """The block looks tables up, a conductance would not."""
    helper = Function("rate", "def rate(e):\n    return e * e\n")
    table = Table("rate", "e", -100.0, 0.0, 10)
    assert conductance(channel(text("i = g * rate(e) * (v - e)"), [helper], (table,))) is None


STRAIGHT = {
    "sums": ["i = -(v - e) * g / 3.0 + v - 2.0 * (e - v)"],
    "a factor before": ["x = g * g", "i = x * (v - e)"],
    "in steps": ["x = g * (v - e)", "i = x", "i = i + x / e"],
    "augmented": ["i = g * (v - e)", "i += g", "i *= 2.0"],
    "two arms": [
        "if g > 0.09:",
        "    x = g",
        "    i = x * (v - e)",
        "else:",
        "    x = e",
        "    i = x + 2.0 * v",
    ],
    "two values": ["i = (g if g > 0.1 else 2.0 * v) * 3.0", "x = g"],
    "a sum before": ["x = 0.0", "for k in range(3):", "    x += g", "i = x * (v - e)"],
    "never set anew": [
        "x = 1.0",
        "for k in range(3):",
        "    if g > 9.0:",
        "        x = 2.0",
        "i = x * (v - e)",
    ],
    "elements": ["y = [0.5] * 3", "y[1] = g", "y[2] += g", "x = y[0]", "i = (y[0] + y[1] * y[2]) * (v - e)"],
    "a parameter's elements": ["x = a[0] * a[2]", "i = a[1] * (v - e) + x"],
}


@pytest.mark.parametrize("name", STRAIGHT)
def test_conductance_of_what_a_current_may_be(name):
    lines = STRAIGHT[name]
    returns = "i, x" if any(line.lstrip().startswith("x") for line in lines) else "i"
    t = channel(text(*lines, params="v, g, e, a", returns=returns))
    plain, fast = Plain(t), Plain(fast_form(t))
    many = points(t, np.random.default_rng(3))
    for _ in range(POINTS):
        given = next(many)
        high, low = (plain("current", given | {"v": v})[0] for v in (50.0, -100.0))
        assert fast("conductance", given)[0] == pytest.approx((high - low) / 150.0, rel=1e-12)


def test_currents_of_which_one_is_steep():
    t = channel(
        "def current(v, g, e):\n    ina = g * (v - e)\n    ik = g * e\n    return ina, ik\n",
        ions={"na": Ion((), ("ina",)), "k": Ion((), ("ik",))}, currents=("ina", "ik"),
    )  # fmt: skip
    rule = conductance(t)
    assert rule is not None and rule.returns == ("g_ina",) and rule.params == ("g",)


# --- fewer divisions


def made(source, params="x, y, z", uniform=(), **constants):
    """A function as it is written and with fewer divisions, and the text of the latter."""
    f = Function("f", f"def f({params}):\n    " + "\n    ".join(source) + "\n")
    g = fewer(relaxed(f), constants, uniform)
    spaces = []
    for which in (f, g):
        space = {"exp": math.exp, "floor": math.floor, "fmod": math.fmod, **constants}
        exec(which.text, space)
        spaces.append(space["f"])
    return (*spaces, g.text)


QUOTIENTS = {
    "a number": (["return x / 10.0"], 0),
    "a negative number": (["return x / -10.0 + 3.0 / 7.0"], 0),
    "twice": (["a = x / z", "b = y / z", "return a + b"], 1),
    "changed between": (["a = x / z", "z = z + 1.0", "b = y / z", "return a + b"], 2),
    "twice and twice": (
        ["a = x / z", "b = y / z", "z = z + 1.0", "a += x / z", "b -= y / z", "return a + b"], 2,
    ),
    "a sum": (["a = 1.0 / (x + y)", "b = z / (x + y)", "return a * b"], 1),
    "elements": (["w = [x, z]", "a = y / w[0]", "w[0] = z", "b = y / w[0] + x / w[0]", "return a - b"], 2),
    "a number in a product": (["a = x / (10.0 * y)", "return a"], 1),
    "quotients of quotients": (["a = x / y / z", "b = z / y", "return a + b"], 2),
    "one value of two": (["a = x if x < y else z / y", "b = x / y if y < 0.0 else x", "return a + b"], 2),
    "arms": (
        ["if x < y:", "    a = z / y", "    b = x / y", "else:", "    a = b = x / z", "return a + b"], 2,
    ),
    "a loop": (["a = 0.0", "for k in range(3):", "    a += x / z + y / z", "    z = z + a", "return a"], 1),
    "before a loop": (["a = x / 0.1", "for k in range(3):", "    a = a / x", "return a + y / x"], 2),
    "augmented": (["a = x", "a /= y", "return a"], 1),
    "a name that is taken": (["inverse_0_ = x / z", "b = y / z", "return inverse_0_ + b"], 1),
}  # fmt: skip


@pytest.mark.parametrize("name", QUOTIENTS)
def test_quotients_are_products(name):
    source, divisions = QUOTIENTS[name]
    written, fast, as_text = made(source)
    assert as_text.count("/") == divisions, as_text
    rng = np.random.default_rng(4)
    for x, y, z in rng.uniform(0.1, 3.0, (50, 3)).tolist():
        assert fast(x, y, z) == pytest.approx(written(x, y, z), rel=1e-14, abs=1e-14)


def test_an_arm_that_is_not_taken_divides_nothing():
    *_, fast, _ = made(["a = x / y if y > 0.0 else z", "b = z / y if y > 0.0 else z", "return a + b"])
    assert fast(1.0, 0.0, 2.0) == 4.0


@pytest.mark.parametrize("divisor", ["0.0", "1e-310", "1e309"])
def test_a_number_without_a_reciprocal_stays_a_divisor(divisor):
    *_, as_text = made([f"return x / {divisor}"])
    assert as_text.count("/") == 1


def test_what_every_instance_shares_divides_apart():
    written, fast, as_text = made(
        ["a = x / (tau * y)", "b = x / tau", "return a + b + q"], "x, y, tau", ("tau",), q=3.0
    )
    assert as_text.count("/") == 3 and "x * (1.0 / tau)" in as_text  # two of them outside of the loop
    assert fast(2.0, 3.0, 5.0) == pytest.approx(written(2.0, 3.0, 5.0), rel=1e-15)
    *_, as_text = made(["tau = tau * x", "return x / tau"], "x, tau", ("tau",))
    assert "x / tau" in as_text


def test_constants_of_the_module_are_numbers():
    *_, as_text = made(["return x / F + y / zero"], F=96485.3, zero=0.0)
    assert as_text.count("/") == 1
    *_, as_text = made(["F = x", "return y / F"], F=96485.3)
    assert "y / F" in as_text


def test_a_draw_is_not_shared():
    *_, as_text = made(["a = x / random_uniform(r)", "b = y / random_uniform(r)", "return a + b"], "x, y, r")
    assert as_text.count("random_uniform") == 2


def test_a_whole_number_of_steps_stays_whole():
    """49 times the reciprocal of 49 is below 1."""
    written, fast, as_text = made(["return floor(x / 49.0) + floor(x / 4.0) + fmod(y / z, z) + y / z"])
    assert "x * 0.25" in as_text
    assert fast(49.0, 1.0, 3.0) == written(49.0, 1.0, 3.0)


def test_cnexp_with_a_time_constant():
    f = Function("f", "def f(m, tau, inf, dt):\n    m = cnexp(m, -1.0 / tau, inf / tau, dt)\n    return m\n")
    assert "cnexp" not in relaxed(f).text and relaxed(f).text.count("/") == 1
    for other in ("-2.0 / tau, inf / tau", "tau, inf", "1.0 / tau, inf", "-(2.0 / tau), inf"):
        g = Function("f", f"def f(m, tau, inf, dt):\n    m = cnexp(m, {other}, dt)\n    return m\n")
        assert "cnexp" in relaxed(g).text


@pytest.mark.parametrize("rest", ["inf / tau", "inf / 3.0", "dt - inf / tau", "0.0"])
@pytest.mark.parametrize("slope", ["-1.0 / tau", "-(1.0 / tau)"])
def test_cnexp_with_a_time_constant_is_cnexp(slope, rest):
    f = Function("f", f"def f(m, tau, inf, dt):\n    m = cnexp(m, {slope}, {rest}, dt)\n    return m\n")
    spaces = []
    for g in (f, relaxed(f)):
        space = {
            "exp": math.exp,
            "cnexp": lambda x, a, b, dt: x + (1.0 - math.exp(dt * a)) * (-b / a - x),
        }
        exec(g.text, space)
        spaces.append(space["f"])
    written, fast = spaces
    assert fast(0.3, 2.0, 0.7, 0.1) == pytest.approx(written(0.3, 2.0, 0.7, 0.1), rel=1e-14)


# --- helpers called with numbers


def test_a_helper_called_with_numbers_is_copied():
    trap = Function("trap", "def trap(x, y):\n    return x / y\n")
    own = Function("own", "def own(x, y):\n    y = y + 1.0\n    return x / y\n")
    block = Function("f", "def f(v):\n    return trap(v, 10.0) + trap(v, -5.0) + trap(v, v) + own(v, 2.0)\n")
    blocks, helpers = specialised({"f": block}, {"trap": trap, "own": own}, ())
    assert blocks["f"].calls == {"trap", "trap_with_0", "trap_with_1", "own"}
    assert {helpers[f"trap_with_{k}"].text.split("return ")[1].strip() for k in (0, 1)} == {
        "x / 10.0",
        "x / -5.0",
    }
    blocks, helpers = specialised({"f": block}, {"trap": trap, "own": own}, ("trap",))
    assert blocks["f"].calls == {"trap", "own"} and set(helpers) == {"trap", "own"}


def test_helpers_of_copies_are_copied_too():
    inner = Function("inner", "def inner(x, y):\n    return x / y\n")
    outer = Function("outer", "def outer(x, y):\n    return inner(x, y) + inner(y, x)\n")
    block = Function("f", "def f(v):\n    return outer(v, 4.0)\n")
    blocks, helpers = specialised({"f": block}, {"inner": inner, "outer": outer}, ())
    assert blocks["f"].calls == {"outer_with_0"}
    assert helpers["outer_with_0"].calls == {"inner_with_0", "inner_with_1"}
