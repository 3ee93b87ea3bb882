"""Derivatives of the receipt of events, replayed from the log."""

from __future__ import annotations

from collections.abc import Callable

from heliox.errors import UnsupportedError
from heliox.kernels.context import ARGS, Context, elements
from heliox.kernels.differentiated import GEOMETRY, Differentiated
from heliox.kernels.event_loop import logged
from heliox.kernels.instance import at_instance
from heliox.kernels.linear import SIGN, differentiated
from heliox.kernels.lower import function_text
from heliox.mechanisms.arrays import expanded
from heliox.mechanisms.derivatives import Derivative
from heliox.mechanisms.varstruct import VarStruct

Places = Callable[[str], tuple[str | None, bool]]
PASSED = f"{ARGS}, _B, _SB, _g, _e, _inst, _connection"


def receipt(d: Differentiated, context: Context, m: VarStruct, mode: str, made: set[str]) -> list[str]:
    """Functions of one mechanism, and `<mechanism>_receive_<mode>_event`."""
    t = m.template
    f = t.functions["receive"]
    if "for_connections" in f.calls:
        raise UnsupportedError(f"{t.name}: derivatives of FOR_NETCONS are not available", mechanism=t.name)
    out = differentiated(d, m, "receive", mode)
    if out is None:
        return []
    names = {*out.helpers, out.function.name}
    texts = []
    for g in (*out.helpers.values(), out.function):
        if g.name not in made:
            made.add(g.name)
            texts.append(f"@inline\n{function_text(t, g, f'{t.name}_{g.name}', derivatives=names)}")
    return [*texts, _event(d, context, m, out, mode)]


def _event(d: Differentiated, context: Context, m: VarStruct, out: Derivative, mode: str) -> str:
    """One event of the log, with the values that its receiver read.

    Backwards it returns what the event was worth to the loss: the adjoint of a factor of its first weight.
    Forwards that factor has the tangent of the spike that sent the event.
    """
    t = m.template
    name, x = t.name, SIGN[mode]
    f = t.functions["receive"]
    lines = ["@kernel", f"def {name}_receive_{mode}_event({PASSED}):", *at_instance(name)]
    lines += [f"    {n} = _LF[_g, _e, LOG_VALUES + {k}]" for k, n in enumerate(logged(m, f))]
    lines += ["    flag = _LF[_g, _e, LOG_FLAG]", "    t = _LF[_g, _e, LOG_TIME]"]
    lines += context.scalars(m, f, "    ")
    if "v" in (*f.params, *f.returns):
        lines.append(f"    _nd = _base + _U(_G[_g, _V]) + _U(_I[_U(_G[_g, _{name}_NODE]) + _U(_inst)])")
    if context.program.weights_own:
        own = "_U(max(_CI[_connection, 2], 0))"
        lines.append(f"    _w = _base + _U(_G[_g, _WEIGHTS]) + {own} if _connection >= 0 else _U(0)")
    places = _places(context, m)
    before, after = (out.of, out.wrt) if mode == "vjp" else (out.wrt, out.of)
    for n in before:
        at, guarded = places(n)
        value = "0.0" if at is None else f"_B[{at}]"
        lines.append(f"    {x}{n} = {value}" + (" if _connection >= 0 else 0.0" if guarded else ""))
    strength = t.weights[0] if t.weights and t.weights[0] in out.wrt else None
    if strength and mode == "vjp":
        lines.append(f"    _through = {f'_bar_{strength}' if strength in out.of else '0.0'}")
    elif strength:
        lines.append("    _factor = _SB[_g, _LI[_g, _e, LOG_SPIKE]] if _LI[_g, _e, LOG_SPIKE] >= 0 else 0.0")
        lines.append(f"    _dot_{strength} += _factor * {strength}")
    given = [*expanded(f.params, t.array_sizes), *[f"{x}{n}" for n in before]]
    left = ", ".join(f"{x}{n}" for n in after)
    lines.append(f"    {left + ' = ' if left else ''}{name}_{out.function.name}({', '.join(given)})")
    if strength and mode == "jvp" and strength in out.of:
        lines.append(f"    _dot_{strength} -= _factor * {strength}")
    lines += _stored(m, out, mode, places)
    worth = f"{strength} * (_bar_{strength} - _through)" if strength and mode == "vjp" else "0.0"
    return "\n".join([*lines, f"    return {worth}"])


def _stored(m: VarStruct, out: Derivative, mode: str, places: Places) -> list[str]:
    """What a derivative gives, put where it belongs."""
    t = m.template
    f, x = t.functions["receive"], SIGN[mode]
    read, written = (expanded(names, t.array_sizes) for names in (f.params, f.returns))
    lines = []
    for n in out.wrt if mode == "vjp" else out.of:
        at, guarded = places(n)
        if at is None:
            continue
        lines += ["    if _connection >= 0:"] if guarded else []
        op = "=" if n in written or mode == "jvp" else "+="
        lines.append(f"    {'    ' if guarded else ''}_B[{at}] {op} {x}{n}")
    for n in out.of if mode == "vjp" else ():  # set without being read
        at, guarded = places(n)
        if n not in read and at is not None and not guarded:
            lines.append(f"    _B[{at}] = 0.0")
    return lines


def _places(context: Context, m: VarStruct) -> Places:
    """Name -> its place in B (None: nowhere), and whether only a connection has it."""
    t = m.template
    own = {x: f"_o + {slot} + _j" for n in m.own for x, slot in elements(m, n)}

    def place(n: str) -> tuple[str | None, bool]:
        if n == "v":
            return "_nd", False
        if n in own:
            return own[n], False
        if n in GEOMETRY:
            node = f"_U(_I[_U(_G[_g, _{t.name}_NODE]) + _U(_inst)])"
            return f"_base + _U(_G[_g, _{n.upper()}_BAR]) + {node}", False
        if n in t.weights:
            if not context.program.weights_own:
                return None, False
            return f"_w + _U({t.weights.index(n)})", True
        if n in t.ion_names:
            ion = t.ion_names[n]
            pool = f"{ion}_ion"
            at = f"_U(_I[_U(_G[_g, _{t.name}_ION_{ion}]) + _U(_inst)])"
            return f"_base + _U(_G[_g, _{pool}_OWN]) + {at} + {pool}__{n}", False
        return None, False

    return place


def replay(d: Differentiated, mode: str) -> str:
    """`replay_<mode>`: the derivative of one event of the log; points of plays set their variable anew."""
    program = d.program
    lines = [
        "@kernel",
        f"def replay_{mode}({ARGS}, _B, _SB, _g, _e):",
        "    _code = _LI[_g, _e, LOG_TARGET] >> 32",
        "    _inst = _LI[_g, _e, LOG_TARGET] & 0xFFFFFFFF",
        "    _connection = _LI[_g, _e, LOG_CONNECTION]",
    ]
    for code, m in enumerate(program.mechanisms):
        if "receive" in m.template.functions and differentiated(d, m, "receive", mode) is not None:
            lines += [
                f"    if _code == {code}:",
                f"        return {m.template.name}_receive_{mode}_event({PASSED})",
            ]
    if program.plays:
        lines += [
            f"    if _code == {len(program.mechanisms)}:",
            "        _row = _U(_G[_g, _PLAY]) + _U(_inst) * _U(PLAY)",
            "        _B[_U(_G[_g, _BASE]) + _U(_I[_row + _U(TARGET)])] = 0.0",
        ]
    return "\n".join([*lines, "    return 0.0"])
