"""`Adjoint`: the exact gradient of the run as a learning rule; and what rules on a `Problem` share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.engine.adjoint import Surrogate
from heliox.learn.losses import Evaluated, Loss, Read, Traces
from heliox.learn.network import Net
from heliox.learn.problem import Problem
from heliox.learn.readout import averaged, samples_read
from heliox.learn.reduced import ReducedSequential
from heliox.learn.reduced_rules import ReducedAdjoint
from heliox.learn.rules import Criterion, Learner, Outcome
from heliox.simulation import Simulation

Array = NDArray[np.float64]
Differentiate = Callable[[Problem, Array], tuple[Array, Array]]


@dataclass(frozen=True)
class Adjoint:
    """The exact gradient of the loss of the readout by every parameter (`learn.Problem`).

    It goes back through every step of the run: time constants, what happened before the window, synapses on
    active dendrites, all count. Of spikes that cells send it knows nothing without a `surrogate`; their times
    have no derivative (`Problem.lost`).

    Cost: about three forward runs. Memory: every voltage and state of every step, unless `memory` bounds it;
    and since members are differentiated side by side, parameters and their derivatives once a member.

    Parameters
    ----------
    surrogate : Surrogate, optional
    memory : int, optional
        Bytes for the tape, as of `learn.Problem`.
    """

    surrogate: Surrogate | None = None
    memory: int | None = None

    def bind(self, net: Net, loss: Criterion, batch: int, **options: Any) -> Learner:
        if isinstance(net, ReducedSequential):
            return ReducedAdjoint(net, loss, options.get("threads"))
        made = {"surrogate": self.surrogate, "memory": self.memory}
        return OnProblem(net, loss, batch, _by_adjoint, made, **options)


def _by_adjoint(problem: Problem, x: Array) -> tuple[Array, Array]:
    value, g = problem.value_and_gradient(x)
    return value, np.atleast_2d(g)


class OnProblem:
    """A learner whose gradients are those of a `Problem`: by `differentiate`, (B,) and (B, N)."""

    def __init__(
        self, net: Net, loss: Criterion, batch: int, differentiate: Differentiate, made: dict[str, Any],
        **options: Any,
    ) -> None:  # fmt: skip
        self.net, self.batch, self.differentiate = net, batch, differentiate
        sim = Simulation(net.model, batch=batch, vary=net.vary, dt=net.dt, progress=False, **options)
        self.answer = Answer(net, loss)
        by = [p.trained.parameter for p in net.parameters]
        self.problem = Problem(
            sim, self.answer, by, net.duration, through=net.through, progress=False, **made
        )

    def learn(self, x: Array, samples: Array, targets: Array) -> Outcome:
        k = len(samples)
        more = self.batch - k
        filled = np.concatenate([samples, np.zeros((more, samples.shape[1]))]) if more else samples
        self.net.drive(self.problem.sim, filled)
        if self.net.through == "initialize":
            self.problem.v_init = self.net.start(filled)
        self.answer.targets = targets
        _, g = self.differentiate(self.problem, x)
        gradient = np.add.accumulate(g[:k], axis=0)[-1] / k
        return Outcome(self.answer.loss, self.answer.readout, gradient)


class Answer(Loss):
    """The loss of the mean over the window of what is read out, for the targets of a batch."""

    def __init__(self, net: Net, criterion: Criterion) -> None:
        self.criterion = criterion
        self.read = Read(net.readout)
        self.reads = (self.read,)
        self.window = samples_read(net)
        self.targets: NDArray = np.empty(0)
        self.loss: Array = np.empty(0)
        self.readout: Array = np.empty(0)

    def evaluate(self, traces: Traces) -> Evaluated:
        x = traces[self.read]
        k, window = len(self.targets), self.window
        self.readout = averaged(np.moveaxis(x[:k, :, window], -1, 0))
        self.loss, slope = self.criterion.value_and_gradient(self.readout, self.targets)
        value, bar = np.zeros(len(x)), np.zeros_like(x)
        value[:k] = self.loss
        bar[:k, :, window] = slope[:, :, None] / (window.stop - window.start)
        return value, {self.read: bar}

    def __repr__(self) -> str:
        return f"<{self.criterion!r} of {self.read.called}>"
