"""Seconds and memory of 1,000 samples of 784-64-10, one thread, against Jaxley.

    python -m benchmarks.learn.cost [--jaxley PYTHON] [--batches 4 16 64]

`PYTHON`: an interpreter whose environment has Jaxley. Each figure is of a process of its own, the median of
several batches; memory is the peak of the process. HelioX runs the whole network; Jaxley the hidden layer
without what makes it slow (see `benchmarks/peers/jaxley_mlp.py`). Writes benchmarks/results/learn_cost.json
and learn_cost.md, anew after each row.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.cpu import machine, save
from benchmarks.peers.__main__ import HERE as PEERS
from benchmarks.peers.__main__ import measure
from heliox.cells.data import find

TASKS = ("test", "train")


def own(batch: int, task: str, repeat: int) -> dict[str, Any]:
    """HelioX, in this process."""
    import numpy as np

    from benchmarks.learn.__main__ import network
    from heliox import learn
    from heliox.learn.forward import Forward

    net = network([64], 1234)
    images, _ = learn.load_mnist()
    shown = images.take(slice(batch))
    x = np.concatenate([p.initial for p in net.parameters])
    options: dict[str, Any] = {"threads": 1, "device": "cpu"}
    if task == "train":
        learner = learn.TransferResistance().bind(net, learn.SoftmaxCrossEntropy(), batch, **options)
    else:
        forward = Forward(net, batch, **options)
        forward.write(x)

    def go() -> float:
        began = time.perf_counter()
        if task == "train":
            learner.learn(x, shown.intensity, shown.labels)
        else:
            forward.run(shown.intensity)
        return time.perf_counter() - began

    first = go()
    seconds = statistics.median(go() for _ in range(repeat))
    return {
        "batch": batch, f"{task}_s_per_1000": 1000.0 * seconds / batch, f"{task}_first_s": first,
        f"{task}_peak_MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
    }  # fmt: skip


def table(rows: list[dict[str, Any]], about: dict[str, str]) -> str:
    lines = [
        "# 1,000 samples of 784-64-10 (50 ms, dt 0.25 ms, human pyramidal cells), one thread",
        "",
        "`python -m benchmarks.learn.cost`. HelioX: the whole network, rule TransferResistance. Jaxley:",
        "the hidden layer as vmapped cells with given inputs, exact gradient; the rest is plain JAX, which",
        "favours Jaxley. Levels: of checkpoints. Memory: peak of the process.",
        "",
        ", ".join(f"{k} {v}" for k, v in about.items()),
        "",
        "| simulator | batch | levels | train s | test s | train MiB | test MiB |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['simulator']} | {r['batch']} | {r.get('levels', '')} | {r['train_s_per_1000']:.1f} "
        f"| {r['test_s_per_1000']:.1f} | {r['train_peak_MiB']:.0f} | {r['test_peak_MiB']:.0f} |"
        for r in rows
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    p = argparse.ArgumentParser(prog="python -m benchmarks.learn.cost", description=__doc__.split("\n")[0])
    p.add_argument("--jaxley", metavar="PYTHON")
    p.add_argument("--hpc", type=Path, help="folder of the cell's segments.csv; default: that of HELIOX_DATA")
    p.add_argument("--batches", type=int, nargs="+", default=[4, 16, 64])
    p.add_argument("--repeat", type=int, default=5)
    p.add_argument("--own", nargs=2, metavar=("BATCH", "TASK"), help="measure this one and print JSON")
    a = p.parse_args()
    if a.own:
        print(json.dumps(own(int(a.own[0]), a.own[1], a.repeat)))
        return
    rows: list[dict[str, Any]] = []
    about = machine()

    def add(row: dict[str, Any]) -> None:
        """Write what there is so far: the next process may need more memory than there is."""
        rows.append(row)
        print(row, flush=True)
        save("learn_cost", rows, about, table(rows, about))

    for batch in a.batches:
        row: dict[str, Any] = {"simulator": "HelioX"}
        for task in TASKS:
            command = ["-m", "benchmarks.learn.cost", "--repeat", str(a.repeat), "--own", str(batch), task]
            row |= measure(sys.executable, command, [])
        add(row)
    if a.jaxley:
        script = [str(PEERS / "jaxley_mlp.py"), str(find(a.hpc, "hpc", "segments.csv").parent)]
        for batch, levels in ((4, 1), (4, 2), (16, 2)):
            options = ["--batch", str(batch), "--levels", str(levels), "--repeat", "2"]
            add({"simulator": "Jaxley", **measure(a.jaxley, script, options)})


if __name__ == "__main__":
    main()
