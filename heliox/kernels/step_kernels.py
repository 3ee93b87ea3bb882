"""Bodies of the kernels that make a step, one phase each (docs/design.md, section 8).

A body is told its block and its thread, ``_bx, _by, _lane, _lanes``, and is right with any number of threads in
a block, one included: that is how the CPU runs it. A group's ``PHASE`` says how far its step has come, so that
a kernel does nothing where a group has failed, and all do nothing once ``_CTL[HALT]`` says that the host has
to make a buffer larger.
"""

from __future__ import annotations

from heliox.kernels import fixed_loops
from heliox.kernels.context import ARGS, EVENTLESS, W
from heliox.kernels.instance_loop import InstanceWriter
from heliox.kernels.loops import Loops
from heliox.kernels.program import Program
from heliox.kernels.stages import Kernel, Part, Stager
from heliox.mechanisms.varstruct import VarStruct

HALT, FIRST, KEPT = range(3)  # of CTL
CONTROLS = 3
BEFORE_LAST, BEFORE_DETECT, BEFORE_HALF, MOVING, MOVED = 2, 0, 1, 3, 4  # PHASE
BASIC = f"{EVENTLESS}, _X, _K, _H, _QN, _T, _CTL, _TT, _chunks, _room, _dt"
SOLVE = f"{EVENTLESS}, _K, _H, _QN, _T, _CTL, _PN, _PULLED, _chunks, _dt, _limit"
TAKE = f"{EVENTLESS}, _QN, _T, _CTL, _chunks, _dt"
EVENTS = f"{ARGS}, _T, _EX, _CTL, _SC, _PF, _PI, _PN, _PULLED, _TF, _TC, _FC, _chunks, _from, _leads, _last, _dt"
BLOCK = "_bx, _by, _lane, _lanes"
TREE = ("PARENTS", "CHILDREN", "LIST", "STEPS_AT", "STEPS", "WIDTH")  # columns of H


def own_columns(program: Program) -> dict[str, int]:
    """Columns of ``H``, the table of chunks that kernels have besides ``G``.

    ``<mechanism>_AT``: instance at each node, or -1; ``_FIRST``, ``_EACH``: those of each node, ascending;
    ``_X``: where its results lie in the scratch.
    """
    names = list(TREE)
    for m in program.mechanisms:
        t = m.template
        if t.kind in ("density", "ion"):
            names.append(f"{t.name}_AT")
        elif t.kind == "point":
            names += [f"{t.name}_{c}" for c in ("FIRST", "EACH", "X")]
    return {n: k for k, n in enumerate(names)}


