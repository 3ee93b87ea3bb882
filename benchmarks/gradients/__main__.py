"""What gradients cost on one thread, and Jaxley's gradients beside them. Each task in a process of its own.

    python -m benchmarks.gradients --swc CELL.swc --jaxley PYTHON

`PYTHON`: an interpreter whose environment has Jaxley (0.14); without it the peer is left out. The pyramidal
cells need HELIOX_DATA (see heliox.cells). Writes benchmarks/results/gradients.json and gradients.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cpu import machine, save
from benchmarks.gradients import trees
from benchmarks.peers.__main__ import measure

HERE = Path(__file__).parent
OWN = ["-m", "benchmarks.gradients.own"]
JAXLEY = [str(HERE / "jaxley_gradient.py")]
SMALL_MEMORY, LARGE_MEMORY = 5_000_000, 200_000_000
AS_JAXLEY = 12_300_000  # bytes that XLA needs for the cell with two levels of checkpoints

INTRODUCTION = """# Gradients, CPU, one thread

`python -m benchmarks.gradients`: CPU seconds, medians of alternating runs, math=fast, float64, compilation
apart. Compartments are those that have a membrane; nodes, with the ends of sections, are what is solved.
Loss: the mean square of a soma's voltage less a target. Peaks are resident sizes of processes that compute
one gradient, and by how much that is above what they had before it."""

PEER = """
## Jaxley

`jax.value_and_grad` of the loss, by the sodium conductance of the whole cell; checkpoints as in its
tutorials, of two levels. Read from the same file the cells differ slightly; as cylinders they are the same
to the last rounding. HelioX's gradient is that of all conductances of all compartments. Ratios are per
compartment and step, of runs without checkpoints, and of runs with checkpoints in the memory that Jaxley
takes. Memory of a gradient: tape and checkpoints, or XLA's scratch."""

AGREEMENT = """
## Agreement with Jaxley

Cells of cylinders, every branch at the 1 end of its parent; Jaxley's `Leak` is `pas`, its `HH` is written
as a mechanism of HelioX (`benchmarks/gradients/channels.py`). Both take implicit Euler steps of the voltage
with the slope of the current over 0.001 mV, and exponential Euler steps of the gates. Jaxley advances the
gates before the voltage, HelioX after it: from gates at rest, which a first step leaves where they are, both
take the same steps. What remains is rounding, and the exponential function of `math="fast"`. Gradients of
the loss by the conductances of every compartment: largest difference of a conductance relative to its
largest component, and to each component itself, with the decades that components span."""

COST = (
    "model", "compartments (nodes)", "steps", "forward s", "gradient s", "ratio", "with checkpoints s",
    "ratio", "tape, bytes per compartment-step", "tape MB", "with checkpoints MB", "forward steps a step",
    "peak MiB (above)", "with checkpoints MiB (above)",
)  # fmt: skip
PEERS = (
    "task", "simulator", "checkpoints", "compartments", "steps", "forward s", "gradient s", "of forward",
    "ns per compartment-step", "HelioX is faster by", "MB of the gradient", "bytes per compartment-step",
    "peak MiB (above)",
)  # fmt: skip
AGREEMENTS = (
    "model", "compartments", "steps", "peak mV", "largest dV mV", "loss", "relative error", "parameters",
    "error, of the largest", "error, of each", "decades",
)  # fmt: skip


def head(names: tuple[str, ...]) -> list[str]:
    """The first two lines of a table."""
    return ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]


def row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def above(peak: dict[str, float]) -> str:
    return f"{peak['peak_mib']:.0f} ({peak['peak_mib'] - peak['before_mib']:.0f})"


def own(options: list[str], memory: int, repeat: int) -> dict[str, Any]:
    """Figures of HelioX, with the peak of memory of two more processes: whole tape, and `memory` bytes."""
    found = measure(sys.executable, OWN, [*options, "--memory", str(memory), "--repeat", str(repeat)])
    for name, limit in (("rss_whole", 4_000_000_000), ("rss_checkpointed", memory)):
        found[name] = measure(sys.executable, OWN, [*options, "--memory", str(limit), "--once"])
    return found


