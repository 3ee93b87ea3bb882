"""Input and transfer resistances of a passive tree, from the conductances of the frozen model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heliox.learn.passive import PassiveTree
from heliox.model.model import Model
from heliox.solver.conductances import Conductances


def resistances(model: Model, node: int) -> NDArray[np.float64]:
    """Transfer resistance (MOhm) between each node and `node`; there, the input resistance (nodes,).

    Steady currents i (nA) cause the voltages ``v = R i``, with R the inverse of the matrix of conductances
    (uS): leak of each node, and axial conductances between neighbours. R is symmetric, so one solution gives
    the transfer resistances of all places to one (Koch 1999, Biophysics of Computation, ch. 3).

    Raises
    ------
    ModelError, UnsupportedError
        For a model of several cells, without leak, or whose membrane is not linear: with what it has.
    """
    tree = PassiveTree.of(model)
    current = np.zeros((len(tree), 1))
    current[node] = 1.0
    return Conductances(tree.parent, tree.leak, tree.axial).solve(current)[:, 0]
