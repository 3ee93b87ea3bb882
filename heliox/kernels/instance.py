"""One instance of a mechanism, outside its loops: where it lies, and loads of what a function reads."""

from __future__ import annotations

from heliox.kernels.context import NODE_ARRAYS, Context, W, loads, read_by, table_place
from heliox.kernels.mechanism_text import looks_inside
from heliox.mechanisms.subset import Function
from heliox.mechanisms.varstruct import VarStruct


def at_instance(name: str) -> list[str]:
    """Bases of the block that holds instance ``_inst``, and its place ``_j`` there."""
    return [
        "    _base = _U(_G[_g, _BASE])",
        f"    _k = _U(_inst) // _U({W})",
        f"    _j = _U(_inst) % _U({W})",
        f"    _o = _base + _U(_G[_g, _{name}_OWN]) + _k * {name}__OWN",
        f"    _p = _U(_G[_g, _{name}_SHARED]) + _k * {name}__SHARED",
    ]


def reads(context: Context, m: VarStruct, f: Function) -> list[str]:
    """Loads of everything that `f` reads, but connections, flag, t and dt."""
    t = m.template
    name = t.name
    read, lines = read_by(m, f), []
    nodes = {n for n in (*read, *f.returns) if n in NODE_ARRAYS}
    if nodes:
        lines.append(f"    _nd = _U(_I[_U(_G[_g, _{name}_NODE]) + _U(_inst)])")
        for n in sorted(nodes & set(read)):
            at = "_base + _U(_G[_g, _V])" if n == "v" else f"_U(_G[_g, _{n.upper()}])"
            lines.append(f"    {n} = {NODE_ARRAYS[n][0]}[{at} + _nd]")
    lines += context.scalars(m, f, "    ")
    lines += loads(m, read, "    ")
    for n in read:
        if n in t.ion_names and n not in m.own:
            ion = t.ion_names[n]
            pool = f"{ion}_ion"
            place = f"_U(_I[_U(_G[_g, _{name}_ION_{ion}]) + _U(_inst)])"
            lines.append(f"    {n} = _A[_base + _U(_G[_g, _{pool}_OWN]) + {place} + {pool}__{n}]")
        elif n in t.pointers:
            lines.append(f"    {n} = _A[{pointed(name, n)}]")
        elif n in t.lists:
            at = f"_U(_G[_g, _{name}_LIST_{n}]) + _U(2) * _U(_inst)"
            lines.append(f"    {n} = (_P, _U(_I[{at}]), _I[{at} + _U(1)])")
    if looks_inside(m, f.name):
        M, at = table_place(context, m)
        lines.append(f"    _T = ({M}, {at})")
    return lines


def pointed(name: str, pointer: str) -> str:
    """Address of what a pointer of instance ``_inst`` stands for."""
    return f"_base + _U(_I[_U(_G[_g, _{name}_POINTER_{pointer}]) + _U(_inst)])"
