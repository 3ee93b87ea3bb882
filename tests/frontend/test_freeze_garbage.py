"""Freezing while Python still holds, or has just let go, a model that was thrown away."""

import gc

import pytest

from heliox.errors import UnsupportedError
from heliox.frontend.neuron import from_neuron
from heliox.frontend.preflight import preflight
from heliox.frontend.trial import TrialError, attempt, can_try

needs_copies = pytest.mark.skipif(not can_try(), reason="this platform cannot copy a process (os.fork)")


class Cell:
    """A driven cell in a cycle of references, as cells that know their network are."""

    def __init__(self, h):
        self.soma = h.Section(name="soma", cell=self)
        self.soma.insert("hh")
        self.synapse, self.drive = h.ExpSyn(self.soma(0.5)), h.NetStim()
        self.drive.number = 5
        self.connection = h.NetCon(self.drive, self.synapse)
        self.me = self


@pytest.fixture
def collector():
    """Python's collector, at rest until a test says otherwise."""
    threshold = gc.get_threshold()
    gc.disable()
    yield gc
    gc.set_threshold(*threshold)
    gc.enable()


@pytest.mark.parametrize("eagerness", [1, 300, 1000, 3000])
def test_garbage_is_gone_before_and_stays_whole_during_the_freeze(h, collector, eagerness):
    for _ in range(20):
        Cell(h)
    kept = [Cell(h)]
    assert len(list(h.allsec())) == 21
    collector.set_threshold(eagerness, 1, 1)
    collector.enable()
    model = from_neuron(-65)
    collector.disable()
    assert len(model.cells.name) == len(model.connections) == 1
    assert kept


def test_without_v_init_a_freeze_collects_nothing(h, collector):
    kept = Cell(h)
    Cell(h)
    h.finitialize(-65)
    model = from_neuron()
    assert len(model.cells.name) == 2  # what NEURON would simulate
    assert not collector.isenabled()
    runs = []
    collector.callbacks.append(lambda phase, info: runs.append(phase))
    collector.set_threshold(10, 1, 1)
    collector.enable()
    preflight()
    collector.disable()
    collector.callbacks.pop()
    assert len(runs) <= 8  # at the edges of the call; hundreds if it went on inside
    assert kept


def test_a_freeze_holds_on_to_nothing(h):
    """NEURON's own list of connections would keep cells that are Python objects alive."""
    for use in (from_neuron, preflight, lambda: from_neuron(-65)):
        cells = [Cell(h), Cell(h)]
        seen = h.NetCon(cells[0].soma(0.5)._ref_v, cells[1].synapse, sec=cells[0].soma)
        h.finitialize(-65)
        use()
        del cells, seen
        gc.collect()
        assert (len(list(h.allsec())), h.List("NetCon").count()) == (0, 0)


@needs_copies
def test_events_of_connections_that_are_gone(h):
    cell = Cell(h)
    connections = [h.NetCon(None, cell.synapse) for _ in range(5)]
    h.finitialize(-65)
    for k, connection in enumerate(connections):
        connection.event(1.0 + k)
    assert preflight()
    del connection, connections[2:]
    (problem,) = preflight()
    assert problem.kind == "queue" and "objects that are gone" in problem.text
    with pytest.raises(UnsupportedError, match=r"call h\.finitialize"):
        from_neuron()
    assert len(from_neuron(-65).connections) == 3
    del cell.me


@needs_copies
def test_a_copy_of_the_process_answers_or_says_why_not():
    box = []
    assert attempt(lambda: box.append(1) or {"x": (1.5, len(box))}) == {"x": (1.5, 1)}
    assert box == []
    with pytest.raises(TrialError, match="ZeroDivisionError"):
        attempt(lambda: 1 / 0)
    with pytest.raises(TrialError, match="ended the process"):
        attempt(lambda: __import__("os").abort())
    with pytest.raises(TrialError, match="too long"):
        attempt(lambda: __import__("time").sleep(60), seconds=0.2)
