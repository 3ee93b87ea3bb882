"""Gradients by diameters, lengths and resistivities: finite differences, tangents, NEURON built anew."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import heliox
from heliox import learn
from heliox.errors import ModelError, UnsupportedError
from heliox.learn.geometry import Geometry
from heliox.model.model import Model
from heliox.model.names import Names
from tests.gradients.models import tree, untabled
from tests.learn.made import same

MODS = Path(__file__).parents[1] / "nmodl" / "mods"
PLAIN = ["cm", "ExpSyn.tau"]  # beside geometry; the same everywhere, so that one module serves most tests
BY: list[str | learn.Parameter] = ["diam", "L", "Ra", *PLAIN]
EXACT = 1e-6  # of the largest component of a group
DURATION = 4.0


def model(hh: bool = True, secondorder: int = 0) -> Model:
    """A branched cell with synapses, a current and a voltage clamp."""
    net = heliox.Network()
    net.add(tree(hh), None, name="")
    net.place("ExpSyn", "b1(0.5)", tau=2.0, e=-10.0)
    net.place("AlphaSynapse", "b1(0.5)", onset=1.0, tau=0.5, gmax=0.001)
    net.place("Exp2Syn", "b2(1)", tau1=0.5, tau2=3.0)
    net.place("IClamp", "soma(0.5)", delay=0.5, dur=10, amp=0.05)
    net.place("SEClamp", "dend(0.2)", rs=20.0, dur1=1e9, amp1=-60.0)
    stimulus = net.stim("NetStim", start=0.5, interval=1.0, number=5)
    net.connect(stimulus, "ExpSyn[0]", weight=0.002, delay=0.3)
    net.connect(stimulus, "Exp2Syn[0]", weight=0.003, delay=0.31)
    made = net.model()
    return untabled(made.replace(settings=dataclasses.replace(made.settings, secondorder=secondorder)))


def problem(m: Model, by=BY, batch: int = 1, loss=None, **options) -> learn.Problem:
    sim = heliox.Simulation(m, batch=batch, progress=False)
    given = {"tangent": True, "progress": False, "through": "initialize", "v_init": -65.0} | options
    return learn.Problem(sim, loss or learn.mse("v", -60.0), by, DURATION, **given)


def agree(p: learn.Problem, values=None) -> learn.Gradient:
    """The gradient equals finite differences, and tangents along random directions."""
    g = p.gradient(values)
    same(g, learn.FiniteDifference().gradient(p, values), EXACT)
    rng = np.random.default_rng(1)
    for _ in range(2):
        u = {n: rng.normal(size=x.shape) for n, x in g.gradient.items()}
        _, along = p.jvp(u, values)
        expected = np.sum([(u[n] * x).sum(axis=-1) for n, x in g.gradient.items()], axis=0)
        np.testing.assert_allclose(along, expected, rtol=1e-11)
    return g


@pytest.mark.parametrize(("hh", "secondorder"), [(True, 0), (False, 2)])
def test_branched_cell_with_synapses_and_clamps(hh, secondorder):
    p = problem(model(hh, secondorder))
    g = agree(p)
    assert g["diam"].shape == (12,) and g["L"].shape == g["Ra"].shape == (4,)
    here = p.values
    agree(p, {"diam": 1.2 * here["diam"], "L": 0.9 * here["L"], "Ra": [50.0, 90.0, 150.0, 35.4]})


def test_through_reset_and_some_places():
    by = [
        learn.Parameter("diam", where="dend", tied=True, lower=0.5, upper=5.0),
        learn.Parameter("diam", where="b1(0.5)"),
        learn.Parameter("L", where=["b1", "b2"], lower=1.0),
        learn.Parameter("Ra", tied=True),
        *PLAIN,
    ]
    p = problem(model(), by, through="reset", v_init=None)
    g = agree(p)
    assert [x.shape for x in g.gradient.values()] == [(1,), (1,), (2,), (1,), (12,), (1,)]
    assert p.trained[2].variable.names == ["b1.L", "b2.L"]
    value, _ = p.value_and_gradient(p.x)
    np.testing.assert_allclose(value, g.value, rtol=1e-12)  # by way of a logarithm
    whole = problem(model(), ["diam", "Ra", *PLAIN], through="reset", v_init=None).gradient()
    np.testing.assert_allclose(g["diam of dend"], whole["diam"][3:6].sum(), rtol=1e-12)
    np.testing.assert_allclose(g["Ra"], whole["Ra"].sum(), rtol=1e-12)


def test_mechanisms_that_read_area_and_diameter():
    """Currents of ions are densities of a pool, so that the area acts on what they become there."""
    c = tree(hh=False)
    for n in ("calcium", "buffer"):
        c.insert(heliox.load_mod(MODS / f"{n}.mod"))
    heliox.load_mod(MODS.parents[1] / "learn" / "mods" / "inflow.mod")
    for place in ("b1(0.5)", "b1(0.5)", "dend(0.9)"):
        c.place("inflow", place)
    c.place("IClamp", "soma(0.5)", delay=0.5, dur=10, amp=0.1)
    loss = learn.mse("v", -60.0) + 1e6 * learn.mse("cai", 1e-3, where="b1") + learn.mse("inflow.i", 0.1)
    p = problem(untabled(c.model()), ["diam", "L", "Ra", "inflow.g"], loss=loss)
    agree(p)


def test_members_have_a_geometry_of_their_own():
    p, one = problem(model(), batch=3), problem(model())
    here = p.values
    scale = np.array([0.8, 1.0, 1.1])[:, None]
    values = {"diam": scale * here["diam"], "L": here["L"] / scale, "Ra": scale * here["Ra"]}
    g = p.gradient(values)
    for b in range(3):
        alone = one.gradient({n: x[b] for n, x in values.items()})
        assert alone.value[0] == g.value[b]
        for name, x in alone.gradient.items():
            np.testing.assert_array_equal(x, g[name][b])
    assert len(set(g.value.tolist())) == 3


def test_the_model_of_a_geometry():
    """It runs to the same numbers, with the frozen values it is the frozen one, and areas are those of cells
    built so."""
    m = model()
    p = problem(m, through="reset", v_init=None)
    for n in ("a", "b", "area", "diam"):
        np.testing.assert_array_equal(getattr(p.model().nodes, n), getattr(m.nodes, n))
    values = {"diam": 1.1 * p.values["diam"], "L": 1.3 * p.values["L"], "Ra": [50.0, 100.0, 150.0, 20.0]}
    new = p.model(values)
    sim = heliox.Simulation(new, progress=False)
    v = sim.record("v")
    sim.run(DURATION)
    np.testing.assert_allclose(((v.values + 60.0) ** 2).mean(), p.value(values), rtol=1e-13)
    built = heliox.Cell()
    for k, name in enumerate(("soma", "dend", "b1", "b2")):
        at = {} if k == 0 else {"connect": ("", "soma(1)", "dend(1)", "dend(0.5)")[k]}
        L, diam = ((20.0, 20.0), (200.0, 2.0), (100.0, 1.0), (100.0, 1.0))[k]
        built.add_section(name, L=1.3 * L, diam=1.1 * diam, Ra=values["Ra"][k], nseg=3, **at)
    theirs = built.model()
    order = [Names(theirs).node(x) for x in Names(new).locations(range(len(new.nodes)))]
    for n in ("a", "b", "area", "diam"):
        np.testing.assert_allclose(getattr(new.nodes, n), getattr(theirs.nodes, n)[order], rtol=1e-14)


def test_tapering_dendrites():
    """Formulas transposed, where diameters differ along a section; random numbers everywhere."""
    m = model()
    rng = np.random.default_rng(5)
    nodes = dataclasses.replace(
        m.nodes, diam=np.where(m.nodes.diam > 0, rng.uniform(0.5, 3, len(m.nodes)), 0)
    )
    f = Geometry(m.replace(nodes=nodes))
    given = {
        "diam": nodes.diam[None] * rng.uniform(0.8, 1.2, (2, len(nodes))),
        "L": m.sections.L * rng.uniform(0.8, 1.2, (2, 4)),
        "Ra": m.sections.Ra * rng.uniform(0.8, 1.2, (2, 4)),
    }
    at = given | f.columns(**given)
    dots = {n: rng.normal(size=x.shape) * (x > 0) for n, x in given.items()}
    bars = {n: rng.normal(size=at[n].shape) for n in ("a", "b", "area", "diam")}
    forward, back = f.tangents(at, dots), f.adjoints(at, bars)
    left = sum((forward[n] * bars[n]).sum() for n in bars)
    right = sum((back[n] * dots[n]).sum() for n in dots)
    assert abs(left - right) < 1e-13 * sum(np.abs(forward[n] * bars[n]).sum() for n in bars)
    h = 1e-6
    up, down = (f.columns(**{n: x + s * dots[n] for n, x in given.items()}) for s in (h, -h))
    for n, x in forward.items():
        np.testing.assert_allclose((up[n] - down[n]) / (2 * h), x, atol=1e-8 * np.abs(x).max())


def test_what_no_geometry_is():
    m = model()
    with pytest.raises(UnsupportedError, match="areas follow"):
        problem(m, "area")
    with pytest.raises(ModelError, match="only segments"):
        problem(m, learn.Parameter("diam", where="dend(1)"))
    with pytest.raises(ModelError, match="in part the same"):
        problem(m, ["L", learn.Parameter("L", where="soma")])
    with pytest.raises(ModelError, match="positive"):
        problem(m).value({"Ra": -1.0})


# --- NEURON, built anew with other numbers


def neuron_loss(h, values: dict[str, float], t: np.ndarray) -> float:
    """Mean of (v + 60)**2 in the soma and in the middle of b1, of the cell of `model` without tables."""
    sections = {n: h.Section(name=n) for n in ("soma", "dend", "b1", "b2")}
    for name, s in sections.items():
        s.nseg = 3
        s.L, s.diam, s.Ra = (values[f"{name}.{n}"] for n in ("L", "diam", "Ra"))
        s.insert("hh" if name in ("soma", "dend") else "pas")
    h.usetable_hh = 0
    soma, dend, b1, b2 = sections.values()
    dend.connect(soma(1))
    b1.connect(dend(1))
    b2.connect(dend(0.5))
    synapse, alpha, slow = h.ExpSyn(b1(0.5)), h.AlphaSynapse(b1(0.5)), h.Exp2Syn(b2(1))
    synapse.tau, synapse.e = 2.0, -10.0
    alpha.onset, alpha.tau, alpha.gmax = 1.0, 0.5, 0.001
    slow.tau1, slow.tau2 = 0.5, 3.0
    clamp, fixed = h.IClamp(soma(0.5)), h.SEClamp(dend(0.2))
    clamp.delay, clamp.dur, clamp.amp = 0.5, 10, 0.05
    fixed.rs, fixed.dur1, fixed.amp1 = 20.0, 1e9, -60.0
    stimulus = h.NetStim()
    stimulus.start, stimulus.interval, stimulus.number, stimulus.noise = 0.5, 1.0, 5, 0
    first, second = h.NetCon(stimulus, synapse), h.NetCon(stimulus, slow)
    first.weight[0], first.delay = 0.002, 0.3
    second.weight[0], second.delay = 0.003, 0.31
    traces = [h.Vector().record(x._ref_v) for x in (soma(0.5), b1(0.5))]
    h.dt, h.celsius = 0.025, 6.3
    h.finitialize(-65.0)
    for _ in range(len(t) - 1):
        h.fadvance()
    return float(((np.array([x.to_python() for x in traces]) + 60.0) ** 2).mean())


def test_neuron_built_with_other_numbers(h):
    """Richardson's secants of NEURON, rebuilt four times for each number: 1e-6 of the largest of a group."""
    m = model()
    m = m.replace(settings=dataclasses.replace(m.settings, celsius=6.3))
    loss = learn.mse("v", -60.0, where=["soma(0.5)", "b1(0.5)"])
    names = ("soma", "dend", "b1", "b2")
    by = [learn.Parameter("diam", where=n, tied=True) for n in names]
    p = problem(m, [*by, "L", "Ra", *PLAIN], loss=loss)
    g = p.gradient()
    here = {f"{n}.L": x for n, x in zip(names, p.values["L"], strict=True)}
    here |= {f"{n}.Ra": x for n, x in zip(names, p.values["Ra"], strict=True)}
    here |= {f"{n}.diam": float(p.values[f"diam of {n}"][0]) for n in names}
    assert neuron_loss(h, here, p.t) == pytest.approx(g.value[0], rel=1e-9)
    mine = {
        "diam": np.array([g[f"diam of {n}"][0] for n in names]), "L": g["L"], "Ra": g["Ra"],
    }  # fmt: skip
    for kind, x in mine.items():
        secants = []
        for n in names:
            name = f"{n}.{kind}"

            def central(step, name=name):
                up, down = (neuron_loss(h, here | {name: here[name] * (1 + s)}, p.t) for s in (step, -step))
                return (up - down) / (2 * step * here[name])

            secants.append((4.0 * central(5e-4) - central(1e-3)) / 3.0)
        assert np.abs(x - secants).max() <= EXACT * np.abs(secants).max(), kind
