"""WATCH: conditions of instances, tested once a step behind the detection of spikes (netcvode.cpp)."""

from __future__ import annotations

from heliox.kernels.context import ARGS, Context, arguments
from heliox.kernels.instance import at_instance, reads
from heliox.mechanisms.varstruct import VarStruct

EPSILON = 1e-11  # NEURON's hoc_epsilon


def conditions(context: Context) -> str:
    """`<mechanism>_sides`, which follows a call of `receive`, and `check_conditions` of a group."""
    watching = [m for m in context.program.mechanisms if m.template.conditions]
    parts = [f"{_difference(context, m, k)}\n\n" for m in watching for k in range(m.template.conditions)]
    parts += [f"{_sides(m)}\n\n" for m in watching]
    lines = [
        "@kernel",
        f"def check_conditions({ARGS}, _g, _t, _dt):",
        '    """Conditions that come true at t send their instance an event."""',
    ]
    for m in watching:
        lines += _check(context, m)
    return "\n".join([*parts, *lines, "    return"])


def _difference(context: Context, m: VarStruct, k: int) -> str:
    f = m.template.functions[f"watch_{k}"]
    name = m.template.name
    lines = [
        "@kernel",
        f"def {name}_watch_{k}_difference({ARGS}, _g, _inst, t, dt):",
        *at_instance(name),
        *reads(context, m, f),
        f"    return {name}_watch_{k}({', '.join(arguments(m, f))})",
    ]
    return "\n".join(lines)


def _sides(m: VarStruct) -> str:
    """Where conditions that were just armed stand: 2 at or above, 1 below."""
    name = m.template.name
    lines = ["@kernel", f"def {name}_sides({ARGS}, _g, _inst, t, dt):", *at_instance(name)]
    for k in range(m.template.conditions):
        side = f"_A[_o + {name}___side_{k} + _j]"
        value = f"{name}_watch_{k}_difference({ARGS}, _g, _inst, t, dt)"
        lines += [
            f"    if {side} == 3.0:",
            f"        {side} = 2.0 if {value} >= {-EPSILON!r} else 1.0",
        ]
    return "\n".join([*lines, "    return"])


def _check(context: Context, m: VarStruct) -> list[str]:
    name = m.template.name
    lines = [f"    for _inst in range(_G[_g, _{name}_N]):", *[f"    {x}" for x in at_instance(name)]]
    for k in range(m.template.conditions):
        side = f"_A[_o + {name}___side_{k} + _j]"
        value = f"{name}_watch_{k}_difference({ARGS}, _g, _inst, _t, _dt)"
        lines += [
            f"        if {side} > 0.0:",
            f"            if {value} > 0.0:",
            f"                if {side} == 1.0:",
            f"                    {side} = 2.0",
            "                    _serial = _QN[_g, SERIAL]",
            "                    _QN[_g, SERIAL] = _serial + 1",
            f"                    push(_QF, _QI, _QN, _g, _t, _t, _A[_o + {name}___flag_{k} + _j],",
            f"                         SELF + _serial, ({context.code(m)} << 32) + _inst, CONDITION)",
            "            else:",
            f"                {side} = 1.0",
        ]
    return lines
