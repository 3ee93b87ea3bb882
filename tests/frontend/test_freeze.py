"""The frozen model against NEURON itself: what it holds, and that the session does not notice."""

import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

from heliox.errors import ModelError
from heliox.frontend.neuron import examine, from_neuron
from heliox.frontend.order import Registered, execution_order, promoted_style, writes_concentration

_spec = spec_from_file_location("coreneuron_dataset", Path(__file__).with_name("coreneuron_dataset.py"))
assert _spec is not None
assert _spec.loader is not None
dataset = module_from_spec(_spec)
_spec.loader.exec_module(dataset)


class Cell:
    """A soma with a dendrite that branches, one branch attached by its 1 end."""

    def __init__(self, h, gid):
        self.soma = h.Section(name="soma", cell=self)
        self.dend = h.Section(name="dend", cell=self)
        self.twig = h.Section(name="twig", cell=self)
        self.back = h.Section(name="back", cell=self)
        self.soma.L = self.soma.diam = 20
        self.soma.nseg, self.dend.nseg, self.twig.nseg, self.back.nseg = 1, 5, 3, 2
        self.dend.L, self.dend.diam, self.twig.L, self.twig.diam = 200 + gid, 2, 90, 1.3
        self.back.L, self.back.diam = 80, 1.1
        self.dend.connect(self.soma(1))
        self.twig.connect(self.dend(0.5))
        self.back.connect(self.soma(0), 1)
        for s in self.sections():
            s.Ra, s.cm = 100, 1.1
        self.soma.insert("hh")
        self.back.insert("hh")
        for s in (self.dend, self.twig):
            s.insert("pas")
            s.g_pas, s.e_pas = 2e-4, -66.5

    def sections(self):
        return [self.soma, self.dend, self.twig, self.back]


class Net:
    """Three cells in a ring with several synapses on a segment, clamps, noisy and regular stimuli."""

    def __init__(self, h, noise=0.7):
        pc = h.ParallelContext()
        self.cells = [Cell(h, k) for k in range(3)]
        self.synapses, self.netcons, self.kept = [], [], []
        for k, cell in enumerate(self.cells):
            for j in range(3):
                syn = h.ExpSyn(cell.twig(0.5)) if j != 1 else h.Exp2Syn(cell.twig(0.5))
                syn.e = -1 - k - 0.1 * j
                self.synapses.append(syn)
            self.kept.append(h.ExpSyn(cell.dend(1)))
            clamp = h.IClamp(cell.soma(0.5))
            clamp.delay, clamp.dur, clamp.amp = 1 + 0.3 * k, 2, 0.9
            self.kept.append(clamp)
            pc.set_gid2node(10 + k, 0)
            pc.cell(10 + k, h.NetCon(cell.soma(0.5)._ref_v, None, sec=cell.soma))
        for k in range(2):  # the last cell's source stays without connection
            for j in range(4):
                nc = pc.gid_connect(10 + k, self.synapses[3 * ((k + 1) % 3) + j % 3])
                nc.delay, nc.weight[0], nc.threshold = 1.5, 0.003 + 0.001 * j, -10
                self.netcons.append(nc)
        for k in range(2):
            stim = h.NetStim()
            stim.noise, stim.interval, stim.number, stim.start = noise * k, 1.7, 1000, 0.5
            stim.noiseFromRandom123(k, 2, 3)  # the automatic ones are new in every session
            nc = h.NetCon(stim, self.synapses[k])
            nc.delay, nc.weight[0] = 0.3, 0.004
            self.netcons.append(nc)
            self.kept.append(stim)


def values(m, name, k):
    return m.mechanism(name).values[k]


# --- numbers


