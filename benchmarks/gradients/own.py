"""The tasks of `benchmarks.gradients` in HelioX. One task a process; prints JSON.

python -m benchmarks.gradients.own swc --swc CELL.swc --nseg 5 --memory 5000000
python -m benchmarks.gradients.own tree TREE.json --save GRADIENT.npz
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import heliox
from benchmarks.gradients import trees
from heliox.engine.adjoint import Differentiator, spec_of
from heliox.engine.clock import psolve_steps
from heliox.model.model import Model
from heliox.model.names import Names

HH = ["hh.gnabar", "hh.gkbar", "hh.gl"]
HAY = [
    "NaTa_t.gNaTa_tbar", "Nap_Et2.gNap_Et2bar", "K_Pst.gK_Pstbar", "K_Tst.gK_Tstbar", "SK_E2.gSK_E2bar",
    "SKv3_1.gSKv3_1bar", "Ca_HVA.gCa_HVAbar", "Ca_LVAst.gCa_LVAstbar", "Ih.gIhbar", "Im.gImbar", "pas.g",
]  # fmt: skip
PASSIVE = ["pas.g"]
JAXLEY = ["JaxleyHH.gNa", "JaxleyHH.gK", "JaxleyHH.gLeak"]


class Task:
    """One model with its plain simulation and its differentiated one, and a loss on the voltage of one place.

    Parameters
    ----------
    model : Model
    trained : sequence of str
    place : str
        Of the voltage.
    tstop, v_init : float
        ms, mV.
    """

    def __init__(
        self,
        model: Model,
        trained: Sequence[str],
        place: str,
        tstop: float,
        v_init: float,
        math: str = "fast",
    ) -> None:
        spec = spec_of(Names(model), frozenset(_pair(t) for t in trained), frozenset())
        self.trained, self.tstop, self.v_init = list(trained), tstop, v_init
        self.plain = heliox.Simulation(model, threads=1, progress=False, math=math)
        self.sim = heliox.Simulation(model, vary=trained, adjoint=spec, threads=1, progress=False, math=math)
        self.place = self.sim.registry.handle(f"{place}.v").addresses.ravel()
        self.sim.initialize(v_init)
        self.start = self.sim.engine.snapshot()
        self.steps = psolve_steps(self.sim.t, self.sim.t + tstop, self.sim.dt)
        self.nodes = int((model.nodes.section >= 0).sum())
        self.compartments = int(model.sections.nseg.sum())
        self.target: NDArray[np.float64] | None = None

    def differentiator(self, memory: int | None = None) -> Differentiator:
        d = Differentiator(self.sim.engine, memory=memory)
        d.record(self.place)
        return d

    def forward(self, d: Differentiator) -> NDArray[np.float64]:
        self.sim.engine.restore(self.start)
        return d.forward(self.steps)

    def gradient(self, d: Differentiator) -> float:
        """Mean square of the voltage less the target; adjoints are then in ``d.B``."""
        r = self.forward(d)
        difference = r - (self.target if self.target is not None else self.v_init)
        d.backward(2.0 * difference / difference.size)
        return float((difference**2).mean())

    def places(self, name: str) -> NDArray[np.int64]:
        """Places in ``A`` of a variable of all segments: sections as they were created, from 0 to 1."""
        model, handle = self.sim.model, self.sim.registry.handle(name)
        m = next(m for m in model.mechanisms if m.name == name.partition(".")[0])
        section = [int(model.sections.name[s].rpartition("[")[2][:-1]) for s in model.nodes.section[m.node]]
        at: NDArray[np.int64] = handle.addresses.ravel()[np.lexsort((model.nodes.x[m.node], section))]
        return at

    def run_plain(self) -> float:
        """Seconds of a run without tape."""
        self.plain.initialize(self.v_init)
        return seconds(lambda: self.plain.run(self.tstop))


def _pair(name: str) -> tuple[str, str]:
    mechanism, _, variable = name.partition(".")
    return mechanism, variable


def seconds(f: Callable[[], object]) -> float:
    """CPU seconds of this process, which other processes disturb less than those of the clock."""
    began = time.process_time()
    f()
    return time.process_time() - began


def rss() -> float:
    """Peak resident size of this process, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def untabled(model: Model) -> Model:
    """Rates computed, not interpolated: as Jaxley and generated code for Hay's channels have them."""
    for m in model.mechanisms:
        if "usetable" in m.globals:
            m.globals["usetable"] = 0.0
    return model


def swc(a: argparse.Namespace) -> Task:
    """The cell of `benchmarks.peers`: hh everywhere, a current into the soma."""
    c = heliox.morphology(a.swc)
    c.nseg(a.nseg)
    c.insert("hh")
    c.set(Ra=100.0)
    soma = c.sections.names[0]
    c.place("IClamp", f"{soma}(0.5)", delay=1.0, dur=0.8 * a.tstop - 1.0, amp=2.0)
    return Task(untabled(c.model()), HH, f"{soma}(0.5)", a.tstop, -65.0)


