"""Models built without NEURON equal those built in NEURON and frozen, array for array, bit for bit."""

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heliox.errors import MechanismError, ModelError
from heliox.frontend.build import Cell, Network, morphology, with_point
from heliox.frontend.neuron import from_neuron
from heliox.frontend.skeleton import Skeleton
from heliox.mechanisms import catalogue
from heliox.mechanisms.template import Ion, MechTemp
from heliox.simulation import Simulation

ROOT = Path(__file__).resolve().parents[2]


def same(a, b, label: str) -> None:
    assert type(a) is type(b), label
    if isinstance(a, np.ndarray):
        assert a.dtype == b.dtype, label
        assert np.array_equal(a, b), f"{label}: {a} != {b}"
    else:
        assert a == b, label


def assert_equal(mine, theirs) -> None:
    """Everything but what INITIAL computes and the origin."""
    for part in ("cells", "sections", "nodes", "sources", "connections"):
        x, y = getattr(mine, part), getattr(theirs, part)
        for name in vars(y):
            if not name.startswith("_"):
                same(getattr(x, name), getattr(y, name), f"{part}.{name}")
    assert [m.name for m in mine.mechanisms] == [m.name for m in theirs.mechanisms]
    for m, n in zip(mine.mechanisms, theirs.mechanisms):
        t = catalogue.resolve(theirs.definitions[m.name])
        for name in ("kind", "node", "style"):
            same(getattr(m, name), getattr(n, name), f"{m.name}.{name}")
        # hoc counts objects on from those that earlier tests of the process made
        same(
            m.number - m.number.min(initial=2**30), n.number - n.number.min(initial=2**30), f"{m.name}.number"
        )
        # what the freeze cannot read (factor of Exp2Syn) it leaves out
        assert set(m.values) >= set(n.values)
        for name in {*t.parameters, *t.random, *(t.states if t.kind == "ion" else ())}:
            columns = slice(3 if name in t.random else None)  # INITIAL sets a stream's sequence number
            same(m.values[name][..., columns], n.values[name][..., columns], f"{m.name}.{name}")
        assert dict(m.globals) == dict(n.globals)
    assert dict(mine.definitions) == dict(theirs.definitions)
    assert mine.settings == theirs.settings


# --- a cell without a file


def test_a_cell_without_a_file(h):
    soma, dend, twig, back = (h.Section(name=n) for n in ("soma", "dend", "twig", "back"))
    dend.connect(soma(1))
    twig.connect(dend(0.5))
    back.connect(soma(0), 1)
    for sec, (L, diam, nseg) in zip(h.allsec(), [(20, 20, 1), (200, 2, 5), (90, 1.3, 3), (80, 1.1, 2)]):
        sec.L, sec.diam, sec.nseg, sec.Ra, sec.cm = L, diam, nseg, 100, 1.1
    soma.insert("hh")
    back.insert("hh")
    back.ena = 55
    for sec in (dend, twig):
        sec.insert("pas")
        sec.g_pas, sec.e_pas = 2e-4, -66.5
    points = [h.ExpSyn(twig(0.5)) for _ in range(3)] + [
        h.ExpSyn(dend(1)),
        h.ExpSyn(soma(0)),
        h.ExpSyn(twig(0)),
    ]
    points[1].tau = 2.5
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 5, 50, 0.3
    theirs = from_neuron(-65)

    cell = Cell()
    cell.add_section("soma", 20, 20)
    cell.add_section("dend", 200, 2, 5, connect="soma(1)")
    cell.add_section("twig", 90, 1.3, 3, connect="dend(0.5)")
    cell.add_section("back", 80, 1.1, 2, connect="soma(0)", end=1)
    cell.set(Ra=100, cm=1.1)
    cell.insert("hh", where=["soma", "back"])
    cell.set(ena=55, where="back")
    cell.insert("pas", where=lambda s: s.name in ("dend", "twig"), g=2e-4, e=-66.5)
    for k, place in enumerate(["twig(0.5)"] * 3 + ["dend(1)", "soma(0)", "twig(0)"]):
        cell.place("ExpSyn", place, tau=2.5 if k == 1 else 0.1)
    cell.place("IClamp", "soma(0.5)", delay=5, dur=50, amp=0.3)
    assert_equal(cell.model(-65), theirs)
    assert points


