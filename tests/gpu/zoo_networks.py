"""Networks: artificial cells, rings, gap junctions, members that differ."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

import heliox
from heliox.mechanisms.intrinsics import net_event, net_send
from heliox.mechanisms.template import MechTemp
from heliox.model.model import Lists, Model
from heliox.simulation import Simulation
from tests.gpu.cases import REST, case, clamp, mod, noisy, of, tree


@case(60.0, "IntFire1.m", "IntFire2.i", "IntFire4.m", "ZMove.due", "Burst.left", spikes=100)
def artificial() -> Model:
    """Cells without a membrane: zero delays, delays below one step, self events that are moved, bursts."""
    net = heliox.Network()
    rng = np.random.default_rng(8)
    stims = [noisy(net, k, 3.0) for k in range(6)]
    one = [net.stim("IntFire1", tau=8.0 + k, refrac=2.0) for k in range(8)]
    two = [net.stim("IntFire2", taum=6.0, taus=15.0 + k, ib=0.1 * k) for k in range(5)]
    four = [net.stim("IntFire4") for _ in range(6)]
    move = [net.stim(mod("zmove"), pause=5.0 + 0.7 * k) for k in range(3)]
    bursts = [net.stim(_burst()) for _ in range(3)]
    for k, cell in enumerate([*one, *two, *four]):
        for stim in (stims[k % 6], stims[(k + 1) % 6]):
            net.connect(stim, cell, weight=float(rng.uniform(0.3, 0.8)), delay=float(rng.uniform(0.0, 2.0)))
    for k, cell in enumerate(move):
        net.connect(stims[k], cell, weight=0.3, delay=0.0)
    for k in range(8):
        net.connect(one[k], one[(k + 1) % 8], weight=0.5, delay=(0.0, 0.01, 0.3)[k % 3])
        net.connect(one[k], four[k % 6], weight=0.6 if k % 3 else -0.2, delay=0.0)
        net.connect(one[k], bursts[k % 3], weight=1.0, delay=0.02 * (k % 2))
    for k in range(3):
        net.connect(move[k], two[k], weight=0.7, delay=0.0)
        net.connect(bursts[k], move[(k + 1) % 3], weight=0.4, delay=0.0)
    return net.model()


@cache
def _burst() -> MechTemp:
    def receive(weight, flag, t, left):
        if flag == 0.0:
            left = left + 3.0
            net_send(0.0, 1.0)
        else:
            left = left - 1.0
            net_event(t)
            if left > 0.5:
                net_send(0.4, 1.0)
        return left

    return MechTemp("Burst", "artificial", (receive,), assigned={"left": ""}, weights=("weight",))


def _ring_cell() -> heliox.Cell:
    cell = tree("pas")
    cell.set(g_pas=1e-4, e_pas=REST)
    cell.insert("hh", where=["soma", "dend[0]"])
    cell.place("ExpSyn", "dend[4](0.5)", name="synapse", tau=2.0)
    return cell


@case(50.0, "v", "ExpSyn.g", spikes=12)
def ring() -> Model:
    net = heliox.Network()
    names = net.add(_ring_cell(), copies=6)
    for k, name in enumerate(names):
        net.gid(f"{name}.soma(0.5)", k)
    for k, name in enumerate(names):
        net.connect((k - 1) % 6, f"{name}.synapse", weight=0.03, delay=0.7 + 0.31 * k)
    net.connect(net.stim("NetStim", start=1.0, number=1), f"{names[0]}.synapse", weight=0.03, delay=0.5)
    return net.model()


@case(25.0, "v", "ExpSyn.g", spikes=6)
def touching() -> Model:
    """Cells that hear of each other at once, or within a step, beside cells that do not."""
    net = heliox.Network()
    names = net.add(_ring_cell(), copies=6)
    for k, name in enumerate(names):
        net.gid(f"{name}.soma(0.5)", k)
    for k, (a, b, delay) in enumerate([(0, 1, 0.0), (1, 2, 0.01), (2, 3, 0.025), (3, 4, 0.03), (4, 5, 4.0)]):
        net.connect(a, f"{names[b]}.synapse", weight=0.03 + 0.001 * k, delay=delay)
    net.connect(5, f"{names[0]}.synapse", weight=0.03, delay=0.0125)
    net.connect(net.stim("NetStim", start=1.0, number=1), f"{names[0]}.synapse", weight=0.03, delay=0.0)
    return net.model()


@case(4.0, "v", "ExpSyn.g", spikes=1201)
def volley() -> Model:
    """1,200 cells of one segment that fire in the same step, each heard by two others."""
    cell = heliox.Cell(celsius=12.0)
    cell.add_section("soma", L=12.0, diam=12.0)
    cell.insert("hh")
    cell.place("ExpSyn", "soma(0.5)", name="synapse", tau=1.0)
    net = heliox.Network()
    names = net.add(cell, copies=1200)
    stim = net.stim("NetStim", start=0.5, number=1)
    for k, name in enumerate(names):
        net.gid(f"{name}.soma(0.5)", k)
        net.connect(stim, f"{name}.synapse", weight=0.02, delay=0.25)
    for k, name in enumerate(names):
        for j in (1, 17):
            net.connect(
                (k + j) % 1200, f"{name}.synapse", weight=1e-4 * (1 + k % 5), delay=0.5 + 0.05 * (k % 4)
            )
    return net.model()


@case(30.0, "v", "ExpSyn.g", "VecStim.index", spikes=60)
def listed() -> Model:
    """Stimuli that fire at times of a list, of very different lengths, some at the same time."""
    net = of(_ring_cell(), copies=3)
    rng = np.random.default_rng(4)
    times = [np.sort(rng.uniform(0.0, 30.0, n)) for n in (40, 1, 7, 25)]
    times[3] = np.repeat(np.arange(1.0, 26.0, 2.0), 2)
    for k in range(4):
        net.connect(net.stim("sources.VecStim"), f"Cell[{k % 3}].synapse", weight=0.01, delay=0.5 * k)
    net.connect(net.stim("sources.VecStim"), "Cell[0].synapse", weight=0.01, delay=0.1)  # an empty list
    model = net.model()
    at = model.mechanism_index("VecStim")
    parts = [times[k] if k < 4 else np.empty(0) for k in model.mechanisms[at].number.tolist()]
    lists = Lists(np.cumsum([0, *map(len, parts)]), np.concatenate(parts))
    mechanisms = list(model.mechanisms)
    mechanisms[at] = replace(mechanisms[at], lists={"spike_times": lists})
    return model.replace(mechanisms=tuple(mechanisms))


@case(30.0, "v", "Gap.i", "Gap.vgap", spikes=4)
def gap_ring() -> Model:
    net = of(_ring_cell(), copies=5)
    for k in range(5):
        net.gap_junction(f"Cell[{k}].dend[0](0.5)", f"Cell[{(k + 1) % 5}].dend[6](0.5)", g=0.02)
    clamp(net, "Cell[0]", 1.2)
    return net.model()


def _differ(sim: Simulation) -> None:
    """Every member has conductances, a temperature, weights, delays, thresholds and noise of its own."""
    b = sim.batch
    x = np.arange(b)[:, None] / 7.0  # a member's values do not depend on how many there are
    sim.var("hh.gnabar")[...] = 0.12 * (0.8 + 0.5 * x) * np.ones((1, len(sim.var("hh.gnabar"))))
    sim.var("celsius")[...] = 10.0 + 4.0 * x
    sim.var("NetCon.weight")[...] = 0.03 * (1.0 + x) * np.ones((1, len(sim.var("NetCon.weight"))))
    delays = np.array([0.7 + 0.31 * k for k in range(6)] + [0.5])
    sim.var("NetCon.delay")[...] = delays + 0.4 * x
    thresholds = sim.var("NetCon.threshold")
    thresholds[...] = 10.0 - 20.0 * x * np.ones((1, len(thresholds)))


@case(
    40.0, "v", "ExpSyn.g", "hh.gnabar", spikes=50, prepare=_differ, batch=7,
    vary=("hh.gnabar", "celsius", "NetCon.weight", "NetCon.delay", "NetCon.threshold"),
)  # fmt: skip
def members() -> Model:
    return ring()
