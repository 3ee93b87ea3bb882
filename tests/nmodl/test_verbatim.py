"""C code of VERBATIM blocks: what is read as NMODL, what is refused, and with which words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from heliox.errors import MechanismError
from heliox.mechanisms.template import MechTemp
from heliox.nmodl import translate
from heliox.nmodl.c_tokens import _holds
from heliox.nmodl.translate import analyse
from tests.nmodl.reference import Instance

HEAD = (
    "NEURON { POINT_PROCESS x RANGE a, b, c POINTER p }\nPARAMETER { a = 2 b = 5 }\nASSIGNED { v c w[3] p }\n"
)


def c_code(code: str, declared: str = "") -> MechTemp:
    """A mechanism whose only statement is C."""
    return translate(f"{HEAD}{declared}BREAKPOINT {{\nVERBATIM\n{code}\nENDVERBATIM\n}}", "x.mod")


def value(code: str, name: str = "c", declared: str = "", **given: float) -> float:
    """What the C code leaves in a variable."""
    t = c_code(code, declared)
    x = Instance(t, SimpleNamespace(send=None))  # type: ignore[arg-type]
    f = t.functions["state"]
    known: dict[str, Any] = {
        "a": 2.0,
        "b": 5.0,
        "v": -65.0,
        "t": 1.5,
        "dt": 0.025,
        "c": 0.0,
        "w": [0.0] * 3,
        **given,
    }
    out = x.blocks["state"](*(known[n] for n in f.params))
    return dict(zip(f.returns, out if len(f.returns) > 1 else [out]))[name]


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("c = a*b - a/b;", 9.6),
        ("c = (int)(b/a) + 7/2;", 5.0),
        ("c = (int)(-b/a) + (-7)%3;", -3.0),
        ("int k; k = b/a; c = k;", 2.0),
        ("c = a > b ? a : b;", 5.0),
        ("c = a; c += b; c *= 3; c -= 1.; c /= a; c++; --c;", 10.0),
        ("double z = a, y; y = z*z; c = y;", 4.0),
        ("int k; for (k = 0, c = 0; k <= 4; k++) c += k;", 10.0),
        ("int k; for (k = 0; k < 10; ++k) { c = k; if (k*k > b) break; }", 3.0),
        ("int k; for (k = 2; k >= 0; k--) w[k] = k; c = w[1] + w[2];", 3.0),
        ("while (c < b) { c += 1.25; }", 5.0),
        ("do { c += 4; } while (c < 0);", 4.0),
        ("switch ((int)b) { case 4: c = 1; break; case 5: c = 2; break; default: c = 3; }", 2.0),
        ("if ((c = a*3) < b) c = 1; else if (c == 6.) { c = -c; }", -6.0),
        ("c = !(a == b) && a <= 2. || 0;", 1.0),
        ("c = pow(a, 3.) + fabs(-b) + sqrt(4.0) + hoc_Exp(0.);", 16.0),
        ("c = _nt->_dt + t + 0x10;", 17.525),
        ("if (cvode_active_) { hoc_execerror(\"no\", \"cvode\"); } c = 1; printf(\"%g\\n\", c);", 1.0),
        ("extern double foo(double*, int); /* c = 3; */ c = 4; // c = 5;", 4.0),
        ("#ifdef UNKNOWN\nc = 1;\n#elif NRN_VERSION_GTEQ(9,0,0) && !defined(CORENEURON_BUILD)\nc = 2;\n#else\nc = 3;\n#endif", 2.0),
    ],
)  # fmt: skip
def test_statements(code: str, result: float) -> None:
    assert value(code) == result


@pytest.mark.parametrize(
    ("test", "holds"),
    [
        ("1", True), ("0 || (1 && !0)", True), ("defined(NRN_VERSION_GTEQ_8_2_0)", True), ("NRNBBCORE", False),
        ("NRN_VERSION_LT(9,0,0)", False), ("NRN_VERSION_EQ(9,0,2)", True), ("NRN_VERSION_GTEQ(10, 4, 7)", False),
    ],
)  # fmt: skip
def test_preprocessor(test: str, holds: bool) -> None:
    assert _holds(test) is holds


def test_names_of_locals_arguments_pointers_and_macros() -> None:
    declared = "VERBATIM\n#define TWO 2.0\nconst int SEVEN = 7;\nENDVERBATIM\nFUNCTION f(x) {\nVERBATIM\n_lf = _lx * TWO;\nENDVERBATIM\n}\n"
    assert value("c = f(_threadargscomma_ a) + SEVEN + *_p_p;", declared=declared, p=100.0) == 111.0


def test_macros_with_arguments() -> None:
    declared = (
        "VERBATIM\n#if NRNBBCORE\n#define WHEN(test, what) what\n#else\n#define WHEN(test, what) if (test) { what; }\n#endif\n"
        "#define TWICE(x) (2 * (x))\nENDVERBATIM\n"
    )
    assert (
        value("c = TWICE(a + 1); WHEN(a > b, c = 7) WHEN(b > a, c += f(1, 2))", declared=declared + FUNCTION)
        == 9.0
    )


def test_c_functions_become_helpers() -> None:
    declared = (
        "VERBATIM\nstatic double cube(double x) { return x * square(x); }\n"
        "double square(double x) { if (x < 0) return 0.; return x * x; }\nENDVERBATIM\n"
    )
    assert value("c = cube(a) + square(-3.);", declared=declared) == 8.0


def test_statements_of_nmodl_between_two_pieces_of_c() -> None:
    text = HEAD + (
        "BREAKPOINT {\nVERBATIM\n{ double z = a; if (z > b) {\nENDVERBATIM\n c = 1\nVERBATIM\n} else {\nENDVERBATIM\n"
        " c = 10*z\nVERBATIM\n}}\nENDVERBATIM\n}"
    )
    t = translate(text)
    f = Instance(t, SimpleNamespace(send=None)).blocks["state"]  # type: ignore[arg-type]
    assert f(2.0, 5.0) == 20.0 and f(6.0, 5.0) == 1.0


def test_return_leaves_the_rest_out() -> None:
    text = HEAD + (
        "FUNCTION f(x) {\nLOCAL k\n FROM i = 0 TO 9 {\nVERBATIM\nif (_lx < _li) { return 10. * _li; }\nENDVERBATIM\n}\n"
        "VERBATIM\nif (_lx > 100) return 1.; else if (_lx > 50) { _lk = 3; }\nENDVERBATIM\n f = k }\n"
        "BREAKPOINT { c = f(a) }\n"
    )
    f = Instance(translate(text), SimpleNamespace(send=None)).space["f"]  # type: ignore[arg-type]
    assert [f(2.5), f(7.0), f(60.0), f(101.0), f(20.0)] == [30.0, 80.0, 3.0, 1.0, 0.0]


def test_return_in_net_receive() -> None:
    text = (
        HEAD
        + "NET_RECEIVE(weight) {\n if (weight < 0) {\nVERBATIM\nreturn;\nENDVERBATIM\n}\n c = c + weight\n}\nBREAKPOINT { c = c }"
    )
    f = Instance(translate(text), SimpleNamespace(send=None)).blocks["receive"]  # type: ignore[arg-type]
    assert f(-1.0, 4.0) == 4.0 and f(2.0, 4.0) == 6.0


FUNCTION = "FUNCTION f(x, y) { f = x + y }\n"
STREAM = """NEURON { ARTIFICIAL_CELL y RANGE c, interval BBCOREPOINTER rng }
PARAMETER { interval = 10 }
ASSIGNED { c rng usingR123 }
INITIAL { c = invl() net_send(c, 1) }
NET_RECEIVE(w) { if (flag == 1) { net_event(t) net_send(invl(), 1) } }
FUNCTION invl() { invl = interval*draw() }
"""
PICK = "FUNCTION draw() {\nVERBATIM\nif (_p_rng) {\n%s\n_ldraw = nrn_random_pick(_p_rng);\n} else {\nENDVERBATIM\n draw = %s\nVERBATIM\n}\nENDVERBATIM\n}"


def test_a_stream_is_drawn_from_by_name() -> None:
    t = translate(
        STREAM
        + "FUNCTION draw() {\nVERBATIM\ndouble value = 0.;\nif (usingR123) { value = nrnran123_dblpick((nrnran123_State*)_p_rng); }\n"
        "else if (_p_rng) { value = nrn_random_pick(RANDCAST _p_rng); }\n_ldraw = value;\nENDVERBATIM\n}\n"
        "PROCEDURE setRNG() {\nVERBATIM\nusingR123 = 0; *pv = nrnran123_newstream3(1, 2, 3); usingR123 = 1;\nENDVERBATIM\n}\n"
        "VERBATIM\n#define RANDCAST (Rand*)\nENDVERBATIM"
    )
    assert t.random == ("rng",) and t.pointers == ()
    assert "random_uniform(rng)" in t.helpers["draw"].text and "else" not in t.helpers["draw"].text
    assert "interval * draw(rng)" in t.helpers["invl"].text


def test_only_a_flag_that_nothing_else_sets_tells_of_streams() -> None:
    text = STREAM + (
        "FUNCTION draw() {\nVERBATIM\ncount += 1;\nif (usingR123) { _ldraw = nrnran123_dblpick(_p_rng) * count; }\nENDVERBATIM\n}\n"
        "PROCEDURE setRNG() {\nVERBATIM\ncount = 0; *pv = nrnran123_newstream3(1, 2, 3); count = 5; usingR123 = 1;\nENDVERBATIM\n}\n"
    )
    t = translate(text.replace("usingR123 }", "usingR123 count }"))
    assert (
        "random_uniform(rng) * count" in t.helpers["draw"].text and "usingR123" not in t.helpers["draw"].text
    )


@pytest.mark.parametrize(
    ("comment", "other", "drawn"),
    [
        ("", "exprand(1)", "random_negexp(rng, 1.0)"),
        ("", "normrand(0,1)", "random_normal(rng, 0.0, 1.0)"),
        ("", "scop_random()", "random_uniform(rng)"),
        ("/* must be set to Random.negexp(1) */", "0", "random_negexp(rng, 1.0)"),
        ("/* a comment copied: Random.negexp(1) */", "scop_random(1)", "random_uniform(rng)"),
    ],
)
def test_the_file_tells_the_distribution(comment: str, other: str, drawn: str) -> None:
    t = analyse(STREAM + PICK % (comment, other))
    assert drawn in t.emitted.helpers["draw"]
    assert any("the stream rng is taken to be" in n for n in t.notes)


@pytest.mark.parametrize(
    ("comment", "other"),
    [("", "0"), ("/* Random.uniform(0,1) or Random.negexp(1) */", "0"), ("", "exprand(c)")],
)
def test_an_unknown_distribution_is_asked_for(comment: str, other: str) -> None:
    text = STREAM + PICK % (comment, other)
    with pytest.raises(MechanismError, match=r'say it: translate\(..., draws={"rng": "uniform\(0, 1\)"}\)'):
        translate(text)
    t = translate(text, draws={"rng": "negexp(2.5)"})
    assert "random_negexp(rng, 2.5)" in t.helpers["draw"].text


def test_old_generators_draw_from_a_stream_if_asked() -> None:
    text = STREAM + "FUNCTION draw() { draw = exprand(3) + scop_random() }"
    with pytest.raises(MechanismError, match="the one generator of the process"):
        translate(text)
    t = translate(text, draws={"exprand": "noise"})
    assert t.random == ("noise",)
    assert "random_negexp(noise, 3.0) + random_uniform(noise)" in t.helpers["draw"].text


VECTOR = """NEURON { ARTIFICIAL_CELL stim POINTER ptr }
ASSIGNED { index etime (ms) ptr }
INITIAL { index = 0 next() if (index > 0) { net_send(etime - t, 1) } }
NET_RECEIVE(w) { if (flag == 1) { net_event(t) next() if (index > 0) { net_send(etime - t, 1) } } }
PROCEDURE next() {
VERBATIM
{ void* vv; int i, size; double* px;
  i = (int)index;
  if (i >= 0) {
    vv = *((void**)(&_p_ptr));
    if (vv) {
      size = vector_capacity(vv);
      px = vector_vec(vv);
      if (i < size) { etime = px[i]; index += 1.; } else { index = -1.; }
    } else { index = -1.; }
  }
}
ENDVERBATIM
}
PROCEDURE play() {
VERBATIM
void** pv = (void**)(&_p_ptr); *pv = ifarg(1) ? vector_arg(1) : 0;
ENDVERBATIM
}
"""


def test_a_vector_of_spike_times_is_a_list() -> None:
    t = translate(VECTOR)
    assert t.lists == {"spike_times": "ms"} and not t.pointers
    sent: list[tuple[float, float]] = []
    x = Instance(t, SimpleNamespace(send_at=lambda _, t, flag: sent.append((t, flag))))  # type: ignore[arg-type]
    assert x.blocks["initial"](0.0, 0.0, [2.0, 7.0]) == (1.0, 2.0)
    index, etime = x.blocks["receive"](2.0, 1.0, 1.0, 2.0, [2.0, 7.0])
    assert (index, etime) == (2.0, 7.0) and sent == [(2.0, 1.0), (7.0, 1.0)]  # at these times
    assert x.blocks["receive"](7.0, 1.0, 2.0, 7.0, [2.0, 7.0]) == (-1.0, 7.0)
    assert x.blocks["initial"](0.0, 0.0, []) == (-1.0, 0.0)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("c = secret;", "'secret' is a variable of C code"),
        ("c = drand48();", r"drand48\(\) is no function that is known here"),
        ("c = a++ + b;", "inside an expression"),
        ("c = 3 & 1;", "works on bits"),
        ("goto end; end: c = 1;", "no counterpart"),
        ("static double last = 0; c = last; last = a;", "keeps its value between calls"),
        ("c = info->size;", "'info' is a variable of C code"),
        ("if (a > b) { c = 1;", "is opened and not closed"),
        ("c = *(&a + 1);", "used as a number"),
        ("char* name = gargstr(1); c = name[0];", "no function that is known"),
        ("switch ((int)a) { case 1: c = 1; case 2: c = 2; break; }", "a case without break"),
        ("while (c++ < 3) {}", "is missing before"),
        ("c = a++;", "inside an expression"),
    ],
)
def test_refusals_point_into_the_c_code(code: str, words: str) -> None:
    with pytest.raises(MechanismError, match=words) as e:
        c_code("/* a comment */\n" + code)
    assert e.value.fields["line"] == 7 or "opened" in words
    assert "C code" in str(e.value)


def test_c_code_that_no_block_needs_is_never_looked_at() -> None:
    text = (
        HEAD
        + 'PROCEDURE setup() {\nVERBATIM\n system("rm"); *pv = nrn_random_arg(1);\nENDVERBATIM\n}\nBREAKPOINT { c = a }'
    )
    assert translate(text).functions["state"].params == ("a",)
