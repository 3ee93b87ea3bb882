"""`VariableRegistry` and `Handle`: names resolved once to addresses in the arenas, O(1) afterwards."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.engine.fill import weight_addresses
from heliox.engine.plan import Row
from heliox.engine.vary import READ_ONLY
from heliox.errors import ModelError, UnsupportedError, nearest
from heliox.mechanisms.varstruct import STREAM, global_slots
from heliox.model.names import Names, Variable
from heliox.model.selection import Where

if TYPE_CHECKING:
    from heliox.engine.engine import Engine
    from heliox.engine.table import Table


class Handle:
    """A variable of the running model.

    Attributes
    ----------
    names : list of str, (n,)
    unit : str
    values : (n,) for one member or a shared variable, else (B, n)
        A copy; assign with ``handle[...] = x``.
    addresses : (n,) or (B, n) int64
        Places in the arena `store` (``"A"``: own of each member, ``"P"``: shared).
    id : str
        The same for the same variable of the same model, in any process.
    """

    def __init__(
        self,
        registry: VariableRegistry,
        variable: Variable,
        store: str,
        addresses: NDArray[np.int64],
        unit: str,
    ) -> None:
        self._registry = registry
        self.variable = variable
        self.store = store
        self.addresses = addresses
        self.unit = unit

    @property
    def names(self) -> list[str]:
        return self.variable.names

    @property
    def id(self) -> str:
        v = self.variable
        text = (
            f"{self._registry.engine.plan.model.hash}/{v.kind}/{v.mechanism}/{v.name}/{v.element}/".encode()
        )
        return hashlib.sha256(text + v.indices.astype(np.int64).tobytes()).hexdigest()[:16]

    @property
    def values(self) -> NDArray[np.float64]:
        """A copy of the present values."""
        self._registry.check()
        return self._registry.engine.read(self.store, self.addresses)

    @property
    def device_array(self) -> Any:
        """The values in place, as a strided view of the arena, without a copy: (n,) or (B, n).

        On a GPU an object with ``__cuda_array_interface__``, which ``torch.as_tensor`` and ``cupy.asarray``
        take; what they write there is what the next run and `values` find.

        Raises
        ------
        UnsupportedError
            If the places are not equally spaced; use `values` and assignment then.
        """
        self._registry.check()
        a = np.atleast_2d(self.addresses)
        inner = np.diff(a, axis=1)
        outer = np.diff(a, axis=0)
        if (
            a.size == 0
            or (inner.size and (inner != inner.flat[0]).any())
            or (outer.size and (outer != outer.flat[0]).any())
        ):
            raise UnsupportedError(
                f"{self.variable.name}: its {a.size} places are not equally spaced in memory; use .values"
            )
        steps = (8 * int(outer.flat[0]) if outer.size else 8, 8 * int(inner.flat[0]) if inner.size else 8)
        shape: tuple[int, ...] = a.shape
        strides: tuple[int, ...] = steps
        if self.addresses.ndim == 1:
            shape, strides = shape[1:], strides[1:]
        return self._registry.engine.view(self.store, int(a[0, 0]), shape, strides)

    def __len__(self) -> int:
        return len(self.variable)

    def __getitem__(self, key: Any) -> NDArray[np.float64]:  # key: whatever NumPy takes as an index
        return self.values[key]

    def __setitem__(self, key: Any, value: ArrayLike) -> None:
        self._registry.assign(self, key, value)

    def __repr__(self) -> str:
        unit = f" ({self.unit})" if self.unit else ""
        return f"<heliox handle {self.variable.name}{unit}: {len(self)} places, shape {self.addresses.shape}>"


class VariableRegistry:
    """Resolves variables of a plan to addresses in an engine's buffers."""

    def __init__(self, engine: Engine, names: Names | None = None) -> None:
        self.engine = engine
        self.names = names or Names(engine.plan.model)
        self.stale = False  # whether the simulation has left this plan for another

    def check(self) -> None:
        """ModelError if the plan has been left: what is written to it would reach no run."""
        if self.stale:
            raise ModelError(
                "a handle of an earlier plan: the simulation has been planned anew since; take it from "
                "sim.var(...), which follows"
            )

    def table(self, **handles: Any) -> Table:
        """What a learning rule reads and writes, by the rule's own names: see `heliox.engine.table.Table`.

        Parameters
        ----------
        **handles
            Of this simulation, of any number of places: ``v=sim.var("v", where="soma")``.

        Raises
        ------
        ModelError
            For a handle of another simulation or of an earlier plan.
        """
        from heliox.engine.table import Table  # which is made of handles

        return Table(self, handles)

    def handle(self, variable: str | Variable, where: Where = None) -> Handle:
        """The handle of a variable, by name and place.

        Raises
        ------
        ModelError
            For an unknown name, with the nearest legal ones.
        """
        v = self.names.select(variable, where) if isinstance(variable, str) else variable
        store, at, unit = self._locate(v)
        plan = self.engine.plan
        if store == "A":
            at = plan.of_members(at)
            at = at[0] if plan.batch == 1 else at
        return Handle(self, v, store, at, unit)

    def _locate(self, v: Variable) -> tuple[str, NDArray[np.int64], str]:
        """Arena, addresses (relative to a member in A) and unit."""
        if v.kind == "node":
            return self._node(v)
        if v.kind == "connection":
            return self._connection(v)
        if v.kind == "global":
            return self._global(v)
        plan = self.engine.plan
        p = plan.placements[v.mechanism]
        t = p.struct.template
        unit = t.instance_names[v.name].unit if v.name in t.instance_names else ""
        if v.name in p.struct.own:
            return "A", self._instances(v)[v.indices], unit
        if v.name in p.struct.shared:
            return "P", p.shared_offset(p.struct.shared[v.name] + v.element)[v.indices], unit
        raise ModelError(
            f"{t.name} keeps no variable {v.name!r}; {nearest(v.name, {*p.struct.own, *p.struct.shared})}",
            mechanism=t.name,
            variable=v.name,
        )

    def _node(self, v: Variable) -> tuple[str, NDArray[np.int64], str]:
        units = {"v": "mV", "area": "um2", "diam": "um", "i_membrane_": "nA"}
        if v.name not in units or (v.name == "i_membrane_" and not self.engine.plan.program.membrane):
            raise UnsupportedError(f"{v.name} is not computed by this plan", variable=v.name)
        kept = {"i_membrane_": "saved_rhs"}.get(v.name, v.name)
        return (
            ("A" if v.name in ("v", "i_membrane_") else "P"),
            self.engine.plan.node_address(kept, v.indices),
            units[v.name],
        )

    def _connection(self, v: Variable) -> tuple[str, NDArray[np.int64], str]:
        plan = self.engine.plan
        if v.name == "delay":
            return self._row(plan.head["delay"], plan.connection_rank[v.indices], "ms")
        if v.name == "threshold":
            return self._threshold(v)
        at = weight_addresses(plan)[plan.model.connections.weight_ptr[v.indices] + v.element]
        if (at < 0).any():
            raise ModelError("a NetCon without a target has no weight to act on", variable="weight")
        return ("A" if plan.program.weights_own else "P"), at, ""

    def _row(self, row: Row, k: NDArray | int, unit: str) -> tuple[str, NDArray[np.int64], str]:
        return row.store, np.atleast_1d(row.at + k), unit

    def _threshold(self, v: Variable) -> tuple[str, NDArray[np.int64], str]:
        """Of the source of each connection: those of one source share it."""
        plan = self.engine.plan
        without = np.setdiff1d(v.indices, self.names.watching)
        if without.size:
            raise ModelError(
                f"NetCon[{plan.model.connections.number[without[0]]}] has no threshold: "
                "its source is an artificial cell, or missing",
                variable="threshold",
            )
        source = plan.model.connections.source[v.indices]
        watched = {plan.model.sources.mechanism[s] < 0 for s in source.tolist()}
        return self._row(plan.head["threshold"], source, "mV" if watched == {True} else "")

    def _global(self, v: Variable) -> tuple[str, NDArray[np.int64], str]:
        plan = self.engine.plan
        if v.mechanism < 0:
            if v.name != "celsius":
                raise ModelError(
                    f"{v.name} is read from the simulation itself: sim.{v.name}", variable=v.name
                )
            return self._row(plan.head["celsius"], 0, "degC")
        place = plan.placements[v.mechanism]
        t = place.struct.template
        if v.name in place.struct.own:  # what the last instance left there, as NEURON's GLOBAL
            return "A", self._instances(v)[-1:], t.globals_[v.name].unit
        if v.name not in t.globals_:
            raise ModelError(
                f"{t.name}.{v.name} is fixed when the model is planned; "
                "freeze the model with the value wanted",
                mechanism=t.name,
                variable=v.name,
            )
        unit = t.globals_[v.name].unit
        if v.name in place.struct.varied:
            slot = place.struct.varied[v.name] + v.element
            return self._row(plan.varied_at[v.mechanism], slot, unit)
        at = plan.globals_at[v.mechanism] + global_slots(t)[v.name] + v.element
        return "P", np.array([at]), unit

    def _instances(self, v: Variable) -> NDArray[np.int64]:
        """Where the instances keep a variable of their own, relative to a member."""
        plan = self.engine.plan
        p = plan.placements[v.mechanism]
        return p.own_offset(p.struct.own[v.name] + v.element) + plan.chunk_base[p.chunk]

    def assign(self, handle: Handle, key: Any, value: ArrayLike) -> None:
        """Write values.

        A shared variable takes one value for all members; see `Simulation.var` for values that differ.
        """
        self.check()
        v = handle.variable
        name = v.name
        if name in READ_ONLY:
            raise ModelError(
                f"{name} cannot be set: {READ_ONLY[name]}; change it in NEURON and freeze again",
                variable=name,
            )
        x = np.asarray(value, np.float64)
        at = handle.addresses[key]
        if not np.isfinite(x).all():
            raise ModelError(f"{name}: NaN or infinity assigned; every value must be finite", variable=name)
        try:
            x = np.broadcast_to(x, np.shape(at))
        except ValueError:
            shared = (
                " (shared by all members; name it in vary=[...] when the Simulation is made)"
                if handle.store == "P"
                else ""
            )
            raise ModelError(
                f"{name}: values of shape {x.shape} do not fit {np.shape(at)}{shared}", variable=name
            ) from None
        if v.kind == "connection" and name == "delay":
            self._check_delay(v, np.broadcast_to(v.indices, handle.addresses.shape)[key], x)
        if v.mechanism >= 0 and name in self.engine.plan.placements[v.mechanism].struct.template.random:
            _check_stream(v, x)
        self.engine.write(handle.store, at, x)
        if v.kind == "global" and v.mechanism >= 0 and handle.store == "A":
            self._spread(handle)
        self.engine.tables_stale = True

    def _spread(self, handle: Handle) -> None:
        """A GLOBAL that blocks write is kept by every instance: all get what was assigned."""
        v, plan = handle.variable, self.engine.plan
        if v.name in plan.placements[v.mechanism].struct.own:
            at = plan.of_members(self._instances(v))
            self.engine.write("A", at, handle.values.reshape(plan.batch, -1))

    def _check_delay(self, v: Variable, connection: NDArray[np.intp], x: NDArray[np.float64]) -> None:
        """Delays of `connection`, not below what the chunks and the window of this plan allow."""
        least = self.engine.plan.partition.least[connection]
        if (x < least).any():
            worst = int(np.argmax(least - x))
            k, wanted = int(np.ravel(connection)[worst]), float(np.ravel(x)[worst])
            number, need = self.engine.plan.model.connections.number[k], float(np.ravel(least)[worst])
            raise ModelError(
                f"NetCon[{number}].delay {wanted:g} ms is below {need:g} ms"
                + (
                    ", which the plan of this run was made for; assign it before the first run of a new "
                    "Simulation"
                    if wanted >= 0.0
                    else ""
                ),
                variable="delay",
            )


def shortest(
    delays: NDArray[np.float64], handle: Handle, key: Any, value: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The least delay of each connection (connections,), once `value` is assigned to ``handle[key]`` too."""
    connection = np.broadcast_to(handle.variable.indices, handle.addresses.shape)[key]
    try:
        wanted = np.broadcast_to(value, np.shape(connection))
    except ValueError:
        return delays  # the assignment says what does not fit
    if not (wanted >= 0.0).all():
        return delays  # and what is no delay
    out = delays.copy()
    np.minimum.at(out, connection, wanted)
    return out


def _check_stream(v: Variable, x: NDArray[np.float64]) -> None:
    """The ids of a stream have 32 bits, its position 34 (heliox.kernels.random)."""
    bits = 34 if v.element == STREAM.index("seq") else 32
    if (x < 0).any() or (x >= 2.0**bits).any() or (x != np.floor(x)).any():
        raise ModelError(
            f"{v.whole}: {STREAM[v.element]} of a random stream is a whole number from 0 to 2**{bits} - 1",
            variable=v.name,
        )
