"""`Draft`: what a plan is made of, and the plan, engine and registry that are made of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.engine.choice import engine_of
from heliox.engine.engine import Engine
from heliox.engine.layout import make_plan
from heliox.engine.plan import Plan
from heliox.engine.recorder import Recorder, Recording
from heliox.engine.reduction import Reduction
from heliox.engine.registry import Handle, VariableRegistry, shortest
from heliox.engine.vary import named, waveforms
from heliox.engine.window import Window
from heliox.errors import ModelError
from heliox.kernels.program import Adjoint
from heliox.model.model import BUILT, Model
from heliox.model.names import Names
from heliox.model.plays import with_play
from heliox.model.selection import Where
from heliox.model.tree import check as checked
from heliox.model.variable import Variable

Kept = TypeVar("Kept", bound=Recording | Reduction | Window)
_OBJECT = re.compile(r"\s*\w+\[\d+\]\.")  # IClamp[0].amp: one thing, not a whole variable


@dataclass(frozen=True)
class Options:
    """What never changes in a simulation; `backend` runs the kernels of a step, None on the CPU."""

    dt: float
    batch: int
    math: str
    order: str
    threads: int
    backend: Any
    adjoint: Adjoint | None


class Draft:
    """A model as it is planned.

    Before the first run more may be asked for: plays, detectors, values of members, shorter delays,
    i_membrane_. Everything is then planned anew, what was done so far is done again in its order, and
    recordings go on. Nothing is compiled for that (`heliox.engine.start`).

    Attributes
    ----------
    model, names : Model, Names
        With the plays and detectors added here.
    vary : list of str
    played : number of a play -> times and values, each (B, points), where members differ
    delays : (connections,)
        ms, the least that was asked for.
    plan, engine, registry, recorder
    ran : bool
        Nothing is planned anew any more.
    """

    def __init__(self, model: Model, options: Options, vary: Collection[str]) -> None:
        self.model, self.options = model, options
        self.names = Names(model)
        self.vary = [vary] if isinstance(vary, str) else list(vary)
        self.played: dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
        self.delays = model.connections.delay
        self.ran = False
        self._membrane = False  # whether i_membrane_ is computed
        self._done: list[Callable[[], None]] = []  # since the model was frozen
        self._make()

    def _make(self) -> None:
        o = self.options
        self.plan: Plan = make_plan(
            self.model,
            dt=o.dt,
            batch=o.batch,
            vary=named(self.names, self.vary, self.played),
            delays=self.delays,
            membrane=self._membrane,
            math=o.math,
            threads=1 if o.backend else o.threads,
            chunk_nodes=1 if o.backend else None,  # a device takes every cell by itself
            adjoint=o.adjoint,
            order=o.order,
            forward=not o.backend,  # a device goes in lockstep
        )
        self.engine: Engine = engine_of(self.plan, o.backend, o.threads)
        self.registry = VariableRegistry(self.engine, self.names)
        self.recorder = Recorder(self.engine)

    def plan_again(self) -> None:
        """A new plan, with recordings and what was done so far."""
        recordings, self.registry.stale = self.recorder.recordings, True
        self.names = Names(self.model)
        self._make()
        for again in self._done:
            again()
        for r in recordings:
            r.attach(self.registry.handle(r.handle.variable.within(self.names)))
            self.keep(r)

    def keep(self, r: Kept) -> Kept:
        """Fill a recording, a reduction or a window while running; a window is part of the summary."""
        self.recorder.recordings.append(r)
        if isinstance(r, Window):
            self.plan.views.append(r)
        return r

    def _variable(self, name: str | Variable, where: Where) -> Variable:
        """What a name leads to, or a variable of another plan or simulation of the model."""
        if isinstance(name, Variable):
            return name.within(self.names)
        single = where is None and ("(" in name or _OBJECT.match(name))
        return self.names.resolve(name) if single else self.names.select(name, where)

    def handle(self, name: str | Variable, where: Where = None) -> Handle:
        """A handle of the present plan."""
        v = self._variable(name, where)
        if v.kind == "node" and v.name == "i_membrane_" and not self._membrane:
            if self.ran:
                raise ModelError("i_membrane_ is asked for before the first run", variable=v.name)
            self._membrane = True
            self.plan_again()
            v = v.within(self.names)
        return self.registry.handle(v)

    # ------------------------------------------------------------------ what may be asked for

    def play(self, variable: str, t: ArrayLike, y: ArrayLike, continuous: bool) -> None:
        """See `heliox.Simulation.play`."""
        if self.ran:
            raise ModelError("plays are added before the first run", variable=variable)
        v = self._single(self.handle(variable).variable, variable, "played")
        size = self.model.mechanisms[v.mechanism].values[v.name].ndim if v.mechanism >= 0 else 1
        name = f"{v.name}[{v.element}]" if size > 1 else v.name
        times, values, differing = waveforms(self.options.batch, variable, t, y)
        self.model = checked(
            with_play(self.model, v.mechanism, int(v.indices[0]), name, times, values, continuous)
        )
        if differing is not None:
            self.played[len(self.model.plays) - 1] = differing
        self.plan_again()

    def detect(self, variable: str, threshold: float, gid: int) -> int:
        """See `heliox.Simulation.detect`."""
        if self.ran:
            raise ModelError("detectors are added before the first run")
        v = self._single(self.names.resolve(variable), variable, "watched")
        s = self.model.sources
        # INITIAL, which a model made without NEURON begins with, lets every detector start below
        handle = self.handle(variable)
        above = self.model.origin != BUILT and bool(handle.values.ravel()[0] > threshold)
        sources = type(s)(
            np.append(s.mechanism, np.int32(v.mechanism)).astype(np.int32),
            np.append(s.index, np.int32(v.indices[0])).astype(np.int32),
            (*s.variable, v.name),
            np.append(s.threshold, float(threshold)),
            np.append(s.gid, gid).astype(np.int64),
            np.append(s.above, above),
        )
        self.model = self.model.replace(sources=sources)
        self.plan_again()
        return len(s)

    def make_way(self, handle: Handle, key: Any, value: NDArray[np.float64]) -> None:
        """Plan anew if an assignment asks for that.

        So do values of members for what members share, and delays that are shorter than the window of this
        plan allows.
        """
        v, batch = handle.variable, self.options.batch
        if handle.store == "P" and batch > 1 and value.ndim == 2 and value.shape[0] == batch:
            if self.ran:
                raise ModelError(
                    f"{v.whole} is shared by all members; "
                    f"make the Simulation with vary=[{v.whole!r}] to let it differ",
                    variable=v.whole,
                )
            named(self.names, [v.whole])  # refuses what cannot differ
            self.vary.append(v.whole)
            self.plan_again()
            handle = self.registry.handle(v.within(self.names))
        if v.kind == "connection" and v.name == "delay" and not self.ran:
            self.delays = shortest(self.delays, handle, key, value)
            if (self.delays < self.plan.partition.least).any():
                self.plan_again()

    def assigned(self, name: str | Variable, where: Where, handle: Handle, key: Any, value: NDArray) -> None:
        """Note what was assigned, to be done again in a new plan."""
        if not self.ran:
            shape = handle.addresses.shape
            at = np.arange(handle.addresses.size).reshape(shape)[key]
            self._done.append(partial(self._assign, name, where, shape, at, np.array(value)))

    def _assign(
        self,
        name: str | Variable,
        where: Where,
        shape: tuple[int, ...],
        at: NDArray[np.intp],
        values: NDArray,
    ) -> None:
        """Give values to the places `at`: their numbers among addresses that had this shape."""
        handle = self.handle(name, where)
        if handle.addresses.shape == shape:
            handle[np.unravel_index(at, shape)] = values
        else:  # members shared it then, and have values of their own now
            handle[..., at] = values

    def initialize(self, v: ArrayLike | None) -> None:
        """See `heliox.Simulation.initialize`."""
        self._initialize(v)
        if not self.ran:
            self._done.append(partial(self._initialize, None if v is None else np.array(v, np.float64)))

    def _initialize(self, v: ArrayLike | None) -> None:
        self.engine.initialize(v)
        self.recorder.forget()
        self.recorder.take_spikes()

    def reset(self) -> None:
        """See `heliox.Simulation.reset`."""
        self._reset()
        if not self.ran:
            self._done.append(self._reset)

    def _reset(self) -> None:
        self.engine.reset()
        self.recorder.forget()

    def run(self) -> None:
        """Nothing is planned anew from here on."""
        self.ran = True
        self._done.clear()

    def take(self, other: Draft) -> None:
        """Plan with the plays and delays of another draft of this model."""
        if other.played or (other.delays != self.delays).any():
            self.played, self.delays = dict(other.played), other.delays
            self.plan_again()

    def _single(self, v: Variable, variable: str, done: str) -> Variable:
        """One voltage or one variable of a mechanism, or ModelError."""
        if v.kind not in ("node", "mechanism") or len(v) != 1 or (v.kind == "node" and v.name != "v"):
            raise ModelError(
                f"{variable} cannot be {done}; name one voltage or one variable of a mechanism",
                variable=variable,
            )
        return v
