"""Bodies of kernels over groups: the tree, transfers, events (docs/design.md, section 8)."""

from __future__ import annotations

from collections.abc import Sequence

from heliox.kernels import fixed_loops
from heliox.kernels.context import ARGS, W
from heliox.kernels.loops import Loops
from heliox.kernels.program import Program
from heliox.kernels.step_names import (
    BEFORE_DETECT,
    BEFORE_HALF,
    BEFORE_LAST,
    BLOCK,
    EVENTS,
    FIRST,
    HALT,
    KEPT,
    MOVED,
    MOVING,
    NEAR,
    PACK,
    SOLVE,
    TAKE,
    kept,
    pace,
    strided,
    tree,
)


class GroupKernels:
    """Writes the bodies of kernels that work on a group as a whole."""

    def __init__(self, program: Program, loops: Loops) -> None:
        self.program, self.loops, self.context = program, loops, loops.context

    def texts(self) -> list[str]:
        out = [self._solve(), self._solve_only(), self._events(), self._exchange()]
        if self.program.adjoint:
            out.append(self._solve(again=True))
        return [*out, self._take()] if self.program.transfers else out

    def signatures(self) -> dict[str, str]:
        """Arguments of every kernel."""
        out = {"solve": SOLVE, "events": EVENTS, "events_packed": EVENTS, "exchange_all": EVENTS}
        return out | ({"take_shelf": TAKE} if self.program.transfers else {})

    @staticmethod
    def measured() -> dict[str, str]:
        """Arguments of kernels that no step has."""
        return {"solve_only": SOLVE}

    def _solve(self, again: bool = False) -> str:
        """`again`: for the reverse pass, with the pivots where others find them (``_d``, or room to work)."""
        p = self.program
        factor = 2.0 if p.secondorder else 1.0
        lines = [
            "@kernel",
            f"def solve{'_again' * again}_block({SOLVE}, {BLOCK}, {NEAR}):",
            '    """A block a group: the tree, new voltages, what follows from them."""',
            "    _chunk = _bx",
            "    _g = _by * _chunks + _chunk",
            f"    if _CTL[{HALT}] != 0 or _QN[_g, PHASE] != {MOVING}:",
            "        return",
            f"    _kept = {kept(p)}",
            "    _base = _U(_G[_g, _BASE])",
            "    _n = _G[_g, _NODES]",
            *[f"    _{x} = _base + _U(_G[_g, _{x.upper()}])" for x in ("v", "rhs", "d")],
            *tree("    "),
        ]
        update = [
            f"_x = _A[_v + _nd] + {factor} * _x",
            "_A[_v + _nd] = _x",
            "if not abs(_x) < _limit:",
            "    _QN[_g, STATUS] = RUNAWAY",
        ]
        store = ["_A[_rhs + _nd] = _x", "if _stays:", "    _A[_d + _nd] = _S[_q]"]
        if p.order == "contraction":
            body = ["_A[_rhs + _nd] = _x", *update]
            lines += [*(self._contraction_kept(body) if again else self._contraction(body)), "    barrier()"]
        else:
            lines.append(f"    _stays = {'True' if again else '_G[_g, _CONSTANT] > 0 and not _kept'}")
            lines += [*self.sweeps(update, store), "    barrier()"]
        if p.secondorder == 2:
            for m in p.mechanisms:
                if m.template.kind == "ion":
                    lines += fixed_loops.correct_instances(m)
        if "capacitance" in self.context.by_name:
            lines += ["    if _G[_g, _ICAP] > 0:", *self._capacitive(" " * 8)]
        if p.membrane:
            lines += [
                "    _area = _U(_G[_g, _AREA])",
                *[f"    _{x} = _base + _U(_G[_g, _{x.upper()}])" for x in ("saved_rhs", "saved_d")],
                *strided("_i", "_lane", "_n", [
                    "_x = _U(_i)",
                    "_A[_saved_rhs + _x] = (_A[_saved_d + _x] * _A[_rhs + _x] + _A[_saved_rhs + _x])"
                    " * _P[_area + _x] * 0.01",
                ], "    "),
            ]  # fmt: skip
        lines.append("    barrier()")
        if p.transfers:
            lines += self.laid()
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
            lines += self.second_half(" " * 8)
        return "\n".join(lines)

    def sweeps(self, body: Sequence[str], store: Sequence[str], transposed: bool = False) -> list[str]:
        """The tree; `body` is done with every node ``_nd``, its increment in ``_x``, behind `store` of what a
        block has in its own memory (diagonal ``_S[_q]``).

        `transposed`: with the right-hand side in ``_B``, on the pivots in ``_d``.
        """
        near = [
            f"_{x} = _U(_H[_chunk, _{x.upper()}])" for x in ("place", "under", "beside", "over", "begins")
        ]
        X, a, b = ("_B", "_b", "_a") if transposed else ("_A", "_a", "_b")
        tree = f"_A, {X}, _P, _K, _rhs, _d"
        return [
            "    _steps = _H[_chunk, _STEPS]",
            "    _width = _H[_chunk, _WIDTH]",
            "    if _H[_chunk, _NEAR] > 0 and _n > 0:",
            *[f"        {x}" for x in near],
            f"        load_near(_A, {X}, _P, _K, _S, _J, _n, _rhs, _d, {a}, {b}, _place, _under, _beside,",
            "                  _over, _begins, _steps, _kept, _lane, _lanes)",
            "        if in_warps(_width, _lanes):",
            "            if _lane < 32:",
            "                sweep_warp(_S, _J, _n, _steps, _kept, _lane)",
            "            barrier()",
            "        else:",
            "            sweep_near(_S, _J, _n, _steps, _width, _kept, _lane, _lanes)",
            *strided("_i", "_lane", "_n", [
                "_nd = _U(_i)", "_q = _U(_K[_place + _nd])", "_x = _S[_U(_n + PAD) + _q]", *store, *body,
            ], " " * 8),
            "    else:",
            "        _nodes = _U(_H[_chunk, _STEPS_AT])",
            f"        eliminate_lanes({tree}, {a}, {b}, _children, _list, _nodes, _steps, _width, _kept,",
            "                        _lane, _lanes)",
            f"        substitute_lanes({tree}, {b}, _parents, _nodes, _steps, _width, _lane, _lanes)",
            *strided("_i", "_lane", "_n", ["_nd = _U(_i)", f"_x = {X}[_rhs + _nd]", *body], " " * 8),
        ]  # fmt: skip

    def _contraction(self, body: Sequence[str]) -> list[str]:
        """The tree in the order of a contraction, in a block's own memory or in the group's room to work."""
        schedule = "_places, _n, _steps, _tasks, _narrow, _rhs, _d, _a, _b, _lane, _lanes"

        def solved(condition: str, S: str, J: str, at: str, table: str, *before: str) -> list[str]:
            return [
                f"    {condition}",
                *[f"        {x}" for x in before],
                f"        solve_contracted(_A, _P, _I, {S}, {J}, {at}, {table}, {schedule})",
                *strided("_i", "_lane", "_n", [
                    "_nd = _U(_i)", f"_x = {S}[{at} + _U(_n + 1) + _U(_I[_places + _nd])]", *body,
                ], " " * 8),
            ]  # fmt: skip

        return [
            *self.contracted(),
            "    _narrow = _G[_g, _NARROW]",
            *solved("if _H[_chunk, _NEAR] == 2:", "_S", "_J", "_U(0)", "_near",
                    "_near = near_table(_n)",
                    "lay_table(_I, _J, _schedule, _near, _n, _steps, _tasks, _lane, _lanes)"),
            *solved("elif _H[_chunk, _NEAR] == 1:", "_S", "_I", "_U(0)", "_schedule"),
            *solved("else:", "_A", "_I", "_work", "_schedule"),
        ]  # fmt: skip

    @staticmethod
    def contracted() -> list[str]:
        """Places of a contraction in the group's own memory."""
        return [
            "    _places = _U(_G[_g, _RANK])",
            "    _schedule = _U(_G[_g, _SCHEDULE])",
            "    _steps = _G[_g, _SCHEDULE_STEPS]",
            "    _tasks = _G[_g, _SCHEDULE_TASKS]",
            "    _work = _base + _U(_G[_g, _WORK])",
        ]

    def _contraction_kept(self, body: Sequence[str]) -> list[str]:
        """The same in the group's memory, with what serves another right-hand side."""
        table = "_work, _schedule, _n, _steps, _tasks"
        return [
            *self.contracted(),
            "    lay_tree(_A, _P, _I, _A, _work, _places, _n, _rhs, _d, _a, _b, _lane, _lanes)",
            "    first_pivots(_A, _I, _work, _schedule, _n, _steps, _lane, _lanes)",
            f"    contract(_A, _I, {table}, 0, _steps, True, _lane, _lanes, _lanes)",
            f"    expand(_A, _A, _I, {table}, 0, _steps, _lane, _lanes, _lanes)",
            "    barrier()",
            *self.solution("_A", body),
        ]

    @staticmethod
    def solution(X: str, body: Sequence[str]) -> list[str]:
        """`body` with every node ``_nd`` and its part ``_x`` of the solution in the group's memory."""
        found = f"_x = {X}[_work + _U(_n + 1) + _U(_I[_places + _nd])]"
        return strided("_i", "_lane", "_n", ["_nd = _U(_i)", found, *body], "    ")

    def _solve_only(self) -> str:
        """The two sweeps alone, whose results go where a run begins anew: for measurements."""
        lines = [
            "@kernel",
            f"def solve_only_block({SOLVE}, {BLOCK}, {NEAR}):",
            "    _chunk = _bx",
            "    _g = _by * _chunks + _chunk",
            "    _kept = _CTL[0] != 0",
            "    _base = _U(_G[_g, _BASE])",
            "    _n = _G[_g, _NODES]",
            *[f"    _{x} = _base + _U(_G[_g, _{x.upper()}])" for x in ("rhs", "d", "begin_d")],
            *tree("    "),
            *(
                self._contraction(["_A[_begin_d + _nd] = _x"])
                if self.program.order == "contraction"
                else self.sweeps([], ["_A[_begin_d + _nd] = _x"])
            ),
        ]
        return "\n".join(lines)

    def laid(self) -> list[str]:
        """Sources to the shelf."""
        return self._copied("LAY", "LAID", "_A[_shelf + _U(_I[_pair + _U(1)])] = _A[_base + _U(_I[_pair])]")

    def taken(self) -> list[str]:
        """Targets from the shelf."""
        return self._copied("TAKE", "TAKEN", "_A[_base + _U(_I[_pair])] = _A[_shelf + _U(_I[_pair + _U(1)])]")

    def _copied(self, column: str, number: str, statement: str) -> list[str]:
        return [
            "    _shelf = _U(_G[_g, _SHELF])",
            *strided("_k", "_lane", f"_G[_g, _{number}]", [
                f"_pair = _U(_G[_g, _{column}]) + _U(2) * _U(_k)", statement,
            ], "    "),
        ]  # fmt: skip

    def second_half(self, pad: str) -> list[str]:
        """The end of the half step, and what is played then."""
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
            *self.taken(),
            "    barrier()",
            "    if _lane == 0:",
            *self.second_half(" " * 8),
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
                f"_c = 0.001 * {pace(self.program)}",
                *strided(
                    "_i",
                    "_lane",
                    "_G[_g, _capacitance_N]",
                    [
                        f"_k = _U(_i) // _U({W})",
                        f"_j = _U(_i) % _U({W})",
                        "_nd = _U(_I[_U(_G[_g, _capacitance_NODE]) + _U(_i)])",
                        "_A[_o + _k * capacitance__OWN + capacitance__i_cap + _j] = (",
                        f"    _c * {M}[{base} + _k * capacitance__{slots} + capacitance__cm + _j]",
                        "    * _A[_rhs + _nd]",
                        ")",
                    ],
                    "",
                ),
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
        each = [
            "_chunk = _from + _k % _wide",
            "_member = _k // _wide",
            f"_end_of_step({EVENTS}, _chunk, _member, 0, 1)",
            f"if _CTL[{HALT}] == 0 and not events_of_group({EVENTS}, _chunk, _member):",
            f"    _CTL[{HALT}] = 1",
        ]
        most = f"min((_bx + 1) * {PACK}, _wide * _members)"
        return f'''\
@kernel
def events_block({EVENTS}, {BLOCK}):
    """A block a group: the end of a step and the beginning of the next; with `_last` only the end.

    Groups that only emit (`_leads`) come first, so that the others hear of them in time.
    """
    _end_of_step({EVENTS}, _from + _bx, _by, _lane, _lanes)
    barrier()
    if _lane == 0 and _CTL[{HALT}] == 0 and not events_of_group({EVENTS}, _from + _bx, _by):
        _CTL[{HALT}] = 1


@kernel
def events_packed_block({EVENTS}, {BLOCK}):
    """The same, a thread a group."""
{chr(10).join(strided("_k", f"_bx * {PACK} + _lane", most, each, "    "))}


@kernel
def _end_of_step({EVENTS}, _chunk, _member, _lane, _lanes):
    """Samples, and i_cap at the end of a run."""
    _g = _member * _chunks + _chunk
    if _QN[_g, PHASE] == {MOVED}:
        _sample = _QN[_g, STEP] + 1 - _CTL[{FIRST}]
        _r = _G[_g, _REC0] + _lane
        while _r < _G[_g, _REC1]:
            record(_A, _P, _R, _RA, _r, _r + 1, _sample)
            _r += _lanes
{chr(10).join(final)}


@kernel
def events_of_group({EVENTS}, _chunk, _member):
    """False where the host has to make a buffer larger."""
    _g = _member * _chunks + _chunk
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
        if not pull({self.context.delays}, _QF, _QI, _QN, _CI, _PF, _PI, _PN, _PULLED, _TF, _TC, _FC, _g,
                    _chunk, _by, _half, _U(_G[_g, _DELAY])):
            _CTL[{HALT}] = 1'''
