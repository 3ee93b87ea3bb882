"""`VariableRegistry` and `Handle`: names resolved once to addresses in the arenas, O(1) afterwards."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.engine.fill import weight_addresses
from heliox.errors import ModelError, UnsupportedError, nearest
from heliox.mechanisms.varstruct import global_slots
from heliox.model.names import Names, Variable
from heliox.model.selection import Where

if TYPE_CHECKING:
    from heliox.engine.engine import Engine

READ_ONLY = {
    "i_membrane_": "it is computed in every step",
    "area": "geometry is frozen",
    "diam": "geometry is frozen",
    "style": "ion styles are frozen",
}


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
    def _arena(self) -> NDArray[np.float64]:
        return getattr(self._registry.engine, self.store)

    @property
    def values(self) -> NDArray[np.float64]:
        """A copy of the present values."""
        return self._arena[self.addresses]

    @property
    def device_array(self) -> NDArray[np.float64]:
        """The values in place, as a strided view of the arena, without a copy: (n,) or (B, n).

        Raises
        ------
        UnsupportedError
            If the places are not equally spaced; use `values` and assignment then.
        """
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
        strides = (8 * int(outer.flat[0]) if outer.size else 8, 8 * int(inner.flat[0]) if inner.size else 8)
        view = np.lib.stride_tricks.as_strided(self._arena[int(a[0, 0]) :], a.shape, strides)
        return view if self.addresses.ndim == 2 else view[0]

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
            at = plan.member_size * np.arange(plan.batch)[:, None] + at
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
            at = p.own_offset(p.struct.own[v.name] + v.element) + plan.chunk_base[p.chunk]
            return "A", at[v.indices], unit
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
            return "P", plan.head["delay"] + plan.connection_rank[v.indices], "ms"
        at = weight_addresses(plan)[plan.model.connections.weight_ptr[v.indices] + v.element]
        if (at < 0).any():
            raise ModelError("a NetCon without a target has no weight to act on", variable="weight")
        return ("A" if plan.program.weights_own else "P"), at, ""

    def _global(self, v: Variable) -> tuple[str, NDArray[np.int64], str]:
        plan = self.engine.plan
        if v.mechanism < 0:
            if v.name != "celsius":
                raise ModelError(
                    f"{v.name} is read from the simulation itself: sim.{v.name}", variable=v.name
                )
            if plan.program.celsius_own:
                return "A", plan.chunk_base + plan.G[: plan.chunks, plan.program.columns["CELSIUS"]], "degC"
            return "P", np.array([plan.head["celsius"]]), "degC"
        place = plan.placements[v.mechanism]
        t = place.struct.template
        if v.name in place.struct.own:  # what the last instance left there, as NEURON's GLOBAL
            at = place.own_offset(place.struct.own[v.name] + v.element) + plan.chunk_base[place.chunk]
            return "A", at[-1:], t.globals_[v.name].unit
        if v.name not in t.globals_:
            raise ModelError(
                f"{t.name}.{v.name} is fixed when the model is planned; "
                "freeze the model with the value wanted",
                mechanism=t.name,
                variable=v.name,
            )
        return (
            "P",
            np.array([plan.globals_at[v.mechanism] + global_slots(t)[v.name] + v.element]),
            t.globals_[v.name].unit,
        )

    def assign(self, handle: Handle, key: Any, value: ArrayLike) -> None:
        """Write values.

        A shared variable takes one value for all members; see `Simulation.var` for values that differ.
        """
        name = handle.variable.name
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
        if name == "delay":
            self._check_delay(x)
        handle._arena[at] = x
        self.engine.tables_stale = True

    def _check_delay(self, x: NDArray) -> None:
        plan = self.engine.plan
        least = max(plan.partition.window, 1) * plan.dt if plan.chunks > 1 else 0.0
        if (x < 0).any() or (x < least).any():
            raise ModelError(
                f"delay {float(x.min()):g} ms is below {least:g} ms, the window this plan was made for; "
                "set it in NEURON and freeze again",
                variable="delay",
            )
