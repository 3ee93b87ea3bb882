"""The scalar part of a generated module: slots, a mechanism's functions, tables, effects."""

from __future__ import annotations

from heliox.kernels.lower import function_text
from heliox.mechanisms.template import Table
from heliox.mechanisms.varstruct import VarStruct

MATH_NAMES = (
    "exp", "expm1", "log", "log10", "log1p", "pow", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "atan2",
    "sinh", "cosh", "tanh", "fabs", "floor", "ceil", "fmod", "exprelr",
)  # fmt: skip
RANDOM_NAMES = ("random_ipick", "random_uniform", "random_negexp", "random_normal")
EVENT_CONSTANTS = (
    "EVENTS", "SPIKES", "SERIAL", "STATUS", "DELIVERED", "STEP", "PHASE", "OK", "QUEUE_FULL", "SPIKES_FULL", "RUNAWAY", "LOST", "SELF", "GENERATION",
)  # fmt: skip


def columns(m: VarStruct) -> list[str]:
    """Group-table columns of one mechanism: instances, own and shared bases, index lists, globals."""
    t = m.template
    out = [f"{t.name}_{c}" for c in ("N", "OWN", "SHARED", "NODE", "SOURCE", "GLOBALS", "TABLE")]
    out += [f"{t.name}_ION_{ion}" for ion in t.ions]
    out += [f"{t.name}_POINTER_{p}" for p in t.pointers]
    return out


def slots(m: VarStruct, width: int) -> str:
    """Named offsets of a mechanism's variables inside a block."""
    name = m.template.name
    lines = [f"# {'-' * 20} {name}: {len(m.own)} own, {len(m.shared)} shared variables"]
    for group in (m.own, m.shared):
        lines += [f"{name}__{v} = U({k * width})" for v, k in group.items()]
    lines.append(f"{name}__OWN = U({m.own_slots * width})")
    lines.append(f"{name}__SHARED = U({m.shared_slots * width})")
    return "\n".join(lines)


def table_arguments(m: VarStruct, table: Table) -> tuple[str, ...]:
    """Parameters of the tabulated helper other than the abscissa."""
    return tuple(p for p in m.template.helpers[table.function].params if p != table.argument)


def table_outputs(m: VarStruct, table: Table) -> int:
    return max(1, len(m.template.helpers[table.function].returns))


def table_offset(m: VarStruct, table: Table) -> int:
    """Place of a table inside the mechanism's table memory."""
    at = 0
    for t in m.template.tables:
        if t is table:
            return at
        at += (t.n + 1) * table_outputs(m, t)
    raise KeyError(table.function)


def table_size(m: VarStruct) -> int:
    return sum((t.n + 1) * table_outputs(m, t) for t in m.template.tables)


def tabled(m: VarStruct) -> dict[str, str]:
    """Tabulated helper -> its interpolating twin."""
    return {t.function: f"{m.template.name}_{t.function}_lookup" for t in m.template.tables}


def functions(m: VarStruct) -> list[str]:
    """All functions of a mechanism under prefixed names, the tabulated ones twice."""
    t = m.template
    out = [f"@inline\n{function_text(t, f, f'{t.name}_{n}')}" for n, f in t.helpers.items()]
    for table in t.tables:
        out += [_lookup(m, table), _fill(m, table)]
    for n, f in t.functions.items():
        out.append(f"@inline\n{function_text(t, f, f'{t.name}_{n}')}")
        if uses_table(m, n):
            out.append(f"@inline\n{function_text(t, f, f'{t.name}_{n}_tabled', tabled(m))}")
    return out


def uses_table(m: VarStruct, block: str) -> bool:
    """Whether a block looks a table up (directly; tables of helpers of helpers are computed)."""
    return bool(m.template.functions[block].calls & {t.function for t in m.template.tables})


def _lookup(m: VarStruct, table: Table) -> str:
    name, n = m.template.name, table.n
    params = ", ".join(m.template.helpers[table.function].params)
    x = table.argument
    count = table_outputs(m, table)
    lines = [
        "@inline",
        f"def {name}_{table.function}_lookup(_T, {params}):",
        "    # NMODL TABLE: linear interpolation, clamped outside; NaN stays NaN",
        "    _M, _k = _T",
        f"    _k = _k + U({table_offset(m, table)})",
        f"    _x = {_inverse_width(table)} * ({x} - {table.lo!r})",
        "    _below = _x if _x > 0.0 else 0.0",
        f"    _i = U(_below if _below < {n - 1}.0 else {n - 1}.0)",
        "    _f = _x - float(_i)",
    ]
    outs = []
    for j in range(count):
        at = f"_k + U({j * (n + 1)}) + _i"
        lines.append(f"    _l{j} = _M[{at}]")
        lines.append(f"    _h{j} = _M[{at} + U(1)]")
        inner = f"_l{j} + _f * (_h{j} - _l{j})"
        outs.append(f"(_l{j} if _x <= 0.0 else (_h{j} if _x >= {n}.0 else {inner}))")
    lines.append(f"    return {', '.join(outs)}")
    return "\n".join(lines)


def _inverse_width(table: Table) -> str:
    return repr(1.0 / ((table.hi - table.lo) / table.n))


def _fill(m: VarStruct, table: Table) -> str:
    """Tabulate: abscissae by repeated addition, as NEURON does."""
    name, n = m.template.name, table.n
    others = table_arguments(m, table)
    outs = [f"_y{j}" for j in range(table_outputs(m, table))]
    args = ", ".join("_x" if p == table.argument else p for p in m.template.helpers[table.function].params)
    lines = [
        "@kernel",
        f"def {name}_{table.function}_fill(_M, _k{''.join(', ' + p for p in others)}):",
        f"    _k = _k + U({table_offset(m, table)})",
        f"    _x = {table.lo!r}",
        f"    for _i in range(U({n + 1})):",
        f"        {', '.join(outs)} = {name}_{table.function}({args})",
        *[f"        _M[_k + U({j * (n + 1)}) + _i] = _y{j}" for j in range(len(outs))],
        f"        _x = _x + {(table.hi - table.lo) / n!r}",
    ]
    return "\n".join(lines)