def random_tree(h, r):
    """The same random trees in NEURON and here."""
    cell = Cell()
    sections: list[Any] = []
    for k in range(int(r.integers(1, 25))):
        name, nseg = f"s[{k}]", int(r.integers(1, 7))
        L, diam, Ra = r.uniform(5, 200), r.uniform(0.3, 5), r.uniform(50, 200)
        sec = h.Section(name=name)
        sec.L, sec.diam, sec.nseg, sec.Ra = L, diam, nseg, Ra
        if sections and r.random() < 0.93:
            parent, x = int(r.integers(len(sections))), float(r.choice([0, 0.3, 0.5, 0.5, 0.77, 1, 1]))
            end = int(r.random() < 0.2)
            sec.connect(sections[parent](x), end)
            cell.add_section(name, L, diam, nseg, connect=f"s[{parent}]({x})", end=end, Ra=Ra)
        else:
            cell.add_section(name, L, diam, nseg, Ra=Ra)
        sections.append(sec)
    return cell, sections


@pytest.mark.parametrize("seed", range(25))
def test_random_trees(h, seed):
    r = np.random.default_rng(seed)
    cell, sections = random_tree(h, r)
    points = []
    for mechanism in ("hh", "pas", "fastpas"):
        chosen = [k for k in range(len(sections)) if r.random() < 0.5]
        for k in chosen:
            sections[k].insert(mechanism)
            if mechanism == "fastpas":
                sections[k].g_fastpas, sections[k].e_fastpas = 2e-4, -66
        if chosen:
            cell.insert(mechanism, where=[f"s[{k}]" for k in chosen])
            if mechanism == "fastpas":
                cell.set(g_fastpas=2e-4, e_fastpas=-66)
    for _ in range(15):
        mechanism = str(r.choice(["ExpSyn", "IClamp", "Exp2Syn", "SEClamp", "APCount"]))
        k, x = int(r.integers(len(sections))), float(r.choice([0, 0.1, 0.5, 0.9, 1]))
        points.append(getattr(h, mechanism)(sections[k](x)))
        cell.place(mechanism, f"s[{k}]({x})")
    assert_equal(cell.model(-65), from_neuron(-65))

    origin, x = int(r.integers(len(sections))), float(r.choice([0, 0.4, 0.5, 1]))
    theirs = np.array([h.distance(sections[origin](x), seg) for sec in sections for seg in sec])
    theirs[theirs > 1e19] = np.inf
    assert np.array_equal(cell.distance(origin=f"s[{origin}]({x})"), theirs)


# --- files


def imported(h, path, python_object=None):
    """The file in NEURON, through Import3d."""
    h.load_file("stdlib.hoc")
    h.load_file("import3d.hoc")
    reader = h.Import3d_SWC_read() if str(path).endswith(".swc") else h.Import3d_Neurolucida3()
    reader.quiet = 1
    reader.input(str(path))
    h.Import3d_GUI(reader, 0).instantiate(python_object)


