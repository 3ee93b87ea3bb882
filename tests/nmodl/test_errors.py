"""Damaged, hostile and unsupported text: a MechanismError that says where and what instead, quickly,
and nothing else.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from heliox.errors import MechanismError
from heliox.nmodl import python_text, translate

MODS = sorted((Path(__file__).parent / "mods").glob("*.mod"))
HEAD = (
    "NEURON { SUFFIX x RANGE g NONSPECIFIC_CURRENT i }\nPARAMETER { g = 1 }\nASSIGNED { v i }\nSTATE { m }\n"
)


def refuse(text: str) -> MechanismError:
    start = time.perf_counter()
    with pytest.raises(MechanismError) as e:
        translate(text, "x.mod")
    assert time.perf_counter() - start < 5.0
    return e.value


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "declares no mechanism"),
        ("NEURON { SUFFIX nothing }", 1, "nothing to simulate"),
        (HEAD + "BREAKPOINT { i = g*w }", 5, "'w' is not declared"),
        (HEAD + "BREAKPOINT {\n  i = g*(v\n}", 7, "is missing"),
        (HEAD + "BREAKPOINT { i = g*exprand(1) }", 5, "RANDOM"),
        (HEAD + "BREAKPOINT { i = foo(v) }", 5, "not a function"),
        (HEAD + "BREAKPOINT { i = exp(v, 1) }", 5, "takes 1 argument"),
        (HEAD + "BREAKPOINT { SOLVE s METHOD cnexp i = g }", 5, "no such block"),
        (HEAD + "BREAKPOINT { SOLVE s METHOD runge i = g }\nDERIVATIVE s { m' = -m }", 5, "cnexp"),
        (HEAD + "BREAKPOINT { SOLVE s METHOD cnexp i = g }\nDERIVATIVE s { m'' = -m }", 6, "higher derivatives"),
        (HEAD + "BREAKPOINT { i = g }\nINITIAL {\nVERBATIM\n m = vector(3);\nENDVERBATIM }", 8, "C code"),
        (HEAD + "BREAKPOINT { i = f(v) }\nFUNCTION f(x) { f = f(x - 1) }", 6, "calls itself"),
        (HEAD + "BREAKPOINT { i = t dt = 3 }", 5, "may not be assigned"),
        (HEAD + "BREAKPOINT { i = g[2] }", 5, "not an array"),
        (HEAD + "ASSIGNED { w[3] }\nBREAKPOINT { i = w[3] }", 6, "outside its 3"),
        (HEAD + "BREAKPOINT { i = g } \x00", 5, "binary"),
        (HEAD + "INCLUDE \"other.inc\"\n", 5, "no such file"),
        (HEAD + "DISCRETE d { m = 1 }", 5, "DISCRETE"),
        (HEAD + "BREAKPOINT { i = g }\nPARAMETER { i = }", 6, "a number is expected"),
        (HEAD + "UNITS { X = (parrot) (mV) }", 5, "parrot"),
        (HEAD + "COMMENT never closed", 5, "ENDCOMMENT"),
        (HEAD + "FUNKTION f() { f = 1 }", 5, "did you mean 'FUNCTION'"),
        (HEAD + "BREAKPOINT { i = g + # }", 5, "no meaning"),
        ("NEURON { SUFFIX x USEION na READ foo }", 1, "no variable of ion"),
        ("NEURON { ARTIFICIAL_CELL x NONSPECIFIC_CURRENT i }", 1, "POINT_PROCESS"),
    ],
)  # fmt: skip
def test_refusals_say_where_and_what(text: str, line: int, words: str) -> None:
    e = refuse(text)
    assert words in str(e)
    assert e.fields["line"] == line
    assert e.fields["file"] == "x.mod"


def test_position_and_offending_text() -> None:
    e = refuse(HEAD + "BREAKPOINT {\n    i = g *** v\n}")
    assert (e.fields["line"], e.fields["column"]) == (6, 12)
    assert e.fields["text"] == "i = g *** v"


HOSTILE = {
    "parentheses": HEAD + "BREAKPOINT { i = " + "(" * 50_000 + "1" + ")" * 50_000 + " }",
    "minus": HEAD + "BREAKPOINT { i = " + "-" * 50_000 + "1 }",
    "sum": HEAD + "BREAKPOINT { i = " + "+".join(["1"] * 100_000) + " }",
    "powers": HEAD + "BREAKPOINT { i = " + "^".join(["2"] * 50_000) + " }",
    "blocks": HEAD + "BREAKPOINT { " + "{" * 50_000,
    "elses": HEAD + "BREAKPOINT { if (v) { i = 1 } " + "else if (v) { i = 1 } " * 20_000 + "}",
    "loop": HEAD + "BREAKPOINT { FROM i = 0 TO 2000000000 { m = 1 } }",
    "array": HEAD + "ASSIGNED { x[2000000000] }",
    "long number": HEAD + "PARAMETER { y = 1" + "0" * 100_000 + " }",
    "exponent": HEAD + "PARAMETER { y = 1e999999 }",
    "table": HEAD + "BREAKPOINT { f(v) i = g }\nPROCEDURE f(v) { TABLE m FROM 0 TO 1 WITH 2000000000\n m = v }",
    "huge": HEAD + " " * 2_000_000,
    "string": HEAD + 'BREAKPOINT { printf("' + "a" * 500_000,
    "reactions": HEAD + "BREAKPOINT { SOLVE k METHOD sparse i = g }\nKINETIC k { FROM a = 0 TO 3000 { ~ m <-> m (1, 1) } }",
    "unit": HEAD + "UNITS { (a) = (b) (b) = (a) X = (a) (a) }",
    "prefixes": HEAD + "UNITS { X = (" + "kilo" * 1000 + "m) (m) }",
    "dense": HEAD.replace("m }", "m d[200] }") + "BREAKPOINT { SOLVE k METHOD sparse i = g }\nKINETIC k { FROM a = 0 TO 60 {"
    "FROM b = 0 TO 60 { ~ d[a] <-> d[60 + b] (1, 1) } } }",
    "names": HEAD + "PARAMETER { " + " ".join(f"a{k} = {k}" for k in range(30_000)) + " }\nBREAKPOINT { i = q }",
    "helpers": HEAD + "".join(f"FUNCTION f{k}(x) {{ f{k} = f{k + 1}(x) }}\n" for k in range(3_000)) + "BREAKPOINT { i = f0(v) }",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text(name: str) -> None:
    refuse(HOSTILE[name])


SCRAPS = (
    "1e400 99999999999 -1 [100000] ^^ VERBATIM\n ENDVERBATIM COMMENT if(x){ ((((((( \x00 é TABLE SOLVE ~ <-> return "
    "nrn_random_pick(_p_p) for(k=0;;) LONGITUDINAL_DIFFUSION FUNCTION_TABLE \" : '"
).split(" ")


def damaged(text: str, r: random.Random) -> str:
    """`text` after one to four accidents: cuts, doubled or foreign pieces, stray signs."""
    for _ in range(r.choice((1, 1, 2, 4))):
        k = r.randrange(len(text) + 1)
        j = min(len(text), k + r.randrange(60))
        text = r.choice(
            (
                text[:k],
                text[:k] + text[j:],
                text[:k] + r.choice("(){}'~^<>=&|!@[]0:\"*/;,.-+#?%$\\\n") + text[k:],
                text[:k] + " " + r.choice(SCRAPS) + " " + text[k:],
                text[:k] + text[k:j] * r.choice((1, 2, 20)) + text[j:],
            )
        )
    return text


@pytest.mark.parametrize("file", MODS, ids=lambda f: f.stem)
def test_damaged_files(file: Path) -> None:
    """Translated or refused with file and line, never anything else; what is written compiles."""
    r = random.Random(file.stem)
    whole = file.read_text()
    for _ in range(40):
        text = damaged(whole, r)
        try:
            translate(text, "x.mod")
            compile(python_text(text, "x.mod"), "x", "exec")
        except MechanismError as e:
            assert e.fields["file"] == "x.mod" and e.fields["line"] >= 1  # type: ignore[operator]
