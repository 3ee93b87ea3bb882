"""What cannot be frozen is said at once, with the place and the way out."""

import sys
import types

import numpy as np
import pytest

from heliox.errors import UnsupportedError
from heliox.frontend.neuron import from_neuron
from heliox.frontend.preflight import preflight
from heliox.frontend.problems import Problem, Report
from heliox.frontend.sources import align
from heliox.frontend.trial import can_try

needs_copies = pytest.mark.skipif(not can_try(), reason="this platform cannot copy a process (os.fork)")


@pytest.fixture
def cell(h):
    class Cell:
        def __init__(self):
            self.soma = h.Section(name="soma", cell=self)

    c = Cell()
    c.soma.insert("hh")
    h.finitialize(-65)
    return c


def kinds():
    return [p.kind for p in preflight()]


def test_a_good_session_has_no_problems(h, cell):
    report = preflight()
    assert report
    assert len(report) == 0
    assert str(report) == "HelioX can freeze this NEURON session."
    assert cell


def test_everything_is_said_at_once(h, cell):
    h.CVode().active(1)
    stim, synapse = h.PatternStim(), h.ExpSyn(cell.soma(0.5))
    netcon = h.ParallelContext().gid_connect(7, synapse)
    h.finitialize(-65)
    stim.play(h.Vector([1.0]), h.Vector([7]))
    cell.soma.insert("extracellular")
    h.nrn_netrec_state_adjust = 1
    try:
        with pytest.raises(UnsupportedError) as e:
            from_neuron()
        report = preflight()
    finally:
        h.nrn_netrec_state_adjust = 0
        h.CVode().active(0)
    problems = e.value.fields["problems"]
    assert isinstance(problems, tuple)
    assert [p.kind for p in problems] == ["variable step", "queue", "extracellular", "pattern"]
    assert list(report) == list(problems)
    text = str(e.value)
    assert "for 4 reasons" in text
    assert "4. pattern (PatternStim): PatternStim[" in text
    for p in problems:
        assert p.mend in text
    assert not report
    assert stim and netcon


def test_threads(h, cell):
    h.ParallelContext().nthread(2)
    try:
        assert kinds() == ["threads"]
    finally:
        h.ParallelContext().nthread(1)
    assert kinds() == []
    assert cell


def test_bin_queue(h, cell):
    h.CVode().queue_mode(1, 0)
    try:
        assert kinds() == ["queue"]
    finally:
        h.CVode().queue_mode(0, 0)
    assert cell


def test_linear_mechanism(h, cell):
    c, g, y, b = h.Matrix(1, 1), h.Matrix(1, 1), h.Vector(1), h.Vector(1)
    g.setval(0, 0, 0.01)
    linear = h.LinearMechanism(c, g, y, b, 0.5, sec=cell.soma)
    assert kinds() == ["linear mechanism"]
    del linear
    assert kinds() == ["solver"]  # NEURON's sparse one stays on, and its last bits are others
    h.CVode().use_mxb(0)
    assert kinds() == []


def test_what_extracellular_leaves_behind(h, cell):
    other = h.Section(name="other")
    other.insert("extracellular")
    h.finitialize(-65)
    assert kinds() == ["extracellular"]
    h.delete_section(sec=other)
    h.finitialize(-65)
    (problem,) = preflight()
    assert problem.kind == "solver" and problem.mend == "call cvode.use_mxb(0)"
    h.CVode().use_mxb(0)
    assert kinds() == []


def test_reaction_diffusion_is_seen_without_loading_it(h, cell, monkeypatch):
    assert "rxd" not in kinds()
    module = types.ModuleType("neuron.rxd.species")
    species: list = [lambda: None]
    monkeypatch.setattr(module, "_all_species", species, raising=False)
    monkeypatch.setitem(sys.modules, "neuron.rxd.species", module)
    assert "rxd" not in kinds()
    species.append(object)
    assert "rxd" in kinds()
    assert cell


@needs_copies
def test_random_play(h, cell):
    clamp = h.IClamp(cell.soma(0.5))
    streams = [h.Random() for _ in range(3)]
    for k, stream in enumerate(streams):
        stream.Random123(k, 2, 3)
        stream.normal(0, 1)
    h.finitialize(-65)
    assert kinds() == []
    streams[1].play(clamp._ref_amp)
    sequence = [stream.seq() for stream in streams]
    (problem,) = preflight()
    assert problem.kind == "play" and problem.text == f"Random.play is in force: {streams[1].hname()}"
    assert sequence == [stream.seq() for stream in streams]


