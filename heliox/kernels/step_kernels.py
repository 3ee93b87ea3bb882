"""Bodies of the kernels that make a step, one phase each (docs/design.md, section 8).

A body is told its block and its thread, ``_bx, _by, _lane, _lanes``, and is right with any number of threads
in a block, one included: that is how the CPU runs it. A group's ``PHASE`` says how far its step has come, so
that a kernel does nothing where a group has failed, and all do nothing once ``_CTL[HALT]`` says that the host
has to make a buffer larger.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from heliox.kernels import steady_loop
from heliox.kernels.context import EVENTLESS, W
from heliox.kernels.group_kernels import GroupKernels
from heliox.kernels.initial_kernels import InitialKernels
from heliox.kernels.instance_loop import InstanceWriter
from heliox.kernels.loops import Loops
from heliox.kernels.program import Program
from heliox.kernels.reverse_kernels import ReverseKernels
from heliox.kernels.stages import Kernel, Part, Stager
from heliox.kernels.step_names import (
    BASIC,
    BLOCK,
    FIRST,
    HALT,
    MARKED_PARTS,
    MOVED,
    MOVING,
    SAVE,
    kept,
    pace,
    strided,
    tree,
)
from heliox.kernels.unread import Unread, unread
from heliox.mechanisms.varstruct import VarStruct

AXIAL = "axial_node(_A, _P, _K, _v, _a, _b, _parents, _children, _list, _nd, {})"


class StepKernels:
    """Writes the bodies of a program's kernels (`Stager`); `watched` as in `heliox.kernels.unread`."""

    def __init__(
        self,
        program: Program,
        watched: Collection[tuple[str, str]] = (),
        *,
        together: bool = True,
        spread: bool = False,
    ) -> None:
        loops = Loops(program)
        self.program, self.context = program, loops.context
        self.stager = Stager(self.context, together=together, spread=spread)
        self.first_half = self.stager.first_half()
        self.second_half = self.stager.second_half()
        self.kernels = [k for stage in (*self.first_half, *self.second_half) for k in stage]
        self.groups = GroupKernels(program, loops)
        self.initial = InitialKernels(program, loops, self.stager, self.groups)
        self.reverse = (
            ReverseKernels(program, loops, self.stager, self.groups) if program.adjoint is not None else None
        )
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
        out += [steady_loop.conductance(self.context, m) for m in self._steady()]
        out += [self._begin(), *self.groups.texts(), *self.initial.texts()]
        if self.reverse is None:
            return out
        again = [self._instances(k, None) for stage in self.reverse.again for k in stage]
        return [*out, self._save(), *again, *self.reverse.texts()]

    def signatures(self) -> dict[str, str]:
        """Arguments of every kernel."""
        out = {k.name: BASIC for k in self.kernels} | {f"{n}_lean": BASIC for n in sorted(self.lean)}
        out |= {"begin_step": BASIC} | self.groups.signatures()
        return out | ({"save_row": SAVE} if self.reverse else {})

    def backwards(self) -> dict[str, str]:
        """Arguments of the kernels that only the reverse pass has."""
        if self.reverse is None:
            return {}
        again = {k.name: BASIC for stage in self.reverse.again for k in stage}
        return again | self.reverse.signatures()

    def _m(self, part: Part) -> VarStruct:
        return self.program.mechanisms[part.mechanism]

    def _steady(self) -> list[VarStruct]:
        """Channels with whose conductances a diagonal begins."""
        return [m for m in self.program.mechanisms if m.template.name in self.program.steady]

    def results(self) -> dict[int, int]:
        """Mechanisms whose currents or adjoints go through the scratch: results of an instance."""
        points = {p.mechanism for k in self.kernels for p in k.parts if p.how == "point"}
        out = {k: len(self.stager.writer(k, "current").returned) for k in points}
        for k, n in (self.reverse.results() if self.reverse else {}).items():
            out[k] = max(out.get(k, 0), n)
        return out

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
        ]
        if not w.steady:
            lines += [
                f"if not ({kept(self.program)}):",
                f"    _A[_base + _U(_G[_g, _D]) + _nd] {other}= {w.S('_gm')}",
            ]
        if w.t.electrode and self.program.membrane:
            lines += [
                f"_A[_base + _U(_G[_g, _SAVED_RHS]) + _nd] += {w.S('_i')}",
                f"_A[_base + _U(_G[_g, _SAVED_D]) + _nd] -= {w.S('_gm')}",
            ]
        lines += [f"_A[{w.pool(n)}] += {w.S(n)}" for n in w.shares]
        return [pad + x for x in lines]

    # ------------------------------------------------------------------ nodes

    def _nodes(self, kernel: Kernel, unread: Unread | None) -> str:
        p = self.program
        start = AXIAL.format("0.0") if p.begun else "0.0"
        body = [
            "_nd = _U(_i)",
            f"_r = {start if kernel.first else '_A[_rhs + _nd]'}",
            "_y = 0.0",
        ]
        if p.membrane:
            none = "_r" if p.begun else "0.0"
            saved = (none, "0.0") if kernel.first else ("_A[_saved_rhs + _nd]", "_A[_saved_d + _nd]")
            body += [f"_sr = {saved[0]}", f"_sd = {saved[1]}"]
        begun = "_A[_begin_d + _nd]" if p.begun else "0.0"
        body += ["if not _kept:", f"    _y = {begun if kernel.first else '_A[_d + _nd]'}"]
        spread = all(part.how == "sum" for part in kernel.parts)
        for part in kernel.parts if spread else ():  # all look-ups first: none waits for a store
            if self._m(part).template.kind != "point":
                body.append(f"_at_{part.mechanism} = {self._found(part)}")
        for k, part in enumerate(kernel.parts):
            lines = self._at_node(part, unread, spread)
            body += lines if spread else _where_marked(k, lines)
        if kernel.last:
            body += self._end_of_node()
        body += ["_A[_rhs + _nd] = _r", "if not _kept:", "    _A[_d + _nd] = _y"]
        if p.membrane:
            body += ["_A[_saved_rhs + _nd] = _sr", "_A[_saved_d + _nd] = _sd"]
        name = f"{kernel.name}{'_lean' if unread else ''}"
        lines = ["@kernel", f"def {name}_block({BASIC}, {BLOCK}):", *self._group(MOVING)]
        lines += [
            "    _marks = _TT[_bx, 0]",
            f"    _kept = {kept(p)}",
            "    _base = _U(_G[_g, _BASE])",
            *[f"    _{x} = _base + _U(_G[_g, _{x.upper()}])" for x in ("v", "rhs", "d", "begin_d")],
            *tree("    "),
        ]
        if p.membrane:
            lines += [
                f"    _{x} = _base + _U(_G[_g, _{x.upper()}])" for x in ("saved_rhs", "saved_d", "coupling")
            ]
        return "\n".join([*lines, *self._each_node(body)])

    def _each_node(self, body: Sequence[str]) -> list[str]:
        stop = f"min(_TT[_bx, 2] + {W}, _G[_g, _NODES])"
        return strided("_i", "_TT[_bx, 2] + _lane", stop, body, "    ")

    def _found(self, part: Part) -> str:
        """Text that reads which instance of a mechanism is at the node, or -1."""
        return f"_K[_U(_H[_chunk, _{self._m(part).template.name}_AT]) + _nd]"

    def _at_node(self, part: Part, unread: Unread | None, spread: bool) -> list[str]:
        m = self._m(part)
        w = InstanceWriter(self.context, m, part.block, unread)
        name = w.name
        at = f"_inst = {f'_at_{part.mechanism}' if spread else self._found(part)}"
        if part.how == "node":
            call = f"{w.function}({EVENTLESS}, _g, _inst, _nd, _t, _dt)"
            lines = [at, "if _inst >= 0:"]
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
            lines = [at, "if _inst >= 0:", f"    _rows = _U(_G[_g, _{name}_N])"]
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
        lines = [f"_r {sign}= {w.S('_i')}"]
        lines += [] if w.steady else [f"_y {other}= {w.S('_gm')}"]
        if w.t.electrode and self.program.membrane:
            lines += [f"_sr += {w.S('_i')}", f"_sd -= {w.S('_gm')}"]
        return lines + [f"_A[{w.pool(n)}] += {w.S(n)}" for n in w.shares]

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
        if not p.begun:
            lines += [f"_r = {AXIAL.format('_r')}", "if not _kept:", f"    _y = {couple.format('_y')}"]
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
            f"    _c = 0.001 * {pace(self.program)}",
            f"    {name} += _c * {M}[{at} + capacitance__cm + _U(_inst) % _U({W})]",
        ]

    def _save(self) -> str:
        """A row of the tape, of a step whose half time has come."""
        lines = ["@kernel", f"def save_row_block({SAVE}, {BLOCK}):", *self._group(MOVING)]
        row = f"_U(_G[_g, _TAPE]) + _U(_QN[_g, STEP] - _CTL[{FIRST}]) * _U(_G[_g, _ROW])"
        lines += [
            "    _base = _U(_G[_g, _BASE])",
            f"    _row = {row}",
            "    _places = _U(_H[_chunk, _TAPED])",
            "    if _lane == 0 and _TT[_bx, 2] == 0:",
            "        _TP[_row] = _t",
            *strided("_i", "_TT[_bx, 2] + _lane", f"min(_TT[_bx, 2] + {W}, _TT[_bx, 0])", [
                "_TP[_row + _U(_i) + _U(1)] = _A[_base + _U(_K[_places + _U(_i)])]",
            ], "    "),
        ]  # fmt: skip
        return "\n".join(lines)

    def _begin(self) -> str:
        """What a diagonal begins with, summed once a run (`begin` of `Loops`)."""
        lines = ["@kernel", f"def begin_step_block({BASIC}, {BLOCK}):"]
        if not self.program.begun:
            return "\n".join([*lines, "    pass"])
        couple = "couple_node(_P, _K, _a, _b, _parents, _children, _list, _nd, {})"
        body = ["_nd = _U(_i)", "_y = 0.0", *self._capacitance("_y"), f"_y = {couple.format('_y')}"]
        for m in self._steady():
            name = m.template.name
            body += [f"_inst = _K[_U(_H[_chunk, _{name}_AT]) + _nd]", "if _inst >= 0:",
                     f"    _y += {name}_steady({EVENTLESS}, _g, _inst)"]  # fmt: skip
        body.append("_A[_base + _U(_G[_g, _BEGIN_D]) + _nd] = _y")
        if self.program.membrane:
            body.append(f"_A[_base + _U(_G[_g, _COUPLING]) + _nd] = {couple.format('0.0')}")
        lines += [
            "    _chunk = _TT[_bx, 1]",
            "    _g = _by * _chunks + _chunk",
            "    _base = _U(_G[_g, _BASE])",
            *tree("    "),
            *self._each_node(body),
        ]
        return "\n".join(lines)


def _where_marked(k: int, lines: Sequence[str]) -> list[str]:
    """Lines of the k-th part of a kernel over nodes, where a block needs it."""
    if k >= MARKED_PARTS:
        return list(lines)
    return [f"if _marks & {1 << k} != 0:", *[f"    {x}" for x in lines]]
