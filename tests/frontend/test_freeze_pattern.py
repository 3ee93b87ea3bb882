"""PatternStim in the frozen model: gids as sources, what is sent and what waits; and what is refused."""

import numpy as np
import pytest

from heliox.errors import UnsupportedError
from heliox.frontend import patterns
from heliox.frontend.neuron import from_neuron
from heliox.frontend.patterns import GROUP
from heliox.frontend.preflight import preflight
from heliox.frontend.trial import TrialError, can_try

pytestmark = pytest.mark.skipif(not can_try(), reason="this platform cannot copy a process (os.fork)")


class Ports:
    """A cell with two synapses, which the gids 7 (once), 9 (three times, one delay) and 5 (twice) reach."""

    def __init__(self, h):
        self.h, self.pc = h, h.ParallelContext()
        self.soma = h.Section(name="soma")
        self.soma.insert("hh")
        self.synapses = [h.ExpSyn(self.soma(0.5)) for _ in range(2)]
        self.netcons, self.stims = [], []
        for gid, k, weight, delay in (
            (7, 0, 0.001, 1.0), (9, 0, 0.002, 2.0), (9, 1, 0.003, 2.0), (9, 0, 0.004, 2.0),
            (5, 1, 0.005, 1.5), (5, 0, 0.006, 1.0),
        ):  # fmt: skip
            netcon = self.pc.gid_connect(gid, self.synapses[k])
            netcon.weight[0], netcon.delay = weight, delay
            self.netcons.append(netcon)

    def play(self, pairs):
        stim = self.h.PatternStim()
        times, gids = zip(*pairs)
        stim.play(self.h.Vector(times), self.h.Vector(gids))
        self.stims.append(stim)
        return stim

    def model(self):
        return from_neuron(-65.0)


@pytest.fixture
def ports(h):
    p = Ports(h)
    yield p
    p.stims.clear()


def problem():
    (found,) = preflight()
    return found


def test_gids_become_sources_in_front(h, ports):
    """A gid that nobody hears (3) and one that no pair names (9) are none."""
    watch = h.NetCon(ports.soma(0.5)._ref_v, None, sec=ports.soma)
    ports.play([(1.0, 7), (2.0, 3), (2.5, 5), (3.5, 7)])
    model = ports.model()
    mechanism = model.mechanism("PatternStim")
    assert mechanism.number.tolist() == model.sources.gid.tolist()[:2]
    assert sorted(mechanism.number.tolist()) == [5, 7]
    assert model.sources.mechanism.tolist() == [model.mechanism_index("PatternStim")] * 2 + [-1]
    served = np.where(model.connections.source >= 0, model.sources.gid[model.connections.source], -2)
    assert served.tolist() == [7, -2, -2, -2, 5, 5, -1]
    assert model.connections.delay.tolist()[4:6] == [1.5, 1.0]
    times = mechanism.lists["spike_times"]
    of = {g: times.values[times.ptr[k] : times.ptr[k + 1]].tolist() for k, g in enumerate(mechanism.number)}
    assert of == {7: [1.0, 3.5], 5: [2.5]}
    assert watch


def test_what_was_sent_waits_in_neurons_order(ports):
    """All pairs of a small pattern are sent at t = 0: nothing is left to the sources."""
    ports.play([(1.0, 9), (0.5, 5), (2.0, 7)])
    model = ports.model()
    order = np.argsort(model.sources.gid)
    assert model.mechanism("PatternStim").values["index"][order].tolist() == [1.0, 1.0, 1.0]
    e = model.events
    assert not e.self_event.any()
    assert list(zip(e.time.tolist(), e.connection.tolist())) == [
        (1.5, 5), (2.0, 4), (3.0, 1), (3.0, 2), (3.0, 3), (3.0, 0),
    ]  # fmt: skip


def test_the_rest_is_left_to_the_sources(ports):
    """In mid-run too."""
    pairs = [(0.1 * k, (5, 7, 9)[k % 3]) for k in range(4 * GROUP)]
    ports.play(pairs)
    model = ports.model()
    for before, sent in ((0.0, GROUP), (11.3, 2 * GROUP)):
        if before:
            ports.pc.set_maxstep(10)
            ports.pc.psolve(before)
            model = from_neuron()
        mechanism = model.mechanism("PatternStim")
        assert mechanism.values["index"].tolist() == [sent / 3] * 3
        waits = model.events.self_event
        assert sorted(model.sources.gid[model.events.instance[waits]].tolist()) == [5, 7, 9]
        coming = [pairs[sent + k][0] for k in range(3)]
        np.testing.assert_allclose(model.events.time[waits], coming, rtol=0, atol=2e-6)
        assert (model.events.time[waits] < coming).all()
    assert len(model.events) > 3


