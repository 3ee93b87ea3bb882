"""Gap junctions and graded synapses, frozen as pairs of variables."""

import numpy as np
import pytest

from heliox.frontend import transfers
from heliox.frontend.neuron import from_neuron
from heliox.frontend.preflight import preflight
from heliox.frontend.trial import can_try

pytestmark = pytest.mark.skipif(not can_try(), reason="this platform cannot copy a process (os.fork)")


class Cell:
    """A cell whose clamp serves as a gap junction: its current is another variable times one."""

    def __init__(self, h):
        self.soma = h.Section(name="soma", cell=self)
        self.soma.nseg = 3
        self.soma.insert("hh")
        self.clamp = h.IClamp(self.soma(0.5))
        self.clamp.dur = 1e9


@pytest.fixture
def cells(h):
    made = [Cell(h) for _ in range(3)]
    h.finitialize(-65)
    return made


def named(model):
    t = model.transfers

    def name(v, k):
        m = int(v.mechanism[k])
        return ("node" if m < 0 else model.mechanisms[m].name, int(v.index[k]), v.name[k])

    return {name(t.target, k): name(t.source, k) for k in range(len(t))}


def instance(model, mechanism, segment):
    return model.mechanism(mechanism).node.tolist().index(segment.node_index())


def test_none_is_none(h, cells):
    assert len(from_neuron().transfers) == 0


def test_voltages_and_others_to_points_and_densities(h, cells):
    a, b, c = cells
    pc = h.ParallelContext()
    for k, cell in enumerate(cells):
        pc.source_var(cell.soma(0.5)._ref_v, k, sec=cell.soma)
    pc.source_var(a.soma(0)._ref_v, 10, sec=a.soma)
    pc.source_var(b.soma(0.9).hh._ref_m, 11, sec=b.soma)
    pc.source_var(c.soma(0.1)._ref_ena, 12, sec=c.soma)
    pc.target_var(a.clamp._ref_amp, 1)
    pc.target_var(b.clamp, b.clamp._ref_amp, 2)
    pc.target_var(c.clamp, c.clamp._ref_delay, 1)
    pc.target_var(c.clamp, c.clamp._ref_amp, 11)
    pc.target_var(a.soma(0.9).hh._ref_gl, 12)
    pc.target_var(b.soma(0.1)._ref_ek, 10)
    pc.setup_transfer()
    model = from_neuron()
    clamps = [instance(model, "IClamp", x.soma(0.5)) for x in cells]
    middle = [x.soma(0.5).node_index() for x in cells]
    assert named(model) == {
        ("IClamp", clamps[0], "amp"): ("node", middle[1], "v"),
        ("IClamp", clamps[1], "amp"): ("node", middle[2], "v"),
        ("IClamp", clamps[2], "delay"): ("node", middle[1], "v"),
        ("IClamp", clamps[2], "amp"): ("hh", instance(model, "hh", b.soma(0.9)), "m"),
        ("hh", instance(model, "hh", a.soma(0.9)), "gl"): (
            "na_ion", instance(model, "na_ion", c.soma(0.1)), "ena"
        ),
        ("k_ion", instance(model, "k_ion", b.soma(0.1)), "ek"): ("node", a.soma(0).node_index(), "v"),
    }  # fmt: skip


def test_a_target_given_twice_gets_the_last(h, cells):
    a, b, c = cells
    pc = h.ParallelContext()
    for k, cell in enumerate(cells):
        pc.source_var(cell.soma(0.5)._ref_v, k, sec=cell.soma)
    pc.target_var(a.clamp._ref_amp, 1)
    pc.target_var(a.clamp._ref_amp, 2)
    pc.setup_transfer()
    assert list(named(from_neuron()).values()) == [("node", c.soma(0.5).node_index(), "v")]
    assert b


def test_the_session_does_not_notice(h, cells):
    a, b, _ = cells
    pc = h.ParallelContext()
    pc.source_var(a.soma(0.5)._ref_v, 1, sec=a.soma)
    pc.target_var(b.clamp._ref_amp, 1)
    pc.setup_transfer()
    v = h.Vector().record(b.soma(0.5)._ref_v)
    runs = []
    for frozen_at in ((), (0, 40)):
        h.finitialize(-65)
        for k in range(80):
            if k in frozen_at:
                assert len(from_neuron().transfers) == 1
            h.fadvance()
        runs.append(np.array(v))
    assert np.array_equal(*runs) and np.ptp(runs[0]) > 1


def test_without_setup_transfer(h, cells):
    h.ParallelContext().source_var(cells[0].soma(0.5)._ref_v, 1, sec=cells[0].soma)
    (problem,) = preflight()
    assert problem.kind == "transfer" and "call setup_transfer" in problem.mend


def test_without_copies_of_the_process(h, cells, monkeypatch):
    pc = h.ParallelContext()
    pc.source_var(cells[0].soma(0.5)._ref_v, 1, sec=cells[0].soma)
    pc.target_var(cells[1].clamp._ref_amp, 1)
    pc.setup_transfer()
    monkeypatch.delattr("os.fork")
    (problem,) = preflight()
    assert problem.kind == "transfer" and "os.fork" in problem.text
    monkeypatch.setattr(transfers, "library_pointer", lambda name: None)
    (problem,) = preflight()
    assert "cannot be asked whether" in problem.text
