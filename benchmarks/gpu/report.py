"""Results as JSON and as Markdown, and the machine they belong to."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.gpu.measurements import MEASUREMENTS
from benchmarks.gpu.timing import Row

NAME = "gpu"
SIDE = "| model | segments | nodes | us per step | steps | spikes | one CPU thread, us per step | CPU / GPU "
INTRODUCTION = """# GPU

`python -m benchmarks.gpu`: models built by committed code (`benchmarks/gpu/models.py`), math=fast, float64.
Microseconds of a step are medians of runs from the same beginning, in which nothing is recorded and all
spikes are; first runs (plan, kernels from the cache, upload, two steps) are apart. The CPU is HelioX's on
one thread of the same machine."""


def about(device: str) -> dict[str, str]:
    """GPU, driver, processor and versions."""
    out = {"device": device, **_gpu(device), "cpu": _cpu(), "python": platform.python_version()}
    for name in ("heliox", "numba", "numba-cuda", "cuda-bindings", "numpy"):
        try:
            out[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            out[name] = "none"
    return out


def _gpu(device: str) -> dict[str, str]:
    if not device.startswith("cuda"):
        return {"gpu": "none, a dry run"}
    out: dict[str, str] = {}
    try:
        from heliox.kernels import device as devices

        found: Any = devices.find(device)
        out = {
            "gpu": found.name, "capability": ".".join(map(str, found.capability)), "CUDA": str(found.driver),
            "memory": f"{found.memory / 2**30:.0f} GiB",
        }  # fmt: skip
    except Exception as e:
        out = {"gpu": f"unknown ({type(e).__name__})"}
    try:
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
        out["driver"] = done.stdout.split()[0]
    except (OSError, subprocess.SubprocessError, IndexError):
        pass
    return out


def _cpu() -> str:
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(x.split(":")[1].strip() for x in lines if x.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name}, {os.cpu_count()} cores"


def write(
    folder: Path, rows: list[Row], failures: dict[str, str], machine: dict[str, str], said: str
) -> None:
    """Write gpu.json and gpu.md, each beside its place first."""
    folder.mkdir(parents=True, exist_ok=True)
    data = {"machine": machine, "run": said, "rows": rows, "failures": failures}
    for name, text in (
        (f"{NAME}.json", json.dumps(data, indent=1) + "\n"),
        (f"{NAME}.md", markdown(rows, failures, machine, said)),
    ):
        beside = folder / f".{name}.tmp"
        beside.write_text(text)
        beside.replace(folder / name)


def read(folder: Path) -> tuple[list[Row], dict[str, str]]:
    """What `write` wrote, if anything."""
    try:
        found = json.loads((folder / f"{NAME}.json").read_text())
        return list(found["rows"]), dict(found["failures"])
    except (OSError, ValueError, KeyError):
        return [], {}


def markdown(rows: list[Row], failures: dict[str, str], machine: dict[str, str], said: str) -> str:
    """The figures as Markdown."""
    lines = [INTRODUCTION, "", ", ".join(f"{k} {v}" for k, v in machine.items()), "", said]
    of: dict[str, list[Row]] = {}
    for r in rows:
        of.setdefault(r["measurement"], []).append(r)
    lines += _beside(of) + _batches(of.get("class239", [])) + _gradients(of.get("gradients", []))
    lines += _trees(of.get("trees", []))
    lines += _overheads(of.get("overheads", [])) + _zoo(of.get("zoo", []))
    if failures:
        lines += ["", "## What failed", ""]
        lines += [f"* {name}: {' '.join(text.split())}" for name, text in failures.items()]
    return "\n".join(lines) + "\n"


def number(x: Any, digits: int = 1) -> str:
    """``""`` for None."""
    return "" if x is None else f"{x:,.{digits}f}"


def _bits(row: Row) -> str:
    return {"True": "yes", "False": "**no**"}.get(str(row.get("same_bits")), "not compared")


def _beside(of: dict[str, list[Row]]) -> list[str]:
    names = [n for n in MEASUREMENTS if n in of and n not in ("class239", "gradients", "trees", "overheads")]
    if not names:
        return []
    lines = [
        "", "## Models", "",
        SIDE + "| NEURON / GPU | same bits after so many steps | first run s | peak MB | GB/s | Gflop/s |",
        "|---" * 14 + "|",
    ]  # fmt: skip
    for n in names:
        r = of[n][-1]
        neuron = r["neuron_us"] / r["us_per_step"] if r.get("neuron_us") else None
        peak = r.get("peak_bytes")
        cells = (
            MEASUREMENTS[n].title, f"{r['segments']:,}", f"{r['nodes']:,}", number(r["us_per_step"]),
            r["steps"], r["spikes"], number(r.get("cpu_us_per_step")), number(r.get("ratio"), 2),
            number(neuron, 2),
            f"{_bits(r)}, {r.get('checked_steps', 0)}", number(r["first_run_s"]),
            number(None if peak is None else peak / 1e6), number(r.get("GB_per_s")),
            number(r.get("Gflop_per_s")),
        )  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def _batches(rows: list[Row]) -> list[str]:
    if not rows:
        return []
    r = rows[0]
    lines = [
        "", f"## Batches of a cell of {r['segments']} segments", "",
        f"hh everywhere, two conductances differ. One CPU thread takes {r['cpu_us_one']:.2f} us a step of "
        f"one member, and {r['cpu_us_many']:.2f} us a member-step of {r['cpu_members_many']} "
        f"members, which the ratio is to. NEURON takes {r['neuron_us']:.1f} us a step of the cell on one "
        "core of another machine.",
        "",
        "| members | us per step | member-steps per s | one CPU core / GPU | NEURON / GPU | same bits "
        "| first run s | peak MB | GB/s | Gflop/s |",
        "|---" * 10 + "|",
    ]  # fmt: skip
    for r in rows:
        peak = r.get("peak_bytes")
        lines.append(
            f"| {r['members']:,} | {number(r['us_per_step'])} | {r['member_steps_per_s']:,.0f} "
            f"| {number(r['ratio'])} | {number(r.get('neuron_ratio'))} | {_bits(r)} "
            f"| {number(r['first_run_s'])} | {number(None if peak is None else peak / 1e6)} "
            f"| {number(r.get('GB_per_s'))} | {number(r.get('Gflop_per_s'))} |"
        )
    return lines


def _gradients(rows: list[Row]) -> list[str]:
    if not rows:
        return []
    lines = [
        "", "## Gradients", "",
        f"Of the mean square of a soma's voltage less a number, over {rows[0]['steps']} steps, by two "
        "conductances of all segments; a gradient is a run with its tape and the sweep back.", "",
        "| model | members | a run, us per step | its gradient | one CPU thread: a run | its gradient "
        "| CPU / GPU | same bits | first run s |",
        "|---" * 9 + "|",
    ]  # fmt: skip
    for r in rows:
        cpu = r.get("cpu_gradient_us")
        cells = (
            r["model"], f"{r['members']:,}", number(r["value_us"]), number(r["gradient_us"]),
            number(r.get("cpu_value_us")), number(cpu),
            number(None if cpu is None else cpu / r["gradient_us"], 2), _bits(r), number(r["first_run_s"]),
        )  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _trees(rows: list[Row]) -> list[str]:
    if not rows:
        return []
    lines = [
        "", "## Passive trees", "",
        "| trees | nodes | order | the solve alone, us | ns a node | a step, us | first run s | peak MB |",
        "|---" * 8 + "|",
    ]  # fmt: skip
    for r in rows:
        solve, peak = r.get("solve_us"), r.get("peak_bytes")
        lines.append(
            f"| {r['trees']:,} | {r['nodes']:,} | {r['what']} | {number(solve)} "
            f"| {number(None if solve is None else 1e3 * solve / r['nodes'], 3)} "
            f"| {number(r.get('us_per_step'))} | {number(r['first_run_s'])} "
            f"| {number(None if peak is None else peak / 1e6)} |"
        )
    return lines


def _overheads(rows: list[Row]) -> list[str]:
    if not rows:
        return []
    lines = [
        "", "## Overheads", "", "| model | steps of a run | us of a run | us per step |", "|---|---|---|---|",
    ]  # fmt: skip
    lines += [
        f"| {r['what']} | {r['steps_of_a_run']:,} | {number(r['us_of_a_run'])} "
        f"| {number(r['us_per_step'], 2)} |"
        for r in rows
        if "us_of_a_run" in r
    ]
    return lines


def _zoo(rows: list[Row]) -> list[str]:
    if not rows:
        return []
    off = [r for r in rows if not r["same_bits"]]
    lines = ["", "## Same bits", ""]
    lines.append(
        f"{len(rows) - len(off)} of {len(rows)} small models (`tests/gpu/zoo.py`) have the same bits "
        "on both devices: "
        + ", ".join(r["model"] for r in rows if r["same_bits"]) + "."
    )  # fmt: skip
    lines += [f"* **{r['model']} differs**: {r['difference']}" for r in off]
    return lines
