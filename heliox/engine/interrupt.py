"""Ctrl-C during a run: noted at once, acted on after the compiled call, so that nothing is left half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heliox.engine.engine import Engine


@contextmanager
def deferred(engine: Engine) -> Iterator[None]:
    """Turn SIGINT into ``engine.interrupted``; KeyboardInterrupt is raised at the end of the block."""
    if threading.current_thread() is not threading.main_thread():
        engine.interrupted = False
        yield
        return
    pressed = []
    engine.interrupted = False

    def note(signum: int, frame: object) -> None:
        pressed.append(signum)
        engine.interrupted = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt
