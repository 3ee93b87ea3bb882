"""The demonstration of learning: cells with dendrites learn to read handwritten digits.

``heliox demo learn`` runs it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from heliox import plot
from heliox.frontend.cell import Cell
from heliox.learn.classification import SoftmaxCrossEntropy
from heliox.learn.dataset import load_digits
from heliox.learn.layers import Dense, Encoder
from heliox.learn.optimisers import SGD
from heliox.learn.reduced import ReducedSequential
from heliox.learn.schedules import Linear
from heliox.learn.sequential import Sequential
from heliox.learn.trainer import Trainer
from heliox.learn.transfer import TransferResistance

TEST = 360  # digits that are not learned from
RATE, BATCH, TOL = 0.5, 8, 1e-2


def cell() -> Cell:
    """A passive cell: a soma and four dendrites that branch once, 40 segments."""
    tree = Cell(v_init=0.0)
    tree.add_section("soma", L=20.0, diam=20.0)
    for k in range(4):
        tree.add_section(f"dend[{3 * k}]", L=80.0, diam=2.4, nseg=3, connect=f"soma({k % 2})")
        for twig in (1, 2):
            tree.add_section(f"dend[{3 * k + twig}]", L=150.0, diam=1.2, nseg=5, connect=f"dend[{3 * k}](1)")
    tree.insert("pas", g=5e-5, e=0.0)
    tree.set(cm=1.0, Ra=150.0)
    return tree


def run(
    hidden: int = 32, epochs: int = 12, *, out: str | None = None, seed: int = 1, threads: int | None = None,
    say: Callable[[str], object] = print,
) -> float:  # fmt: skip
    """Train on scikit-learn's digits, and test the weights in the full trees.

    Parameters
    ----------
    hidden : int
        Cells of the hidden layer.
    epochs : int
    out : str, optional
        A folder for the figures ``learning.png`` and ``confusion.png``.
    seed : int
        Of places, weights, split and order.
    threads : int, optional
    say : callable
        Gets each line of the report.

    Returns
    -------
    float
        Part of the test digits that are read correctly, in full trees.
    """
    began = time.perf_counter()
    train, test = load_digits().split(TEST, seed=seed)
    net = Sequential(Encoder(64), Dense(hidden, cell(), places="dend"), Dense(10), seed=seed)
    say(repr(net))
    small = ReducedSequential(net, TOL)
    say(f"{small.trees[0]!r} in place of each tree while it learns")
    steps = epochs * -(-len(train) // BATCH)
    loss, rule, optimizer = SoftmaxCrossEntropy(), TransferResistance(), SGD(Linear(RATE, 0.0, steps))
    trainer = Trainer(
        small, loss=loss, rule=rule, optimizer=optimizer, batch=BATCH, seed=seed, threads=threads,
        progress=False,
    )  # fmt: skip
    for epoch in range(epochs):
        history = trainer.fit(train.intensity, train.labels, epoch + 1)
        say(
            f"epoch {epoch + 1:2d}: loss {history.train_loss[-1]:.3f}, "
            f"{100.0 * history.train_accuracy[-1]:.1f} % of {len(train)} right while learning, "
            f"{history.seconds[-1]:.1f} s"
        )
    full = Trainer(net, loss=loss, rule=rule, optimizer=optimizer, batch=24, threads=threads, progress=False)
    full.x = trainer.x
    found = full.evaluate(test.intensity, test.labels)
    say(
        f"test accuracy in the full trees: {100.0 * found.accuracy:.1f} % of {len(test)} digits "
        f"({time.perf_counter() - began:.0f} s in all, compilation included)"
    )
    if out is not None:
        os.makedirs(out, exist_ok=True)
        plot.learning(history).savefig(os.path.join(out, "learning.png"), dpi=150)
        ax = plot.confusion(test.labels, found.predictions)
        ax.figure.savefig(os.path.join(out, "confusion.png"), dpi=150)
        say(f"written: {out}")
    return found.accuracy
