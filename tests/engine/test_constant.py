"""Matrices that never change are eliminated once a window: the bits are those of every step's elimination."""

import numpy as np
import pytest

import heliox
from heliox.engine import layout
from heliox.engine.constant import constant_conductance
from heliox.mechanisms import catalogue, varstruct
from heliox.mechanisms.fast import fast_form
from heliox.simulation import Simulation

DT = 0.025


def cable(channels=("pas",), cells=1):
    """Branched cells with a current into the first segment of each."""
    net = heliox.Network()
    for k in range(cells):
        cell = heliox.Cell()
        cell.add_section("soma", L=20, diam=20)
        for j in range(3):
            cell.add_section(f"dend[{j}]", L=80 + 20 * j, diam=2 - 0.3 * j, nseg=5, connect="soma(1)")
        cell.add_section("dend[3]", L=90, diam=0.8, nseg=7, connect="dend[0](1)")
        for channel in channels:
            cell.insert(channel)
        cell.set(Ra=120.0)
        cell.place("IClamp", "soma(0.5)", delay=0.2, dur=3.0, amp=0.1 + 0.05 * k)
        net.add(cell, copies=None, name=f"cell{k}")
    return net


def constant(sim):
    return sim.plan.G[:, sim.plan.program.columns["CONSTANT"]].tolist()


def run(model, prepare=lambda sim: None, between=lambda sim: None, **options):
    """(nodes, samples) mV of two runs, and the simulation."""
    sim = Simulation(model, progress=False, **options)
    prepare(sim)
    v = sim.record("v")
    sim.run(2.0)
    between(sim)
    sim.run(2.0)
    return v.values.copy(), sim


def eliminated_anew(monkeypatch, *given, **options):
    """The same with no matrix that counts as constant."""
    with monkeypatch.context() as patch:
        patch.setattr(layout, "constant_matrix", lambda program, placements, driven: False)
        v, sim = run(*given, **options)
    assert not any(constant(sim))
    return v


@pytest.mark.parametrize("cells", [1, 20])
def test_a_constant_matrix_does_not_show(monkeypatch, cells):
    """Alone and abreast, with a parameter that changes between two runs."""
    model = cable(cells=cells).model(dt=DT)

    def between(sim):
        sim.var("pas.g")[...] = 3.0 * sim.var("pas.g").values

    v, sim = run(model, between=between)
    assert constant(sim) == [1] * sim.plan.chunks
    np.testing.assert_array_equal(v, eliminated_anew(monkeypatch, model, between=between))
    unchanged, _ = run(model)
    half = v.shape[-1] // 2
    np.testing.assert_array_equal(v[:, :half], unchanged[:, :half])
    assert not np.array_equal(v, unchanged)


@pytest.mark.parametrize("options", [{"batch": 3, "vary": ["pas.g"]}, {"threads": 2}, {"dt": 0.05}])
def test_nor_with_members_threads_or_steps(monkeypatch, options):
    model = cable(cells=3).model(dt=DT)

    def prepare(sim):
        if sim.batch > 1:
            sim.var("pas.g")[...] = 1e-3 * np.array([[1.0], [2.0], [0.1]])

    v, sim = run(model, prepare, **options)
    assert all(constant(sim))
    np.testing.assert_array_equal(v, eliminated_anew(monkeypatch, model, prepare, **options))


@pytest.mark.parametrize(
    ("variable", "values"),
    [("cell0.soma(0.5).pas.g", (1e-3, 5e-3, 1e-4)), ("cell0.soma(0.5).cm", (1.0, 3.0, 2.0))],
)
@pytest.mark.parametrize("math", ["fast", "libm"])
def test_what_is_played_is_not_constant(monkeypatch, variable, values, math):
    model = cable(cells=1).model(dt=DT)

    def prepare(sim):
        sim.play(variable, [0.0, 0.5, 3.0], values)

    v, sim = run(model, prepare, math=math)
    assert constant(sim) == [0]
    np.testing.assert_array_equal(v, eliminated_anew(monkeypatch, model, prepare, math=math))
    assert not np.array_equal(v, run(model, math=math)[0])


