"""Rules on networks of reduced trees."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.engine import collapsed
from heliox.learn.reduced import ReducedSequential, given
from heliox.learn.rules import Criterion, Outcome

Array = NDArray[np.float64]


class ReducedAdjoint:
    """`Adjoint` on a reduced network: back through every step of its exponentials."""

    def __init__(self, net: ReducedSequential, loss: Criterion, threads: int | None) -> None:
        self.net, self.loss = net, loss
        self.forward = net.forward(threads)

    def learn(self, x: Array, samples: Array, targets: Array) -> Outcome:
        forward = self.forward
        forward.write(x)
        courses = forward.all(samples)
        readout = forward.readout(courses[-1])
        loss, slope = self.loss.value_and_gradient(readout, targets)
        error = np.zeros(courses[-1].shape)
        error[:, :, forward.read] = slope[:, :, None] / (forward.read.stop - forward.read.start)
        parts: list[Array] = []
        for layer, (by_weight, by_bias) in zip(
            self.net.layers[1:], forward.adjoint(samples, courses, error), strict=True
        ):
            parts += [by_weight.ravel()] if layer.bias is None else [by_weight.ravel(), by_bias]
        return Outcome(loss, readout, np.concatenate(parts) / len(samples))


class ReducedTransfer:
    """`TransferResistance` on a reduced network."""

    def __init__(self, rule: Any, net: ReducedSequential, loss: Any, steps: int, threads: int | None) -> None:
        self.rule, self.net, self.loss = rule, net, loss
        self.forward = net.forward(threads)
        self.steps = steps - self.forward.first

    def learn(self, x: Array, samples: Array, targets: Array) -> Outcome:
        forward, k, layers = self.forward, len(samples), self.net.layers
        forward.write(x)
        courses = forward.all(samples)
        readout = forward.readout(courses[-1])
        loss, _ = self.loss.value_and_gradient(readout, targets)
        count = forward.threads
        seen = [collapsed.windows(v, forward.first, self.steps, count) for v in courses]
        error = self._output_error(seen[-1], targets)
        scale = -(2.0 if self.rule.twice else 1.0) / (k * self.steps)
        parts: list[Array] = []
        for n in range(len(layers) - 1, 0, -1):
            layer, own = layers[n], []
            if layer.bias is not None:
                own.append(scale * layer.bias_ratio * np.add.accumulate(error.sum(axis=1), axis=0)[-1])
            if n > 1:
                w, _ = forward.values(n)
                grown, before = collapsed.backwards(seen[n - 2], error, given(layer.ratio) * w, count)
            else:
                course = forward.above[:, forward.first : forward.first + self.steps]
                course = np.ascontiguousarray(course)
                grown = collapsed.correlated(forward.level(samples), forward.active, course, error, count)
            parts[:0] = [(scale * given(layer.ratio) * grown).ravel(), *own]
            if n > 1:
                error = before
        return Outcome(loss, readout, np.concatenate(parts))

    def _output_error(self, v: Array, targets: Array) -> Array:
        """``-dloss/dv`` (k, T, outputs) at the momentary output voltages."""
        k, times, outputs = v.shape
        if getattr(self.loss, "separate", False):
            repeated = np.repeat(np.asarray(targets), times, axis=0)
            error = self.loss.error(v.reshape(k * times, outputs), repeated).reshape(v.shape)
        else:
            error = np.stack([self.loss.error(v[:, t], targets) for t in range(times)], axis=1)
        if self.rule.lag:
            error = np.concatenate([np.zeros_like(error[:, :1]), error[:, :-1]], axis=1)
        return np.ascontiguousarray(error)
