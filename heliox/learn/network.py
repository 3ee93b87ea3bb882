"""`Network`: training for any model, as it came from NEURON; what rules and trainers know of a network."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.errors import ModelError
from heliox.learn.parameter import trained
from heliox.learn.readout import check
from heliox.learn.weights import Weights
from heliox.model.model import Model
from heliox.model.names import Names
from heliox.model.selection import Where
from heliox.model.variable import Variable
from heliox.simulation import Simulation

Array = NDArray[np.float64]


class Net(Protocol):
    """A model with inputs, a readout and trained numbers: `Sequential`, `Network`."""

    model: Model
    parameters: list[Weights]
    duration: float
    window: tuple[float, float]
    dt: float
    through: str

    @property
    def vary(self) -> tuple[str, ...]: ...
    @property
    def about(self) -> str: ...
    @property
    def inputs(self) -> int: ...
    @property
    def outputs(self) -> int: ...
    def drive(self, sim: Simulation, x: Array) -> None: ...
    def start(self, x: Array) -> Array | None: ...
    @property
    def readout(self) -> Variable: ...
    @property
    def traced(self) -> list[Variable]: ...


class Network:
    """Any model, trained like a `Sequential`.

    Parameters
    ----------
    model : Model
    trainable : str, Parameter, or several
        As of `learn.Problem`, with bounds and ties.
    readout : str
        The variable whose mean over the window is the answer, ``"v"``.
    where
        Its places, one for each output.
    inputs : str
        The variable that gets the numbers of a sample, ``"IClamp.amp"``: a parameter of mechanisms.
    at
        Its places, one for each number; without it all, in the model's order, which is NEURON's own and not
        that of their creation.
    duration, window, dt
        As of `Sequential`; `dt` by default the frozen one.
    through : str
        ``"initialize"`` or ``"reset"``: how a sample begins (see `learn.Problem`).
    v_init : float, optional
        mV before INITIAL; default: the frozen voltages.

    Raises
    ------
    ModelError, UnsupportedError
        For unknown names, and by what there is no derivative.
    """

    def __init__(
        self, model: Model, trainable: Any, readout: str, inputs: str, *, where: Where = None,
        at: Where = None, duration: float = 50.0, window: tuple[float, float] = (20.0, 50.0),
        dt: float | None = None,
        through: str = "initialize", v_init: float | None = None,
    ) -> None:  # fmt: skip
        if through not in ("initialize", "reset"):
            raise ModelError(f"through is {through!r}; 'initialize' and 'reset' are legal")
        self.model, self.duration, self.window, self.through = model, float(duration), window, through
        self.dt = float(model.settings.dt if dt is None else dt)
        check(self)
        names = Names(model)
        self._readout, self._inputs = names.select(readout, where), names.select(inputs, at)
        if self._inputs.kind != "mechanism":
            raise ModelError(f"samples set parameters of mechanisms, and {inputs} is none", variable=inputs)
        self._v = None if v_init is None else np.full(len(model.nodes), float(v_init))
        values = Simulation(model, device="cpu", dt=self.dt, progress=False)
        self.parameters = []
        for t in trained(names, trainable):
            if t.geometry:
                raise ModelError(f"{t.label} is geometry, which a Network does not train; see learn.Problem")
            now = np.atleast_2d(values.var(t.variable).handle.values)
            self.parameters.append(Weights(t, t.taken(now)[0]))
            same = [getattr(t.variable, x) == getattr(self._inputs, x) for x in ("kind", "mechanism", "name")]
            if all(same) and np.intersect1d(t.variable.indices, self._inputs.indices).size:
                raise ModelError(f"{t.label} is trained, and samples set it too: it can be one of both")

    @property
    def vary(self) -> tuple[str, ...]:
        return (self._inputs.whole,)

    @property
    def inputs(self) -> int:
        return len(self._inputs)

    @property
    def outputs(self) -> int:
        return len(self._readout)

    def drive(self, sim: Simulation, x: Array) -> None:
        """Set the inputs for samples `x` (B, inputs)."""
        sim.var(self._inputs)[...] = x if sim.batch > 1 else x[0]

    def start(self, x: Array) -> Array | None:
        return self._v

    @property
    def readout(self) -> Variable:
        return self._readout

    @property
    def traced(self) -> list[Variable]:
        return [self._readout]

    @property
    def about(self) -> str:
        """What samples meet, apart from the model: for checkpoints."""
        free = [(p.name, p.trained.transform.lower.tolist(), p.trained.transform.upper.tolist())
                for p in self.parameters]  # fmt: skip
        start = None if self._v is None else float(self._v[0])
        times = f"{self.duration!r} ms, dt {self.dt!r}, window {self.window}, {self.through} from {start}"
        places = sha256(f"{self._inputs.names} {self._readout.names} {free}".encode()).hexdigest()[:16]
        return f"{self!r}, {times}, {places}"

    def __repr__(self) -> str:
        n = sum(map(len, self.parameters))
        return f"<heliox learn.Network: {n} parameters, {self.inputs} inputs, {self.outputs} outputs>"


def array_of(x: ArrayLike, what: str, wanted: str) -> NDArray:
    """What was given as an array of numbers; ModelError if it is none."""
    try:
        a = np.asarray(x)
    except ValueError as e:
        raise ModelError(f"{what} are no array of numbers: {e}") from None
    if a.dtype.kind not in "buif" or a.ndim == 0:
        raise ModelError(f"{what} are {wanted}, not {a.dtype} of shape {a.shape}")
    return a


def samples_of(net: Net, x: ArrayLike) -> NDArray:
    """Samples (k, inputs) as they are given: finite numbers, or bytes; images row by row.

    Raises
    ------
    ModelError
        For samples of another size, or NaN.
    """
    a = array_of(x, "samples", f"an array (n, {net.inputs}) of numbers")
    out = a.reshape(len(a), int(np.prod(a.shape[1:]))) if a.ndim > 1 else a[None]
    if out.shape[1] != net.inputs:
        shape = " x ".join(map(str, a.shape[1:])) or "single numbers"
        raise ModelError(f"samples are {shape}, {out.shape[1]} numbers, and the network takes {net.inputs}")
    if out.dtype == np.uint8:
        return out
    out = out.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(out).all(axis=1))
    if len(bad):
        raise ModelError(f"sample {bad[0]} holds NaN or infinity", sample=int(bad[0]))
    return out


def numbers(samples: NDArray) -> Array:
    """What a network is shown: bytes count as parts of 255."""
    return samples / 255.0 if samples.dtype == np.uint8 else samples
