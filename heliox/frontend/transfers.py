"""Reading gap junctions and graded synapses of a NEURON session; `h` is always given, never imported.

NEURON does not show what ``source_var``, ``target_var`` and ``setup_transfer`` of ParallelContext have set
up, but does it with one function of its library. A copy of the session gives every variable a value of its
own, calls that function, and sees which variables have got whose value.
"""

from __future__ import annotations

import ctypes

import numpy as np
from numpy.typing import NDArray

from heliox.frontend.cells import Anatomy
from heliox.frontend.library import library_pointer
from heliox.frontend.membrane import Membrane
from heliox.frontend.problems import Report
from heliox.frontend.trial import TrialError, attempt
from heliox.frontend.variables import FIRST_MARK, Column, Place, columns, variables
from heliox.model.model import Transfers

TRANSFER, THREADS = "nrnthread_v_transfer_", "nrn_threads"


def read_transfers(anatomy: Anatomy, membrane: Membrane, report: Report) -> Transfers:
    """All transfers, a row each target; those that cannot be followed are reported."""
    function = library_pointer(TRANSFER)
    if function is None:
        text = "NEURON's library cannot be asked whether there are gap junctions"
        report.add("transfer", text, "freeze on Linux or macOS, with the neuron package from PyPI")
        return Transfers()
    if not function:
        return Transfers()
    everything = columns(anatomy, membrane)
    try:
        pairs = attempt(lambda: _follow(everything))
    except TrialError as e:
        text = f"source_var or target_var was called, and what is transferred cannot be followed: {e}"
        report.add("transfer", text, "call setup_transfer of ParallelContext behind the last of them")
        return Transfers()
    known: list[tuple[Place, Place]] = []
    for source, target in pairs:
        if source is None:
            text = f"what {_name(everything[target.column], membrane)} receives is no variable of the model"
            report.add("transfer", text, "transfer a voltage or a variable of a supported mechanism")
        else:
            known.append((source, target))
    return Transfers(
        source=variables([source for source, _ in known], everything),
        target=variables([target for _, target in known], everything),
    )


def _follow(everything: list[Column]) -> list[tuple[Place | None, Place]]:
    """Pairs of source and target; a source is None if it is no variable of the model."""
    first = np.cumsum([0, *(len(c.things) * c.size for c in everything)])
    marks = [
        (FIRST_MARK + np.arange(a, b, dtype=float)).reshape(-1, c.size)
        for c, a, b in zip(everything, first[:-1], first[1:])
    ]
    for column, values in zip(everything, marks):
        column.set(values)
    transfer = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(library_pointer(TRANSFER) or 0)
    transfer(library_pointer(THREADS))
    pairs: list[tuple[Place | None, Place]] = []
    for number, (column, values) in enumerate(zip(everything, marks)):
        after = column.read()
        for k, element in zip(*(x.tolist() for x in np.nonzero(after != values))):
            pairs.append(
                (_source(after[k, element] - FIRST_MARK, first, everything), Place(number, k, element))
            )
    return pairs


def _source(mark: float, first: NDArray, everything: list[Column]) -> Place | None:
    """The variable that a mark belongs to, None if it is no mark."""
    if not 0 <= mark < first[-1]:
        return None
    column = int(np.searchsorted(first, mark, side="right")) - 1
    return Place(column, *divmod(int(mark - first[column]), everything[column].size))


def _name(column: Column, membrane: Membrane) -> str:
    return "v" if column.mechanism < 0 else f"{membrane.templates[column.mechanism].name}.{column.label}"
