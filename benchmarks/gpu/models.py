"""Models of the GPU's benchmarks, built without NEURON or data files; the same bits in every process."""

from __future__ import annotations

from typing import Any

import numpy as np

import heliox
from benchmarks.gpu.shapes import LAYER5, LAYER23, grow
from heliox.cells import layer23
from heliox.cells.regions import published_distance
from heliox.model.model import Model

DT = 0.025  # ms
CLASS239_VARIED = ("hh.gnabar", "hh.gkbar")


# --- one cell each


def layer5_cell(seed: int = 5) -> heliox.Cell:
    """A cell of the size, shape and channels of Hay's layer-5b pyramidal cell (2011): 196 sections."""
    cell = heliox.Cell(v_init=-80.0, celsius=34.0, dt=DT)
    cell.add_section("soma", L=23.17, diam=15.54)
    grow(cell, LAYER5, seed)
    _axon(cell, "soma(0.5)", 1.0)
    cell.nseg(per=40.0)
    cell.set(Ra=100.0)
    for region, g, cm in (
        ("soma", 3.38e-5, 1.0), ("axon", 3.25e-5, 1.0), ("dend", 4.67e-5, 2.0), ("apic", 5.89e-5, 2.0),
    ):  # fmt: skip
        cell.insert("pas", where=region, g=g, e=-90.0)
        cell.set(region, cm=cm)
    _insert(
        cell.region("soma"), "l5pc",
        Ca_HVA={"gCa_HVAbar": 9.92e-4}, Ca_LVAst={"gCa_LVAstbar": 3.43e-3},
        CaDynamics_E2={"gamma": 5.01e-4, "decay": 460.0}, Ih={"gIhbar": 2e-4}, K_Pst={"gK_Pstbar": 2.23e-3},
        K_Tst={"gK_Tstbar": 0.0812}, NaTa_t={"gNaTa_tbar": 2.04}, Nap_Et2={"gNap_Et2bar": 1.72e-3},
        SK_E2={"gSK_E2bar": 0.0441}, SKv3_1={"gSKv3_1bar": 0.693},
    )  # fmt: skip
    cell.insert("l5pc.Ih", where="dend", gIhbar=2e-4)
    d = cell.distance("apic", origin="apic[0](0)")
    hot = (d > 685.0) & (d < 885.0)
    _insert(
        cell.region("apic"), "l5pc",
        Ca_HVA={"gCa_HVAbar": np.where(hot, 5.55e-4, 5.55e-5)},
        Ca_LVAst={"gCa_LVAstbar": np.where(hot, 0.0187, 0.000187)},
        CaDynamics_E2={"gamma": 5.09e-4, "decay": 122.0},
        Ih={"gIhbar": 2e-4 * (-0.8696 + 2.087 * np.exp(3.6161 * d / d.max()))}, Im={"gImbar": 6.75e-5},
        NaTa_t={"gNaTa_tbar": 0.0213}, SK_E2={"gSK_E2bar": 1.2e-3}, SKv3_1={"gSKv3_1bar": 2.61e-4},
    )  # fmt: skip
    cell.set(ena=50.0, ek=-85.0)
    return cell


def layer23_cell(active: bool = False, seed: int = 23) -> heliox.Cell:
    """As large as the human layer-2/3 cell ("HPC"): 219 sections; active, its channels in soma and axon."""
    cell = heliox.Cell(v_init=-86.0 if active else -65.0, celsius=37.0, dt=DT)
    cell.add_section("soma", L=26.43, diam=19.1)
    grow(cell, LAYER23, seed)
    _axon(cell, "soma(1)", 1.39)
    cell.nseg(per=40.0)
    cell.set(Ra=261.97, cm=layer23.CM)
    cell.insert("pas", g=layer23.G_PAS, e=layer23.E_PAS if active else -65.0)
    if active:
        for region in ("dend", "apic"):
            far = published_distance(cell, region, "soma(0.5)") > layer23.SPINY
            spines = np.where(far, layer23.SPINES, 1.0)
            cell.set(region, cm=layer23.CM * spines, g_pas=layer23.G_PAS * spines)
        for region, channels in (("soma", layer23.SOMA), ("axon", layer23.AXON)):
            _insert(cell.region(region), "hpc", **channels)
        cell.set(ena=layer23.E_NA, ek=layer23.E_K)
    return cell


