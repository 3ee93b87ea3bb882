"""What a generated module depends on, and the columns of its group table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from heliox.kernels import mechanism_text as mt
from heliox.mechanisms.varstruct import VarStruct

FIXED = (
    "BASE", "CHUNK", "NODES", "V", "RHS", "D", "CA", "CB", "AREA", "DIAM", "ORDER", "PARENT", "STRETCHES",
    "STRETCH_N", "MOVING", "MOVING_N", "FLAGS", "SRC0", "SRC1", "REC0", "REC1", "WEIGHTS", "CELSIUS",
    "THRESHOLD", "DELAY",
    "FANOUT", "FANMAX", "KEY", "ICAP", "SEEN", "MEMBER", "PLAYS", "PLAY", "SHELF", "SHELF_ROWS",
    "SHELF_SIZE", "LAID", "LAY", "TAKEN", "TAKE", "RUNS", "RUN", "PLACES",
    "SAVED_RHS", "SAVED_D", "CONSTANT", "BEGIN_D", "COUPLING", "WORK", "RANK", "SCHEDULE",
    "SCHEDULE_STEPS", "SCHEDULE_TASKS", "NARROW",
    "RANGES", "RANGE_N", "ROW", "TAPE", "OWN_RANGES", "OWN_RANGE_N", "OWN_ROW", "A_BAR", "B_BAR",
    "AREA_BAR", "DIAM_BAR",
)  # fmt: skip


@dataclass(frozen=True)
class Adjoint:
    """What is differentiated: pairs (mechanism, variable); ``("", "celsius")`` is the temperature.

    ``trained``: parameters by which; ``watched``: variables that losses read. ``weights``: connections' too;
    ``geometry``: the couplings a and b, areas and diameters. ``tangent``: forward derivatives as well.
    ``coupled``: variables that transfers and pointers name.
    """

    trained: frozenset[tuple[str, str]]
    watched: frozenset[tuple[str, str]]
    weights: bool = False
    geometry: bool = False
    tangent: bool = False
    coupled: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class Program:
    """What the generator needs to know: mechanisms in order of execution, and options.

    ``celsius_own``, ``delays_own``, ``thresholds_own``: they differ between members. ``weights_own``:
    connection weights change in a run or differ between members. ``plays``, ``transfers``: there are any;
    ``membrane``: i_membrane_ is computed. ``parallel``: windows have an entry of their own, which runs groups
    side by side. ``adjoint``: the module has the reverse pass too. ``begun``: right-hand sides begin with
    axial currents, diagonals with what is summed once a window: capacitance, couplings, conductances of the
    channels ``steady``. ``order``: of elimination. ``pointed``: (mechanism, variable) that pointers lead to.
    """

    mechanisms: tuple[VarStruct, ...]
    math: str = "fast"
    secondorder: int = 0
    celsius_own: bool = False
    weights_own: bool = False
    delays_own: bool = False
    thresholds_own: bool = False
    plays: bool = False
    transfers: bool = False
    membrane: bool = False
    parallel: bool = False
    begun: bool = False
    steady: frozenset[str] = frozenset()
    order: str = "neuron"
    adjoint: Adjoint | None = None
    pointed: frozenset[tuple[str, str]] = frozenset()

    @cached_property
    def columns(self) -> dict[str, int]:
        """Column of every entry of the group table ``G``."""
        names = list(FIXED)
        for m in self.mechanisms:
            names += mt.columns(m)
            if self.adjoint and m.template.kind == "ion":
                names += [f"{m.template.name}_{c}" for c in ("RANGES", "RANGE_N", "ROW")]
        return {n: k for k, n in enumerate(names)}

    def tables_own(self, m: VarStruct) -> bool:
        """Whether members have tables of their own: something that a table is made from differs."""
        read = {a for table in m.template.tables for a in mt.table_arguments(m, table)}
        return bool(read & {*m.varied, *(("celsius",) if self.celsius_own else ())})
