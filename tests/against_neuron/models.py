"""NEURON models, each made to hold what is easily got wrong.

All of them hold the same mechanisms somewhere, so that one compiled module serves them all.

Every function takes NEURON's ``h`` and gives the objects that keep its model alive.
"""

from typing import Any

RUNNING = 30.0  # ms that most models are run


def complete(h: Any, start: float = 1.3) -> list:
    """A small cell of its own with every mechanism these models use, and a stimulus (`start` < 0: silent)."""
    h.ion_register("ca", 2)
    s = h.Section(name="complete")
    s.L, s.diam, s.nseg = 30, 10, 1
    for name in ("pas", "hh", "ca_ion"):
        s.insert(name)
    clamp = h.IClamp(s(0.5))
    clamp.delay, clamp.dur, clamp.amp = 3, 2, 0.1
    fast, slow = h.ExpSyn(s(0.5)), h.Exp2Syn(s(0.5))
    stim = stimulus(h, start, 7.1, 100)
    return [
        s,
        clamp,
        fast,
        slow,
        stim,
        connect(h, stim, fast, 0.001, 1.1),
        connect(h, stim, slow, 0.002, 0.4),
    ]


def connect(
    h: Any, source: Any, target: Any, weight: float, delay: float, threshold: float | None = None
) -> Any:
    """A NetCon from a segment's voltage, or from an artificial cell."""
    if hasattr(source, "_ref_v"):
        netcon = h.NetCon(source._ref_v, target, sec=source.sec)
    else:
        netcon = h.NetCon(source, target)
    netcon.weight[0], netcon.delay = weight, delay
    if threshold is not None:
        netcon.threshold = threshold
    return netcon


def clamp(h: Any, place: Any, delay: float, dur: float, amp: float) -> Any:
    c = h.IClamp(place)
    c.delay, c.dur, c.amp = delay, dur, amp
    return c


def stimulus(h: Any, start: float, interval: float, number: float = 1e9, noise: float = 0.0) -> Any:
    """A NetStim; its random numbers do not depend on what the session did before."""
    s = h.NetStim()
    s.start, s.interval, s.number, s.noise = start, interval, number, noise
    if noise:
        s.noiseFromRandom123(round(1000 * abs(interval)), round(1000 * abs(start)), round(1000 * noise))
    return s


def ball_and_stick(h: Any) -> list:
    """Soma and dendrite, a current step, two kinds of synapses, a feedback from the soma."""
    soma, dend = h.Section(name="soma"), h.Section(name="dend")
    soma.L = soma.diam = 18.8
    dend.L, dend.diam, dend.nseg, dend.Ra, soma.Ra = 211.7, 1.9, 7, 123.0, 123.0
    dend.connect(soma(1))
    soma.insert("hh")
    dend.insert("pas")
    dend.e_pas, dend.g_pas, dend.cm = -64.7, 1.3e-4, 1.2
    step = clamp(h, soma(0.5), 1.0, 6.0, 0.31)
    fast, slow = h.ExpSyn(dend(0.8)), h.Exp2Syn(dend(0.3))
    fast.tau, slow.tau1, slow.tau2, slow.e = 1.7, 0.7, 5.3, -80
    stim = stimulus(h, 9.0, 3.3)
    cons = [
        connect(h, stim, fast, 0.012, 0.7),
        connect(h, soma(0.5), slow, 0.004, 1.35, 0.0),
        connect(h, stim, slow, 0.001, 2.0),
    ]
    return [soma, dend, step, fast, slow, stim, cons, complete(h)]


