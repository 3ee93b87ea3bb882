"""What a gradient comes with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from heliox.engine.adjoint import Schedule


@dataclass(frozen=True)
class GradientPlan:
    """What a gradient will take, known before it runs.

    ``tape``: the schedule of the tape; ``traces``: bytes of the traces that losses read, and of their
    derivatives; ``members``.
    """

    tape: Schedule
    traces: int
    members: int

    @property
    def bytes(self) -> int:
        """Of tape, checkpoints and traces."""
        return self.tape.bytes + self.traces

    @property
    def factor(self) -> float:
        """Forward steps done for each step of the run."""
        return self.tape.factor

    def summary(self) -> str:
        """Bytes and recomputation, in words."""
        return f"{self.members} members, traces {self.traces / 1e6:.2f} MB; {self.tape.summary()}"


@dataclass(frozen=True, eq=False)
class Gradient:
    """A loss and its derivatives.

    Attributes
    ----------
    value : (B,)
    gradient : dict of str to (n,) or (B, n)
        By name of the parameter (followed by "of where" where a name is given twice); a leading axis of
        members for a batch; one number instead of n where a parameter is tied. In the unit of the loss over
        that of the parameter.
    through : str
        ``"reset"``: the run began with the frozen state, whatever the parameters; ``"initialize"``: with what
        INITIAL made of them, differentiated too.
    marked : bool
        Whether a surrogate stands in: the gradient is then not that of the value.
    lost : tuple of str
        What is left out.
    plan : GradientPlan or None
        None of finite differences.
    steps : dict of str to array
        Of finite differences.
    """

    value: NDArray[np.float64]
    gradient: Mapping[str, NDArray[np.float64]]
    through: str
    marked: bool = False
    lost: tuple[str, ...] = ()
    plan: GradientPlan | None = None
    steps: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        return self.gradient[name]

    def __repr__(self) -> str:
        parts = ", ".join(f"{n} {g.shape}" for n, g in self.gradient.items())
        value = f"{self.value[0]:g}" if len(self.value) == 1 else f"of {len(self.value)} members"
        notes = ["; a surrogate takes part"] if self.marked else []
        notes += [f"; {len(self.lost)} left out (lost)"] if self.lost else []
        return f"<heliox gradient of a loss {value} by {parts}, through {self.through}{''.join(notes)}>"
