"""Both sweeps of one simulation against each other, and against finite differences."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from heliox.engine.adjoint import Differentiator, Surrogate, spec_of
from heliox.engine.clock import psolve_steps
from heliox.model.model import Model
from heliox.model.names import Names
from heliox.model.variable import Variable
from heliox.simulation import Simulation

STEPS = (2e-3, 1e-3)  # of central differences, of the whole direction; Richardson's formula takes both


def _owner(model: Model, v: Variable) -> str:
    return model.mechanisms[v.mechanism].name if v.mechanism >= 0 else ""


class Sweeps:
    """A model, what is trained in it, and a random loss on recorded variables.

    The loss is linear in the records, with random weights: its gradient is that of everything at once.
    """

    def __init__(
        self,
        model: Model,
        trained: Collection[str],
        recorded: Collection[str] = ("v",),
        *,
        tstop: float = 4.0,
        v_init: float | None = None,
        seed: int = 0,
        memory: int | None = None,
        surrogate: Surrogate | None = None,
        batch: int = 1,
        **options: object,
    ) -> None:
        names = Names(model)
        picked = {n: names.select(n) for n in (*trained, *recorded)}
        own = {n: v for n, v in picked.items() if v.kind in ("mechanism", "global")}
        pairs = {n: (_owner(model, v), v.name) for n, v in own.items()}
        spec = spec_of(
            names,
            frozenset(pairs[n] for n in trained if n in pairs),
            frozenset(pairs[n] for n in recorded if n in pairs),
            weights="NetCon.weight" in trained,
            geometry=bool(options.pop("geometry", False)),
            tangent=bool(options.pop("tangent", True)),
        )
        vary = [n for n in trained if picked[n].kind in ("mechanism", "connection", "global")]
        self.sim = Simulation(
            model,
            batch=batch,
            vary=vary,
            adjoint=spec,
            progress=False,
            **options,  # type: ignore[arg-type]
        )
        if v_init is not None:
            self.sim.initialize(v_init)
        self.rng = np.random.default_rng(seed)
        self.trained = list(trained)
        self.d = Differentiator(self.sim.engine, memory=memory, surrogate=surrogate)
        self.d.record(np.concatenate([self.sim.registry.handle(n).addresses.ravel() for n in recorded]))
        self.start = self.sim.engine.snapshot()
        self.steps = psolve_steps(self.sim.t, self.sim.t + tstop, self.sim.dt)
        self.R = self.run()
        scale = np.maximum(np.abs(self.R).max(axis=0), 1e-12)
        self.W = self.rng.standard_normal(self.R.shape) / scale

    def run(self) -> NDArray[np.float64]:
        return self.d.forward(self.steps)

    def places(self, name: str) -> NDArray[np.int64]:
        return self.sim.registry.handle(name).addresses.ravel()

    def direction(self, size: float = 1.0) -> NDArray[np.float64]:
        """A random change of everything trained, each by `size` of its own value (or 1e-3 where it is 0)."""
        u = np.zeros_like(self.sim.engine.A)
        for n in self.trained:
            at = self.places(n)
            scale = np.maximum(np.abs(self.start.arrays["A"][at]), 1e-3)
            u[at] = size * scale * self.rng.standard_normal(len(at))
        return u

    def reverse(self) -> NDArray[np.float64]:
        self.sim.engine.restore(self.start)
        self.run()
        self.d.backward(self.W)
        return self.d.B.copy()

    def mismatch(self, seed: int = 1) -> float:
        """Difference of <W, J u> and <J' W, u> for a random direction, relative to the length of both."""
        self.rng = np.random.default_rng(seed)
        u = self.direction()
        B = self.reverse()
        self.sim.engine.restore(self.start)
        self.run()
        T = self.d.tangent(u)
        length = float(np.linalg.norm(self.W) * np.linalg.norm(T))
        assert length > 0.0, "nothing of what was changed shows"
        return abs(float((self.W * T).sum()) - float((B * u).sum())) / length

    def value(self, change: NDArray[np.float64]) -> float:
        e = self.sim.engine
        e.restore(self.start)
        e.A[:] += change
        out = float((self.W * self.run()).sum())
        e.restore(self.start)
        return out

    def difference(self, u: NDArray[np.float64], steps: tuple[float, float] = STEPS) -> float:
        """Derivative of the loss along `u`: central differences, extrapolated."""
        coarse, fine = ((self.value(h * u) - self.value(-h * u)) / (2 * h) for h in steps)
        ratio = (steps[0] / steps[1]) ** 2
        return (ratio * fine - coarse) / (ratio - 1)

    def components(
        self, name: str, count: int = 3, steps: tuple[float, float] = STEPS
    ) -> tuple[float, float]:
        """Largest difference of some components of one group from finite differences; largest component.

        Beyond what rounding of the loss makes of a finite difference.
        """
        B = self.reverse()
        loss = abs(self.value(np.zeros_like(B)))
        at = self.places(name)
        chosen = self.rng.choice(len(at), min(count, len(at)), replace=False)
        worst = 0.0
        for k in chosen:
            u = np.zeros_like(B)
            u[at[k]] = max(abs(float(self.start.arrays["A"][at[k]])), 1e-3)
            rounding = 4.0 * np.finfo(float).eps * loss / (min(steps) * u[at[k]])
            worst = max(worst, abs(self.difference(u, steps) / u[at[k]] - B[at[k]]) - rounding)
        return worst, float(np.abs(B[at]).max())


EXACT = 1e-11
CLOSE = 1e-6  # of the largest component of a group, against finite differences


def check(s: Sweeps, steps: tuple[float, float] = STEPS, only: Collection[str] | None = None) -> None:
    """Both sweeps agree, and finite differences with them."""
    for seed in (1, 2):
        assert s.mismatch(seed) < EXACT
    for n in only or s.trained:
        worst, largest = s.components(n, 2, steps)
        assert largest > 0.0, f"nothing depends on {n}"
        assert worst <= CLOSE * largest, f"{n}: {worst:.2e} of {largest:.2e}"