def test_vector_record_is_no_problem(h, cell):
    soma = cell.soma
    records = [h.Vector().record(soma(0.5)._ref_v), h.Vector().record(soma(0.5)._ref_v, 0.1)]
    times = h.Vector([1, 2.5])
    records.append(h.Vector().record(soma(0.5)._ref_v, times))
    h.finitialize(-65)
    for _ in range(40):
        h.fadvance()
    assert kinds() == []
    for _ in range(40):
        h.fadvance()
    assert [len(r) for r in records] == [81, 20, 1]


def test_statements_in_the_queue(h, cell):
    h.CVode().event(3, "print 1")  # NEURON takes a quarter of dt off
    h.CVode().event(4, lambda: None)
    problems = list(preflight())
    assert [p.kind for p in problems] == ["event", "event"]
    assert "'print 1' for t = 2.99375 ms" in problems[0].text
    assert "Python call" in problems[1].text
    h.finitialize(-65)
    assert kinds() == []


def test_a_model_changed_under_waiting_events(h, cell):
    syn, stim = h.ExpSyn(cell.soma(0.5)), h.NetStim()
    nc = h.NetCon(stim, syn)
    h.finitialize(-65)
    assert kinds() == []
    other = h.ExpSyn(cell.soma(0.5))
    (problem,) = preflight()
    assert (problem.kind, problem.mend) == ("queue", "call h.finitialize, or pass v_init")
    assert len(from_neuron(-65).mechanism("ExpSyn")) == 2
    assert nc and other


def test_a_source_that_cannot_be_found(h, cell):
    spikes = h.Vector()
    nc = h.NetCon(cell.soma(0.5)._ref_v, None, sec=cell.soma)
    nc.record(spikes)
    del nc  # NEURON keeps the source because it is recorded, but shows it nowhere
    (problem,) = preflight()
    assert problem.kind == "spike source"
    assert "keep a NetCon" in problem.mend


def test_a_moved_connection(h, cell):
    syn = h.ExpSyn(cell.soma(0.5))
    pc = h.ParallelContext()
    ncs = [h.NetCon(cell.soma(0.5)._ref_v, syn, sec=cell.soma) for _ in range(2)]
    pc.set_gid2node(3, 0)
    pc.cell(3, ncs[0])
    pc.gid_connect(3, syn, ncs[0])  # now behind the other one
    assert kinds() == ["connection order"]


def test_empty(h):
    (problem,) = preflight()
    assert problem.kind == "empty"


def test_nothing_is_printed(h, cell, capfd):
    clamp = h.SEClamp(cell.soma(0.5))
    preflight()
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
    assert clamp


def test_report_notes_a_problem_once():
    report = Report()
    report.add("a", "b", "c", section="s")
    report.add("a", "b", "c", section="s")
    assert list(report) == [Problem("a", "b", "c", "s")]
    assert str(report).splitlines()[1] == "  1. a (s): b; c"
    with pytest.raises(UnsupportedError) as e:
        report.check()
    assert e.value.problems == (Problem("a", "b", "c", "s"),)


# --- positions of sources among some that cannot be seen


@pytest.mark.parametrize("hidden", [[0], [2], [5], [1, 1], [0, 3], [5, 5]])
def test_alignment_follows_the_flags(hidden):
    above = np.array([True, False, True, True, False])
    seen = []
    for k in range(len(above) + 1):
        seen += [False] * hidden.count(k)
        seen += [bool(above[k])] if k < len(above) else []
    nothing, shared = np.zeros(len(seen), bool), np.zeros(len(above), bool)
    place = align(np.array(seen), nothing, above, shared, [1] * len(hidden))
    assert [seen[p] for p in place] == above.tolist()
    assert place == sorted(set(place))


def test_alignment_without_flags_takes_the_guess():
    nothing, sources = np.zeros(5, bool), np.zeros(3, bool)
    assert align(nothing, nothing, sources, sources, [1, 3]) == [0, 2, 3]
    assert align(nothing, nothing, sources, sources, [0, 0]) == [2, 3, 4]
    assert align(nothing[:3], nothing[:3], sources, sources, []) == [0, 1, 2]


def test_alignment_uses_waiting_events():
    busy = np.array([False, False, True, False])
    nothing = np.zeros(4, bool)
    shared = np.array([False, True, False])
    place = align(nothing, busy, np.zeros(3, bool), shared, [2])
    assert place[1] == 2


def test_artificial_cells_never_initialised(h):
    """NEURON would stop the process here; preflight says what to do instead."""
    section, stim = h.Section(name="s"), h.IntFire4()
    # an earlier test of this process may have initialised this type
    assert kinds() in ([], ["not initialized"])
    h.finitialize(-65)
    assert kinds() == []
    assert section and stim
