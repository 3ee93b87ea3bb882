"""The GPU: bits beside the CPU's, and speed. Without NEURON, data files or downloads; under eight minutes.

    python -m benchmarks.gpu [--quick] [--only NAME ...] [--out FOLDER] [--device cpu]

First everything is compiled and the small models of ``tests/gpu/zoo.py`` are compared with the CPU, several
processes at a time; then every measurement has the machine for itself, in a process of its own, so that none
can spoil another. Results are written after each row (benchmarks/results/gpu.json and gpu.md, or FOLDER): a
run that is stopped leaves what it had. ``--device cpu`` tries the script with tiny models.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.gpu import report
from benchmarks.gpu.measurements import MEASUREMENTS, zoo, zoo_names
from benchmarks.gpu.timing import Row, Setting, say

RESULTS = Path(__file__).parents[1] / "results"
MARK = "ROW "  # before a row in a child's output
KEYS = ("measurement", "model", "members", "trees", "what", "steps_of_a_run")  # tell rows apart
SPARE = 45.0  # seconds a measurement may take beyond its own, before its process is ended


class Results:
    """Rows as they come, written after each."""

    def __init__(
        self, folder: Path, machine: dict[str, str], rows: list[Row], failures: dict[str, str]
    ) -> None:
        self.folder, self.machine, self.rows, self.failures = folder, machine, rows, failures
        self.said = ""
        self._lock = threading.Lock()

    def add(self, row: Row) -> None:
        """One more row; of the models beside the CPU's it replaces the one that was not complete."""
        with self._lock:
            self.rows = [r for r in self.rows if any(r.get(k) != row.get(k) for k in KEYS)] + [row]
            self._write()

    def fail(self, name: str, text: str) -> None:
        with self._lock:
            self.failures[name] = text
            self._write()
        say(f"{name} FAILED: {text.splitlines()[-1] if text else text}")

    def write(self, said: str) -> None:
        with self._lock:
            self.said = said
            self._write()

    def _write(self) -> None:
        report.write(self.folder, self.rows, self.failures, self.machine, self.said)


def child(name: str, options: list[str], seconds: float, keep: Callable[[Row], None] | None) -> str:
    """Run a measurement in a process of its own, at most so many seconds; why it failed, or ``""``."""
    command = [sys.executable, "-m", "benchmarks.gpu", "--measure", name, *options]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=Path(__file__).parents[2]
    )
    ended: list[bool] = []

    def end() -> None:
        ended.append(True)
        process.kill()

    timer = threading.Timer(max(1.0, seconds), end)
    timer.start()
    last: list[str] = []
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.startswith(MARK):
                if keep is not None:
                    keep(json.loads(line[len(MARK) :]))
            elif line.strip():
                last = [*last[-20:], line.rstrip()]
                if keep is not None and not line.startswith((" ", "Traceback")):
                    say(f"  {line.rstrip()}")
        code = process.wait()
    finally:
        timer.cancel()
        if process.poll() is None:
            process.kill()
    if ended:
        return f"ended after {seconds:.0f} s; the last lines were: {' / '.join(last[-2:])}"
    return "" if code == 0 else (last[-1] if last else f"exit code {code}")


def measure(name: str, setting: Setting) -> None:
    """What a child does: rows to its output."""
    kind, _, case = name.partition(":")
    rows = zoo(setting, case) if kind == "zoo" else MEASUREMENTS[kind].rows(setting)
    for row in rows:
        print(MARK + json.dumps(row), flush=True)


