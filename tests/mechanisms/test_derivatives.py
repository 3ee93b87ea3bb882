"""Derivatives written from source: products against each other and against differences, in plain Python."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from heliox.errors import MechanismError
from heliox.mechanisms import catalogue, subset
from heliox.mechanisms.derivatives import jvp, text, vjp
from heliox.mechanisms.subset import Function
from heliox.mechanisms.template import MechTemp, Table
from heliox.nmodl import translate
from tests.mechanisms.plain import Runner, Stream, assert_exact, made

ROOT = Path(__file__).resolve().parents[1]
MODS = sorted([*(ROOT / "nmodl" / "mods").glob("*.mod"), *(ROOT / "against_neuron" / "mods").glob("*.mod")])


@pytest.mark.parametrize("name", catalogue.names())
def test_library(name):
    assert_exact(catalogue.get(name))


@pytest.mark.parametrize(("name", "valence"), [("na_ion", 1.0), ("ca_ion", 2.0), ("x_ion", -1.0)])
def test_ion_pools(name, valence):
    assert_exact(catalogue.get(name, valence), points=8)


@pytest.mark.parametrize("file", MODS, ids=lambda p: p.stem)
def test_translated(file):
    assert_exact(translate(file.read_text(), str(file), [file.parent]))


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
    code = """
def r(v, q):
    return exp(v / q), q * v

def state(v, q, x):
    a, b = r(v, 2.0)
    x = x * a
    return x
"""
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
    for j in range(99):
        if j * k > 1.0:
            break
        net_send(j * k, 2.0)
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
        "made", "point", functions=functions,
        helpers={"later": Function("later", parts["later"] or "", "made", 10)}, constants={},
        parameters={"k": ""}, states={"x": ""}, weights=("w",),
    )  # fmt: skip
    d = vjp(template, "receive", ["w", "k", "x"])
    assert d.lost == (
        "net_send delay in later, line 11", "net_send delay in receive, line 6",
        "net_move time in receive, line 8", "for_connections in receive, line 9",
    )  # fmt: skip
    assert jvp(template, "receive", ["t"]).lost == (
        "net_event time in later, line 13", "net_move time in receive, line 8",
        "for_connections in receive, line 9",
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
    template = made(code, random=("r",), weights=("w",))
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


def test_unknown_names():
    with pytest.raises(MechanismError, match="did you mean"):
        vjp(HH, "current", ["gnabr"])
    with pytest.raises(MechanismError, match="no block"):
        vjp(HH, "receive", ["v"])
    with pytest.raises(MechanismError, match="gnabar"):
        jvp(HH, "current", ["v"], ["gnabar"])