def test_arrays_equal_those_of_the_dataset(h, tmp_path, capfd):
    net = Net(h)
    model = from_neuron(-61.5)
    h.ParallelContext().nrncore_write(str(tmp_path))
    capfd.readouterr()
    ref = dataset.read(tmp_path, (tmp_path / "files.dat").read_text().split()[2])
    nodes = model.nodes
    roots = nodes.parent < 0
    assert len(nodes) == len(ref["parent"])
    for name in ("a", "b", "area"):
        assert np.array_equal(getattr(nodes, name)[~roots], ref[name][~roots]), name
    assert np.array_equal(nodes.v, ref["v"])
    assert np.array_equal(nodes.parent[~roots], ref["parent"][~roots])
    assert (nodes.area[roots] == 100).all()

    assert [m.name for m in model.mechanisms] == [m["name"] for m in ref["mechanisms"]]
    for mine, theirs in zip(model.mechanisms, ref["mechanisms"]):
        assert np.array_equal(mine.node, theirs["node"]), mine.name
        if theirs["charge"] is not None:
            assert np.array_equal(mine.style, theirs["datum"][:, 0])
    columns = {
        "capacitance": ("cm", "i_cap"),
        "pas": ("g", "e", "i"),
        "hh": ("gnabar gkbar gl el gna gk il minf hinf ninf mtau htau ntau m h n").split(),
        "na_ion": ("ena", "nai", "nao", "ina", "dina_dv_"),
        "IClamp": ("delay", "dur", "amp", "i"),
        "ExpSyn": ("tau", "e", "i", "g"),
        "Exp2Syn": ("tau1", "tau2", "e", "i", "g", "A", "B", "factor"),
        "NetStim": ("interval", "number", "start", "noise", "event", "on", "ispike"),
    }  # fmt: skip
    by_name = {m["name"]: m for m in ref["mechanisms"]}
    for name, names in columns.items():
        for k, column in enumerate(names):
            assert np.array_equal(values(model, name, column), by_name[name]["data"][:, k]), (name, column)
    assert len(net.cells) == len(model.cells.name)


def test_geometry_is_that_of_the_segments(h):
    net = Net(h)
    model = from_neuron(-65)
    for k, name in enumerate(model.sections.name):
        sec = [s for c in net.cells for s in c.sections()][k]
        assert (model.sections.L[k], model.sections.Ra[k], model.sections.nseg[k]) == (
            sec.L,
            sec.Ra,
            sec.nseg,
        )
        assert model.sections.child_end[k] == sec.orientation(), name
        for seg in sec:
            node = seg.node_index()
            assert (model.nodes.section[node], model.nodes.x[node]) == (k, seg.x)
            assert model.nodes.diam[node] == seg.diam
            assert model.nodes.area[node] == seg.area()
    root = model.sections.head[0]
    assert model.nodes.section[root] == -1


def test_point_process_numbers_follow_the_instances(h):
    net = Net(h)
    model = from_neuron(-65)
    m = model.mechanism("ExpSyn")
    by_number = {
        int(s.hname()[7:-1]): s for s in [*net.synapses, *net.kept] if s.hname().startswith("ExpSyn")
    }
    for k, number in enumerate(m.number.tolist()):
        assert m.values["e"][k] == by_number[number].e
        assert m.node[k] == by_number[number].get_segment().node_index()


def test_settings_and_globals(h):
    keep = Cell(h, 0)
    h.celsius, h.dt, h.secondorder, h.nai0_na_ion, h.usetable_hh = 21.5, 0.0125, 2, 11.0, 0
    h.Random().Random123_globalindex(5)
    model = from_neuron(-65)
    s = model.settings
    assert (s.t, s.dt, s.celsius, s.secondorder, s.random_key) == (0.0, 0.0125, 21.5, 2, 5)
    assert model.mechanism("na_ion").globals == {"nai0": 11.0, "nao0": 140.0}
    assert model.mechanism("hh").globals["usetable"] == 0.0
    assert model.origin == "NEURON 9.0.2" or model.origin.startswith("NEURON ")
    assert keep


def test_ion_styles(h):
    a, b = h.Section(name="a"), h.Section(name="b")
    a.insert("hh")
    b.insert("hh")
    h.ion_style("na_ion", 1, 2, 1, 1, 0, sec=b)
    model = from_neuron(-65)
    assert model.mechanism("na_ion").style.tolist() == [8, 1 + 16 + 32 + 64]
    assert np.array_equal(model.mechanism("na_ion").values["style"], [8.0, 113.0])


