"""SciPy's L-BFGS-B for all members of a batch at once: each has its own, and they meet at evaluations."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.errors import HelioXError

Evaluate = Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]


class _Stopped(Exception):
    """The fit is over: leave SciPy."""


def scipy_minimise() -> Callable[..., Any]:
    """``scipy.optimize.minimize``; HelioXError if SciPy is not installed."""
    try:
        from scipy.optimize import minimize
    except ImportError:
        raise HelioXError(
            "method='lbfgs' needs SciPy: pip install scipy, or 'heliox[fit]'; or use method='adam'"
        ) from None
    return minimize


def lbfgs(evaluate: Evaluate, x: NDArray[np.float64], steps: int, tolerance: float) -> NDArray[np.bool_]:
    """Minimise every member (B, N) by itself; returns which of them converged.

    `evaluate` takes (B, N) and gives (B,) and (B, N): it is called here, in the caller's thread, once all
    members that still search have asked. A member that is through stays where it was.
    """
    minimise = scipy_minimise()
    meeting = _Meeting(x)
    converged = np.zeros(len(x), bool)

    def search(member: int) -> None:
        try:
            found = minimise(
                lambda u: meeting.ask(member, u),
                x[member],
                jac=True,
                method="L-BFGS-B",
                options={"maxiter": steps, "ftol": tolerance, "gtol": 0.0, "maxfun": 20 * steps},
            )
            converged[member] = bool(found.success)
        except _Stopped:
            pass
        except BaseException as e:  # handed on by the caller's thread
            meeting.error = e
        finally:
            meeting.leave(member)

    threads = [threading.Thread(target=search, args=(b,), daemon=True) for b in range(len(x))]
    for t in threads:
        t.start()
    try:
        while meeting.wait():
            meeting.answer(*evaluate(meeting.x.copy()))
    finally:
        meeting.stop()
        for t in threads:
            t.join()
    if meeting.error is not None:
        raise meeting.error
    return converged


class _Meeting:
    """Where searching threads wait for each other and for their values."""

    def __init__(self, x: NDArray[np.float64]) -> None:
        self.x = np.array(x, np.float64)
        self.error: BaseException | None = None
        self._changed = threading.Condition()
        self._searching = set(range(len(x)))
        self._asking: set[int] = set()
        self._answers: dict[int, tuple[float, NDArray[np.float64]]] = {}
        self._stopped = False

    def ask(self, member: int, u: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Called by a searching thread: wait until all have asked."""
        with self._changed:
            self.x[member] = u
            self._asking.add(member)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._stopped or member in self._answers)
            if self._stopped:
                raise _Stopped
            return self._answers.pop(member)

    def leave(self, member: int) -> None:
        with self._changed:
            self._searching.discard(member)
            self._changed.notify_all()

    def wait(self) -> bool:
        """Until every thread that searches has asked; False once there is none, or one failed."""
        with self._changed:
            self._changed.wait_for(lambda: self._asking >= self._searching)
            return bool(self._searching) and self.error is None

    def answer(self, value: NDArray[np.float64], gradient: NDArray[np.float64]) -> None:
        with self._changed:
            for b in self._asking:
                self._answers[b] = float(value[b]), gradient[b].copy()
            self._asking = set()
            self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
