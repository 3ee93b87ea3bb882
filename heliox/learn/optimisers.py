"""First-order optimisers: they move a packed buffer of parameters in place.

``state = opt.start(n)`` makes what an optimiser remembers of n parameters, named arrays (n,) that can be
saved; ``opt.step(x, g, state, k)`` is step `k`, counted from 0. Nothing else is remembered, so a run that
goes on from saved `x`, `state` and `k` has the same bits as one that was not interrupted.

The updates are NumPy operations on single elements, each rounded once as IEEE 754 says and done by the thread
that calls; the one sum (of `clip`) is NumPy's pairwise one, in an order that its length alone decides. So
the bits depend neither on threads nor on what lies beside an element in the buffer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from heliox.errors import ModelError
from heliox.learn.schedules import Schedule, schedule

Array = NDArray[np.float64]
State = dict[str, Array]


class Optimiser(Protocol):
    """What `minimise` and training take."""

    def start(self, n: int) -> State:
        """What is remembered of `n` parameters, before the first step."""
        ...

    def step(self, x: Array, g: Array, state: State, k: int) -> None:
        """Step `k` (from 0): parameters `x` (n,) and `state` change in place; `g` (n,) is the gradient."""
        ...


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent, with momentum if wanted.

    With ``u = g`` clipped, plus ``weight_decay * x``: ``x <- x - lr(k) u``. With momentum mu
    ``m <- mu m + u`` and ``x <- x - lr(k) m``, or ``x <- x - lr(k) (u + mu m)`` with `nesterov` (Sutskever et
    al. 2013, with the learning rate outside of m, so that a schedule acts at once).

    Parameters
    ----------
    lr : float or schedule
        Learning rate; see `Constant`, `Linear`, `Cosine`.
    momentum : float
        From 0 to less than 1.
    nesterov : bool
        Look ahead along the momentum.
    weight_decay : float
        Of every parameter, per unit of the learning rate: the gradient of ``weight_decay |x|^2 / 2`` (Krogh
        and Hertz 1992).
    clip : float, optional
        Longest gradient: ``g <- g clip / |g|`` where the Euclidean norm over all parameters is larger
        (Pascanu, Mikolov and Bengio 2013). Before the decay is added.
    """

    lr: float | Schedule
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    clip: float | None = None

    def __post_init__(self) -> None:
        schedule(self.lr)
        _below_one("momentum", self.momentum)
        _decay_and_clip(self.weight_decay, self.clip)
        if self.nesterov and self.momentum == 0.0:
            raise ModelError("nesterov needs a momentum; give momentum=0.9 or leave it out")

    def start(self, n: int) -> State:
        return {"momentum": np.zeros(n)} if self.momentum else {}

    def step(self, x: Array, g: Array, state: State, k: int) -> None:
        fits(x, g, state, self.start(0))
        u = clipped(g, self.clip)
        if self.weight_decay:
            u = u + self.weight_decay * x
        if self.momentum:
            m = state["momentum"]
            m *= self.momentum
            m += u
            u = u + self.momentum * m if self.nesterov else m
        x -= schedule(self.lr).at(k) * u


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba 2015), with decoupled weight decay (Loshchilov and Hutter 2019).

    With g clipped: ``m <- beta1 m + (1 - beta1) g``, ``s <- beta2 s + (1 - beta2) g^2``, and with
    ``M = m / (1 - beta1^(k+1))``, ``S = s / (1 - beta2^(k+1))``
    ``x <- x - lr(k) (M / (sqrt(S) + epsilon) + weight_decay x)``.

    Parameters
    ----------
    lr : float or schedule
        Learning rate; of free numbers with bounds, a step of 1 in the exponent.
    beta1, beta2 : float
        From 0 to less than 1.
    epsilon : float
    weight_decay, clip
        The decay as above; `clip` as of `SGD`.
    """

    lr: float | Schedule = 0.05
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    clip: float | None = None

    def __post_init__(self) -> None:
        schedule(self.lr)
        _below_one("beta1", self.beta1)
        _below_one("beta2", self.beta2)
        _decay_and_clip(self.weight_decay, self.clip)
        if not self.epsilon > 0.0:
            raise ModelError(f"epsilon is {self.epsilon:g}; it must be positive")

    def start(self, n: int) -> State:
        return {"mean": np.zeros(n), "square": np.zeros(n)}

    def step(self, x: Array, g: Array, state: State, k: int) -> None:
        fits(x, g, state, self.start(0))
        u = clipped(g, self.clip)
        m, s = state["mean"], state["square"]
        m *= self.beta1
        m += (1.0 - self.beta1) * u
        s *= self.beta2
        s += (1.0 - self.beta2) * u * u
        root = np.sqrt(s / (1.0 - self.beta2 ** (k + 1)))
        step = m / (1.0 - self.beta1 ** (k + 1)) / (root + self.epsilon)
        if self.weight_decay:
            step += self.weight_decay * x
        x -= schedule(self.lr).at(k) * step


def clipped(g: Array, clip: float | None) -> Array:
    """The gradient (n,), shortened to the norm `clip` if it is longer."""
    if clip is None:
        return g
    norm = math.sqrt(float(np.square(np.ascontiguousarray(g)).sum()))
    return g * (clip / norm) if norm > clip else g


def fits(x: Array, g: Array, state: State, wanted: State) -> None:
    """ModelError unless gradient and state belong to the parameters `x`, and the state is as `wanted`."""
    if x.ndim != 1 or g.shape != x.shape:
        raise ModelError(f"parameters of shape {x.shape} and a gradient of shape {g.shape}; both are (n,)")
    if state.keys() != wanted.keys() or any(a.shape != x.shape for a in state.values()):
        found = {name: a.shape for name, a in state.items()}
        raise ModelError(
            f"the optimiser's state {found} is not of {len(x)} parameters with {sorted(wanted)}; "
            f"make it with start({len(x)})"
        )


def _below_one(name: str, value: float) -> None:
    if not 0.0 <= value < 1.0:
        raise ModelError(f"{name} is {value:g}; it must be from 0 to less than 1")


def _decay_and_clip(weight_decay: float, clip: float | None) -> None:
    if not 0.0 <= weight_decay < math.inf:
        raise ModelError(f"weight_decay is {weight_decay:g}; it must be finite and not negative")
    if clip is not None and not clip > 0.0:
        raise ModelError(f"clip is {clip:g}; it must be positive, or None")
