"""HelioX and its peers side by side on the same models, one thread.

Each run is a process of its own; the simulators take turns, and a figure is the median over the rounds.

    python -m benchmarks.peers --arbor PYTHON --jaxley PYTHON --swc CELL.swc

`PYTHON`: an interpreter whose environment has Arbor (0.12) or Jaxley (0.14); without it the peer is left out.
Writes benchmarks/results/peers.json and peers.md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from itertools import groupby
from pathlib import Path

from benchmarks.cpu import machine, save

HERE = Path(__file__).parent


def measure(python: str, script: list[str], options: list[str]) -> dict:
    """What a task prints, as its last line."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [python, *script, *options], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(script + options)} failed:\n{done.stderr[-3000:]}")
    found: dict = json.loads(done.stdout.splitlines()[-1])
    return found


def tasks(a: argparse.Namespace) -> list[tuple[str, str, str, list[str], list[str]]]:
    """(task, simulator, python, script, options)"""
    own = ["-m", "benchmarks.peers.own"]
    out = []
    for cells, tstop in ((64, 200), (1024, 50)):
        options = ["--cells", str(cells), "--tstop", str(tstop), "--repeat", str(a.repeat)]
        for simulator in ("heliox", "neuron", "coreneuron"):
            out.append(
                (
                    f"ring of {cells}",
                    simulator,
                    sys.executable,
                    own,
                    ["ring", "--simulator", simulator, *options],
                )
            )
        if a.arbor:
            out.append((f"ring of {cells}", "arbor", a.arbor, [str(HERE / "arbor_ring.py")], options))
    if a.swc:
        for members in (1, 16):
            task = f"hh cell from SWC, {members} member{'s' if members > 1 else ''}"
            options = ["--members", str(members), "--tstop", "20", "--repeat", str(a.repeat)]
            swc = ["cell", "--swc", a.swc, "--nseg", str(a.nseg)]
            out.append((task, "heliox", sys.executable, own, [*swc, *options]))
            if a.jaxley:
                script = [str(HERE / "jaxley_cell.py"), a.swc, "--ncomp", str(a.ncomp)]
                out.append((task, "jaxley", a.jaxley, script, options))
    return out


def table(rows: list[dict], about: dict[str, str]) -> str:
    """The figures as Markdown; ratios are per compartment and step."""
    lines = [
        "# HelioX and its peers, CPU, one thread",
        "",
        "`python -m benchmarks.peers`: medians of several runs in each of several processes that take "
        "turns, math=fast,",
        "float64, compilation apart.",
        "Arbor solves another problem: its hh uses rational approximations, and every fork is a volume of "
        "its own.",
        "",
        ", ".join(f"{k} {v}" for k, v in about.items()),
        "",
        "| task | simulator | compartments | steps | seconds | ns per compartment-step "
        "| HelioX is faster by |",
        "|---|---|---|---|---|---|---|",
    ]
    base = {r["task"]: r["ns"] for r in rows if r["simulator"] == "heliox"}
    for r in rows:
        lines.append(
            f"| {r['task']} | {r['simulator']} {r['version']} | {r['compartments']} "
            f"| {r['steps']} | {r['seconds']:.3f} | {r['ns']:.2f} | {r['ns'] / base[r['task']]:.2f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--arbor", metavar="PYTHON")
    p.add_argument("--jaxley", metavar="PYTHON")
    p.add_argument("--swc", help="morphology of the hh cell")
    p.add_argument("--nseg", type=int, default=6, help="segments a section in HelioX")
    p.add_argument("--ncomp", type=int, default=6, help="compartments a branch in Jaxley")
    p.add_argument("--repeat", type=int, default=3, help="runs in a process")
    p.add_argument("--rounds", type=int, default=3, help="processes of each simulator")
    a = p.parse_args()
    rows = []
    about = machine()
    for task, group in groupby(tasks(a), lambda x: x[0]):
        runs: dict[str, list[dict]] = {}
        processes = list(group)
        for _ in range(a.rounds):
            for _, simulator, python, script, options in processes:
                runs.setdefault(simulator, []).append(measure(python, script, options))
        for simulator, found in runs.items():
            row = {"task": task, "simulator": simulator, **found[0]}
            row["rounds_s"] = [x["seconds"] for x in found]
            row["seconds"] = statistics.median(row["rounds_s"])
            if simulator in ("neuron", "coreneuron"):
                row["version"] = about["neuron"]
            row["ns"] = 1e9 * row["seconds"] / (row["compartments"] * row["steps"])
            rows.append(row)
            print(f"{task}: {simulator} {row['seconds']:.3f} s, {row['ns']:.2f} ns", flush=True)
    save("peers", rows, about, table(rows, about))


if __name__ == "__main__":
    main()
