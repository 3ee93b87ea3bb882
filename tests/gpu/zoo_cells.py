"""Cells: trees of all kinds, channels, clamps, plays, pointers, synapses."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

import heliox
from heliox.mechanisms.intrinsics import net_send
from heliox.mechanisms.methods import cnexp
from heliox.mechanisms.template import MechTemp
from heliox.model.model import Model, Pointers, Variables
from tests.gpu.cases import case, clamp, mod, noisy, of, tree


@case(20.0, "v", "pas.i")
def passive_tree() -> Model:
    """A matrix that never changes."""
    return of(tree("pas"), amp=0.2).model()


@case(8.0, "v")
def passive_abreast() -> Model:
    """Enough like trees for stretches of nodes side by side."""
    net = of(tree("pas"), copies=24, amp=0.1)
    net.add(tree("pas", scale=0.6), copies=3, name="Small")
    return net.model()


@case(4.0, "v", "hh.m", spikes=1)
def odd_shapes() -> Model:
    """A cable of 1,200 segments, a star of 150 branches, a comb, a cell of one segment: all in one model."""
    net = heliox.Network()
    cable, star, comb, dot = (heliox.Cell(celsius=12.0) for _ in range(4))
    for k in range(8):
        cable.add_section(f"s[{k}]", L=900.0, diam=2.0, nseg=150, connect=f"s[{k - 1}](1)" if k else "")
    for cell in (star, comb, dot):
        cell.add_section("s[0]", L=20.0, diam=20.0)
    for k in range(1, 151):
        star.add_section(f"s[{k}]", L=20.0 + k % 9, diam=1.0, nseg=1 + k % 2, connect="s[0](0.5)")
    for k in range(1, 60):
        comb.add_section(
            f"s[{k}]", L=15.0, diam=1.5, connect=f"s[{k - 2 if k > 2 and k % 2 == 0 else k - 1}](1)"
        )
    for k, cell in enumerate((cable, star, comb, dot)):
        cell.insert("pas")
        cell.insert("hh", where="s[0]")
        cell.set(Ra=90.0 + k)
        net.add(cell, name=f"Odd{k}", copies=1 + k)
        net.gid(f"Odd{k}[0].s[0](0.5)", k, threshold=-10.0)
        net.place("IClamp", f"Odd{k}[0].s[0](0.5)", delay=0.2, dur=1e9, amp=2.0 - 0.4 * k)
    return net.model()


@case(2.0, "v")
def large_tree() -> Model:
    """One tree of some 9,500 nodes: more than the fast memory of a processor holds."""
    rng = np.random.default_rng(12)
    cell = heliox.Cell(celsius=12.0)
    cell.add_section("s[0]", L=30.0, diam=20.0)
    for k in range(1, 300):
        parent = int(rng.integers(max(0, k // 2 - 4), k // 2 + 1))
        at = f"s[{parent}]({(1, 1, 0.5)[k % 3]})"
        length, diam = float(rng.uniform(80.0, 250.0)), float(rng.uniform(0.8, 3.0))
        cell.add_section(f"s[{k}]", L=length, diam=diam, nseg=int(rng.integers(29, 34)), connect=at)
    cell.insert("pas")
    cell.insert("hh", where=[f"s[{k}]" for k in range(0, 300, 7)])
    net = heliox.Network()
    net.add(cell)
    for k in range(0, 300, 50):
        net.place("IClamp", f"Cell[0].s[{k}](0.5)", delay=0.1 + 0.001 * k, dur=1e9, amp=1.5)
    return net.model()


@case(30.0, "v", "hh.m", "hh.h", "hh.n", "ina", "ik", spikes=2)
def hh_tree() -> Model:
    return of(tree("hh"), amp=0.5).model()


@case(15.0, "v", "hh.gna", "ina", spikes=1)
def secondorder_1() -> Model:
    return of(tree("hh"), amp=0.6).model(secondorder=1, globals_={"usetable_hh": 0})


@case(15.0, "v", "hh.il", "ina", "ik", spikes=1)
def secondorder_2() -> Model:
    return of(tree("hh"), amp=0.6).model(secondorder=2)


@case(40.0, "v", "cai", "ica", "eca", "Ca_HVA.m", "SK_E2.z", "Ih.m", spikes=1)
def layer5() -> Model:
    """Ten channels, ion pools, calcium that accumulates and a channel that reads it."""
    cell = tree("pas")
    cell.celsius = 34.0
    cell.set(g_pas=5e-5, e_pas=-80.0)
    for name, g in (
        ("Ca_HVA", 9.9e-4), ("Ca_LVAst", 3.4e-3), ("Ih", 2e-4), ("Im", 6.8e-5), ("K_Pst", 2.2e-3),
        ("K_Tst", 0.08), ("NaTa_t", 2.0), ("Nap_Et2", 1.7e-3), ("SK_E2", 0.044), ("SKv3_1", 0.69),
    ):  # fmt: skip
        values: dict[str, Any] = {f"g{name}bar": g}
        cell.insert(f"l5pc.{name}", where=["soma", "dend[0]", "dend[1]"] if name != "Ih" else None, **values)
    cell.insert("l5pc.CaDynamics_E2", where=["soma", "dend[0]", "dend[1]"], gamma=5e-4, decay=100.0)
    cell.set(ena=50.0, ek=-85.0)
    return of(cell, amp=0.6).model()


@case(25.0, "v", "zscheme.o", "zbuffer.ca[2]", "zbuffer.held", "zimplicit.a", "zimplicit.b", "cai", spikes=1)
def kinetic() -> Model:
    """KINETIC linear and not, derivimplicit, from mod text."""
    cell = tree("hh", mod("zscheme"), mod("zimplicit"))
    cell.insert(mod("zbuffer"), where=["soma", "dend[0]", "dend[1]", "dend[6]"])
    cell.insert(mod("zca"), where=["soma", "dend[0]"])
    return of(cell, amp=0.7).model()


@case(25.0, "v", "zca.m", "zca.n", "cai", "eca", "ztable.m", "ztable.seen", spikes=1)
def tables() -> Model:
    """Tables of procedures and of functions, a GLOBAL that blocks set, concentrations that channels read."""
    cell = tree("hh", mod("zca"), mod("zdecay"), mod("ztable"))
    return of(cell, amp=0.6).model(globals_={"half_zca": 2e-4})


@case(20.0, "v", "zspread.ca[0]", "zspread.ca[2]", "zspread.held[1]", "cai", "zni", spikes=1)
def diffusion() -> Model:
    """Along the cell: three shells, and an ion of its own where a section more is left out."""
    cell = tree("hh", mod("zspread"))
    cell.insert(mod("zflow"), where=["soma", *(f"dend[{k}]" for k in range(9))])
    cell.insert(mod("zca"), where="soma")
    cell.set("dend[3]", source_zflow=3.0)
    return of(cell, amp=0.6).model()


@case(20.0, "v", "zwhen.peak", "zwhen.slow", "zwhen.steps", spikes=1)
def blocks() -> Model:
    """BEFORE BREAKPOINT, BEFORE STEP, AFTER SOLVE."""
    return of(tree("hh", mod("zwhen")), amp=0.5).model()


@case(20.0, "v", "i_membrane_", "i_cap", "ExpSyn.i", spikes=1)
def membrane() -> Model:
    net = of(tree("hh", "pas"), copies=2, amp=0.6)
    net.place("ExpSyn", "Cell[1].dend[4](0.5)", tau=1.5)
    net.connect(net.stim("NetStim", start=2.0, interval=3.0, number=4), "ExpSyn[0]", weight=0.004, delay=0.7)
    return net.model()


# --- clamps, plays, pointers


@case(
    20.0, "v", "SEClamp.i", "VClamp.i", "IClamp.i", "OClamp.i", "AlphaSynapse.i", "APCount.n", "APCount.time"
)
def clamps() -> Model:
    net = of(tree("hh"), copies=4, amp=0.0)
    net.place(
        "SEClamp",
        "Cell[0].soma(0.5)",
        rs=2.0,
        dur1=4.0,
        amp1=-70.0,
        dur2=6.0,
        amp2=-10.0,
        dur3=5.0,
        amp3=20.0,
    )
    net.place("VClamp", "Cell[1].soma(0.5)", dur=(5.0, 8.0, 4.0), amp=(-65.0, 0.0, -90.0))
    net.place("OClamp", "Cell[2].soma(0.5)", rs=1.0, on=3.0, off=9.0, vc=-20.0, switched_on=1.0)
    clamp(net, "Cell[3]", 0.6, dur=9.0)
    net.place("AlphaSynapse", "Cell[3].dend[7](0.4)", onset=3.0, tau=1.2, gmax=0.01)
    net.place("APCount", "Cell[3].soma(0.5)", thresh=-15.0)
    return net.model()


@case(30.0, "v", "IClamp.amp", "hh.gnabar", "pas.e", "SEClamp.amp1", "ExpSyn.e", spikes=1)
def plays() -> Model:
    """Continuous and by events, into parameters, clamps and a stimulus."""
    net = of(tree("hh", "pas"), copies=2)
    clamp(net, "Cell[0]", 0.0)
    net.place("SEClamp", "Cell[1].dend[4](0.5)", rs=30.0, dur1=1e9)
    net.place("ExpSyn", "Cell[0].dend[7](0.3)", tau=2.0)
    stim = net.stim("NetStim", start=1.0, interval=5.0, number=1e9)
    net.connect(stim, "ExpSyn[0]", weight=0.003, delay=1.0)
    t = np.arange(0.0, 30.0, 0.83)
    net.play("IClamp[0].amp", t, 0.4 + 0.4 * np.sin(t), continuous=True)
    net.play(
        "SEClamp[0].amp1", [0.0, 5.0, 5.0, 12.0, 20.0], [-65.0, -40.0, 0.0, -80.0, -10.0], continuous=True
    )
    net.play("Cell[0].dend[0](0.5).hh.gnabar", [0.0, 7.0, 7.01, 19.99], [0.12, 0.3, 0.01, 0.2])
    net.play("Cell[1].dend[2](0.5).pas.e", [2.0, 11.0, 23.0], [-70.0, -30.0, -60.0])
    net.play("ExpSyn[0].e", t, -10.0 * np.cos(t))
    net.play(f"{stim}.interval", [4.0, 13.0], [2.0, 6.0])
    return net.model()


@case(20.0, "v", "SEClamp.amp1", "IClamp.amp", "ztable.g", spikes=1)
def transfers() -> Model:
    """Variables that follow voltages and states elsewhere, in a circle, one source of several targets."""
    net = of(tree("hh", mod("ztable")), copies=4)
    for k in range(4):
        place = f"Cell[{k}].soma(0.5)"
        net.place("SEClamp", f"Cell[{k}].dend[4](0.5)", rs=40.0, dur1=1e9)
        net.transfer(f"Cell[{(k + 1) % 4}].dend[2](0.5).v", f"SEClamp[{k}].amp1")
        stimulus = clamp(net, f"Cell[{(k + 2) % 4}]", 0.1)
        net.transfer(f"Cell[{k}].dend[0](0.5).hh.m", f"{stimulus}.amp")
        if k % 2:
            net.transfer("Cell[0].soma(0.5).hh.n", f"{place}.ztable.g")
    clamp(net, "Cell[0]", 0.5)
    return net.model()


@case(20.0, "v", "ZFollow.i", "IClamp.amp", "pas.g", spikes=1)
def pointers() -> Model:
    """What is read and what is moved lies in other cells; two move one variable."""
    net = of(tree("hh", "pas"), copies=3, amp=0.4)
    for k, place in enumerate(("Cell[0].dend[3](0.5)", "Cell[1].dend[4](0.5)", "Cell[1].dend[4](0.5)")):
        net.place(mod("zfollow"), place, rate=(2e-4, 1e-8, 1e-4)[k])
    model = net.model()
    follow, clamps, pas = (model.mechanism_index(n) for n in ("ZFollow", "IClamp", "pas"))
    at = np.argsort(model.mechanisms[follow].number).astype(np.int32)  # in order of creation
    node = model.mechanisms[pas].node
    source = Variables(np.repeat(follow, 6).astype(np.int32), np.repeat(at, 2), ("of", "moved") * 3)
    target = Variables(
        np.array([-1, clamps, -1, pas, -1, clamps], np.int32),
        np.array([node[-1], 0, node[3], 5, node[0], 0], np.int32),
        ("v", "amp", "v", "g", "v", "amp"),
    )
    return model.replace(pointers=Pointers(source, target))


# --- synapses


@case(40.0, "v", "ExpSyn.g", "Exp2Syn.A", "Exp2Syn.B", spikes=1)
def synapses() -> Model:
    """Noisy stimuli; several synapses of one segment and several connections of one synapse."""
    net = of(tree("hh"), copies=2)
    rng = np.random.default_rng(3)
    for k in range(12):
        place = f"Cell[{k % 2}].dend[{k % 13}]({0.1 + 0.8 * (k % 3) / 2})"
        synapse = net.place(
            "Exp2Syn", place, tau1=0.3 + 0.1 * (k % 3), tau2=2.0 + k % 4, e=-80.0 * (k % 5 == 4)
        )
        stim = noisy(net, k, 6.0 + k % 3)
        for _ in range(2):
            net.connect(
                stim, synapse, weight=float(rng.uniform(0.001, 0.006)), delay=float(rng.uniform(0.3, 4.0))
            )
    for k in range(6):  # one segment
        synapse = net.place("ExpSyn", "Cell[0].dend[0](0.5)", tau=1.0 + 0.5 * k)
        net.connect(noisy(net, 100 + k, 8.0, noise=0.5), synapse, weight=0.0005 * (1 + k), delay=0.1 * k)
    return net.model()


@case(60.0, "v", "ZLearn.g", "ZLearn.sum", "ZLearn.post", "ZLearn.late", "NetCon.weight", spikes=3)
def learning() -> Model:
    """WATCH, FOR_NETCONS, self events, weights that change."""
    net = of(tree("hh"), copies=2)
    for k in range(4):
        net.place(mod("zlearn"), f"Cell[{k % 2}].dend[{k}](0.5)", thr=-25.0 - 5.0 * k)
    for k in range(10):
        net.connect(
            noisy(net, k, 9.0), f"ZLearn[{k % 4}]", weight=0.004 + 0.002 * (k % 3), delay=0.5 + 0.2 * k
        )
    net.connect("Cell[0].soma(0.5)", "ZLearn[1]", weight=0.01, delay=1.5)
    return net.model()


@case(60.0, "v", "Noisy.x", "Noisy.level", spikes=1)
def streams() -> Model:
    """Random numbers drawn in `state` and in `receive`, of streams of their own."""
    net = of(tree("hh"), copies=2)
    for k in range(3):
        net.place(_noisy(), f"Cell[{k % 2}].dend[{2 * k}](0.5)", level=0.3 + 0.1 * k)
        net.connect(noisy(net, k, 7.0), f"Noisy[{k}]", weight=0.2, delay=0.6)
    return net.model()


@cache
def _noisy() -> MechTemp:
    from heliox.mechanisms.intrinsics import random_negexp, random_normal, random_uniform

    def initial(own):
        x = random_uniform(own)
        net_send(1.0 + random_negexp(own, 2.0), 2.0)
        return x

    def current(x):
        i = -x
        return i

    def state(dt, x, level, tau, own):
        x = cnexp(x, -1.0 / tau, random_normal(own, level, 0.5) / tau, dt)
        return x

    def receive(weight, flag, x, own):
        if flag == 2.0:
            x = x + 0.1
            net_send(random_negexp(own, 5.0), 2.0)
        else:
            x = x + weight * random_uniform(own)
        return x

    return MechTemp(
        "Noisy", "point", (initial, current, state, receive),
        parameters={"level": (0.0, "nA"), "tau": (4.0, "ms")}, states={"x": "nA"},
        assigned={"i": "nA"}, currents=("i",), weights=("weight",), random=("own",),
    )  # fmt: skip


@case(20.0, "v", "cai", "ica", "zca.n", spikes=1)
def pumps() -> Model:
    """Point processes of one segment that write its concentration one after the other."""
    cell = tree("hh", mod("zca"))
    net = of(cell, amp=0.6)
    for k in range(5):
        net.place(mod("zpump"), f"Cell[0].dend[{k // 3}](0.5)", rate=0.01 * (k + 1), share=0.1 * k)
    return net.model()
