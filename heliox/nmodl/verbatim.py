"""VERBATIM blocks: C code, which is never run. What does nothing for a simulation is dropped; the rest
is refused with advice.
"""

from __future__ import annotations

import re

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
_PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n\\]|\\\n)*", re.M)
_RETURN = re.compile(r"\breturn\s*[01]?\s*;")
_DECLARATION = re.compile(
    r"\b(?:extern|static)?\s*(?:unsigned\s+)?(?:double|int|long|char|void|FILE|Object|float)\b[\s*]*[\w\s,*\[\]]*(?:\([^(){}]*\))?\s*;"
)
_ION = re.compile(r"\b(\w+)\s*=\s*_ion_\1\s*;")  # HelioX loads ion variables before every block anyway
_PRINT = re.compile(r'\b(?:printf|fprintf|Fprintf|fflush)\s*\((?:[^();"]|"[^"]*"|\([^()]*\))*\)\s*;')
_ADVICE = (
    (
        re.compile(r"scop_random|nrn_random_pick|nrnran123|Rand"),
        "declare RANDOM r in NEURON and draw with random_uniform(r) and its kin",
    ),
    (
        re.compile(r"vector_instance_px|vector_capacity|vector_arg|hoc_getarg|ifarg"),
        "for spike times use NEURON's VecStim, for values Vector.play",
    ),
    (
        re.compile(r"_p_\w+|sprintf|hoc_|fopen"),
        "set what it computes from Python, as a parameter of each instance",
    ),
)


def trivial(text: str) -> bool:
    """Whether C code only declares, includes, prints or returns."""
    code = _COMMENT.sub(" ", text)
    code = _PREPROCESSOR.sub(" ", code)
    code = _RETURN.sub(" ", _PRINT.sub(" ", code))
    code = _DECLARATION.sub(" ", _ION.sub(" ", code))
    return not code.strip(" \t\n;")


def refusal(text: str) -> str | None:
    """What to say about a VERBATIM block that a simulation needs; None for one that may be dropped."""
    if trivial(text):
        return None
    lines = [x.strip() for x in _COMMENT.sub(" ", text).split("\n") if x.strip()]
    shown = lines[0][:60] if lines else ""
    advice = next(
        (a for p, a in _ADVICE if p.search(text)), "write it in NMODL: assignments, if, while and FUNCTIONs"
    )
    return f"VERBATIM holds C code, which is not run ({shown!r}); {advice}"
