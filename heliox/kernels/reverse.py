"""The steps of a window in reverse, and their tangents: both walk over the tape and the log of events.

A row of the tape holds the state behind the first delivery of a step. From there the first half of the step
is run again, which gives currents, pivots and increments; then the derivative of each phase is taken, in the
opposite order (``reverse``) or in the step's own (``tangent``).
"""

from __future__ import annotations

from collections.abc import Sequence

from heliox.errors import UnsupportedError
from heliox.kernels.context import ARGS, EVENTLESS, W
from heliox.kernels.differentiated import Differentiated
from heliox.kernels.jvp import TangentWriter
from heliox.kernels.linear import LinearWriter, differentiated
from heliox.kernels.linear_events import receipt, replay
from heliox.kernels.loops import Loops
from heliox.kernels.mechanism_text import slope
from heliox.kernels.program import Program
from heliox.kernels.vjp import AdjointWriter
from heliox.mechanisms.varstruct import VarStruct

REFUSED = ("before_breakpoint", "after_solve", "before_step")
WRITERS = {"vjp": AdjointWriter, "jvp": TangentWriter}
SOLVE = "_visit, _parent, _stretches, _stretch_n"
COEFFICIENTS = f"_base + _U(_G[_g, _A_BAR]), _base + _U(_G[_g, _B_BAR]), {SOLVE}"
CALL = f"{ARGS}, _T, _B, _RB, _SB, _SP, _order, _steps, _origin, _offset, _dt, _width, _kind"