@pytest.mark.parametrize("rule", ["per", "d_lambda", "fixed"])
@pytest.mark.parametrize(
    "file", ["ca1_n120.swc", "stellate.asc", "tiny_multiple_branch", "pyramidal_nmo49821.swc"]
)
def test_files(h, shared, file, rule):
    path = shared / "morphologies" / file
    if not path.exists():
        path = shared / "morphologies" / "tiny_variable_radiuses_multi_branch.swc"
    owner = type("Cell", (), {})()
    imported(h, path, owner)
    sections = list(h.allsec())
    cell = morphology(path, digits=None)
    cell.set(Ra=150, cm=1.3)
    for sec in sections:
        sec.Ra, sec.cm = 150, 1.3
        if rule == "per":
            sec.nseg = 1 + 2 * int(sec.L / 40)
        elif rule == "d_lambda":
            sec.push()
            h("nseg = int((L/(0.1*lambda_f(100))+0.9)/2)*2 + 1")
            h.pop_section()
        else:
            sec.nseg = 3
    rules: dict[str, dict[str, Any]] = {"per": {"per": 40}, "d_lambda": {"d_lambda": 0.1}, "fixed": {"n": 3}}
    cell.nseg(**rules[rule])
    soma = next(s for s in sections if "soma" in s.name())
    points = []
    for k, sec in enumerate(sections):
        sec.insert("pas")
        for seg in sec:
            d = h.distance(soma(0.5), seg)
            seg.g_pas = 1e-4 + 1e-6 * d if d < 1e19 else 1e-4
        if "soma" in sec.name():
            sec.insert("hh")
        if k % 3 == 0:
            points.append(h.ExpSyn(sec(0.7)))
            cell.place("ExpSyn", f"{cell.sections[k].name}(0.7)")
    points.append(h.IClamp(soma(0.5)))
    cell.place("IClamp", f"{cell.region('soma')[0].name}(0.5)")
    cell.insert("pas", g=lambda d: 1e-4 + 1e-6 * d if d < 1e19 else 1e-4)
    cell.insert("hh", where="soma")
    net = Network()
    net.add(cell)
    assert_equal(net.model(-65), from_neuron(-65))
    assert points


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("folder", "place", "diam"), [("l5pc", "soma(0.5)", 1.0), ("hpc", "soma(1)", None)])
def test_axon_replacement(h, shared, folder, place, diam):
    (path,) = (shared / folder).glob("*.asc")
    cell = morphology(path)
    cell.nseg(per=40)
    traced = cell["axon[0]"][0]
    diam = diam or float(traced.segments().diam[traced.segment(0.5)])
    cell.delete("axon")
    cell.add_section("axon[0]", 30, diam, connect=place)
    cell.add_section("axon[1]", 30, diam, connect="axon[0](1)")
    cell.set(Ra=100 if folder == "l5pc" else 261.97)
    cell.nseg(per=40)
    model = cell.model()
    nodes = model.nodes
    theirs = rows(shared / folder / "segments.csv")
    assert len(nodes) == len(theirs)
    for k, row in enumerate(theirs):
        assert nodes.parent[k] == int(row["parent_row"])
        if k:
            assert model.sections.name[nodes.section[k]] == row["section"]
            assert nodes.x[k] == pytest.approx(float(row["x"]), abs=1e-15)
        if row["kind"] == "seg":
            assert nodes.area[k] == float(row["area_um2"])
            assert nodes.diam[k] == pytest.approx(float(row["diam_um"]), abs=2e-9)
        if k:
            assert -100 / (nodes.b[k] * nodes.area[k]) == pytest.approx(float(row["ri_MOhm"]), rel=1e-15)
    segments = [k for k, row in enumerate(theirs) if row["kind"] == "seg"]
    assert model.mechanism("capacitance").node.tolist() == segments
    node = Skeleton(list(cell.sections)).segment_node + 1  # behind the one root node
    distance = dict(zip(node.tolist(), cell.distance().tolist()))
    for k in segments:
        assert distance[k] == pytest.approx(float(theirs[k]["dist_soma_um"]), rel=1e-14, abs=1e-12)


