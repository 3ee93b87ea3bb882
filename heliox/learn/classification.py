"""Losses on readouts: one number a sample from the numbers (n,) that a network answers with.

`mse` and its kin are losses on traces, sample by sample in time. Those here see what is left of a run, such
as the mean voltage of each output cell, and know labels: they are what layered networks are trained with.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.errors import ModelError, NumericalError
from heliox.learn.correlation import correlations, distance

Array = NDArray[np.float64]


class ReadoutLoss:
    """A loss of each sample of a batch, and its derivative.

    Attributes
    ----------
    separate : bool
        A sample's loss depends on its own readouts alone.
    least : int
        Samples that a batch must have.
    """

    separate = False
    least = 1

    def value_and_gradient(self, readout: ArrayLike, target: ArrayLike) -> tuple[Array, Array]:
        """Losses, and the derivative of their sum by every readout.

        Parameters
        ----------
        readout : (B, n)
            What the network answers to B samples, in the unit of what is read.
        target : (B,) or (B, n)
            Labels from 0 to n - 1, or what the readouts ought to be.

        Returns
        -------
        loss (B,), d (B, n)

        Raises
        ------
        NumericalError
            For a readout that is not finite; field ``sample``.
        ModelError
            For a label out of range (fields ``sample``, ``label``) or a target of another shape.
        """
        raise NotImplementedError

    def error(self, v: ArrayLike, target: ArrayLike) -> Array:
        """How each readout has to change for the loss to fall, (B, n): minus the derivative at v (B, n).

        It is what a rule sends back that learns while the network runs, from the voltages of that moment.
        """
        return -self.value_and_gradient(v, target)[1]

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class SoftmaxCrossEntropy(ReadoutLoss):
    """Minus the logarithm of the probability that the softmax of the readouts gives to the label.

    ``s_i = exp(v_i - max v) / sum_j exp(v_j - max v)`` and ``loss = -sum_i y_i log s_i``, y one-hot or, given
    as (B, n), probabilities. `error` is ``y - s``.
    """

    separate = True

    def value_and_gradient(self, readout: ArrayLike, target: ArrayLike) -> tuple[Array, Array]:
        v = _finite(readout)
        y = _distribution(target, v.shape)
        shifted = v - v.max(axis=1, keepdims=True)
        e = np.exp(shifted)
        total = e.sum(axis=1, keepdims=True)
        loss = (y * (np.log(total) - shifted)).sum(axis=1)
        return loss, e / total - y

    def error(self, v: ArrayLike, target: ArrayLike) -> Array:
        x = _finite(v)
        return _distribution(target, x.shape) - softmax(x)


class SquaredError(ReadoutLoss):
    """Mean squared difference of the readouts from their targets: ``sum_i (v_i - y_i)^2 / n``.

    Labels stand for one-hot targets: 1 for the label, 0 elsewhere, in the unit of the readout. For traces
    take `mse`.
    """

    separate = True

    def value_and_gradient(self, readout: ArrayLike, target: ArrayLike) -> tuple[Array, Array]:
        v = _finite(readout)
        d = v - _targets(target, v.shape)
        return (d * d).sum(axis=1) / v.shape[1], (2.0 / v.shape[1]) * d


class CorrelationDistance(ReadoutLoss):
    """How far the correlations among the n readouts, over the samples of the batch, are from wanted ones.

    ``L = sum_ij (R_ij - Q_ij)^2 / n^2``, with R Pearson's matrix of the readouts and Q that of the targets
    (B, n), or the matrix (n, n) given here. The samples are not independent: L belongs to the batch, each
    sample is said to have the loss L, and the derivative is that of their sum, B L. A readout that is the
    same for all samples correlates with nothing: its R_ij are 0, and it gets no derivative.

    Parameters
    ----------
    matrix : (n, n), optional
        Wanted correlations; then targets are not looked at.
    """

    least = 2

    def __init__(self, matrix: ArrayLike | None = None) -> None:
        self.matrix = None if matrix is None else np.asarray(matrix, np.float64)

    def value_and_gradient(self, readout: ArrayLike, target: ArrayLike = ()) -> tuple[Array, Array]:
        v = _finite(readout)
        if len(v) < 2:
            raise ModelError("correlations over the samples of a batch need at least two of them")
        wanted = self.matrix
        if wanted is None:
            y = np.asarray(target, np.float64)
            if y.shape != v.shape:
                raise ModelError(
                    f"targets of correlations have the readouts' shape {v.shape}, not {y.shape}; or give "
                    f"{type(self).__name__} the matrix"
                )
            wanted = correlations(_finite(y, "target").T)
        loss, d = distance(v.T, wanted)
        return np.full(len(v), loss), len(v) * d.T

    def __repr__(self) -> str:
        return f"CorrelationDistance({'' if self.matrix is None else self.matrix.tolist()})"


def softmax(v: Array) -> Array:
    """Probabilities (B, n) of readouts (B, n), the largest subtracted before the exponential."""
    e = np.exp(v - v.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def labels_of(target: ArrayLike, count: int, classes: int) -> NDArray[np.intp]:
    """Labels (count,), checked.

    Raises
    ------
    ModelError
        For another number of them, or one that is not a whole number from 0 to classes - 1: with fields
        ``sample`` and ``label``.
    """
    y = np.asarray(target)
    if y.shape != (count,):
        raise ModelError(f"labels of {count} samples have the shape ({count},), not {y.shape}")
    good = (
        np.zeros(count, bool) if y.dtype.kind not in "iuf" else (y == np.floor(y)) & (y >= 0) & (y < classes)
    )
    if not good.all():
        k = int(np.argmin(good))
        raise ModelError(
            f"the label of sample {k} is {y[k]}; legal are whole numbers from 0 to {classes - 1}",
            sample=k,
            label=y[k].item(),
        )
    return y.astype(np.intp)


def _finite(readout: ArrayLike, what: str = "readout") -> Array:
    """(B, n), contiguous, so that sums over n have one order."""
    v = np.ascontiguousarray(readout, np.float64)
    if v.ndim != 2 or not v.shape[1]:
        raise ModelError(f"a {what} has the shape (samples, n), not {v.shape}")
    bad = np.argwhere(~np.isfinite(v))
    if len(bad):
        k, i = bad[0].tolist()
        raise NumericalError(f"{what} {i} of sample {k} is {v[k, i]}", sample=k, member=k)
    return v


def _targets(target: ArrayLike, shape: tuple[int, ...]) -> Array:
    y = np.asarray(target)
    if y.ndim == 2:
        if y.shape != shape:
            raise ModelError(
                f"targets have the readouts' shape {shape}, or are labels ({shape[0]},), not {y.shape}"
            )
        return _finite(y, "target")
    out = np.zeros(shape)
    out[np.arange(shape[0]), labels_of(y, *shape)] = 1.0
    return out


def _distribution(target: ArrayLike, shape: tuple[int, ...]) -> Array:
    y = _targets(target, shape)
    if np.ndim(target) == 2:
        good = (y >= 0.0).all(axis=1) & (np.abs(y.sum(axis=1) - 1.0) < 1e-9)
        if not good.all():
            k = int(np.argmin(good))
            raise ModelError(
                f"the target of sample {k} is no distribution: its sum is {y[k].sum():g} and its least entry "
                f"{y[k].min():g}; legal are probabilities that sum to 1, or labels",
                sample=k,
            )
    return y