def prepare(
    results: Results, names: list[str], cases: list[str], options: list[str], a: argparse.Namespace
) -> None:
    """Compile what is measured and compare the small models, several processes at a time."""
    until = time.perf_counter() + a.prepare
    workers = a.workers or max(1, min(12, (os.cpu_count() or 2) - 2))
    say(f"{len(names)} measurements are compiled and {len(cases)} small models compared, {workers} at a time")

    def one(name: str, keep: Callable[[Row], None] | None, given: list[str]) -> None:
        left = until - time.perf_counter()
        if left < 3.0:
            if keep is not None:
                results.fail(name, "no time was left for it")
            return
        began = time.perf_counter()
        text = child(name, given, left, keep)
        took = time.perf_counter() - began
        if text and keep is not None:
            results.fail(name, text)
        elif text:
            say(f"{name}: compiling it failed after {took:.0f} s: {text.splitlines()[-1]}")
        else:
            say(f"{name}: {'compared' if keep is not None else 'compiled'} in {took:.0f} s")

    with ThreadPoolExecutor(workers) as pool:
        waiting = [] if a.dry else [pool.submit(one, n, None, [*options, "--tiny"]) for n in names]
        waiting += [pool.submit(one, f"zoo:{n}", results.add, options) for n in cases]
        for w in waiting:
            w.result()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer sizes and small models")
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"of zoo, {', '.join(MEASUREMENTS)}")
    parser.add_argument("--out", type=Path, metavar="FOLDER")
    parser.add_argument(
        "--device", default="cuda", help="cuda, cuda:1; others for a dry run with tiny models"
    )
    parser.add_argument("--seconds", type=float, default=440.0, help="for all of it")
    parser.add_argument("--prepare", type=float, default=200.0, help="of these, for compiling and comparing")
    parser.add_argument("--workers", type=int, help="processes that compile side by side")
    parser.add_argument("--measure", help=argparse.SUPPRESS)  # what a child does
    parser.add_argument("--tiny", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--budget", type=float, default=2.0, help=argparse.SUPPRESS)
    a = parser.parse_args()
    a.dry = not a.device.startswith("cuda")
    if a.measure:
        measure(a.measure, Setting(a.device, a.tiny, a.quick, a.budget))
        return
    chosen = a.only or ["zoo", *MEASUREMENTS]
    if unknown := set(chosen) - {"zoo", *MEASUREMENTS}:
        parser.error(f"there is no {', '.join(sorted(unknown))}; legal are zoo, {', '.join(MEASUREMENTS)}")
    folder = a.out or (Path(tempfile.mkdtemp(prefix="heliox-gpu-")) if a.dry else RESULTS)
    began = time.perf_counter()
    rows, failures = report.read(folder) if a.only else ([], {})
    results = Results(
        folder,
        report.about(a.device),
        [r for r in rows if r["measurement"] not in chosen],
        {n: text for n, text in failures.items() if n.partition(":")[0] not in chosen},
    )
    say(", ".join(f"{k} {v}" for k, v in results.machine.items()))
    results.write("Not finished.")
    names = [n for n in MEASUREMENTS if n in chosen]
    options = ["--device", a.device, *(["--tiny"] if a.dry else []), *(["--quick"] if a.quick else [])]
    prepare(results, names, zoo_names(a.quick) if "zoo" in chosen else [], options, a)
    for k, name in enumerate(names):
        left = a.seconds - (time.perf_counter() - began)
        later = sum(MEASUREMENTS[n].seconds for n in names[k:])
        budget = (
            2.0 if a.dry else MEASUREMENTS[name].seconds * min(1.0, max(0.2, (left - 20.0) / (1.5 * later)))
        )
        say(f"{name}: {MEASUREMENTS[name].title} ({left:.0f} s are left)")
        if left < 5.0:
            results.fail(name, "no time was left for it")
            continue
        text = child(name, [*options, "--budget", f"{budget:.1f}"], min(left, budget + SPARE), results.add)
        if text:
            results.fail(name, text)
    took = time.perf_counter() - began
    results.write(f"{took:.0f} s in all, {'with' if results.failures else 'without'} failures.")
    say(f"{took:.0f} s; {folder / report.NAME}.json, .md")
    wrong = [r["model"] for r in results.rows if r["measurement"] == "zoo" and not r["same_bits"]]
    if wrong or results.failures:
        raise SystemExit(f"different bits: {wrong}; failures: {sorted(results.failures)}")


if __name__ == "__main__":
    main()
