"""What a sweep back over a piece of a run takes, beside the engine's own buffers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from heliox.engine.engine import Engine


@dataclass
class Backwards:
    """Adjoints (or tangents) of a piece of a run.

    Attributes
    ----------
    B : (A_size + 1,) float64
        Of the state and of parameters, in the layout of ``A``; a sweep changes them.
    RB : (samples, recorded) float64
        Of recorded values.
    SB, SP
        Of spikes (groups, room); their number, step, place of the voltage and source (groups, 3 room + 1).
    steps, origin, offset : int
        Steps on the tape; the engine's number of the first; its number in the run.
    width, kind
        Of the surrogate: mV, number.
    """

    B: NDArray[np.float64]
    RB: NDArray[np.float64]
    SB: NDArray[np.float64]
    SP: NDArray[np.int64]
    steps: int
    origin: int
    offset: int
    width: float
    kind: int

    def arguments(self, e: Engine) -> tuple:
        """What every sweep of the CPU's module takes."""
        p = e.plan
        return (
            e.A, e.P, p.I, p.G, e.QF, e.QI, e.QN, e.SF, e.SI, p.FAN, p.CI, p.SR, e.R, e.RA, e.TP, e.LF,
            e.LI, e.T, self.B, self.RB, self.SB, self.SP, p.order, self.steps, self.origin, self.offset, p.dt,
            self.width, self.kind,
        )  # fmt: skip