def test_random_streams(h):
    ns = h.NetStim()
    ns.noise, ns.start, ns.number, ns.interval = 1, 0, 1000, 0.3
    ns.noiseFromRandom123(7, 8, 9)
    h.finitialize(-65)
    for _ in range(100):
        h.fadvance()
    stream = from_neuron().mechanism("NetStim").values["ranvar"]
    assert stream.shape == (1, 4)
    assert stream[0].tolist() == [7, 8, 9, ns.ranvar.get_seq()]
    assert stream[0, 3] > 1


# --- names


def test_names_hold_no_addresses(h):
    cells = [Cell(h, k) for k in range(2)]
    loose = [h.Section(name="soma"), h.Section(name="soma")]
    model = from_neuron(-65)
    assert model.sections.name[:4] == ("Cell[0].soma", "Cell[0].dend", "Cell[0].twig", "Cell[0].back")
    assert model.sections.name[4] == "Cell[1].soma"
    assert model.sections.name[8:] == ("soma", "soma#2")
    assert model.cells.name == ("Cell[0]", "Cell[1]", "soma", "soma#2")
    assert model.hash == from_neuron().hash
    assert cells and loose


def test_hoc_names_and_names_that_objects_give_themselves_stay(h):
    class Named:
        def __init__(self):
            self.soma = h.Section(name="soma", cell=self)

        def __repr__(self):
            return "pyramid_7"

    h("create axon[2]")
    named = Named()
    names = from_neuron(-65).sections.name
    assert set(names) == {"axon[0]", "axon[1]", "pyramid_7.soma"}
    assert named


# --- sources, connections, events


def test_sources_in_order_with_gids_and_thresholds(h):
    net = Net(h)
    model = from_neuron(-65)
    s = model.sources
    soma = [c.soma(0.5).node_index() for c in net.cells]
    stims = model.mechanism_index("NetStim")
    assert s.mechanism.tolist() == [-1, -1, -1, stims, stims]
    assert s.index.tolist() == [*soma, 0, 1]
    assert s.gid.tolist() == [10, 11, 12, -1, -1]
    assert s.threshold.tolist()[:3] == [-10.0, -10.0, 10.0]
    assert s.variable == ("v", "v", "v", "", "")
    assert model.cells.gid.tolist() == [10, 11, 12]
    c = model.connections
    assert c.source.tolist() == [0] * 4 + [1] * 4 + [3, 4]
    assert c.delay.tolist() == [1.5] * 8 + [0.3] * 2
    assert c.weights.tolist() == [n.weight[0] for n in net.netcons]
    assert c.number.tolist() == [int(n.hname()[7:-1]) for n in net.netcons]
    for k, n in enumerate(net.netcons):
        target = model.mechanisms[c.mechanism[k]]
        assert f"{target.name}[{target.number[c.instance[k]]}]" == n.syn().hname()


def test_watched_variables_and_connections_without_ends(h):
    c = Cell(h, 0)
    syn, far = h.Exp2Syn(c.twig(0.5)), h.ExpSyn(c.soma(0))
    watch_m = h.NetCon(c.soma(0.5).hh._ref_m, syn, sec=c.soma)
    watch_g = h.NetCon(syn._ref_g, None, sec=c.twig)
    watch_i = h.NetCon(far._ref_i, syn, sec=c.soma)
    direct = h.NetCon(None, syn)
    end = h.NetCon(c.dend(1)._ref_v, syn, sec=c.dend)
    direct.active(0)
    model = from_neuron(-65)
    hh, e2, e1 = (model.mechanism_index(x) for x in ("hh", "Exp2Syn", "ExpSyn"))
    assert model.sources.mechanism.tolist() == [hh, e2, e1, -1]
    assert model.sources.variable == ("m", "g", "i", "v")
    assert model.mechanisms[hh].node[model.sources.index[0]] == c.soma(0.5).node_index()
    assert model.sources.index[3] == c.dend(1).node_index()
    assert model.connections.source.tolist() == [0, 1, 2, -1, 3]
    assert model.connections.mechanism.tolist() == [e2, -1, e2, e2, e2]
    assert model.connections.active.tolist() == [True, False, True, False, True]
    assert [watch_m, watch_g, watch_i, end]


