"""The scalar part of a generated module: slots, a mechanism's functions, tables, effects."""

from __future__ import annotations

from heliox.kernels.lower import function_text, looking_up, looks_up_inside, table_calls
from heliox.mechanisms.arrays import expanded
from heliox.mechanisms.blocks import EVENT_BLOCKS
from heliox.mechanisms.template import Table
from heliox.mechanisms.varstruct import VarStruct


def columns(m: VarStruct) -> list[str]:
    """Group-table columns of one mechanism: instances, own and shared bases, index lists, globals."""
    t = m.template
    out = [f"{t.name}_{c}" for c in ("N", "OWN", "SHARED", "NODE", "SOURCE", "GLOBALS", "TABLE")]
    out += [f"{t.name}_ION_{ion}" for ion in t.ions]
    out += [f"{t.name}_POINTER_{p}" for p in t.pointers]
    out += [f"{t.name}_LIST_{n}" for n in t.lists]
    if t.diffusion:
        out += [f"{t.name}_{c}" for c in ("PLACES", "HIGHER", "WORK", "BELOW", "ABOVE")]
    out += [f"{t.name}_VARIED"] if m.varied else []
    out += [f"{t.name}_INCOMING"] if "receive_each" in t.functions else []
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


def table_rows(table: Table) -> int:
    """Rows of a table: one an abscissa, and the last one twice, so that the end needs no special case."""
    return table.n + 2


def table_offset(m: VarStruct, table: Table) -> int:
    """Place of a table inside the mechanism's table memory."""
    at = 0
    for t in m.template.tables:
        if t is table:
            return at
        at += table_rows(t) * table_outputs(m, t)
    raise KeyError(table.function)


def table_size(m: VarStruct) -> int:
    return sum(table_rows(t) * table_outputs(m, t) for t in m.template.tables)


def tabled(m: VarStruct, block: str) -> dict[str, tuple[str, ...]]:
    """Tabulated helpers that a block looks up before it runs -> names of the values found."""
    t = m.template
    if looks_inside(m, block):
        return {}
    tables = {x.function: x for x in t.tables}
    calls = table_calls(t.functions[block], set(tables)) or {}
    return {h: tuple(f"_{h}_{j}" for j in range(table_outputs(m, tables[h]))) for h in sorted(calls)}


def looks_inside(m: VarStruct, block: str) -> bool:
    """Whether a block looks tables up while it runs; what receives events does, having no loop of its own."""
    t = m.template
    if block == "receive" and "receive_each" in t.functions and looks_inside(m, "receive_each"):
        return True
    event = block in EVENT_BLOCKS or block.startswith("watch_")
    return looks_up_inside(t, t.functions[block], event)


def functions(m: VarStruct) -> list[str]:
    """All functions of a mechanism under prefixed names, the tabulated ones twice."""
    t = m.template
    inside = looking_up(t)
    plain = [(n, f) for n, f in t.helpers.items() if n not in inside]
    out = [f"@inline\n{function_text(t, f, f'{t.name}_{n}')}" for n, f in plain]
    for table in t.tables:
        out += [_lookup(m, table), _fill(m, table)]
    for n in sorted(inside):
        out.append(f"@inline\n{function_text(t, t.helpers[n], f'{t.name}_{n}', inside=True)}")
    # what `for_connections` calls comes first
    for n, f in sorted(t.functions.items(), key=lambda item: item[0] != "receive_each"):
        if tabled(m, n):
            out.append(f"@inline\n{function_text(t, f, f'{t.name}_{n}_tabled', tabled(m, n))}")
        else:
            out.append(f"@inline\n{function_text(t, f, f'{t.name}_{n}', inside=looks_inside(m, n))}")
    return out


def _lookup(m: VarStruct, table: Table) -> str:
    name, n = m.template.name, table.n
    params = ", ".join(expanded(m.template.helpers[table.function].params, m.template.array_sizes))
    count = table_outputs(m, table)
    lines = [
        "@inline",
        f"def {name}_{table.function}_lookup(_T, {params}):",
        "    # NMODL TABLE: linear interpolation, clamped outside; NaN stays NaN",
        "    _M, _k = _T",
        f"    _x = {_inverse_width(table)} * ({table.argument} - {table.lo!r})",
        "    _x = 0.0 if _x < 0.0 else _x",
        f"    _x = {n}.0 if _x > {n}.0 else _x",
        "    _i = U(_x if _x == _x else 0.0)",
        "    _f = _x - float(_i)",
        f"    _k = _k + U({table_offset(m, table)}) + _i * U({count})",
    ]
    lines += [f"    _y{j} = _M[_k + U({j})]" for j in range(count)]
    values = ", ".join(f"_y{j} + _f * (_M[_k + U({count + j})] - _y{j})" for j in range(count))
    lines.append(f"    return {values}")
    return "\n".join(lines)


def slope(m: VarStruct, table: Table) -> str:
    """Slopes of a table at a point: 0 outside, where it is constant."""
    name, n, count = m.template.name, table.n, table_outputs(m, table)
    params = ", ".join(m.template.helpers[table.function].params)
    inverse = _inverse_width(table)
    lines = [
        "@inline",
        f"def {name}_{table.function}_slope(_T, {params}):",
        "    _M, _k = _T",
        f"    _x = {inverse} * ({table.argument} - {table.lo!r})",
        f"    _f = {inverse} if _x >= 0.0 and _x < {n}.0 else 0.0",
        "    _x = 0.0 if _x < 0.0 else _x",
        f"    _x = {n - 1}.0 if _x > {n - 1}.0 else _x",
        "    _i = U(_x if _x == _x else 0.0)",
        f"    _k = _k + U({table_offset(m, table)}) + _i * U({count})",
    ]
    values = ", ".join(f"_f * (_M[_k + U({count + j})] - _M[_k + U({j})])" for j in range(count))
    return "\n".join([*lines, f"    return {values}"])


def _inverse_width(table: Table) -> str:
    return repr(1.0 / ((table.hi - table.lo) / table.n))


def _fill(m: VarStruct, table: Table) -> str:
    """Tabulate: abscissae by repeated addition, as NEURON does."""
    name, n = m.template.name, table.n
    sizes = m.template.array_sizes
    others = expanded(table_arguments(m, table), sizes)
    outs = [f"_y{j}" for j in range(table_outputs(m, table))]
    params = expanded(m.template.helpers[table.function].params, sizes)
    args = ", ".join("_x" if p == table.argument else p for p in params)
    lines = [
        "@kernel",
        f"def {name}_{table.function}_fill(_M, _k{''.join(', ' + p for p in others)}):",
        f"    _k = _k + U({table_offset(m, table)})",
        f"    _x = {table.lo!r}",
        f"    for _i in range(U({table_rows(table)})):",
        f"        {', '.join(outs)} = {name}_{table.function}({args})",
        *[f"        _M[_k + _i * U({len(outs)}) + U({j})] = _y{j}" for j in range(len(outs))],
        f"        if _i < U({n}):",
        f"            _x = _x + {(table.hi - table.lo) / n!r}",
    ]
    return "\n".join(lines)
