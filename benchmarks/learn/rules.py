"""Accuracy of both rules after so many samples, and what they cost: 784-64-10 in reduced trees.

    python -m benchmarks.learn.rules [--samples 1000 3000 10000 30000 60000] [--reduce 0.01]

Every figure is a training of its own, each sample seen once, the rate falling linearly to 0; the test is all
10,000 images. Data as of `benchmarks.learn`. Writes benchmarks/results/learn_rules.json and learn_rules.md,
anew after each row.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from benchmarks.cpu import machine, save
from benchmarks.learn.__main__ import OPTIMISERS, network, rules
from heliox import learn

WAYS = [("sgd", 0.5, 8), ("adam", 0.01, 16)]  # optimiser, rate, batch


def one(net: Any, name: str, samples: int, optimizer: str, rate: float, batch: int) -> dict[str, Any]:
    """A training on the first `samples` images."""
    images, test = learn.load_mnist()
    shown = images.take(slice(samples))
    steps = -(-samples // batch)
    trainer = learn.Trainer(
        net, loss=learn.SoftmaxCrossEntropy(), rule=rules()[name], batch=batch, threads=1, device="cpu",
        optimizer=OPTIMISERS[optimizer](learn.Linear(rate, 0.0, steps)), progress=False,
    )  # fmt: skip
    began = time.perf_counter()
    trainer.fit(shown.images, shown.labels, 1)
    seconds = time.perf_counter() - began
    accuracy = trainer.evaluate(test.images, test.labels).accuracy
    return {
        "rule": name, "optimizer": optimizer, "rate": rate, "batch": batch, "samples": samples,
        "accuracy": accuracy, "s_per_1000": 1000.0 * seconds / samples,
    }  # fmt: skip


def table(rows: list[dict[str, Any]], about: dict[str, str], reduce: float) -> str:
    """One line a rule and optimiser, one column a number of samples."""
    counts = sorted({r["samples"] for r in rows})
    lines = [
        "# Per cent of the 10,000 test digits after so many samples: 784-64-10, reduced trees, one core",
        "",
        f"`python -m benchmarks.learn.rules`; tolerance {reduce:g}, each sample seen once.",
        "",
        ", ".join(f"{k} {v}" for k, v in about.items()),
        "",
        "| rule | optimiser, rate, batch | " + " | ".join(f"{n:,}" for n in counts) + " | s for 1,000 |",
        "|---|---|" + "---|" * (len(counts) + 1),
    ]
    for key in dict.fromkeys((r["rule"], r["optimizer"], r["rate"], r["batch"]) for r in rows):
        mine = {r["samples"]: r for r in rows if (r["rule"], r["optimizer"], r["rate"], r["batch"]) == key}
        figures = [f"{100.0 * mine[n]['accuracy']:.2f}" if n in mine else "" for n in counts]
        last = mine[max(mine)]["s_per_1000"]
        lines.append(
            f"| {key[0]} | {key[1]}, {key[2]:g}, {key[3]} | " + " | ".join(figures) + f" | {last:.2f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    p = argparse.ArgumentParser(prog="python -m benchmarks.learn.rules", description=__doc__.split("\n")[0])
    p.add_argument("--samples", type=int, nargs="+", default=[1000, 3000, 10_000, 30_000, 60_000])
    p.add_argument("--reduce", type=float, default=0.01)
    a = p.parse_args()
    net = learn.reduce(network([64], 1234), a.reduce)
    images, _ = learn.load_mnist()
    net.forward(1).level(images.take(slice(1)).intensity)  # the encoder's courses are nobody's cost
    rows: list[dict[str, Any]] = []
    for name in rules():
        for optimizer, rate, batch in WAYS:
            one(net, name, 2 * batch, optimizer, rate, batch)  # compiles
            for samples in a.samples:
                rows.append(one(net, name, samples, optimizer, rate, batch))
                print(rows[-1], flush=True)
                about = machine()
                save("learn_rules", rows, about, table(rows, about, a.reduce))


if __name__ == "__main__":
    main()
