"""`Problem`: a simulation, a loss and parameters, differentiated as often as one likes; `gradient`, `jvp`."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.engine import sweeps
from heliox.engine.adjoint import Surrogate
from heliox.engine.clock import psolve_steps, step_times
from heliox.engine.reach import Reach
from heliox.engine.registry import Handle
from heliox.errors import ModelError, NumericalError, nearest
from heliox.learn.geometry import Form, Part, is_geometry
from heliox.learn.losses import Array, Loss, Read, Traces
from heliox.learn.parameter import Parameter, joined, trained
from heliox.learn.result import Gradient, GradientPlan
from heliox.learn.twin import twin
from heliox.model.model import Model
from heliox.model.variable import Variable
from heliox.record.progress import Progress
from heliox.simulation import Simulation

THROUGH = ("reset", "initialize")
Parameters = str | Parameter | Iterable[str | Parameter]


class Problem:
    """Everything that stays the same between gradients: compiled once.

    Parameters
    ----------
    sim : Simulation
        With its present parameters; members of a batch are independent gradients in one run. It stays as it
        is. The gradient runs on the device that it was made with.
    loss : Loss
    parameters : str, Parameter, or several
    duration : float
        ms of the run.
    through : str
        ``"reset"``: each run begins with the frozen state, which no parameter changes (initial values that
        are parameters themselves are then assigned). ``"initialize"``: with INITIAL, which is differentiated
        too.
    v_init : float, (nodes,) or (B, nodes), optional
        mV before INITIAL; default: the frozen voltages.
    memory : int, optional
        Bytes for the tape and its checkpoints; default 2e9.
    surrogate : Surrogate, optional
        What stands for the derivative of a spike by the voltage. None: spikes that are sent act as they did,
        and pass no derivative on.
    progress : bool
        Show a bar in evaluations of more than two seconds.
    tangent : bool
        Compile what `jvp` needs: on the CPU only.

    Attributes
    ----------
    sim : Simulation
        The one that runs here.
    trained : list of Trained
    plan : GradientPlan
        What a gradient takes; ``plan.summary()`` says it in words.
    lost : tuple of str
        What derivatives leave out.

    Raises
    ------
    ModelError
        For unknown names, shapes that do not fit, a parameter that no derivative leads from to the loss, too
        little memory.
    UnsupportedError
        For variables and mechanisms without derivatives.
    """

    def __init__(
        self, sim: Simulation, loss: Loss, parameters: Parameters, duration: float, *, through: str = "reset",
        v_init: ArrayLike | None = None, memory: int | None = None, surrogate: Surrogate | None = None,
        progress: bool = True, tangent: bool = False,
    ) -> None:  # fmt: skip
        if through not in THROUGH:
            raise ModelError(f"through {through!r}; {nearest(str(through), THROUGH)}")
        if through == "reset" and v_init is not None:
            raise ModelError("v_init belongs to through='initialize'; a reset has the frozen voltages")
        if not (np.isfinite(duration) and duration > 0.0):
            raise ModelError(f"duration is {duration:g} ms; it must be positive")
        self.loss = loss.bound(sim)
        self.through, self.v_init, self.progress = through, v_init, progress
        self.duration, self.surrogate = float(duration), surrogate
        self.trained = trained(sim.draft.names, parameters)
        reads = [(r, sim.draft.handle(r.variable, r.where).variable) for r in self.loss.reads]
        self._check_reach(sim, [v for _, v in reads])
        self.sim = twin(sim, self.trained, reads, tangent)
        self._form = Form(self.sim.engine) if any(t.geometry for t in self.trained) else None
        self._handles = [self._handle(t.variable.within(self.sim.draft.names)) for t in self.trained]
        self._read_handles = {r: self.sim.draft.handle(v) for r, v in reads}
        self._sweeps = sweeps.Sweeps(self.sim.engine, memory=memory, surrogate=surrogate)
        self._record()
        engine = self.sim.engine
        self._t0 = 0.0 if through == "initialize" else float(engine.frozen.t)
        self.steps = psolve_steps(self._t0, self._t0 + self.duration, self.sim.dt)
        if self.steps < 1:
            raise ModelError(f"duration is {duration:g} ms, less than a step of {self.sim.dt:g} ms")
        self.t = step_times(self._t0, self.steps, self.sim.dt)
        traces = 2 * 8 * (self.steps + 1) * self._columns
        self.plan = GradientPlan(self._sweeps.planned(self.steps), traces, self.batch)
        self.lost = sweeps.lost(self.sim.plan, surrogate)
        engine.reset()
        self._values = [t.taken(_rows(h).copy()) for t, h in zip(self.trained, self._handles, strict=True)]
        self._checked = False
        self.evaluations = 0

    # ------------------------------------------------------------------ making

    def _handle(self, v: Variable) -> Handle | Part:
        if self._form is not None and is_geometry(v):
            return Part(self._form, v)
        return self.sim.registry.handle(v)

    @property
    def batch(self) -> int:
        return self.sim.batch

    @property
    def marked(self) -> bool:
        """Whether a surrogate takes part."""
        sends = np.isin(self.sim.plan.SR[:, 0], self.sim.model.connections.source).any()
        return self.loss.surrogate or bool(self.surrogate is not None and sends)

    def _check_reach(self, sim: Simulation, reads: list[Variable]) -> None:
        """ModelError for a parameter in a cell from which nothing that has a derivative leads to the loss."""
        reach = Reach(sim.model, self.surrogate is not None)
        targets = np.concatenate([reach.cells(v) for v in reads])
        legal = reach.before(targets)
        for t in self.trained:
            cells = set(reach.cells(t.variable).tolist()) - {-1}
            if not cells or cells & legal:
                continue
            by_spikes = self.surrogate is None and cells & Reach(sim.model, True).before(targets)
            why = "nothing leads from there to what the loss reads"
            if by_spikes:
                why = "spikes lead to what the loss reads, but no surrogate is given for their derivative"
            cell = sim.model.cells.name[min(cells)] or f"cell {min(cells)}"
            raise ModelError(
                f"the loss does not depend on {t.label}, which is in {cell} only: {why}", variable=t.label
            )

    def _record(self) -> None:
        """Columns of the traces: each address once."""
        addresses = [np.atleast_2d(h.addresses) for h in self._read_handles.values()]
        for (read, h), a in zip(self._read_handles.items(), addresses, strict=True):
            if h.store != "A":
                raise ModelError(f"{read.called} never changes in a run", variable=read.called)
            assert len(a) == self.batch
        flat = np.concatenate([a.ravel() for a in addresses])
        unique, back = np.unique(flat, return_inverse=True)
        self._sweeps.record(unique)
        self._columns = len(unique)
        ends = np.cumsum([a.size for a in addresses])
        parts = np.split(back, ends[:-1])
        self._places = {
            r: p.reshape(a.shape) for r, p, a in zip(self._read_handles, parts, addresses, strict=True)
        }

    # ------------------------------------------------------------------ values

    @property
    def values(self) -> dict[str, NDArray[np.float64]]:
        """Present values by label: (n,), or (B, n) for a batch; one number instead of n where tied."""
        return self._named(self._values)

    @property
    def x(self) -> NDArray[np.float64]:
        """Present values as free numbers (N,) or (B, N); ModelError for one outside its bounds."""
        free = joined(
            [t.transform.to_free(v, t.label) for t, v in zip(self.trained, self._values, strict=True)]
        )
        return free if self.batch > 1 else free[0]

    def to_free(self, values: Mapping[str, ArrayLike]) -> NDArray[np.float64]:
        """Values by label -> free numbers (N,) or (B, N); those not named are the present ones."""
        parts = self._given(values)
        free = joined([t.transform.to_free(v, t.label) for t, v in zip(self.trained, parts, strict=True)])
        return free if self.batch > 1 else free[0]

    def from_free(self, x: ArrayLike) -> dict[str, NDArray[np.float64]]:
        """Free numbers (N,) or (B, N) -> values by label."""
        return self._named(self._unpacked(x)[1])

    def random(self, seed: int | np.random.Generator = 0) -> NDArray[np.float64]:
        """Free numbers (N,) or (B, N) of values drawn evenly between bounds; ModelError without bounds."""
        rng = np.random.default_rng(seed)
        parts = []
        for t in self.trained:
            low, high = t.transform.lower, t.transform.upper
            if not (np.isfinite(low) & np.isfinite(high)).all():
                raise ModelError(f"{t.label} has no lower and upper bound to draw values between")
            drawn = rng.uniform(1e-6, 1.0 - 1e-6, (self.batch, t.size))
            parts.append(t.transform.to_free(low + (high - low) * drawn, t.label))
        free = joined(parts)
        return free if self.batch > 1 else free[0]

    def assign(self, sim: Simulation, values: Mapping[str, ArrayLike] | None = None) -> None:
        """Write values (default: the present ones) into another simulation of the model.

        The geometry of a simulation cannot be set: that of these values is in `model`.
        """
        parts = self._values if values is None else self._given(values)
        for t, v in zip(self.trained, parts, strict=True):
            if t.geometry:
                continue
            handle = sim.var(t.parameter.name, t.parameter.where)
            places = t.spread(v)
            handle[...] = places if self.batch > 1 else places[0]

    def model(self, values: Mapping[str, ArrayLike] | None = None, member: int = 0) -> Model:
        """The frozen model with the geometry of these values; other parameters are as they were frozen."""
        if self._form is None:
            return self.sim.model
        self._write(self._values if values is None else self._given(values))
        return self._form.model(member)

    def _named(self, parts: list[Array]) -> dict[str, Array]:
        rows = parts if self.batch > 1 else [p[0] for p in parts]
        return {t.label: r.copy() for t, r in zip(self.trained, rows, strict=True)}

    def _given(self, values: Mapping[str, ArrayLike]) -> list[Array]:
        labels = [t.label for t in self.trained]
        for name in values:
            if name not in labels:
                raise ModelError(f"{name!r} is not trained here; {nearest(name, labels)}", variable=name)
        out = []
        for t, now in zip(self.trained, self._values, strict=True):
            x = np.asarray(values.get(t.label, now), np.float64)
            try:
                out.append(np.broadcast_to(x, now.shape).copy())
            except ValueError:
                raise ModelError(
                    f"{t.label}: values of shape {x.shape} do not fit {now.shape} (members, values)",
                    variable=t.label,
                ) from None
        return out

    def _unpacked(self, x: ArrayLike) -> tuple[Array, list[Array]]:
        """Free numbers as (B, N), and the values they stand for."""
        sizes = [t.size for t in self.trained]
        u = np.asarray(x, np.float64)
        if u.shape not in ((sum(sizes),), (self.batch, sum(sizes))) or not np.isfinite(u).all():
            raise ModelError(
                f"x is finite and of shape {(sum(sizes),)} or {(self.batch, sum(sizes))}, not {u.shape}"
            )
        u = np.broadcast_to(u, (self.batch, sum(sizes)))
        parts = np.split(u, np.cumsum(sizes)[:-1], axis=1)
        return u, [t.transform.from_free(p) for t, p in zip(self.trained, parts, strict=True)]

    # ------------------------------------------------------------------ running

    def _begin(self, values: list[Array]) -> None:
        """The state in which the run starts, with these values."""
        engine = self.sim.engine
        engine.reset()
        self._write(values)
        if self.through == "reset":
            engine.fill_tables()
            return
        engine.initialize(self.v_init)
        engine.drain_spikes()
        for t, h, v in zip(self.trained, self._handles, values, strict=True):
            if not np.array_equal(_rows(h), t.spread(v)):
                raise ModelError(
                    f"{t.label} is set by INITIAL, so nothing depends on what it was before; "
                    "use through='reset'",
                    variable=t.label,
                )

    def _write(self, values: list[Array]) -> None:
        for t, h, v in zip(self.trained, self._handles, values, strict=True):
            h[...] = t.spread(v).reshape(h.values.shape)
        if self._form is not None:
            self._form.apply()

    def _traces(self, R: Array) -> Traces:
        T = R.T
        return Traces(self.t, {r: np.ascontiguousarray(T[at]) for r, at in self._places.items()})

    def _cotangents(self, bars: dict[Read, Array]) -> Array:
        out = np.zeros((self._columns, self.steps + 1))
        for read, bar in bars.items():
            np.add.at(out, self._places[read].ravel(), bar.reshape(-1, bar.shape[-1]))
        return np.ascontiguousarray(out.T)

    def value(self, values: Mapping[str, ArrayLike] | None = None) -> NDArray[np.float64]:
        """The loss (B,) alone, without a tape; NaN of members whose voltage runs away."""
        return self._value(self._values if values is None else self._given(values))

    def _value(self, parts: list[Array]) -> Array:
        self._begin(parts)
        self.evaluations += 1
        R = self._sweeps.plain(self.steps)
        value, _ = self.loss.evaluate(self._traces(R))
        return np.where(self._sweeps.failed(), np.nan, value)

    def gradient(self, values: Mapping[str, ArrayLike] | None = None) -> Gradient:
        """The loss and its derivatives, at values by label (default: the present ones).

        Raises
        ------
        NumericalError
            If a voltage runs away, or an adjoint is not finite.
        """
        parts = self._values if values is None else self._given(values)
        value, per = self._differentiate(parts)
        return Gradient(value, self._named(per), self.through, self.marked, self.lost, self.plan)

    def value_and_gradient(self, x: ArrayLike | None = None) -> tuple[Array, Array]:
        """The loss (B,) and its derivative by the free numbers, in the shape of `x`.

        Parameters
        ----------
        x : (N,) or (B, N), optional
            Default: those of the present values.
        """
        u, parts = self._unpacked(self.x if x is None else x)
        value, per = self._differentiate(parts)
        pieces = np.split(u, np.cumsum([t.size for t in self.trained])[:-1], axis=1)
        free = joined([g * t.transform.slope(p) for t, g, p in zip(self.trained, per, pieces, strict=True)])
        return value, free if self.batch > 1 else free[0]

    def _differentiate(self, parts: list[Array]) -> tuple[Array, list[Array]]:
        self._begin(parts)
        self.evaluations += 1
        with Progress(self._t0, 2 * self.steps, self.sim.dt, self.progress) as bar:
            R = self._sweeps.forward(self.steps, bar.update)
            value, bars = self.loss.evaluate(self._traces(R))
            cotangents = self._cotangents(bars)
            if not np.isfinite(value).all() or not np.isfinite(cotangents).all():
                raise NumericalError(
                    f"the loss {self.loss!r} or its derivative is NaN or infinite at these values"
                )
            self._sweeps.backward(cotangents, bar.update)
            if self.through == "initialize":
                self._sweeps.backward_initial()
        per = [t.gathered(g) for t, g in zip(self.trained, self._adjoints(), strict=True)]
        self._check(per, cotangents)
        return value, per

    def _adjoints(self) -> list[Array]:
        """(B, n) of the places of each parameter, behind the reverse pass."""
        B = self._sweeps.B
        of = self._form.adjoints(B) if self._form is not None else {}
        return [
            of[h.variable.name][:, h.variable.indices]
            if isinstance(h, Part)
            else np.atleast_2d(B[h.addresses])
            for h in self._handles
        ]

    def _tangents(self, along: list[Array]) -> Array:
        """Tangents of everything at the start, along a direction."""
        u = np.zeros_like(self._sweeps.B)
        dots: dict[str, Array] = {}
        for t, h, d in zip(self.trained, self._handles, along, strict=True):
            if isinstance(h, Part):
                dot = dots.setdefault(t.variable.name, np.zeros_like(h.form.given[t.variable.name]))
                dot[:, t.variable.indices] = t.spread(d)
            else:
                u[h.addresses] = t.spread(d).reshape(h.addresses.shape)
        if self._form is not None:
            self._form.push(u, dots)
        return u

    def _check(self, per: list[Array], cotangents: Array) -> None:
        """At the first gradient: all finite, and no parameter without any influence."""
        for t, g in zip(self.trained, per, strict=True):
            if not np.isfinite(g).all():
                raise NumericalError(f"the derivative by {t.label} is NaN or infinite", variable=t.label)
        if self._checked or not cotangents.any():
            return
        self._checked = True
        for t, g in zip(self.trained, per, strict=True):
            if not g.any():
                warnings.warn(
                    f"all derivatives by {t.label} are exactly 0: in this run the loss does not depend on "
                    "it, or only by what has no derivative (times of events and stimuli, conditions)",
                    RuntimeWarning,
                    stacklevel=4,
                )

    def jvp(
        self, direction: Mapping[str, ArrayLike], values: Mapping[str, ArrayLike] | None = None
    ) -> tuple[Array, Array]:
        """The loss (B,) and its derivative (B,) along a direction, by tangents that go forward.

        Parameters
        ----------
        direction : mapping
            Label -> change of its values; those not named do not change.
        values : mapping, optional
            Where; default: the present values.
        """
        if not self.sim.adjoint or not self.sim.adjoint.tangent:
            raise ModelError("a Problem has tangents if it is made with tangent=True")
        parts = self._values if values is None else self._given(values)
        nothing = {t.label: 0.0 for t in self.trained}
        along = self._given({**nothing, **direction})
        self._begin(parts)
        R = self._sweeps.forward(self.steps)
        value, bars = self.loss.evaluate(self._traces(R))
        u = self._tangents(along)
        if self.through == "initialize":
            u = self._sweeps.tangent_initial(u)
        T = self._traces(self._sweeps.tangent(u))
        slope = np.zeros(self.batch)
        for read, bar in bars.items():
            slope += (bar * T[read]).sum(axis=(1, 2))
        return value, slope

    def __repr__(self) -> str:
        by = ", ".join(f"{t.label} ({t.size})" for t in self.trained)
        return (
            f"<heliox problem: {self.loss!r} by {by} over {self.duration:g} ms, through {self.through}; "
            f"{self.plan.summary()}>"
        )


def _rows(handle: Handle | Part) -> Array:
    return np.atleast_2d(handle.values)


def gradient(
    sim: Simulation, loss: Loss, parameters: Parameters, duration: float, *, through: str = "reset",
    v_init: float | None = None, memory: int | None = None, surrogate: Surrogate | None = None,
    progress: bool = True,
) -> Gradient:  # fmt: skip
    """The exact gradient of a loss over a run of `duration` ms, with the present parameters of `sim`.

    Parameters and errors as of `Problem`, which is what to keep where more than one gradient is wanted.

    Examples
    --------
    >>> loss = learn.mse("v", target, where="soma(0.5)")
    >>> g = learn.gradient(sim, loss, ["hh.gnabar", learn.Parameter("pas.g", tied=True)], 20.0)
    >>> g.value, g.gradient["hh.gnabar"], g.lost
    """
    problem = Problem(
        sim, loss, parameters, duration, through=through, v_init=v_init, memory=memory, surrogate=surrogate,
        progress=progress,
    )  # fmt: skip
    return problem.gradient()


def jvp(
    sim: Simulation, loss: Loss, parameters: Parameters, direction: Mapping[str, ArrayLike], duration: float,
    **options: Any,
) -> tuple[Array, Array]:  # fmt: skip
    """The loss (B,) and its derivative (B,) along a direction: see `Problem.jvp`."""
    return Problem(sim, loss, parameters, duration, tangent=True, **options).jvp(direction)