def test_flags_above_threshold_belong_to_their_sources(h):
    pc = h.ParallelContext()
    cells = [Cell(h, k) for k in range(4)]
    clamps = []
    for k in (1, 3):
        clamps.append(h.IClamp(cells[k].soma(0.5)))
        clamps[-1].dur, clamps[-1].amp = 1, 3
    syn = h.ExpSyn(cells[0].soma(0.5))
    for k, c in enumerate(cells):
        pc.set_gid2node(5 * k, 0)
        pc.cell(5 * k, h.NetCon(c.soma(0.5)._ref_v, None, sec=c.soma))
    ncs = [h.NetCon(None, syn), pc.gid_connect(15, syn), pc.gid_connect(400, syn)]
    h.finitialize(-65)
    while cells[1].soma.v < 20:
        h.fadvance()
    model = from_neuron()
    assert model.sources.gid.tolist() == [0, 5, 10, 15]
    assert model.sources.above.tolist() == [False, True, False, True]
    assert model.connections.source.tolist() == [-1, 3, -1]
    assert ncs


def test_queue_is_in_order_of_delivery(h):
    """IntFire1 fires when it is hit, so the order of its spikes is that of the deliveries."""
    sec = h.Section(name="s")
    target = [h.IntFire1() for _ in range(12)]
    source = h.NetStim()
    source.start, source.number = 1.0, 1
    ncs = [h.NetCon(source, x) for x in target[:5]]  # more than two of one delay: a single entry
    for nc in ncs:
        nc.delay = 1.0
    ncs += [h.NetCon(None, x) for x in target[5:]]
    times, ids = h.Vector(), h.Vector()
    records = [h.NetCon(x, None) for x in target]
    for k, (x, nc) in enumerate(zip(target, ncs)):
        nc.weight[0], x.refrac = 2.0, 10.0  # no event of its own before these
        records[k].record(times, ids, k)
    h.finitialize(-65)
    for k in (7, 5, 6, 9):
        ncs[k].event(2.0)
    while h.t < 1.5:
        h.fadvance()
    for k, when in ((8, 2.0), (10, 1.8), (11, 2.0)):
        ncs[k].event(when)
    model, report = examine()
    assert model is not None
    assert not list(report)
    numbers = {int(nc.hname()[7:-1]): k for k, nc in enumerate(ncs)}
    waiting = [numbers[int(model.connections.number[c])] for c in model.events.connection if c >= 0]
    while h.t < 3:
        h.fadvance()
    assert len(waiting) == 12
    assert waiting == [int(k) for k in ids]
    assert sec


def test_self_events_keep_exact_times_and_flags(h):
    keep = Net(h)
    h.finitialize(-65)
    for _ in range(200):
        h.fadvance()
    model = from_neuron()
    e = model.events
    t, flags, targets = h.Vector(), h.Vector(), h.List()
    h.CVode().event_queue_info(3, t, flags, targets)
    assert np.array_equal(e.time[e.self_event], np.sort(t))
    assert set(e.flag[e.self_event]) == {1.0}
    assert (np.diff(e.time) >= 0).all()
    assert (e.mechanism[e.self_event] == model.mechanism_index("NetStim")).all()
    assert keep


# --- the session afterwards


def traces(h, freeze_at=(), steps=600, then=None):
    """Voltages, spikes and weights of a run that is frozen at some steps."""
    net = Net(h)
    segs = [s for sec in h.allsec() for s in sec.allseg()]
    tv, iv = h.Vector(), h.Vector()
    h.ParallelContext().spike_record(-1, tv, iv)
    h.finitialize(-65)
    out, models = [], []
    for k in range(steps):
        if k in freeze_at:
            models.append(from_neuron())
        h.fadvance()
        out.append([s.v for s in segs])
    extra = then(h) if then else None
    streams = [x.ranvar.get_seq() for x in h.List("NetStim")]
    return np.array(out), list(tv), list(iv), streams, extra, net, models


def test_a_run_goes_on_with_the_same_bits(h):
    v, t, i, streams, _, _net, _ = traces(h)
    assert len(t) > 3
    del _net
    clean(h)
    w, u, j, more, _, _net, models = traces(h, freeze_at=(0, 1, 77, 78, 300, 599))
    assert np.array_equal(v, w)
    assert (t, i, streams) == (u, j, more)
    assert any(m.sources.above.any() for m in models) or len({m.hash for m in models}) == len(models)
    assert any(len(m.events) > 3 for m in models)


