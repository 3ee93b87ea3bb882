"""Diffusion along the cell: what each segment contributes, solution, store (heliox.solver.diffusion)."""

from __future__ import annotations

from heliox.kernels.context import EVENTLESS, Context, W, arguments
from heliox.kernels.instance import at_instance, reads
from heliox.mechanisms.template import Diffusion
from heliox.mechanisms.varstruct import VarStruct


def diffusion(context: Context, m: VarStruct, x: Diffusion) -> str:
    """The loop of one diffusing state."""
    t = m.template
    name, f = t.name, t.functions[x.function]
    state = _address(m, x.state)
    instance = [
        f"        _inst = _I[_U(_G[_g, _{name}_PLACES]) + _i]",
        *[f"    {line}" for line in at_instance(name)],
    ]
    return "\n".join(
        [
            "@kernel",
            f"def {name}_{x.function}_loop({EVENTLESS}, _g, t, dt):",
            f"    _count = _U(_G[_g, _{name}_N])",
            f"    _work = _U(_G[_g, _BASE]) + _U(_G[_g, _{name}_WORK])",
            "    for _i in range(_count):",
            *instance,
            *[f"    {line}" for line in reads(context, m, f)],
            f"        coefficient, volume = {name}_{x.function}({', '.join(arguments(m, f))})",
            "        _A[_work + _i] = coefficient",
            "        _A[_work + _count + _i] = volume",
            f"        _A[_work + _U(5) * _count + _i] = {state}",
            f"    _below = _U(_G[_g, _{name}_BELOW])",
            f"    _above = _U(_G[_g, _{name}_ABOVE])",
            f"    _parent = _U(_G[_g, _{name}_HIGHER])",
            "    diffuse(_A, _P, _I, _work, _below, _above, _parent, _count, dt)",
            "    for _i in range(_count):",
            *instance,
            f"        {state} = _A[_work + _U(5) * _count + _i]",
        ]
    )


def _address(m: VarStruct, state: str) -> str:
    """Where a diffusing state of instance ``_inst`` lies: with the mechanism, or in the pool of its ion."""
    t = m.template
    plain, _, k = state.partition("[")
    if plain in t.ion_names:
        ion = t.ion_names[plain]
        at = f"_U(_I[_U(_G[_g, _{t.name}_ION_{ion}]) + _U(_inst)])"
        return f"_A[_base + _U(_G[_g, _{ion}_ion_OWN]) + {at} + {ion}_ion__{plain}]"
    offset = f" + _U({int(k[:-1]) * W})" if k else ""
    return f"_A[_o + {t.name}__{plain}{offset} + _j]"
