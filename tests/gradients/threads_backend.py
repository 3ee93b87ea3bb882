"""Kernels in plain Python with as many threads as lanes: whether those of a block meet where they must."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from heliox.kernels import fixed
from heliox.kernels.one_by_one import HostArray, HostBackend, HostStream
from heliox.kernels.step_module import NEAR_KERNELS
from heliox.solver import publish


def _same(function: Any) -> Any:
    return function


class ThreadsBackend(HostBackend):
    """Every block has `lanes` threads; arithmetic is Python's own: results compare among themselves."""

    def __init__(self, lanes: int) -> None:
        super().__init__()
        self.many = lanes
        self.barrier = threading.Barrier(lanes)

    def kernels(self, text: str, signatures: Mapping[str, list[str]]) -> dict[str, Any]:
        space = self._prelude()
        exec(text.split("_U = U\n", 1)[1], space)
        return {n: (space[f"{n}_block"], n in NEAR_KERNELS) for n in signatures}

    def _prelude(self) -> dict[str, Any]:
        plain = {n: getattr(math, n) for n in fixed.MATH_NAMES if hasattr(math, n)}
        arithmetic = SimpleNamespace(**{n: plain.get(n) for n in (*fixed.MATH_NAMES, *fixed.RANDOM_NAMES)})
        arithmetic.exp_to_700 = math.exp
        own = {
            "_inverse": lambda d: 1.0 / d, "_over": lambda x, r: x * r, "emit": publish.emit_own,
            "in_warps": fixed._in_warps, "sweep_warp": fixed._sweep_warp, "next_place": fixed._next_place,
        }  # fmt: skip
        given = {"U": int, "barrier": self.barrier.wait, "meet": lambda width: self.barrier.wait()}
        space = fixed._globals("threads", arithmetic, own, _same, _same, given)  # type: ignore[arg-type]
        more = {"entry": _same, "inline": _same, "kernel": _same, "_np": np, "U": int, "_U": int}
        return {**space, **given, **more}

    def launcher(
        self, kernel: Any, grid: tuple[int, int], block: int, arguments: list[Any], near: int = 0
    ) -> Callable[[HostStream], None]:
        function, own_memory = kernel
        given = [a.array if isinstance(a, HostArray) else a for a in arguments]

        def call() -> None:
            for by in range(grid[1]):
                for bx in range(grid[0]):
                    more = [np.zeros(near + 1), np.zeros(4 * near + 4, np.int16)] if own_memory else []
                    self._block(function, [*given, bx, by], more)

        def on(stream: HostStream) -> None:
            if self._captured is None:
                call()
            else:
                self._captured.append(call)

        return on

    def _block(self, function: Callable[..., Any], given: list[Any], more: list[Any]) -> None:
        failed: list[BaseException] = []

        def work(lane: int) -> None:
            try:
                function(*given, lane, self.many, *more)
            except BaseException as e:
                failed.append(e)
                self.barrier.abort()

        threads = [threading.Thread(target=work, args=(k,), daemon=True) for k in range(self.many)]
        for t in reversed(threads):  # whoever does not wait for the first one is seen
            t.start()
        for t in threads:
            t.join(60.0)
        if failed:
            raise failed[0]
        assert not any(t.is_alive() for t in threads) and not self.barrier.n_waiting
