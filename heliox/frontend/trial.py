"""Trials in a copy of the process, which may break there whatever it likes."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import os
import pickle
import select
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

SECONDS = 120.0  # a trial that takes longer is given up
INSTANT = 1e-9  # ms: a time step in which nothing falls due but what is due at its start

NO_COPIES = (
    "this needs a copy of the process (os.fork), which this platform does not make: freeze on Linux or macOS"
)


class TrialError(Exception):
    """The copy died, took too long, or cannot be made here."""


def can_try() -> bool:
    """Whether the platform can copy a process (Windows cannot)."""
    return hasattr(os, "fork")


def attempt(work: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """What `work` gives in a copy of the process. Nothing that it does or prints reaches this one.

    Parameters
    ----------
    work : callable
        Its result must be picklable.
    seconds : float
        Time limit.

    Raises
    ------
    TrialError
        With the reason, if there is no result.
    """
    if not can_try():
        raise TrialError(NO_COPIES)
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads: the copy runs none
        child = os.fork()
    if child == 0:
        os.close(reader)
        _run(work, writer)
    os.close(writer)
    try:
        data = _receive(reader, time.monotonic() + seconds)
    finally:
        os.close(reader)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if not data:
        raise TrialError("NEURON ended the process")
    worked, result = pickle.loads(data)
    if not worked:
        raise TrialError(result)
    return result


def _run(work: Callable[[], Any], writer: int) -> None:
    """The life of the copy."""
    try:
        faulthandler.disable()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        try:
            answer = (True, work())
        except TrialError as e:
            answer = (False, str(e))
        except Exception as e:
            answer = (False, f"{type(e).__name__}: {e}")
        data = pickle.dumps(answer) + b"!"
        while data:
            data = data[os.write(writer, data) :]
    finally:
        os._exit(0)


def _receive(reader: int, deadline: float) -> bytes:
    """The whole answer; empty if the copy died before it was complete."""
    parts = []
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([reader], [], [], left)[0]:
            raise TrialError("it took too long")
        part = os.read(reader, 1 << 20)
        if not part:
            break
        parts.append(part)
    data = b"".join(parts)
    return data[:-1] if data.endswith(b"!") else b""


@contextlib.contextmanager
def nothing_is_collected() -> Iterator[None]:
    """Python's collector of cyclic garbage rests: models thrown away stay whole while they are looked at."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