class Tree:
    """Eight sections: even and odd nseg, 3-D points, a taper, two sections attached by their 1 ends,
    attachments inside sections, several sections at one place."""

    def __init__(self, h: Any, name: str = "tree", scale: float = 1.0, reverse: bool = False) -> None:
        self.h = h
        kinds = ("soma", "dend", "apic", "back", "twig", "tuft", "stub", "leaf")
        made = {k: h.Section(name=f"{name}_{k}") for k in (kinds[::-1] if reverse else kinds)}
        self.sections = [made[k] for k in kinds]
        soma, dend, apic, back, twig, tuft, stub, leaf = self.sections
        for section, nseg in zip(self.sections, (1, 4, 5, 2, 3, 6, 1, 2)):
            section.nseg = nseg
        soma.L, soma.diam = 21.0 * scale, 17.0
        for x, y, z, d in ((0, 0, 0, 3.1), (0, 50, 0, 2.2), (11, 120, 3, 1.5), (11, 203, 30, 0.7)):
            h.pt3dadd(x * scale, y * scale, z, d, sec=apic)
        for x, y, z, d in ((5, 0, 0, 1.3), (5, 30, 0, 1.3), (5, 30, 10, 2.6), (15, 90, 12, 0.4)):
            h.pt3dadd(x, y, z * scale, d, sec=tuft)
        for section, L, diam in (
            (dend, 130.0, 2.3),
            (back, 77.0, 1.4),
            (twig, 60.0, 0.9),
            (stub, 12.0, 0.5),
            (leaf, 44.0, 1.1),
        ):
            section.L, section.diam = L * scale, diam
        for k, segment in enumerate(dend):
            segment.diam = 2.9 - 0.4 * k  # a taper without points
        dend.connect(soma(1))
        apic.connect(soma(1))
        back.connect(soma(0), 1)
        twig.connect(dend(0.3))
        tuft.connect(apic(0.7), 1)
        stub.connect(dend(0.3))
        leaf.connect(twig(1))
        for k, section in enumerate(self.sections):
            section.Ra, section.cm = 80.0 + 13.0 * k, 0.9 + 0.07 * k
        for section in (soma, twig, back, tuft):
            section.insert("hh")
        for section in (dend, apic, stub, leaf, tuft):
            section.insert("pas")
            for segment in section:
                segment.pas.g, segment.pas.e = 1e-4 * (1.0 + segment.x), -66.0 - segment.x
        for segment in twig:
            segment.hh.gnabar = 0.09 + 0.02 * segment.x
        tuft.gnabar_hh, tuft.ena = 0.05, 45.0

    @property
    def soma(self) -> Any:
        return self.sections[0]


def branched(h: Any) -> list:
    """A tree with point processes inside sections and at their ends, several of a kind on one node, made in
    an order that is not that of the nodes."""
    tree = Tree(h)
    soma, dend, apic, back, twig, tuft, _, leaf = tree.sections
    spots = (
        twig(1),
        dend(0.4),
        soma(0.5),
        back(0),
        dend(0.4),
        apic(1),
        soma(0),
        tuft(0.5),
        dend(0.4),
        twig(0),
        leaf(0.9),
    )
    synapses: list = []
    for k, place in enumerate(spots):
        synapse = h.ExpSyn(place) if k % 3 else h.Exp2Syn(place)
        if k % 3:
            synapse.tau, synapse.e = 1.0 + 0.3 * k, -3.0 * k
        else:
            synapse.tau1, synapse.tau2, synapse.e = 0.3 + 0.1 * k, 3.0 + k, -2.0 * k
        synapses.append(synapse)
    del synapses[4]  # leaves a hole in the node's list of properties
    synapses += [h.ExpSyn(dend(0.4)), h.Exp2Syn(dend(0.4)), h.ExpSyn(dend(0.4))]
    stims = [stimulus(h, 0.5 + 0.77 * k, 2.9 + 0.31 * k) for k in range(4)]
    cons = [
        connect(h, stims[k % 4], synapse, 0.0011 * (1 + k % 5), 0.3 + 0.21 * k)
        for k, synapse in enumerate(synapses)
    ]
    cons += [
        connect(h, soma(0.5), synapses[1], 0.002, 1.0, -5.0),
        connect(h, twig(0.5), synapses[2], 0.003, 0.6, -20.0),
        connect(h, tuft(0.5), synapses[0], 0.003, 0.6),
    ]
    clamps = [clamp(h, soma(0.5), 2, 1, 0.7), clamp(h, tuft(1), 8, 5, 0.2), clamp(h, soma(0.5), 2.5, 9, 0.11)]
    return [tree, synapses, stims, cons, clamps, complete(h)]


