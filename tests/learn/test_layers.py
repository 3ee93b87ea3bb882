"""Layers become a model; rules learn from it: exactly what they say, with the same bits everywhere."""

import numpy as np
import pytest

import heliox
from heliox import learn
from heliox.errors import ModelError, UnsupportedError
from tests.learn.layered import loss, net, samples, tree

X, Y = samples()


def start(n=None):
    return np.concatenate([p.initial for p in (n or net()).parameters])


def bound(rule, batch=4, **options):
    return rule.bind(net(), loss(), batch, **{"device": "cpu", "threads": 1, **options})


@pytest.fixture(scope="module")
def transfer():
    return bound(learn.TransferResistance())


@pytest.fixture(scope="module")
def adjoint():
    return bound(learn.Adjoint())


def test_a_sequential_is_an_ordinary_model(tmp_path):
    model = net().model
    model.save(tmp_path / "net.h5")
    assert heliox.load(tmp_path / "net.h5").hash == model.hash
    assert len(model.mechanism("GradedSyn")) == 8 * 6 + 6 + 6 * 4 + 4 + 4 * 3 + 3
    assert model.sections.name[0] == "input[0].soma"
    assert "layer2[3].dend[1]" in model.sections.name
    assert len(model.transfers) == 8 * 6 + 6 * 4 + 4 * 3


def test_weights_are_glorots_and_seeded():
    w = net().layers[1].weights.initial
    limit = np.sqrt(6.0 / (8 + 6))
    assert np.abs(w).max() <= limit and np.abs(w).max() > 0.8 * limit
    assert not net().layers[1].bias.initial.any()
    again = learn.Sequential(learn.Encoder(8), learn.Dense(6, tree(), places="dend"), seed=1)
    np.testing.assert_array_equal(again.layers[0].soma, np.unique(again.layers[0].soma))
    assert not np.array_equal(net(2).layers[1].weights.initial, w)


def test_gains_make_weights_of_order_one():
    """Without spread of the resistances a steady soma has the weighted sum of what comes in."""
    layer = net().layers[1]
    assert layer.ratio.max() * layer.ratio.min() == pytest.approx(1.0)
    soma = learn.Sequential(
        learn.Encoder(2, learn.GradedCode()), learn.Dense(1), duration=200.0, window=(190, 200)
    )
    trainer = learn.Trainer(
        soma, loss=learn.SquaredError(), rule=learn.TransferResistance(), optimizer=learn.SGD(0.1), batch=1,
        device="cpu", progress=False,
    )  # fmt: skip
    trainer.x = [0.5, -0.25, 0.125]
    assert trainer.predict([[0.8, 0.4]])[0, 0] == pytest.approx(0.5 * 0.8 - 0.25 * 0.4 + 0.125, rel=1e-6)