def test_l5pc_as_in_neuron(h, shared):
    path = shared / "l5pc" / "cell1.asc"
    owner = type("Cell", (), {})()
    imported(h, path, owner)
    for sec in [s for s in h.allsec() if "axon" in s.name()]:
        h.delete_section(sec=sec)
    soma = next(s for s in h.allsec() if "soma" in s.name())
    axon = [h.Section(name=f"axon[{k}]", cell=owner) for k in range(2)]
    for k, sec in enumerate(axon):
        sec.L, sec.diam = 30, 1
        sec.connect(axon[0](1) if k else soma(0.5))
    for sec in h.allsec():
        sec.nseg, sec.Ra = 1 + 2 * int(sec.L / 40), 100
        sec.cm = 2 if "dend" in sec.name() or "apic" in sec.name() else 1
        sec.insert("pas")
        if "soma" in sec.name() or "axon" in sec.name():
            sec.insert("hh")

    cell = morphology(path, digits=None)
    cell.delete("axon")
    cell.add_section("axon[0]", 30, 1, connect="soma(0.5)")
    cell.add_section("axon[1]", 30, 1, connect="axon[0](1)")
    cell.set(Ra=100)
    cell.nseg(per=40)
    cell.set(cm=2, where=["dend", "apic"])
    cell.insert("pas")
    cell.insert("hh", where=["soma", "axon"])
    net = Network()
    net.add(cell)
    assert_equal(net.model(-80), from_neuron(-80))


# --- networks


class Pair:
    """A soma with a dendrite and two synapses, in NEURON."""

    def __init__(self, h):
        self.soma, self.dend = h.Section(name="soma", cell=self), h.Section(name="dend", cell=self)
        self.soma.L = self.soma.diam = 20
        self.dend.L, self.dend.diam, self.dend.nseg = 150, 1.5, 5
        self.dend.connect(self.soma(1))
        self.soma.insert("hh")
        self.dend.insert("pas")
        self.exc, self.inh = h.ExpSyn(self.dend(0.7)), h.Exp2Syn(self.soma(0.5))
        self.exc.tau, self.inh.e = 2, -75


def pair() -> Cell:
    """The same here."""
    cell = Cell()
    cell.add_section("soma", 20, 20)
    cell.add_section("dend", 150, 1.5, 5, connect="soma(1)")
    cell.insert("hh", where="soma")
    cell.insert("pas", where="dend")
    cell.place("ExpSyn", "dend(0.7)", name="exc", tau=2)
    cell.place("Exp2Syn", "soma(0.5)", e=-75)
    return cell


def ring(h):
    """A ring of three cells with a noisy stimulus and gids, in NEURON and here."""
    pc = h.ParallelContext()
    cells = [Pair(h) for _ in range(3)]
    net = Network()
    kept: list[Any] = [cells]
    names = net.add(pair(), copies=3, name="Pair")
    for k, c in enumerate(cells):
        pc.set_gid2node(7 + k, 0)
        nc = h.NetCon(c.soma(0.5)._ref_v, None, sec=c.soma)
        nc.threshold = -20
        pc.cell(7 + k, nc)
        net.gid(f"{names[k]}.soma(0.5)", 7 + k, threshold=-20)
    stim = h.NetStim()
    stim.noise, stim.interval, stim.start, stim.number = 0.8, 4, 1, 50
    stim.noiseFromRandom123(3, 1, 2)
    name = net.stim("NetStim", noise=0.8, interval=4, start=1, number=50, ranvar=(3, 1, 2))
    fire = h.IntFire1()
    net.stim("IntFire1")
    del nc
    for source, target, weight, delay in [(stim, cells[0].exc, 0.01, 1.0), (fire, cells[1].inh, 0.002, 0.5)]:
        kept.append(h.NetCon(source, target))
        kept[-1].weight[0], kept[-1].delay = weight, delay
    net.connect(name, "Pair[0].exc", 0.01, 1.0)
    net.connect("IntFire1[0]", "Pair[1].Exp2Syn[0]", 0.002, 0.5)
    for k in range(3):
        after = (k + 1) % 3
        kept += [pc.gid_connect(7 + k, cells[after].exc), pc.gid_connect(7 + k, cells[after].inh)]
        kept[-2].weight[0], kept[-1].weight[0], kept[-1].delay = 0.02, 0.001, 2.5
        net.connect(7 + k, f"ExpSyn[{after}]", 0.02)
        net.connect(f"Pair[{k}].soma(0.5)", f"Pair[{after}].Exp2Syn[0]", 0.001, 2.5)
    kept.append(h.NetCon(cells[1].dend(1)._ref_v, fire, sec=cells[1].dend))
    kept[-1].threshold = 0
    net.connect("Pair[1].dend(1)", "IntFire1[0]", threshold=0)
    kept += [stim, fire]
    return net, kept


