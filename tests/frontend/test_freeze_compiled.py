"""Freezing what needs compiled mod files: pointers, gap junctions, and spike times that C code holds.

Compiled mechanisms stay in a process, so each case runs in one of its own: this file as a script.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
MODS = {
    "Junction": """NEURON { POINT_PROCESS Junction RANGE g, i, vgap NONSPECIFIC_CURRENT i }
PARAMETER { g = 0.001 (microsiemens) }
ASSIGNED { v (millivolt) vgap (millivolt) i (nanoamp) }
BREAKPOINT { i = g*(v - vgap) }
""",
    "Graded": """NEURON { POINT_PROCESS Graded RANGE g, i, x NONSPECIFIC_CURRENT i POINTER vpre, other }
PARAMETER { g = 0.001 (microsiemens) }
ASSIGNED { v (millivolt) i (nanoamp) vpre (millivolt) other x[3] }
BREAKPOINT { i = g*(v - vpre)*(1 + other) }
""",
    "near": """NEURON { SUFFIX near RANGE g, i, y NONSPECIFIC_CURRENT i POINTER source }
PARAMETER { g = 0.0001 (S/cm2) }
ASSIGNED { v (millivolt) i (milliamp/cm2) source y }
BREAKPOINT { y = source  i = g*(v - source) }
""",
    "Unsure": """NEURON { THREADSAFE POINT_PROCESS Unsure RANGE n BBCOREPOINTER rng }
ASSIGNED { n rng }
VERBATIM
static void bbcore_write(double* x, int* d, int* xx, int* offset, _threadargsproto_) {}
static void bbcore_read(double* x, int* d, int* xx, int* offset, _threadargsproto_) {}
ENDVERBATIM
INITIAL { n = 0 }
NET_RECEIVE (w) { if (draw() < 0.5) { n = n + w } }
PROCEDURE setRNG() {
VERBATIM
    _p_rng = nrnran123_newstream3((uint32_t) *getarg(1), (uint32_t) *getarg(2), (uint32_t) *getarg(3));
ENDVERBATIM
}
FUNCTION draw() {
VERBATIM
    _ldraw = nrnran123_dblpick((nrnran123_State*) _p_rng);
ENDVERBATIM
}
""",
    "Script": """NEURON {
    THREADSAFE POINT_PROCESS Script RANGE level BBCOREPOINTER vec NONSPECIFIC_CURRENT i
    USEION ca READ eca, cai WRITE ica
}
ASSIGNED { v level i eca cai ica vec }
VERBATIM
static void bbcore_write(double* x, int* d, int* xx, int* offset, _threadargsproto_) {}
static void bbcore_read(double* x, int* d, int* xx, int* offset, _threadargsproto_) {}
ENDVERBATIM
BREAKPOINT { i = 0  ica = 0  level = first() }
FUNCTION first() {
VERBATIM
    IvocVect* values = static_cast<IvocVect*>(_p_vec);
    _lfirst = vector_vec(values)[0];
ENDVERBATIM
}
PROCEDURE set() {
VERBATIM
    _p_vec = vector_arg(1);
ENDVERBATIM
}
""",
    "keyword": """NEURON { SUFFIX keyword RANGE lambda, class GLOBAL pass NONSPECIFIC_CURRENT i }
PARAMETER { lambda = 2 pass = 3 }
ASSIGNED { v i class }
INITIAL { class = lambda + pass }
BREAKPOINT { i = 1e-6*class*lambda*(v + 65) }
""",
    "Lucky": """NEURON { POINT_PROCESS Lucky RANGE n POINTER rng }
ASSIGNED { n rng }
INITIAL { n = 0 }
NET_RECEIVE (w) { n = n + w*draw() }
PROCEDURE setRNG() {
VERBATIM
    _p_rng = nrn_random_arg(1);
ENDVERBATIM
}
FUNCTION draw() {
VERBATIM
    // hoc has called Random.negexp(1)
    _ldraw = nrn_random_pick(static_cast<Rand*>(_p_rng));
ENDVERBATIM
}
""",
    "VecStim": """NEURON { THREADSAFE ARTIFICIAL_CELL VecStim BBCOREPOINTER space }
ASSIGNED { index etime (ms) space }
INITIAL { index = 0  look()  if (index > 0) { net_send(etime - t, 1) } }
NET_RECEIVE (w) {
    if (flag == 1) { net_event(t)  look()  if (index > 0) { net_send(etime - t, 1) } }
}
VERBATIM
static void bbcore_write(double* x, int* d, int* xx, int* offset, _threadargsproto_) {}
static void bbcore_read(double* x, int* d, int* xx, int* offset, _threadargsproto_) {}
ENDVERBATIM
PROCEDURE look() {
VERBATIM
    IvocVect* times = static_cast<IvocVect*>(_p_space);
    int k = (int) index;
    bool more = k >= 0 && times && k < vector_capacity(times);
    if (more) { etime = vector_vec(times)[k]; }
    index = more ? k + 1. : -1.;
ENDVERBATIM
}
PROCEDURE play() {
VERBATIM
    _p_space = vector_arg(1);
    hoc_obj_ref(*vector_pobj(static_cast<IvocVect*>(_p_space)));
ENDVERBATIM
}
""",
    "Early": """NEURON { POINT_PROCESS Early NONSPECIFIC_CURRENT i RANGE tau, i GLOBAL seen }
