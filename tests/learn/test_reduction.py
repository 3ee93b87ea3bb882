"""Reduced trees beside full ones: random trees solved densely, the engine, NEURON's human cell; refusals."""

import numpy as np
import pytest

import heliox
from heliox import learn
from heliox.errors import ModelError, NumericalError, UnsupportedError
from heliox.model.names import Names

DT, DURATION = 0.25, 40.0


def random_tree(seed, e=0.0, v_init=0.0):
    """Soma with 12 branches of random length, thickness and place."""
    r = np.random.default_rng(seed)
    cell = heliox.Cell(v_init=v_init)
    cell.add_section("soma", L=20.0, diam=18.0)
    for k in range(12):
        parent = "soma" if k < 3 else f"dend[{r.integers(k)}]"
        diam = r.uniform(0.5, 3.0)
        cell.add_section(f"dend[{k}]", L=r.uniform(50.0, 200.0), diam=diam, nseg=5, connect=f"{parent}(1)")
    cell.insert("pas", g=r.uniform(2e-5, 2e-4), e=e)
    cell.set(cm=r.uniform(0.5, 1.5), Ra=r.uniform(100.0, 250.0))
    if e:
        cell.set("dend", e_pas=e + 5.0)
    return cell


def full(model, current, v0=None):
    """Voltages (steps + 1, nodes) under currents (steps, nodes) nA, solved densely as NEURON writes them."""
    n, nodes = model.nodes, np.arange(len(model.nodes))
    inner = nodes[n.parent >= 0]
    J = np.zeros((len(nodes), len(nodes)))  # mA/cm2 a mV
    np.add.at(J, (inner, inner), -n.b[inner])
    np.add.at(J, (n.parent[inner], n.parent[inner]), -n.a[inner])
    J[inner, n.parent[inner]] += n.b[inner]
    J[n.parent[inner], inner] += n.a[inner]
    pas, cm = model.mechanism("pas"), model.mechanism("capacitance")
    J[pas.node, pas.node] += pas.values["g"]
    drive = np.zeros(len(nodes))
    drive[pas.node] = pas.values["g"] * pas.values["e"]
    c = np.zeros(len(nodes))
    c[cm.node] = 1e-3 * cm.values["cm"] / DT
    v = [n.v if v0 is None else v0]
    inverse = np.linalg.inv(J + np.diag(c))
    for i in current:
        v.append(inverse @ (c * v[-1] + drive + 100.0 * i / n.area))
    return np.array(v)


def courses(reduced, current):
    """Voltages (steps + 1, outputs) of the small system."""
    x = reduced.start
    v = [reduced.read(x)]
    for i in current:
        x = reduced.step(x, i)
        v.append(reduced.read(x))
    return np.array(v)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tol", [1e-3, 1e-9])
def test_any_current_anywhere(seed, tol):
    model = random_tree(seed).model()
    reduced = learn.reduce(model, tol, duration=DURATION, dt=DT)
    steps = int(DURATION / DT)
    assert reduced.worst <= tol and reduced.rank < len(model.nodes) // 2 and reduced.start_error.size == 0
    assert (reduced.decay >= 0.0).all() and (reduced.decay < 1.0).all()
    current = np.zeros((steps, len(model.nodes)))
    current[:, reduced.inputs] = np.random.default_rng(seed).normal(size=(steps, len(reduced.inputs)))
    got, wanted = courses(reduced, current[:, reduced.inputs]), full(model, current)[:, reduced.outputs]
    bound = tol * np.abs(current).max() * np.abs(reduced.impulse(steps)).sum(axis=(0, 2))
    assert (np.abs(got - wanted) <= 1.1 * bound).all()


def test_impulse_responses_are_the_tree_s_and_the_error_is_their_difference():
    model = random_tree(7).model()
    reduced = learn.reduce(model, 1e-4, inputs=["dend[3]", "dend[9]"], duration=DURATION, dt=DT)
    steps = int(DURATION / DT)
    found = reduced.impulse(steps)
    for k, node in enumerate(reduced.inputs):
        current = np.zeros((steps, len(model.nodes)))
        current[0, node] = 1.0
        h = full(model, current)[1:, reduced.outputs[0]]
        error = np.abs(found[:, 0, k] - h).sum() / np.abs(h).sum()
        assert error == pytest.approx(reduced.error[0, k], rel=1e-6, abs=1e-13)
    assert "10 places to 1" in repr(reduced)


