"""Models built without NEURON equal those built in NEURON and frozen, array for array, bit for bit."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from heliox.errors import MechanismError, ModelError
from heliox.frontend.build import Cell, morphology
from heliox.frontend.circuit import Network
from heliox.frontend.neuron import from_neuron
from heliox.frontend.skeleton import Skeleton
from heliox.mechanisms import catalogue

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
        for name in ("kind", "node", "number", "style"):
            same(getattr(m, name), getattr(n, name), f"{m.name}.{name}")
        # what the freeze cannot read (factor of Exp2Syn) it leaves out
        assert set(m.values) >= set(n.values)
        for name in {*t.parameters, *t.random, *(t.states if t.kind == "ion" else ())}:
            same(m.values[name], n.values[name], f"{m.name}.{name}")
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
    cell, sections = Cell(), []
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
    cell.nseg(**{"per": {"per": 40}, "d_lambda": {"d_lambda": 0.1}, "fixed": {"n": 3}}[rule])
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
