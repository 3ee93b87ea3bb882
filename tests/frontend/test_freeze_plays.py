"""Every Vector.play of a session, frozen with its target, its points and where it stands."""

import numpy as np
import pytest

from heliox.errors import UnsupportedError
from heliox.frontend import players
from heliox.frontend.neuron import from_neuron
from heliox.frontend.preflight import preflight
from heliox.frontend.trial import can_try

pytestmark = pytest.mark.skipif(not can_try(), reason="this platform cannot copy a process (os.fork)")


class Cell:
    def __init__(self, h):
        self.soma, self.dend = h.Section(name="soma", cell=self), h.Section(name="dend", cell=self)
        self.dend.connect(self.soma(1))
        self.dend.nseg = 3
        self.soma.insert("hh")
        self.dend.insert("pas")
        self.clamp, self.hold = h.IClamp(self.soma(0.5)), h.SEClamp(self.dend(0.5))
        self.clamp.dur = 1e9
        self.hold.rs = 1e6
        self.synapse = h.ExpSyn(self.dend(0.9))


@pytest.fixture
def cells(h):
    made = [Cell(h) for _ in range(2)]
    h.finitialize(-65)  # what earlier tests left in the queue goes
    return made


def named(model):
    """Each play as (target, continuous, t, y, breaks)."""
    p = model.plays
    out = []
    for k in range(len(p)):
        m, index = int(p.target.mechanism[k]), int(p.target.index[k])
        owner = "node" if m < 0 else model.mechanisms[m].name
        rows, breaks = slice(*p.ptr[k : k + 2]), slice(*p.break_ptr[k : k + 2])
        target = (owner, index, p.target.name[k])
        out.append(
            (target, bool(p.continuous[k]), p.t[rows].tolist(), p.y[rows].tolist(), p.breaks[breaks].tolist())
        )
    return out


def places(model):
    p = model.plays
    return list(zip(p.cursor.tolist(), p.broken.tolist(), p.waiting.tolist()))


def test_every_form_of_play_and_where_it_stands(h, cells):
    a, b = cells
    times, short = h.Vector([0, 1, 2, 3]), h.Vector([0.5, 1, 1, 2])
    unused = h.Vector([1, 2, 3])
    recorded = h.Vector().record(a.soma(0.5)._ref_v)
    y = [h.Vector([0.1 * k, 0.2 + k, 0.3 + k, 0.4 + k]) for k in range(5)]
    marked = h.Vector([1, 2])
    y[0].play(b.clamp._ref_amp, times)
    y[1].play(a.clamp._ref_amp, 0.1)
    y[2].play(b.hold._ref_amp1, short, True)
    y[2].play(a.hold._ref_amp1, short, marked)
    y[3].play(b.soma(0.5).hh._ref_gnabar, times)
    y[3].play(b.soma(0.5)._ref_ena, times)
    y[4].play(a.dend(0.9).pas._ref_e, times, True)
    model = from_neuron(-65)
    by = model.mechanism_index
    node = b.soma(0.5).node_index()
    dend = [s.node_index() for s in a.dend]
    v = [x.to_python() for x in y]
    t = times.to_python()
    steps = [0.0, 0.1, 0.1 + 0.1, 0.1 + 0.1 + 0.1]
    pas = model.mechanism("pas").node.tolist().index(dend[2])
    assert named(model) == [
        (("IClamp", 1, "amp"), False, t, v[0], []),
        (("IClamp", 0, "amp"), False, steps, v[1], []),
        (("SEClamp", 1, "amp1"), True, short.to_python(), v[2], []),
        (("SEClamp", 0, "amp1"), True, short.to_python(), v[2], [1, 2]),
        (("hh", model.mechanism("hh").node.tolist().index(node), "gnabar"), False, t, v[3], []),
        (("na_ion", model.mechanism("na_ion").node.tolist().index(node), "ena"), False, t, v[3], []),
        (("pas", pas, "e"), True, t, v[4], []),
    ]
    assert by("pas") >= 0
    assert places(model) == [
        (1, 0, True), (1, 0, True), (0, 0, True), (1, 1, True), (1, 0, True), (1, 0, True), (1, 0, True),
    ]  # fmt: skip
    while h.t < 1.4:
        h.fadvance()
    later = from_neuron()
    assert named(later) == named(model)
    assert places(later) == [
        (2, 0, True), (4, 0, False), (3, 0, True), (3, 2, False), (2, 0, True), (2, 0, True), (2, 0, True),
    ]  # fmt: skip
    assert len(recorded) > 50 and unused.to_python() == [1, 2, 3]


def test_the_session_does_not_notice(h, cells):
    a, _ = cells
    times = h.Vector(np.linspace(0, 4, 30))
    wave, steps = h.Vector(np.sin(np.arange(30.0))), h.Vector(np.arange(30.0) % 3)
    wave.play(a.hold._ref_amp1, times, True)
    steps.play(a.clamp._ref_amp, times)
    v = h.Vector().record(a.soma(0.5)._ref_v)
    runs = []
    for frozen_at in ((), (0, 33, 100)):
        h.finitialize(-65)
        for k in range(180):
            if k in frozen_at:
                assert len(from_neuron().plays) == 2
            h.fadvance()
        runs.append((v.to_python(), wave.to_python(), steps.to_python(), times.to_python(), h.t, h.dt))
    assert runs[0] == runs[1]
    assert len(set(np.round(runs[0][0], 3))) > 20


def test_elements_of_arrays(h, cells):
    clamp = h.VClamp(cells[0].soma(0.5))
    values, times = h.Vector([-60, -20]), h.Vector([0, 1])
    values.play(clamp._ref_amp[1], times)
    assert named(from_neuron(-65))[0][0] == ("VClamp", 0, "amp[1]")


