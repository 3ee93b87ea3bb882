"""One block of one mechanism for one instance: what a thread does (the other writer is `block_loop`).

Instances of a group are independent within a block, but those of mechanisms whose block is `serial`. The
texts of the formulas are those of `BlockWriter`; what is a row of its scratch is a local name here.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping

from heliox.kernels.block_loop import BlockWriter
from heliox.kernels.context import (
    ARGS,
    EVENTLESS,
    NODE_ARRAYS,
    Context,
    arguments,
    assigned,
    loads,
    stores,
    table_place,
)
from heliox.kernels.instance import at_instance, pointed
from heliox.kernels.lower import plain_text, table_calls
from heliox.kernels.reversal import reversal
from heliox.mechanisms.arrays import expanded
from heliox.mechanisms.varstruct import SCALE, VarStruct


class InstanceWriter(BlockWriter):
    """Writes ``<mechanism>_<block>_at``: instance ``_inst`` of group ``_g``, at node ``_nd``.

    What `unread` names by mechanism is not stored. For `current` of what lies on nodes it returns the
    current, its slope where that is not steady, and behind them the share of each ion current and,
    where `secondorder` is 2, its slope (`returned`); everything else is stored where it belongs.
    """

    def __init__(
        self, context: Context, m: VarStruct, block: str, unread: Mapping[str, Collection[str]] | None = None
    ) -> None:
        super().__init__(context, m, block)
        self.unread = unread or {}
        self.function = f"{self.name}_{block}_{'lean' if self.unread else 'at'}"

    def S(self, n: str) -> str:
        return f"_x_{n}"

    @property
    def returned(self) -> list[str]:
        """Names of what `current` returns."""
        if not self.accumulates:
            return []
        return ["_i", *([] if self.steady else ["_gm"]), *self.shares]

    @property
    def shares(self) -> list[str]:
        """Those that belong to pools."""
        added = [c for c in self.ion_currents if c not in self.unread.get(f"{self.t.ion_names[c]}_ion", ())]
        return [f"_w_{c}" for c in added] + [f"_d_{c}" for c in added if f"_d_{c}" in self.slots]

    @property
    def shortened(self) -> bool:
        """Whether anything is left out."""
        w = InstanceWriter(self.context, self.m, self.block)
        return w.returned != self.returned or bool(set(self.f.returns) & set(self.unread.get(self.name, ())))

    def at(self) -> str:
        """The device function."""
        t, f, m = self.t, self.f, self.m
        lines = [
            "@kernel",
            f"def {self.function}({self.given}, _g, _inst, _nd, _t, _dt):",
            *at_instance(self.name),
        ]
        pad = "    "
        if "t" in self.scalar_names:
            lines.append(f"{pad}t = _t")
        if "dt" in self.scalar_names:
            lines.append(f"{pad}dt = _dt")
        lines += self.context.scalars(m, f, pad)
        lines += self._starting()
        if self.rule:
            lines += self.context.scalars(m, self.rule, pad)
        for n in self.nodes:
            at = "_base + _U(_G[_g, _V])" if n == "v" else f"_U(_G[_g, _{n.upper()}])"
            lines.append(f"{pad}{n} = {NODE_ARRAYS[n][0]}[{at} + _nd]")
        for ion in sorted({t.ion_names[n] for n in (*self.ion_reads, *self.ion_writes)}):
            place = f"_U(_I[_U(_G[_g, _{self.name}_ION_{ion}]) + _U(_inst)])"
            lines.append(f"{pad}_at_{ion} = _base + _U(_G[_g, _{ion}_ion_OWN]) + {place}")
        for n in self.ion_reads:
            ion = t.ion_names[n]
            lines.append(f"{pad}{n} = _A[_at_{ion} + {ion}_ion__{n}]")
        lines += [f"{pad}{n} = _A[{pointed(self.name, n)}]" for n in self.pointers]
        wanted = [*f.params, *(self.rule.params if self.rule else ())]
        lines += loads(m, [*wanted, SCALE] if self.accumulates and t.kind == "point" else wanted, pad)
        if self.block == "initial":
            lines += self._state_defaults(pad)
        for n in self.lists:
            at = f"_U(_G[_g, _{self.name}_LIST_{n}]) + _U(2) * _U(_inst)"
            lines.append(f"{pad}{n} = (_P, _U(_I[{at}]), _I[{at} + _U(1)])")
        if self.inside:
            M, at = table_place(self.context, m)
            lines.append(f"{pad}_T = ({M}, {at})")
        name = f"{self.name}_{self.block}"
        if self.looked_up:
            lines += self._looked(pad)
            lines += self._evaluated(f"{name}_tabled", self._values(), pad)
        else:
            lines += self._evaluated(name, [], pad)
        lines += self._stored(pad)
        return "\n".join(lines)

    def _evaluated(self, function: str, values: list[str], pad: str) -> list[str]:
        if self.accumulates:
            return self._currents(function, values, pad)
        call = f"{function}({', '.join(values + arguments(self.m, self.f))})"
        return [f"{pad}{assigned(self.m, self.f)}{call}"]

    def _looked(self, pad: str) -> list[str]:
        """Table look-ups at v and, where currents need it, at v + 0.001."""
        lines = []
        twice = self.accumulates and self.rule is None
        for helper, values in self.looked_up.items():
            given = (table_calls(self.f, {helper}) or {})[helper]
            M, at = table_place(self.context, self.m)
            call = f"{self.name}_{helper}_lookup(({M}, {at})"
            if twice:
                names = {x.id for a in given for x in ast.walk(a) if isinstance(x, ast.Name)}
                lines += [f"{pad}_v1 = v + 0.001"] if "v" in names else []
                texts = (plain_text(a, {"v": "_v1"}) for a in given)
                above = ", ".join(expanded(texts, self.t.array_sizes))
                lines.append(f"{pad}{', '.join(f'{n}_above' for n in values)} = {call}, {above})")
            here = ", ".join(expanded(map(plain_text, given), self.t.array_sizes))
            lines.append(f"{pad}{', '.join(values)} = {call}, {here})")
        return lines

    def _stored(self, pad: str) -> list[str]:
        """Stores of what the block returns, as `BlockWriter` scatters it."""
        kept = [n for n in self.f.returns if n not in self.unread.get(self.name, ())]
        lines = stores(self.m, kept, pad)
        lines += [f"{pad}_A[{pointed(self.name, n)}] = {n}" for n in self.pointers_written]
        for n in self.ion_sets:
            ion = self.t.ion_names[n]
            lines.append(f"{pad}_A[_at_{ion} + {ion}_ion__{n}] = {n}")
        if self.block == "initial":
            for ion in sorted({self.t.ion_names[n] for n in self.ion_sets}):
                if {f"{ion}i", f"{ion}o"} & set(self.ion_sets):
                    at = f"_U(_I[_U(_G[_g, _{self.name}_ION_{ion}]) + _U(_inst)])"
                    lines += reversal(self.context, self.m, ion, at, f"_at_{ion}", pad)
        if self.effects:
            source = f"_I[_U(_G[_g, _{self.name}_SOURCE]) + _U(_inst)]"
            target = f"({self.context.code(self.m)} << 32) + _inst"
            lines.append(f"{pad}act({self.context.queue}, {source}, {target}, -1, _t, 0, _o, 0)")
        if self.accumulates:
            lines.append(f"{pad}return {', '.join(self.S(n) for n in self.returned)}")
        return lines

    @property
    def given(self) -> str:
        """Arrays that the function takes; effects need the queue."""
        return f"{ARGS}, _S" if self.effects else EVENTLESS

    @property
    def reads(self) -> set[str]:
        """Variables of pools that it reads."""
        return set(self.ion_reads)

    @property
    def writes(self) -> set[str]:
        """Variables of pools that it writes."""
        out = set(self.ion_writes)
        if self.block == "initial":  # reversal potentials follow, and a pool sets its own
            out |= {f"e{self.t.ion_names[n]}" for n in self.ion_sets}
            out |= set(self.f.returns) if self.t.kind == "ion" else set()
        return out

    @property
    def ion_sets(self) -> list[str]:
        """Ion variables that are set, not added to."""
        added = self.ion_currents if self.accumulates else []
        return [n for n in self.ion_writes if n not in added]

    @property
    def alone(self) -> bool:
        """Whether the order of instances matters: one thread takes them one by one."""
        return self.serial or self.effects or bool(self.t.kind == "point" and self.ion_sets)

    @property
    def fenced(self) -> bool:
        """Whether nothing else may run beside: pointers reach anything."""
        return self.alone or bool(self.pointers)

    def pool(self, n: str) -> str:
        """Address of the total of ion current `n` (or of its slope) at instance ``_inst``."""
        ion = self.t.ion_names[n.removeprefix("_w_").removeprefix("_d_")]
        slot = f"{ion}_ion__{n.removeprefix('_w_')}"
        if n.startswith("_d_"):
            slot = f"{ion}_ion__d{n.removeprefix('_d_')}_dv_"
        place = f"_U(_I[_U(_G[_g, _{self.name}_ION_{ion}]) + _U(_inst)])"
        return f"_base + _U(_G[_g, _{ion}_ion_OWN]) + {place} + {slot}"
