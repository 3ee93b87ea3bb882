"""Losses on readouts beside their formulas and finite differences, and what they refuse."""

import numpy as np
import pytest

from heliox import learn
from heliox.errors import ModelError, NumericalError
from heliox.learn.correlation import distance

R = np.random.default_rng(3)
READOUT = R.normal(size=(6, 4))
LABELS = np.array([0, 3, 2, 2, 1, 0])
PROBABILITIES = R.dirichlet(np.ones(4), size=6)
NUMBERS = R.normal(size=(6, 4))
CASES = [
    (learn.SoftmaxCrossEntropy(), LABELS),
    (learn.SoftmaxCrossEntropy(), PROBABILITIES),
    (learn.SquaredError(), LABELS),
    (learn.SquaredError(), NUMBERS),
    (learn.CorrelationDistance(), NUMBERS),
    (learn.CorrelationDistance(np.corrcoef(NUMBERS, rowvar=False)), LABELS),
]


def differences(f, x, h=1e-5):
    d = np.zeros_like(x)
    for k in np.ndindex(x.shape):
        high, low = x.copy(), x.copy()
        high[k] += h
        low[k] -= h
        d[k] = (f(high) - f(low)) / (2.0 * h)
    return d


@pytest.mark.parametrize(("loss", "target"), CASES)
def test_derivatives_are_those_of_the_values(loss, target):
    value, d = loss.value_and_gradient(READOUT, target)
    assert value.shape == (6,) and d.shape == READOUT.shape
    wanted = differences(lambda v: loss.value_and_gradient(v, target)[0].sum(), READOUT)
    np.testing.assert_allclose(d, wanted, atol=1e-8)
    np.testing.assert_allclose(loss.error(READOUT, target), -d, rtol=1e-13, atol=1e-16)


def test_cross_entropy_as_written():
    loss, _ = learn.SoftmaxCrossEntropy().value_and_gradient(READOUT, LABELS)
    p = np.exp(READOUT) / np.exp(READOUT).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(loss, -np.log(p[np.arange(6), LABELS]), rtol=1e-13)
    one_hot = np.eye(4)[LABELS]
    np.testing.assert_allclose(learn.SoftmaxCrossEntropy().error(READOUT, LABELS), one_hot - p, atol=1e-15)


def test_cross_entropy_of_large_readouts_is_finite():
    v = np.array([[1e4, -1e4, 0.0], [-1e300, 1e300, 0.0]])
    loss, d = learn.SoftmaxCrossEntropy().value_and_gradient(v, [0, 1])
    assert (loss == 0.0).all() and (d == 0.0).all()
    assert learn.SoftmaxCrossEntropy().value_and_gradient(v[:1], [1])[0] == [2e4]


@pytest.mark.parametrize("loss", [learn.SoftmaxCrossEntropy(), learn.SquaredError()])
def test_a_sample_does_not_know_its_batch(loss):
    value, d = loss.value_and_gradient(READOUT, LABELS)
    for k in range(6):
        alone, of_one = loss.value_and_gradient(READOUT[k : k + 1], LABELS[k : k + 1])
        assert alone[0] == value[k] and (of_one[0] == d[k]).all()
    turned = np.asfortranarray(READOUT)
    np.testing.assert_array_equal(loss.value_and_gradient(turned, LABELS)[1], d)


def test_correlations_do_not_see_shift_and_scale():
    loss = learn.CorrelationDistance()
    value, _ = loss.value_and_gradient(READOUT, 3.0 * READOUT - 7.0)
    assert value.max() < 1e-28
    _, d = loss.value_and_gradient(READOUT, NUMBERS)
    np.testing.assert_allclose(d.sum(axis=0), 0.0, atol=1e-14)
    np.testing.assert_allclose((d * READOUT).sum(axis=0), 0.0, atol=1e-14)


def test_a_signal_that_stands_still_has_no_derivative():
    x = np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 3.0]])
    value, d = distance(x, np.array([[1.0, 0.5], [0.5, 1.0]]))
    assert value == pytest.approx((1.0 + 0.25 + 0.25) / 4.0) and (d[0] == 0.0).all() and np.isfinite(d).all()


@pytest.mark.parametrize("labels", [[0, 1, 4, 0, 0, 0], [0, 1, -1, 0, 0, 0], [0, 1, 0.5, 0, 0, 0]])
def test_labels_out_of_range(labels):
    with pytest.raises(ModelError, match=r"label of sample 2 is .*from 0 to 3") as e:
        learn.SoftmaxCrossEntropy().value_and_gradient(READOUT, labels)
    assert e.value.sample == 2 and e.value.label == labels[2]


@pytest.mark.parametrize("loss", [loss for loss, _ in CASES])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_readouts_that_are_not_finite(loss, bad):
    v = READOUT.copy()
    v[4, 1] = bad
    with pytest.raises(NumericalError, match="readout 1 of sample 4") as e:
        loss.value_and_gradient(v, NUMBERS)
    assert e.value.sample == 4
    with pytest.raises(NumericalError):
        loss.error(v, NUMBERS)


@pytest.mark.parametrize(
    ("loss", "readout", "target", "says"),
    [
        (learn.SoftmaxCrossEntropy(), READOUT, NUMBERS, "no distribution"),
        (learn.SoftmaxCrossEntropy(), READOUT, LABELS[:5], r"shape \(6,\)"),
        (learn.SoftmaxCrossEntropy(), READOUT[0], LABELS, r"\(samples, n\)"),
        (learn.SquaredError(), READOUT, NUMBERS[:, :3], "readouts' shape"),
        (learn.CorrelationDistance(), READOUT, LABELS, "readouts' shape"),
        (learn.CorrelationDistance(), READOUT[:1], NUMBERS[:1], "at least two"),
        (learn.CorrelationDistance(np.eye(3)), READOUT, LABELS, r"\(4, 4\)"),
        (learn.CorrelationDistance(2.0 * np.eye(4)), READOUT, LABELS, "from -1 to 1"),
    ],
)
def test_targets_that_do_not_fit(loss, readout, target, says):
    with pytest.raises(ModelError, match=says):
        loss.value_and_gradient(readout, target)


def test_correlation_of_traces_is_a_loss_like_others():
    x = R.normal(size=(2, 3, 50))
    loss = learn.correlation("v", np.eye(3), start=1.0, stop=4.0)
    t = 0.1 * np.arange(50)
    value, bars = loss.evaluate(learn.Traces(t, {loss.reads[0]: x}))
    window = x[:, :, 10:41]
    wanted = [((np.corrcoef(w) - np.eye(3)) ** 2).mean() for w in window]
    np.testing.assert_allclose(value, wanted, rtol=1e-12)
    bar = bars[loss.reads[0]]
    assert (bar[:, :, :10] == 0.0).all() and (bar[:, :, 41:] == 0.0).all()
    np.testing.assert_allclose(bar[1, :, 10:41], distance(window[1], np.eye(3))[1], rtol=1e-13)
