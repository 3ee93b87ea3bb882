"""Transfers, gap junctions, plays of built networks; settings of cells; sections with given segments."""

import numpy as np
import pytest

from heliox import cells
from heliox.errors import ModelError
from heliox.frontend.build import Cell, Network
from heliox.frontend.geometry import Segments
from heliox.frontend.neuron import from_neuron
from heliox.frontend.trial import can_try
from heliox.simulation import Simulation


def soma(v_init: float = -65.0) -> Cell:
    cell = Cell(v_init=v_init)
    cell.add_section("soma", L=20, diam=20)
    cell.insert("hh")
    return cell


def pair() -> Network:
    net = Network()
    net.add(soma(), copies=2)
    return net


def columns(v):
    return [*zip(v.mechanism.tolist(), v.index.tolist(), v.name)]


# --- against NEURON


@pytest.mark.skipif(not can_try(), reason="this platform cannot copy a process (os.fork)")
def test_transfers_and_plays_equal_those_of_neuron(h):
    """A clamp follows the other cell's voltage, and so is a gap junction of 1/rs; currents are played."""
    t, y = np.arange(0.0, 20.0, 0.5), np.random.default_rng(1).normal(0.2, 0.2, 40)
    somata, clamps, stimuli = [], [], []
    for k in range(2):
        sec = h.Section(name=f"Cell[{k}].soma")
        sec.L = sec.diam = 20
        sec.insert("hh")
        somata.append(sec)
    for sec in somata:
        clamp = h.SEClamp(sec(0.5))
        clamp.dur1, clamp.rs = 1e9, 50.0
        clamps.append(clamp)
    for sec in somata:
        stimulus = h.IClamp(sec(0.5))
        stimulus.dur = 1e9
        stimuli.append(stimulus)
    pc = h.ParallelContext()
    for k, sec in enumerate(somata):
        pc.source_var(sec(0.5)._ref_v, k, sec=sec)
    for k, clamp in enumerate(clamps):
        pc.target_var(clamp, clamp._ref_amp1, 1 - k)
    pc.setup_transfer()
    courses = h.Vector(y), h.Vector(t)
    courses[0].play(stimuli[0]._ref_amp, courses[1])
    smooth = h.Vector([0.0, 0.4, 0.1]), h.Vector([2.0, 9.0, 15.0])
    smooth[0].play(stimuli[1]._ref_amp, smooth[1], 1)
    recorded = [h.Vector().record(sec(0.5)._ref_v) for sec in somata]
    pc.set_maxstep(10)
    h.finitialize(-65)
    theirs = from_neuron()
    pc.psolve(20.0)

    net = pair()
    for k in range(2):
        net.place("SEClamp", f"Cell[{k}].soma(0.5)", dur1=1e9, rs=50.0)
        net.transfer(f"Cell[{1 - k}].soma(0.5).v", f"SEClamp[{k}].amp1")
    for k in range(2):
        net.place("IClamp", f"Cell[{k}].soma(0.5)", dur=1e9)
    net.play("IClamp[0].amp", t, y)
    net.play("IClamp[1].amp", [2.0, 9.0, 15.0], [0.0, 0.4, 0.1], continuous=True)
    mine = net.model()
    assert {*zip(columns(mine.transfers.source), columns(mine.transfers.target))} == {
        *zip(columns(theirs.transfers.source), columns(theirs.transfers.target))
    }
    assert columns(mine.plays.target) == columns(theirs.plays.target)
    for name in ("continuous", "ptr", "t", "y", "break_ptr", "breaks"):
        assert np.array_equal(getattr(mine.plays, name), getattr(theirs.plays, name)), name
    sim = Simulation(mine, math="libm", progress=False)
    v = [sim.record(f"Cell[{k}].soma(0.5).v") for k in range(2)]
    sim.run(20.0)
    for k in range(2):
        np.testing.assert_array_equal(v[k].values.ravel(), np.array(recorded[k]))
    assert max(np.ptp(r.values) for r in v) > 50.0


# --- gap junctions