def forest(h: Any) -> list:
    """Several trees made in another order than they stand, and single compartments, that talk to each
    other."""
    trees = [Tree(h, f"t{k}", 1.0 + 0.1 * k, reverse=bool(k % 2)) for k in range(3)]
    dots = [h.Section(name=f"dot{k}") for k in range(3)]
    for k, dot in enumerate(dots):
        dot.L = dot.diam = 12.0 + k
        dot.nseg = 1 + k
        dot.insert("hh")
    somata = [t.soma for t in trees[::-1]] + dots
    synapses, cons = [], []
    for k in range(24):
        a, b = somata[k % 6], somata[(5 * k + 1) % 6]
        synapse = (h.ExpSyn if k % 2 else h.Exp2Syn)(b((k % 5) / 4))
        synapses.append(synapse)
        cons.append(connect(h, a(0.5), synapse, 0.004 * (1 + k % 3), 0.5 + 0.137 * (k % 7), -10.0 - k))
    clamps = [clamp(h, s(0.5), 1.0 + 0.4 * k, 3.0, 0.5 + 0.1 * k) for k, s in enumerate(somata)]
    return [trees, dots, synapses, cons, clamps, complete(h)]


def rall(h: Any) -> list:
    """Sections that stand for several equal ones (rallbranch)."""
    tree = Tree(h)
    tree.sections[1].rallbranch = 2
    tree.sections[4].rallbranch = 3
    return [
        tree,
        clamp(h, tree.soma(0.5), 1, 3, 0.9),
        clamp(h, tree.sections[4](0.5), 9, 3, 0.4),
        complete(h),
    ]


class RingCell:
    """Soma with hh, a binary tree of dendrites, one synapse."""

    def __init__(self, h: Any, gid: int, depth: int, nseg: int) -> None:
        self.soma = h.Section(name="soma", cell=self)
        self.soma.L = self.soma.diam = 20
        self.soma.insert("hh")
        self.dend, level = [], [self.soma]
        for d in range(depth):
            following: list[Any] = []
            for parent in level:
                for k in range(2):
                    s = h.Section(name=f"d{d}_{len(following)}", cell=self)
                    s.L, s.diam, s.nseg = 60 + 10 * k + gid % 7, 2.0 - 0.4 * d, nseg
                    s.connect(parent(1))
                    s.insert("hh" if d == 0 else "pas")
                    if d:
                        s.e_pas = -65
                    following.append(s)
            self.dend += following
            level = following
        self.synapse = h.ExpSyn(level[0](0.5))
        self.synapse.tau = 2
        for s in (self.soma, *self.dend):
            s.Ra, s.cm = 100, 1


def ring(h: Any, cells: int = 8, depth: int = 2, nseg: int = 2) -> list:
    """Cells with gids that excite each other in a ring, with delays that are no multiples of dt."""
    pc = h.ParallelContext()
    members = [RingCell(h, k, depth, nseg) for k in range(cells)]
    for gid, cell in enumerate(members):
        pc.set_gid2node(gid, pc.id())
        pc.cell(gid, h.NetCon(cell.soma(0.5)._ref_v, None, sec=cell.soma))
    cons = []
    for gid, cell in enumerate(members):
        netcon = pc.gid_connect((gid - 1) % cells, cell.synapse)
        netcon.delay, netcon.weight[0] = 1.0 + 0.0137 * (gid % 5), 0.04
        cons.append(netcon)
    stims = []
    for gid in range(0, cells, 4):
        stim = stimulus(h, 1 + 0.1 * gid, 10, 1)
        stims += [stim, connect(h, stim, members[gid].synapse, 0.04, 0.5)]
    return [members, cons, stims, complete(h)]