def hay(a: argparse.Namespace) -> Task:
    """Pyramidal cells of layer 5, each with a current of its own."""
    from heliox.cells import l5pc

    net = heliox.Network()
    net.add(l5pc(), a.cells)
    for k in range(a.cells):
        net.place("IClamp", f"Cell[{k}].soma(0.5)", delay=1.0, dur=100.0, amp=0.5 + 0.01 * k)
    return Task(net.model(), HAY, "Cell[0].soma(0.5)", a.tstop, -80.0)


def tree(a: argparse.Namespace) -> Task:
    """A cell of cylinders with Jaxley's channels; target: the trace of 0.9 times the first conductance."""
    from benchmarks.gradients.channels import hh

    t = trees.read(a.tree)
    c = heliox.Cell()
    for k, (parent, L, diam) in enumerate(t["branches"]):
        c.add_section(f"b[{k}]", L=L, diam=diam, connect=f"b[{parent}](1)" if parent >= 0 else "", Ra=100.0)
    c.nseg(t["ncomp"])
    if t.get("passive"):
        c.insert("pas", g=1e-4, e=-70.0)
    else:
        c.insert(hh)
    steps, first, last = trees.stimulated(t)
    c.place("IClamp", "b[0](0.5)", delay=first * trees.DT, dur=(last - first) * trees.DT, amp=t["amp"])
    names = PASSIVE if t.get("passive") else JAXLEY
    task = Task(c.model(), names, "b[0](0.5)", steps * trees.DT, -65.0, a.math)
    g = task.sim.var(names[0])
    value = g.values.copy()
    g[...] = 0.9 * value
    other = task.sim.engine.snapshot()
    d = task.differentiator(a.target_memory)
    task.start, start = other, task.start
    task.target = task.forward(d).copy()
    task.start = start
    return task


def measure(task: Task, a: argparse.Namespace) -> dict[str, Any]:
    """Medians of alternating runs: plain, taped, gradient without and with checkpoints."""
    whole, pieces = task.differentiator(a.limit), task.differentiator(a.memory)
    began = time.perf_counter()
    task.gradient(whole)
    first = time.perf_counter() - began
    peak = {"whole": rss()}
    found: dict[str, list[float]] = {"forward": [], "taped": [], "gradient": [], "checkpointed": []}
    task.run_plain()
    task.gradient(pieces)
    assert np.array_equal(whole.B, pieces.B)
    for _ in range(a.repeat):
        found["forward"].append(task.run_plain())
        found["taped"].append(seconds(lambda: task.forward(whole)))
        found["gradient"].append(seconds(lambda: task.gradient(whole)))
        found["checkpointed"].append(seconds(lambda: task.gradient(pieces)))
    s = {k: statistics.median(v) for k, v in found.items()}
    assert whole.schedule is not None and pieces.schedule is not None
    return {
        "compartments": task.compartments, "nodes": task.nodes, "steps": task.steps, "seconds": s,
        "runs": found, "first_gradient_s": first,
        "ratio": s["gradient"] / s["forward"], "ratio_checkpointed": s["checkpointed"] / s["forward"],
        "tape_bytes": whole.schedule.bytes, "bytes_per_compartment_step": whole.row_bytes / task.compartments,
        "checkpointed_bytes": pieces.schedule.bytes, "pieces": pieces.schedule.pieces,
        "recomputed": pieces.schedule.factor, "peak_rss_mib": peak["whole"],
    }  # fmt: skip


def memory(task: Task, a: argparse.Namespace) -> dict[str, Any]:
    """Peak resident size of a process that computes a gradient once, and of what it had before it began."""
    before = rss()
    task.gradient(task.differentiator(a.memory))
    return {"before_mib": before, "peak_mib": rss()}


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("task", choices=("swc", "hay", "tree"))
    p.add_argument("tree", nargs="?", help="file of a tree")
    p.add_argument("--swc")
    p.add_argument("--nseg", type=int, default=5)
    p.add_argument("--cells", type=int, default=32)
    p.add_argument("--tstop", type=float, default=20.0)
    p.add_argument("--memory", type=int, default=5_000_000, help="bytes of the gradient with checkpoints")
    p.add_argument("--limit", type=int, default=4_000_000_000, help="bytes of the one without")
    p.add_argument("--target-memory", type=int, default=2_000_000, help="bytes of the run of a tree's target")
    p.add_argument("--math", default="fast")
    p.add_argument("--repeat", type=int, default=5)
    p.add_argument("--save", help="file for voltages and gradient of a tree")
    p.add_argument("--once", action="store_true", help="one gradient with --memory, for its peak of memory")
    a = p.parse_args()
    task = {"swc": swc, "hay": hay, "tree": tree}[a.task](a)
    if a.once:
        out = memory(task, a)
    else:
        out = measure(task, a)
    if a.save:
        d = task.differentiator()
        value = task.gradient(d)
        gradient = [d.B[task.places(n)] for n in task.trained]
        np.savez(a.save, v=task.forward(d)[:, 0], loss=value, gradient=np.array(gradient))
    print(json.dumps({"version": heliox.__version__, **out}))


if __name__ == "__main__":
    main()
