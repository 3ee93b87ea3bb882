"""FUNCTION_TABLEs of a NEURON session: the two Vectors that hoc gave; `h` is always given, never imported.

NEURON does not show them, but calls the function: a copy of the session fills every Vector with a number of
its own, of which the function then gives that of its values; with these counted up, each argument gives its
place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.frontend.trial import TrialError, attempt
from heliox.mechanisms.template import MechTemp

NEAR = 1e-9  # of a place


def table_names(template: MechTemp, pointers: Collection[str]) -> list[str]:
    """FUNCTION_TABLEs of a mechanism: those that have both lists (`heliox.nmodl.function_table`), which no
    pointer holds."""
    names = [n.removesuffix("_x") for n in template.lists if n.endswith("_x") and n not in pointers]
    return [n for n in names if f"{n}_y" in template.lists]


def read_table(
    h: Any, template: MechTemp, name: str, thing: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Arguments and values of a table, which all instances share.

    Raises
    ------
    TrialError
        If it is not given by two Vectors.
    """
    call = _function(h, template, name, thing)
    vectors = list(h.List("Vector"))

    def whose() -> float:
        for k, v in enumerate(vectors):
            v.fill(k + 1.0)
        return float(call(0.0))

    k = attempt(whose) - 1.0
    if not (0 <= k < len(vectors) and k == int(k)):
        raise TrialError("its values are in no Vector")
    values = vectors[int(k)]
    before = [np.array(v) for v in vectors]
    size = len(before[int(k)])
    likely = [j for j, x in enumerate(before) if len(x) == size and j != int(k) and (np.diff(x) > 0.0).all()]

    def which() -> int:
        values.indgen()
        for j in likely:
            if all(abs(call(float(x)) - place) < NEAR for place, x in enumerate(before[j])):
                return j
        return -1

    j = attempt(which) if likely else -1
    if j < 0:
        raise TrialError("its arguments are in no Vector that ascends")
    return before[j], before[int(k)]


def _function(h: Any, template: MechTemp, name: str, thing: Any) -> Callable[[float], float]:
    """What calls the table in NEURON."""
    theirs = template.renamed.get(name, name)
    owner, called = (h, f"{theirs}_{template.name}") if template.kind == "density" else (thing, theirs)
    try:
        return getattr(owner, called)
    except (AttributeError, LookupError) as e:
        raise TrialError(f"NEURON has no function {called}") from e
