"""`Sequential`: layers of cells, compiled to an ordinary `Model`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heliox.errors import ModelError, nearest
from heliox.frontend.populations import Group, Population, Populations, Wires
from heliox.learn.layers import Dense, Encoder, Graded
from heliox.learn.parameter import Parameter, Trained
from heliox.learn.readout import check
from heliox.learn.resistance import resistances
from heliox.learn.transform import Transform
from heliox.learn.weights import Weights
from heliox.model.model import Model
from heliox.model.names import Names
from heliox.model.variable import Variable

if TYPE_CHECKING:
    from heliox.simulation import Simulation

Array = NDArray[np.float64]


@dataclass(eq=False)
class Layer:
    """A layer that was built.

    Attributes
    ----------
    spec : Encoder or Dense
    cells : Population
    soma : (n,)
        Nodes whose voltages it passes on.
    ratio : (before, n), optional
        Transfer resistance of each synapse times its gain; of graded synapses.
    bias_ratio : float
        The same of the biases.
    gain, bias_gain : float
        uS, of graded synapses and of biases.
    at : (before, n), optional
        Node of the cell where each synapse is.
    """

    spec: Encoder | Dense
    cells: Population
    soma: NDArray[np.int64]
    ratio: Array | None = None
    bias_ratio: float = 0.0
    weights: Weights | None = None
    bias: Weights | None = None
    gain: float = 0.0
    bias_gain: float = 0.0
    at: NDArray[np.int64] | None = None

    @property
    def n(self) -> int:
        return self.spec.n


class Sequential:
    """A network of layers.

    Parameters
    ----------
    *layers : Encoder, then one or more Dense
    duration : float
        ms that a sample is shown.
    window : (start, stop)
        ms; readouts are means over samples with start < t <= stop, and rules that learn on the way do so in
        steps with start <= t + dt/2 < stop.
    dt : float
        ms.
    seed : int
        Of places and weights.
    celsius : float
        degC.

    Attributes
    ----------
    model : Model
    layers : list of Layer
    parameters : list of Weights
        Layer by layer, weights before biases: the order of the packed vector of parameters.

    Notes
    -----
    Weights are drawn evenly from ``+-sqrt(6 / (before + n))`` (Glorot and Bengio 2010), biases are 0. The
    generator gives first the random places of all layers (sections, then positions on them), then their
    weights.

    Raises
    ------
    ModelError, UnsupportedError
    """

    def __init__(
        self, *layers: Encoder | Dense, duration: float = 50.0, window: tuple[float, float] = (20.0, 50.0),
        dt: float = 0.25, seed: int = 0, celsius: float = 6.3,
    ) -> None:  # fmt: skip
        if len(layers) < 2 or not isinstance(layers[0], Encoder):
            raise ModelError("a Sequential is an Encoder and one or more Dense layers")
        if any(not isinstance(x, Dense) for x in layers[1:]):
            raise ModelError("behind the Encoder of a Sequential all layers are Dense")
        self.duration, self.window, self.dt, self.seed = float(duration), window, float(dt), seed
        check(self)
        rng = np.random.default_rng(seed)
        net = Populations()
        built = [_Built(net, k, spec) for k, spec in enumerate(layers)]
        self.encoder = layers[0]
        self.driven = self.encoder.code.build(net, built[0].cells)
        drive = self.driven if self.driven.template.kind == "artificial" else None
        for before, b in pairwise(built):
            b.draw_places(rng, before.n)
        for before, b in pairwise(built):
            b.connect(net, rng, before, drive if before is built[0] else None)
        self.model: Model = net.model(self.dt, celsius)
        names = Names(self.model)
        self.layers: list[Layer] = [b.layer(names) for b in built]
        self.parameters = [p for x in self.layers for p in (x.weights, x.bias) if p is not None]

    through = "initialize"

    @property
    def vary(self) -> tuple[str, ...]:
        """Variables in which samples differ."""
        return self.encoder.code.vary

    @property
    def inputs(self) -> int:
        """Numbers of a sample."""
        return self.layers[0].n

    @property
    def outputs(self) -> int:
        return self.layers[-1].n

    def drive(self, sim: Simulation, x: Array) -> None:
        """Set what drives the encoder for samples `x` (B, inputs)."""
        self.encoder.code.write(sim, self.layers[0].cells, self.driven, x)

    def start(self, x: Array) -> Array:
        """mV of every node before INITIAL: (nodes,), or (B, nodes) where samples differ in it."""
        frozen = self.model.nodes.v
        own = self.encoder.code.start(self.layers[0].cells, x)
        if own is None:
            return frozen
        v = np.repeat(frozen[None], len(x), axis=0)
        v[:, own[0]] = own[1]
        return v

    @property
    def readout(self) -> Variable:
        """What the answer is read from: the voltages of the last layer."""
        return self.traced[-1]

    @cached_property
    def traced(self) -> list[Variable]:
        """The voltages that layers pass on, layer by layer."""
        names = Names(self.model)
        return [Variable("node", -1, "v", x.soma.astype(np.intp), 0, names) for x in self.layers]

    @property
    def about(self) -> str:
        """What samples meet, apart from the model: for checkpoints."""
        return f"{self!r}, window {self.window} ms, {self.encoder.code!r}"

    def __repr__(self) -> str:
        sizes = "-".join(str(x.n) for x in self.layers)
        return (
            f"<heliox Sequential {sizes}: {sum(map(len, self.parameters))} parameters, "
            f"{len(self.model.nodes)} nodes, {self.duration:g} ms at dt {self.dt:g} ms>"
        )


class _Built:
    """A layer while the network is made."""

    def __init__(self, net: Populations, k: int, spec: Encoder | Dense) -> None:
        self.k, self.spec, self.n = k, spec, spec.n
        self.cells = net.add("input" if k == 0 else f"layer{k}", spec.cell, spec.n)
        self.names = Names(self.cells.cell)
        self.local = self.names.node(spec.soma)
        self.synapses: Group | None = None
        self.biases: Group | None = None
        self.wires: Wires | None = None
        self.ratio: Array | None = None
        self.bias_ratio = self.gain = self.bias_gain = 0.0
        self.at: NDArray[np.int64] | None = None

    @property
    def soma(self) -> NDArray[np.int64]:
        return self.cells.every(self.local)

    def draw_places(self, rng: np.random.Generator, before: int) -> None:
        """Node of the cell for the synapse from each cell before to each here (before, n)."""
        places = self.spec.places  # type: ignore[union-attr]
        if isinstance(places, str) and "(" not in places:
            self.at = _drawn(self.cells.cell, places, rng, (before, self.n), self.k)
            return
        given = [places] * before if isinstance(places, str) else list(places)
        if len(given) != before:
            raise ModelError(f"layer {self.k} has {len(given)} places for {before} cells of the layer before")
        local = {p: self.names.node(p) for p in dict.fromkeys(given)}
        self.at = np.repeat(np.array([local[p] for p in given])[:, None], self.n, axis=1)

    def connect(
        self, net: Populations, rng: np.random.Generator, before: _Built, drive: Group | None
    ) -> None:
        spec = self.spec
        assert isinstance(spec, Dense)
        assert self.at is not None
        here = self.cells.node(self.at, np.arange(self.n)[None]).ravel()
        which = np.repeat(np.arange(before.n), self.n)
        limit = np.sqrt(6.0 / (before.n + self.n))
        if isinstance(spec.synapse, Graded):
            self._resistances(spec.synapse)
            w = rng.uniform(-limit, limit, (before.n, self.n)).ravel()
            self.synapses = net.points("coupling.GradedSyn", here, w=w, g=self.gain)
            net.transfer(before.soma[which], self.synapses, "vpre")
        else:
            s = spec.synapse
            w = rng.uniform(0.0, 2.0 * s.weight, (before.n, self.n)).ravel()
            self.synapses = net.points(s.mechanism, here, 0, **s.values)
            source = before.soma if drive is None else drive
            self.wires = net.connect(source, which, self.synapses, w, s.delay, s.threshold)
        if spec.bias:
            if not isinstance(spec.synapse, Graded):
                self.bias_gain = 1.0 / float(resistances(self.cells.cell, self.local)[self.local])
            self.biases = net.points("coupling.GradedSyn", self.soma, g=self.bias_gain, vpre=1.0)

    def _resistances(self, synapse: Graded) -> None:
        if synapse.gain is not None:
            self.gain = self.bias_gain = synapse.gain
            return
        r = resistances(self.cells.cell, self.local)
        assert self.at is not None
        at = r[self.at]
        self.gain = 1.0 / np.sqrt(at.max() * at.min())
        self.bias_gain = 1.0 / r[self.local]
        self.ratio, self.bias_ratio = at * self.gain, 1.0

    def layer(self, names: Names) -> Layer:
        """What it has become in the model of `names`."""
        weights = bias = None
        label = f"layer {self.k}"
        if self.wires is not None:
            assert self.wires.connection is not None
            at = self.wires.connection
            weights = _weights(names, f"{label} weights", "connection", -1, at, self.wires.weight)
        elif self.synapses is not None:
            weights = self._of(names, f"{label} weights", self.synapses)
        if self.biases is not None:
            bias = self._of(names, f"{label} bias", self.biases)
        return Layer(
            self.spec, self.cells, self.soma, self.ratio, self.bias_ratio, weights, bias,
            self.gain, self.bias_gain, self.at,
        )  # fmt: skip

    def _of(self, names: Names, label: str, group: Group) -> Weights:
        assert group.instance is not None
        return _weights(names, label, "mechanism", group.mechanism, group.instance, group.values["w"])


def _weights(names: Names, label: str, kind: str, mechanism: int, at: NDArray, values: Array) -> Weights:
    name = "weight" if kind == "connection" else "w"
    v = Variable(kind, mechanism, name, at.astype(np.intp), 0, names)
    free = Transform.of(None, None, len(v), label)
    return Weights(Trained(Parameter(v, label=label), v, label, free), np.array(values))


def _drawn(
    cell: Model, where: str, rng: np.random.Generator, shape: tuple[int, int], layer: int
) -> NDArray[np.int64]:
    """Nodes of random places: sections, then positions on them."""
    names = cell.sections.name
    short = [n.rpartition(".")[2] for n in names]  # without the object that a session keeps them in
    chosen = np.array(
        [
            k
            for k, both in enumerate(zip(names, short))
            if any(n == where or n.startswith(f"{where}[") for n in both)
        ]
    )
    if not len(chosen):
        kinds = {n.partition("[")[0] for n in short}
        raise ModelError(f"the cell of layer {layer} has no section {where!r}; {nearest(where, kinds)}")
    section = chosen[rng.integers(0, len(chosen), shape)]
    x = rng.random(shape)
    n = cell.nodes
    segments = np.flatnonzero((n.section >= 0) & (n.x > 0.0) & (n.x < 1.0))
    segments = segments[np.lexsort((n.x[segments], n.section[segments]))]
    first = np.searchsorted(n.section[segments], np.arange(len(names)))
    return segments[first[section] + (x * cell.sections.nseg[section]).astype(np.int64)]