def test_a_run_started_anew_has_the_same_bits(h):
    def again(h):
        h.finitialize(-65)
        seg = next(iter(h.allsec()))(0.5)
        out = []
        for _ in range(200):
            h.fadvance()
            out.append(seg.v)
        return out

    first = traces(h, then=again)
    expected, v = first[4], first[0]
    del first
    clean(h)
    second = traces(h, freeze_at=(150,), then=again)
    assert np.array_equal(v, second[0])
    assert second[4] == expected


def clean(h):
    """What the fixture does between tests, with the objects of the first run gone."""
    import gc

    gc.collect()
    h.ParallelContext().gid_clear()
    for nc in h.List("NetCon"):
        nc.active(0)
        nc.setpost(None)
    for s in list(h.allsec()):
        h.delete_section(sec=s)


def test_small_things_stay_as_they_were(h):
    net = Net(h)
    h.finitialize(-65)
    h.fadvance()
    h.dt, h.t = 0.05, 3.25  # set by hand: NEURON takes it over with the next step
    net.cells[1].dend.push()
    gids = [g for g in range(20) if h.ParallelContext().gid_exists(g)]
    before = (len(h.List("NetCon")), len(h.List("IntFire1")), len(h.List("SaveState")), len(h.List("File")))
    model = from_neuron()
    assert (h.t, h.dt, model.settings.t, model.settings.dt) == (3.25, 0.05, 3.25, 0.05)
    assert h.cas() == net.cells[1].dend
    h.pop_section()
    assert h.cas() != net.cells[1].dend
    assert gids == [g for g in range(20) if h.ParallelContext().gid_exists(g)] == [10, 11, 12]
    after = (len(h.List("NetCon")), len(h.List("IntFire1")), len(h.List("SaveState")), len(h.List("File")))
    assert before == after


def test_shared_queue_entries_stay_shared(h):
    """Reading NetCon.delay would make NEURON queue each delivery of a source by itself."""
    cell = Cell(h, 0)
    syn = [h.ExpSyn(cell.soma(0.5)) for _ in range(5)]
    stim = h.NetStim()
    stim.start, stim.number, stim.interval = 1, 100, 1
    ncs = [h.NetCon(stim, s) for s in syn]
    for n in ncs:
        n.delay = 5
    h.finitialize(-65)
    while h.t < 2.5:
        h.fadvance()
    model = from_neuron()
    assert model.connections.delay.tolist() == [5.0] * 5
    while h.t < 5:
        h.fadvance()
    assert queue_length(h) == 5 + 1  # the spikes of five milliseconds and the stimulus itself
    assert ncs


def queue_length(h):
    times = h.Vector()
    h.CVode().print_event_queue(times)
    return len(times)


def test_no_word_of_neuron_gets_out(h, capfd):
    keep = Net(h)
    from_neuron(-65)
    h.fadvance()
    from_neuron()
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
    assert keep


# --- all kinds of sessions


def test_session_that_was_never_initialised(h):
    h.finitialize(-65)  # empties the queue of earlier tests
    cell = Cell(h, 0)
    syn = h.ExpSyn(cell.twig(0.5))
    model = from_neuron()
    assert (model.nodes.v == -65).all()
    assert model.mechanism("ExpSyn").node.tolist() == [syn.get_segment().node_index()]
    cell.dend.nseg = 7
    assert len(from_neuron().nodes) == len(model.nodes) + 2


def test_session_of_artificial_cells_alone(h):
    stims = [h.NetStim() for _ in range(3)]
    for k, s in enumerate(stims):
        s.start, s.number = k, 5
    ncs = [h.NetCon(stims[0], stims[1])]
    ncs[0].delay = 2
    model = from_neuron(-65)
    assert len(model.nodes) == len(model.sections.name) == len(model.cells.name) == 0
    assert [m.name for m in model.mechanisms] == ["NetStim"]
    assert values(model, "NetStim", "start").tolist() == [0, 1, 2]
    assert model.mechanisms[0].node.tolist() == [-1, -1, -1]
    assert model.events.connection.tolist() == [-1, -1, 0, -1]
    assert model.events.self_event.tolist() == [True, True, False, True]
    assert not list(h.allsec())
    del stims[0]
    assert len(from_neuron(-65).mechanism("NetStim")) == 2