PARAMETER { tau = 3 }
STATE { A B }
ASSIGNED { v i seen factor other }
INITIAL { factor = 0.7 other = 0.3 }
BREAKPOINT { SOLVE s METHOD cnexp seen = A + B i = other*seen*v }
DERIVATIVE s { A' = -A/tau B' = -B/(2*tau) }
NET_RECEIVE (w) { A = A + w*factor B = B + w factor = factor + 0.1 }
""",
    "Ionic": """NEURON { POINT_PROCESS Ionic USEION k READ ek WRITE ik RANGE tau, ik, g }
PARAMETER { tau = 3 }
ASSIGNED { v g factor ik ek other }
STATE { A }
INITIAL { factor = 0.7 other = 0.3 }
BREAKPOINT { SOLVE s METHOD cnexp g = other*A ik = g*(v - ek) }
DERIVATIVE s { A' = -A/tau }
NET_RECEIVE (w) { A = A + w*factor factor = factor + 0.1 }
""",
    "idle": """NEURON { SUFFIX idle NONSPECIFIC_CURRENT i RANGE g }
PARAMETER { g = 0.001 }
ASSIGNED { v i never }
BREAKPOINT { i = g*(v + 60 - never) }
""",
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    pytest.importorskip("neuron", reason="NEURON is not installed (it has no wheels for this platform)")
    nrnivmodl = shutil.which("nrnivmodl", path=str(Path(sys.executable).parent)) or shutil.which("nrnivmodl")
    if nrnivmodl is None or not (shutil.which("g++") or shutil.which("c++")):
        pytest.skip("needs nrnivmodl and a C++ compiler")
    folder = tmp_path_factory.mktemp("mods")
    for name, text in MODS.items():
        (folder / f"{name}.mod").write_text(text)
    built = subprocess.run([nrnivmodl], cwd=folder, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    return folder


@pytest.mark.parametrize(
    "case",
    [
        "pointers",
        "pointers_that_lead_nowhere",
        "junctions",
        "spike_times",
        "lost_spike_times",
        "streams",
        "streams_of_hoc",
        "vectors",
        "renamed",
        "hidden",
    ],
)
def test_case(compiled, case):
    run = subprocess.run(
        [sys.executable, __file__, str(ROOT), case], cwd=compiled, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert run.stdout.strip().endswith("done")


def build(h):
    a, b = h.Section(name="a"), h.Section(name="b")
    a.nseg, b.nseg = 3, 2
    a.insert("hh")
    b.insert("near")
    return a, b


def named(model, variables):
    def owner(m):
        return "node" if m < 0 else model.mechanisms[m].name

    columns = variables.mechanism.tolist(), variables.index.tolist(), variables.name
    return [(owner(m), k, name) for m, k, name in zip(*columns)]


def pointers(h):
    from heliox.frontend.neuron import from_neuron

    a, b = build(h)
    p, q = h.Graded(a(0.5)), h.Graded(b(0.7))
    p._ref_vpre, p._ref_other = b(0.25)._ref_v, q._ref_x[2]
    q._ref_vpre, q._ref_other = a(1)._ref_v, a(0.5).hh._ref_m
    h.setpointer(a(0)._ref_v, "source", b(0.25).near)
    h.setpointer(a(0.9)._ref_ena, "source", b(0.75).near)
    model = from_neuron(-65)
    found = dict(zip(named(model, model.pointers.of), named(model, model.pointers.to)))
    ena = model.mechanism("na_ion").node.tolist().index(a(0.9).node_index())
    m = model.mechanism("hh").node.tolist().index(a(0.5).node_index())
    assert found == {
        ("near", 0, "source"): ("node", a(0).node_index(), "v"),
        ("near", 1, "source"): ("na_ion", ena, "ena"),
        ("Graded", 0, "vpre"): ("node", b(0.25).node_index(), "v"),
        ("Graded", 1, "vpre"): ("node", a(1).node_index(), "v"),
        ("Graded", 0, "other"): ("Graded", 1, "x[2]"),
        ("Graded", 1, "other"): ("hh", m, "m"),
    }
    same_voltages(h)


def pointers_that_lead_nowhere(h):
    from heliox.frontend.preflight import preflight

    a, b = build(h)
    p, q = h.Graded(a(0.5)), h.Graded(b(0.7))
    values = h.Vector(3)
    p._ref_vpre, p._ref_other = h._ref_celsius, values._ref_x[1]
    q._ref_vpre = b(0.5)._ref_diam
    h.setpointer(a(0)._ref_v, "source", b(0.25).near)
    lost = {(x.mechanism, x.section, x.text) for x in preflight()}
    outside = "a GLOBAL, a hoc variable or an element of a Vector"
    assert lost == {
        ("near", "b", "POINTER source leads to nothing"),
        ("Graded", "a", f"POINTER vpre leads to {outside}"),
        ("Graded", "b", "POINTER vpre leads to diam of morphology, which is no variable of the model"),
        ("Graded", "a", f"POINTER other leads to {outside}"),
        ("Graded", "b", "POINTER other leads to nothing"),
    }, lost


def junctions(h):
    from heliox.frontend.neuron import from_neuron

    a, b = build(h)
    pc, clamp = h.ParallelContext(), h.IClamp(a(0.5))
    clamp.dur, clamp.amp = 5, 3
    ends = [h.Junction(a(0.5)), h.Junction(b(0.7))]
    for k, (place, end) in enumerate(zip((a(0.5), b(0.7)), ends)):
        end.g = 0.5
        pc.source_var(place._ref_v, k, sec=place.sec)
        pc.target_var(end, end._ref_vgap, 1 - k)
    pc.setup_transfer()
    for place in b:
        h.setpointer(a(0)._ref_v, "source", place.near)
    model = from_neuron(-65)
    found = dict(zip(named(model, model.transfers.target), named(model, model.transfers.source)))
    assert found == {
        ("Junction", 0, "vgap"): ("node", b(0.7).node_index(), "v"),
        ("Junction", 1, "vgap"): ("node", a(0.5).node_index(), "v"),
    }
    same_voltages(h)


def same_voltages(h):
    """NEURON's voltages are the same with and without freezes in between."""
    from heliox.frontend.neuron import from_neuron

    places = [place for section in h.allsec() for place in section.allseg()]
    runs = []
    for frozen_at in ((), (0, 20)):
        h.finitialize(-65)
        rows = []
        for k in range(60):
            if k in frozen_at:
                from_neuron()
            h.fadvance()
            rows.append([place.v for place in places])
        runs.append(rows)
    assert runs[0] == runs[1]


def stimuli(h, times):
    kept = [h.VecStim() for _ in times]
    vectors = [h.Vector(t) for t in times]
    for stim, vector in zip(kept, vectors):
        stim.play(vector)
    section = h.Section(name="s")
    synapse = h.ExpSyn(section(0.5))
    connections = [h.NetCon(stim, synapse) for stim in kept]
    spikes = [h.Vector() for _ in kept]
    for connection, vector in zip(connections, spikes):
        connection.record(vector)
    return kept, vectors, spikes, (section, synapse, connections)


def spike_times(h):
    from heliox.frontend.neuron import from_neuron

    times = [[1.0, 2.0, 3.5], [], [0.5, 4.0, 7.0, 8.0], [0.25]]
    kept, vectors, spikes, rest = stimuli(h, times)
    alone = h.VecStim()
    runs = []
    for frozen_at in ((), (0, 68)):
        h.finitialize(-65)
        for k in range(360):
            if k in frozen_at:
                mechanism = from_neuron().mechanism("VecStim")
                lists = mechanism.lists["spike_times"]
                assert [lists.values[i:j].tolist() for i, j in zip(lists.ptr, lists.ptr[1:])] == [*times, []]
                index = [1, -1, 1, 1, -1] if k == 0 else [2, -1, 2, -1, -1]
                assert mechanism.values["index"].tolist() == index
                assert mechanism.values["etime"].tolist()[0] == (1.0 if k == 0 else 2.0)
            h.fadvance()
        runs.append([s.to_python() for s in spikes])
    assert runs[0] == runs[1] == times
    assert [v.to_python() for v in vectors] == times
    assert kept and alone and rest


def lost_spike_times(h):
    from heliox.frontend.preflight import preflight

    kept, vectors, _, rest = stimuli(h, [[1.0, 2.0], [5.0]])
    h.finitialize(-65)
    assert preflight()
    vectors[0].x[0] = 1.5
    (problem,) = preflight()
    assert problem.kind == "vector" and problem.mechanism == "VecStim"
    assert f"{kept[0].hname()} waits for a spike that is not in its Vector" in problem.text
    assert rest


def streams(h):
    """Random123 streams behind pointers of C code, where each stands."""
    from heliox.frontend.neuron import from_neuron
    from heliox.frontend.preflight import preflight

    section = h.Section(name="s")
    synapses = [h.Unsure(section(0.5)) for _ in range(3)]
    for k, synapse in enumerate(synapses[:2]):
        synapse.setRNG(k, 20 + k, 300 + k)
    h.finitialize(-65)
    (problem,) = preflight()
    assert (problem.kind, problem.mechanism, problem.section) == ("random stream", "Unsure", "s")
    assert "not set" in problem.text and "RANDOM rng" in problem.mend
    synapses[2].setRNG(7, 8, 9)
    connection = h.NetCon(None, synapses[1])
    h.finitialize(-65)
    for k in range(5):
        connection.event(0.1 * k)
    while h.t < 1:
        h.fadvance()
    rng = from_neuron().mechanism("Unsure").values["rng"]
    numbers = [int(s.hname().partition("[")[2][:-1]) for s in synapses]
    order = [numbers.index(n) for n in from_neuron().mechanism("Unsure").number]
    assert rng[np.argsort(order)].tolist() == [[0, 20, 300, 0], [1, 21, 301, 5], [7, 8, 9, 0]]


def streams_of_hoc(h):
    """Random objects behind pointers: Random123 generators, and the distribution that the mod file names."""
    from heliox.frontend.neuron import from_neuron
    from heliox.frontend.preflight import preflight

    def refusal():
        (problem,) = preflight()
        assert problem.kind == "random stream"
        return problem.text

    section = h.Section(name="s")
    lucky, randoms = [h.Lucky(section(0.5)) for _ in range(2)], [h.Random(), h.Random()]
    for point, random in zip(lucky, randoms):
        point.setRNG(random)
        random.MCellRan4(1, 2)
    assert "is no Random123 generator" in refusal()
    for k, random in enumerate(randoms):
        random.Random123(k, 20, 300)
        random.uniform(0, 1)
    assert "another distribution" in refusal()
    for random in randoms:
        random.negexp(1)
        random.seq(40)
    randoms[1].seq(6)
    first = from_neuron().mechanism("Lucky")
    order = np.argsort(first.number)
    assert first.values["rng"][order].tolist() == [[0, 20, 300, 40], [1, 20, 300, 6]]
    assert [random.seq() for random in randoms] == [40, 6]
    lucky[0].setRNG(randoms[1])
    assert "several instances share it" in refusal()


def vectors(h):
    from heliox.frontend.neuron import from_neuron

    section, times = h.Section(name="s"), h.Vector([4, 5])
    kept = [h.Vector([1, 2, 3]), times, h.Vector([6])]
    scripts = [h.Script(section(0.5)) for _ in kept]
    for script, vector in zip(scripts, kept):
        script.set(vector)
    mechanism = from_neuron(-65).mechanism("Script")
    lists = mechanism.lists["vec"]
    first = mechanism.number.min()
    for k, number in enumerate(mechanism.number):
        assert lists.values[lists.ptr[k] : lists.ptr[k + 1]].tolist() == kept[number - first].to_python()


def renamed(h):
    """Variables whose names Python does not allow."""
    from heliox.frontend.neuron import from_neuron

    section = h.Section(name="s")
    section.nseg = 3
    section.insert("keyword")
    h.pass_keyword = 4.0
    for k, segment in enumerate(section):
        setattr(segment.keyword, "lambda", 10.0 + k)
    values, times = h.Vector([1, 2]), h.Vector([5, 6])
    values.play(section(0.5).keyword._ref_lambda, times)
    model = from_neuron(-65)
    mechanism = model.mechanism("keyword")
    assert sorted(v.tolist() for n, v in mechanism.values.items() if n != "i") == [[10, 11, 12], [14, 15, 16]]
    assert list(mechanism.globals.values()) == [4.0]
    ((owner, k, name),) = named(model, model.plays.target)
    assert (owner, k) == ("keyword", 1) and mechanism.values[name][1] == 11


def hidden(h):
    """Variables that NEURON does not show, wherever a mod file declares them."""
    from heliox.frontend.neuron import from_neuron

    section = h.Section(name="s")
    section.insert("idle")
    points = [make(section(0.5)) for make in (h.Early, h.Ionic) for _ in range(2)]
    cons = [h.NetCon(None, p) for p in points]
    h.finitialize(-60)
    for k, con in enumerate(cons):
        con.weight[0] = 0.01
        for event in range(k):
            con.event(0.1 * event)
    while h.t < 1:
        h.fadvance()
    model = from_neuron()
    for name, counts in (("Early", [0, 1]), ("Ionic", [2, 3])):
        values = model.mechanism(name).values
        assert sorted(values["factor"]) == pytest.approx([0.7 + 0.1 * n for n in counts], rel=1e-12)
        assert list(values["other"]) == [0.3, 0.3]
    assert "never" not in model.mechanism("idle").values


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    from neuron import h as session  # loads the mechanisms compiled in this folder

    globals()[sys.argv[2]](session)
    print("done")
