"""HelioX on one CPU thread against NEURON and CoreNEURON, all in one process for each model.

    python -m benchmarks.cpu [--repeat N] [--hay FOLDER] [--hpc FOLDER] [--only TEXT ...]

FOLDER: where the mod files of the model have been compiled by ``nrnivmodl -coreneuron``: for ``--hay`` a
checkout of ModelDB 139653 (without epsp.mod, which CoreNEURON cannot have), for ``--hpc`` the channels of
Figure5/ActiveMechanisms of pkuzyc/DeepDendrite (without NMDA.mod and vecevent.mod). The human pyramidal cells
need HELIOX_DATA (see heliox.cells). What is not given is left out.

Writes benchmarks/results/cpu.json and cpu.md. Compilation is measured apart: the first run of every
model warms up.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
MILLION = "million"


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
        "cpu": name, "python": platform.python_version(), "heliox": heliox.__version__,
        "numba": numba.__version__, "numpy": numpy.__version__, "neuron": neuron.__version__,
    }  # fmt: skip


def save(name: str, rows: list[dict], about: dict[str, str], text: str, **more: object) -> None:
    """Write benchmarks/results/<name>.json and <name>.md."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(
        json.dumps({"machine": about, "rows": rows, **more}, indent=1) + "\n"
    )
    (RESULTS / f"{name}.md").write_text(text)


