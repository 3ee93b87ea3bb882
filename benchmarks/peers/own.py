"""The tasks of the peers in HelioX, NEURON and CoreNEURON. One task a process.

python -m benchmarks.peers.own ring --simulator heliox --cells 1024 --tstop 50
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any


def ring(a: argparse.Namespace) -> dict[str, Any]:
    """The ring of `benchmarks.models`."""
    from neuron import h

    from benchmarks.models import ring as build

    h.load_file("stdrun.hoc")
    keep = build(h, a.cells)
    h.dt = a.dt
    segments = sum(s.nseg for s in h.allsec())
    seconds = heliox_ring(a) if a.simulator == "heliox" else neuron_ring(h, a)
    del keep
    return {"compartments": segments, "steps": round(a.tstop / a.dt), **seconds}


def heliox_ring(a: argparse.Namespace) -> dict[str, Any]:
    import heliox

    model = heliox.from_neuron(v_init=-65)
    sim = heliox.Simulation(model, threads=a.threads, progress=False)
    return run(sim, sim.reset, a)


def run(sim: Any, begin: Callable[[], None], a: argparse.Namespace) -> dict[str, Any]:
    """First run apart, then the median of `repeat`, each from `begin` on."""
    began = time.perf_counter()
    sim.run(a.tstop)
    first = time.perf_counter() - began
    seconds = []
    for _ in range(a.repeat):
        begin()
        began = time.perf_counter()
        sim.run(a.tstop)
        seconds.append(time.perf_counter() - began)
    return {"seconds": statistics.median(seconds), "first_run_s": first, "spikes": len(sim.spikes.t)}


def neuron_ring(h: Any, a: argparse.Namespace) -> dict[str, Any]:
    pc = h.ParallelContext()
    pc.set_maxstep(10)
    core = a.simulator == "coreneuron"
    h.CVode().cache_efficient(True)
    if core:
        from neuron import coreneuron

        coreneuron.enable = True
        coreneuron.verbose = 0
    seconds = []
    for _ in range(a.repeat):
        h.finitialize(-65)
        began = time.perf_counter()
        pc.psolve(a.tstop)
        seconds.append(time.perf_counter() - began)
    return {"seconds": statistics.median(seconds)}


def cell(a: argparse.Namespace) -> dict[str, Any]:
    """A cell from an SWC file with hh everywhere, a current into the soma; a batch differs in the current."""
    import numpy as np

    import heliox

    c = heliox.morphology(a.swc)
    c.nseg(a.nseg)
    c.insert("hh")
    c.set(Ra=100.0)
    soma = c.sections.names[0]
    c.place("IClamp", f"{soma}(0.5)", delay=1.0, dur=0.8 * a.tstop - 1.0, amp=2.0)
    model = c.model()
    sim = heliox.Simulation(model, batch=a.members, vary=["IClamp.amp"], threads=a.threads, progress=False)
    if a.members > 1:
        sim.var("IClamp.amp")[...] = 2.0 * np.linspace(1.0, 1.5, a.members)[:, None]
    sim.initialize(-65)
    v = sim.record(f"{soma}(0.5).v")
    out = run(sim, lambda: sim.initialize(-65), a)
    x = model.nodes.x
    segments = int(((model.nodes.section >= 0) & (x > 0) & (x < 1)).sum())  # without the ends of sections
    return {
        "compartments": segments * a.members, "steps": round(a.tstop / a.dt), **out,
        "v_max": float(v.values.max()),
    }  # fmt: skip


def main() -> None:
    import heliox

    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("task", choices=("ring", "cell"))
    p.add_argument("--simulator", choices=("heliox", "neuron", "coreneuron"), default="heliox")
    p.add_argument("--swc")
    p.add_argument("--nseg", type=int, default=4)
    p.add_argument("--cells", type=int, default=1024)
    p.add_argument("--members", type=int, default=1)
    p.add_argument("--tstop", type=float, default=50.0)
    p.add_argument("--dt", type=float, default=0.025)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--repeat", type=int, default=3)
    a = p.parse_args()
    result = {"ring": ring, "cell": cell}[a.task](a)
    print(json.dumps({"version": heliox.__version__, **result}))


if __name__ == "__main__":
    main()