class StepKernels:
    """Writes the bodies of a program's kernels."""

    def __init__(self, program: Program, loops: Loops, *, fused: bool = True) -> None:
        self.program, self.loops, self.context = program, loops, loops.context
        self.stager = Stager(self.context, fused=fused)
        self.first_half = self.stager.first_half()
        self.second_half = self.stager.second_half()
        self.kernels = [k for stage in (*self.first_half, *self.second_half) for k in stage]

    def texts(self) -> list[str]:
        """Instances, then bodies."""
        wanted = {(p.mechanism, p.block) for k in self.kernels for p in k.parts if p.how != "diffuse"}
        out = [self.stager.writer(k, block).at() for k, block in sorted(wanted)]
        out += [self._instances(k) if k.over == "instances" else self._nodes(k) for k in self.kernels]
        out += [self._begin(), self._solve(), self._events(), self._exchange()]
        if self.program.transfers:
            out.append(self._take())
        return out

    def signatures(self) -> dict[str, str]:
        """Arguments of every kernel."""
        out = {k.name: BASIC for k in self.kernels}
        out |= {"begin_step": BASIC, "solve": SOLVE, "events": EVENTS, "exchange_all": EVENTS}
        return out | ({"take_shelf": TAKE} if self.program.transfers else {})

    def _m(self, part: Part) -> VarStruct:
        return self.program.mechanisms[part.mechanism]

    # ------------------------------------------------------------------ instances

    def _group(self, phase: int, pad: str = "    ") -> list[str]:
        return [
            f"{pad}_chunk = _TT[_bx, 1]",
            f"{pad}_g = _by * _chunks + _chunk",
            f"{pad}if _CTL[{HALT}] != 0 or _QN[_g, PHASE] != {phase}:",
            f"{pad}    return",
            f"{pad}_t = _T[_g]",
        ]

    def _instances(self, kernel: Kernel) -> str:
        first = any(kernel in stage for stage in self.first_half)
        lines = ["@kernel", f"def {kernel.name}_block({BASIC}, {BLOCK}):"]
        lines += self._group(MOVING if first else MOVED)
        lines.append("    _code = _TT[_bx, 0]")
        for p in kernel.parts:
            lines += [f"    if _code == {p.mechanism}:", *self._part(p, " " * 8)]
        return "\n".join(lines)

    def _part(self, p: Part, pad: str) -> list[str]:
        m, name = self._m(p), self._m(p).template.name
        if p.how == "diffuse":
            return [f"{pad}if _lane == 0:", f"{pad}    {name}_{p.block}_loop({EVENTLESS}, _g, _t, _dt)"]
        w = InstanceWriter(self.context, m, p.block)
        node = f"_U(_I[_U(_G[_g, _{name}_NODE]) + _U(_inst)])" if m.template.kind != "artificial" else "_U(0)"
        call = f"{w.function}({EVENTLESS}, _g, _inst, {node}, _t, _dt)"
        if p.how == "serial":
            body = self._scattered(w, call, " " * 4)
            return [f"{pad}if _lane == 0:", f"{pad}    for _inst in range(_G[_g, _{name}_N]):",
                    *[f"{pad}    {x}" for x in body]]  # fmt: skip
        head = [
            f"{pad}for _inst in range(_TT[_bx, 2] + _lane, min(_TT[_bx, 2] + {W}, _G[_g, _{name}_N]), _lanes):",
        ]
        if p.how == "point":
            return [*head, *[f"{pad}{x}" for x in self._into_scratch(w, call)]]
        return [*head, *[f"{pad}{x}" for x in self._scattered(w, call, "    ")]]

    def _into_scratch(self, w: InstanceWriter, call: str) -> list[str]:
        name = w.name
        return [
            f"    {', '.join(w.S(n) for n in w.returned)} = {call}",
            f"    _x = _U(_H[_chunk, _{name}_X] + _by * _room + _inst)",
            f"    _rows = _U(_G[_g, _{name}_N])",
            *[f"    _X[_x + _U({k}) * _rows] = {w.S(n)}" for k, n in enumerate(w.returned)],
        ]

    def _scattered(self, w: InstanceWriter, call: str, pad: str) -> list[str]:
        """A call of one instance by itself; a current goes to the matrix in memory."""
        if not w.accumulates:
            return [f"{pad}{call}"]
        name = w.name
        sign, other = ("+", "-") if w.t.electrode else ("-", "+")
        lines = [
            "_base = _U(_G[_g, _BASE])",
            f"_nd = _U(_I[_U(_G[_g, _{name}_NODE]) + _U(_inst)])",
            f"{', '.join(w.S(n) for n in w.returned)} = {call}",
            f"_A[_base + _U(_G[_g, _RHS]) + _nd] {sign}= {w.S('_i')}",
            f"if _CTL[{KEPT}] == 0 or _G[_g, _CONSTANT] == 0:",
            f"    _A[_base + _U(_G[_g, _D]) + _nd] {other}= {w.S('_gm')}",
        ]
        if w.t.electrode and self.program.membrane:
            lines += [
                f"_A[_base + _U(_G[_g, _SAVED_RHS]) + _nd] += {w.S('_i')}",
                f"_A[_base + _U(_G[_g, _SAVED_D]) + _nd] -= {w.S('_gm')}",
            ]
        lines += [f"_A[{w.pool(n)}] += {w.S(n)}" for n in w.returned[2:]]
        return [pad + x for x in lines]

    # ------------------------------------------------------------------ nodes

    def _tree(self, pad: str) -> list[str]:
        names = {"parents": "PARENTS", "children": "CHILDREN", "list": "LIST"}
        return [f"{pad}_{n} = _U(_H[_chunk, _{c}])" for n, c in names.items()] + [
            f"{pad}_a = _U(_G[_g, _CA])",
            f"{pad}_b = _U(_G[_g, _CB])",
        ]

    def _nodes(self, kernel: Kernel) -> str:
        p = self.program
        body = [
            "_nd = _U(_i)",
            f"_r = {'0.0' if kernel.first else '_A[_rhs + _nd]'}",
            "_y = 0.0",
        ]
        if p.membrane:
            start = ("0.0", "0.0") if kernel.first else ("_A[_saved_rhs + _nd]", "_A[_saved_d + _nd]")
            body += [f"_sr = {start[0]}", f"_sd = {start[1]}"]
        begun = "_A[_begin_d + _nd]" if p.begun else "0.0"
        body += ["if not _kept:", f"    _y = {begun if kernel.first else '_A[_d + _nd]'}"]
        for part in kernel.parts:
            body += self._at_node(part)
        if kernel.last:
            body += self._end_of_node()
        body += ["_A[_rhs + _nd] = _r", "if not _kept:", "    _A[_d + _nd] = _y"]
        if p.membrane:
            body += ["_A[_saved_rhs + _nd] = _sr", "_A[_saved_d + _nd] = _sd"]
        lines = ["@kernel", f"def {kernel.name}_block({BASIC}, {BLOCK}):", *self._group(MOVING)]
        lines += [
            f"    _kept = _CTL[{KEPT}] != 0 and _G[_g, _CONSTANT] > 0",
            "    _base = _U(_G[_g, _BASE])",
            *[f"    _{x} = _base + _U(_G[_g, _{x.upper()}])" for x in ("v", "rhs", "d", "begin_d")],
            *self._tree("    "),
        ]
        if p.membrane:
            lines += [
                f"    _{x} = _base + _U(_G[_g, _{x.upper()}])" for x in ("saved_rhs", "saved_d", "coupling")
            ]
        lines.append(f"    for _i in range(_TT[_bx, 2] + _lane, min(_TT[_bx, 2] + {W}, _G[_g, _NODES]), _lanes):")
        return "\n".join([*lines, *[" " * 8 + x for x in body]])

    def _at_node(self, part: Part) -> list[str]:
        m = self._m(part)
        w = InstanceWriter(self.context, m, part.block)
        name = w.name
        if part.how == "node":
            call = f"{w.function}({EVENTLESS}, _g, _inst, _nd, _t, _dt)"
            lines = [f"_inst = _K[_U(_H[_chunk, _{name}_AT]) + _nd]", "if _inst >= 0:"]
            if not w.accumulates:
                return [*lines, f"    {call}"]
            lines.append(f"    {', '.join(w.S(n) for n in w.returned)} = {call}")
            return [*lines, *[f"    {x}" for x in self._summed(w)]]
        lines = [
            f"_first = _U(_H[_chunk, _{name}_FIRST]) + _nd",
            f"_rows = _U(_G[_g, _{name}_N])",
            "for _k in range(_K[_first], _K[_first + _U(1)]):",
            f"    _inst = _K[_U(_H[_chunk, _{name}_EACH]) + _U(_k)]",
            f"    _x = _U(_H[_chunk, _{name}_X] + _by * _room + _inst)",
            *[f"    {w.S(n)} = _X[_x + _U({k}) * _rows]" for k, n in enumerate(w.returned)],
        ]
        return [*lines, *[f"    {x}" for x in self._summed(w)]]

    def _summed(self, w: InstanceWriter) -> list[str]:
        sign, other = ("+", "-") if w.t.electrode else ("-", "+")
        lines = [f"_r {sign}= {w.S('_i')}", f"_y {other}= {w.S('_gm')}"]
        if w.t.electrode and self.program.membrane:
            lines += [f"_sr += {w.S('_i')}", f"_sd -= {w.S('_gm')}"]
        return lines + [f"_A[{w.pool(n)}] += {w.S(n)}" for n in w.returned[2:]]

    def _end_of_node(self) -> list[str]:
        """What follows the mechanisms of a node: capacitance, i_membrane_, the cable."""
        p = self.program
        lines = []
        couple = "couple_node(_P, _K, _a, _b, _parents, _children, _list, _nd, {})"
        if not p.begun:
            lines += ["if not _kept:", *[f"    {x}" for x in self._capacitance("_y")]]
        if p.membrane:
            lines.append("_sr -= _r")
            lines.append("_sd = _y - _A[_coupling + _nd] - _sd" if p.begun else "_sd = _y - _sd")
        lines.append("_r = axial_node(_A, _P, _K, _v, _a, _b, _parents, _children, _list, _nd, _r)")
        if not p.begun:
            lines += ["if not _kept:", f"    _y = {couple.format('_y')}"]
        return lines

    def _capacitance(self, name: str) -> list[str]:
        m = self.context.by_name.get("capacitance")
        if m is None:
            return ["pass"]
        M, base, column, slots = (
            ("_A", "_base + ", "OWN", "OWN") if "cm" in m.own else ("_P", "", "SHARED", "SHARED")
        )
        at = f"{base}_U(_G[_g, _capacitance_{column}]) + _U(_inst // {W}) * capacitance__{slots}"
        return [
            "_inst = _K[_U(_H[_chunk, _capacitance_AT]) + _nd]",
            "if _inst >= 0:",
            f"    _c = 0.001 * {self._cj()}",
            f"    {name} += _c * {M}[{at} + capacitance__cm + _U(_inst % {W})]",
        ]

    def _cj(self) -> str:
        return "(2.0 / _dt)" if self.program.secondorder else "(1.0 / _dt)"

    def _begin(self) -> str:
        """What a diagonal begins with, summed once a run (`begin` of `Loops`)."""
        lines = ["@kernel", f"def begin_step_block({BASIC}, {BLOCK}):"]
        if not self.program.begun:
            return "\n".join([*lines, "    pass"])
        couple = "couple_node(_P, _K, _a, _b, _parents, _children, _list, _nd, {})"
        body = ["_nd = _U(_i)", "_y = 0.0", *self._capacitance("_y"),
                f"_A[_base + _U(_G[_g, _BEGIN_D]) + _nd] = {couple.format('_y')}"]  # fmt: skip
        if self.program.membrane:
            body.append(f"_A[_base + _U(_G[_g, _COUPLING]) + _nd] = {couple.format('0.0')}")
        lines += [
            "    _chunk = _TT[_bx, 1]",
            "    _g = _by * _chunks + _chunk",
            "    _base = _U(_G[_g, _BASE])",
            *self._tree("    "),
            f"    for _i in range(_TT[_bx, 2] + _lane, min(_TT[_bx, 2] + {W}, _G[_g, _NODES]), _lanes):",
            *[" " * 8 + x for x in body],
        ]
        return "\n".join(lines)

    # ------------------------------------------------------------------ groups

    def _solve(self) -> str:
        p = self.program
        factor = 2.0 if p.secondorder else 1.0
        lines = [
            "@kernel",
            f"def solve_block({SOLVE}, {BLOCK}):",
            '    """A block a group: the tree, new voltages, what follows from them."""',
            "    _chunk = _bx",
            "    _g = _by * _chunks + _chunk",
            f"    if _CTL[{HALT}] != 0 or _QN[_g, PHASE] != {MOVING}:",
            "        return",
            f"    _kept = _CTL[{KEPT}] != 0 and _G[_g, _CONSTANT] > 0",
            "    _base = _U(_G[_g, _BASE])",
            "    _n = _G[_g, _NODES]",
            *[f"    _{x} = _base + _U(_G[_g, _{x.upper()}])" for x in ("v", "rhs", "d")],
            *self._tree("    "),
            "    _nodes = _U(_H[_chunk, _STEPS_AT])",
            "    _steps = _H[_chunk, _STEPS]",
            "    _width = _H[_chunk, _WIDTH]",
            "    eliminate_lanes(_A, _P, _K, _rhs, _d, _a, _b, _children, _list, _nodes, _steps, _width, _kept,"
            " _lane, _lanes)",
            "    substitute_lanes(_A, _P, _K, _rhs, _d, _b, _parents, _nodes, _steps, _width, _lane, _lanes)",
        ]
        if p.secondorder == 2:
            for m in p.mechanisms:
                if m.template.kind == "ion":
                    lines += fixed_loops.correct_instances(m)
        lines += [
            f"    if update_lanes(_A, _v, _rhs, _n, {factor}, _limit, _lane, _lanes) > 0:",
            "        _QN[_g, STATUS] = RUNAWAY",
        ]
        if "capacitance" in self.context.by_name:
            lines += ["    if _G[_g, _ICAP] > 0:", *self._capacitive(" " * 8)]
        if p.membrane:
            lines += [
                "    _area = _U(_G[_g, _AREA])",
                *[f"    _{x} = _base + _U(_G[_g, _{x.upper()}])" for x in ("saved_rhs", "saved_d")],
                "    for _i in range(_lane, _n, _lanes):",
                "        _x = _U(_i)",
                "        _A[_saved_rhs + _x] = (_A[_saved_d + _x] * _A[_rhs + _x] + _A[_saved_rhs + _x])"
                " * _P[_area + _x] * 0.01",
            ]
        lines.append("    barrier()")
        if p.transfers:
            lines += self._copied("LAY", "LAID", "_A[_shelf + _U(_I[_pair + _U(1)])] = _A[_base + _U(_I[_pair])]")
        lines += [
            "    if _lane == 0:",
            f"        _QN[_g, PHASE] = {MOVED}",
            "        if _chunks > 1:",
            "            _half = _QN[_g, STEP] & 1",
            "            _PULLED[_g, _half] = 0",
            "            if _chunk == 0:",
            "                _PN[_half, _by] = 0",
        ]
        if not p.transfers:
            lines += self._second_half(" " * 8)
        return "\n".join(lines)

    def _copied(self, column: str, number: str, statement: str) -> list[str]:
        return [
            "    _shelf = _U(_G[_g, _SHELF])",
            f"    for _k in range(_lane, _G[_g, _{number}], _lanes):",
            f"        _pair = _U(_G[_g, _{column}]) + _U(2) * _U(_k)",
            f"        {statement}",
        ]

    def _second_half(self, pad: str) -> list[str]:
        lines = ["_t = _T[_g] + 0.5 * _dt", "_T[_g] = _t"]
        return [pad + x for x in [*lines, *self.loops.fixed_calls()["play"]]]

    def _take(self) -> str:
        lines = [
            "@kernel",
            f"def take_shelf_block({TAKE}, {BLOCK}):",
            "    _g = _by * _chunks + _bx",
            f"    if _CTL[{HALT}] != 0 or _QN[_g, PHASE] != {MOVED}:",
            "        return",
            "    _base = _U(_G[_g, _BASE])",
            *self._copied("TAKE", "TAKEN", "_A[_base + _U(_I[_pair])] = _A[_shelf + _U(_I[_pair + _U(1)])]"),
            "    barrier()",
            "    if _lane == 0:",
            *self._second_half(" " * 8),
        ]
        return "\n".join(lines)

    def _capacitive(self, pad: str) -> list[str]:
        """i_cap of a group's nodes, from the increments in rhs (`fixed_loops.capacitance`)."""
        m = self.context.by_name["capacitance"]
        M, base, slots = ("_A", "_o", "OWN") if "cm" in m.own else ("_P", "_p", "SHARED")
        return [
            pad + x
            for x in (
                "_o = _base + _U(_G[_g, _capacitance_OWN])",
                "_p = _U(_G[_g, _capacitance_SHARED])",
                f"_c = 0.001 * {self._cj()}",
                "for _i in range(_lane, _G[_g, _capacitance_N], _lanes):",
                f"    _k = _U(_i // {W})",
                f"    _j = _U(_i % {W})",
                "    _nd = _U(_I[_U(_G[_g, _capacitance_NODE]) + _U(_i)])",
                "    _A[_o + _k * capacitance__OWN + capacitance__i_cap + _j] = (",
                f"        _c * {M}[{base} + _k * capacitance__{slots} + capacitance__cm + _j] * _A[_rhs + _nd]",
                "    )",
            )
        ]

    def _events(self) -> str:
        thresholds = "_A" if self.program.thresholds_own else "_P"
        D = self.context.delays
        final = []
        if "capacitance" in self.context.by_name:
            final = [
                "        if _last != 0:",
                "            _base = _U(_G[_g, _BASE])",
                "            _rhs = _base + _U(_G[_g, _RHS])",
                *self._capacitive(" " * 12),
            ]
        play = self.loops.fixed_calls()["play"]
        return f'''\
@kernel
def events_block({EVENTS}, {BLOCK}):
    """A block a group: the end of a step and the beginning of the next; with `_last` only the end.

    Groups that only emit (`_leads`) come first, so that the others hear of them in time.
    """
    _g = _by * _chunks + _from + _bx
    _chunk = _from + _bx
    if _QN[_g, PHASE] == {MOVED}:
        _sample = _QN[_g, STEP] + 1 - _CTL[{FIRST}]
        for _r in range(_G[_g, _REC0] + _lane, _G[_g, _REC1], _lanes):
            record(_A, _P, _R, _RA, _r, _r + 1, _sample)
{chr(10).join(final)}
    barrier()
    if _lane != 0 or _CTL[{HALT}] != 0:
        return
    if not events_of_group({EVENTS}, _g, _chunk, _by):
        _CTL[{HALT}] = 1


@kernel
def events_of_group({EVENTS}, _g, _chunk, _member):
    """False where the host has to make a buffer larger."""
    _S = _SC[_g]
    if _QN[_g, PHASE] == {MOVED}:
        _CTL[{KEPT}] = 1
        _QN[_g, STEP] += 1
        _QN[_g, PHASE] = {BEFORE_LAST}
    if _QN[_g, STATUS] != OK or _QN[_g, PHASE] == {MOVING}:
        return _QN[_g, STATUS] == RUNAWAY or _QN[_g, STATUS] == OK
    _step = _QN[_g, STEP]
    _half = _step & 1 if _leads != 0 else (_step + 1) & 1
    _t = _T[_g]
    if _chunks > 1 and _leads == 0 and _PN[_step & 1, _member] > 0:
        if not pull({D}, _QF, _QI, _QN, _CI, _PF, _PI, _PN, _PULLED, _TF, _TC, _FC, _g, _chunk, _member,
                    _step & 1, _U(_G[_g, _DELAY])):
            return False
    if _QN[_g, PHASE] == {BEFORE_LAST}:
        if not deliver({ARGS}, _S, _g, _t, _dt):
            return False
        _QN[_g, PHASE] = {BEFORE_DETECT}
    if _last != 0:
        return _chunks == 1 or publish(_QN, _SF, _SI, _EX, _PF, _PI, _PN, _g, _member, _half)
    if _QN[_g, PHASE] == {BEFORE_DETECT}:
        if _QF.shape[1] - _QN[_g, EVENTS] < _G[_g, _FANOUT]:
            _QN[_g, STATUS] = QUEUE_FULL
            return False
        if _SF.shape[1] - _QN[_g, SPIKES] < _G[_g, _SRC1] - _G[_g, _SRC0]:
            _QN[_g, STATUS] = SPIKES_FULL
            return False
        _base = _U(_G[_g, _BASE])
        detect(
            _A, {thresholds}, {D}, _QF, _QI, _QN, _SF, _SI, _FAN, _CI, _SR, _g, _chunk,
            _base, _base + _U(_G[_g, _FLAGS]), _G[_g, _SRC0], _G[_g, _SRC1],
            _U(_G[_g, _THRESHOLD]), _U(_G[_g, _DELAY]), _t,
        )
        check_conditions({ARGS}, _g, _t, _dt)
        _QN[_g, PHASE] = {BEFORE_HALF}
    if not deliver({ARGS}, _S, _g, _t + 0.5 * _dt, _dt):
        return False
    if _chunks > 1 and not publish(_QN, _SF, _SI, _EX, _PF, _PI, _PN, _g, _member, _half):
        return False
    _t = _t + 0.5 * _dt
    _T[_g] = _t
{chr(10).join(f"    {x}" for x in ["_base = _U(_G[_g, _BASE])", *play])}
    _QN[_g, PHASE] = {MOVING}
    return True'''

    def _exchange(self) -> str:
        return f'''\
@kernel
def exchange_all_block({EVENTS}, {BLOCK}):
    """What the end of a run has emitted, to whom it concerns."""
    _chunk = _from + _bx
    _g = _by * _chunks + _chunk
    if _lane != 0 or _CTL[{HALT}] != 0 or _QN[_g, STATUS] == RUNAWAY:
        return
    for _half in range(2):
        if not pull({self.context.delays}, _QF, _QI, _QN, _CI, _PF, _PI, _PN, _PULLED, _TF, _TC, _FC, _g, _chunk,
                    _by, _half, _U(_G[_g, _DELAY])):
            _CTL[{HALT}] = 1'''
