"""Which numbers of the arena a row of the tape holds (heliox.solver.tape), chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heliox.engine.plan import Placement
from heliox.errors import UnsupportedError
from heliox.kernels.context import W
from heliox.kernels.differentiated import Differentiated
from heliox.kernels.program import Adjoint
from heliox.mechanisms.varstruct import VarStruct

if TYPE_CHECKING:
    from heliox.engine.layout import _Builder
    from heliox.engine.references import Couplings

Run = tuple[int, int]  # offset from the chunk's base, length


def lay_tape(builder: _Builder, placements: list[Placement], couplings: Couplings) -> None:
    """Write the ranges of every chunk: time, voltages, own states, pools, what plays and transfers give.

    Raises
    ------
    UnsupportedError
        Where point processes of one node set a concentration: only the last one's counts.
    """
    d = Differentiated(builder.program)
    for m, p in zip(builder.model.mechanisms, placements, strict=True):
        t = p.struct.template
        sets = t.writes() & d.written_ions
        if t.kind == "point" and sets and len(np.unique(m.node)) < len(m.node):
            raise UnsupportedError(
                f"{t.name}: derivatives of {', '.join(sorted(sets))}, which several instances of one node "
                "set, are not available; keep one of them at a segment",
                mechanism=t.name,
            )
    columns = builder.program.columns
    for c in range(builder.part.chunks):
        row = builder.G[c]
        runs: list[Run] = (
            [(int(row[columns["V"]]), int(row[columns["NODES"]]))] if row[columns["NODES"]] else []
        )
        others = [p for p in placements if p.struct.template.kind != "ion"]
        own = list(joined(run for p in others for run in _runs(p, c, d.taped(p.struct))))
        row[columns["OWN_ROW"]], row[columns["OWN_RANGES"]] = 1 + _length(runs), len(runs)
        row[columns["OWN_RANGE_N"]] = len(own)
        runs += own
        for p in placements:
            t = p.struct.template
            if t.kind == "ion":
                pool = list(joined(_runs(p, c, d.taped(p.struct))))
                for name, value in (
                    ("ROW", 1 + _length(runs)),
                    ("RANGES", len(runs)),
                    ("RANGE_N", len(pool)),
                ):
                    row[columns[f"{t.name}_{name}"]] = value
                runs += pool
        runs += [(at, 1) for at in _driven(builder, couplings, c)]
        first = builder.I.add(np.array(runs, np.int64).ravel())
        for name in (
            "OWN_RANGES",
            *(f"{p.struct.template.name}_RANGES" for p in placements if p.struct.template.kind == "ion"),
        ):
            row[columns[name]] = first + 2 * row[columns[name]]
        row[columns["RANGES"]], row[columns["RANGE_N"]] = first, len(runs)
        row[columns["ROW"]] = 1 + _length(runs)


def varied_trained(structs: Sequence[VarStruct], adjoint: Adjoint) -> frozenset[tuple[str, str]]:
    """What is trained and shared by all instances: its adjoint is a sum over all of them."""
    shared = {(s.template.name, n) for s in structs for n in s.varied} | {("", "celsius")}
    return adjoint.trained & shared


def _length(runs: Iterable[Run]) -> int:
    return sum(n for _, n in runs)


def _runs(p: Placement, chunk: int, names: list[str]) -> Iterator[Run]:
    """Where variables of the instances of one mechanism lie, block by block."""
    slots = sorted(p.struct.own[n] + k for n in names for k in range(p.struct.size(n)))
    count, own = int(p.count[chunk]), int(p.own[chunk])
    for block in range(-(-count // W)):
        n = min(W, count - block * W)
        for slot in slots:
            yield own + (block * p.struct.own_slots + slot) * W, n


def joined(runs: Iterable[Run]) -> Iterator[Run]:
    """Runs, those that touch as one."""
    last: Run | None = None
    for at, n in runs:
        if last is not None and last[0] + last[1] == at:
            last = (last[0], last[1] + n)
            continue
        if last is not None:
            yield last
        last = (at, n)
    if last is not None:
        yield last


def _driven(builder: _Builder, couplings: Couplings, chunk: int) -> list[int]:
    """Targets of plays and transfers, and the two cursors of each play."""
    out = [at[which == chunk] for which, at in couplings.driven]
    out += [np.array([at, at + 1]) for which, at in couplings.cursors if which == chunk]
    flat: NDArray[np.int64] = np.concatenate([np.empty(0, np.int64), *out])
    return np.unique(flat).tolist()
