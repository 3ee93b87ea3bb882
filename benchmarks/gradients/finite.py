"""Where finite differences of a spiking cell end: by step and duration.

    python -m benchmarks.gradients.finite

The pyramidal cell of layer 5 with a step current into its soma; needs HELIOX_DATA. The loss is the mean
square of the soma's voltage less that of the same cell with 0.9 of its sodium conductance. Writes
docs/gradients_figures.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.gradients.own import Task
from heliox.cells import l5pc

DURATIONS = (10.0, 20.0, 50.0, 100.0, 200.0, 300.0)
STEPS = tuple(10.0**-k for k in range(2, 11))
PARAMETERS = (
    ("NaTa_t.gNaTa_tbar", "soma*"),
    ("Ca_LVAst.gCa_LVAstbar", "apic*"),
    ("Ih.gIhbar", "apic*"),
    ("pas.g", "dend*"),
    ("IClamp.amp", None),
)
TEXT = """\
(`python -m benchmarks.gradients.finite`). The loss is the mean square of the soma's voltage (mV²) less that
of the same cell with 0.9 of its sodium conductance; the gradient is that by a common factor of a parameter in
a region. The columns are central differences (L(1+h) − L(1−h))/2h with their relative step h: how far they
are from the gradient, as a part of it. Bold is the best step.

Below threshold every step from 1e-3 to 1e-7 does. From a few spikes on the loss bends within a change of
parameters that moves spikes by their own width: differences with 1e-2 are off by up to 40 %, and their error
falls with h² until rounding, which grows with 1/h, takes over. Both grow with the run, so that the steps that
do become fewer: at 300 ms a difference is good to 1e-6 only with steps around 1e-6, other ones for every
parameter, and at best to some 1e-8. The gradient has no step to choose."""


class Run:
    """The cell for `tstop` ms, with its target and its gradient."""

    def __init__(self, tstop: float, amp: float) -> None:
        c = l5pc()
        c.place("IClamp", "soma(0.5)", delay=1.0, dur=1e9, amp=amp)
        names = sorted({n for n, _ in PARAMETERS})
        self.task = Task(c.model(), names, "soma(0.5)", tstop, -80.0)
        self.d = self.task.differentiator(1_000_000_000)
        self.A = self.task.start.arrays["A"].copy()
        sodium = self.places("NaTa_t.gNaTa_tbar", None)
        self.task.target = self.trace(self.change(sodium, -0.1))
        v = self.trace(np.zeros_like(self.A))[:, 0]
        self.spikes = int(np.count_nonzero((v[1:] > -20.0) & (v[:-1] <= -20.0)))
        self.loss = self.task.gradient(self.d)
        self.B = self.d.B.copy()

    def places(self, name: str, where: str | None) -> NDArray[np.int64]:
        at: NDArray[np.int64] = self.task.sim.registry.handle(name, where).addresses.ravel()
        return at

    def change(self, at: NDArray[np.int64], size: float) -> NDArray[np.float64]:
        u = np.zeros_like(self.A)
        u[at] = size * self.A[at]
        return u

    def trace(self, change: NDArray[np.float64]) -> NDArray[np.float64]:
        e = self.task.sim.engine
        e.restore(self.task.start)
        e.A[:] += change
        return self.d.forward(self.task.steps).copy()

    def value(self, change: NDArray[np.float64]) -> float:
        assert self.task.target is not None
        return float(((self.trace(change) - self.task.target) ** 2).mean())

    def errors(self, name: str, where: str | None) -> tuple[float, list[float]]:
        """Gradient by a common factor, and relative errors of central differences of all `STEPS`."""
        at = self.places(name, where)
        exact = float(self.B[at] @ self.A[at])
        out = []
        for h in STEPS:
            u = self.change(at, h)
            out.append(abs((self.value(u) - self.value(-u)) / (2.0 * h) / exact - 1.0))
        return exact, out


def table(rows: dict[tuple[float, str], tuple[int, float, float, list[float]]], amp: float) -> str:
    """The figures as Markdown: (ms, parameter) -> spikes, loss, gradient, errors."""
    lines = [
        "## Where finite differences end",
        "",
        f"The pyramidal cell of layer 5 with {amp:g} nA into its soma from 1 ms on",
        TEXT,
    ]
    columns = " | ".join(f"{h:.0e}".replace("e-0", "e-").replace("e-10", "e-10") for h in STEPS)
    for name, where in PARAMETERS:
        place = f", {where[:-1]}" if where else ""
        lines += [
            "",
            f"`{name}`{place}:",
            "",
            f"| ms | spikes | loss | gradient | {columns} |",
            "|---" * 13 + "|",
        ]
        for tstop in DURATIONS:
            spikes, loss, exact, errors = rows[tstop, name]
            best = int(np.argmin(errors))
            cells = " | ".join(f"**{e:.0e}**" if k == best else f"{e:.0e}" for k, e in enumerate(errors))
            lines.append(f"| {tstop:g} | {spikes} | {loss:.4g} | {exact:.4g} | {cells} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--amp", type=float, default=0.8, help="nA")
    a = p.parse_args()
    rows = {}
    for tstop in DURATIONS:
        r = Run(tstop, a.amp)
        for name, where in PARAMETERS:
            rows[tstop, name] = r.spikes, r.loss, *r.errors(name, where)
            print(tstop, name, rows[tstop, name], flush=True)
    (Path(__file__).resolve().parents[2] / "docs" / "gradients_figures.md").write_text(table(rows, a.amp))


if __name__ == "__main__":
    main()