@pytest.mark.parametrize(
    ("name", "driven", "expected"),
    [
        ("pas", (), True),
        ("pas", ("e",), True),
        ("pas", ("g",), False),
        ("capacitance", (), True),
        ("capacitance", ("cm",), False),
        ("IClamp", ("amp",), True),
        ("coupling.Gap", ("vgap",), True),
        ("coupling.Gap", ("g",), False),
        ("ExpSyn", (), False),
        ("SEClamp", (), False),
        ("hh", (), False),
    ],
)
def test_whose_conductance_is_constant(name, driven, expected):
    """`driven`: what plays, transfers and pointers reach."""
    t = catalogue.get(name)
    assert constant_conductance(varstruct.layout(fast_form(t), set()), driven) == expected
    if t.currents:
        assert not constant_conductance(varstruct.layout(t, set()), driven)  # a difference quotient


@pytest.mark.parametrize("channels", [("pas", "hh"), ("hh",)])
def test_channels_that_open_are_not_constant(channels):
    _, sim = run(cable(channels).model(dt=DT))
    assert constant(sim) == [0]


def test_only_the_chunks_that_hold_one(monkeypatch):
    """A synapse in one cell leaves the matrices of the others constant."""
    monkeypatch.setattr(layout, "CHUNK_NODES", 1)
    net = cable(cells=3)
    net.place("ExpSyn", "cell1.dend[1](0.5)", tau=2.0)
    net.connect(net.stim("NetStim", start=0.5, number=3, interval=0.5), "ExpSyn[0]", weight=0.01, delay=1.0)
    model = net.model(dt=DT)
    v, sim = run(model)
    assert sorted(constant(sim)) == [0, *[1] * (sim.plan.chunks - 1)]
    np.testing.assert_array_equal(v, eliminated_anew(monkeypatch, model))


def test_membrane_currents_need_the_matrix(monkeypatch):
    model = cable(cells=2).model(dt=DT)
    sim = Simulation(model, progress=False)
    i = sim.record("i_membrane_")
    sim.run(2.0)
    assert not any(constant(sim))
    with monkeypatch.context() as patch:
        patch.setattr(layout, "constant_matrix", lambda program, placements, driven: False)
        other = Simulation(model, progress=False)
        j = other.record("i_membrane_")
        other.run(2.0)
    np.testing.assert_array_equal(i.values, j.values)


@pytest.mark.parametrize("secondorder", [0, 1, 2])
def test_fast_is_close_to_libm(secondorder):
    """Without NEURON: at most 1e-8 mV after channels have fired."""
    net = cable(("hh", "pas") if secondorder == 0 else ("hh",), cells=2)
    if secondorder == 0:  # which changes how currents act, whatever they are
        net.place("Exp2Syn", "cell0.dend[3](0.9)", tau1=0.3, tau2=2.0)
        stimulus = net.stim("NetStim", start=0.5, number=2, interval=1.5)
        net.connect(stimulus, "Exp2Syn[0]", weight=0.005, delay=0.5)
    model = net.model(dt=DT, secondorder=secondorder)

    def prepare(sim):
        sim.var("IClamp.amp")[...] = 3.0

    fast, _ = run(model, prepare)
    libm, _ = run(model, prepare, math="libm")
    assert libm.max() > 0.0  # a spike
    assert 0.0 < np.abs(fast - libm).max() < 1e-8


# --- matrices of which a part is constant


def passive_dendrites(cells=1, **more):
    """Cells with channels in the soma and in one of two branches."""
    net = heliox.Network()
    for k in range(cells):
        cell = heliox.Cell()
        cell.add_section("soma", L=20, diam=20)
        for j in range(4):
            on = "soma(1)" if j < 2 else f"dend[{j - 2}](1)"
            cell.add_section(f"dend[{j}]", L=80 + 20 * j, diam=2 - 0.3 * j, nseg=9, connect=on)
        cell.insert("pas")
        cell.insert("hh", "soma")
        cell.insert("hh", "dend[2]")
        cell.set(Ra=120.0)
        cell.place("IClamp", "soma(0.5)", delay=0.2, dur=3.0, amp=0.2 + 0.05 * k)
        net.add(cell, copies=None, name=f"cell{k}")
    return net


def moving(sim):
    """Nodes of each chunk where the matrix changes; -1: in all."""
    plan = sim.plan
    out = []
    for row in plan.G:
        at, n = (row[plan.program.columns[c]] for c in ("MOVING", "MOVING_N"))
        out.append(int(plan.I[at : at + 2 * n].reshape(-1, 2)[:, 1].sum()) if n >= 0 else -1)
    return out


