"""Constructs of the language, one by one: what they become."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

from heliox.errors import MechanismError
from heliox.mechanisms.template import Diffusion, MechTemp, Var
from heliox.nmodl import python_text, translate
from heliox.nmodl.ir import Binary, Name, Num, Unary
from heliox.nmodl.linear_split import split
from heliox.nmodl.translate import analyse
from heliox.nmodl.units import Units
from tests.nmodl.reference import Instance

MODS = sorted((Path(__file__).parent / "mods").glob("*.mod"))
POINT = "NEURON { POINT_PROCESS x RANGE a, b, c, n }\nPARAMETER { a = 1 b = 2 }\nASSIGNED { v c n }\n"


def function(template: MechTemp, name: str) -> str:
    """Text of a block or helper, without the line of its name."""
    f = template.functions.get(name) or template.helpers[name]
    return "\n".join(line.strip() for line in ast.unparse(f.tree).split("\n")[1:])


def statement(text: str, declared: str = "") -> str:
    """What one statement of BREAKPOINT becomes."""
    return function(translate(POINT + declared + "BREAKPOINT { " + text + " }"), "state")


@pytest.mark.parametrize(
    ("nmodl", "python"),
    [
        ("c = a + b*2 - 3/4", "c = a + b * 2.0 - 3.0 / 4.0"),
        ("c = -a^2", "c = -(a * a)"),
        ("c = (-a)^2", "c = -a * -a"),
        ("c = a^b^2", "c = a ** (b * b)"),
        ("c = a^3", "c = a ** 3.0"),
        ("c = b/pow(a + b, 2.)", "c = b / ((a + b) * (a + b))"),
        ("c = b*a^-1", "c = b * (1.0 / a)"),
        ("c = exp(a)^2", "c = exp(a) ** 2.0"),
        ("c = 2^-1", "c = 1.0 / 2.0"),
        ("c = a - (b - 1)", "c = a - (b - 1.0)"),
        ("c = (a - b) - 1", "c = a - b - 1.0"),
        ("c = a/(b*2)", "c = a / (b * 2.0)"),
        ("c = a*(1e-3) + 5 (mV)", "c = a * 0.001 + 5.0"),
        ("c = -a*b", "c = -a * b"),
        ("c = (a > b)", "c = 1.0 if a > b else 0.0"),
        ("c = !a == b", "c = 1.0 if (1.0 if not a != 0.0 else 0.0) == b else 0.0"),
        ("c = .5e3 + 1. + 007", "c = 500.0 + 1.0 + 7.0"),
        ("c = exp(a) + fabs(b)", "c = exp(a) + fabs(b)"),
        ("c = at_time(a)", "c = 1.0 if a - 1e-11 <= t and a - 1e-11 > t - dt else 0.0"),
    ],
)
def test_expressions_keep_their_order(nmodl: str, python: str) -> None:
    assert statement(nmodl).split("\n")[0] == python


def test_conditions() -> None:
    text = statement("if (a < b && !(a == 1) || b) { c = 1 } else if (a) { c = 2 } ELSE { c = 3 }")
    assert text.split("\n")[:2] == ["if a < b and (not a == 1.0) or b != 0.0:", "c = 1.0"]
    assert "elif a != 0.0:" in text


def test_procedures_return_what_is_used() -> None:
    t = translate(
        POINT
        + "BREAKPOINT { LOCAL w\n w = 2 p(w) c = n*w }\nPROCEDURE p(w) { LOCAL q\n q = w*a n = q w = 0 }"
    )
    assert t.helpers["p"].params == ("w", "a")
    assert t.helpers["p"].returns == ("n",)
    assert "n = p(w, a)" in function(t, "state")


def test_hidden_variables_are_locals_unless_remembered() -> None:
    hidden = "ASSIGNED { h k }\nINITIAL { k = 3 }\nBREAKPOINT { h = a*k c = h }"
    t = translate(POINT + hidden)
    assert "k" in t.assigned and "h" not in t.assigned


def test_globals_set_before_read_belong_to_the_instance() -> None:
    head = "NEURON { SUFFIX y GLOBAL inf, last RANGE c }\nASSIGNED { v inf last c }\n"
    t = translate(head + "BREAKPOINT { inf = v*2 c = inf + last last = v }")
    assert "inf" in t.assigned and "last" in t.globals_
    assert "last" in t.functions["state"].returns


def test_functions_that_write_are_called_once_in_front() -> None:
    t = translate(POINT + "BREAKPOINT { c = 1 + f(a) }\nFUNCTION f(x) { n = x f = x*2 }")
    assert function(t, "state").startswith("f_result, n = f(a)\nc = 1.0 + f_result")


def test_names_that_python_needs() -> None:
    t = analyse((Path(__file__).parent / "mods" / "names.mod").read_text())
    assert t.rename == {"in": "in_", "is": "is_", "lambda": "lambda_", "range": "range_"}
    assert "lambda -> lambda_" in python_text((Path(__file__).parent / "mods" / "names.mod").read_text())


def test_arrays_and_loops() -> None:
    t = translate((Path(__file__).parent / "mods" / "legacy.mod").read_text())
    assert t.assigned["w"].size == 4
    assert "for j in range(4):" in function(t, "initial")
    assert "for turn in range(100000):\nif not y < top * x + 1.0:\nbreak" in function(t, "iterate")


def test_events() -> None:
    t = analyse(
        "NEURON { POINT_PROCESS w RANGE n, thr RANDOM r }\nPARAMETER { thr = -20 }\nASSIGNED { v n }\n"
        "INITIAL { net_send(random_uniform(r, 2, 5), 1) }\n"
        "NET_RECEIVE(wt, A) { INITIAL { A = 1 }\n if (flag == 1) { WATCH (v > thr) 2, (v < thr - 30) 3 }\n"
        "else if (flag == 2) { n = n + 1 FOR_NETCONS(u, B) { B = B + n*u } } else { net_event(t) net_move(t + 1) } }"
    )
    assert t.declared["weights"] == ("wt", "A")
    text = t.emitted.functions
    assert "watch(0, 2.0)\n        watch(1, 3.0)" in text["receive"]
    assert text["watch_1"].endswith("difference = -(v - (thr - 30.0))\n    return difference\n")
    assert text["receive_each"].endswith("A = A + n * wt\n    return A\n")
    assert "net_send(2.0 + random_uniform(r) * (5.0 - 2.0), 1.0)" in text["initial"]


def test_verbatim_that_does_nothing_is_dropped() -> None:
    text = "VERBATIM\n#include <math.h>\nextern double nrn_x(double* p, int n);\n/* x = 3; */\nENDVERBATIM\n"
    t = translate(
        POINT + text + 'BREAKPOINT { c = 1\nVERBATIM\n return 0;\n printf("%g", c);\nENDVERBATIM\n}'
    )
    assert function(t, "state") == "c = 1.0\nreturn c"


def test_old_line_ends_and_includes(tmp_path: Path) -> None:
    (tmp_path / "part.inc").write_text("FUNCTION f(x) {\n f = x*w\n}\n")
    text = POINT + 'BREAKPOINT { c = f(a) }\nINCLUDE "part.inc"\n'
    with pytest.raises(Exception, match=r"part.inc:2:8: 'w' is not declared"):
        translate(text, "x.mod", [tmp_path])
    (tmp_path / "part.inc").write_text("FUNCTION f(x) {\r\n f = x*a\r}\r")
    assert translate(text.replace("\n", "\r"), "x.mod", [tmp_path]).helpers["f"].params == ("x", "a")
    with pytest.raises(Exception, match="no such file"):
        translate(POINT + 'INCLUDE "../part.inc"', "x.mod", [tmp_path / "inner"])


def test_comments_are_carried_over() -> None:
    text = python_text(POINT + "BREAKPOINT {\n : why it is so\n c = a : what it is\n}", "x.mod")
    assert "    # why it is so\n    c = a  # what it is\n" in text


@pytest.mark.parametrize("file", MODS, ids=lambda f: f.stem)
def test_written_file_is_the_same_mechanism(file: Path, tmp_path: Path) -> None:
    """The text of `python_text`, imported as a module, declares what `translate` returns."""
    path = tmp_path / f"{file.stem}_translated.py"
    path.write_text(python_text(file.read_text(), file.name))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    ours, theirs = translate(file.read_text(), file.name), module.template
    for field in (
        "name",
        "kind",
        "parameters",
        "states",
        "assigned",
        "globals_",
        "ions",
        "currents",
        "electrode",
        "weights",
        "random",
        "pointers",
        "lists",
        "tables",
        "diffusion",
        "renamed",
    ):
        assert getattr(ours, field) == getattr(theirs, field), field
    for field in ("functions", "helpers"):
        mine, written = getattr(ours, field), getattr(theirs, field)
        assert set(mine) == set(written)
        for name in mine:
            assert ast.dump(mine[name].tree) == ast.dump(written[name].tree), name


@pytest.mark.parametrize("file", MODS, ids=lambda f: f.stem)
def test_text_of_the_declaration_is_complete(file: Path) -> None:
    t = translate(file.read_text(), file.name)
    assert MechTemp.from_text(t.to_text()).to_text() == t.to_text()


def test_diffusion_has_a_block_for_every_element() -> None:
    t = translate((Path(__file__).parent / "mods" / "spread.mod").read_text())
    assert t.diffusion == (Diffusion("ca[0]", "diffuse_ca_0"), Diffusion("ca[1]", "diffuse_ca_1"))
    assert function(t, "diffuse_ca_1").split("\n") == [
        "coefficient = DCa * diam * diam * vol[1]",
        "volume = diam * diam * vol[1]",
        "return (coefficient, volume)",
    ]
    block = {"diffuse_x": t.functions["diffuse_ca_0"]}
    with pytest.raises(MechanismError, match=r"diffusion of 'x\[2\]'; did you mean 'x\[1\]'"):
        MechTemp(
            "s", "density", block, states={"x": Var(size=2)}, parameters=["DCa"], assigned={"vol": Var(size=2)},
            diffusion=(Diffusion("x[2]", "diffuse_x"),),
        )  # fmt: skip


def test_diffusion_without_compartment_has_volume_1() -> None:
    t = translate(
        "NEURON { SUFFIX d }\nSTATE { volume }\nPARAMETER { coefficient = 2 }\nBREAKPOINT { SOLVE k METHOD sparse }\n"
        "KINETIC k { LONGITUDINAL_DIFFUSION coefficient*volume {volume}\n ~ volume -> (1) }"
    )
    lines = function(t, "diffuse_volume").split("\n")
    assert lines[:2] == ["coefficient = coefficient * volume", "volume = 1.0"]


def test_function_tables_interpolate_in_lists() -> None:
    t = translate(POINT + "BREAKPOINT { c = rate(a) }\nFUNCTION_TABLE rate(x)")
    assert set(t.lists) == {"rate_x", "rate_y"}
    f = Instance(t, SimpleNamespace(send=None)).blocks["state"]  # type: ignore[arg-type]
    values = [f(x, [0.0, 1.0, 4.0], [5.0, 7.0, 1.0]) for x in (-1.0, 0.5, 1.0, 3.0, 9.0)]
    assert values == [5.0, 6.0, 7.0, 3.0, 1.0]


def test_tables_of_arrays_are_tables_of_their_elements() -> None:
    t = translate(
        "NEURON { SUFFIX y RANGE c }\nASSIGNED { v c inf[2] }\nBREAKPOINT { p(v) c = inf[0] + inf[1] }\n"
        "PROCEDURE p(x) { TABLE inf FROM -100 TO 100 WITH 200\n FROM i = 0 TO 1 { inf[i] = x*(i + 1) } }"
    )
    assert [x.function for x in t.tables] == ["p_elements"]
    assert "inf[0] = inf_0" in t.helpers["p"].text


def test_tables_of_instances_are_left_out() -> None:
    t = analyse(POINT + "BREAKPOINT { p(v) c = n }\nPROCEDURE p(x) { TABLE n FROM 0 TO 1 WITH 9\n n = a*x }")
    assert not t.declared["tables"] and "set usetable_x = 0" in t.notes[0]


def test_a_mechanism_without_suffix_is_called_as_its_file() -> None:
    t = translate(
        "NEURON { RANGE g }\nPARAMETER { g = 1 }\nASSIGNED { v i }\nBREAKPOINT { i = g*v }", "folder/leak.mod"
    )
    assert t.name == "leak"


def test_a_block_of_derivatives_may_be_called() -> None:
    t = translate(
        "NEURON { SUFFIX y }\nSTATE { m }\nINITIAL { m = 1 s() }\nBREAKPOINT { SOLVE s METHOD cnexp }\nDERIVATIVE s { m' = -m }"
    )
    assert "m = cnexp(m, -1.0, 0.0, dt)" in t.functions["initial"].text


def test_split_by_structure() -> None:
    x, a, b = Name("x"), Name("a"), Name("b")
    s = split(Binary("/", Binary("-", a, x), b), "x")
    assert s.slope == Binary("/", Unary("-", Num("1.0")), b)
    assert s.b == Binary("/", a, b)
    assert not split(Binary("/", a, x), "x").smooth
    assert not split(Binary("*", x, x), "x").linear


@pytest.mark.parametrize(
    ("first", "second", "value"),
    [
        ("faraday", "coulomb", "0x1.78e555060882cp+16"),
        ("k-mole", "joule/degC", "0x1.0a1013e8990bep+3"),
        ("faraday", "kilocoulombs", "0x1.81f0fae775425p+6"),
        ("pi", "1", "0x1.921fb54442d18p+1"),
        ("mV", "volt", "0x1.0624dd2f1a9fcp-10"),
    ],
)
def test_units_are_those_of_neuron(first: str, second: str, value: str) -> None:
    """Values printed by NEURON 9.0.2's translator."""
    assert Units({"mV": "millivolt"}).ratio(first, second) == float.fromhex(value)


def test_defaults_have_six_digits_as_in_neuron() -> None:
    t = translate(
        "NEURON { SUFFIX y RANGE a }\nPARAMETER { a = 16.66666667 b = 123456789 }\n"
        "CONSTANT { k = 0.123456789 }\nSTATE { z START 0.123456789 }\nBREAKPOINT { z = a + b + k }"
    )
    assert t.parameters["a"].default == 16.6667
    assert t.globals_["b"].default == 1.23457e8
    assert t.states["z"].default == 0.123457
    assert t.constants["k"] == 0.123456789


def test_titles_and_comments_cannot_break_the_text() -> None:
    """Quotes and backslashes of the author stay inside docstrings and comments."""
    for title in ('say "hi"', "ends in \\", 'three """ quotes', "'''", 'é "'):
        head = f"TITLE {title}\nCOMMENT\n {title}\nENDCOMMENT\n: {title}\n"
        body = f"BREAKPOINT {{ c = f(a) : {title}\n}}\n: {title}\nFUNCTION f(x) {{ f = x }}\n"
        for text in (f"TITLE {title}\n{POINT}{body}", head + POINT + body):
            compile(python_text(text, "x.mod"), "x", "exec")
