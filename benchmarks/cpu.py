"""HelioX on one CPU thread against NEURON, both in this process.

    python -m benchmarks.cpu [--repeat N]

Writes benchmarks/results/cpu.json and cpu.md. Compilation is measured apart: the first run of every model warms up.
The pyramidal cells need HELIOX_DATA (see heliox.cells).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    import neuron
    import numba
    import numpy

    import heliox

    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(x.split(":")[1].strip() for x in lines if x.startswith("model name"))
        family = next(x.split(":")[1].strip() for x in lines if x.startswith("cpu family"))
        name = f"{model}, family {family}, {os.cpu_count()} cores"
    except (OSError, StopIteration):
        pass
    return {
        "cpu": name, "python": platform.python_version(), "heliox": heliox.__version__, "numba": numba.__version__,
        "numpy": numpy.__version__, "neuron": neuron.__version__,
    }  # fmt: skip


def save(name: str, rows: list[dict], about: dict[str, str], text: str) -> None:
    """Write benchmarks/results/<name>.json and <name>.md."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps({"machine": about, "rows": rows}, indent=1) + "\n")
    (RESULTS / f"{name}.md").write_text(text)


def measure(name: str, repeat: int) -> dict[str, object]:
    """Seconds of NEURON and HelioX on one model, medians of `repeat` alternating runs."""
    import numpy as np
    from neuron import h

    import heliox
    from benchmarks.models import MODELS

    h.load_file("stdrun.hoc")
    build, tstop = MODELS[name]
    keep = build(h)
    h.dt = 0.025
    pc = h.ParallelContext()
    segments = sum(s.nseg for s in h.allsec())
    began = time.perf_counter()
    model = heliox.from_neuron(v_init=-65)
    freeze = time.perf_counter() - began
    began = time.perf_counter()
    sim = heliox.Simulation(model, threads=1, progress=False)
    v = sim.record("v", where=model.sections.name[0])
    sim.run(tstop)
    first = time.perf_counter() - began
    reference = h.Vector().record(next(iter(h.allsec()))(0.5)._ref_v)
    seconds: dict[str, list[float]] = {"neuron": [], "heliox": []}
    for _ in range(repeat):
        pc.set_maxstep(10)
        h.finitialize(-65)
        began = time.perf_counter()
        pc.psolve(tstop)
        seconds["neuron"].append(time.perf_counter() - began)
        sim.reset()
        began = time.perf_counter()
        sim.run(tstop)
        seconds["heliox"].append(time.perf_counter() - began)
    middle = np.atleast_2d(v.values)[len(v.names) // 2]
    steps = round(tstop / h.dt)
    neuron_s, heliox_s = (statistics.median(seconds[k]) for k in ("neuron", "heliox"))
    del keep
    return {
        "model": name, "segments": segments, "steps": steps, "tstop_ms": tstop, "neuron_s": neuron_s, "heliox_s": heliox_s,
        "ratio": neuron_s / heliox_s, "ns_per_segment_step": 1e9 * heliox_s / (segments * steps), "freeze_s": freeze,
        "first_run_s": first, "max_dv_mV": float(np.abs(np.array(reference) - middle).max()),
    }  # fmt: skip


def table(rows: list[dict], about: dict[str, str]) -> str:
    """The figures as Markdown."""
    lines = [
        "# CPU, one thread, against NEURON",
        "",
        "`python -m benchmarks.cpu`: medians of alternating runs in one process, math=fast, compilation apart.",
        "",
        ", ".join(f"{k} {v}" for k, v in about.items()),
        "",
        "| model | segments | steps | NEURON s | HelioX s | ratio | ns per segment-step | freeze s | first run s | max dV mV |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        lines.append(
            f"| {r['model']} | {r['segments']} | {r['steps']} | {r['neuron_s']:.3f} | {r['heliox_s']:.3f} | {r['ratio']:.2f} "
            f"| {r['ns_per_segment_step']:.2f} | {r['freeze_s']:.2f} | {r['first_run_s']:.1f} | {r['max_dv_mV']:.1e} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    from benchmarks.models import MODELS

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--model", help="measure this one and print JSON")
    options = parser.parse_args()
    if options.model:
        print(json.dumps({"row": measure(options.model, options.repeat), "machine": machine()}))
        return
    rows, about = [], {}
    for name in MODELS:  # a process each: NEURON sessions do not mix
        if "pyramidal" in name and "HELIOX_DATA" not in os.environ:
            print(f"{name}: left out, it needs HELIOX_DATA", flush=True)
            continue
        command = [sys.executable, "-m", "benchmarks.cpu", "--model", name, "--repeat", str(options.repeat)]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        got = json.loads(out.splitlines()[-1])
        rows.append(got["row"])
        about = got["machine"]
        print(f"{name}: {got['row']['ratio']:.2f} x NEURON", flush=True)
    save("cpu", rows, about, table(rows, about))


if __name__ == "__main__":
    main()