class ReverseLoops:
    """Writes everything that a program with an `Adjoint` has beyond the forward module."""

    def __init__(self, program: Program, loops: Loops) -> None:
        self.program, self.loops = program, loops
        self.d = Differentiated(program)
        self.modes = ["vjp", *(["jvp"] if program.adjoint and program.adjoint.tangent else [])]
        self.scratch = loops.scratch
        self.loop_of: set[tuple[str, str, str]] = set()
        self._refuse()

    def _refuse(self) -> None:
        currents = sorted(n for n in self.d.active_ions if n[:1] == "i")
        if self.program.secondorder == 2 and currents:
            raise UnsupportedError(
                f"derivatives with secondorder 2 of models that read ion currents ({', '.join(currents)}) "
                "are not available; use secondorder 0 or 1"
            )
        for m in self.program.mechanisms:
            t = m.template
            for b in REFUSED:
                if b in t.functions and differentiated(self.d, m, b, "vjp") is not None:
                    raise UnsupportedError(
                        f"{t.name}: derivatives of {b} are not available", mechanism=t.name
                    )
            if t.diffusion:
                raise UnsupportedError(
                    f"{t.name}: derivatives of diffusion along the cell are not available", mechanism=t.name
                )

    # ------------------------------------------------------------------ text

    def texts(self) -> list[str]:
        out = []
        for mode in self.modes:
            for m in self.program.mechanisms:
                out += self._mechanism(m, mode)
            out.append(replay(self.d, mode))
        out.append(f"REVERSE_SCRATCH = {self.scratch}")
        out.append(self._group_reverse())
        if "jvp" in self.modes:
            out.append(self._group_tangent())
        out.append(self._entry("reverse"))
        if "jvp" in self.modes:
            out.append(self._entry("tangent"))
        out.append(self._initial("vjp"))
        if "jvp" in self.modes:
            out.append(self._initial("jvp"))
        return out

    def _mechanism(self, m: VarStruct, mode: str) -> list[str]:
        t = m.template
        if t.name == "capacitance":
            return [_capacitance(m, mode)] if "cm" in self.d.own(m) else []
        blocks = [b for b in ("initial", "current", "state") if self.has(m, b, mode)]
        writers = [WRITERS[mode](self.d, self.loops.context, m, b) for b in blocks]
        self.scratch = max([self.scratch, *(len(w.slots) for w in writers)])
        self.loop_of |= {(t.name, b, mode) for b in blocks}
        loops = [text for w in writers for text in w.write()]
        return [*self.functions(m, mode, writers), *loops]

    def has(self, m: VarStruct, block: str, mode: str) -> bool:
        """Whether a block has a derivative that matters."""
        return block in m.template.functions and differentiated(self.d, m, block, mode) is not None

    def functions(self, m: VarStruct, mode: str, writers: Sequence[LinearWriter]) -> list[str]:
        """What the loops of a mechanism, or of one of its instances, call; and its receipt of events."""
        made: set[str] = set()
        out = [slope(m, table) for table in m.template.tables] if mode == "vjp" else []
        for w in writers:
            out += w.functions(made)
        if "receive" in m.template.functions:
            out += receipt(self.d, self.loops.context, m, mode, made)
        return out

    def _derivatives(self, block: str, mode: str) -> list[str]:
        """Calls of the derivatives of a block, in model order."""
        return [
            f"{m.template.name}_{block}_{mode}_loop({EVENTLESS}, _B, _S, _g, _t, _dt)"
            for m in self.program.mechanisms
            if (m.template.name, block, mode) in self.loop_of
        ]

    def writers(self) -> list[tuple[VarStruct, list[str]]]:
        """Mechanisms whose `state` writes to pools that others may read in the same phase."""
        out = []
        for m in self.program.mechanisms:
            f = m.template.functions.get("state")
            t = m.template
            written = [n for n in (f.returns if f else ()) if n in t.ion_names and n not in t.currents]
            if written:
                out.append((m, written))
        return out

    @property
    def factor(self) -> float:
        return 2.0 if self.program.secondorder else 1.0

    def _again(self) -> tuple[list[str], list[str]]:
        """The first half of a step from a row of the tape: up to the solution, and what follows from it."""
        loops = self.loops
        fixed = loops.fixed_calls()
        solved = [
            "_row = _U(_G[_g, _TAPE]) + _U(_k) * _U(_G[_g, _ROW])",
            "_t = tape_load(_A, _I, _TP, _base, _row, _ranges, _range_n)",
            *fixed["clear"],
            *loops.calls("current"),
            *loops.calls("capacitance"),
            *fixed["axial"],
            *fixed["couple"],
            *fixed["eliminate"],
            *fixed["substitute"],
        ]
        followed = [
            *loops.calls("correct_ions"),
            f"update(_A, _v, _rhs, _n, {self.factor}, 1e300)",
            "_kept = _G[_g, _CONSTANT] > 0",
            *fixed["lay_sources"],
            *fixed["take_targets"],
            "_t = _t + 0.5 * _dt",
            *fixed["play"],
        ]
        return solved, followed

    def _head(self, name: str, doc: str) -> str:
        bases = "\n".join([*self.loops.bases("    "), *self.loops.begin("    ")])
        return f'''\
@owner
def {name}({CALL}, _g):
    """{doc}"""
    _S = scratch(REVERSE_SCRATCH * {W})
    _cj = {"2.0 / _dt" if self.program.secondorder else "1.0 / _dt"}
{bases}
    _ranges = _U(_G[_g, _RANGES])
    _range_n = _G[_g, _RANGE_N]
    _kept = False'''

    def _group_reverse(self) -> str:
        p = self.program
        solved, followed = self._again()
        shelf = "_U(_G[_g, _SHELF])"
        lines = [
            f"while _e > 0 and {logged_at('_e - 1', '_k + 1', 2)}:",
            "    _e -= 1",
            *self.replayed(),
            "record_adjoint(_B, _RA, _RB, _G[_g, _REC0], _G[_g, _REC1], _offset + _k + 1)",
            *solved,
            *followed,
            *self._state_reverse(),
            *self.played(),
        ]
        if p.transfers:
            lines += [
                f"take_adjoint(_B, _I, _base, {shelf}, _U(_G[_g, _TAKE]), _G[_g, _TAKEN])",
                f"lay_adjoint(_B, _I, _base, {shelf}, _U(_G[_g, _LAY]), _G[_g, _LAID])",
            ]
        lines += [
            f"transposed_right_side(_B, _rhs, _v, _n, {self.factor})",
            *self.loops.solution_again(transposed=True),
            "diagonal_adjoint(_A, _B, _rhs, _d, _n)",
            f"axial_adjoint(_B, _P, _I, _v, _rhs, _a, _b, {SOLVE})",
            "_t = tape_load(_A, _I, _TP, _base, _row, _ranges, _range_n)",
        ]
        if p.adjoint and p.adjoint.geometry:
            lines.append(f"coefficient_adjoint(_A, _B, _I, _v, _rhs, _d, {COEFFICIENTS})")
        if self.trains_cm():
            lines.append(f"capacitance_vjp({EVENTLESS}, _B, _g, _d, _cj)")
        lines += [
            *reversed(self._derivatives("current", "vjp")),
            *self.played(),
            f"while _e > 0 and {logged_at('_e - 1', '_k', 1)}:",
            "    _e -= 1",
            *self.replayed(),
            *self.detect("vjp"),
        ]
        body = "\n".join(f"        {x}" for x in lines)
        return f"""{self._head("group_reverse", "Adjoints of group g, from the last step of its tape back.")}
    _e = _QN[_g, LOGGED]
    _s = _SP[_g, 0]
    _k = _steps
    while _k > 0:
        _k -= 1
{body}
    _SP[_g, 0] = _s"""

    def replayed(self) -> list[str]:
        """One event backwards; what it is worth belongs to the spike that sent it."""
        return [
            f"    _strength = replay_vjp({ARGS}, _B, _SB, _g, _e)",
            "    if _LI[_g, _e, LOG_SPIKE] >= 0:",
            "        _SB[_g, _LI[_g, _e, LOG_SPIKE]] += _strength",
        ]

    @property
    def _thresholds(self) -> str:
        return "_A" if self.program.thresholds_own else "_P"

    def detect(self, mode: str) -> list[str]:
        """Spikes of this step and the voltages that crossed, joined by the surrogate derivative."""
        if mode == "jvp":
            return [
                "while _s < _SP[_g, 0] and _SP[_g, 3 * _s + 1] <= _origin + _k:",
                "    _at = _U(_SP[_g, 3 * _s + 2])",
                f"    _threshold = {self._thresholds}[_U(_G[_g, _THRESHOLD]) + _U(_SP[_g, 3 * _s + 3])]",
                "    _SB[_g, _s] = _B[_at] * surrogate(_A[_at] - _threshold, _width, _kind)",
                "    _s += 1",
            ]
        return [
            "while _s > 0 and _SP[_g, 3 * _s - 2] >= _origin + _k:",
            "    _s -= 1",
            "    _at = _U(_SP[_g, 3 * _s + 2])",
            f"    _threshold = {self._thresholds}[_U(_G[_g, _THRESHOLD]) + _U(_SP[_g, 3 * _s + 3])]",
            "    _B[_at] += _SB[_g, _s] * surrogate(_A[_at] - _threshold, _width, _kind)",
        ]

    def played(self) -> list[str]:
        """What is played depends on nothing before: its adjoints, and tangents, end."""
        return (
            ["play_adjoint(_B, _I, _base, _U(_G[_g, _PLAY]), _G[_g, _PLAYS])"] if self.program.plays else []
        )

    def trains_cm(self) -> bool:
        """Whether adjoints of the diagonal go to capacitances."""
        return ("capacitance", "cm") in (self.program.adjoint.trained if self.program.adjoint else ())

    def _state_reverse(self) -> list[str]:
        """`state` in reverse: pools hold what each mechanism has read when its turn comes."""
        writers = self.writers()
        lines = [f"{m.template.name}_state_loop({EVENTLESS}, _S, _g, _t, _dt)" for m, _ in writers]
        if writers:  # own states as they were
            lines += [_part("OWN")]
        out = []
        for m in reversed(self.program.mechanisms):
            name = m.template.name
            written = next((names for w, names in writers if w is m), [])
            out += [_part(f"{ion}_ion") for ion in sorted({m.template.ion_names[n] for n in written})]
            if (name, "state", "vjp") in self.loop_of:
                out.append(f"{name}_state_vjp_loop({EVENTLESS}, _B, _S, _g, _t, _dt)")
        return [*lines, *out]

    # ------------------------------------------------------------------ tangents

    def _group_tangent(self) -> str:
        p = self.program
        shelf = "_U(_G[_g, _SHELF])"
        solved, followed = self._again()
        lines = [
            "_row = _U(_G[_g, _TAPE]) + _U(_k) * _U(_G[_g, _ROW])",
            "tape_load(_A, _I, _TP, _base, _row, _ranges, _range_n)",
            *self.detect("jvp"),
            f"while _e < _events and {logged_at('_e', '_k', 1)}:",
            f"    replay_jvp({ARGS}, _B, _SB, _g, _e)",
            "    _e += 1",
            *self.played(),
            "zero(_B, _rhs, _n)",
            "zero(_B, _d, _n)",
            *solved,
            *self._derivatives("current", "jvp"),
            *([f"capacitance_jvp({EVENTLESS}, _B, _g, _d, _cj)"] if self.trains_cm() else []),
            f"axial_tangent(_B, _P, _I, _v, _rhs, _a, _b, {SOLVE})",
            *(
                [f"coefficient_tangent(_A, _B, _I, _v, _rhs, _d, {COEFFICIENTS})"]
                if p.adjoint and p.adjoint.geometry
                else []
            ),
            "increment_tangent(_A, _B, _rhs, _d, _n)",
            *self.loops.solution_again(transposed=False),
            "for _i in range(_n):",
            f"    _B[_v + _i] += {self.factor} * _B[_rhs + _i]",
            *(
                [
                    f"lay_sources(_B, _I, _base, {shelf}, _U(_G[_g, _LAY]), _G[_g, _LAID])",
                    f"take_targets(_B, _I, _base, {shelf}, _U(_G[_g, _TAKE]), _G[_g, _TAKEN])",
                ]
                if p.transfers
                else []
            ),
            *followed,
            *self.played(),
            *self._state_tangent(),
            "record_tangent(_B, _RA, _RB, _G[_g, _REC0], _G[_g, _REC1], _offset + _k + 1)",
            f"while _e < _events and {logged_at('_e', '_k + 1', 2)}:",
            f"    replay_jvp({ARGS}, _B, _SB, _g, _e)",
            "    _e += 1",
        ]
        body = "\n".join(f"        {x}" for x in lines)
        return f"""{self._head("group_tangent", "Tangents of group g over the steps of its tape.")}
    _e = 0
    _s = 0
    _events = _QN[_g, LOGGED]
    while _e < _events and _LI[_g, _e, LOG_PHASE] == 0:
        _e += 1
    for _k in range(_steps):
{body}"""

    def _state_tangent(self) -> list[str]:
        writers = [m for m, _ in self.writers()]
        out = []
        for m in self.program.mechanisms:
            name = m.template.name
            if (name, "state", "jvp") in self.loop_of:
                out.append(f"{name}_state_jvp_loop({EVENTLESS}, _B, _S, _g, _t, _dt)")
            if any(m is w for w in writers):
                out.append(f"{name}_state_loop({EVENTLESS}, _S, _g, _t, _dt)")
        return out

    # ------------------------------------------------------------------ entries

    def _entry(self, name: str) -> str:
        out = [
            "@parallel" if self.program.parallel else "@entry",
            f"def {name}({CALL}):",
            f"    for _k in {'prange' if self.program.parallel else 'range'}(len(_order)):",
            f"        group_{name}({CALL}, _order[_k])",
            "    return 0",
        ]
        return "\n".join(out)

    def _initial(self, mode: str) -> str:
        """INITIAL blocks: their derivatives where the state is what they left."""
        calls = self._derivatives("initial", mode)
        if mode == "vjp":
            calls = calls[::-1]
        name = "reverse_initial" if mode == "vjp" else "tangent_initial"
        lines = [
            "@entry",
            f"def {name}({CALL}):",
            f"    _S = scratch(REVERSE_SCRATCH * {W})",
            "    for _k in range(len(_order)):",
            "        _g = _order[_k]",
            "        _t = 0.0",
            "        _base = _U(_G[_g, _BASE])",
            *[f"        {x}" for x in calls],
            "    return 0",
        ]
        return "\n".join(lines)