def branching_cell(k: int) -> heliox.Cell:
    """Soma and first dendrites hh, the rest pas: 57 segments; a synapse on a distal dendrite."""
    cell = heliox.Cell(dt=DT)
    cell.add_section("soma", L=20.0, diam=20.0)
    level, count = ["soma"], 0
    for depth in range(3):
        grown = []
        for parent in level:
            for j in range(2):
                name = f"dend[{count}]"
                length = 60.0 + 10.0 * j + k % 7
                cell.add_section(name, L=length, diam=2.0 - 0.4 * depth, nseg=4, connect=f"{parent}(1)")
                if depth:
                    cell.insert("pas", where=name, e=-65.0)
                else:
                    cell.insert("hh", where=name)
                grown.append(name)
                count += 1
        level = grown
    cell.insert("hh", where="soma")
    cell.set(Ra=100.0, cm=1.0)
    cell.place("ExpSyn", f"dend[{count - 8}](0.5)", name="synapse", tau=2.0)
    return cell


def _axon(cell: heliox.Cell, at: str, diam: float) -> None:
    cell.add_section("axon[0]", L=30.0, diam=diam, connect=at)
    cell.add_section("axon[1]", L=30.0, diam=diam, connect="axon[0](1)")


def _insert(region: Any, family: str, **channels: dict[str, Any]) -> None:
    for name, values in channels.items():
        region.insert(f"{family}.{name}", **values)


# --- models


def l5pc(amp: float = 0.9, start: float = 1.0) -> Model:
    """One layer-5 cell with a current of `amp` nA into the soma from `start` ms on (none if 0)."""
    net = heliox.Network()
    net.add(layer5_cell())
    if amp:
        net.place("IClamp", "Cell[0].soma(0.5)", delay=start, dur=1e9, amp=amp)
    net.gid("Cell[0].soma(0.5)", 0, threshold=-20.0)
    return net.model()


def l5pc_network(cells: int = 20, synapses: int = 100, seed: int = 1) -> Model:
    """Layer-5 cells with `synapses` Exp2Syn each: of five, noisy NetStims drive three and other cells two.

    A NetStim, with a stream of its own, drives three synapses of one cell; delays are 0.5 to 5 ms.
    """
    rng = np.random.default_rng(seed)
    net = heliox.Network()
    cell = layer5_cell()
    names = net.add(cell, copies=cells)
    for k, name in enumerate(names):
        net.gid(f"{name}.soma(0.5)", k, threshold=-20.0)
    dendrites = [s.name for s in cell.sections if s.region in ("dend", "apic")]
    for k, name in enumerate(names):
        drive = ""
        for j in range(synapses):
            place = f"{name}.{dendrites[int(rng.integers(len(dendrites)))]}({rng.uniform(0.05, 0.95):.3f})"
            synapse = net.place("Exp2Syn", place, tau1=0.5, tau2=5.0, e=0.0)
            delay = float(rng.uniform(0.5, 5.0))
            if j % 5 < 3:
                if j % 5 == 0:
                    drive = net.stim(
                        "NetStim", start=float(rng.uniform(0.0, 5.0)), interval=20.0, number=1e9, noise=1.0,
                        ranvar=(float(k), float(j), 1.0),
                    )  # fmt: skip
                net.connect(drive, synapse, weight=0.002, delay=delay)
            else:
                other = int(rng.integers(cells - 1)) if cells > 1 else 0
                source = names[other + (other >= k and cells > 1)]
                net.connect(f"{source}.soma(0.5)", synapse, weight=0.001, delay=delay)
        net.place("IClamp", f"{name}.soma(0.5)", delay=1.0, dur=1e9, amp=0.3 + 0.5 * k / cells)
    return net.model()


def hpc(cells: int = 500, active: bool = False, drives: int = 0, seed: int = 1) -> Model:
    """Cells of about 1,043 segments, a current into each soma; `drives` noisy inputs a cell if asked for."""
    rng = np.random.default_rng(seed)
    net = heliox.Network()
    cell = layer23_cell(active)
    dendrites = [s.name for s in cell.sections if s.region in ("dend", "apic")]
    for j in range(drives):
        place = f"{dendrites[int(rng.integers(len(dendrites)))]}({rng.uniform(0.05, 0.95):.3f})"
        cell.place("Exp2Syn", place, name=f"input{j}", tau1=0.3, tau2=1.8)
    for k, name in enumerate(net.add(cell, copies=cells)):
        net.place("IClamp", f"{name}.soma(0.5)", delay=1.0, dur=1e9, amp=(0.8 if active else 0.2) + 0.001 * k)
        net.gid(f"{name}.soma(0.5)", k, threshold=-20.0)
        for j in range(drives):
            stim = net.stim(
                "NetStim", start=0.0, interval=50.0, number=1e9, noise=1.0, ranvar=(float(k), float(j), 2.0)
            )
            net.connect(stim, f"{name}.input{j}", weight=0.0005, delay=0.5)
    return net.model()


