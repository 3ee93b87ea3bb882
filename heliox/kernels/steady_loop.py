"""Conductances that stay as they are while a model runs: the diagonal begins with them."""

from __future__ import annotations

from heliox.kernels.context import EVENTLESS, Context, arguments, assigned
from heliox.kernels.instance import at_instance, reads
from heliox.mechanisms.varstruct import VarStruct


def conductance(context: Context, m: VarStruct) -> str:
    """``<mechanism>_steady``: the conductance (S/cm2) of instance ``_inst``."""
    f = m.template.functions["conductance"]
    name = m.template.name
    lines = [
        "@kernel",
        f"def {name}_steady({EVENTLESS}, _g, _inst):",
        *at_instance(name),
        *reads(context, m, f),
        f"    {assigned(m, f)}{name}_conductance({', '.join(arguments(m, f))})",
        f"    return {' + '.join(f.returns)}",
    ]
    return "\n".join(lines)


def add(m: VarStruct) -> str:
    """The loop that adds it to a diagonal."""
    name = m.template.name
    return f"""\
@kernel
def {name}_steady_add({EVENTLESS}, _g, _d):
    _node = _U(_G[_g, _{name}_NODE])
    for _inst in range(_G[_g, _{name}_N]):
        _A[_d + _U(_I[_node + _U(_inst)])] += {name}_steady({EVENTLESS}, _g, _inst)"""
