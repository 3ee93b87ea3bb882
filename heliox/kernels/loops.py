"""All loops of a program, and the calls of them that make up a phase."""

from __future__ import annotations

from heliox.kernels import fixed_loops, steady_loop
from heliox.kernels.block_loop import BlockWriter
from heliox.kernels.context import ARGS, EVENTLESS, Context, table_place
from heliox.kernels.diffusion_loop import diffusion
from heliox.kernels.event_loop import event
from heliox.kernels.mechanism_text import table_arguments
from heliox.kernels.program import Program
from heliox.mechanisms.template import Table
from heliox.mechanisms.varstruct import VarStruct

CONTRACTION = "_I, _work, _schedule, _n, _rows, _tasks"
COUPLE = "couple(_A, _P, _I, {}, _a, _b, _visit, _parent, _stretches, _stretch_n)"


class Loops:
    """Emits the loops of all mechanisms of a program."""

    def __init__(self, program: Program) -> None:
        self.context = Context(program)
        self.scratch = 1

    def bases(self, pad: str) -> list[str]:
        """Locals of a group that several phases use."""
        return [
            f"{pad}_base = _U(_G[_g, _BASE])",
            f"{pad}_n = _U(_G[_g, _NODES])",
            *[f"{pad}_{x} = _base + _U(_G[_g, _{x.upper()}])" for x in ("v", "rhs", "d")],
            f"{pad}_a = _U(_G[_g, _CA])",
            f"{pad}_b = _U(_G[_g, _CB])",
            f"{pad}_visit = _U(_G[_g, _ORDER])",
            f"{pad}_parent = _U(_G[_g, _PARENT])",
            f"{pad}_stretches = _U(_G[_g, _STRETCHES])",
            f"{pad}_stretch_n = _G[_g, _STRETCH_N]",
            f"{pad}_moving = _U(_G[_g, _MOVING])",
            f"{pad}_moving_n = _G[_g, _MOVING_N]",
            f"{pad}_some = False",
            f"{pad}_whole = True",
            *(
                [
                    f"{pad}_work = _base + _U(_G[_g, _WORK])",
                    f"{pad}_places = _U(_G[_g, _RANK])",
                    f"{pad}_schedule = _U(_G[_g, _SCHEDULE])",
                    f"{pad}_rows = _G[_g, _SCHEDULE_STEPS]",
                    f"{pad}_tasks = _G[_g, _SCHEDULE_TASKS]",
                ]
                if self.context.program.order == "contraction"
                else []
            ),
            *(
                [
                    f"{pad}_area = _U(_G[_g, _AREA])",
                    f"{pad}_saved_rhs = _base + _U(_G[_g, _SAVED_RHS])",
                    f"{pad}_saved_d = _base + _U(_G[_g, _SAVED_D])",
                ]
                if self.context.program.membrane
                else []
            ),
        ]

    def fixed_calls(self) -> dict[str, list[str]]:
        """Phases that are no loop over mechanisms: the tree, plays, transfers, membrane currents."""
        p = self.context.program
        play = "play(_A, _P, _I, _base, _U(_G[_g, _PLAY]), _G[_g, _PLAYS], _G[_g, _MEMBER], _t)"
        row = "_U(_QN[_g, STEP]) % _U(_G[_g, _SHELF_ROWS]) * _U(_G[_g, _SHELF_SIZE])"
        shelf = f"_U(_G[_g, _SHELF]) + {row}"
        lay = f"lay_sources(_A, _I, _base, {shelf}, _U(_G[_g, _LAY]), _G[_g, _LAID])"
        runs = "_U(_G[_g, _RUN]), _G[_g, _RUNS], _U(_G[_g, _PLACES])"
        take = f"take_runs(_A, _I, _base, {shelf}, {runs})"
        cable = "axial(_A, _P, _I, _v, _rhs, _a, _b, _visit, _parent, _stretches, _stretch_n)"
        if p.begun:
            part = "_kept, _some, _moving, _moving_n"
            clear = [f"begin_{cable}", f"begin_diagonal(_A, _I, _d, _begin_d, _n, {part})"]
            forget = "forget_membrane_begun(_A, _rhs, _saved_rhs, _saved_d, _n)"
            save = "save_membrane_begun(_A, _rhs, _d, _coupling, _saved_rhs, _saved_d, _n)"
        else:
            clear = ["clear(_A, _rhs, _d, _n, _kept)"]
            forget = "forget_membrane(_A, _saved_rhs, _saved_d, _n)"
            save = "save_membrane(_A, _rhs, _d, _saved_rhs, _saved_d, _n)"
        return {
            "play": [play] if p.plays else [],
            "clear": [*clear, *self.membrane(forget)],
            "save_membrane": self.membrane(save),
            "axial": [] if p.begun else [cable],
            "couple": [] if p.begun else ["if not _kept:", f"    {COUPLE.format('_d')}"],
            **self._solution(),
            "lay_sources": [lay] if p.transfers else [],
            "take_targets": [take] if p.transfers else [],
        }

    def _solution(self) -> dict[str, list[str]]:
        if self.context.program.order == "contraction":
            return {
                "eliminate": [
                    "if _kept:",
                    "    lay_right_side(_I, _A, _work, _places, _n, _rhs, 0, 1)",
                    f"    contract_again(_A, _A, {CONTRACTION})",
                    "else:",
                    "    lay_tree(_A, _P, _I, _A, _work, _places, _n, _rhs, _d, _a, _b, 0, 1)",
                    "    first_pivots(_A, _I, _work, _schedule, _n, _rows, 0, 1)",
                    f"    contract(_A, {CONTRACTION}, 0, _rows, True, 0, 1, 1)",
                ],
                "substitute": [
                    f"expand(_A, _A, {CONTRACTION}, 0, _rows, 0, 1, 1)",
                    "take_solution(_I, _A, _work, _places, _n, _rhs)",
                ],
            }
        tree = "_visit, _parent, _stretches, _stretch_n, _kept, _some"
        return {
            "eliminate": [f"eliminate(_A, _P, _I, _rhs, _d, _a, _b, {tree})"],
            "substitute": [f"substitute(_A, _P, _I, _rhs, _d, _b, {tree})"],
        }

    def advance(self, factor: float) -> dict[str, list[str]]:
        """New voltages: behind the solution, or in its last sweep."""
        together = self.context.program.order == "neuron"
        sweep = "_d, _b, _visit, _parent, _stretches, _stretch_n, _kept, _some"
        call = (
            f"substitute_update(_A, _P, _I, _v, _rhs, {sweep}, {factor}, _limit)"
            if together
            else f"update(_A, _v, _rhs, _n, {factor}, _limit)"
        )
        lines = [f"if {call} > 0:", "    _QN[_g, STATUS] = RUNAWAY"]
        return {"substitute": lines, "update": []} if together else {"update": lines}

    def solution_again(self, transposed: bool) -> list[str]:
        """The same matrix, or its transpose, with the right-hand side in ``_B``."""
        if self.context.program.order == "contraction":
            if transposed:
                first = f"transposed_contract(_A, _B, {CONTRACTION}, 0, 1)"
                second = f"transposed_expand(_A, _B, {CONTRACTION}, 0, 1)"
            else:
                first = f"contract_again(_A, _B, {CONTRACTION})"
                second = f"expand(_A, _B, {CONTRACTION}, 0, _rows, 0, 1, 1)"
            return [
                "lay_right_side(_I, _B, _work, _places, _n, _rhs, 0, 1)",
                first,
                second,
                "take_solution(_I, _B, _work, _places, _n, _rhs)",
            ]
        above, below = ("_b", "_a") if transposed else ("_a", "_b")
        tree = "_visit, _parent, _stretches, _stretch_n"
        return [
            f"transposed_eliminate(_A, _B, _P, _I, _rhs, _d, {above}, {tree})",
            f"transposed_substitute(_A, _B, _P, _I, _rhs, _d, {below}, {tree})",
        ]

    def begin(self, pad: str) -> list[str]:
        """What a diagonal begins with: where that is summed once a window."""
        p = self.context.program
        if not p.begun:
            return []
        lines = ["_begin_d = _base + _U(_G[_g, _BEGIN_D])", "zero(_A, _begin_d, _n)"]
        if "capacitance" in self.context.by_name:
            lines.append(f"capacitance_add({EVENTLESS}, _g, _begin_d, _cj)")
        lines.append(COUPLE.format("_begin_d"))
        lines += [
            f"{m.template.name}_steady_add({EVENTLESS}, _g, _begin_d)"
            for m in p.mechanisms
            if m.template.name in p.steady
        ]
        if p.membrane:
            lines += ["_coupling = _base + _U(_G[_g, _COUPLING])", "zero(_A, _coupling, _n)"]
            lines.append(COUPLE.format("_coupling"))
        return [pad + x for x in lines]

    def membrane(self, call: str) -> list[str]:
        """A call that serves i_membrane_, where that is computed."""
        return [call] if self.context.program.membrane else []

    def calls(self, phase: str) -> list[str]:
        """Calls of the loops that make up a phase, in model order."""
        p = self.context.program
        out = []
        for m in p.mechanisms:
            name = m.template.name
            if name == "capacitance":
                if phase == "capacitance" and not p.begun:
                    out += ["if not _kept:", f"    capacitance_add({EVENTLESS}, _g, _d, _cj)"]
                elif phase == "after_update":
                    out.append(f"capacitance_current({EVENTLESS}, _g, _rhs, _cj)")
            elif phase == "correct_ions":
                if p.secondorder == 2 and m.template.kind == "ion":
                    out.append(f"{name}_correct({EVENTLESS}, _g, _rhs)")
            elif phase == "diffuse":
                out += [f"{name}_{x.function}_loop({EVENTLESS}, _g, _t, _dt)" for x in m.template.diffusion]
            elif phase in m.template.functions:
                out.append(self._call(m, phase))
        if phase == "initial":  # artificial cells come after everything on nodes
            by_name = self.context.by_name
            out.sort(key=lambda line: by_name[line.split("_initial_loop")[0]].template.kind == "artificial")
        return out

    def _call(self, m: VarStruct, block: str) -> str:
        args = ARGS if m.template.effects(block) else EVENTLESS
        flags = BlockWriter(self.context, m, block).flags
        return f"{m.template.name}_{block}_loop({args}, _S, _g, _t, _dt{flags})"

    # ------------------------------------------------------------------ one mechanism

    def mechanism(self, m: VarStruct) -> list[str]:
        """All loops of a mechanism."""
        if m.template.name == "capacitance":
            return [fixed_loops.capacitance(m)]
        out: list[str] = []
        for block in m.template.functions:
            if block == "conductance":
                continue  # part of the loop of `current`
            if block in ("receive", "receive_initial"):
                out.append(event(self.context, m, block))
            elif block.startswith(("watch_", "diffuse_")) or block == "receive_each":
                continue  # called by the check of conditions, and by `receive`
            else:
                writer = BlockWriter(self.context, m, block)
                self.scratch = max(self.scratch, len(writer.slots))
                out += writer.write()
        if m.template.name in self.context.program.steady:
            out += [steady_loop.conductance(self.context, m), steady_loop.add(m)]
        out += [diffusion(self.context, m, x) for x in m.template.diffusion]
        if m.template.kind == "ion" and self.context.program.secondorder == 2:
            out.append(fixed_loops.correct(m))
        return out

    def tabulate(self, pad: str) -> str:
        """Fill every NMODL TABLE from the present values of what it depends on."""
        lines: list[str] = []
        for m in self.context.program.mechanisms:
            # a member's own table is filled for the first of its groups
            groups = "0, _groups, _chunks" if self.context.program.tables_own(m) else "1"
            for table in m.template.tables:
                lines += [f"for _g in range({groups}):", f"    {self.filled(m, table)}"]
        return "\n".join(f"{pad}{x}" for x in lines or ["pass"])

    def filled(self, m: VarStruct, table: Table) -> str:
        """A call that fills a table of group ``_g``."""
        values = [
            "_dt" if a == "dt" else self.context.global_value(m, a, k=k)
            for a in table_arguments(m, table)
            for k in range(m.template.array_sizes.get(a, 1))
        ]
        return (
            f"{m.template.name}_{table.function}_fill({', '.join((*table_place(self.context, m), *values))})"
        )
