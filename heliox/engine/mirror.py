"""Arrays that an engine has on the host and on the device, each brought up to date when needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from heliox.engine.stepwise import StepEngine


class Mirrored:
    """An attribute of `StepEngine`: an array that may have been changed by whoever has asked for it."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, engine: StepEngine, owner: type) -> NDArray:
        array = engine.mirror.look(self.name)
        engine.mirror.touched.add(self.name)
        return array

    def __set__(self, engine: StepEngine, array: NDArray) -> None:
        engine.mirror.replace(self.name, array)


class Mirror:
    """Host and device copies by name.

    ``touched``: the host's may have changed since the last upload; ``behind``: the device's has changed since
    the last download. `version` counts new device arrays: whoever holds their addresses must ask again.
    """

    def __init__(self, backend: Any, untransferred: tuple[str, ...] = ()) -> None:
        self.backend = backend
        self.untransferred = untransferred  # results: never uploaded
        self.host: dict[str, NDArray] = {}
        self.device: dict[str, Any] = {}
        self.touched: set[str] = set()
        self.behind: set[str] = set()
        self.version = 0
        self.shared: set[str] = set()  # others write to the device's copies too

    def look(self, name: str) -> NDArray:
        """The host's copy as it should be, not to be written to."""
        if name in self.behind or (name in self.shared and name not in self.touched):
            self.behind.discard(name)
            self.device[name].get(self.host[name])
        return self.host[name]

    def replace(self, name: str, array: NDArray) -> None:
        """Another array, perhaps of another shape."""
        self.host[name] = array
        self.behind.discard(name)
        self.touched.add(name)

    def upload(self) -> None:
        """Bring the device up to date."""
        for name in self.touched:
            host, there = self.host[name], self.device.get(name)
            if there is None or there.shape != host.shape or there.dtype != host.dtype:
                if name in self.untransferred:
                    self.device[name] = self.backend.zeros(host.shape, host.dtype)
                else:
                    self.device[name] = self.backend.upload(host)
                self.version += 1
            elif name not in self.untransferred:
                there.put(host)
        self.touched.clear()
