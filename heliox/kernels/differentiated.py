"""Which variables of a program carry adjoints or tangents: what its derivatives read and write."""

from __future__ import annotations

from functools import cached_property

from heliox.kernels.program import Program
from heliox.mechanisms.subset import Function
from heliox.mechanisms.varstruct import VarStruct, hidden_names

STEP_BLOCKS = ("before_breakpoint", "current", "conductance", "state", "after_solve", "before_step")
GEOMETRY = ("area", "diam")  # of the node


class Differentiated:
    """Answers for the mechanisms of a program that has an `Adjoint`."""

    def __init__(self, program: Program) -> None:
        assert program.adjoint is not None
        self.program, self.spec = program, program.adjoint

    @cached_property
    def pools(self) -> dict[str, VarStruct]:
        """Ion -> its pool."""
        return {
            m.template.name.removesuffix("_ion"): m
            for m in self.program.mechanisms
            if m.template.kind == "ion"
        }

    @cached_property
    def written_ions(self) -> set[str]:
        """Ion variables, other than currents, that mechanisms write."""
        return {
            n
            for m in self.program.mechanisms
            for f in m.template.functions.values()
            for n in f.returns
            if n in m.template.ion_names and n not in m.template.currents
        }

    @cached_property
    def read_ions(self) -> set[str]:
        """Ion variables that blocks of a step read from pools."""
        return {
            n
            for m in self.program.mechanisms
            for b in STEP_BLOCKS
            if b in m.template.functions
            for n in m.template.functions[b].params
            if n in m.template.ion_names and n not in m.own
        }

    @cached_property
    def active_ions(self) -> set[str]:
        """Variables of pools that carry adjoints."""
        out: set[str] = set()
        for ion, pool in self.pools.items():
            name = pool.template.name
            wanted = {n for mech, n in self.spec.trained | self.spec.watched if mech == name}
            concentrations = {f"{ion}i", f"{ion}o"}
            out |= concentrations & (self.written_ions | wanted)
            reversal = f"e{ion}"
            if reversal in wanted | self.written_ions or concentrations & out:
                out.add(reversal)
            if f"i{ion}" in self.read_ions | wanted:
                out |= {f"i{ion}"}
                out |= {f"di{ion}_dv_"} if self.program.secondorder == 2 else set()
        return out

    def own(self, m: VarStruct) -> set[str]:
        """Variables of instances that carry adjoints."""
        t = m.template
        if t.kind == "ion":
            return self.active_ions & set(m.own)
        trained = {n for mech, n in self.spec.trained if mech == t.name}
        never = {*t.random, *hidden_names(t), *t.lists}
        return (set(m.own) & (t.writes() | trained | self.driven(m))) - never

    def driven(self, m: VarStruct) -> set[str]:
        """Variables that transfers give, so that they may depend on others."""
        return {n for n in m.own if (m.template.name, n) in self.spec.coupled}

    def wrt(self, m: VarStruct, f: Function) -> list[str]:
        """Parameters of a block that carry adjoints."""
        t = m.template
        own = self.own(m)
        weights = set(t.weights) if "receive" in t.functions else set()
        return [
            n
            for n in f.params
            if n in own
            or (n == "v" and t.kind != "artificial")
            or (n in t.ion_names and n in self.active_ions and n not in m.own)
            or n in weights
            or n in t.pointers
            or n in self.globals(m)
            or (n in GEOMETRY and self.spec.geometry)
        ]

    def scaled(self, m: VarStruct, block: str) -> bool:
        """Whether a block gives currents whose density depends on an area by which is differentiated."""
        return bool(
            self.spec.geometry and block == "current" and m.template.kind == "point" and m.template.currents
        )

    def globals(self, m: VarStruct) -> dict[str, str]:
        """GLOBALs, and celsius, by which is differentiated -> text of their place in A."""
        name = m.template.name
        out = {
            n: f"_U(_G[_g, _{name}_VARIED]) + _U({at})"
            for n, at in m.varied.items()
            if (name, n) in self.spec.trained and m.template.globals_[n].size == 1
        }
        if self.program.celsius_own and ("", "celsius") in self.spec.trained:
            out["celsius"] = "_U(_G[_g, _CELSIUS])"
        return out

    def needed(self, m: VarStruct) -> set[str]:
        """Variables of instances that something reads after they were set."""
        t = m.template
        read = {n for b, f in t.functions.items() if b != "initial" for n in f.params}
        watched = {n for mech, n in self.spec.watched if mech == t.name}
        return read | watched | self.driven(m)

    def of(self, m: VarStruct, f: Function) -> list[str]:
        """Results of a block whose adjoints may differ from zero."""
        t = m.template
        needed = self.needed(m)
        own = self.own(m)
        return [
            n
            for n in f.returns
            if (n in own and n in needed)
            or n in t.currents
            or (n in t.ion_names and n in self.active_ions)
            or (t.kind == "ion" and n in own)
            or (n in t.weights and self.program.weights_own)
            or n == "v"
        ]

    def taped(self, m: VarStruct) -> list[str]:
        """Variables of instances that steps change and read again: what a row of the tape holds."""
        t = m.template
        if t.kind == "ion":
            kept = self.written_ions & set(m.own)
            return [n for n in m.own if n in kept]
        steps = {*STEP_BLOCKS, "receive", "receive_each"}
        changed = t.writes(*steps) & (t.memory | set(t.states))
        return [n for n in m.own if n in changed]
