"""The registry's table: what a learning rule reads and writes, by the names that the rule gives it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.engine.registry import Handle
from heliox.errors import ModelError, nearest
from heliox.kernels import user

if TYPE_CHECKING:
    from heliox.engine.registry import VariableRegistry


class Table:
    """Names -> places in memory, looked up once; made by `VariableRegistry.table`.

    ``table["w"]`` are values, (1, n) where members share them, else (B, n), and can be assigned to.
    """

    def __init__(self, registry: VariableRegistry, handles: Mapping[str, Any]) -> None:
        self._registry = registry
        self._handles: dict[str, Handle] = {}
        for name, given in handles.items():
            handle = getattr(given, "handle", given)
            if not isinstance(handle, Handle):
                raise ModelError(f"{name} is no handle: take sim.var(...) of this simulation")
            if handle._registry is not registry:
                raise ModelError(
                    f"the handle {name} ({handle.variable.name}) belongs to another simulation, or to a plan "
                    "that this one has left; take it anew from sim.var(...)",
                    variable=handle.variable.name,
                )
            self._handles[name] = handle

    def _of(self, name: str) -> Handle:
        self._registry.check()
        if name not in self._handles:
            raise ModelError(f"the table has no {name!r}; {nearest(name, self._handles)}")
        return self._handles[name]

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        return np.atleast_2d(self._of(name).values)

    def __setitem__(self, name: str, values: ArrayLike) -> None:
        handle = self._of(name)
        handle[...] = np.asarray(values, np.float64).reshape(np.shape(handle.addresses))

    def pointed(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The arena that holds a variable, and its address there of each member and place: (1 or B, n)."""
        handle, engine = self._of(name), self._registry.engine
        engine.settle()
        return getattr(engine, handle.store), np.atleast_2d(handle.addresses)

    def run(self, kernel: Callable[..., Any], **more: Any) -> Any:
        """Run a learning kernel, compiled.

        Parameters
        ----------
        kernel : function
            Of names of the table and of `more`, in any order. What is named in the table comes as a pair
            (arena, addresses): ``A, at = w`` and then ``A[at[b, i]]``. On a GPU engine it works on the
            host's copies, which follow the device's and are brought back to it.
        **more
            Numbers and arrays.
        """
        arguments = []
        for name in inspect.signature(kernel).parameters:
            arguments.append(more[name] if name in more else self.pointed(name))
        return user.call(kernel, *arguments)

    def each(self, kernel: Callable[..., Any], count: int, **more: Any) -> None:
        """Call a learning kernel for each of `count` turns: on a GPU a thread each, in the GPU's memory.

        Parameters
        ----------
        kernel : function
            Of the turn's number, then of names as in `run`. A turn must not read what another one writes,
            nor write where another one does; then every device gives the same bits, as long as the kernel
            adds, multiplies and divides (functions such as ``exp`` are the device's own).
        count : int
        **more
            Numbers, and contiguous arrays of float64, int64 or int32, which the kernel may change.

        Raises
        ------
        MechanismError
            If the kernel cannot be compiled.
        """
        names = list(inspect.signature(kernel).parameters)
        if not names:
            raise ModelError("a kernel for many turns takes the number of its turn first")
        if count != int(count) or count < 0:
            raise ModelError(f"count is {count}; it must be a whole number of turns")
        given = [more[n] if n in more else self._placed(n) for n in names[1:]]
        self._registry.engine.each(kernel, int(count), given)

    def _placed(self, name: str) -> user.Pair:
        """The name of the arena that holds a variable, and its addresses there."""
        handle = self._of(name)
        return user.Pair(handle.store, np.ascontiguousarray(np.atleast_2d(handle.addresses)))

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {handle!r}" for name, handle in self._handles.items())
