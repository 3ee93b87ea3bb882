"""Remarks on a mod file that is legal, but may not say what its author meant. Each has a line and
a suggestion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from heliox.mechanisms.subset import Function
from heliox.mechanisms.template import read_before_set
from heliox.nmodl import syntax as ast
from heliox.nmodl.memory import Memory
from heliox.nmodl.source import Source
from heliox.nmodl.syntax import Program, read_names
from heliox.nmodl.units import Units

Found = Iterator[tuple[int, str]]
OWN_UNITS = {"v": "mV", "t": "ms", "dt": "ms", "celsius": "degC", "area": "um2", "diam": "um"}


def remarks(
    program: Program, memory: Memory, source: Source, functions: Mapping[str, Function]
) -> tuple[str, ...]:
    """All remarks, in the order of the file: ``line 12: ...``; `functions`: the blocks as they become."""
    found = {x for one in CHECKS for x in one(program, memory)}
    found |= set(_globals_of_the_step_before(program, functions))
    return tuple(f"line {source.place(at)[1]}: {what}" for at, what in sorted(found))


def _statements(program: Program) -> Iterator[tuple[ast.Block, ast.Statement]]:
    def walk(body: list[ast.Statement]) -> Iterator[ast.Statement]:
        for s in body:
            yield s
            yield from walk(getattr(s, "body", []))
            yield from walk(getattr(s, "orelse", []))
            for _, inner in getattr(s, "branches", []):
                yield from walk(inner)

    for b in program.blocks:
        for s in walk(b.body):
            yield b, s


def _assigned(program: Program) -> Iterator[tuple[ast.Block, ast.Assign]]:
    for b, s in _statements(program):
        if isinstance(s, ast.Assign):
            yield b, s


def r1_units_of_neurons_own(p: Program, m: Memory) -> Found:
    """v in mV, cai in mM, ik in mA/cm2: what the file declares otherwise is not converted."""
    units = Units(p.unit_names)
    expected = dict(OWN_UNITS)
    for ion in m.ions:
        expected |= {f"e{ion}": "mV", f"i{ion}": "nA" if p.kind == "point" else "mA/cm2"}
        expected |= {f"{ion}i": "mM", f"{ion}o": "mM"}
    for c in p.current_order:
        expected[c] = "nA" if p.kind == "point" else "mA/cm2"
    for d in (*p.assigned.values(), *p.parameters.values(), *p.states.values()):
        if d.name not in expected or not d.unit or (d.name in OWN_UNITS and m[d.name].kind != "builtin"):
            continue
        try:
            ours, theirs = units.value(d.unit), units.value(expected[d.name])
        except ValueError:
            continue
        if ours[1] != theirs[1] or abs(ours[0] / theirs[0] - 1.0) > 1e-9:
            yield (
                d.at,
                f"{d.name} is declared in ({d.unit}); NEURON gives it in ({expected[d.name]}) and converts "
                "nothing: convert it where it is used",
            )


def r2_read_only_ion_variables(p: Program, m: Memory) -> Found:
    """An ion variable that is assigned and not among WRITE."""
    written = {n for _, write, _ in m.ions.values() for n in write}
    for _, s in _assigned(p):
        name = s.target.id
        if name in m and m[name].kind == "ion" and name not in written:
            yield (
                s.at,
                f"{name} is only read: what is assigned ends with the block; add it to WRITE in USEION",
            )


def r3_states_without_equation(p: Program, m: Memory) -> Found:
    """A STATE that nothing changes."""
    kinetic = [s for _, s in _statements(p) if isinstance(s, (ast.Reaction, ast.Equation, ast.Conserve))]
    set_here = {s.target.id for b, s in _assigned(p) if b.kind != "INITIAL"} | read_names(kinetic)
    for name, d in p.states.items():
        if name not in set_here:
            yield (
                d.at,
                f"STATE {name} has no equation and keeps its first value; make it a PARAMETER, or "
                f"write {name}' =",
            )


def r4_unused_parameters(p: Program, m: Memory) -> Found:
    """A PARAMETER that nothing reads."""
    used = read_names([b.body for b in p.blocks]) | {n for b in p.blocks for n in b.args}
    for name, d in p.parameters.items():
        if name not in used and name in m and m[name].kind in ("parameter", "global"):
            yield d.at, f"PARAMETER {name} is read nowhere; remove it, or look for a misspelt name"


def r5_blocks_never_solved(p: Program, m: Memory) -> Found:
    """A DERIVATIVE or KINETIC block without SOLVE."""
    solved = {s.block for _, s in _statements(p) if isinstance(s, ast.Solve)}
    solved |= {s.call.id for _, s in _statements(p) if isinstance(s, ast.Do)}
    for b in p.blocks:
        if b.kind in ("DERIVATIVE", "KINETIC", "LINEAR", "NONLINEAR") and b.name not in solved:
            yield b.at, f"{b.kind} {b.name} is never solved; write SOLVE {b.name} METHOD ... in BREAKPOINT"


def r6_currents_never_set(p: Program, m: Memory) -> Found:
    """A current of NEURON that no statement sets."""
    set_here = {s.target.id for _, s in _assigned(p)} | {
        n for _, s in _statements(p) if isinstance(s, ast.Equation) for n in read_names(s)
    }
    for name in p.current_order:
        if name not in set_here and p.blocks:
            yield (
                p.suffix_at,
                f"the current {name} is never set and stays 0; write {name} = ... in BREAKPOINT",
            )


def r7_tables_without_depend(p: Program, m: Memory) -> Found:
    """A table of something that depends on a parameter missing in DEPEND."""
    for b, s in _statements(p):
        if not isinstance(s, ast.Tabulate):
            continue
        used = read_names([x for x in b.body if x is not s])
        for name in sorted(used - set(s.depend) - set(s.names)):
            if name in m and m[name].kind == "global" and name in p.parameters:
                yield (
                    s.at,
                    f"the TABLE depends on {name}, which DEPEND does not name: changing it changes nothing",
                )


def r8_range_without_declaration(p: Program, m: Memory) -> Found:
    """A RANGE name that is declared nowhere."""
    for name, at in p.range_.items():
        if name not in m:
            yield at, f"RANGE {name} is declared nowhere; declare it in PARAMETER or ASSIGNED"


def r9_globals_that_add_up(p: Program, m: Memory) -> Found:
    """A GLOBAL that is set from what it was: NEURON's instances would take turns."""
    for _, s in _assigned(p):
        name = s.target.id
        shared = name in m and m[name].kind in ("global", "global_assigned")
        if shared and name in read_names([s.value]):
            yield (
                s.at,
                f"{name} is shared by all instances in NEURON, which set it one after another; here every "
                "instance goes on from its own: make it RANGE, or count it outside",
            )


