"""Networks of reduced trees: `learn.reduce`, and how such a network runs and learns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.engine import collapsed
from heliox.errors import ModelError, UnsupportedError
from heliox.frontend.cell import Cell
from heliox.learn.courses import BYTES, Courses, Responses
from heliox.learn.layers import Dense, Graded
from heliox.learn.readout import samples_read, window_steps
from heliox.learn.reduction import Reduced, reduced_tree
from heliox.learn.sequential import Layer, Sequential
from heliox.learn.weights import pieces
from heliox.model.model import Model
from heliox.model.names import Names
from heliox.model.selection import Where

Array = NDArray[np.float64]


def reduce(
    model: Sequential | Model | Cell, tol: float, *, duration: float | None = None, inputs: Where = None,
    outputs: Where = "soma(0.5)", dt: float | None = None, rank: int | None = None,
) -> ReducedSequential | Reduced:  # fmt: skip
    """Small linear systems with the impulse responses of passive trees.

    Parameters
    ----------
    model : Sequential, or Model or Cell of one cell
        A network whose trees are all to be reduced, or one tree.
    tol : float
        Largest error of an impulse response: see `Reduced.error`.
    duration : float
        ms, over which it is measured; a Sequential has its own.
    inputs, outputs, dt, rank
        Of one tree: see `heliox.learn.reduction.reduced_tree`. A network's are its synapses and somata.

    Returns
    -------
    ReducedSequential or Reduced

    Raises
    ------
    UnsupportedError
        If something is not linear: with its name.
    NumericalError
        If `tol` cannot be met.
    """
    if isinstance(model, Sequential):
        if not (duration is inputs is dt is rank is None and outputs == "soma(0.5)"):
            raise ModelError("a Sequential has its own duration, dt and places; give tol alone")
        return ReducedSequential(model, tol)
    if duration is None:
        raise ModelError("give the duration (ms) over which impulse responses are compared")
    return reduced_tree(model, tol, duration=duration, inputs=inputs, outputs=outputs, dt=dt, rank=rank)


class ReducedSequential:
    """A `Sequential` whose trees answer by a few exponentials: for `Trainer`.

    It learns by `TransferResistance`, or by `Adjoint`: the exact gradient of the reduced network.

    Parameters and their order are those of the full network, so that ``full.x = reduced.x`` hands weights on.
    What samples do is worked out for whole courses at a time: the encoder's are simulated once for every
    number that occurs (at most 1,024 different ones), graded synapses in between step by step. Bytes are all
    simulated at once; with other numbers those of a training are, so that its bits do not depend on what was
    shown before, and what is shown later may move answers by the tolerance.

    Made by `learn.reduce`. It runs on the processor.

    Attributes
    ----------
    net : Sequential
    trees : list of Reduced
        Of the layers behind the encoder.
    """

    def __init__(self, net: Sequential, tol: float) -> None:
        self.net, self.tol = net, tol
        self.model, self.parameters, self.layers = net.model, net.parameters, net.layers
        self.duration, self.window, self.dt = net.duration, net.window, net.dt
        self.inputs, self.outputs = net.inputs, net.outputs
        self._running: dict[int | None, ReducedForward] = {}
        self.trees: list[Reduced] = []
        for k, layer in enumerate(net.layers[1:], 1):
            if not (isinstance(layer.spec, Dense) and isinstance(layer.spec.synapse, Graded)):
                raise UnsupportedError(
                    f"layer {k} has spiking synapses, whose conductances change its trees; a network can be "
                    "reduced where all are Graded",
                    layer=k,
                )
            own = [m.name for m in layer.cells.cell.mechanisms if m.kind == "point" and len(m)]
            if own:
                raise UnsupportedError(
                    f"the cell of layer {k} has {', '.join(own)} of its own, and a reduced tree hears of "
                    "nothing but the layer's synapses",
                    layer=k,
                )
            self.trees.append(self._tree(layer))

    def _tree(self, layer: Layer) -> Reduced:
        assert layer.at is not None
        soma = Names(layer.cells.cell).node(layer.spec.soma)
        places = np.unique(np.append(layer.at, soma))
        return reduced_tree(
            layer.cells.cell, self.tol, inputs=places, outputs=np.array([soma]), duration=self.duration,
            dt=self.dt,
        )  # fmt: skip

    @property
    def error(self) -> float:
        """The largest error of all trees."""
        return max(t.worst for t in self.trees)

    def forward(self, threads: int | None = None) -> ReducedForward:
        """What runs it: one for all that ask, so that courses are simulated once."""
        if threads not in self._running:
            self._running[threads] = ReducedForward(self, threads)
        return self._running[threads]

    @property
    def about(self) -> str:
        """See `Sequential.about`."""
        return f"{self.net.about}, tol {self.tol!r}, {self!r}"

    def __repr__(self) -> str:
        ranks = ", ".join(str(t.rank) for t in self.trees)
        return f"<reduced {self.net!r}: {ranks} exponentials a cell, error {self.error:.1e}>"


class ReducedForward:
    """Runs samples through a reduced network."""

    def __init__(self, net: ReducedSequential, threads: int | None) -> None:
        self.net = net
        self.courses = Courses(net.net, threads)
        self.first = window_steps(net.net)[0]
        self.read = samples_read(net.net)  # samples whose mean is the readout
        self.steps = round(net.duration / net.dt)
        self._column = [
            np.searchsorted(t.inputs, given(layer.at)) for t, layer in zip(net.trees, net.layers[1:])
        ]
        self._soma = [
            int(np.searchsorted(t.inputs, t.outputs[0])) for t in net.trees
        ]  # the bias is at the soma
        self._onto = {
            k: (layer.gain * t.B[:, self._column[k - 1]], layer.bias_gain * t.B[:, self._soma[k - 1]])
            for k, (layer, t) in enumerate(zip(net.layers[2:], net.trees[1:]), 2)
        }  # what 1 mV and a weight of 1, and a bias of 1, add to modes in a step
        tree, powers = net.trees[0], np.arange(self.steps + 1)[:, None]
        self._base = tree.rest[0] + (tree.decay**powers * tree.start) @ tree.C[0]
        rise = (1.0 - tree.decay**powers) / (1.0 - tree.decay) * tree.B[:, self._soma[0]]
        self._step = net.layers[1].bias_gain * (rise @ tree.C[0])

    @property
    def threads(self) -> int:
        return self.courses.threads or 1

    def write(self, x: Array) -> None:
        """Set the parameters (N,)."""
        self._values = {id(p): p.values(x[piece]) for p, piece in pieces(self.net.parameters)}

    def values(self, k: int) -> tuple[Array, Array]:
        """Weights (before, n) and biases (n,) of layer k."""
        layer = self.net.layers[k]
        assert layer.weights is not None and layer.at is not None
        bias = np.zeros(layer.n) if layer.bias is None else self._values[id(layer.bias)]
        return self._values[id(layer.weights)].reshape(layer.at.shape), bias

    def all(self, samples: Array) -> list[Array]:
        """Courses (k, cells, T + 1) mV of the layers behind the encoder."""
        level = self.level(samples)
        w, bias = self.values(1)
        r = self.responses
        out = [
            collapsed.encoded(
                level, self.onset, self._place * w, r.beta, r.part, r.rank, r.psi, self._base, bias,
                self._step, self.threads,
            )
        ]  # fmt: skip
        for k in range(2, len(self.net.layers)):
            tree, (w, bias), (onto, held) = self.net.trees[k - 1], self.values(k), self._onto[k]
            out.append(
                collapsed.passed(
                    out[-1], onto * w, held[:, None] * bias, tree.decay, tree.start, tree.C[0],
                    float(tree.rest[0]), self.threads,
                )
            )  # fmt: skip
        return out

    def adjoint(self, samples: Array, courses: list[Array], error: Array) -> list[tuple[Array, Array]]:
        """Derivatives by weights (before, n) and biases (n,) of the layers behind the encoder.

        Parameters
        ----------
        courses
            What `all` has returned of these samples and parameters.
        error : (k, outputs, T + 1)
            Derivatives by the courses of the last layer.
        """
        out: list[tuple[Array, Array]] = []
        for k in range(len(courses), 1, -1):
            tree, (w, _), (onto, held) = self.net.trees[k - 1], self.values(k), self._onto[k]
            by_weight, by_bias, error = collapsed.passed_adjoint(
                courses[k - 2], error, onto, w, held, tree.decay, tree.C[0], self.threads
            )
            out.insert(0, (by_weight, by_bias))
        r = self.responses
        first = collapsed.encoded_adjoint(
            self.level(samples), self.onset, self._place, r.beta, r.part, r.rank, r.psi, self._step, error,
            self.threads,
        )  # fmt: skip
        return [first, *out]

    def level(self, samples: Array) -> NDArray[np.int64]:
        """Courses of the encoder's cells (k, inputs)."""
        found = self.courses.find(samples)
        if found is None:
            self.courses.add(samples)
            self._respond()
            found = self.courses.find(samples)
            assert found is not None
        return found

    def prepare(self, *samples: Array) -> None:
        """Simulate the encoder for the numbers of all these samples (or bytes), and for no others."""
        if self.courses.begin(*(BYTES if x.dtype == np.uint8 else x for x in samples)):
            self._respond()

    def _respond(self) -> None:
        """What the first layer's trees make of the courses there are."""
        above = np.maximum(self.courses.values, 0.0)
        self.active = np.any(above > 0.0, axis=1).ravel()
        began = np.where(self.active, np.argmax(above > 0.0, axis=1) + 1, above.shape[1])
        self.onset = np.minimum(began, above.shape[1])  # a step later the trees answer
        self.responses = Responses.of(self.net.trees[0], self.courses.values, self.net.tol)
        layer = self.net.layers[1]
        place = self.responses.place[self._column[0]]  # (before, n, components)
        self._place = layer.gain * np.ascontiguousarray(place.transpose(2, 0, 1))
        self.above = np.ascontiguousarray(above)

    def run(self, samples: Array) -> Array:
        """Readouts (k, outputs) of samples (k, inputs): the means of `Forward`."""
        return self.readout(self.all(samples)[-1])

    def readout(self, v: Array) -> Array:
        """Mean over the window, in order of time, of courses (k, outputs, T + 1)."""
        seen = v[:, :, self.read]
        return np.add.accumulate(seen, axis=2)[:, :, -1] / seen.shape[2]


def given(x: Any) -> NDArray:
    assert x is not None  # of graded synapses, which all are here
    return np.asarray(x)
