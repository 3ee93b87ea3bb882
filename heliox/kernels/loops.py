"""All loops of a program, and the calls of them that make up a phase."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliox.kernels import fixed_loops
from heliox.kernels.block_loop import BlockWriter
from heliox.kernels.context import ARGS, EVENTLESS, Context, has_effects
from heliox.kernels.event_loop import event
from heliox.kernels.mechanism_text import table_arguments
from heliox.mechanisms.varstruct import VarStruct

if TYPE_CHECKING:
    from heliox.kernels.codegen import Program


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
            f"{pad}_roots = _U(_G[_g, _ROOTS])",
            *[f"{pad}_{x} = _base + _U(_G[_g, _{x.upper()}])" for x in ("v", "rhs", "d")],
            f"{pad}_a = _U(_G[_g, _CA])",
            f"{pad}_b = _U(_G[_g, _CB])",
            f"{pad}_parent = _U(_G[_g, _PARENT])",
        ]

    def calls(self, phase: str) -> list[str]:
        """Calls of the loops that make up a phase, in model order."""
        p = self.context.program
        out = []
        for m in p.mechanisms:
            name = m.template.name
            if name == "capacitance":
                if phase == "capacitance":
                    out.append(f"capacitance_add({EVENTLESS}, _g, _d, _cj)")
                elif phase == "after_update":
                    out.append(f"capacitance_current({EVENTLESS}, _g, _rhs, _cj)")
            elif phase == "correct_ions":
                if p.secondorder == 2 and m.template.kind == "ion":
                    out.append(f"{name}_correct({EVENTLESS}, _g, _rhs)")
            elif phase in m.template.functions:
                out.append(self._call(m, phase))
        if phase == "initial":  # artificial cells come after everything on nodes
            by_name = self.context.by_name
            out.sort(key=lambda line: by_name[line.split("_initial_loop")[0]].template.kind == "artificial")
        return out

    def _call(self, m: VarStruct, block: str) -> str:
        args = ARGS if has_effects(m, block) else EVENTLESS
        return f"{m.template.name}_{block}_loop({args}, _S, _g, _t, _dt)"

    # ------------------------------------------------------------------ one mechanism

    def mechanism(self, m: VarStruct) -> list[str]:
        """All loops of a mechanism."""
        if m.template.name == "capacitance":
            return [fixed_loops.capacitance(m)]
        out = []
        for block in m.template.functions:
            if block == "conductance":
                continue  # part of the loop of `current`
            if block in ("receive", "receive_initial"):
                out.append(event(self.context, m, block))
            else:
                writer = BlockWriter(self.context, m, block)
                self.scratch = max(self.scratch, len(writer.slots))
                out += writer.write()
        if m.template.kind == "ion" and self.context.program.secondorder == 2:
            out.append(fixed_loops.correct(m))
        return out

    def phases(self) -> str:
        """`fill_tables` and the size of the scratch."""
        lines = [
            f"SCRATCH = {self.scratch}",
            "",
            "",
            "@entry",
            "def fill_tables(_A, _P, _G):",
            '    """Every NMODL TABLE, from the present values of what it depends on."""',
        ]
        for m in self.context.program.mechanisms:
            for table in m.template.tables:
                name = m.template.name
                lines.append(f"    if _G[0, _{name}_TABLE] >= 0:")
                args = table_arguments(m, table)
                values = [self.context.global_value(m, a, "0") for a in args]
                where = (
                    ("_A", f"_U(_G[_g, _BASE]) + _U(_G[_g, _{name}_TABLE])")
                    if self.context.program.celsius_own
                    else ("_P", f"_U(_G[0, _{name}_TABLE])")
                )
                if self.context.program.celsius_own:
                    values = [self.context.global_value(m, a, "_g") for a in args]
                    lines.append("        for _g in range(_G.shape[0]):")
                    pad = "            "
                else:
                    pad = "        "
                lines.append(f"{pad}{name}_{table.function}_fill({', '.join((*where, *values))})")
        lines.append("    return 0")
        return "\n".join(lines)
