"""Small models for gradients: two modules in all, since each takes its time to compile."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

import heliox
from heliox import learn

DURATION = 6.0  # ms
BY: list[str | learn.Parameter] = [
    "hh.gnabar",
    learn.Parameter("hh.gkbar", lower=0.0, upper=0.2),
    learn.Parameter("pas.g", tied=True, lower=0.0),
    "IClamp.amp",
    "cm",
    "ena",
    "celsius",
]
STATES: list[str | learn.Parameter] = ["hh.m", "v"]


def cell(dend: str = "dend") -> heliox.Cell:
    c = heliox.Cell()
    c.add_section("soma", L=20.0, diam=20.0, Ra=100.0)
    c.add_section(dend, L=200.0, diam=2.0, nseg=3, connect="soma(1)", Ra=100.0)
    c.add_section("twig", L=80.0, diam=1.0, nseg=2, connect=f"{dend}(0.5)", Ra=100.0)
    c.insert("hh", where="soma")
    c.insert("pas", g=1e-4, e=-65.0)
    c.place("IClamp", "soma(0.5)", name="electrode", delay=0.5, dur=3.0, amp=0.4)
    return c


def without_tables(model: heliox.Model) -> heliox.Model:
    """Tables are broken lines: exact gradients and differences of finite steps meet at their corners."""
    for m in model.mechanisms:
        if m.name == "hh":
            m.globals["usetable"] = 0.0  # type: ignore[index]
    return model


@functools.cache
def one_cell() -> heliox.Model:
    return without_tables(cell().model())


@functools.cache
def network() -> heliox.Model:
    """A stimulus, and two cells in a row; a third one alone."""
    net = heliox.Network()
    c = cell()
    c.place("ExpSyn", "dend(0.5)", name="synapse", tau=1.5)
    first, second, third = net.add(c, copies=3)
    drive = net.stim("NetStim", start=0.5, number=2, interval=1.5)
    net.connect(drive, f"{first}.synapse", weight=0.001, delay=0.2)
    net.connect(f"{first}.soma(0.5)", f"{second}.synapse", weight=0.015, delay=1.0)
    net.connect(drive, f"{third}.synapse", weight=0.01, delay=0.2)
    return without_tables(net.model())


def simulation(
    batch: int = 1, model: heliox.Model | None = None, vary: Sequence[str] = ("hh.gnabar",), **options
) -> heliox.Simulation:
    """Members with conductances of their own."""
    model = model or one_cell()
    sim = heliox.Simulation(model, batch=batch, vary=vary, progress=False, **options)
    if batch > 1:
        g = sim.var("hh.gnabar")
        g[...] = g[...] * np.linspace(0.7, 1.2, batch)[:, None]
    return sim


def target() -> learn.Loss:
    return learn.mse("v", -55.0, where="soma(0.5)") + 0.5 * learn.window_mean("v", where="twig", start=2.0)


def problem(batch: int = 1, loss: learn.Loss | None = None, **options) -> learn.Problem:
    by = BY + (STATES if options.get("through", "reset") == "reset" else [])
    options = {"duration": DURATION, "tangent": True, "progress": False} | options
    return learn.Problem(simulation(batch), loss or target(), by, **options)


def same(g: learn.Gradient, other: learn.Gradient, tolerance: float) -> None:
    """Each group to `tolerance` of its largest component."""
    assert g.gradient.keys() == other.gradient.keys()
    for name, x in g.gradient.items():
        y = other.gradient[name]
        assert x.shape == y.shape
        assert np.abs(x - y).max() <= tolerance * np.abs(y).max(), name