def _globals_of_the_step_before(p: Program, functions: Mapping[str, Function]) -> Found:
    """A GLOBAL that a block reads before another one sets it: NEURON's instances read the last one's."""
    counted = {s.target.id for _, s in _assigned(p) if s.target.id in read_names([s.value])}
    written = {n for b, f in functions.items() if "initial" not in b for n in f.returns}
    for name in read_before_set(functions) & written - counted:
        if name in p.global_:
            yield (
                p.global_[name],
                f"{name} is shared by all instances in NEURON, which read what the last of them set in the "
                "step before; here every instance reads its own: make it RANGE",
            )


def r10_rates_that_are_sums(p: Program, m: Memory) -> Found:
    """``~ A <-> B (a + b, c)``: NEURON's translator writes a + b*A."""
    for _, s in _statements(p):
        if isinstance(s, ast.Reaction) and s.kind == "<->":
            for rate in (s.forward, s.backward):
                if isinstance(rate, ast.Binary) and rate.op in "+-" and not rate.closed:
                    yield (
                        s.at,
                        "a rate of this reaction is a sum, of which NEURON multiplies only the last term "
                        "with the concentration; here it is meant as written: put it in parentheses",
                    )


CHECKS: tuple[Callable[[Program, Memory], Found], ...] = (
    r1_units_of_neurons_own, r2_read_only_ion_variables, r3_states_without_equation, r4_unused_parameters,
    r5_blocks_never_solved, r6_currents_never_set, r7_tables_without_depend, r8_range_without_declaration,
    r9_globals_that_add_up, r10_rates_that_are_sums,
)  # fmt: skip
