"""Adjoints taken back through one block of one mechanism for one instance: what a thread of a device does.

The texts are those of `heliox.kernels.vjp`; what is a row of its scratch is a local name here, and a loop
over the instances of a block has one turn.
"""

from __future__ import annotations

from collections.abc import Iterable

from heliox.kernels.context import table_place
from heliox.kernels.instance import at_instance, pointed
from heliox.kernels.linear import EVENTLESS
from heliox.kernels.vjp import AdjointWriter

VOLTAGE = "_base + _U(_G[_g, _V]) + _nd"  # where adjoints of v land
LOOP = "for _j in range(_m):"


class AdjointInstance(AdjointWriter):
    """Writes ``<mechanism>_<block>_vjp_at``: instance ``_inst`` of group ``_g``.

    Adjoints of the instance's own variables are stored. What belongs to nodes, pools and others is returned
    (`landings`): several instances may share it, and whoever calls adds in their order.
    """

    @property
    def function(self) -> str:
        return f"{self.label}_at"

    def S(self, n: str) -> str:
        return f"_x_{n}"

    @property
    def ordered(self) -> bool:
        """One instance has no neighbours."""
        return False

    def at(self) -> str:
        """The device function."""
        pad = "    "
        lines = [
            "@kernel",
            f"def {self.function}({EVENTLESS}, _g, _inst, _t, _dt):",
            *at_instance(self.name),
            f"{pad}_first = _U(_inst) - _j",
            *self._places(),
        ]
        if self.looked_up:
            lines.append(f"{pad}_TM = {table_place(self.context, self.m)[0]}")
        lines += _once([*self._gather(pad), *self._turns()])
        if found := self.landings():
            lines.append(f"{pad}return {', '.join(row for row, _ in found)}")
        return "\n".join(lines)

    def landings(self) -> list[tuple[str, str]]:
        """What the function returns, in order, and where it is to be added: places in ``_B``, for a text that
        has ``_base``, ``_inst`` and, but for artificial cells, the node ``_nd``."""
        out = [("_bv", VOLTAGE)] if self.voltage else []
        for n in self.ions_out:
            ion = self.t.ion_names[n]
            place = f"_U(_I[_U(_G[_g, _{self.name}_ION_{ion}]) + _U(_inst)])"
            out.append((f"_bi_{n}", f"_base + _U(_G[_g, _{ion}_ion_OWN]) + {place} + {ion}_ion__{n}"))
        out += [(f"_bn_{n}", f"_base + _U(_G[_g, _{n.upper()}_BAR]) + _nd") for n in self.geometry]
        out += [(f"_bs_{n}", self.d.globals(self.m)[n]) for n in self.globals_out]
        out += [(f"_bp_{n}", pointed(self.name, n)) for n in self.pointers_out]
        return [(self.S(row), place) for row, place in out]

    @property
    def apart(self) -> bool:
        """Whether others than those at the same node share what is returned: one thread goes through all."""
        return bool(self.globals_out or self.pointers_out)


def _once(lines: Iterable[str]) -> list[str]:
    """Lines in which a loop over the instances of a block is what one of them does."""
    out: list[str] = []
    depth: int | None = None
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if depth is not None and indent <= depth:
            depth = None
        if line.strip() == LOOP:
            depth = indent
        else:
            out.append(line if depth is None else line[4:])
    return out
