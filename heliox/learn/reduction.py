"""Linear reduction, asked for by name: a passive tree as a few exponentials that answer as the tree does.

Of a tree with a linear membrane only the places matter at which currents come in, and those that are read.
One step of backward Euler is ``v' = M^-1 (D v + i)`` with ``M = C/dt + G`` and ``D = C/dt``, both symmetric
and D not larger than M. In coordinates orthonormal in M (``V' M V = 1``) it is ``x' = A x + V' i`` with
``A = V' D V`` symmetric and all its eigenvalues from 0 to less than 1; so is the A of any smaller orthonormal
set of columns: every reduction is stable, and, turned into the eigenvectors of A, a set of decaying
exponentials that do not hear of each other.

The columns are the principal components of what the tree answers, over the duration of the task
(`heliox.learn.subspace`). Nothing is taken on trust: the impulse responses of the small system are compared
with those of the whole tree, at every place, before it is given out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from heliox.errors import ModelError, NumericalError
from heliox.frontend.cell import Cell
from heliox.learn.passive import Array, PassiveTree
from heliox.learn.subspace import Answers, principal
from heliox.model.model import Model
from heliox.model.names import Names
from heliox.model.selection import Where


@dataclass(frozen=True, eq=False)
class Reduced:
    """``x' = decay x + B i`` and ``v = rest + C x``: one step of `dt` under currents i (nA), v in mV.

    Attributes
    ----------
    dt : float
        ms.
    decay : (r,)
        From 0 to less than 1.
    B : (r, inputs)
        mV/nA.
    C : (outputs, r)
    rest : (outputs,)
        mV, without any current.
    start : (r,)
        x of the frozen voltages.
    inputs, outputs : (k,) intp
        Nodes of the model where currents come in, and where voltages are read.
    error : (outputs, inputs)
        ``sum_k |h'_k - h_k| / sum_k |h_k|`` of the impulse responses h of the full tree over the steps of
        `duration`: for currents of any course, the voltage is off by at most this part of what a current as
        strong could do to it. Measured, not estimated.
    start_error : (outputs, 1) or (outputs, 0)
        The same of how the frozen voltages decay; none where they are at rest.
    duration : float
        ms, for which it was measured.
    compartments : int
        Nodes of the full tree.
    """

    dt: float
    decay: Array
    B: Array
    C: Array
    rest: Array
    start: Array
    inputs: NDArray[np.intp]
    outputs: NDArray[np.intp]
    error: Array = field(repr=False)
    start_error: Array = field(repr=False)
    duration: float
    compartments: int

    @property
    def rank(self) -> int:
        return len(self.decay)

    @property
    def worst(self) -> float:
        """The largest of all errors."""
        return float(max(self.error.max(), self.start_error.max(initial=0.0)))

    def step(self, x: Array, current: Array) -> Array:
        """The states (..., r) one step later, under currents (..., inputs) nA that flow in this step."""
        return self.decay * x + current @ self.B.T

    def read(self, x: Array) -> Array:
        """Voltages (..., outputs) mV of states (..., r)."""
        return self.rest + x @ self.C.T

    def impulse(self, steps: int) -> Array:
        """Voltages (steps, outputs, inputs) mV at the ends of steps, after 1 nA in the first of them."""
        powers = self.decay ** np.arange(steps)[:, None]
        return np.einsum("or,kr,ri->koi", self.C, powers, self.B, optimize=True)

    def __repr__(self) -> str:
        return (
            f"<reduced tree: {self.rank} exponentials for {self.compartments} nodes, {len(self.inputs)} "
            f"places to {len(self.outputs)}, error {self.worst:.1e} over {self.duration:g} ms>"
        )


def reduced_tree(
    model: Model | Cell,
    tol: float,
    *,
    duration: float,
    inputs: Where = None,
    outputs: Where = "soma(0.5)",
    dt: float | None = None,
    rank: int | None = None,
) -> Reduced:
    """A small linear system with the impulse responses of a passive tree.

    Parameters
    ----------
    model : Model or Cell
        Of one cell with a leak alone; point processes in it may only give currents.
    tol : float
        Largest `Reduced.error` allowed.
    inputs : optional
        Places that take currents, as in `Simulation.record`; default: where the model's point processes are,
        or everywhere if it has none.
    outputs : optional
        Places that are read.
    duration : float
        ms over which responses are compared: that of a sample.
    dt : float, optional
        ms; default: the frozen one.
    rank : int, optional
        Largest number of exponentials; default: as many as `tol` needs.

    Returns
    -------
    Reduced

    Raises
    ------
    UnsupportedError
        If the tree is not linear: with the names of what is not.
    ModelError
        If there is more than one cell, or something named does not exist.
    NumericalError
        If `tol` cannot be met; fields ``error`` and ``rank``.
    """
    if isinstance(model, Cell):
        model = model.model()
    if not tol > 0.0:
        raise ModelError(f"tol is {tol:g}; it must be positive")
    dt = model.settings.dt if dt is None else dt
    steps = round(duration / dt) if dt > 0.0 and np.isfinite(duration) else 0
    if steps < 1:
        raise ModelError(f"duration {duration:g} ms must hold at least one step of {dt:g} ms")
    names = Names(model)
    into = _places(names) if inputs is None else names.select("v", inputs).indices.astype(np.intp)
    out = names.select("v", outputs).indices.astype(np.intp)
    answers = Answers(PassiveTree.of(model), dt, steps, into, out)
    basis = principal(answers, 0.1 * tol)

    def reduced(count: int) -> Reduced:
        decay, V = answers.modes(basis[:, :count])
        B, C = answers.sources_of(V), V[out]
        error = answers.errors(decay, B, C)
        k = len(into)
        start = B[:, k:].sum(axis=1)
        return Reduced(
            dt, decay, B[:, :k], C, answers.tree.rest[out], start, into, out, error[:, :k], error[:, k:],
            steps * dt, len(answers.tree),
        )  # fmt: skip

    low, high = 0, min(basis.shape[1], rank or basis.shape[1])
    best = reduced(high)
    while best.worst <= tol and high - low > 1:  # errors fall with the rank
        middle = (low + high) // 2
        found = reduced(middle)
        if found.worst <= tol:
            best, high = found, middle
        else:
            low = middle
    if not best.worst <= tol:
        more = "allow a higher rank" if best.rank == rank else "more do not help"
        raise NumericalError(
            f"{best.rank} exponentials leave an error of {best.worst:.2e}, and tol is {tol:g}; {more}",
            error=best.worst,
            rank=best.rank,
        )
    return best


def _places(names: Names) -> NDArray[np.intp]:
    """Where the point processes of a model are; every segment if it has none."""
    model = names.model
    found = [m.node for m in model.mechanisms if m.kind == "point" and len(m)]
    return np.unique(np.concatenate(found or [model.mechanism("capacitance").node])).astype(np.intp)