def measure(name: str, repeat: int, folder: Path | None) -> dict[str, Any]:
    """Seconds of all simulators on one model, medians of `repeat` alternating runs."""
    import numpy as np

    import heliox
    from benchmarks.models import MODELS, VARIED, library

    task = MODELS[name]
    if folder is not None and task.coreneuron:
        os.environ["CORENEURONLIB"] = str(library(folder, "corenrnmech"))
    from neuron import h

    h.load_file("stdrun.hoc")
    if folder is not None:
        h.nrn_load_dll(str(library(folder)))
    keep = task.build(h, folder or Path())
    h.dt = 0.025
    segments, steps = sum(s.nseg for s in h.allsec()), round(task.tstop / h.dt)
    began = time.perf_counter()
    model = heliox.from_neuron(v_init=task.v_init)
    freeze = time.perf_counter() - began

    def simulation(threads: int) -> tuple[Any, Any, float]:
        began = time.perf_counter()
        vary = VARIED if task.sets > 1 else ()
        sim = heliox.Simulation(model, threads=threads, batch=task.sets, vary=vary, progress=False)
        rng = np.random.default_rng(1)
        for variable in vary:  # the first set is the published one
            handle = sim.var(variable)
            factor = rng.uniform(0.8, 1.2, (task.sets, 1))
            factor[0] = 1.0
            handle[...] = np.asarray(handle.values) * factor
        v = sim.record("v", where=model.sections.name[0])
        sim.run(task.tstop if task.sets == 1 else 1.0)
        return sim, v, time.perf_counter() - began

    sim, v, first = simulation(1)
    reference = h.Vector().record(next(iter(h.allsec()))(0.5)._ref_v)
    run: dict[str, Callable[[], float]] = {"neuron": lambda: neuron_run(h, task.v_init, task.tstop, False)}
    if task.coreneuron:
        run["coreneuron"] = lambda: neuron_run(h, task.v_init, task.tstop, True)
    run["heliox"] = lambda: heliox_run(sim, task.tstop)
    if task.threads:
        two = simulation(2)[0]
        run["two_threads"] = lambda: heliox_run(two, task.tstop)
    seconds: dict[str, list[float]] = {who: [] for who in run}
    off: dict[str, float] = {}
    expected = np.empty(0)
    for _ in range(repeat):
        for who, go in run.items():
            seconds[who].append(go())
            if who == "neuron":
                expected = np.array(reference)
            elif who == "coreneuron":
                off[who] = float(np.abs(expected - np.array(reference)).max())
    values = v.values[0] if task.sets > 1 else np.atleast_2d(v.values)[len(v.names) // 2]
    off["heliox"] = float(np.abs(expected - values.ravel()).max())
    medians = {f"{who}_s": statistics.median(x) for who, x in seconds.items()}
    medians["heliox_s"] /= task.sets
    if task.coreneuron:
        medians["coreneuron_setup_s"] = statistics.median(
            neuron_run(h, task.v_init, h.dt, True) for _ in range(3)
        )
    out = {
        "model": name, "segments": segments, "steps": steps, "tstop_ms": task.tstop, "sets": task.sets,
        **medians, "ratio": medians["neuron_s"] / medians["heliox_s"], "runs_s": seconds,
        "freeze_s": freeze, "first_run_s": first,
        "ns_per_segment_step": 1e9 * medians["heliox_s"] / (segments * steps), "max_dv_mV": off["heliox"],
        "coreneuron_dv_mV": off.get("coreneuron"),
    }  # fmt: skip
    if task.starts:
        from benchmarks.starts import starts

        with tempfile.TemporaryDirectory() as place:
            model.save(Path(place) / "model.h5")
            out["starts"] = starts(Path(place) / "model.h5", repeat)
    del keep
    return out


def neuron_run(h: Any, v_init: float, tstop: float, core: bool) -> float:
    """Seconds of psolve; those of CoreNEURON hold the transfer of the model."""
    from neuron import coreneuron

    coreneuron.enable, coreneuron.verbose = core, 0
    pc = h.ParallelContext()
    pc.set_maxstep(10)
    h.finitialize(v_init)
    began = time.perf_counter()
    pc.psolve(tstop)
    return time.perf_counter() - began


def heliox_run(sim: Any, tstop: float) -> float:
    sim.reset()
    began = time.perf_counter()
    sim.run(tstop)
    return time.perf_counter() - began


def table(rows: list[dict], about: dict[str, str], million: dict[str, Any] | None) -> str:
    """The figures as Markdown."""
    lines = [
        "# CPU, one thread, against NEURON and CoreNEURON",
        "",
        "`python -m benchmarks.cpu`: medians of alternating runs in one process, math=fast, compilation "
        "apart.",
        "CoreNEURON's seconds hold the transfer of the model into it (set-up: a run of one step). Of "
        "parameter sets",
        "seconds are per set, NEURON's those of one.",
        "",
        ", ".join(f"{k} {v}" for k, v in about.items()),
        "",
        "| model | segments | steps | NEURON s | CoreNEURON s | of that set-up s | HelioX s "
        "| NEURON / HelioX | CoreNEURON / HelioX | ns per segment-step | freeze s | first run s "
        "| max dV mV |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        core = ("", "", "")
        if "coreneuron_s" in r:
            s = r["coreneuron_s"]
            core = (f"{s:.3f}", f"{r['coreneuron_setup_s']:.3f}", f"{s / r['heliox_s']:.2f}")
        lines.append(
            f"| {r['model']} | {r['segments']} | {r['steps']} | {r['neuron_s']:.3f} | {core[0]} | {core[1]} "
            f"| {r['heliox_s']:.3f} | {r['ratio']:.2f} | {core[2]} | {r['ns_per_segment_step']:.2f} "
            f"| {r['freeze_s']:.2f} | {r['first_run_s']:.1f} | {r['max_dv_mV']:.1e} |"
        )
    notes = []
    for r in rows:
        if "two_threads_s" in r:
            two = r["two_threads_s"]
            notes.append(
                f"* {r['model']} with two threads: {two:.3f} s, {r['heliox_s'] / two:.2f} times one."
            )
        if "starts" in r:
            cold, cached = (r["starts"][k] for k in ("cold", "cached"))
            parts = ", ".join(f"{k} {cached[f'{k}_s']:.2f}" for k in ("import", "load", "simulation", "run"))
            notes.append(
                f"* {r['model']} from its file, start of the process to the result after 1 ms: first start "
                f"{cold['seconds']:.1f} s, later starts {cached['seconds']:.2f} s ({parts})."
            )
    if million:
        m = million
        notes.append(
            f"* {m['segments']:,} segments ({m['nodes']:,} nodes) in {m['trees']:,} different trees: load "
            f"{m['load_s']:.2f} s, plan {m['plan_s']:.2f} s, {m['memory_GB']:.2f} GB at most, of which "
            f"{m['of_python_GB']:.2f} GB before; file {m['file_GB']:.2f} GB."
        )
    return "\n".join(lines + ["", *notes] if notes else lines) + "\n"


def missing(needs: tuple[str, ...], folders: dict[str, Path | None]) -> list[str]:
    """What a task needs and has not."""
    out = ["HELIOX_DATA"] if "data" in needs and "HELIOX_DATA" not in os.environ else []
    return out + [f"--{n}" for n in needs if n in folders and folders[n] is None]


def main() -> None:
    from benchmarks.models import MODELS
    from benchmarks.starts import million

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--hay", type=Path, metavar="FOLDER")
    parser.add_argument("--hpc", type=Path, metavar="FOLDER")
    parser.add_argument(
        "--only", nargs="+", metavar="TEXT", help="models with this in their names; the other rows stay"
    )
    parser.add_argument("--model", help="measure this one and print JSON")
    options = parser.parse_args()
    folders: dict[str, Path | None] = {"hay": options.hay, "hpc": options.hpc}
    if options.model:
        mine = [f for n, f in folders.items() if n in MODELS[options.model].needs]
        row = measure(options.model, options.repeat, mine[0].resolve() if mine and mine[0] else None)
        print(json.dumps({"row": row, "machine": machine()}))
        return
    rows, about = earlier(options.only), {}
    for name, task in MODELS.items():  # a process each: NEURON sessions do not mix
        if options.only and not any(x in name for x in options.only):
            continue
        if lacks := missing(task.needs, folders):
            print(f"{name}: left out, it needs {' and '.join(lacks)}", flush=True)
            continue
        command = [sys.executable, "-m", "benchmarks.cpu", "--model", name, "--repeat", str(options.repeat)]
        for n, folder in folders.items():
            command += [f"--{n}", str(folder)] if folder else []
        began = time.perf_counter()
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
        got = json.loads(done.stdout.splitlines()[-1])
        rows[name], about = got["row"], got["machine"]
        took = time.perf_counter() - began
        print(f"{name}: {got['row']['ratio']:.2f} x NEURON ({took:.0f} s)", flush=True)
    if not options.only or MILLION in options.only:
        rows[MILLION] = million(options.repeat)
    ordered = [rows[name] for name in MODELS if name in rows]
    save(
        "cpu",
        ordered,
        about or machine(),
        table(ordered, about or machine(), rows.get(MILLION)),
        **{MILLION: rows.get(MILLION)},
    )


def earlier(only: list[str] | None) -> dict[str, dict]:
    """Where only some models are measured anew: the rows of the others, by name."""
    file = RESULTS / "cpu.json"
    if not only or not file.exists():
        return {}
    found = json.loads(file.read_text())
    return {r["model"]: r for r in found["rows"]} | ({MILLION: found[MILLION]} if found.get(MILLION) else {})


if __name__ == "__main__":
    main()
