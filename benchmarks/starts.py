"""First results in fresh processes, and a model of a million compartments in a thousand different trees.

    python -m benchmarks.starts first MODEL.h5   in a fresh process: load, plan, compile or not, run 1 ms
    python -m benchmarks.starts million          writes the model, then loads and plans it in a fresh process

Prints JSON; `python -m benchmarks.cpu` puts it into its table.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def first(file: str) -> dict[str, Any]:
    """The first millisecond of a saved model; `now` is the time when its result is there."""
    began = time.perf_counter()
    import heliox

    imported = time.perf_counter()
    model = heliox.load(file)
    loaded = time.perf_counter()
    sim = heliox.Simulation(model, threads=1, progress=False)
    v = sim.record("v", where=model.sections.name[0])
    planned = time.perf_counter()
    sim.run(1.0)
    assert len(v.values.ravel())
    return {
        "now": time.time(), "import_s": imported - began, "load_s": loaded - imported,
        "simulation_s": planned - loaded, "run_s": time.perf_counter() - planned,
    }  # fmt: skip


def starts(file: Path, repeat: int) -> dict[str, Any]:
    """Seconds from the start of a process to its first result: without a cache, and with one (the median)."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "HELIOX_CACHE": cache}
        found = []
        for _ in range(repeat + 1):
            began = time.time()
            out = _child(["first", str(file)], environment)
            found.append({**out, "seconds": out.pop("now") - began})
    cached = sorted(found[1:], key=lambda x: x["seconds"])[(len(found) - 2) // 2]
    return {"cold": found[0], "cached": cached}


def write_million(file: Path, trees: int) -> float:
    """A thousand different random trees of 100 sections of 10 segments; seconds to make the model."""
    import numpy as np

    import heliox

    rng = np.random.default_rng(1)
    began = time.perf_counter()
    net = heliox.Network()
    for k in range(trees):
        cell = heliox.Cell()
        for j in range(100):
            at = f"s{rng.integers(max(0, j - 12), j)}(1)" if j else ""
            length, diam = float(rng.uniform(60, 200)), float(rng.uniform(0.5, 3.0))
            cell.add_section(f"s{j}", L=length, diam=diam, nseg=10, connect=at)
        cell.insert("pas")
        cell.insert("hh", where="s0")
        net.add(cell, name=f"tree{k}")
    net.model().save(file)
    return time.perf_counter() - began


def load_and_plan(file: str) -> dict[str, Any]:
    """Seconds and memory of loading and planning, before anything is compiled or run."""
    import heliox
    from heliox.engine.layout import make_plan

    before = _memory()
    began = time.perf_counter()
    model = heliox.load(file)
    loaded = time.perf_counter()
    plan = make_plan(model, dt=model.settings.dt)
    planned = time.perf_counter()
    x = model.nodes.x
    segments = int(((model.nodes.section >= 0) & (x > 0) & (x < 1)).sum())
    return {
        "nodes": len(model.nodes), "segments": segments, "chunks": plan.chunks, "load_s": loaded - began,
        "plan_s": planned - loaded, "memory_GB": _memory(), "of_python_GB": before,
    }  # fmt: skip


def million(repeat: int, trees: int = 1000) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "million.h5"
        made = write_million(file, trees)
        size = file.stat().st_size / 1e9
        found = [_child(["plan", str(file)], dict(os.environ)) for _ in range(repeat)]
    middle = {k: statistics.median(x[k] for x in found) for k in ("load_s", "plan_s", "memory_GB")}
    return {**found[0], **middle, "trees": trees, "made_s": made, "file_GB": size}


def _memory() -> float:
    """Most memory this process has had, GB."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says here may be the parent's
        text = status.read_text()
        return int(text.partition("VmHWM:")[2].split()[0]) / 1e6
    per = 1e9 if sys.platform == "darwin" else 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / per


def _child(arguments: list[str], environment: dict[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.starts", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("task", choices=("first", "plan", "million"))
    p.add_argument("file", nargs="?")
    p.add_argument("--repeat", type=int, default=3)
    a = p.parse_args()
    result = {"first": lambda: first(a.file), "plan": lambda: load_and_plan(a.file)}.get(
        a.task, lambda: million(a.repeat)
    )()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