def costs(a: argparse.Namespace) -> list[dict[str, Any]]:
    """HelioX's own ratios."""
    rows = []
    if a.swc:
        options = ["swc", "--swc", a.swc, "--nseg", str(a.ncomp)]
        rows.append({"task": "hh cell from SWC", **own(options, SMALL_MEMORY, a.repeat)})
    if "HELIOX_DATA" in os.environ:
        options = ["hay", "--cells", str(a.cells)]
        rows.append({"task": f"{a.cells} pyramidal cells of layer 5", **own(options, LARGE_MEMORY, a.repeat)})
    else:
        print("pyramidal cells: left out, they need HELIOX_DATA", flush=True)
    for r in rows:
        print(
            f"{r['task']}: {r['ratio']:.2f} x forward, {r['ratio_checkpointed']:.2f} x with checkpoints",
            flush=True,
        )
    return [{"kind": "cost", "simulator": "heliox", **r} for r in rows]


def peers(a: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """The cell as each reads the file, and the same cell of cylinders in both."""
    tree = folder / "cell.json"
    tree.write_text(json.dumps(trees.from_swc(a.swc, a.ncomp)))
    rows: list[dict[str, Any]] = []
    for task, mine, theirs in (
        ("hh cell from SWC", ["swc", "--swc", a.swc, "--nseg", str(a.ncomp)], a.swc),
        ("the same as cylinders", ["tree", str(tree)], str(tree)),
    ):
        for memory in (AS_JAXLEY, SMALL_MEMORY):
            rows.append({"task": task, "simulator": "heliox", **own(mine, memory, a.repeat)})
        for levels in (0, 2):
            options = [theirs, "--ncomp", str(a.ncomp), "--levels", str(levels), "--repeat", str(a.repeat)]
            rows.append(
                {"task": task, "simulator": "jaxley", "levels": levels, **measure(a.jaxley, JAXLEY, options)}
            )
            print(f"{task}: jaxley {rows[-1]['seconds']['gradient']:.3f} s", flush=True)
    return [{"kind": "peer", **r} for r in rows]


def agreement(a: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Voltages, losses and gradients of all conductances of all compartments, from both."""
    models = {"passive tree": trees.passive(), "hh tree": trees.small()}
    if a.swc:
        models["hh cell from SWC as cylinders"] = trees.from_swc(a.swc, a.ncomp)
    rows = []
    for name, tree in models.items():
        at = folder / "tree.json"
        at.write_text(json.dumps(tree))
        a_file, b_file = folder / "heliox.npz", folder / "jaxley.npz"
        measure(
            sys.executable,
            OWN,
            ["tree", str(at), "--repeat", "1", "--save", str(a_file), "--memory", "100000000"],
        )
        measure(a.jaxley, JAXLEY, [str(at), "--every", "--repeat", "1", "--save", str(b_file)])
        ours, theirs = np.load(a_file), np.load(b_file)
        g, o = ours["gradient"], theirs["gradient"]
        rows.append({
            "kind": "agreement", "task": name, "compartments": g.shape[1], "steps": len(ours["v"]) - 1,
            "v_max": float(ours["v"].max()), "dv": float(np.abs(ours["v"] - theirs["v"]).max()),
            "loss": float(ours["loss"]), "loss_error": float(abs(ours["loss"] / theirs["loss"] - 1)),
            "parameters": int(g.size),
            "error_of_largest": float((np.abs(g - o).max(axis=1) / np.abs(o).max(axis=1)).max()),
            "error_of_each": float((np.abs(g - o) / np.abs(o)).max()),
            "range": float(np.log10((np.abs(o).max(axis=1) / np.abs(o).min(axis=1)).max())),
        })  # fmt: skip
        print(f"{name}: {rows[-1]['error_of_largest']:.1e} of the largest component", flush=True)
    return rows


def table(rows: list[dict[str, Any]], about: dict[str, str]) -> str:
    """The figures as Markdown."""
    lines = [
        INTRODUCTION,
        "",
        ", ".join(f"{k} {v}" for k, v in about.items()),
        "",
        "## Cost",
        "",
        *head(COST),
    ]
    for r in rows:
        if r["kind"] == "cost":
            s, whole, pieces = r["seconds"], r["rss_whole"], r["rss_checkpointed"]
            cells = (
                r["task"],
                f"{r['compartments']} ({r['nodes']})",
                r["steps"],
                f"{s['forward']:.4f}",
                f"{s['gradient']:.4f}",
                f"{r['ratio']:.2f}",
                f"{s['checkpointed']:.4f}",
                f"{r['ratio_checkpointed']:.2f}",
                f"{r['bytes_per_compartment_step']:.1f}",
                f"{r['tape_bytes'] / 1e6:.1f}",
                f"{r['checkpointed_bytes'] / 1e6:.2f}",
                f"{r['recomputed']:.2f}",
                above(whole),
                above(pieces),
            )
            lines.append(row(*cells))
    if any(r["kind"] == "peer" for r in rows):
        lines += peer_table([r for r in rows if r["kind"] == "peer"])
    if any(r["kind"] == "agreement" for r in rows):
        lines += agreement_table([r for r in rows if r["kind"] == "agreement"])
    return "\n".join(lines) + "\n"


def peer_table(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        PEER,
        "",
        *head(PEERS),
    ]
    best: dict[tuple[str, str], float] = {}
    ns: dict[tuple[str, bool], float] = {}
    for r in rows:
        n = r["compartments"] * r["steps"]
        kinds: list[tuple[str, float, float, dict[str, float]]]
        if r["simulator"] == "heliox":
            kinds = [
                ("none", r["seconds"]["gradient"], r["tape_bytes"], r["rss_whole"]),
                (
                    str(r["pieces"]),
                    r["seconds"]["checkpointed"],
                    r["checkpointed_bytes"],
                    r["rss_checkpointed"],
                ),
            ]
            if (r["task"], True) in ns:  # the same run with less memory
                kinds = kinds[1:]
        else:
            lengths = r["lengths"]
            kinds = [
                ("x".join(map(str, lengths)) if lengths else "none", r["seconds"]["gradient"], r["bytes"], r)
            ]
        for checkpoints, seconds, size, peak in kinds:
            key = r["task"], checkpoints == "none"
            if r["simulator"] == "heliox":
                ns.setdefault(key, 1e9 * seconds / n)
            fastest = r["task"], r["simulator"]
            best[fastest] = min(best.get(fastest, np.inf), 1e9 * seconds / n)
            cells = (
                r["task"],
                f"{r['simulator']} {r['version']}",
                checkpoints,
                r["compartments"],
                r["steps"],
                f"{r['seconds']['forward']:.4f}",
                f"{seconds:.4f}",
                f"{seconds / r['seconds']['forward']:.2f}",
                f"{1e9 * seconds / n:.1f}",
                f"{1e9 * seconds / n / ns[key]:.2f}",
                f"{size / 1e6:.2f}",
                f"{size / n:.1f}",
                above(peak),
            )
            lines.append(row(*cells))
    lines.append("")
    for task, simulator in best:
        if simulator == "jaxley":
            ratio = best[task, simulator] / best[task, "heliox"]
            lines.append(f"The fastest of each, {task}: HelioX is faster by {ratio:.2f}.")
    return lines


def agreement_table(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        AGREEMENT,
        "",
        *head(AGREEMENTS),
    ]
    for r in rows:
        cells = (
            r["task"],
            r["compartments"],
            r["steps"],
            f"{r['v_max']:.1f}",
            f"{r['dv']:.1e}",
            f"{r['loss']:.4g}",
            f"{r['loss_error']:.1e}",
            r["parameters"],
            f"{r['error_of_largest']:.1e}",
            f"{r['error_of_each']:.1e}",
            f"{r['range']:.1f}",
        )
        lines.append(row(*cells))
    return lines


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--jaxley", metavar="PYTHON")
    p.add_argument("--swc", help="morphology of the hh cell")
    p.add_argument("--ncomp", type=int, default=5, help="compartments of a section or branch")
    p.add_argument("--cells", type=int, default=32, help="pyramidal cells")
    p.add_argument("--repeat", type=int, default=5)
    a = p.parse_args()
    rows = costs(a)
    with tempfile.TemporaryDirectory() as folder:
        if a.jaxley and a.swc:
            rows += peers(a, Path(folder))
        if a.jaxley:
            rows += agreement(a, Path(folder))
    about = machine()
    save("gradients", rows, about, table(rows, about))


if __name__ == "__main__":
    main()