def test_waiting_ports_do_not_hide_who_is_above_threshold(h, ports):
    """NEURON tells flags by position among all sources, and ports have positions too."""
    sections, watches = [], []
    for k, v in enumerate((-70, -20, -70)):
        s = h.Section(name=f"watched{k}")
        watches.append(h.NetCon(s(0.5)._ref_v, None, sec=s))
        watches[-1].threshold = -40
        watches.append(ports.pc.gid_connect(90 + k, ports.synapses[0]))
        sections.append(s)
        s.v = v
    ports.play([(0.3, 9), (0.4, 9)])
    h.finitialize()
    ports.pc.set_maxstep(10)
    ports.pc.psolve(1.0)
    for s, v in zip(sections, (-70, -20, -70)):
        assert s.v == v
    model = from_neuron()
    assert model.sources.above.tolist() == [False, False, True, False]
    assert model.events.connection.tolist() == [1, 2, 3] * 2


def test_several_patterns_may_have_sent_unlike_parts(ports):
    """Of one gid first what was sent; a source wakes for a spike before every later one it has to make."""
    ports.play([(0.5 * k, 7) for k in range(2 * GROUP)])
    ports.play([(0.1 * k + 0.05, 7) for k in range(2 * GROUP)])
    mechanism = ports.model().mechanism("PatternStim")
    times, wakes = (mechanism.lists[name].values for name in ("spike_times", "wake_times"))
    assert mechanism.values["index"].tolist() == [2 * GROUP]
    assert len(times) == 4 * GROUP
    assert (np.diff(wakes) >= 0).all() and (wakes < times).all()
    assert times[2 * GROUP] < times[2 * GROUP - 1]


def test_a_pattern_nobody_hears_is_nothing(ports):
    ports.play([(1.0, 70), (2.0, 80)])
    model = ports.model()
    assert "PatternStim" not in [m.name for m in model.mechanisms]
    assert len(model.events) == 0


def test_a_connection_to_a_pattern_goes_nowhere(h, ports):
    stim = ports.play([(1.0, 7)])
    netcon = h.NetCon(ports.soma(0.5)._ref_v, stim, sec=ports.soma)
    h.finitialize(-65)
    netcon.event(3.0)
    model = from_neuron()
    assert model.connections.mechanism[-1] == -1
    assert model.events.connection.tolist() == [0]


def test_the_session_goes_on(h, ports):
    ports.play([(0.01 * k, (5, 7, 9)[k % 3]) for k in range(1000)])
    v, runs = h.Vector().record(ports.soma(0.5)._ref_v), []
    ports.pc.set_maxstep(10)
    for freeze in (False, True):
        h.finitialize(-65)
        for t in (2.0, 5.0, 12.0):
            if freeze:
                from_neuron()
            ports.pc.psolve(t)
        runs.append(np.array(v))
    np.testing.assert_array_equal(*runs)


def test_a_pattern_that_has_not_begun(h, ports):
    h.finitialize(-65)
    ports.play([(1.0, 7)])
    h.finitialize(-65)
    ports.stims[0].play(h.Vector([1.0, 2.0]), h.Vector([7, 7]))
    p = problem()
    assert (p.kind, p.mechanism) == ("pattern", "PatternStim")
    assert "has not begun" in p.text and "finitialize" in p.mend
    h.finitialize(-65)
    assert not list(preflight())


def test_pairs_that_come_too_late(h, ports):
    """NEURON sends the first 102 pairs at t = 0, the others when the first of them is due."""
    late = [(20.0 + 0.1 * k, 7) for k in range(GROUP)]
    ports.play([*late, (1.0, 5)])
    h.finitialize(-65)
    assert not list(preflight())
    ports.play([*late, (21.0, 5), (1.0, 5), *((22.0, 7) for _ in range(GROUP))])
    h.finitialize(-65)
    assert "time is over" in problem().text


def test_pairs_of_one_time_in_both_orders(h, ports):
    """NetCon[0] and NetCon[5] reach one synapse after one delay."""
    start = [(0.1, 9)] * GROUP
    ports.play([*start, (1.0, 7), (1.0, 5), (2.0, 5), (2.0, 7)])
    h.finitialize(-65)
    with pytest.raises(
        UnsupportedError, match=r"reach one target by NetCon\[[05]\] and then by NetCon\[[05]\]"
    ):
        from_neuron()
    ports.netcons[5].weight[0] = ports.netcons[0].weight[0]  # then the order is nothing
    h.finitialize(-65)
    assert not list(preflight())
    ports.netcons[5].weight[0], ports.netcons[5].delay = 0.006, 1.25
    h.finitialize(-65)
    assert not list(preflight())


def test_times_that_are_no_numbers(h, ports):
    ports.play([(1.0, 7), (float("inf"), 7)])
    h.finitialize(-65)
    assert "not finite" in problem().text


def test_pairs_that_cannot_be_read(h, ports, monkeypatch):
    def fail(*_):
        raise TrialError("memory is laid out in another way")

    ports.play([(1.0, 7)])
    h.finitialize(-65)
    monkeypatch.setattr(patterns, "held_patterns", fail)
    p = problem()
    assert "memory is laid out in another way" in p.text and "VecStim" in p.mend