def noise(h: Any) -> list:
    """Random stimuli of several kinds, one of them switched by others."""
    soma = h.Section(name="soma")
    soma.L = soma.diam = 25
    soma.insert("hh")
    synapses = [h.ExpSyn(soma(0.5)), h.Exp2Syn(soma(0.5)), h.ExpSyn(soma(1))]
    stims = [
        stimulus(h, 0.5, 1.7, noise=0.3),
        stimulus(h, 0.0, 2.3, noise=1.0),
        stimulus(h, 2.0, 0.9, 12, noise=1.0),
        stimulus(h, -1.0, 1.1, 5, noise=0.5),  # waits for an event
        stimulus(h, 1.0, -2.0, 7, noise=1.0),  # an interval below zero counts as 0.01 ms
        stimulus(h, 3.0, 2.0, 3, noise=1.7),  # noise is cut to 1
    ]
    stims[0].noiseFromRandom123(7, 8, 9)
    cons = [connect(h, s, synapses[k % 3], 0.0007 * (1 + k), 0.35 + 0.11 * k) for k, s in enumerate(stims)]
    switch = stimulus(h, 4.0, 6.0, noise=0.2)
    cons += [connect(h, switch, stims[3], 1.0, 0.5), connect(h, switch, stims[1], -1.0, 3.0)]
    cons += [connect(h, switch, stims[1], 1.0, 4.4), connect(h, switch, stims[2], -0.5, 0.0)]
    cons += [connect(h, switch, stims[2], 0.0, 0.1)]  # a weight of zero does nothing
    return [soma, synapses, stims, cons, switch, clamp(h, soma(0.5), 5, 10, 0.4), complete(h)]


def delays(h: Any) -> list:
    """Delays of zero, below dt, at dt and at half steps; between cells, chains of stimuli, cells onto
    themselves."""
    cells = [h.Section(name=f"c{k}") for k in range(4)]
    for k, s in enumerate(cells):
        s.L = s.diam = 14 + k
        s.insert("hh")
    synapses = [h.ExpSyn(s(0.5)) for s in cells] + [h.Exp2Syn(s(0)) for s in cells]
    cons = []
    values = (0.0, 0.004, 0.0125, 0.02, 0.025, 0.0250001, 0.0374, 0.0375, 0.05, 0.5)
    for k in range(30):
        a, b = cells[k % 4], synapses[(3 * k + 1) % 8]
        cons.append(connect(h, a(0.5), b, 0.002 + 0.0001 * k, values[k % len(values)], -15.0))
    first = stimulus(h, 1.0, 5.0)
    chain = [first] + [stimulus(h, -1.0, 0.3 + 0.1 * k, 2) for k in range(3)]
    for a, b, d in zip(chain, chain[1:], (0.0, 0.01, 0.0)):
        cons.append(connect(h, a, b, 1.0, d))
    for k, stim in enumerate(chain):
        cons.append(connect(h, stim, synapses[k], 0.01, (0.0, 0.0, 0.003, 0.5)[k]))
        cons.append(connect(h, stim, synapses[4 + k], 0.004, (0.0, 0.01, 0.0, 0.0)[k]))
    cons.append(connect(h, cells[0](0.5), chain[1], 1.0, 0.0))
    return [cells, synapses, chain, cons, clamp(h, cells[0](0.5), 2, 10, 0.3), complete(h)]


def convergence(h: Any) -> list:
    """Many connections to one synapse, many from one source, thresholds that are changed, inactive ones,
    sources at several places of one cell and at another variable than a voltage."""
    tree = Tree(h)
    soma, dend, apic, back, twig, tuft, _, leaf = tree.sections
    target, other = h.ExpSyn(dend(0.5)), h.Exp2Syn(apic(0.5))
    sources = [soma(0.5), twig(0.5), back(0.2), tuft(0.9), soma(0.5), apic(0.5), leaf(1), soma(0)]
    cons = []
    for k in range(20):
        cons.append(
            connect(h, sources[k % 8], (target, other)[k % 2], 0.0003 * (k + 1), 0.4 + 0.05 * k, -30.0 + k)
        )
    cons[0].threshold, cons[5].threshold = -41.0, 3.0
    cons[7].active(0)
    watched = h.NetCon(soma(0.5).hh._ref_m, target, sec=soma)  # a gate
    watched.threshold, watched.weight[0], watched.delay = 0.5, 0.002, 0.9
    only = h.NetCon(twig(0.2)._ref_v, None, sec=twig)
    return [tree, target, other, cons, watched, only, clamp(h, soma(0.5), 1, 20, 0.8), complete(h)]


