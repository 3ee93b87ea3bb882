"""The progress bar of a run: simulated ms and the real-time factor."""

from __future__ import annotations

import time
from types import TracebackType

from tqdm import tqdm

DELAY = 2.0  # seconds before a bar appears: short runs stay silent


class Progress:
    """Context manager around a run; `update` takes steps."""

    def __init__(self, t: float, steps: int, dt: float, show: bool) -> None:
        self.steps, self.dt, self.show = steps, dt, show

    def __enter__(self) -> Progress:
        self.began = time.perf_counter()
        self.done = 0
        self.bar = tqdm(
            total=round(self.steps * self.dt, 6),
            unit="ms",
            delay=DELAY,
            leave=False,
            disable=None if self.show else True,  # None: silent unless a person looks on
            bar_format="{l_bar}{bar}| {n:.1f}/{total:.1f} ms [{elapsed}<{remaining}{postfix}]",
        )
        return self

    def update(self, steps: int) -> None:
        self.done += steps
        if self.show:
            seconds = time.perf_counter() - self.began
            self.bar.set_postfix_str(
                f"{1e-3 * self.done * self.dt / max(seconds, 1e-9):.3g} x real time", refresh=False
            )
            self.bar.update(steps * self.dt)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()
