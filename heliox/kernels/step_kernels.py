"""Bodies of the kernels that make a step, one phase each (docs/design.md, section 8).

A body is told its block and its thread, ``_bx, _by, _lane, _lanes``, and is right with any number of threads in
a block, one included: that is how the CPU runs it. A group's ``PHASE`` says how far its step has come, so that
a kernel does nothing where a group has failed, and all do nothing once ``_CTL[HALT]`` says that the host has
to make a buffer larger.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from heliox.kernels import fixed_loops
from heliox.kernels.context import ARGS, EVENTLESS, W
from heliox.kernels.instance_loop import InstanceWriter
from heliox.kernels.loops import Loops
from heliox.kernels.program import Program
from heliox.kernels.stages import Kernel, Part, Stager
from heliox.mechanisms.varstruct import VarStruct

HALT, FIRST, KEPT = range(3)  # of CTL
CONTROLS = 3
PACK = 32  # groups of a block where each has a thread
BEFORE_LAST, BEFORE_DETECT, BEFORE_HALF, MOVING, MOVED = 2, 0, 1, 3, 4  # PHASE
BASIC = f"{EVENTLESS}, _X, _K, _H, _QN, _T, _CTL, _TT, _chunks, _room, _dt"
SOLVE = f"{EVENTLESS}, _K, _H, _QN, _T, _CTL, _PN, _PULLED, _chunks, _dt, _limit"
TAKE = f"{EVENTLESS}, _QN, _T, _CTL, _chunks, _dt"
EVENTS = f"{ARGS}, _T, _EX, _CTL, _SC, _PF, _PI, _PN, _PULLED, _TF, _TC, _FC, _chunks, _from, _wide, _members, _leads, _last, _dt"
BLOCK = "_bx, _by, _lane, _lanes"
NEAR = "_S, _J"  # memory of a block
# columns of H: NEAR says whether the group fits into the memory of a block
TREE = (
    "PARENTS", "CHILDREN", "LIST", "STEPS_AT", "STEPS", "WIDTH", "NEAR", "PLACE", "UNDER", "BESIDE", "OVER",
    "BEGINS",
)  # fmt: skip


Unread = Mapping[str, Collection[str]]


def own_columns(program: Program) -> dict[str, int]:
    """Columns of ``H``, the table of chunks that kernels have besides ``G``.

    ``<mechanism>_AT``: instance at each node, or -1; ``_FIRST``, ``_EACH``: those of each node, ascending;
    ``_X``: where its results lie in the scratch.
    """
    names = list(TREE)
    for m in program.mechanisms:
        t = m.template
        if t.kind in ("density", "ion"):
            names += [f"{t.name}_{c}" for c in ("AT", "X")]
        elif t.kind == "point":
            names += [f"{t.name}_{c}" for c in ("FIRST", "EACH", "X")]
    return {n: k for k, n in enumerate(names)}


def unread(program: Program, watched: Collection[tuple[str, str]] = ()) -> Unread:
    """Variables by mechanism that blocks write and nothing in a step reads: they are of use when a run ends.

    `watched`: (mechanism, variable) that plays, transfers, pointers or detectors name.
    """
    read = {n for m in program.mechanisms for f in m.template.functions.values() for n in f.params
            if n in m.template.ion_names}  # fmt: skip
    out = {}
    for m in program.mechanisms:
        t = m.template
        own = {n for f in t.functions.values() for n in f.params}
        names = set(m.own) & t.writes() - own
        if t.kind == "ion":
            ion = t.name.removesuffix("_ion")
            names &= {f"i{ion}", f"di{ion}_dv_"} - read if program.secondorder != 2 else set()
        else:
            names &= set(t.assigned) | set(t.ion_names)
        out[t.name] = frozenset(n for n in names if (t.name, n) not in watched)
    return {name: names for name, names in out.items() if names}


def strided(name: str, start: str, stop: str, body: Sequence[str], pad: str) -> list[str]:
    """A loop from `start` to `stop` of which a thread does every `_lanes`-th turn; a range would divide."""
    return [
        f"{pad}{name} = {start}",
        f"{pad}while {name} < {stop}:",
        *[f"{pad}    {x}" for x in body],
        f"{pad}    {name} += _lanes",
    ]


class StepKernels:
    """Writes the bodies of a program's kernels."""

    def __init__(
        self,
        program: Program,
        loops: Loops,
        *,
        watched: Collection[tuple[str, str]] = (),
        fused: bool = True,
        spread: bool = False,
    ) -> None:
        self.program, self.loops, self.context = program, loops, loops.context
        self.stager = Stager(self.context, fused=fused, spread=spread)
        self.first_half = self.stager.first_half()
        self.second_half = self.stager.second_half()
        self.kernels = [k for stage in (*self.first_half, *self.second_half) for k in stage]
        self.unread = unread(program, watched)
        self.lean = {k.name for k in self.kernels if any(self._shortened(p) for p in k.parts)}

    def _shortened(self, p: Part) -> bool:
        return p.how != "diffuse" and self.stager.writer(p.mechanism, p.block, self.unread).shortened

    def texts(self) -> list[str]:
        """Instances, then bodies."""
        wanted = {(p.mechanism, p.block) for k in self.kernels for p in k.parts if p.how != "diffuse"}
        out = [self.stager.writer(k, block).at() for k, block in sorted(wanted)]
        if self.lean:
            out += [self.stager.writer(k, block, self.unread).at() for k, block in sorted(wanted)]
        for k in self.kernels:
            write = self._instances if k.over == "instances" else self._nodes
            out += [write(k, None), *([write(k, self.unread)] if k.name in self.lean else [])]
        out += [self._begin(), self._solve(), self._solve_only(), self._events(), self._exchange()]
        if self.program.transfers:
            out.append(self._take())
        return out

    def signatures(self) -> dict[str, str]:
        """Arguments of every kernel."""
        out = {k.name: BASIC for k in self.kernels} | {f"{n}_lean": BASIC for n in sorted(self.lean)}
        out |= {"begin_step": BASIC, "solve": SOLVE, "events": EVENTS, "events_packed": EVENTS, "exchange_all": EVENTS}
        return out | ({"take_shelf": TAKE} if self.program.transfers else {})

    @staticmethod
    def measured() -> dict[str, str]:
        """Arguments of kernels that no step has."""
        return {"solve_only": SOLVE}

    def _m(self, part: Part) -> VarStruct:
        return self.program.mechanisms[part.mechanism]

    def results(self) -> dict[int, int]:
        """Mechanisms whose currents go through the scratch: results of an instance."""
        points = {p.mechanism for k in self.kernels for p in k.parts if p.how == "point"}
        return {k: len(self.stager.writer(k, "current").returned) for k in points}

    # ------------------------------------------------------------------ instances

    def _group(self, phase: int, pad: str = "    ") -> list[str]:
        return [
            f"{pad}_chunk = _TT[_bx, 1]",
            f"{pad}_g = _by * _chunks + _chunk",
            f"{pad}if _CTL[{HALT}] != 0 or _QN[_g, PHASE] != {phase}:",
            f"{pad}    return",
            f"{pad}_t = _T[_g]",
        ]

    def _instances(self, kernel: Kernel, unread: Unread | None) -> str:
        first = any(kernel in stage for stage in self.first_half)
        lines = ["@kernel", f"def {kernel.name}{'_lean' if unread else ''}_block({BASIC}, {BLOCK}):"]
        lines += self._group(MOVING if first else MOVED)
        lines.append("    _code = _TT[_bx, 0]")
        for p in kernel.parts:
            lines += [f"    if _code == {p.mechanism}:", *self._part(p, unread, " " * 8)]
        return "\n".join(lines)

    def _part(self, p: Part, unread: Unread | None, pad: str) -> list[str]:
        m, name = self._m(p), self._m(p).template.name
        if p.how == "diffuse":
            return [f"{pad}if _lane == 0:", f"{pad}    {name}_{p.block}_loop({EVENTLESS}, _g, _t, _dt)"]
        w = InstanceWriter(self.context, m, p.block, unread)
        node = f"_U(_I[_U(_G[_g, _{name}_NODE]) + _U(_inst)])" if m.template.kind != "artificial" else "_U(0)"
        call = f"{w.function}({EVENTLESS}, _g, _inst, {node}, _t, _dt)"
        if p.how == "serial":
            body = self._scattered(w, call, " " * 4)
            return [f"{pad}if _lane == 0:", f"{pad}    for _inst in range(_G[_g, _{name}_N]):",
                    *[f"{pad}    {x}" for x in body]]  # fmt: skip
        body = self._into_scratch(w, call) if p.how == "point" else self._scattered(w, call, "")
        stop = f"min(_TT[_bx, 2] + {W}, _G[_g, _{name}_N])"
        return strided("_inst", "_TT[_bx, 2] + _lane", stop, body, pad)

    def _into_scratch(self, w: InstanceWriter, call: str) -> list[str]:
        name = w.name
        return [
            f"{', '.join(w.S(n) for n in w.returned)} = {call}",
            f"_x = _U(_H[_chunk, _{name}_X] + _by * _room + _inst)",
            f"_rows = _U(_G[_g, _{name}_N])",
            *[f"_X[_x + _U({k}) * _rows] = {w.S(n)}" for k, n in enumerate(w.returned)],
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

    def _nodes(self, kernel: Kernel, unread: Unread | None) -> str:
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
        for part in kernel.parts:  # all look-ups first: none waits for a store
            if self._m(part).template.kind != "point":
                name = self._m(part).template.name
                body.append(f"_at_{part.mechanism} = _K[_U(_H[_chunk, _{name}_AT]) + _nd]")
        for part in kernel.parts:
            body += self._at_node(part, unread)
        if kernel.last:
            body += self._end_of_node()
        body += ["_A[_rhs + _nd] = _r", "if not _kept:", "    _A[_d + _nd] = _y"]
        if p.membrane:
            body += ["_A[_saved_rhs + _nd] = _sr", "_A[_saved_d + _nd] = _sd"]
        name = f"{kernel.name}{'_lean' if unread else ''}"
        lines = ["@kernel", f"def {name}_block({BASIC}, {BLOCK}):", *self._group(MOVING)]
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
        return "\n".join([*lines, *self._each_node(body)])

    def _each_node(self, body: Sequence[str]) -> list[str]:
        stop = f"min(_TT[_bx, 2] + {W}, _G[_g, _NODES])"
        return strided("_i", "_TT[_bx, 2] + _lane", stop, body, "    ")

    def _at_node(self, part: Part, unread: Unread | None) -> list[str]:
        m = self._m(part)
        w = InstanceWriter(self.context, m, part.block, unread)
        name = w.name
        if part.how == "node":
            call = f"{w.function}({EVENTLESS}, _g, _inst, _nd, _t, _dt)"
            lines = [f"_inst = _at_{part.mechanism}", "if _inst >= 0:"]
            if not w.accumulates:
                return [*lines, f"    {call}"]
            lines.append(f"    {', '.join(w.S(n) for n in w.returned)} = {call}")
            return [*lines, *[f"    {x}" for x in self._summed(w)]]
        taken = [
            f"_x = _U(_H[_chunk, _{name}_X] + _by * _room + _inst)",
            *[f"{w.S(n)} = _X[_x + _U({k}) * _rows]" for k, n in enumerate(w.returned)],
            *self._summed(w),
        ]
        if m.template.kind != "point":
            lines = [f"_inst = _at_{part.mechanism}", "if _inst >= 0:", f"    _rows = _U(_G[_g, _{name}_N])"]
            return [*lines, *[f"    {x}" for x in taken]]
        lines = [
            f"_first = _U(_H[_chunk, _{name}_FIRST]) + _nd",
            f"_rows = _U(_G[_g, _{name}_N])",
            "for _k in range(_K[_first], _K[_first + _U(1)]):",
            f"    _inst = _K[_U(_H[_chunk, _{name}_EACH]) + _U(_k)]",
        ]
        return [*lines, *[f"    {x}" for x in taken]]

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
        at = f"{base}_U(_G[_g, _capacitance_{column}]) + _U(_inst) // _U({W}) * capacitance__{slots}"
        return [
            "_inst = _K[_U(_H[_chunk, _capacitance_AT]) + _nd]",
            "if _inst >= 0:",
            f"    _c = 0.001 * {self._cj()}",
            f"    {name} += _c * {M}[{at} + capacitance__cm + _U(_inst) % _U({W})]",
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
            *self._each_node(body),
        ]
        return "\n".join(lines)

    # ------------------------------------------------------------------ groups

    def _solve(self) -> str:
        p = self.program
        factor = 2.0 if p.secondorder else 1.0
        lines = [
            "@kernel",
            f"def solve_block({SOLVE}, {BLOCK}, {NEAR}):",
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
        ]
        update = [
            f"_x = _A[_v + _nd] + {factor} * _x",
            "_A[_v + _nd] = _x",
            "if not abs(_x) < _limit:",
            "    _QN[_g, STATUS] = RUNAWAY",
        ]
        store = ["_A[_rhs + _nd] = _x", "if _stays:", "    _A[_d + _nd] = _S[_q]"]
        lines.append("    _stays = _G[_g, _CONSTANT] > 0 and not _kept")
        lines += [*self._sweeps(update, store), "    barrier()"]
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

    def _sweeps(self, body: Sequence[str], store: Sequence[str]) -> list[str]:
        """The tree: `body` is done with every node ``_nd`` whose increment is ``_x``, behind `store` of what a
        block has in its own memory (diagonal ``_S[_q]``)."""
        near = [f"_{x} = _U(_H[_chunk, _{x.upper()}])" for x in ("place", "under", "beside", "over", "begins")]
        tree = "_A, _P, _K, _rhs, _d"
        return [
            "    _steps = _H[_chunk, _STEPS]",
            "    _width = _H[_chunk, _WIDTH]",
            "    if _H[_chunk, _NEAR] > 0 and _n > 0:",
            *[f"        {x}" for x in near],
            "        load_near(_A, _P, _K, _S, _J, _n, _rhs, _d, _a, _b, _place, _under, _beside, _over, _begins,",
            "                  _steps, _kept, _lane, _lanes)",
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
            f"        eliminate_lanes({tree}, _a, _b, _children, _list, _nodes, _steps, _width, _kept, _lane, _lanes)",
            f"        substitute_lanes({tree}, _b, _parents, _nodes, _steps, _width, _lane, _lanes)",
            *strided("_i", "_lane", "_n", ["_nd = _U(_i)", "_x = _A[_rhs + _nd]", *body], " " * 8),
        ]  # fmt: skip

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
            *self._tree("    "),
            *self._sweeps([], ["_A[_begin_d + _nd] = _x"]),
        ]
        return "\n".join(lines)

    def _copied(self, column: str, number: str, statement: str) -> list[str]:
        return [
            "    _shelf = _U(_G[_g, _SHELF])",
            *strided("_k", "_lane", f"_G[_g, _{number}]", [
                f"_pair = _U(_G[_g, _{column}]) + _U(2) * _U(_k)", statement,
            ], "    "),
        ]  # fmt: skip

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
                *strided("_i", "_lane", "_G[_g, _capacitance_N]", [
                    f"_k = _U(_i) // _U({W})",
                    f"_j = _U(_i) % _U({W})",
                    "_nd = _U(_I[_U(_G[_g, _capacitance_NODE]) + _U(_i)])",
                    "_A[_o + _k * capacitance__OWN + capacitance__i_cap + _j] = (",
                    f"    _c * {M}[{base} + _k * capacitance__{slots} + capacitance__cm + _j] * _A[_rhs + _nd]",
                    ")",
                ], ""),
            )  # fmt: skip
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
{chr(10).join(strided("_k", f"_bx * {PACK} + _lane", f"min((_bx + 1) * {PACK}, _wide * _members)", each, "    "))}


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
        if not pull({self.context.delays}, _QF, _QI, _QN, _CI, _PF, _PI, _PN, _PULLED, _TF, _TC, _FC, _g, _chunk,
                    _by, _half, _U(_G[_g, _DELAY])):
            _CTL[{HALT}] = 1'''
