"""`minimise`: fits of a `Problem`, the members of its batch being starts of their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from heliox.errors import HelioXError, ModelError, nearest
from heliox.learn.lbfgs import lbfgs
from heliox.learn.optimisers import Adam
from heliox.learn.problem import Problem
from heliox.simulation import Simulation

METHODS = ("adam", "lbfgs")


@dataclass(eq=False)
class Fit:
    """What a fit found.

    Attributes
    ----------
    loss : (B,)
        The least of each member.
    x : (B, N)
        Free numbers where it was.
    history : (evaluations, B)
        Losses in order; NaN where a member no longer searched.
    seconds : (evaluations,)
        Since the beginning, when each was known.
    interrupted : bool
        By Ctrl-C: everything up to then is here.
    converged : (B,) bool
        As SciPy says; all False with Adam.
    """

    problem: Problem = field(repr=False)
    loss: NDArray[np.float64]
    x: NDArray[np.float64]
    history: NDArray[np.float64] = field(repr=False)
    seconds: NDArray[np.float64] = field(repr=False)
    interrupted: bool
    converged: NDArray[np.bool_] = field(repr=False)

    @property
    def best(self) -> int:
        """The member with the least loss."""
        return int(np.nanargmin(self.loss))

    @property
    def values(self) -> dict[str, NDArray[np.float64]]:
        """Values by label: (n,), or (B, n) for a batch."""
        return self.problem.from_free(self.x)

    @property
    def best_values(self) -> dict[str, NDArray[np.float64]]:
        """Values (n,) of the best member."""
        return {n: np.atleast_2d(v)[self.best] for n, v in self.values.items()}

    def assign(self, sim: Simulation) -> None:
        """Write the values into a simulation: those of the best member where it has no batch."""
        if sim.batch == self.problem.batch:
            self.problem.assign(sim, self.values)
            return
        if sim.batch != 1:
            raise ModelError(f"the fit has {self.problem.batch} members and the simulation {sim.batch}")
        for t, v in zip(self.problem.trained, self.best_values.values(), strict=True):
            if not t.geometry:
                sim.var(t.parameter.name, t.parameter.where)[...] = t.spread(v[None])[0]

    def __repr__(self) -> str:
        end = ", interrupted" if self.interrupted else ""
        seconds = self.seconds[-1] if len(self.seconds) else 0.0
        return (
            f"<heliox fit: {len(self.loss)} starts, {len(self.history)} evaluations in {seconds:.1f} s, "
            f"least loss {np.nanmin(self.loss):g}{end}>"
        )


class _Log:
    """Evaluates, and keeps what is best of each member."""

    def __init__(self, problem: Problem, x: NDArray[np.float64], total: int, show: bool) -> None:
        self.problem, self.began = problem, time.perf_counter()
        self.least = np.full(problem.batch, np.inf)
        self.x = x.copy()
        self.history: list[NDArray[np.float64]] = []
        self.seconds: list[float] = []
        self.bar = tqdm(
            total=total, unit="evaluation", delay=2.0, leave=False, disable=None if show else True
        )

    def evaluate(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        value, g = self.problem.value_and_gradient(x if self.problem.batch > 1 else x[0])
        better = value < self.least
        self.least[better], self.x[better] = value[better], x[better]
        self.history.append(value)
        self.seconds.append(time.perf_counter() - self.began)
        self.bar.set_postfix_str(f"least loss {self.least.min():.4g}", refresh=False)
        self.bar.update()
        return value, np.atleast_2d(g)

    def fit(self, interrupted: bool, converged: NDArray[np.bool_]) -> Fit:
        self.bar.close()
        history = np.array(self.history).reshape(-1, self.problem.batch)
        return Fit(self.problem, self.least, self.x, history, np.array(self.seconds), interrupted, converged)


def minimise(
    problem: Problem,
    x0: ArrayLike | Mapping[str, ArrayLike] | None = None,
    *,
    method: str = "adam",
    steps: int = 100,
    optimiser: Adam | None = None,
    tolerance: float = 1e-12,
    progress: bool = True,
    callback: Callable[[int, NDArray[np.float64]], object] | None = None,
) -> Fit:
    """Minimise the loss of every member by itself, on free numbers.

    Parameters
    ----------
    problem : Problem
    x0 : (N,) or (B, N), or values by label, optional
        Starts; default: the present values. `Problem.random` draws them.
    method : str
        ``"adam"``: `steps` steps. ``"lbfgs"``: SciPy's L-BFGS-B, at most `steps` iterations of one or more
        evaluations each.
    optimiser : Adam, optional
        Of ``"adam"``, with its learning rate; each member has a state of its own.
    tolerance : float
        ``"lbfgs"`` ends where the relative gain of an iteration is less.
    progress : bool
        Show a bar in fits of more than two seconds.
    callback : callable, optional
        Of the number of the evaluation and the losses (B,); what is true ends the fit.

    Returns
    -------
    Fit
        After Ctrl-C, too.

    Raises
    ------
    NumericalError, ModelError
        As of `Problem.value_and_gradient`; the field ``fit`` is what was found before.
    """
    if method not in METHODS:
        raise ModelError(f"method {method!r}; {nearest(str(method), METHODS)}")
    if steps < 1:
        raise ModelError(f"steps is {steps}; it must be at least 1")
    if isinstance(x0, Mapping):
        start = problem.to_free(x0)
    else:
        start = problem.x if x0 is None else np.asarray(x0, np.float64)
    x = problem._unpacked(start)[0].copy()
    log = _Log(problem, x, steps, progress)
    shown, problem.progress = problem.progress, False  # one bar is enough
    converged = np.zeros(problem.batch, bool)
    interrupted = False

    def evaluate(u: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        value, g = log.evaluate(u)
        if callback is not None and callback(len(log.history), value):
            raise _Enough
        return value, g

    try:
        if method == "lbfgs":
            converged = lbfgs(evaluate, x, steps, tolerance)
        else:
            adam = optimiser or Adam()
            states = [adam.start(x.shape[1]) for _ in x]
            for k in range(steps):
                _, g = evaluate(x)
                for member, state in enumerate(states):
                    adam.step(x[member], g[member], state, k)
            evaluate(x)
    except _Enough:
        pass
    except KeyboardInterrupt:
        interrupted = True
    except HelioXError as e:
        e.fields["fit"] = log.fit(False, converged)
        raise
    finally:
        problem.progress = shown
        log.bar.close()
    return log.fit(interrupted, converged)


class _Enough(Exception):
    """The callback ended the fit."""