@pytest.mark.parametrize(
    ("inputs", "outputs"), [("dend[5](0.5)", ["soma", "dend[1]", "dend[8]"]), (None, "dend[2]")]
)
def test_several_places_that_are_read(inputs, outputs):
    model = random_tree(3).model()
    reduced = learn.reduce(model, 1e-6, inputs=inputs, outputs=outputs, duration=DURATION, dt=DT)
    current = np.zeros((160, len(model.nodes)))
    current[:, reduced.inputs] = 1.0
    got, wanted = courses(reduced, current[:, reduced.inputs]), full(model, current)[:, reduced.outputs]
    np.testing.assert_allclose(got, wanted, atol=2e-6 * np.abs(wanted).max())


def test_rest_and_start_that_differ():
    model = random_tree(5, e=-70.0, v_init=-50.0).model()
    reduced = learn.reduce(model, 1e-8, inputs="soma", duration=DURATION, dt=DT)
    assert reduced.start_error.shape == (1, 1) and reduced.start_error.max() <= 1e-8
    current = np.zeros((160, len(model.nodes)))
    got, wanted = courses(reduced, current[:, reduced.inputs]), full(model, current)[:, reduced.outputs]
    assert got[0, 0] == pytest.approx(-50.0, abs=1e-4) and -70.0 < reduced.rest[0] < -65.0
    np.testing.assert_allclose(got[1:], wanted[1:], atol=1e-5)


def test_of_one_step_with_the_engine():
    model = random_tree(1).model().with_point("IClamp", "dend[4](0.5)", delay=1.0, dur=20.0, amp=0.1)
    reduced = learn.reduce(model, 1e-10, duration=DURATION, dt=DT)
    assert reduced.inputs.tolist() == model.mechanism("IClamp").node.tolist()
    sim = heliox.Simulation(model, dt=DT, progress=False)
    v = sim.record("soma(0.5).v")
    sim.run(DURATION)
    t = DT * np.arange(160) + 0.5 * DT
    current = np.where((t >= 1.0) & (t < 21.0), 0.1, 0.0)[:, None]
    np.testing.assert_allclose(courses(reduced, current)[:, 0], v.values, atol=1e-9)


def test_the_human_cell_as_neuron_ran_it(shared):
    from heliox.cells import layer23

    cell = layer23.hpc(shared / "hpc" / "segments.csv", active=False)
    cell.set(cm=1.5)
    assert learn.reduce(cell, 1e-6, inputs="dend*", duration=50.0, dt=DT).rank <= 20
    places = ["soma(0.5)", "dend[16]"]
    reduced = learn.reduce(cell, 1e-9, inputs="soma(0.5)", outputs=places, duration=200.0, dt=DT)
    assert reduced.rank <= 60 and reduced.compartments == 1263
    t = DT * np.arange(800) + 0.5 * DT
    found = courses(reduced, np.where((t >= 10.0) & (t < 110.0), 0.1, 0.0)[:, None])
    with np.load(shared / "hpc" / "reference.npz") as reference:
        np.testing.assert_allclose(found[:, 0], reference["passive_mnist_v_soma"], atol=1e-8)
        far = reduced.outputs.tolist().index(Names(cell.model()).node("dend[16](0.9615)"))
        np.testing.assert_allclose(found[:, far], reference["passive_mnist_v_basal_far"], atol=1e-8)


def test_what_is_not_linear_is_named():
    cell = random_tree(0)
    cell.insert("hh", where="soma")
    with pytest.raises(UnsupportedError, match=r"hh \(density\) is no leak") as e:
        learn.reduce(cell, 1e-3, duration=DURATION)
    assert any("hh" in p for p in e.value.problems)
    model = random_tree(0).model()
    with pytest.raises(UnsupportedError, match="ExpSyn is a conductance"):
        learn.reduce(model.with_point("ExpSyn", "soma(0.5)"), 1e-3, duration=DURATION)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"tol": 0.0}, ModelError, "tol is 0"),
        ({"duration": 0.1, "dt": DT}, ModelError, "at least one step"),
        ({"outputs": "axon(0.5)"}, ModelError, "axon"),
        ({"rank": 2}, NumericalError, "2 exponentials leave an error of .*allow a higher rank"),
        ({"tol": 1e-17}, NumericalError, "more do not help"),
    ],
)
def test_what_cannot_be_reduced(change, error, says):
    given = {"tol": 1e-3, "duration": DURATION, **change}
    with pytest.raises(error, match=says):
        learn.reduce(random_tree(0).model(), **given)
    bare = heliox.Cell()
    bare.add_section("soma", L=10.0, diam=10.0)
    with pytest.raises(ModelError, match="no leak: insert pas"):
        learn.reduce(bare, 1e-3, duration=DURATION)