def test_a_network_of_copies(h):
    net, kept = ring(h)
    theirs = from_neuron(-65)
    mine = net.model(-65)
    assert mine.cells.gid.tolist() == [7, 8, 9]
    assert_equal(mine, theirs)
    assert kept


def test_it_runs_as_neuron_does(h):
    net, kept = ring(h)
    times, ids = h.Vector(), h.Vector()
    h.ParallelContext().spike_record(-1, times, ids)
    mine = net.model(-65)
    theirs = from_neuron(-65)
    v = h.Vector().record(kept[0][2].dend(0.5)._ref_v)
    h.finitialize(-65)
    h.ParallelContext().set_maxstep(10)
    h.ParallelContext().psolve(60)
    runs = []
    for model in (mine, theirs):
        sim = Simulation(model, math="libm", progress=False)
        r = sim.record("Pair[2].dend(0.5).v")
        if model is mine:
            sim.initialize(-65)
        sim.run_until(60)
        runs.append((r.values, sim.spikes.t[sim.spikes.gid >= 0]))
    assert len(runs[0][1]) > 5
    assert np.array_equal(runs[0][0], runs[1][0])
    assert np.array_equal(runs[0][0], np.array(v))
    assert np.array_equal(np.sort(runs[0][1]), np.sort(np.array(times)))


# --- one more point process


@pytest.mark.parametrize("name", ["IClamp", "ExpSyn", "Exp2Syn", "SEClamp", "AlphaSynapse", "APCount"])
def test_with_point(h, name):
    net, kept = ring(h)
    before = from_neuron(-65)
    options: dict[str, dict[str, float]] = {
        "IClamp": {"delay": 5, "dur": 50, "amp": 0.3}, "SEClamp": {"dur1": 3, "amp1": -70, "dur2": 4},
        "Exp2Syn": {"tau1": 3, "tau2": 2}, "AlphaSynapse": {"onset": 2, "gmax": 0.01},
    }  # fmt: skip
    values = options.get(name, {})
    point = getattr(h, name)(kept[0][1].soma(0.5))
    for variable, x in values.items():
        setattr(point, variable, x)
    theirs = from_neuron(-65)
    model = before.with_point(name, "Pair[1].soma(0.5)", **values)
    assert_equal(model, theirs)
    m, n = model.mechanism(name), theirs.mechanism(name)
    template = catalogue.get(name)
    for variable in {*template.parameters, *template.writes("initial")} & set(n.values):
        assert np.array_equal(m.values[variable], n.values[variable]), variable
    assert len(before.mechanisms) <= len(model.mechanisms)
    assert (
        with_point(net.model(-65), name, "Pair[1].soma(0.5)", **values).mechanism(name).node.tolist()
        == m.node.tolist()
    )


def test_with_point_that_uses_an_ion():
    def current(v, g, ena):
        ina = g * (v - ena)
        return ina

    leak = MechTemp(
        "naLeakPoint", "point", (current,), parameters={"g": (0.001, "uS")},
        ions={"na": Ion(("ena",), ("ina",))}, currents=("ina",),
    )  # fmt: skip
    model = pair().model(-65)
    more = with_point(with_point(model, leak, "dend(0.5)"), leak, "soma(0.5)", g=0.1)
    assert model.mechanism("na_ion").node.tolist() == [1]
    assert more.mechanism("na_ion").node.tolist() == [1, 3, 4, 5, 6, 7]
    assert more.mechanism("na_ion").style.tolist() == [8, 0, 0, 8, 0, 0]
    with pytest.raises(ModelError, match="end of a section"):
        with_point(model, leak, "dend(1)")
    assert more.mechanism("naLeakPoint").values["g"].tolist() == [0.1, 0.001]
    cell = pair()
    cell.place(leak, "dend(0.5)")
    cell.place(leak, "soma(0.5)", g=0.1)
    assert_equal(more, cell.model(-65))


# --- what is said and what is refused