def test_the_rule_of_transfer_resistances_is_its_formula(transfer):
    x = start()
    out = transfer.learn(x, X[:4], Y[:4])
    v = [transfer.forward.traces(k)[: transfer.steps] for k in range(4)]
    z = np.exp(v[3])
    error = np.eye(3)[Y[:4]] - z / z.sum(axis=2, keepdims=True)
    at, expected = len(x), []
    for k in (3, 2, 1):
        layer = net().layers[k]
        n = layer.ratio.size
        at -= n + layer.n
        w = x[at : at + n].reshape(layer.ratio.shape)
        weights = layer.ratio * np.einsum("tbi,tbj->ij", np.maximum(v[k - 1], 0.0), error)
        expected[:0] = [weights.ravel(), error.sum(axis=(0, 1))]
        error = np.where(v[k - 1] > 0.0, error @ (layer.ratio * w).T, 0.0)
    expected = -np.concatenate(expected) / (4 * transfer.steps)
    np.testing.assert_allclose(out.gradient, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_lag_and_twice_are_what_they_say(transfer):
    x = start()
    plain = transfer.learn(x, X[:4], Y[:4]).gradient
    try:
        transfer.rule = learn.TransferResistance(twice=True)
        np.testing.assert_array_equal(transfer.learn(x, X[:4], Y[:4]).gradient, 2.0 * plain)
        transfer.rule = learn.TransferResistance(lag=True)
        lagged = transfer.learn(x, X[:4], Y[:4]).gradient
    finally:
        transfer.rule = learn.TransferResistance()
    assert 0.0 < np.abs(lagged - plain).max() < 0.2 * np.abs(plain).max()


@pytest.mark.parametrize("rule", ["transfer", "adjoint"])
def test_a_sample_has_the_same_bits_at_any_place_of_a_batch(rule, request):
    learner, x = request.getfixturevalue(rule), start()
    one = learner.learn(x, X[:1], Y[:1])
    last = learner.learn(x, X[[3, 2, 1, 0]], Y[[3, 2, 1, 0]])
    assert last.readout[3].tobytes() == one.readout[0].tobytes()
    assert last.loss[3] == one.loss[0]
    pair = learner.learn(x, X[[0, 0]], Y[[0, 0]])
    np.testing.assert_array_equal(pair.gradient, one.gradient)


def test_bits_depend_neither_on_threads_nor_on_the_device(transfer):
    x = start()
    here = transfer.learn(x, X[:4], Y[:4])
    for options in ({"threads": 2}, {"device": "emulated", "threads": None}):
        there = bound(learn.TransferResistance(), **options).learn(x, X[:4], Y[:4])
        assert there.gradient.tobytes() == here.gradient.tobytes(), options
        assert there.readout.tobytes() == here.readout.tobytes()


def test_the_adjoint_is_the_gradient_of_the_loss(adjoint):
    rng = np.random.default_rng(1)
    x = start()
    x += 0.05 * rng.standard_normal(len(x))
    out = adjoint.learn(x, X[:2], Y[:2])
    along = rng.standard_normal(len(x))
    h = 1e-5
    above, below = (adjoint.learn(x + s * h * along, X[:2], Y[:2]).loss.mean() for s in (1.0, -1.0))
    assert out.gradient @ along == pytest.approx((above - below) / (2.0 * h), rel=1e-6)


def test_both_rules_point_the_same_way(transfer, adjoint):
    x = start()
    a, b = (r.learn(x, X[:4], Y[:4]).gradient for r in (transfer, adjoint))
    at = 0
    for p in net().parameters:
        u, v = a[at : at + len(p)], b[at : at + len(p)]
        assert u @ v > 0.8 * np.linalg.norm(u) * np.linalg.norm(v), p.name
        at += len(p)


def test_any_model_is_trained_by_its_adjoint_and_by_differences():
    cell = tree()
    cell.place("IClamp", "soma(0.5)", dur=1e9)
    network = learn.Network(
        cell.model(dt=0.25), learn.Parameter("pas.g", lower=1e-6, upper=1e-2, tied=True), "v", "IClamp.amp",
        where="soma(0.5)", duration=10.0, window=(5.0, 10.0), v_init=0.0,
    )  # fmt: skip
    x = np.array([p.initial for p in network.parameters]).ravel()
    currents, goal = np.array([[0.01], [0.02]]), np.array([[0.5], [1.0]])
    found = {}
    for rule in (learn.Adjoint(), learn.FiniteDifference()):
        learner = rule.bind(network, learn.SquaredError(), 2, device="cpu", threads=1)
        found[type(rule)] = learner.learn(x, currents, goal).gradient
    np.testing.assert_allclose(found[learn.Adjoint], found[learn.FiniteDifference], rtol=1e-6)
    both = dict(where="soma(0.5)", duration=10.0, window=(5.0, 10.0))
    with pytest.raises(ModelError, match="is trained, and samples set it too"):
        learn.Network(cell.model(dt=0.25), "IClamp.amp", "v", "IClamp.amp", **both)
    with pytest.raises(ModelError, match="holds no sample"):
        learn.Network(cell.model(dt=0.25), "pas.g", "v", "IClamp.amp", **{**both, "window": (5.05, 5.2)})
    with pytest.raises(UnsupportedError, match="needs the layers of a Sequential"):
        learn.TransferResistance().bind(network, learn.SquaredError(), 2)


def test_spiking_layers_learn_through_a_surrogate():
    spiking = learn.Sequential(
        learn.Encoder(4), learn.Dense(3, synapse=learn.Spiking(0.002, tau=5.0, e=1.0), bias=False),
        learn.Dense(2, synapse=learn.Spiking(0.002, e=1.0, threshold=0.3, delay=0.5), bias=False),
        duration=30.0, window=(15.0, 30.0), seed=2,
    )  # fmt: skip
    with pytest.raises(UnsupportedError, match="layer 1 has none"):
        learn.TransferResistance().bind(spiking, loss(), 2)
    x = np.concatenate([p.initial for p in spiking.parameters])
    rule = learn.Adjoint(surrogate=learn.Surrogate("sigmoid", 0.2))
    out = rule.bind(spiking, loss(), 2, device="cpu", threads=1).learn(x, np.ones((2, 4)), np.array([0, 1]))
    assert (out.readout > 0.0).all()
    assert np.isfinite(out.gradient).all() and out.gradient[:12].any() and out.gradient[12:].any()


def test_nothing_is_compiled_before_samples_are_shown(transfer):
    fresh = bound(learn.TransferResistance())
    fresh.forward.write(start())
    assert "module" not in vars(fresh.forward.sim.draft.engine)
    assert transfer.forward.sim.plan.program == fresh.forward.sim.plan.program


def test_what_cannot_be_built_is_refused():
    with pytest.raises(ModelError, match="an Encoder and one or more Dense"):
        learn.Sequential(learn.Dense(3), learn.Dense(2))
    with pytest.raises(ModelError, match="no section 'dent'"):
        learn.Sequential(learn.Encoder(2), learn.Dense(3, tree(), places="dent"))
    with pytest.raises(ModelError, match="0 cells"):
        learn.Dense(0)
    with pytest.raises(ModelError, match="must lie within"):
        learn.Sequential(learn.Encoder(2), learn.Dense(3), duration=10.0)
    for times in ({"window": (10.05, 10.2)}, {"duration": np.inf}, {"dt": 60.0}):
        with pytest.raises(ModelError, match=r"must|holds no sample"):
            learn.Sequential(learn.Encoder(2), learn.Dense(3), **times)
    with pytest.raises(ModelError, match="floor of a RateCode"):
        learn.RateCode(floor=0.0)
    active = tree()
    active.insert("hh", where="soma")
    with pytest.raises(UnsupportedError, match="hh"):
        learn.Sequential(learn.Encoder(2), learn.Dense(3, active))


@pytest.mark.parametrize("code", [learn.CurrentCode(), learn.GradedCode()])
def test_codes_drive_the_encoder_alone(code):
    """Cells may have current clamps of their own."""
    clamped = tree()
    clamped.place("IClamp", "dend[0](0.5)", dur=1e9, amp=0.05)
    net = learn.Sequential(
        learn.Encoder(2, code), learn.Dense(3, clamped, places="dend"), duration=5.0, window=(1.0, 5.0)
    )
    sim = heliox.Simulation(net.model, batch=2, vary=net.vary, device="cpu", dt=net.dt, progress=False)
    net.drive(sim, np.array([[0.1, 0.2], [0.3, 0.4]]))
    own = sim.var("IClamp.amp", where="layer1*").values
    np.testing.assert_array_equal(own, np.full((2, 3), 0.05))
    driven = sim.var("IClamp.amp", where="input*").values
    np.testing.assert_allclose(driven / driven[0, 0], [[1.0, 2.0], [3.0, 4.0]])


def test_places_of_a_cell_that_a_session_kept_in_an_object():
    """Sections called "Pyr[0].dend[1]" are dendrites too."""
    cell = heliox.Cell(v_init=0.0)
    cell.add_section("Pyr[0].soma", L=20.0, diam=20.0)
    for k in range(2):
        cell.add_section(f"Pyr[0].dend[{k}]", L=100.0, diam=2.0, nseg=3, connect="Pyr[0].soma(1)")
    cell.insert("pas", g=1e-4, e=0.0)
    net = learn.Sequential(
        learn.Encoder(2),
        learn.Dense(2, cell, places="dend", soma="Pyr[0].soma(0.5)"),
        duration=20.0,
        window=(10.0, 20.0),
    )
    names = net.layers[1].cells.cell.sections.name
    assert all("dend" in names[net.layers[1].cells.cell.nodes.section[k]] for k in net.layers[1].at.ravel())