def test_a_source_with_a_gid_and_no_point_process_at_all(h):
    cell = Cell(h, 0)
    pc = h.ParallelContext()
    pc.set_gid2node(70000, 0)
    pc.cell(70000, h.NetCon(cell.soma(0.5)._ref_v, None, sec=cell.soma))
    model = from_neuron(-65)
    assert model.sources.gid.tolist() == [70000]
    assert model.sources.index.tolist() == [cell.soma(0.5).node_index()]
    assert len(model.connections) == 0
    assert len(h.List("IntFire1")) == 0


def test_point_processes_at_shared_nodes_are_met_once(h):
    cell = Cell(h, 0)
    syn = [h.ExpSyn(cell.soma(1)), h.ExpSyn(cell.dend(0)), h.ExpSyn(cell.soma(0)), h.ExpSyn(cell.back(1))]
    syn += [h.ExpSyn(cell.twig(0)), h.ExpSyn(cell.dend(0.5)), h.ExpSyn(cell.back(0))]
    m = from_neuron(-65).mechanism("ExpSyn")
    assert len(m) == len(syn)
    assert sorted(m.number.tolist()) == [int(s.hname()[7:-1]) for s in sorted(syn, key=lambda s: s.hname())]


def test_a_session_that_computes_membrane_currents(h):
    cell = Cell(h, 0)
    plain = from_neuron(-65)
    h.CVode().use_fast_imem(1)
    assert from_neuron(-65).hash == plain.hash
    assert cell.soma(0.5).i_membrane_ is not None


def test_empty_session(h):
    with pytest.raises(ModelError, match=r"empty: build a model"):
        from_neuron(-65)


def test_a_number_that_is_not_finite_is_named(h):
    cell = Cell(h, 0)
    cell.twig(0.5).pas.g = float("nan")
    with pytest.raises(ModelError, match=r"pas\.g is nan in Cell\[0\]\.twig\(0\.5\)") as e:
        from_neuron(-65)
    assert (e.value.mechanism, e.value.variable, e.value.section) == ("pas", "g", "Cell[0].twig")


def test_a_thousand_segments_take_no_time(h):
    cells = [Cell(h, k) for k in range(90)]
    from_neuron(-65)
    start = time.perf_counter()
    model = from_neuron()
    assert len(model.nodes) > 1000
    assert time.perf_counter() - start < 2  # measured: 0.03 s
    assert cells


# --- the order of mechanisms


def test_execution_order():
    given = "morphology capacitance pas extracellular fastpas IClamp na_ion hh pump ca_ion buffer sk".split()
    writers = ("pump", "buffer")
    kinds = [
        Registered(k, n, ion="_ion" in n, writes_concentration=n in writers) for k, n in enumerate(given)
    ]
    expected = (
        "morphology capacitance pas extracellular na_ion ca_ion buffer pump fastpas IClamp hh sk".split()
    )
    assert [m.name for m in execution_order(kinds)] == expected
    assert [m.name for m in execution_order(reversed(kinds))] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NEURON { SUFFIX a\n USEION ca READ ica WRITE cai\n}", True),
        ("USEION ca READ cai, cao WRITE ica VALENCE 2", False),
        ("USEION na READ ena WRITE ina\nUSEION ca READ ica, cai WRITE cai, cao", True),
        ("COMMENT\nUSEION ca WRITE cai\nENDCOMMENT\n: USEION ca WRITE cai\nUSEION ca WRITE ica", False),
        ("USEION k WRITE ik VALENCE 1", False),
        ("", False),
    ],
)
def test_writes_concentration(text, expected):
    assert writes_concentration(text) is expected


def test_promoted_styles_are_those_of_the_manual():
    assert promoted_style(0, 0, 1) == 8
    assert promoted_style(8, 1, 0) == 1 + 16 + 32
    assert promoted_style(8, 3, 0) == 3 + 4 + 16 + 32 + 64
    assert promoted_style(8 + 128, 3, 0) == 3 + 4 + 16 + 32 + 64 + 128
    assert promoted_style(0, 0, 3) == 24
