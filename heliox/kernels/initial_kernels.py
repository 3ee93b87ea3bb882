"""Bodies of the kernels that make NEURON's finitialize (docs/design.md, section 8.2).

They go in the order of `heliox.solver.step.INITIALIZE` and `SETTLE`. Kernels of a step among them find a
group in the ``PHASE`` where they expect it.
"""

from __future__ import annotations

from collections.abc import Sequence

from heliox.kernels.context import ARGS, EVENTLESS, W
from heliox.kernels.group_kernels import GroupKernels
from heliox.kernels.instance_loop import InstanceWriter
from heliox.kernels.loops import Loops
from heliox.kernels.program import Program
from heliox.kernels.stages import Part, Stager, Stages
from heliox.kernels.step_names import BEFORE_DETECT, BLOCK, EVENTS, HALT, MOVED, MOVING, strided
from heliox.mechanisms.varstruct import VarStruct

START, DELIVER, CONNECT, SETTLE, END = range(5)  # of `initial_events`
BLOCKS = ("before_initial", "initial", "after_initial")
INSTANCES = f"{ARGS}, _T, _SC, _TT, _chunks, _dt"
VOLTAGES = f"{EVENTLESS}, _H, _VI, _chunks"
TABLES = f"{EVENTLESS}, _chunks, _dt"
GROUPS = f"{EVENTLESS}, _QN, _chunks"


