"""Layers of reduced trees on the processor's threads: see `heliox.kernels.collapsed` and its adjoint."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heliox.kernels import collapsed, collapsed_adjoint, threads

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


def encoded(
    level: Ints, onset: Ints, W: Array, beta: Array, part: Ints, rank: Ints, psi: Array,
    base: Array, bias: Array, step: Array, count: int,
) -> Array:  # fmt: skip
    """Courses (B, cells, T) of the layer behind an encoder whose cells take courses `level` (B, inputs).

    Parameters
    ----------
    onset : (P,)
        First time at which anything answers to a course; T for one that is 0.
    W : (components, inputs, cells)
    beta : (Q, P)
        Of place component ``part[q]`` in time component ``rank[q]``.
    part, rank : (Q,)
    psi : (ranks, T)
        As many as a multiple of four.
    base, step : (T,)
    bias : (cells,)
    count : int
        Threads; no bit depends on it.
    """
    out = np.empty((len(level), W.shape[2], psi.shape[1]))
    with threads.use(count):
        collapsed.encoded(level, onset, W, beta, part, rank, psi, base, bias, step, out)
    return out


def passed(
    V: Array, W: Array, bias: Array, decay: Array, start: Array, C: Array, rest: float, count: int
) -> Array:
    """Courses (B, cells, T) of a layer that graded synapses drive from courses V (B, inputs, T).

    Parameters
    ----------
    W : (modes, inputs, cells)
    bias : (modes, cells)
    decay, start, C : (modes,)
    """
    out = np.empty((len(V), W.shape[2], V.shape[2]))
    with threads.use(count):
        collapsed.passed(V, W, bias, decay, start, C, rest, out)
    return out


def windows(V: Array, first: int, times: int, count: int) -> Array:
    """Samples `first` to ``first + times - 1`` of courses V (B, cells, T), as (B, times, cells)."""
    out = np.empty((len(V), times, V.shape[1]))
    with threads.use(count):
        collapsed.windows(V, first, out)
    return out


def backwards(V: Array, E: Array, W: Array, count: int) -> tuple[Array, Array]:
    """Sums over the batch of ``max(V, 0) E`` (inputs, outputs), and errors (B, T, inputs) of what is before.

    Parameters
    ----------
    V : (B, T, inputs)
    E : (B, T, outputs)
    W : (inputs, outputs)
    """
    gradient, error = np.empty((len(V), E.shape[2], V.shape[2])), np.empty(V.shape)
    with threads.use(count):
        collapsed.backwards(V, E, np.ascontiguousarray(W.T), gradient, error)
    return np.add.accumulate(gradient, axis=0)[-1].T, error  # sample by sample


def correlated(level: Ints, active: NDArray[np.bool_], U: Array, E: Array, count: int) -> Array:
    """``sum over samples and times of U[level] E``, (inputs, cells).

    Parameters
    ----------
    level : (B, inputs)
    active : (P,)
    U : (P, T)
    E : (B, T, cells)
    """
    by_level, out = np.empty((len(level), len(U), E.shape[2])), np.empty((level.shape[1], E.shape[2]))
    with threads.use(count):
        collapsed.correlated(level, active, U, E, by_level, out)
    return out


def passed_adjoint(
    V: Array, E: Array, onto: Array, w: Array, held: Array, decay: Array, C: Array, count: int
) -> tuple[Array, Array, Array]:
    """Derivatives by the weights (inputs, cells) and biases (cells,) of `passed`, and by V.

    Parameters
    ----------
    V : (B, inputs, T)
    E : (B, cells, T)
        Derivatives by what `passed` returned.
    onto : (modes, inputs, cells)
        What 1 mV and a weight of 1 add to a mode in a step.
    w : (inputs, cells)
    held : (modes,)
        The same of a bias.
    decay, C : (modes,)
    """
    turned = np.ascontiguousarray(onto.transpose(0, 2, 1)), np.ascontiguousarray(w.T)
    gradient = np.empty((len(V), *turned[1].shape))
    by_bias, error = np.empty((len(V), len(w.T))), np.empty(V.shape)
    with threads.use(count):
        collapsed_adjoint.passed(V, E, *turned, held, decay, C, gradient, by_bias, error)
    return np.add.accumulate(gradient, axis=0)[-1].T, np.add.accumulate(by_bias, axis=0)[-1], error


def encoded_adjoint(
    level: Ints, onset: Ints, place: Array, beta: Array, part: Ints, rank: Ints, psi: Array, step: Array,
    E: Array, count: int,
) -> tuple[Array, Array]:  # fmt: skip
    """Derivatives by the weights (inputs, cells) and biases (cells,) of `encoded`.

    Parameters
    ----------
    place : (components, inputs, cells)
        `encoded` has had ``place w`` for its W.
    E : (B, cells, T)
        Derivatives by what it returned.
    """
    samples, cells, _ = E.shape
    by_level = np.empty((samples, len(onset), len(place), cells))
    gradient, by_bias = np.empty(place.shape), np.empty((samples, cells))
    with threads.use(count):
        collapsed_adjoint.encoded(level, onset, beta, part, rank, psi, step, E, by_level, gradient, by_bias)
    by_weight = np.zeros(place.shape[1:])
    for c, what in enumerate(place):
        by_weight += what * gradient[c]
    return by_weight, np.add.accumulate(by_bias, axis=0)[-1]