def test_values_over_segments():
    cell = pair()
    d = cell.distance("dend")
    assert d.tolist() == [25, 55, 85, 115, 145]
    assert cell.region("dend").distance("dend(1)").tolist() == [135, 105, 75, 45, 15]
    cell["dend"].set(g_pas=[1, 2, 3, 4, 5]).set(e_pas=lambda x: -x, cm=2)
    cell.set(cm=lambda x: 1 + x, where="dend", origin="dend(0)")
    m = cell.model()
    assert m.mechanism("pas").values["g"].tolist() == [1, 2, 3, 4, 5]
    assert m.mechanism("pas").values["e"].tolist() == (-d).tolist()
    assert m.mechanism("capacitance").values["cm"].tolist() == [1, 16, 46, 76, 106, 136]
    cell.set(ena=60, nai=11)
    m = cell.model(globals_={"nai0_na_ion": 12, "usetable_hh": 0}, celsius=37, dt=0.01)
    assert m.mechanism("na_ion").values["ena"].tolist() == [60]
    assert m.mechanism("na_ion").globals == {"nai0": 12, "nao0": 140}
    assert m.mechanism("hh").globals == {"usetable": 0}
    assert (m.settings.celsius, m.settings.dt) == (37, 0.01)
    assert "dend" in repr(cell.sections) and "6 segments" in repr(cell) and "dend" in repr(cell["dend"][0])


def test_a_member_of_a_network_stays_as_it_was_added():
    cell, net = pair(), Network()
    net.add(cell)
    cell.delete("dend")
    cell.set(gnabar_hh=5, where="soma")
    net.add(cell, name="Other")
    m = net.model()
    assert m.sections.name == ("Cell[0].soma", "Cell[0].dend", "Other[0].soma")
    assert m.mechanism("hh").values["gnabar"].tolist() == [0.12, 5]
    assert m.mechanism("ExpSyn").number.tolist() == [0]


def test_artificial_cells_alone():
    net = Network()
    net.connect(net.stim("NetStim"), net.stim("IntFire1"), 0.5)
    m = net.model()
    assert [x.name for x in m.mechanisms] == ["NetStim", "IntFire1"]
    assert m.mechanism("NetStim").values["ranvar"].tolist() == [[1, 0, 1, 0]]