def simultaneous(h: Any) -> list:
    """Spikes of several cells in one step that reach one synapse together, with different weights: sums in
    another order have other bits."""
    cells = [h.Section(name=f"equal{k}") for k in range(5)]
    for s in cells:
        s.L = s.diam = 20
        s.insert("hh")
    target = h.Section(name="target")
    target.L = target.diam = 24
    target.insert("hh")
    synapse, other = h.ExpSyn(target(0.5)), h.Exp2Syn(target(0.5))
    synapse.tau = 3.0
    cons = []
    for k in range(15):
        to = other if k % 4 == 3 else synapse
        cons.append(connect(h, cells[(2 * k) % 5](0.5), to, 1e-4 / (3.0 + k) + 1e-4 * (k % 2), 0.5))
    return [cells, target, synapse, other, cons, [clamp(h, s(0.5), 4, 12, 0.3) for s in cells], complete(h)]


def lattice(h: Any, least: float = 1.0, cells: int = 10, pairs: bool = False) -> list:
    """Cells that can be advanced apart: no delay between them is below `least` ms, and some are equal to it.

    With `pairs`, neighbours are joined by delays below a step. Stimuli without input drive many cells, one
    with input stands between two.
    """
    somata, dendrites, synapses, cons = [], [], [], []
    for k in range(cells):
        soma, dend = h.Section(name=f"lattice{k}_soma"), h.Section(name=f"lattice{k}_dend")
        soma.L = soma.diam = 16 + k % 3
        dend.L, dend.diam, dend.nseg = 90 + 7 * k, 1.5, 1 + k % 4
        dend.connect(soma(k % 2))
        soma.insert("hh")
        dend.insert("pas")
        somata.append(soma)
        dendrites.append(dend)
        synapses += [h.ExpSyn(dend(0.5)), h.Exp2Syn(soma(0.5)), h.ExpSyn(dend(1))]
        synapses[-3].tau, synapses[-2].e = 2.0, -70.0
    for k in range(3 * cells):
        a, b = k % cells, (3 * k + 1) % cells
        slot = 3 * b + (0, 1, 2)[k % 3]
        if a != b:
            weight = 0.006 if k % 3 != 1 else 0.004
            cons.append(
                connect(h, somata[a](0.5), synapses[slot], weight, least * (1.0 + 0.31 * (k % 4)), -20.0 + a)
            )
    if pairs:
        for k in range(0, cells - 1, 2):
            cons.append(connect(h, somata[k](0.5), synapses[3 * k + 3], 0.003, 0.01))
            cons.append(connect(h, dendrites[k + 1](0.5), synapses[3 * k + 1], 0.002, 0.0, -40.0))
    stims = [stimulus(h, 0.3 * k, 3.1 + k, noise=0.4 * k) for k in range(3)]
    for k in range(2 * cells):
        cons.append(
            connect(h, stims[k % 3], synapses[3 * (k % cells)], 0.008, (0.0, 0.01, 0.025, 0.7)[k % 4])
        )
    relay = stimulus(h, -1.0, 1.3, 2)
    cons.append(connect(h, somata[0](0.5), relay, 1.0, least))
    cons.append(connect(h, relay, synapses[3 * (cells - 1)], 0.01, least))
    return [somata, dendrites, synapses, cons, stims, relay, complete(h)]


MODELS = {
    f.__name__: f
    for f in (ball_and_stick, branched, forest, rall, ring, noise, delays, convergence, simultaneous, lattice)
}
