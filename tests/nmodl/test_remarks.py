"""Remarks on legal files: one test each, and silence where nothing is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliox.nmodl.translate import analyse

HEAD = "NEURON { SUFFIX x RANGE g USEION k READ ek WRITE ik }\nPARAMETER { g = 1 }\n"
END = "BREAKPOINT { ik = g*(v - ek) }\n"


def said(text: str) -> str:
    return "\n".join(analyse(text, "x.mod").remarks)


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        (HEAD + "UNITS { (mV) = (millivolt) (V) = (volt) }\nASSIGNED { v (mV) ek (V) ik }\n" + END, "line 4: ek is declared in (V); NEURON gives it in (mV)"),
        (HEAD + "ASSIGNED { v ek ik (nA) }\n" + END, "line 3: ik is declared in (nA); NEURON gives it in (mA/cm2)"),
        (HEAD + "ASSIGNED { v ek ik }\nBREAKPOINT {\n ek = -80\n ik = g*(v - ek) }", "line 5: ek is only read"),
        (HEAD + "ASSIGNED { v ek ik }\nSTATE { m }\nINITIAL { m = 1 }\n" + END, "line 4: STATE m has no equation"),
        (HEAD + "PARAMETER { lost = 3 }\nASSIGNED { v ek ik }\n" + END, "line 3: PARAMETER lost is read nowhere"),
        (HEAD + "ASSIGNED { v ek ik }\nSTATE { m }\n" + END + "DERIVATIVE s { m' = -m }", "line 6: DERIVATIVE s is never solved"),
        (HEAD + "ASSIGNED { v ek ik }\nBREAKPOINT { g = ek }", "line 1: the current ik is never set"),
        (
            HEAD + "PARAMETER { k1 = 2 k2 = 3 }\nASSIGNED { v ek ik r }\nBREAKPOINT { p(v) ik = r*g*(v - ek) }\n"
            "PROCEDURE p(x) {\n TABLE r DEPEND k1 FROM -100 TO 100 WITH 200\n r = x*k1 + k2 }",
            "line 7: the TABLE depends on k2",
        ),
        (HEAD.replace("g USEION", "g, gbra USEION") + "ASSIGNED { v ek ik }\n" + END, "line 1: RANGE gbra is declared nowhere"),
        (
            "NEURON { SUFFIX x GLOBAL n } ASSIGNED { n } INITIAL { n = n + 1 }",
            "line 1: n is shared by all instances in NEURON, which set it one after another",
        ),
        (
            "NEURON { SUFFIX x NONSPECIFIC_CURRENT i\n GLOBAL minf } ASSIGNED { v i minf } STATE { m }\n"
            "BREAKPOINT { SOLVE s METHOD cnexp i = minf*m*v }\nDERIVATIVE s { minf = v/10 m' = minf - m }",
            "line 2: minf is shared by all instances in NEURON, which read what the last of them set",
        ),
        (
            "NEURON { SUFFIX x } PARAMETER { a = 1 b = 2 } STATE { A B }\nBREAKPOINT { SOLVE k METHOD sparse }\n"
            "KINETIC k {\n ~ A <-> B (a + b, (a - b)) }",
            "line 4: a rate of this reaction is a sum",
        ),
    ],
)  # fmt: skip
def test_remark(text: str, remark: str) -> None:
    assert remark in said(text)


def test_nothing_to_remark() -> None:
    mods = Path(__file__).parent / "mods"
    for name in ("gates", "drive", "calcium"):
        assert said((mods / f"{name}.mod").read_text()) == ""