class InitialKernels:
    """Writes the kernels of an initialization.

    Attributes
    ----------
    stages : dict of stages of kernels
        By block: `before_initial`, `initial`, `after_initial`.
    """

    def __init__(self, program: Program, loops: Loops, stager: Stager, groups: GroupKernels) -> None:
        self.program, self.loops, self.groups = program, loops, groups
        self.context = loops.context
        self.stages: dict[str, Stages] = {b: stager.blocks(b) for b in BLOCKS}

    def signatures(self) -> dict[str, str]:
        """Arguments of every kernel."""
        out = {k.name: INSTANCES for found in self.stages.values() for stage in found for k in stage}
        out |= {"set_voltages": VOLTAGES, "tabulate": TABLES, "lay_initial": GROUPS, "open_initial": GROUPS}
        out |= {"initial_events": EVENTS}
        return out | ({"take_initial": GROUPS} if self.program.transfers else {}) | {"close_initial": GROUPS}

    @property
    def tables(self) -> int:
        """How many tables mechanisms have."""
        return sum(len(m.template.tables) for m in self.program.mechanisms)

    def texts(self) -> list[str]:
        writers = {
            (p.mechanism, p.block): InstanceWriter(self.context, self._m(p), p.block)
            for found in self.stages.values()
            for stage in found
            for k in stage
            for p in k.parts
        }
        out = [w.at() for w in writers.values()]
        for found in self.stages.values():
            out += [self._instances(k.name, k.parts) for stage in found for k in stage]
        out += [self._voltages(), self._tabulate(), *self._transfers(), self._open(), self._close()]
        return [*out, self._events()]

    def _m(self, p: Part) -> VarStruct:
        return self.program.mechanisms[p.mechanism]

    # ------------------------------------------------------------------ instances

    def _instances(self, name: str, parts: Sequence[Part]) -> str:
        lines = [
            "@kernel",
            f"def {name}_block({INSTANCES}, {BLOCK}):",
            "    _chunk = _TT[_bx, 1]",
            "    _g = _by * _chunks + _chunk",
            "    _t = _T[_g]",
            "    _S = _SC[_g]",
            "    _code = _TT[_bx, 0]",
        ]
        for p in parts:
            t = self._m(p).template
            w = InstanceWriter(self.context, self._m(p), p.block)
            node = "_U(0)" if t.kind == "artificial" else f"_U(_I[_U(_G[_g, _{t.name}_NODE]) + _U(_inst)])"
            call = f"{w.function}({w.given}, _g, _inst, {node}, _t, _dt)"
            count = f"_G[_g, _{t.name}_N]"
            lines.append(f"    if _code == {p.mechanism}:")
            if p.how == "serial":
                lines += ["        if _lane == 0:", f"            for _inst in range({count}):"]
                lines.append(f"                {call}")
            else:
                stop = f"min(_TT[_bx, 2] + {W}, {count})"
                lines += strided("_inst", "_TT[_bx, 2] + _lane", stop, [call], " " * 8)
        return "\n".join(lines)

    # ------------------------------------------------------------------ what is no mechanism's

    def _voltages(self) -> str:
        """v before INITIAL: of each member, or of all; nodes of chunks one behind the other."""
        return "\n".join([
            "@kernel",
            f"def set_voltages_block({VOLTAGES}, {BLOCK}):",
            "    _g = _by * _chunks + _bx",
            "    _v = _U(_G[_g, _BASE]) + _U(_G[_g, _V])",
            "    _row = min(_by, _VI.shape[0] - 1)",
            *strided("_i", "_lane", "_G[_g, _NODES]", [
                "_A[_v + _U(_i)] = _VI[_row, _H[_bx, _BEFORE] + _i]",
            ], "    "),
        ])  # fmt: skip

    def _tabulate(self) -> str:
        """A thread fills a table; members that differ have their own."""
        lines = ["@kernel", f"def tabulate_block({TABLES}, {BLOCK}):", "    _g = _by * _chunks"]
        k = 0
        for m in self.program.mechanisms:
            own = self.program.tables_own(m)
            for table in m.template.tables:
                lines.append(f"    if _bx == {k} and _lane == 0{'' if own else ' and _by == 0'}:")
                lines.append(f"        {self.loops.filled(m, table)}")
                k += 1
        return "\n".join([*lines, "    pass"])

    def _transfers(self) -> list[str]:
        """Nothing is above a threshold yet; sources are laid on the shelf, and taken from there."""
        head = ["    _g = _by * _chunks + _bx", "    _base = _U(_G[_g, _BASE])"]
        lay = [
            "@kernel",
            f"def lay_initial_block({GROUPS}, {BLOCK}):",
            *head,
            *strided("_i", "_lane", "_G[_g, _SRC1] - _G[_g, _SRC0]", [
                "_A[_base + _U(_G[_g, _FLAGS]) + _U(_i)] = 0.0",
            ], "    "),
        ]  # fmt: skip
        if not self.program.transfers:
            return ["\n".join(lay)]
        take = ["@kernel", f"def take_initial_block({GROUPS}, {BLOCK}):", *head, *self.groups.taken()]
        return ["\n".join([*lay, *self.groups.laid()]), "\n".join(take)]

    def _open(self) -> str:
        """Kernels of a step find a group where they expect it."""
        return self._phase("open_initial", MOVING, [])

    def _close(self) -> str:
        """i_membrane_, where nothing is capacitive yet (`initial_membrane_current`)."""
        lines = []
        if self.program.membrane:
            lines = [
                "    _base = _U(_G[_g, _BASE])",
                "    _area = _U(_G[_g, _AREA])",
                *[f"    _{x} = _base + _U(_G[_g, _{x.upper()}])" for x in ("rhs", "saved_rhs")],
                *strided("_i", "_lane", "_G[_g, _NODES]", [
                    "_x = _U(_i)",
                    "_A[_saved_rhs + _x] = (_A[_rhs + _x] + _A[_saved_rhs + _x]) * _P[_area + _x] * 0.01",
                ], "    "),
            ]  # fmt: skip
        return self._phase("close_initial", MOVED, lines)

    @staticmethod
    def _phase(name: str, phase: int, lines: Sequence[str]) -> str:
        return "\n".join([
            "@kernel",
            f"def {name}_block({GROUPS}, {BLOCK}):",
            "    _g = _by * _chunks + _bx",
            *lines,
            "    if _lane == 0:",
            f"        _QN[_g, PHASE] = {phase}",
        ])  # fmt: skip

    # ------------------------------------------------------------------ events, by one thread of a group

    def _events(self) -> str:
        """What `_last` asks for; all of it ends with the delivery of what is due.

        START: plays wait for their first points. CONNECT: connections, in the order of their creation, and
        no delivery. SETTLE: what deliveries emit goes to others. END: the first step finds the group ready.
        """
        rows = "_U(_G[_g, _PLAY]), _G[_g, _PLAYS], _G[_g, _MEMBER]"
        begin = f"begin(_A, _P, _I, _QF, _QI, _QN, _g, _base, {rows}, {len(self.program.mechanisms)})"
        lines = [
            "_g = _by * _chunks + _from + _bx",
            "_S = _SC[_g]",
            "_base = _U(_G[_g, _BASE])",
            "_t = _T[_g]",
            *([f"if _last == {START}:", f"    {begin}"] if self.program.plays else []),
            f"if _last == {END}:",
            f"    _QN[_g, PHASE] = {BEFORE_DETECT}",
            f"if _last == {CONNECT}:",
            f"    initialize_connections({ARGS}, _S, _g, _t, _dt)",
            f"elif not deliver({ARGS}, _S, _g, _t, _dt):",
            f"    _CTL[{HALT}] = 1",
            f"elif _last == {SETTLE} and _chunks > 1:",
            "    if _QN[_g, STATUS] == OK and not publish(_QN, _SF, _SI, _EX, _PF, _PI, _PN, _g, _by, 0):",
            f"        _CTL[{HALT}] = 1",
        ]
        head = ["@kernel", f"def initial_events_block({EVENTS}, {BLOCK}):", "    if _lane == 0:"]
        return "\n".join([*head, *[f"        {x}" for x in lines]])