def class239() -> Model:
    """One cell of 239 segments with hh everywhere, and a current into its soma; see `class239_batch`."""
    rng = np.random.default_rng(239)
    cell = heliox.Cell(dt=DT)
    cell.add_section("soma", L=20.0, diam=20.0, nseg=2)
    for k in range(79):
        parent = "soma(0.5)" if k < 6 else f"dend[{int(rng.integers(max(0, k // 2 - 6), k // 2 + 1))}](1)"
        length, diam = float(rng.uniform(20.0, 60.0)), float(rng.uniform(0.8, 1.6))
        cell.add_section(f"dend[{k}]", L=length, diam=diam, nseg=3, connect=parent)
    cell.insert("hh")
    cell.set("dend", gnabar_hh=0.06, gkbar_hh=0.018, gl_hh=1e-4)
    cell.set(Ra=120.0)
    cell.place("IClamp", "soma(0.5)", delay=1.0, dur=1e9, amp=0.6)
    net = heliox.Network()
    net.add(cell)
    net.gid("Cell[0].soma(0.5)", 0)
    return net.model()


def class239_batch(members: int, model: Model | None = None, **options: Any) -> heliox.Simulation:
    """Members of `class239` that differ in two conductances, by up to 20 %; the first is the cell itself."""
    sim = heliox.Simulation(
        class239() if model is None else model, batch=members, vary=CLASS239_VARIED, progress=False, **options
    )
    rng = np.random.default_rng(1)
    for name in CLASS239_VARIED:
        handle = sim.var(name)
        factor = rng.uniform(0.8, 1.2, (members, 1))
        factor[0] = 1.0
        values = np.asarray(handle.values)
        handle[...] = (values * factor).reshape(values.shape)
    return sim


def trees(n: int, shapes: int = 8) -> Model:
    """Passive trees of a layer-5 cell's size, of `shapes` different ones, a current into each soma."""
    made = []
    for seed in range(min(n, shapes)):
        cell = heliox.Cell(v_init=-70.0, dt=DT)
        cell.add_section("soma", L=23.17, diam=15.54)
        grow(cell, LAYER5, 100 + seed)
        cell.nseg(per=40.0)
        cell.set(Ra=100.0)
        cell.insert("pas", g=5e-5, e=-70.0)
        cell.place("IClamp", "soma(0.5)", delay=0.5, dur=1e9, amp=0.2 + 0.02 * seed)
        made.append(cell)
    net = heliox.Network()
    for k, cell in enumerate(made):
        net.add(cell, copies=len(range(k, n, len(made))), name=f"Tree{k}")
    return net.model()


def ring(n: int) -> Model:
    """Branching cells in a ring, each exciting the next; every fourth one gets one spike at the start."""
    net = heliox.Network()
    shapes = [branching_cell(k) for k in range(7)]
    names = [net.add(shapes[k % 7])[0] for k in range(n)]
    for k, name in enumerate(names):
        net.gid(f"{name}.soma(0.5)", k)
    for k, name in enumerate(names):
        net.connect((k - 1) % n, f"{name}.synapse", weight=0.04, delay=1.0 + 0.0137 * (k % 5))
        if k % 4 == 0:
            stim = net.stim("NetStim", start=1.0 + 0.1 * (k % 64), number=1)
            net.connect(stim, f"{name}.synapse", weight=0.04, delay=0.5)
    return net.model()


def gap_ring(n: int) -> Model:
    """Branching cells in a ring, each joined to the next by a gap junction; a current into every eighth."""
    net = heliox.Network()
    shapes = [branching_cell(k) for k in range(7)]
    names = [net.add(shapes[k % 7])[0] for k in range(n)]
    for k, name in enumerate(names):
        net.gid(f"{name}.soma(0.5)", k)
        if n > 1:
            net.gap_junction(f"{name}.dend[0](0.5)", f"{names[(k + 1) % n]}.dend[1](0.5)", g=0.01)
        if k % 8 == 0:
            net.place("IClamp", f"{name}.soma(0.5)", delay=1.0, dur=1e9, amp=1.5)
    return net.model()
