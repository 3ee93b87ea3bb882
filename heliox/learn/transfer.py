"""`TransferResistance`: learning on the way, by transfer resistances of the dendrites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.engine.learning import backward, correlate
from heliox.errors import ModelError, UnsupportedError
from heliox.learn.forward import Forward
from heliox.learn.network import Net
from heliox.learn.readout import window_steps
from heliox.learn.reduced import ReducedSequential
from heliox.learn.reduced_rules import ReducedTransfer
from heliox.learn.rules import Criterion, Learner, Outcome
from heliox.learn.sequential import Layer, Sequential

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TransferResistance:
    """The analytical rule of DeepDendrite (Zhang et al. 2023, Nat Commun 14:5798), for any depth.

    In every step of the window, with all voltages v as they are at its start: the error of an output is
    ``e = -dloss/dv`` of the loss at the momentary output voltages (softmax and cross-entropy:
    one-hot minus softmax). The error of a cell before is ``e_j = sum_k e_k rho_jk w_jk`` where ``v_j > 0``,
    else 0, with rho the transfer resistance of the synapse in units of the layer's 1/gain. The gradient by a
    weight is minus the mean over steps of ``rho_ij e_j max(v_i, 0)``, that by a bias of ``e_j``.

    Cost: little more than the forward run. Memory: the voltages that layers pass on, over the window.

    What it neglects: everything that is not instantaneous. Voltages answer to currents as if they were in
    steady state, so neither the time constants of the membrane nor what a synapse did before the window
    count, nor does the error of other moments. It is no gradient of any loss, but points the same way where
    samples last longer than the membrane remembers (`Adjoint` is the exact one).

    Parameters
    ----------
    lag : bool
        The error of a step is that of the step before, as in the published programs.
    twice : bool
        Count every step twice, as an accumulation in a current that NEURON evaluates twice would.

    Raises
    ------
    UnsupportedError
        When bound to what is no `Sequential` of graded synapses on passive trees.
    """

    lag: bool = False
    twice: bool = False

    def bind(self, net: Net, loss: Criterion, batch: int, **options: Any) -> Learner:
        if isinstance(net, ReducedSequential):
            self._check(net.net)
            return ReducedTransfer(self, net, loss, learning_steps(net), options.get("threads"))
        if not isinstance(net, Sequential):
            raise UnsupportedError(
                "TransferResistance needs the layers of a Sequential; for any other model there is Adjoint"
            )
        self._check(net)
        return _Bound(self, net, loss, batch, options)

    def _check(self, net: Sequential) -> None:
        for k, layer in enumerate(net.layers[1:], 1):
            if layer.ratio is None:
                raise UnsupportedError(
                    f"TransferResistance needs graded synapses with transfer resistances, and layer {k} has "
                    "none; give it Graded() synapses without a gain on a passive cell, or learn by Adjoint",
                    layer=k,
                )


class _Bound:
    def __init__(
        self, rule: TransferResistance, net: Sequential, loss: Criterion, batch: int, options: dict[str, Any]
    ) -> None:
        self.rule, self.net, self.loss = rule, net, loss
        self.forward = Forward(net, batch, traces=True, **options)
        self.steps = learning_steps(net) - self.forward.first

    def learn(self, x: Array, samples: Array, targets: Array) -> Outcome:
        forward, k = self.forward, len(samples)
        forward.write(x)
        readout = forward.run(samples)
        loss, _ = self.loss.value_and_gradient(readout, targets)
        traces = [forward.traces(n)[: self.steps, :k] for n in range(len(self.net.layers))]
        error = self._output_error(traces[-1], targets)
        scale = -(2.0 if self.rule.twice else 1.0) / (k * self.steps)
        parts: list[Array] = []
        at = len(x)
        for n in range(len(traces) - 1, 0, -1):
            layer = self.net.layers[n]
            size = sum(len(p) for p in (layer.weights, layer.bias) if p is not None)
            at -= size
            own = self._layer(layer, traces[n - 1], error, scale)
            parts[:0] = own
            if n > 1:
                assert layer.weights is not None and layer.ratio is not None
                w = x[at : at + len(layer.weights)].reshape(layer.ratio.shape)
                error = backward(error, layer.ratio * w, traces[n - 1], forward.threads)
        return Outcome(loss, readout, np.concatenate(parts))

    def _layer(self, layer: Layer, pre: Array, error: Array, scale: float) -> list[Array]:
        """Gradients by the weights and biases of a layer."""
        assert layer.ratio is not None
        k, count = error.shape[1], self.forward.threads
        out = [(scale * layer.ratio * correlate(pre, error, k, count)).ravel()]
        if layer.bias is not None:
            ones = np.ones((*error.shape[:2], 1))
            out.append(scale * layer.bias_ratio * correlate(ones, error, k, count)[0])
        return out

    def _output_error(self, v: Array, targets: Array) -> Array:
        """``-dloss/dv`` (T, k, outputs) at the momentary output voltages."""
        error = np.stack([self.loss.error(row, targets) for row in v])
        if self.rule.lag:
            error = np.concatenate([np.zeros_like(error[:1]), error[:-1]])
        return error


def learning_steps(net: Net) -> int:
    """Number of the first step that does not learn: the first with t + dt/2 >= stop.

    Raises
    ------
    ModelError
        If none does.
    """
    last = int(np.ceil((net.window[1] - 0.5 * net.dt) / net.dt - 1e-9))
    if last <= window_steps(net)[0]:
        raise ModelError(f"the window {net.window} ms holds no step of {net.dt:g} ms")
    return last