def all_moving(monkeypatch, *given, **options):
    with monkeypatch.context() as patch:
        patch.setattr(layout, "changes", lambda model, program: np.full(len(model.nodes), True))
        v, sim = run(*given, **options)
    assert set(moving(sim)) == {-1}
    return v


@pytest.mark.parametrize("options", [{}, {"batch": 3, "vary": ["pas.g"]}, {"threads": 2}, {"dt": 0.05}])
def test_what_stays_of_a_matrix_does_not_show(monkeypatch, options):
    """Equal cells: the branch without channels is eliminated once a window."""
    model = passive_dendrites(40 * options.get("threads", 1)).model(dt=DT)

    def prepare(sim):
        if sim.batch > 1:
            sim.var("pas.g")[...] = 1e-3 * np.array([[1.0], [2.0], [0.1]])

    def between(sim):
        sim.var("pas.g")[...] = 3.0 * sim.var("pas.g").values

    v, sim = run(model, prepare, between, **options)
    # soma, dend[0], dend[2], and what lies between them; all of it in every cell
    nodes = sim.plan.G[:, sim.plan.program.columns["NODES"]]
    assert all(0 < m < 0.7 * n for m, n in zip(moving(sim), nodes))
    assert constant(sim) == [0] * len(sim.plan.G)
    np.testing.assert_array_equal(v, all_moving(monkeypatch, model, prepare, between, **options))
    assert np.ptp(v) > 50.0


@pytest.mark.parametrize("case", ["a synapse in one cell", "a played conductance", "membrane", "libm", "cm"])
def test_what_makes_more_of_it_move(monkeypatch, case):
    net = passive_dendrites(40)
    if case == "a synapse in one cell":
        net.place("ExpSyn", "cell3.dend[3](0.5)", tau=2.0)
        net.connect(net.stim("NetStim", start=0.5, number=3, interval=0.5), "ExpSyn[0]", weight=0.01, delay=1)
    model = net.model(dt=DT)

    def prepare(sim):
        variable = {"a played conductance": "cell0.dend[3](0.5).pas.g", "cm": "cell0.dend[3](0.5).cm"}
        if case in variable:
            sim.play(variable[case], [0.0, 0.5, 3.0], [1e-3, 5e-3, 1e-4] if case != "cm" else [1.0, 3.0, 2.0])
        if case == "membrane":
            sim.record("i_membrane_")

    options = {"math": "libm"} if case == "libm" else {}
    v, sim = run(model, prepare, **options)
    if case in ("a synapse in one cell", "a played conductance"):
        before = Simulation(passive_dendrites(40).model(dt=DT), progress=False)
        assert moving(sim)[0] > moving(before)[0] > 0
    else:
        assert moving(sim) == [-1]
    np.testing.assert_array_equal(v, all_moving(monkeypatch, model, prepare, **options))


def test_a_single_cell_of_many_passive_segments(monkeypatch):
    """Without others abreast: only if enough of it stays."""
    cell = heliox.Cell()
    cell.add_section("soma", L=20, diam=20, nseg=3)
    for j in range(6):
        cell.add_section(f"dend[{j}]", L=300, diam=1.5, nseg=41, connect="soma(1)")
    cell.insert("pas")
    cell.insert("hh", "soma")
    cell.place("IClamp", "soma(0.5)", delay=0.2, dur=3.0, amp=1.0)
    model = cell.model(dt=DT)
    v, sim = run(model)
    assert 0 < moving(sim)[0] < 10
    np.testing.assert_array_equal(v, all_moving(monkeypatch, model))


# --- what steps leave out where nobody looks


@pytest.mark.parametrize("kept", [True, False])
def test_currents_that_nobody_records_are_there_after_every_run(kept):
    """pas.i at the end of each of several runs is what a recording has, whatever the window."""
    model = (cable() if kept else passive_dendrites()).model(dt=DT)
    seen, unseen = (Simulation(model, progress=False) for _ in range(2))
    i = seen.record("pas.i")
    for ms in (DT, 0.3, 1.0):
        seen.run(ms)
        unseen.run(ms)
        np.testing.assert_array_equal(unseen.var("pas.i").values, i.values[:, -1])
        np.testing.assert_array_equal(unseen.var("v").values, seen.var("v").values)
    assert np.ptp(i.values, axis=1).min() > 0.0
