"""Networks of reduced trees beside the same networks with full ones."""

import numpy as np
import pytest

import heliox
from heliox import learn
from heliox.errors import ModelError, UnsupportedError
from heliox.learn.layers import Dense, Encoder, Graded, Spiking
from heliox.learn.sequential import Sequential
from heliox.learn.trainer import Trainer
from heliox.learn.transfer import TransferResistance

R = np.random.default_rng(11)
SAMPLES = R.integers(0, 256, (6, 5)).astype(np.uint8)
SAMPLES[0, :2] = 0
LABELS = np.array([0, 1, 2, 1, 0, 2])


def tree():
    cell = heliox.Cell(v_init=0.0)
    cell.add_section("soma", L=20.0, diam=18.0)
    for k in range(4):
        parent = f"dend[{k - 1}](1)" if k > 1 else "soma(1)"
        cell.add_section(f"dend[{k}]", L=120.0, diam=2.0 - 0.3 * k, nseg=3, connect=parent)
    cell.insert("pas", g=5e-5, e=0.0)
    cell.set(cm=1.0, Ra=150.0)
    return cell


def network(window=(10.0, 30.0)):
    """Three layers behind the encoder: all that a Sequential of graded synapses can be made of."""
    return Sequential(
        Encoder(5), Dense(4, cell=tree(), places="dend"), Dense(3, cell=tree(), places="dend"), Dense(3),
        duration=30.0, window=window, seed=2,
    )  # fmt: skip


def trainer(net, **options):
    return Trainer(
        net, loss=learn.SoftmaxCrossEntropy(), rule=TransferResistance(), optimizer=learn.SGD(1.0), batch=3,
        progress=False, **{"seed": 1, **options},
    )  # fmt: skip


@pytest.fixture(scope="module")
def net():
    return network()


@pytest.fixture(scope="module")
def reduced(net):
    return learn.reduce(net, 1e-9)