def test_a_gap_junction_divides_a_current():
    """Two isopotential cells, one driven: in the end v2/v1 = g/(g + leak), and the currents are opposite."""
    cell = Cell(v_init=0.0)
    cell.add_section("soma", L=20, diam=20)
    cell.insert("pas", g=1e-4, e=0.0)
    net = Network()
    net.add(cell, copies=2)
    ends = net.gap_junction("Cell[0].soma(0.5)", "Cell[1].soma(0.5)", g=1e-3)
    assert ends == ("Gap[0]", "Gap[1]")
    net.place("IClamp", "Cell[0].soma(0.5)", dur=1e9, amp=0.01)
    sim = Simulation(net.model(), progress=False)
    one, two = (sim.record(f"Cell[{k}].soma(0.5).v") for k in range(2))
    i = [sim.record(f"{end}.i") for end in ends]
    sim.run(300.0)
    leak = 1e-4 * np.pi * 20 * 20 * 1e-2  # uS
    assert two.values[-1] / one.values[-1] == pytest.approx(1e-3 / (1e-3 + leak), rel=1e-9)
    assert i[0].values[-1] == pytest.approx(-i[1].values[-1], rel=1e-9)
    assert one.values[-1] * leak + two.values[-1] * leak == pytest.approx(0.01, rel=1e-9)  # nA in, nA out


def test_the_sides_of_a_gap_junction_may_differ():
    net = pair()
    net.gap_junction("Cell[0].soma(0.5)", "Cell[1].soma(1)", g=1e-3, g_b=0.0)
    m = net.model().mechanism("Gap")
    assert m.values["g"][np.argsort(m.number)].tolist() == [1e-3, 0.0]


# --- names


@pytest.mark.parametrize(
    "path", ["Cell[0].soma(0.5).v", "Cell[0].soma(0.5).hh.m", "Cell[0].soma(0.5).ena", "Cell[0].soma(0.5).cm"]
)
def test_what_may_be_a_source(path):
    net = pair()
    clamp = net.place("IClamp", "Cell[1].soma(0.5)")
    net.transfer(path, f"{clamp}.amp")
    model = net.model()
    (k,) = model.transfers.source.mechanism.tolist()
    owner = {"m": "hh", "ena": "na_ion", "cm": "capacitance"}.get(path.rpartition(".")[2])
    assert (model.mechanisms[k].name if k >= 0 else None) == owner
    at = model.transfers.source.index[0]
    assert (model.mechanisms[k].node[at] if k >= 0 else at) == 2


def test_names_of_the_user():
    cell = soma()
    cell.place("IClamp", "soma(0.5)", name="drive")
    net = Network()
    net.add(cell, copies=2, name="A")
    net.play("A[1].drive.amp", [1.0], [0.3])
    target = net.model().plays.target
    assert (target.name, net.model().mechanisms[target.mechanism[0]].name) == (("amp",), "IClamp")
    assert net.model().mechanism("IClamp").number[target.index[0]] == 1


@pytest.mark.parametrize(
    "path, match",
    [
        ("Cell[0].soma(0.5).w", "no section has a variable 'w'"),
        ("Cell[0].soma(0.5).pas.g", "no mechanism 'pas'"),
        ("Cell[0].soma(0.5).hh.mm", "hh has no variable 'mm'"),
        ("Cell[2].soma(0.5).v", r"no cell 'Cell\[2\]'"),
        ("Cell[0].dend(0.5).v", "no section 'dend'"),
        ("IClamp[1].amp", r"no point process or artificial cell 'IClamp\[1\]'"),
        ("IClamp[0].amplitude", "no variable 'amplitude'"),
        ("IClamp[0].amp.x", "not the path of a variable"),
    ],
)
def test_names_that_lead_nowhere(path, match):
    net = pair()
    net.place("IClamp", "Cell[1].soma(0.5)")
    with pytest.raises(ModelError, match=match):
        net.transfer(path, "IClamp[0].amp")
    with pytest.raises(ModelError, match=match):
        net.play(path, [0.0], [1.0])