REFUSED = {
    "insert unknown": (lambda c: c.insert("hhh"), MechanismError, "hh"),
    "insert a point": (lambda c: c.insert("IClamp"), MechanismError, "point process"),
    "unknown region": (lambda c: c.insert("hh", where="dnd"), ModelError, "dend"),
    "unknown parameter": (lambda c: c.insert("hh", gnbar=1), ModelError, "gnabar"),
    "nan": (lambda c: c.insert("hh", gnabar=float("nan")), ModelError, "finite"),
    "nan of a function": (lambda c: (c.set(g_pas=lambda d: np.nan), c.model()), ModelError, "finite"),
    "words": (lambda c: c.insert("hh", gnabar="much"), ModelError, "number"),
    "length of an array": (lambda c: c.set(g_pas=[1, 2], where="dend"), ModelError, "2 values for 5"),
    "nseg 0": (lambda c: c.nseg(0), ModelError, "nseg"),
    "nseg 1.5": (lambda c: c.nseg(1.5), ModelError, "nseg"),
    "nseg twice": (lambda c: c.nseg(3, per=40), ModelError, "exactly one"),
    "nseg per": (lambda c: c.nseg(per=-1), ModelError, "positive"),
    "Ra 0": (lambda c: c.set(Ra=0), ModelError, "Ra"),
    "unknown variable": (lambda c: c.set(gnabr_hh=1), ModelError, "gnabar_hh"),
    "ion of nobody": (lambda c: c.set(eca=1), ModelError, "eca"),
    "no section": (lambda c: c["axon"], ModelError, "legal are"),
    "nothing selected": (lambda c: c.region(lambda s: False), ModelError, "no section"),
    "connect to missing": (lambda c: c.add_section("x", connect="sma(1)"), ModelError, "soma"),
    "connect outside": (lambda c: c.add_section("x", connect="soma(2)"), ModelError, "0 to 1"),
    "same name": (lambda c: c.add_section("soma"), ModelError, "already"),
    "length 0": (lambda c: c.add_section("x", L=0), ModelError, "positive"),
    "end 2": (lambda c: c.add_section("x", connect="soma(1)", end=2), ModelError, "end"),
    "delete a parent": (lambda c: c.delete("soma"), ModelError, "dend"),
    "place a channel": (lambda c: c.place("hh", "soma(0.5)"), MechanismError, "place"),
    "place nowhere": (lambda c: c.place("IClamp", "sma(0.5)"), ModelError, "soma"),
    "place nan": (lambda c: c.place("IClamp", "soma(0.5)", amp=np.nan), ModelError, "finite"),
    "place unknown": (lambda c: c.place("IClamp", "soma(0.5)", am=1), ModelError, "amp"),
    "name twice": (lambda c: c.place("IClamp", "soma(0.5)", name="exc"), ModelError, "already"),
    "unknown global": (lambda c: c.model(globals_={"nai_na_ion": 1}), ModelError, "nai0_na_ion"),
    "v_init": (lambda c: c.model(v_init=np.nan), ModelError, "v_init"),
    "dt": (lambda c: c.model(dt=0), ModelError, "dt"),
    "empty": (lambda c: Cell().insert("hh"), ModelError, "no section"),
    "empty network": (lambda c: Network().model(), ModelError, "empty"),
    "copies": (lambda c: Network().add(c, copies=0), ModelError, "copies"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, error, words = REFUSED[name]
    with pytest.raises(error, match=words):
        call(pair())


REFUSED_CONNECTIONS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "no cell": (("Cel[0].soma(0.5)", "ExpSyn[0]"), {}, "Cell"),
    "no section": (("Cell[0].sma(0.5)", "ExpSyn[0]"), {}, "soma"),
    "no target": (("NetStim[0]", "ExpSy[0]"), {}, "ExpSyn"),
    "silent source": (("ExpSyn[0]", "ExpSyn[0]"), {}, "emits"),
    "deaf target": (("NetStim[0]", "IClamp[0]"), {}, "receives"),
    "no gid": ((5, "ExpSyn[0]"), {}, "gid"),
    "delay": (("NetStim[0]", "ExpSyn[0]"), {"delay": -1}, "negative"),
    "nan": (("NetStim[0]", "ExpSyn[0]"), {"weight": np.nan}, "finite"),
    "weights": (("NetStim[0]", "ExpSyn[0]"), {"weight": [1, 2]}, "takes 1"),
    "threshold": (("Cell[0].soma(0.5)", "ExpSyn[0]"), {"threshold": "high"}, "finite"),
}


@pytest.mark.parametrize("name", REFUSED_CONNECTIONS)
def test_refused_connections(name):
    arguments, options, words = REFUSED_CONNECTIONS[name]
    net = Network()
    net.add(pair(), copies=2)
    net.stim("NetStim")
    net.place("IClamp", "Cell[1].soma(0.5)", amp=1)
    with pytest.raises(ModelError, match=words):
        net.connect(*arguments, **options)
    assert not net.connections


def test_refused_points_of_a_model():
    model = pair().model()
    for arguments, words in [
        (("hh", "soma(0.5)"), "point processes"),
        (("IClamp", "sma(0.5)"), "soma"),
        (("IClam", "soma(0.5)"), "IClamp"),
    ]:
        with pytest.raises((ModelError, MechanismError), match=words):
            with_point(model, *arguments)
    with pytest.raises(ModelError, match="amp"):
        with_point(model, "IClamp", "soma(0.5)", am=1)


def test_without_neuron(shared):
    code = """
import sys
sys.modules["neuron"] = None
from heliox.frontend.build import morphology
cell = morphology(sys.argv[1])
cell.nseg(per=40)
cell.insert("hh")
print(len(cell.model().nodes))
"""
    path = shared / "morphologies" / "ca1_n120.swc"
    run = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 300
