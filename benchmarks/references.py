"""Every reference run of the ready cells, whole: how far HelioX is from what NEURON computed.

    python -m benchmarks.references [--data FOLDER] [--math libm] [--math fast] [--only l5pc] [--write]

FOLDER holds l5pc, hpc and celegans (default: HELIOX_DATA). Prints a table of measured differences;
``--write`` puts it into benchmarks/results/references.md. On one core, all of it takes about ten minutes.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from heliox import cells
from heliox.cells.data import VARIABLE
from heliox.frontend.build import Network
from heliox.simulation import Simulation
from tests.cells import reference_runs as runs

RESULTS = Path(__file__).parent / "results"
HEADER = ("cell", "run", "ms", "arithmetic", "largest difference", "asked for", "spikes", "s")
Row = tuple[str, ...]


def pyramidal(name: str, folder: Path, math: str) -> Iterator[Row]:
    """States, then all runs of one of the two pyramidal cells."""
    among, ten = {"l5pc": (runs.L5PC, runs.l5pc_ten), "hpc": (runs.HPC, runs.hpc_ten)}[name]
    reference = np.load(folder / "reference.npz")
    sim = Simulation(ten(folder), math=math, progress=False)
    first = max(r for r, _ in runs.states(sim, reference, "init_").values())
    yield name, "initial states", "0", math, f"{first:.1e} relative", "1e-12", "", ""
    sim.run(10.0)
    states = runs.states(sim, reference, "state10ms_")
    yield name, "states and v", "10", math, f"{max(a for _, a in states.values()):.1e}", "1e-10 mV", "", ""
    for run in among.values():
        began = time.perf_counter()
        outcome = runs.perform(run, folder, math)
        took = time.perf_counter() - began
        asked = ", ".join(f"{limit:.0e}" for _, limit in outcome.run.tolerance) + " mV"
        spikes = f"{len(outcome.spikes)} of {len(outcome.expected)}" + (
            "" if outcome.same_spikes else ", in other steps"
        )
        yield (
            name, run.name, f"{run.tstop:g}", math, f"{outcome.largest:.1e} mV", asked, spikes, f"{took:.1f}"
        )  # fmt: skip


def single_neurons(folder: Path, math: str) -> Iterator[Row]:
    """Five isolated neurons at two steps."""
    reference = np.load(folder / "singlecell_reference.npz")
    for dt in (0.5, 0.025):
        net = Network()
        runs.with_single_neurons(net, folder)
        sim = Simulation(net.model(dt=dt), math=math, progress=False)
        records = {}
        for name in runs.SINGLE:
            last = runs.last_place(cells.worm_cell(name, folder))
            for what, place in (("soma", "Soma(0.5).v"), ("last", f"{last}.v"), ("cai", "Soma(0.5).cai")):
                records[f"{name}_dt{dt}_{what}"] = sim.record(f"alone_{name}.{place}", every=0.5)
        began = time.perf_counter()
        sim.run(300.0)
        took = time.perf_counter() - began
        worst = max(float(np.abs(r.values.ravel() - reference[k]).max()) for k, r in records.items())
        yield "worm", f"five neurons, dt {dt}", "300", math, f"{worst:.1e} mV", "1e-9 mV", "", f"{took:.1f}"


def circuit(folder: Path, math: str, weights: str) -> Iterator[Row]:
    """The circuit for 5 s: 136 neurons at first, then those that training looks at."""
    reference = np.load(folder / "reference_v.npz")
    net = cells.worm_circuit(folder, weights)
    sim = Simulation(net.model(), math=math, progress=False)
    records = [sim.record(f"{m.name}.Soma(0.5).v") for m in net.members]
    began = time.perf_counter()
    sim.run(5000.0)
    took = time.perf_counter() - began
    v = np.array([r.values.ravel() for r in records])
    d = np.abs(v[:, :401] - reference[f"V200_{weights}"]).max()
    yield "worm", f"circuit, {weights}", "200", math, f"{d:.1e} mV", "1e-6 mV", "", ""
    names, target = target_correlation(folder)
    index = [m.name for m in net.members]
    seen = v[[index.index(n) for n in names]]
    d = np.abs(seen[:, ::5] - reference[f"V65_{weights}_every5"]).max()
    yield "worm", f"circuit, {weights}, single precision", "5000", math, f"{d:.1e} mV", "", "", f"{took:.1f}"
    loss = 0.5 * np.mean(np.nan_to_num(target - np.corrcoef(seen[:, :10_000])) ** 2)
    expected = {"init": "0.25347", "opt": "0.03719"}[weights]
    yield "worm", f"loss, {weights}", "5000", math, f"{loss:.5f}", expected, "", ""


def target_correlation(folder: Path) -> tuple[list[str], np.ndarray]:
    """Names and correlations of the 65 measured neurons, nan where unknown."""
    with (folder / "target_corr.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    return rows[0][1:], np.array([[float(x or "nan") for x in r[1:]] for r in rows[1:]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get(VARIABLE))
    parser.add_argument("--math", action="append", choices=("libm", "fast"))
    parser.add_argument("--only", choices=("l5pc", "hpc", "worm"))
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    if given.data is None:
        parser.error(f"--data is needed, or the environment variable {VARIABLE}")
    folder = Path(given.data)
    lines = ["| " + " | ".join(HEADER) + " |", "|" + "---|" * len(HEADER)]
    print("\n".join(lines), flush=True)
    for math in given.math or ("libm", "fast"):
        for row in everything(folder, math, given.only):
            lines.append("| " + " | ".join(row) + " |")
            print(lines[-1], flush=True)
    if given.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "references.md").write_text("\n".join(lines) + "\n", "utf-8")


def everything(folder: Path, math: str, only: str | None) -> Iterator[Row]:
    """The rows of all cells, or of one."""
    for name in ("l5pc", "hpc"):
        if only in (None, name):
            yield from pyramidal(name, folder / name, math)
    if only in (None, "worm"):
        yield from single_neurons(folder / "celegans", math)
        for weights in ("init", "opt"):
            yield from circuit(folder / "celegans", math, weights)


if __name__ == "__main__":
    main()
