"""Small models for gradients, made without NEURON."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

import heliox
from heliox.frontend.cell import Cell
from heliox.frontend.circuit import Network
from heliox.mechanisms import catalogue
from heliox.model.model import Model

MODS = Path(__file__).parents[1] / "nmodl" / "mods"


SYNAPSES = [
    "hh.gnabar", "hh.gkbar", "hh.gl", "hh.el", "pas.g", "pas.e", "IClamp.amp", "AlphaSynapse.gmax",
    "ExpSyn.tau", "ExpSyn.e", "Exp2Syn.tau2", "NetCon.weight", "v", "hh.m", "hh.h", "hh.n", "cm",
]  # fmt: skip


def untabled(model: Model) -> Model:
    """Without tables: their kinks stop finite differences."""
    made = [
        dataclasses.replace(m, globals={**m.globals, "usetable": 0.0}) if "usetable" in m.globals else m
        for m in model.mechanisms
    ]
    return model.replace(mechanisms=tuple(made))


def tree(hh: bool = True) -> Cell:
    """A soma, a dendrite, and two branches, one of them in its middle."""
    c = heliox.Cell()
    c.add_section("soma", L=20, diam=20)
    c.add_section("dend", L=200, diam=2, connect="soma(1)")
    c.add_section("b1", L=100, diam=1, connect="dend(1)")
    c.add_section("b2", L=100, diam=1, connect="dend(0.5)")
    c.nseg(3)
    for name in ("soma", "dend"):
        c.insert("hh" if hh else "pas", where=name)
    for name in ("b1", "b2"):
        c.insert("pas", where=name)
    return c


def with_synapses() -> Model:
    net = heliox.Network()
    net.add(tree(), None, name="")
    net.place("ExpSyn", "b1(0.5)", tau=2.0, e=-10.0)
    net.place("Exp2Syn", "b2(0.5)", tau1=0.5, tau2=3.0)
    net.place("AlphaSynapse", "dend(0.5)", onset=1.0, tau=0.5, gmax=0.001)
    net.place("IClamp", "soma(0.5)", delay=0.5, dur=10, amp=0.05)
    stimulus = net.stim("NetStim", start=0.5, interval=1.0, number=5)
    net.connect(stimulus, "ExpSyn[0]", weight=0.002, delay=0.3)
    net.connect(stimulus, "Exp2Syn[0]", weight=0.003, delay=0.31)
    return untabled(net.model())


def with_a_current() -> Model:
    c = tree()
    c.place("IClamp", "soma(0.5)", delay=0.5, dur=10, amp=0.1)
    return untabled(c.model())


def with_channels(names: tuple[str, ...]) -> tuple[Model, list[str]]:
    """A tree with all of these channels everywhere, and the names of their conductances."""
    c = tree(hh=False)
    for n in names:
        c.insert(n)
    c.place("IClamp", "soma(0.5)", delay=0.5, dur=10, amp=0.3)
    c.v_init, c.celsius = -70.0, 34.0
    model = c.model()
    rng = np.random.default_rng(3)
    trained = []
    made = []
    for m in model.mechanisms:
        values = dict(m.values)
        for n in values:
            if m.name in {x.split(".")[-1] for x in names} and n.startswith("g") and n.endswith("bar"):
                values[n] = 1e-4 * rng.uniform(0.5, 2.0, values[n].shape)
                trained.append(f"{m.name}.{n}")
        made.append(dataclasses.replace(m, values=values))
    return model.replace(mechanisms=tuple(made)), trained


def family(name: str) -> tuple[str, ...]:
    """Density mechanisms of a family of the library that have currents or pools."""
    found = [n.partition(".")[2] for n in catalogue.names() if n.startswith(f"{name}.")]
    return tuple(n for n in found if catalogue.get(f"{name}.{n}").kind == "density")


def with_mods(names: tuple[str, ...], tables: bool = False) -> Model:
    """A tree with mechanisms translated from mod files; hh in its soma, with its `tables` or without."""
    c = tree(hh=False)
    c.insert("hh", where="soma")
    for n in names:
        c.insert(heliox.load_mod(MODS / f"{n}.mod"))
    c.place("IClamp", "soma(0.5)", delay=0.5, dur=10, amp=0.05)
    return c.model() if tables else untabled(c.model())


def graded_ring(cells: int = 3) -> Model:
    """Cells joined by graded synapses, one of them inhibitory, and a current that follows a gate."""
    net: Network = heliox.Network()
    net.add(tree(), cells)
    for k in range(cells):
        there = f"Cell[{(k + 1) % cells}]"
        w = -0.004 if k == 1 else 0.002
        net.transfer(f"Cell[{k}].soma(0.5).v", net.place("worm.synapse", f"{there}.b1(0.5)", w=w) + ".vpre")
    net.place("IClamp", "Cell[0].soma(0.5)", delay=0.5, dur=10, amp=0.3)
    follower = net.place("IClamp", "Cell[2].dend(0.5)", delay=0.0, dur=1e9, amp=0.0)
    net.transfer("Cell[0].soma(0.5).hh.n", f"{follower}.amp")
    return untabled(net.model())


def coupled(cells: int = 3) -> Model:
    """A ring of gap junctions, in it a clamp, a conductance and a clamp's amplitude that are played."""
    net: Network = heliox.Network()
    net.add(tree(), cells)
    for k in range(cells):
        net.gap_junction(f"Cell[{k}].b1(0.5)", f"Cell[{(k + 1) % cells}].dend(0.5)", 0.01)
    net.place("IClamp", "Cell[0].soma(0.5)", delay=0.5, dur=10, amp=0.3)
    net.place("IClamp", "Cell[1].soma(0.5)", delay=0.0, dur=1e9, amp=0.3)
    net.place("SEClamp", "Cell[1].b2(0.5)", rs=5.0, dur1=1e9, amp1=-60.0)
    t = np.linspace(0, 5, 23)
    net.play("IClamp[1].amp", t, 0.3 * np.sin(t) + 0.1, continuous=True)
    net.play("Cell[1].soma(0.5).hh.gl", [1.0, 2.0], [0.0004, 0.0002])
    return untabled(net.model())


def spiking_ring(cells: int = 3) -> Model:
    """Cells that excite one another with delays; the first one is woken by a stimulus.

    It has the mechanisms of `with_synapses`, and so its module.
    """
    net = heliox.Network()
    net.add(tree(), cells)
    stimulus = net.stim("NetStim", start=0.5, interval=3.0, number=3)
    for k in range(cells):
        net.place("ExpSyn", f"Cell[{k}].b1(0.5)", tau=2.0)
    net.place("Exp2Syn", "Cell[1].b2(0.5)", tau1=0.5, tau2=3.0)
    net.place("AlphaSynapse", "Cell[2].dend(0.5)", onset=1.0, tau=0.5, gmax=0.0005)
    net.place("IClamp", "Cell[0].soma(0.5)", delay=0.5, dur=10, amp=0.01)
    net.connect(stimulus, "ExpSyn[0]", weight=0.05, delay=0.3)
    net.connect(stimulus, "Exp2Syn[0]", weight=0.0003, delay=0.31)
    for k in range(cells):
        net.connect(
            f"Cell[{k}].soma(0.5)",
            f"ExpSyn[{(k + 1) % cells}]",
            weight=0.06,
            delay=0.7 + 0.1 * k,
            threshold=0.0,
        )
    return untabled(net.model())