def test_a_mechanism_that_is_elsewhere():
    cell = soma()
    cell.add_section("dend", L=100, diam=1, connect="soma(1)")
    cell.insert("pas", where="dend")
    net = Network()
    net.add(cell, name="")
    net.play("soma(0.5).pas.g", [0.0], [1.0])
    with pytest.raises(ModelError, match="not inserted there"):
        net.model()


def test_a_target_has_one_source():
    net = pair()
    clamp = net.place("IClamp", "Cell[1].soma(0.5)", dur=1e9)
    net.transfer("Cell[0].soma(0.5).v", f"{clamp}.amp")
    with pytest.raises(ModelError, match=r"source already: Cell\[0\]"):
        net.transfer("Cell[1].soma(0.5).v", f"{clamp}.amp")
    net.transfer("Cell[0].soma(0.5).v", f"{clamp}.delay")


@pytest.mark.parametrize(
    "t, y", [([], []), ([0.0, 1.0], [1.0]), ([1.0, 0.0], [1.0, 2.0]), ([0.0], [np.nan]), ([[0.0]], [[1.0]])]
)
def test_points_that_are_none(t, y):
    net = pair()
    clamp = net.place("IClamp", "Cell[0].soma(0.5)")
    with pytest.raises(ModelError, match=r"IClamp\[0\]\.amp"):
        net.play(f"{clamp}.amp", t, y)


# --- settings of cells


def test_cells_say_how_they_start():
    cell = soma(-70.0)
    cell.celsius, cell.dt = 20.0, 0.1
    net = Network()
    net.add(cell, copies=2)
    warm = soma(-80.0)
    warm.celsius, warm.dt = 20.0, 0.1
    net.add(warm, name="Warm")
    model = net.model()
    assert (model.settings.celsius, model.settings.dt) == (20.0, 0.1)
    assert model.nodes.v.tolist() == [-70.0, -70.0, -80.0, -70.0, -70.0, -70.0, -70.0, -80.0, -80.0]
    assert set(net.model(v_init=-50.0).nodes.v) == {-50.0}
    assert cell.copy().model().settings == cell.model().settings == model.settings


def test_cells_that_disagree():
    net = Network()
    net.add(soma())
    other = soma()
    other.celsius = 34.0
    net.add(other)
    with pytest.raises(ModelError, match=r"celsius 6\.3, 34 degC"):
        net.model()
    assert net.model(celsius=34.0).settings.celsius == 34.0


def test_a_cell_with_a_name_of_its_own():
    net = Network()
    assert net.add(soma(), copies=None, name="AWCL") == ["AWCL"]
    assert net.model().sections.name == ("AWCL.soma",)
    with pytest.raises(ModelError, match="already a cell 'AWCL'"):
        net.add(soma(), copies=None, name="AWCL")


# --- given segments


def test_given_segments_are_taken_as_they_are():
    cell = cells.ball_and_stick(5)
    again = Cell()
    for s in cell.sections:
        at = f"{s.parent.name}({s.parent_x})" if s.parent else ""
        again.add_section(s.name, connect=at, Ra=s.Ra, given=s.segments())
    again.insert("hh", where="soma")
    again.insert("pas", where="dend", g=0.001, e=-65.0)
    again.place("ExpSyn", "dend(0.5)", name="synapse", tau=2.0)
    assert again.model().hash == cell.model().hash
    assert np.array_equal(again.distance(), cell.distance())


def test_given_segments_stay_as_they_are():
    cell = Cell()
    cell.add_section(
        "soma", given=Segments(20.0, np.array([500.0, 700.0]), np.array([8.0, 11.0]), np.ones(3))
    )
    for change in (
        lambda: cell.nseg(3), lambda: cell.nseg(d_lambda=0.1), lambda: cell.set(L=30.0),
        lambda: cell.set(diam=3.0), lambda: cell.set(Ra=50.0),
    ):  # fmt: skip
        with pytest.raises(ModelError, match="given"):
            change()
    assert cell.model().nodes.area.tolist() == [100.0, 500.0, 700.0, 100.0]
