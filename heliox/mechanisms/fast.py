"""The form in which ``math="fast"`` runs a mechanism: the same biology, cheaper arithmetic.

``math="libm"`` runs the mechanism as it is written, which gives NEURON's bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from heliox.mechanisms.affine import conductance
from heliox.mechanisms.blocks import SCALARS
from heliox.mechanisms.quotients import fewer, relaxed
from heliox.mechanisms.rates import with_rates
from heliox.mechanisms.specialise import specialised
from heliox.mechanisms.subset import Function
from heliox.mechanisms.template import DECLARATIONS, MechTemp

FIELDS = (
    *DECLARATIONS, "ions", "currents", "electrode", "weights", "random", "pointers", "lists", "tables",
    "diffusion", "renamed", "constants",
)  # fmt: skip


@cache
def fast_form(t: MechTemp) -> MechTemp:
    """A template that computes what `t` computes, up to rounding, with fewer operations.

    Conductances of currents affine in v are symbolic (`heliox.mechanisms.affine`), divisions are fewer
    (`heliox.mechanisms.quotients`), in helpers called with numbers too (`heliox.mechanisms.specialise`), and
    time constants divide as rates (`heliox.mechanisms.rates`).
    """
    functions = dict(t.functions)
    rule = conductance(t)
    if rule is not None:
        functions["conductance"] = rule
    tabulated = {x.function for x in t.tables}
    functions, helpers = specialised(
        {n: relaxed(f) for n, f in functions.items()},
        {n: relaxed(f) for n, f in t.helpers.items()},
        tabulated,
    )
    functions, helpers = with_rates(functions, helpers, t.constants, tabulated)
    used = _called(functions.values(), helpers) | tabulated
    uniform = {*SCALARS, *(set(t.globals_) - t.writes())}
    functions = {n: fewer(f, t.constants, uniform) for n, f in functions.items()}
    helpers = {n: fewer(f, t.constants, uniform) for n, f in helpers.items() if n in used}
    return MechTemp(t.name, t.kind, functions, helpers=helpers, **{name: getattr(t, name) for name in FIELDS})


@cache
def without_tables(t: MechTemp) -> MechTemp:
    """A template that computes what `t` would look up."""
    if not t.tables:
        return t
    fields = {name: getattr(t, name) for name in FIELDS} | {"tables": ()}
    return MechTemp(t.name, t.kind, t.functions, helpers=t.helpers, **fields)


def _called(functions: Iterable[Function], helpers: Mapping[str, Function]) -> set[str]:
    """Helpers that are called, by functions or by one another."""
    out: set[str] = set()
    work = list(functions)
    while work:
        for n in (work.pop().calls & set(helpers)) - out:
            out.add(n)
            work.append(helpers[n])
    return out
