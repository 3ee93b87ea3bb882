"""Bodies of the kernels that take a step back (docs/design.md, section 8.1).

A step backwards is a series of kernels as a step is: those of the step itself, from the tape to the solution,
and between them the ones written here. A node's thread walks through its mechanisms in reverse model order,
so that adjoints are summed as the CPU sums them. ``_RV`` says how far a group has come: the steps, events and
spikes that are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliox.kernels.adjoint_instance import VOLTAGE, AdjointInstance
from heliox.kernels.context import ARGS, EVENTLESS, W
from heliox.kernels.group_kernels import GroupKernels
from heliox.kernels.linear_events import replay
from heliox.kernels.loops import Loops
from heliox.kernels.program import Program
from heliox.kernels.reverse import ReverseLoops, logged_at
from heliox.kernels.stages import Kernel, Part, Stager
from heliox.kernels.step_names import BLOCK, MOVING, NEAR, SOLVE, pace, strided, tree
from heliox.mechanisms.varstruct import VarStruct

STEPS_LEFT, EVENTS_LEFT, SPIKES_LEFT = range(3)  # of RV, and how many there are of each:
PROGRESS = 3
TAPED, ORIGIN, OFFSET = range(3)  # of RC: steps on the tape, number of the first, its place in the run
REVERSE = f"{EVENTLESS}, _B, _X, _K, _H, _T, _TT, _chunks, _room, _dt"
APART = f"{EVENTLESS}, _B, _X, _H, _T, _chunks, _room, _dt"
ROW = f"{EVENTLESS}, _K, _H, _TP, _RV, _TT, _chunks"
TRANSPOSED = f"{EVENTLESS}, _B, _K, _H, _T, _TP, _RV, _chunks, _dt"
UNDO = f"{ARGS}, _T, _B, _RB, _SB, _SP, _RV, _RC, _chunks, _dt, _width, _kind"
TABLED = f"_row = _U(_G[_g, _TAPE]) + _U(_RV[_g, {STEPS_LEFT}]) * _U(_G[_g, _ROW])"


@dataclass(frozen=True)
class Load:
    """What is put back from the tape: a part of its row, by the name of its columns in ``G``; "": all."""

    part: str = ""


class ReverseKernels:
    """Writes what a program with an `Adjoint` has beyond the kernels of its step.

    Attributes
    ----------
    again : stages of kernels
        Of `state` of those mechanisms that write pools, run anew.
    state, current : lists of `Kernel` or `Load`
        Adjoints through the blocks, one after another.
    """

    def __init__(self, program: Program, loops: Loops, stager: Stager, groups: GroupKernels) -> None:
        self.program, self.context, self.groups = program, loops.context, groups
        self.loops = ReverseLoops(program, loops)
        self.writers = {m.template.name: names for m, names in self.loops.writers()}
        self._made: dict[tuple[int, str], AdjointInstance | None] = {}
        stages = [self._again(stage) for stage in stager.blocks("state")]
        self.again = tuple(stage for stage in stages if stage)
        self.state = self._stages("state", False)
        self.current = self._stages("current", True)

    @property
    def kernels(self) -> list[Kernel]:
        """Those that work on tiles of instances or nodes."""
        return [k for k in (*self.state, *self.current) if isinstance(k, Kernel)]

    @property
    def parts(self) -> list[str]:
        """Parts of a row that are put back by themselves."""
        return list(dict.fromkeys(x.part for x in (*self.state, *self.current) if isinstance(x, Load)))

    def signatures(self) -> dict[str, str]:
        """Arguments of every kernel."""
        out = {"undo": UNDO, "load_row": ROW, "solve_again": SOLVE, "solve_transposed": TRANSPOSED}
        return out | {k.name: APART if k.over == "groups" else REVERSE for k in self.kernels}

    def results(self) -> dict[int, int]:
        """Mechanisms whose adjoints go through the scratch: results of an instance."""
        out: dict[int, int] = {}
        for k in self.kernels:
            for p in k.parts:
                if p.how in ("point", "apart"):
                    out[p.mechanism] = max(out.get(p.mechanism, 0), len(self._writer(p).landings()))
        return out

    # ------------------------------------------------------------------ who does what, and when

    def _instance(self, k: int, block: str) -> AdjointInstance | None:
        """The writer of the derivative of a block, None where there is none."""
        if (k, block) not in self._made:
            m = self.program.mechanisms[k]
            has = m.template.name != "capacitance" and self.loops.has(m, block, "vjp")
            self._made[k, block] = AdjointInstance(self.loops.d, self.context, m, block) if has else None
        return self._made[k, block]

    def _writer(self, p: Part) -> AdjointInstance:
        w = self._instance(p.mechanism, p.block)
        assert w is not None
        return w

    def _again(self, stage: Sequence[Kernel]) -> tuple[Kernel, ...]:
        """Of a stage of `state`, those parts that write pools."""
        out = []
        for k in stage:
            mine = [p for p in k.parts if self.program.mechanisms[p.mechanism].template.name in self.writers]
            if mine:
                out.append(Kernel(f"{k.name}_again", k.over, tuple(mine)))
        return tuple(out)

    def _stages(self, block: str, first: bool) -> list[Kernel | Load]:
        """Adjoints through a block of all mechanisms, the last one first.

        Point processes are computed side by side and then summed at their nodes, unless they need what
        others add there. A writer of pools finds in them what it has read.
        """
        out: list[Kernel | Load] = []
        beside: list[Part] = []
        walk: list[Part] = []

        def close(anyway: bool = False) -> None:
            if beside:
                out.append(Kernel(f"{block}_back_{len(out)}", "instances", tuple(beside)))
            if walk or anyway:
                name = f"{block}_nodes_back_{len(out)}"
                out.append(Kernel(name, "nodes", tuple(walk), first=anyway))
            beside.clear()
            walk.clear()

        opened = first  # the first kernel over nodes begins with the axial currents
        for k in reversed(range(len(self.program.mechanisms))):
            t = self.program.mechanisms[k].template
            if block == "state" and t.name in self.writers:
                close()
                out += [Load(f"{x}_ion") for x in sorted({t.ion_names[n] for n in self.writers[t.name]})]
            w = self._instance(k, block)
            if w is None:
                continue
            if w.apart:
                close(opened)
                opened = False
                out.append(Kernel(f"{block}_back_{len(out)}", "groups", (Part(k, block, "apart"),)))
            elif t.kind == "point" and not w.ions_in:
                how = "point" if w.landings() else "each"
                beside.append(Part(k, block, how))
                walk += [Part(k, block, "sum")] if how == "point" else []
            else:
                walk.append(Part(k, block, "node"))
        close(opened)
        return out

    # ------------------------------------------------------------------ text

    def texts(self) -> list[str]:
        """Functions of mechanisms, then bodies."""
        out: list[str] = []
        for k, m in enumerate(self.program.mechanisms):
            if m.template.name == "capacitance":
                continue
            writers = [w for block in ("current", "state") if (w := self._instance(k, block))]
            out += self.loops.functions(m, "vjp", writers)
            out += [w.at() for w in writers]
        out += [replay(self.loops.d, "vjp"), self._undo(), self._load(), self._transposed()]
        write = {"nodes": self._nodes, "instances": self._instances, "groups": self._apart}
        return out + [write[k.over](k) for k in self.kernels]

    def _undo(self) -> str:
        """Deliveries that stand between two steps, backwards, and adjoints of what was recorded there."""
        first = [
            *self.loops.played(),
            f"while _e > 0 and {logged_at('_e - 1', '_k', 1)}:",
            "    _e -= 1",
            *self.loops.replayed(),
            *self.loops.detect("vjp"),
        ]
        second = [
            f"while _e > 0 and {logged_at('_e - 1', '_left', 2)}:",
            "    _e -= 1",
            *self.loops.replayed(),
            "_T[_g] = _TP[_U(_G[_g, _TAPE]) + _U(_left - 1) * _U(_G[_g, _ROW])]",
            f"_QN[_g, PHASE] = {MOVING}",
        ]
        lines = [
            "@kernel",
            f"def undo_block({UNDO}, {BLOCK}):",
            "    _g = _by * _chunks + _bx",
            "    _base = _U(_G[_g, _BASE])",
            f"    _origin = _RC[{ORIGIN}]",
            f"    _left = _RV[_g, {STEPS_LEFT}]  # of the tape, this one included: none behind the first",
            "    barrier()",
            "    if _lane == 0:",
            f"        _e = _RV[_g, {EVENTS_LEFT}]",
            f"        _s = _RV[_g, {SPIKES_LEFT}]",
            f"        if _left < _RC[{TAPED}]:",
            "            _k = _left",
            *[f"            {x}" for x in first],
            "        if _left > 0:",
            *[f"            {x}" for x in second],
            f"        _RV[_g, {STEPS_LEFT}] = _left - 1",
            f"        _RV[_g, {EVENTS_LEFT}] = _e",
            f"        _RV[_g, {SPIKES_LEFT}] = _s",
            "    barrier()",
            "    if _left > 0:  # equal places stand together: a thread adds to each",
            *strided("_r", "_G[_g, _REC0] + _lane", "_G[_g, _REC1]", [
                "if _r == _G[_g, _REC0] or _RA[_r, 0] != _RA[_r - 1, 0]:",
                "    _stop = _r + 1",
                "    while _stop < _G[_g, _REC1] and _RA[_stop, 0] == _RA[_r, 0]:",
                "        _stop += 1",
                f"    record_adjoint(_B, _RA, _RB, _r, _stop, _RC[{OFFSET}] + _left)",
            ], " " * 8),
        ]  # fmt: skip
        return "\n".join(lines)

    def _load(self) -> str:
        """The row of a step back into its places: from ``first`` up to a tile's end or that of the part."""
        lines = [
            "@kernel",
            f"def load_row_block({ROW}, {BLOCK}):",
            "    _chunk = _TT[_bx, 1]",
            "    _g = _by * _chunks + _chunk",
            "    _base = _U(_G[_g, _BASE])",
            f"    {TABLED}",
            "    _places = _U(_H[_chunk, _TAPED])",
            *strided("_i", "_TT[_bx, 2] + _lane", f"min(_TT[_bx, 2] + {W}, _TT[_bx, 0])", [
                "_A[_base + _U(_K[_places + _U(_i)])] = _TP[_row + _U(_i) + _U(1)]",
            ], "    "),
        ]  # fmt: skip
        return "\n".join(lines)

    def _transposed(self) -> str:
        """What was played and transferred, backwards; then the transposed system, and the diagonal."""
        p = self.program
        factor = 2.0 if p.secondorder else 1.0
        taken = "_U(_G[_g, _TAKE]), _G[_g, _TAKEN], _U(_H[_chunk, _TAKE_ORDER])"
        transfers = [
            "    _shelf = _U(_G[_g, _SHELF])",
            f"    take_adjoint_lanes(_B, _I, _K, _base, _shelf, {taken}, _lane, _lanes)",
            "    barrier()",
            *strided("_i", "_lane", "_G[_g, _LAID]", [  # a source has one place
                "_pair = _U(_G[_g, _LAY]) + _U(2) * _U(_i)",
                "_at = _shelf + _U(_I[_pair + _U(1)])",
                "_B[_base + _U(_I[_pair])] += _B[_at]",
                "_B[_at] = 0.0",
            ], "    "),
            "    barrier()",
        ]  # fmt: skip
        body = ["_B[_rhs + _nd] = _x", "_B[_d + _nd] = -_x * _A[_rhs + _nd]"]
        lines = [
            "@kernel",
            f"def solve_transposed_block({TRANSPOSED}, {BLOCK}, {NEAR}):",
            "    _chunk = _bx",
            "    _g = _by * _chunks + _chunk",
            "    _kept = True",
            "    _base = _U(_G[_g, _BASE])",
            "    _n = _G[_g, _NODES]",
            *[f"    _{x} = _base + _U(_G[_g, _{x.upper()}])" for x in ("v", "rhs", "d")],
            *tree("    "),
            f"    {TABLED}",
            "    if _lane == 0:",
            *[f"        {x}" for x in self.loops.played()],
            "        _T[_g] = _TP[_row]",
            "    barrier()",
            *(transfers if p.transfers else []),
            *strided("_i", "_lane", "_n", [
                "_nd = _U(_i)", f"_B[_rhs + _nd] = {factor} * _B[_v + _nd]",
            ], "    "),
            "    barrier()",
        ]  # fmt: skip
        if p.order == "contraction":
            table = "_work, _schedule, _n, _steps, _tasks, _lane, _lanes"
            lines += [
                *self.groups.contracted(),
                "    lay_right_side(_I, _B, _work, _places, _n, _rhs, _lane, _lanes)",
                f"    transposed_contract(_A, _B, _I, {table})",
                f"    transposed_expand(_A, _B, _I, {table})",
                *self.groups.solution("_B", body),
            ]
        else:
            lines += self.groups.sweeps(body, [], transposed=True)
        return "\n".join(lines)

    # ------------------------------------------------------------------ adjoints through mechanisms

    def _group(self) -> list[str]:
        return [
            "    _chunk = _TT[_bx, 1]",
            "    _g = _by * _chunks + _chunk",
            "    _base = _U(_G[_g, _BASE])",
            "    _t = _T[_g]",
        ]

    def _call(self, p: Part) -> list[str]:
        """A call of one instance, its results in names."""
        w = self._writer(p)
        left = ", ".join(row for row, _ in w.landings())
        call = f"{w.function}({EVENTLESS}, _B, _g, _inst, _t, _dt)"
        return [f"{left} = {call}" if left else call]

    def _added(self, p: Part) -> list[str]:
        """What it returns, added by the thread that walks through a node's mechanisms; it keeps that of v."""
        found = self._writer(p).landings()
        return [f"_y += {r}" if place == VOLTAGE else f"_B[{place}] += {r}" for r, place in found]

    def _instances(self, kernel: Kernel) -> str:
        lines = ["@kernel", f"def {kernel.name}_block({REVERSE}, {BLOCK}):", *self._group()]
        lines.append("    _code = _TT[_bx, 0]")
        for p in kernel.parts:
            name = self._writer(p).name
            lines.append(f"    if _code == {p.mechanism}:")
            body = self._call(p)
            if p.how == "point":
                body += self._kept(p)
            stop = f"min(_TT[_bx, 2] + {W}, _G[_g, _{name}_N])"
            lines += strided("_inst", "_TT[_bx, 2] + _lane", stop, body, " " * 8)
        return "\n".join(lines)

    def _kept(self, p: Part) -> list[str]:
        """Results of an instance into the scratch."""
        name = self._writer(p).name
        rows = [r for r, _ in self._writer(p).landings()]
        return [
            f"_x = _U(_H[_chunk, _{name}_X] + _by * _room + _inst)",
            f"_rows = _U(_G[_g, _{name}_N])",
            *[f"_X[_x + _U({k}) * _rows] = {r}" for k, r in enumerate(rows)],
        ]

    def _apart(self, kernel: Kernel) -> str:
        """What others than a node share: computed side by side, then added by one thread in the CPU's order,
        which is block by block and row by row."""
        (p,) = kernel.parts
        w = self._writer(p)
        count = f"_G[_g, _{w.name}_N]"
        added = []
        for k, (_, place) in enumerate(w.landings()):
            added += [
                "for _inst in range(_first, _stop):",
                f"    _nd = _U(_I[_U(_G[_g, _{w.name}_NODE]) + _U(_inst)])",
                f"    _x = _U(_H[_chunk, _{w.name}_X] + _by * _room + _inst)",
                f"    _B[{place}] += _X[_x + _U({k}) * _U({count})]",
            ]
        lines = [
            "@kernel",
            f"def {kernel.name}_block({APART}, {BLOCK}):",
            "    _chunk = _bx",
            "    _g = _by * _chunks + _chunk",
            "    _base = _U(_G[_g, _BASE])",
            "    _t = _T[_g]",
            "    _first = 0",
            f"    while _first < {count}:",
            f"        _stop = min(_first + {W}, {count})",
            *strided("_inst", "_first + _lane", "_stop", [*self._call(p), *self._kept(p)], " " * 8),
            "        barrier()",
            "        if _lane == 0:",
            *[f"            {x}" for x in added],
            "        barrier()",
            f"        _first += {W}",
        ]
        return "\n".join(lines)

    def _nodes(self, kernel: Kernel) -> str:
        body = ["_nd = _U(_i)", f"_y = _B[{VOLTAGE}]", *(self._begin_of_node() if kernel.first else [])]
        for p in kernel.parts:
            body += self._at_node(p)
        body.append(f"_B[{VOLTAGE}] = _y")
        lines = ["@kernel", f"def {kernel.name}_block({REVERSE}, {BLOCK}):", *self._group()]
        if kernel.first:
            lines += [f"    _{x} = _base + _U(_G[_g, _{x.upper()}])" for x in ("v", "rhs", "d")]
            lines += tree("    ")
        stop = f"min(_TT[_bx, 2] + {W}, _G[_g, _NODES])"
        return "\n".join([*lines, *strided("_i", "_TT[_bx, 2] + _lane", stop, body, "    ")])

    def _begin_of_node(self) -> list[str]:
        """Behind the solution: axial currents, coefficients, capacitances."""
        walk = "_rhs, _a, _b, _parents, _children, _list, _nd"
        lines = [f"_y = axial_adjoint_node(_B, _P, _K, {walk}, _y)"]
        if self.loops.d.spec.geometry:
            bars = "_base + _U(_G[_g, _A_BAR]), _base + _U(_G[_g, _B_BAR])"
            lines.append(f"coefficient_adjoint_node(_A, _B, _K, _v, _rhs, _d, {bars}, _parents, _nd)")
        if self.loops.trains_cm():
            at = f"_U(_G[_g, _capacitance_OWN]) + _U(_inst) // _U({W}) * capacitance__OWN"
            lines += [
                "_inst = _K[_U(_H[_chunk, _capacitance_AT]) + _nd]",
                "if _inst >= 0:",
                f"    _c = 0.001 * {pace(self.program)}",
                f"    _B[_base + {at} + capacitance__cm + _U(_inst) % _U({W})] += _c * _B[_d + _nd]",
            ]
        return lines

    def _at_node(self, p: Part) -> list[str]:
        m: VarStruct = self.program.mechanisms[p.mechanism]
        name = m.template.name
        if p.how == "sum":
            rows = [r for r, _ in self._writer(p).landings()]
            body = [
                f"_x = _U(_H[_chunk, _{name}_X] + _by * _room + _inst)",
                f"_rows = _U(_G[_g, _{name}_N])",
                *[f"{r} = _X[_x + _U({k}) * _rows]" for k, r in enumerate(rows)],
                *self._added(p),
            ]
        else:
            body = [*self._call(p), *self._added(p)]
        if m.template.kind != "point":
            found = f"_inst = _K[_U(_H[_chunk, _{name}_AT]) + _nd]"
            return [found, "if _inst >= 0:", *[f"    {x}" for x in body]]
        return [
            f"_first = _U(_H[_chunk, _{name}_FIRST]) + _nd",
            "for _n in range(_K[_first], _K[_first + _U(1)]):",
            f"    _inst = _K[_U(_H[_chunk, _{name}_EACH]) + _U(_n)]",
            *[f"    {x}" for x in body],
        ]