def logged_at(event: str, step: str, phase: int) -> str:
    """Whether an event of the log belongs to a step and a delivery."""
    return f"_LI[_g, {event}, LOG_STEP] == _origin + {step} and _LI[_g, {event}, LOG_PHASE] == {phase}"


def _part(name: str) -> str:
    """A part of the tape's row put back: own states, or those of a pool."""
    at = f"_row + _U(_G[_g, _{name}_ROW])"
    return f"tape_part(_A, _I, _TP, _base, {at}, _U(_G[_g, _{name}_RANGES]), _G[_g, _{name}_RANGE_N])"


def _capacitance(m: VarStruct, mode: str) -> str:
    """The diagonal holds 0.001 cj cm."""
    line = {
        "vjp": "_B[_o + capacitance__cm + _j] += _c * _B[_d + _U(_I[_node + _first + _j])]",
        "jvp": "_B[_d + _U(_I[_node + _first + _j])] += _c * _B[_o + capacitance__cm + _j]",
    }[mode]
    return f"""\
@kernel
def capacitance_{mode}({EVENTLESS}, _B, _g, _d, _cj):
    _count = _U(_G[_g, _capacitance_N])
    _node = _U(_G[_g, _capacitance_NODE])
    _o = _U(_G[_g, _BASE]) + _U(_G[_g, _capacitance_OWN])
    _c = 0.001 * _cj
    _first = _U(0)
    while _first < _count:
        for _j in range(min(_count - _first, _U({W}))):
            {line}
        _o += capacitance__OWN
        _first += _U({W})"""
