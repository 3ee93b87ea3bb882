"""Checks of declarations, one message each with what to do about it. What blocks may do is checked
while they are lowered.
"""

from __future__ import annotations

import math

from heliox.errors import nearest
from heliox.nmodl.memory import BUILTIN, Memory
from heliox.nmodl.source import Source
from heliox.nmodl.syntax import Program


def check(program: Program, memory: Memory, source: Source) -> None:
    """Run all checks."""
    for one in CHECKS:
        one(program, memory, source)


def c1_has_a_name(p: Program, m: Memory, s: Source) -> None:
    if not p.suffix:
        raise s.fail(
            0,
            "the file declares no mechanism; write NEURON { SUFFIX name } (or POINT_PROCESS, "
            "ARTIFICIAL_CELL)",
        )
    if p.suffix == "nothing":
        raise s.fail(
            p.suffix_at,
            "SUFFIX nothing declares functions for hoc, not a mechanism; there is nothing to simulate",
            functions_only=True,
        )


def c2_blocks_once(p: Program, m: Memory, s: Source) -> None:
    seen: dict[str, str] = {}
    for b in p.blocks:
        if b.name and b.name in seen:
            raise s.fail(b.at, f"{b.kind} {b.name} is defined twice; give one of them another name")
        if b.name:
            seen[b.name] = b.kind


def c3_names_of_blocks(p: Program, m: Memory, s: Source) -> None:
    for b in p.blocks:
        if b.name in m.symbols:
            raise s.fail(b.at, f"{b.name} is both a variable and a {b.kind}; rename one of them")


def c5_artificial(p: Program, m: Memory, s: Source) -> None:
    if p.kind == "artificial" and (p.current_order or p.ions):
        raise s.fail(
            p.suffix_at,
            "an ARTIFICIAL_CELL has no node, hence no currents and no ions; make it a POINT_PROCESS",
        )


def c6_external(p: Program, m: Memory, s: Source) -> None:
    for name, at in p.external.items():
        if name not in BUILTIN:
            raise s.fail(
                at,
                f"EXTERNAL {name}: variables of other files cannot be read; make it a PARAMETER and set "
                "it, or a POINTER",
            )


def c7_spelling(p: Program, m: Memory, s: Source) -> None:
    for name in (*p.parameters, *p.assigned):
        if name == "celcius":
            at = (p.parameters.get(name) or p.assigned[name]).at
            raise s.fail(at, "celcius is spelled celsius")


def c8_numbers(p: Program, m: Memory, s: Source) -> None:
    for d in (*p.parameters.values(), *p.states.values(), *p.constants.values()):
        if d.value is not None and not math.isfinite(float(d.value)):
            raise s.fail(d.at, f"{d.name} = {d.value[:20]}: larger than a double can be")


def c9_range(p: Program, m: Memory, s: Source) -> None:
    for name, at in p.range_.items():
        if name in ("area", "diam", "celsius", "dt", "t"):
            raise s.fail(at, f"{name} is NEURON's own and may not be RANGE")
    for name, at in p.global_.items():
        if name in p.range_:
            raise s.fail(
                at,
                f"{name} is both RANGE and GLOBAL; {nearest(name, ())}".replace(
                    "; there are none.", "; keep one of them"
                ),
            )


def c10_written_state(p: Program, m: Memory, s: Source) -> None:
    for name in p.states:
        if name in p.parameters or name in p.assigned:
            raise s.fail(p.states[name].at, f"{name} is a STATE and declared a second time; keep the STATE")


CHECKS = (
    c1_has_a_name, c2_blocks_once, c3_names_of_blocks, c5_artificial, c6_external, c7_spelling,
    c8_numbers, c9_range, c10_written_state,
)  # fmt: skip
