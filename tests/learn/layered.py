"""A small network of three layers of trees, and samples for it: compiled once for all tests."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

import heliox
from heliox import learn


def tree() -> heliox.Cell:
    c = heliox.Cell(v_init=0.0)
    c.add_section("soma", L=20.0, diam=20.0)
    for k in range(3):
        c.add_section(f"dend[{k}]", L=200.0, diam=2.0, nseg=3, connect="soma(1)")
    c.insert("pas", g=1e-4, e=0.0)
    return c


LAYERS = (
    learn.Encoder(8), learn.Dense(6, tree(), places="dend"), learn.Dense(4, tree(), places="dend"),
    learn.Dense(3),
)  # fmt: skip
TIMES: dict[str, Any] = {"duration": 20.0, "window": (12.0, 20.0)}


@functools.cache
def net(seed: int = 1) -> learn.Sequential:
    return learn.Sequential(*LAYERS, **TIMES, seed=seed)


def samples(n: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Three kinds of patterns with noise."""
    rng = np.random.default_rng(0)
    centres = rng.random((3, 8))
    y = rng.integers(0, 3, n)
    return np.clip(centres[y] + 0.1 * rng.standard_normal((n, 8)), 0.01, 1.0), y


def loss() -> Any:
    return learn.SoftmaxCrossEntropy()


GIVEN: dict[str, Any] = {
    "loss": loss(), "rule": learn.TransferResistance(), "optimizer": learn.SGD(0.5, momentum=0.5),
    "batch": 4, "seed": 3, "device": "cpu", "threads": 1, "progress": False,
}  # fmt: skip


def trainer(**options: Any) -> learn.Trainer:
    return learn.Trainer(net(), **{**GIVEN, **options})
