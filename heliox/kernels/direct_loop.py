"""Blocks of currents that work on the nodes' own voltages and right-hand sides, without the scratch.

So may a block that reads nothing else and leaves the diagonal, where its nodes lie side by side
(`BlockWriter.direct`). Such code waits for memory: what nothing reads in a step it stores in the last step of
a window only, unless somebody looks (column ``SEEN``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from heliox.kernels.context import W, arguments, assigned, loads, stores

if TYPE_CHECKING:
    from heliox.kernels.block_loop import BlockWriter


def blocks(w: BlockWriter) -> list[str]:
    """The block, and beside it the one that stores less."""
    out = [_block(w, "", w.f.returns)]
    if w.lean:
        unread = w.context.unread[w.name]
        out.append(_block(w, "_lean", [n for n in w.f.returns if n not in unread]))
    return out


def _block(w: BlockWriter, kind: str, stored: Iterable[str]) -> str:
    name, pad = w.name, "        "
    lines = [
        "@kernel",
        f"def {name}_current_direct{kind}(_A, _P, _o, _p, _m, _v, _rhs{w.extra()}):",
        "    for _j in range(_m):",
    ]
    lines += [f"{pad}v = _A[_v + _j]"] if w.nodes else []
    lines += loads(w.m, w.f.params, pad)
    total = "0.0"
    for c in w.t.currents:
        total = f"({total} + {c})"
    call = f"{name}_current({', '.join(arguments(w.m, w.f))})"
    lines.append(f"{pad}{assigned(w.m, w.f)}{call}")
    lines.append(f"{pad}_A[_rhs + _j] {'+' if w.t.electrode else '-'}= {total}")
    return "\n".join([*lines, *stores(w.m, stored, pad)])


def steps(w: BlockWriter, pad: str) -> list[str]:
    """In the loop over blocks: those that may go without the scratch."""
    name, at = w.name, "_U(_I[_node + _first])"
    given = f"{f'_v + {at}' if w.nodes else '_rhs'}, _rhs + {at}{w.extra()}"
    call = f"{name}_current_direct{{}}(_A, _P, _o, _p, _m, {given})"
    whole = ["if _whole:", f"    {call.format('')}", "else:", f"    {call.format('_lean')}"]
    lines = [
        f"if {'' if w.steady else '_kept and '}_unbroken(_I, _node + _first, _m):",
        *[f"    {x}" for x in (whole if w.lean else [call.format("")])],
        f"    _o += {name}__OWN",
        f"    _p += {name}__SHARED",
        f"    _first += _U({W})",
        "    continue",
    ]
    return [pad + x for x in lines]
