"""Divided by a time constant that is a quotient itself: multiplied by a rate."""

import math

import numpy as np
import pytest

from heliox.mechanisms.rates import with_rates
from heliox.mechanisms.subset import Function


def both(source, helpers=(), fixed=(), params="x, y, z", **constants):
    """A function as it is written, the same with rates, and all its text."""
    f = Function("f", f"def f({params}):\n    " + "\n    ".join(source) + "\n")
    named = {h.name: h for h in helpers}
    blocks, others = with_rates({"f": f}, named, constants, fixed)
    spaces = []
    for g, more in ((f, named), (blocks["f"], others)):
        space = {"exp": math.exp, "floor": math.floor, **constants}
        for h in (*more.values(), g):
            exec(h.text, space)
        spaces.append(space["f"])
    used = {n for n in others if n not in named}
    texts = [blocks["f"].text, *(others[n].text for n in sorted(used))]
    return (*spaces, "\n".join(texts))


def same(written, fast):
    rng = np.random.default_rng(6)
    for x, y, z in rng.uniform(0.2, 3.0, (50, 3)).tolist():
        assert fast(x, y, z) == pytest.approx(written(x, y, z), rel=1e-13)


RATE = ["tau = 1.0 / (x + y)"]
LOCAL = {
    "a time constant": [*RATE, "return exp(-z / tau)"],
    "one over it": [*RATE, "return 1.0 / tau + z"],
    "with a factor": ["q = 3.0 ** x", "tau = 1.0 / (x + y) / q", "return exp(-z / tau)"],
    "changed by a factor": ["q = 3.0 ** x", *RATE, "tau = tau / q", "return z / tau"],
    "by itself": [*RATE, "tau = z / tau", "return x / tau + tau"],
    "by itself in a sum": [*RATE, "tau = x / (1.0 + y / tau)", "return x / tau + tau"],
    "by itself beside itself": [*RATE, "tau = (tau + 1.0) / y", "return x / tau + tau"],
    "clamped": [*RATE, "if tau < 0.4:", "    tau = 0.4", "return z / tau"],
    "in arms": [
        "if x < y:", "    tau = x / y", "else:", "    tau = y", "    tau += 1.0", "return z / tau",
    ],
    "in a loop": [
        *RATE, "s = 0.0", "for k in range(3):", "    s += z / tau", "    tau = s / x", "return s / tau",
    ],
    "augmented": [*RATE, "tau *= z", "s = x", "s /= tau", "return s"],
    "a negative one": ["tau = -x / (y * -z)", "return x / -tau + y / tau"],
    "of another": [*RATE, "slow = 5.0 * tau * x", "return z / slow"],
    "a name that is taken": ["tau_rate = z", *RATE, "return tau_rate / tau"],
    "two at once": ["a, b = x / y, y / z", "return z / a + z / b"],
    "two names": ["a = b = x / y", "return z / a + z / b"],
    "an element": ["w = [x, y]", "w[0] = x / y", "return z / w[0]"],
    "several uses": [*RATE, "return exp(-z / tau) * (x / tau) - tau"],
}  # fmt: skip


@pytest.mark.parametrize("name", LOCAL)
def test_the_same_is_computed(name):
    written, fast, _ = both(LOCAL[name])
    same(written, fast)


@pytest.mark.parametrize("name", ["a time constant", "one over it", "with a factor", "of another"])
def test_what_divides_nothing_more(name):
    """Of the divisions by tau none is left."""
    *_, text = both(LOCAL[name])
    assert "/ tau" not in text and "/ slow" not in text


def test_a_parameter_and_a_plain_value_divide_as_they_are():
    for source in (["return x / y"], ["tau = x + y", "return z / tau"], ["tau = x / Q", "return z / tau"]):
        *_, text = both(source, Q=3.0)
        assert "rate" not in text
    *_, text = both(["Q = y", "tau = x / Q", "return z / tau"], Q=3.0)
    assert "tau_rate = Q / x" in text


def test_a_whole_number_of_steps_stays_whole():
    written, fast, text = both(["tau = y / x", "return floor(z / tau)"])
    assert "rate" not in text and fast(1.0, 49.0, 49.0) == written(1.0, 49.0, 49.0)


# --- helpers

TAUS = Function(
    "taus", "def taus(v, w):\n    s = v + w\n    inf = v / s\n    tau = 1.0 / s\n    return inf, tau, s\n"
)
ONE = Function("one", "def one(v, w):\n    return w / v\n")
EARLY = Function("early", "def early(v, w):\n    if v > w:\n        return 1.0 / v\n    return 1.0 / w\n")
OUTER = Function("outer", "def outer(v, w):\n    i, t, s = taus(v, w)\n    return t / 2.0, i\n")


@pytest.mark.parametrize(
    ("source", "copies"),
    [
        (["i, t, s = taus(x, y)", "return i + z / t"], {"taus": 1}),
        (["i, t, s = taus(x, y)", "return z / i - s"], {"taus": 1}),
        (["i, t, s = taus(x, y)", "return z / s - i"], {}),
        (["i, t, s = taus(x, y)", "j, u, r = taus(y, z)", "return i / t + u / j"], {"taus": 2}),
        (["t = one(x, y)", "t = t * x", "return z / t"], {"one": 1}),
        (["t = early(x, y)", "return z / t"], {}),
        (["t, i = outer(x, y)", "return z / t + i"], {"outer": 1, "taus": 1}),
        (["t, i = outer(x, y)", "if t < 0.5:", "    i, t, s = taus(y, z)", "return z / t + i"],
         {"outer": 1, "taus": 1}),
        (["return z / one(x, y)"], {}),
    ],
)  # fmt: skip
def test_results_of_helpers_have_rates(source, copies):
    written, fast, text = both(source, (TAUS, ONE, EARLY, OUTER))
    same(written, fast)
    for h in ("taus", "one", "early", "outer"):
        assert text.count(f"def {h}_rates") == copies.get(h, 0), text


def test_a_tabulated_helper_is_called_as_it_is():
    *_, text = both(["i, t, s = taus(x, y)", "return i + z / t"], (TAUS,), fixed=("taus",))
    assert "rate" not in text