def test_it_learns_as_the_full_network_does(net, reduced):
    full, small = trainer(net), trainer(reduced)
    wanted, found = (t._learner.learn(t.x, SAMPLES[:3] / 255.0, LABELS[:3]) for t in (full, small))
    np.testing.assert_allclose(found.readout, wanted.readout, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(found.loss, wanted.loss, rtol=1e-9)
    np.testing.assert_allclose(found.gradient, wanted.gradient, atol=1e-7 * np.abs(wanted.gradient).max())
    small.fit(SAMPLES, LABELS, epochs=3)
    assert small.history.train_loss[-1] < small.history.train_loss[0]
    full.x = small.x
    np.testing.assert_allclose(full.predict(SAMPLES), small.predict(SAMPLES), rtol=1e-6, atol=1e-9)
    assert reduced.error <= 1e-9 and "reduced" in repr(reduced)


def gradient(net, rule, x, rows=slice(3), **options):
    learner = rule.bind(net, learn.SoftmaxCrossEntropy(), 3, **{"device": "cpu", "threads": 1, **options})
    return learner.learn(x, SAMPLES[rows] / 255.0, LABELS[rows])


def moved(net):
    """Parameters away from their first values, biases too."""
    x = np.concatenate([p.initial for p in net.parameters])
    return x + 0.1 * np.random.default_rng(5).standard_normal(len(x))


def lively(net):
    """Parameters with which no cell is silent, and samples differ in all readouts."""
    x = np.concatenate([p.initial for p in net.parameters])
    return np.abs(x) + 0.2 * np.random.default_rng(5).random(len(x))


@pytest.mark.parametrize("at", [moved, lively, lambda n: np.concatenate([p.initial for p in n.parameters])])
def test_its_adjoint_is_that_of_the_full_network(net, reduced, at):
    """Where biases are 0 too, and cells stand at the kink before anything comes in."""
    x = at(net)
    wanted, found = (gradient(n, learn.Adjoint(), x) for n in (net, reduced))
    np.testing.assert_allclose(found.readout, wanted.readout, rtol=1e-7, atol=1e-10)
    at = 0
    for p in net.parameters:  # each layer by its own size: the first one's are the smallest
        piece = slice(at, at + len(p))
        at += len(p)
        size = np.abs(wanted.gradient[piece]).max()
        np.testing.assert_allclose(found.gradient[piece], wanted.gradient[piece], atol=1e-7 * size)


@pytest.mark.parametrize(
    ("loss", "at"),
    [(learn.SoftmaxCrossEntropy(), moved), (learn.CorrelationDistance(np.eye(3)), lively)],
)
def test_its_adjoint_is_its_own_derivative_at_any_tolerance(net, loss, at):
    rough = learn.reduce(net, 3e-2)
    x, samples = at(net), SAMPLES / 255.0
    learner = learn.Adjoint().bind(rough, loss, 6, threads=2)
    found = learner.learn(x, samples, LABELS).gradient

    def value(at):
        return learner.learn(at, samples, LABELS).loss.mean()

    directions = np.random.default_rng(1).standard_normal((4, len(x)))
    h = 1e-4
    for d in directions:
        slope = (value(x + h * d) - value(x - h * d)) / (2.0 * h)
        np.testing.assert_allclose(found @ d, slope, rtol=1e-5, atol=1e-9)
    assert np.abs(found).max() > 1e-4


def test_a_layer_that_is_silent_learns_nothing(reduced):
    x = moved(reduced)
    at = sum(len(p) for p in reduced.parameters[:1])
    x[at : at + len(reduced.parameters[1])] = -1e3  # biases of layer 1
    out = gradient(reduced, learn.Adjoint(), x)
    last = len(x) - len(reduced.parameters[-1])
    behind = at + len(reduced.parameters[1])
    np.testing.assert_array_equal(out.gradient[:behind], 0.0)
    assert np.abs(out.gradient[last:]).max() > 0.0  # biases of the readout


@pytest.mark.parametrize("rule", [TransferResistance(), learn.Adjoint()])
def test_bits_depend_neither_on_threads_nor_on_the_batch(reduced, rule):
    x = moved(reduced)
    a, b = (gradient(reduced, rule, x, slice(6), threads=n) for n in (1, 2))
    np.testing.assert_array_equal(a.gradient, b.gradient)
    alone = [gradient(reduced, rule, x, slice(k, k + 1)) for k in range(6)]
    np.testing.assert_array_equal(np.concatenate([o.readout for o in alone]), a.readout)
    mean = np.add.accumulate([o.gradient for o in alone], axis=0)[-1] / 6
    np.testing.assert_allclose(a.gradient, mean, rtol=1e-12, atol=1e-14 * np.abs(mean).max())


def test_a_larger_tolerance_is_an_error_of_that_size(net, reduced):
    rough = learn.reduce(net, 1e-2)
    assert [t.rank for t in rough.trees] < [t.rank for t in reduced.trees]
    near, far = (trainer(r).predict(SAMPLES) for r in (reduced, rough))
    assert 0.0 < np.abs(far - near).max() < 1e-2 * np.abs(near).max()


def test_numbers_that_are_no_bytes(reduced):
    t = trainer(reduced)
    x = np.array([[0.1, 0.0, 0.25, 0.7, 0.3]])
    before = t.predict(SAMPLES)
    assert np.isfinite(t.predict(x)).all()
    np.testing.assert_allclose(t.predict(SAMPLES), before, rtol=1e-6)
    with pytest.raises(UnsupportedError, match="at most 1024"):
        t.predict(np.random.default_rng(0).random((300, 5)))


def test_what_cannot_be_reduced(net):
    spiking = Sequential(
        Encoder(2), Dense(2, synapse=Spiking(0.01), bias=False), duration=5.0, window=(1.0, 5.0)
    )
    with pytest.raises(UnsupportedError, match="layer 1 has spiking synapses"):
        learn.reduce(spiking, 1e-3)
    active = tree()
    active.insert("hh", where="soma")
    graded = Dense(2, cell=active, synapse=Graded(0.01), places="dend", bias=False)
    with pytest.raises(UnsupportedError, match="hh"):
        learn.reduce(Sequential(Encoder(2), graded, duration=5.0, window=(1.0, 5.0)), 1e-3)
    with pytest.raises(ModelError, match="give tol alone"):
        learn.reduce(net, 1e-3, duration=50.0)
    with pytest.raises(ModelError, match="give the duration"):
        learn.reduce(tree(), 1e-3)
    with pytest.raises(UnsupportedError, match="FiniteDifference works on full networks"):
        learn.FiniteDifference().bind(learn.reduce(net, 1e-3), learn.SoftmaxCrossEntropy(), 2)
    driven = tree()
    driven.place("IClamp", "dend[0](0.5)", dur=1e9, amp=0.05)
    with pytest.raises(UnsupportedError, match="layer 1 has IClamp of its own"):
        learn.reduce(Sequential(Encoder(2), Dense(2, driven, places="dend"), Dense(2)), 1e-3)
    with pytest.raises(UnsupportedError, match="runs on the CPU"):
        trainer(learn.reduce(net, 1e-3), device="cuda")


def test_a_loss_that_couples_samples_sees_one_moment_at_a_time():
    """Correlations are over the samples of a batch, and not over their times (of those that are not tiny)."""
    net = network((25.0, 30.0))
    reduced, loss = learn.reduce(net, 1e-9), learn.CorrelationDistance(np.eye(3))
    x = lively(net)
    a, b = (
        TransferResistance().bind(n, loss, 6, device="cpu", threads=1).learn(x, SAMPLES / 255.0, LABELS)
        for n in (net, reduced)
    )
    np.testing.assert_allclose(b.gradient, a.gradient, atol=1e-6 * np.abs(a.gradient).max())
    assert np.abs(a.gradient).max() > 1e-3


def test_bits_of_a_training_do_not_depend_on_what_was_shown_before(net, tmp_path):
    """Numbers that are no bytes, too: two epochs at once, and one, others shown, and another."""
    x = np.round(np.random.default_rng(3).random((7, 5)), 2)
    y = np.arange(7) % 3
    once = trainer(learn.reduce(net, 1e-2))
    once.fit(x, y, 2)
    first = trainer(learn.reduce(net, 1e-2), checkpoint=tmp_path / "c.h5")
    first.predict(x[:2] / 3.0)
    first.fit(x, y, 1)
    again = trainer(learn.reduce(net, 1e-2), checkpoint=tmp_path / "c.h5").resume()
    again.predict(x / 7.0)
    again.fit(x, y, 2)
    np.testing.assert_array_equal(again.x, once.x)


def test_bytes_and_other_numbers_are_prepared_together(net):
    t = trainer(learn.reduce(net, 1e-2))
    x = np.full((2, 5), 0.3137)
    t.fit(SAMPLES, LABELS, 1, validation=(x, [0, 1]))
    levels = t.net.forward(None).courses.levels
    assert np.isin([*(SAMPLES / 255.0).ravel(), 0.3137], levels).all() and len(levels) == 257