def test_more_plays_than_one_digit_counts(h, cells, monkeypatch):
    monkeypatch.setattr(players, "DIGITS", 3)
    monkeypatch.setattr(players, "SIZE", 6)
    clamps = [h.IClamp(cells[0].dend(0.5)) for _ in range(20)]
    times = [h.Vector([0, k + 1.0]) for k in range(20)]
    values = [h.Vector([k, k + 0.5]) for k in range(20)]
    marked = h.Vector([1])
    for k, clamp in enumerate(clamps):
        if k % 3:
            values[k].play(clamp._ref_amp, times[k])
        else:
            values[k].play(clamp._ref_amp, times[k], marked if k % 2 else True)
    model = from_neuron(-65)
    number = {f"IClamp[{n}]": k for k, n in enumerate(model.mechanism("IClamp").number.tolist())}
    expected = [
        (("IClamp", number[clamp.hname()], "amp"), k % 3 == 0, [0.0, k + 1.0], [float(k), k + 0.5],
         [1] if k % 6 == 3 else [])
        for k, clamp in enumerate(clamps)
    ]  # fmt: skip
    assert named(model) == expected


def test_two_plays_on_one_target(h, cells):
    clamp = cells[0].clamp
    early, late = h.Vector([0.1, 0.2]), h.Vector([0.5])
    first, then = h.Vector([0, 2]), h.Vector([1])
    early.play(clamp._ref_amp, first)
    late.play(clamp._ref_amp, then)
    assert [(t, y) for _, _, t, y, _ in named(from_neuron(-65))] == [([0, 2], [0.1, 0.2]), ([1], [0.5])]


def test_voltages_arrays_and_lengths(h, cells):
    end, soma = cells[0].dend(1), cells[0].soma(0.5)
    values, times, none = h.Vector([-60, -61, -62]), h.Vector([0, 1]), h.Vector()
    values.play(end._ref_v, times)
    values.play(soma._ref_cm, times, True)
    (voltage, capacitance) = named(from_neuron(-65))
    assert voltage == (("node", end.node_index(), "v"), False, [0, 1], [-60, -61], [])
    assert capacitance[0][0] == "capacitance" and capacitance[0][2] == "cm" and capacitance[3] == [-60, -61]
    values.play(cells[0].clamp._ref_amp, times, none)  # no discontinuity: all one piece
    assert named(from_neuron(-65))[2][4] == [1]
    assert places(from_neuron())[2] == (1, 1, False)


@pytest.mark.parametrize(
    ("play", "words"),
    [
        (lambda h, v, t, c: v.play(h._ref_celsius, t), "plays on celsius, which all of the model share"),
        (lambda h, v, t, c: v.play(h._ref_nai0_na_ion, t, True), "plays on nai0_na_ion"),
        (lambda h, v, t, c: v.play("tstop_of_mine = $1", t, True), "a hoc variable, a statement"),
        (lambda h, v, t, c: v.play(c._ref_weight[0], t), "the weight of a NetCon"),
        (lambda h, v, t, c: v.play("tstop_of_mine = $1", 0.5), "a hoc variable, a statement"),
    ],
)
def test_what_is_no_variable_of_the_model(h, cells, play, words):
    h("tstop_of_mine = 1")
    connection = h.NetCon(cells[0].soma(0.5)._ref_v, cells[0].synapse, sec=cells[0].soma)
    good, values, times = h.Vector([1, 2]), h.Vector([7, 8]), h.Vector([0, 1])
    good.play(cells[0].clamp._ref_amp, times)
    cells[0].soma.push()
    play(h, values, times, connection)
    h.pop_section()
    (problem,) = preflight()
    assert problem.kind == "play"
    assert problem.text.startswith(f"{values.hname()} ") and words in problem.text
    with pytest.raises(UnsupportedError, match="play_remove"):
        from_neuron()
    values.play_remove()
    assert len(from_neuron(-65).plays) == 1
    assert h.tstop_of_mine == 1 and h.celsius == 6.3


@pytest.mark.parametrize(
    ("values", "times", "third", "words"),
    [
        ([1, 2], [0, 1, 2], True, "has 2 values for 3 times"),
        ([1, 2, 3], [0, 2, 1], False, "the times of Vector"),
        ([1, 2, 3], [0, 1, 2], [0, 7], "is none of its 3 points"),
    ],
)
def test_points_that_make_no_sense(h, cells, values, times, third, words):
    y, t = h.Vector(values), h.Vector(times)
    third = h.Vector(third) if isinstance(third, list) else third
    y.play(cells[0].clamp._ref_amp, t, third)
    (problem,) = preflight()
    assert problem.kind == "play" and words in problem.text and y.hname() in problem.text


def test_points_moved_under_a_play(h, cells):
    y, t = h.Vector([1, 2, 3]), h.Vector([0, 1, 2])
    y.play(cells[0].clamp._ref_amp, t)
    h.finitialize(-65)
    t.x[1] = 1.5
    (problem,) = preflight()
    assert "are not those that its play started with" in problem.text
    assert from_neuron(-65).plays.t.tolist() == [0, 1.5, 2]


def test_without_copies_of_the_process(h, cells, monkeypatch):
    y, t = h.Vector([1, 2]), h.Vector([0, 1])
    y.play(cells[0].clamp._ref_amp, t)
    h.finitialize(-65)
    monkeypatch.delattr("os.fork")
    (problem,) = preflight()
    assert "os.fork" in problem.text and "Linux or macOS" in problem.text
