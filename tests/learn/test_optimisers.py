"""Optimisers beside their formulas, their states, and what they refuse."""

import numpy as np
import pytest

from heliox import learn
from heliox.errors import ModelError

CURVATURE = np.array([1.0, 4.0, 0.25, 9.0])  # of a quadratic bowl around 1
X0 = np.array([3.0, -2.0, 0.5, 1.0])


def gradient(x):
    return CURVATURE * (x - 1.0)


def descend(optimiser, steps, x=None, state=None, first=0):
    x = X0.copy() if x is None else x
    state = optimiser.start(len(x)) if state is None else state
    for k in range(first, first + steps):
        optimiser.step(x, gradient(x), state, k)
    return x, state


def test_sgd_of_a_quadratic_shrinks_as_a_power():
    x, state = descend(learn.SGD(0.1), 50)
    np.testing.assert_allclose(x - 1.0, (1.0 - 0.1 * CURVATURE) ** 50 * (X0 - 1.0), rtol=1e-12, atol=1e-15)
    assert state == {}


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_as_written(nesterov):
    got, _ = descend(learn.SGD(0.05, momentum=0.8, nesterov=nesterov, weight_decay=0.01), 30)
    x, m = X0.copy(), np.zeros(4)
    for _ in range(30):
        u = gradient(x) + 0.01 * x
        m = 0.8 * m + u
        x = x - 0.05 * ((u + 0.8 * m) if nesterov else m)
    np.testing.assert_allclose(got, x, rtol=1e-13)


def test_adam_as_written():
    got, _ = descend(learn.Adam(learn.Linear(0.1, 0.0, 40), weight_decay=0.02), 25)
    x, m, s = X0.copy(), np.zeros(4), np.zeros(4)
    for k in range(25):
        g = gradient(x)
        m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g**2
        big_m, big_s = m / (1.0 - 0.9 ** (k + 1)), s / (1.0 - 0.999 ** (k + 1))
        x = x - 0.1 * (1.0 - k / 40) * (big_m / (np.sqrt(big_s) + 1e-8) + 0.02 * x)
    np.testing.assert_allclose(got, x, rtol=1e-13)


@pytest.mark.parametrize("lr", [1.0, 1e-3])
def test_the_first_step_of_adam_is_the_learning_rate(lr):
    x = X0.copy()
    adam = learn.Adam(lr)
    adam.step(x, 1e4 * np.array([1.0, -2.0, 3.0, -4.0]), adam.start(4), 0)
    np.testing.assert_allclose(x - X0, lr * np.array([-1.0, 1.0, -1.0, 1.0]), rtol=1e-9)


def test_a_long_gradient_is_shortened_and_a_short_one_is_not():
    sgd, g = learn.SGD(1.0, clip=5.0), np.array([6.0, 8.0, 0.0, 0.0])
    for factor, wanted in ((1.0, 0.5 * g), (0.5, 0.5 * g), (0.1, 0.1 * g)):
        x = np.zeros(4)
        sgd.step(x, factor * g, {}, 0)
        np.testing.assert_allclose(x, -wanted, rtol=1e-15)


@pytest.mark.parametrize(
    "optimiser",
    [
        learn.SGD(learn.Cosine(0.1, 0.0, 20), momentum=0.9, nesterov=True, clip=3.0),
        learn.Adam(learn.Linear(0.1, 0.01, 15), weight_decay=0.1),
    ],
)
def test_a_saved_state_goes_on_with_the_same_bits(optimiser, tmp_path):
    whole, _ = descend(optimiser, 20)
    x, state = descend(optimiser, 9)
    np.savez(tmp_path / "state.npz", x=x, **state)
    with np.load(tmp_path / "state.npz") as saved:
        x, state = saved["x"], {name: saved[name] for name in state}
    x, _ = descend(optimiser, 11, x, state, first=9)
    np.testing.assert_array_equal(x, whole)


@pytest.mark.parametrize("optimiser", [learn.SGD(0.1, momentum=0.5), learn.Adam(0.1)])
def test_elements_do_not_know_their_neighbours(optimiser):
    x, g = np.random.default_rng(0).normal(size=(2, 1001))
    many, state = x.copy(), optimiser.start(1001)
    for k in range(3):
        optimiser.step(many, g * many, state, k)
    few, state = x[7:20].copy(), optimiser.start(13)
    for k in range(3):
        optimiser.step(few, g[7:20] * few, state, k)
    np.testing.assert_array_equal(few, many[7:20])


def test_schedules():
    linear, cosine = learn.Linear(2.0, 1.0, 10), learn.Cosine(2.0, 1.0, 10)
    assert [linear.at(k) for k in (0, 5, 10, 99)] == [2.0, 1.5, 1.0, 1.0]
    np.testing.assert_allclose([cosine.at(k) for k in (0, 5, 10, 99)], [2.0, 1.5, 1.0, 1.0], rtol=1e-15)
    assert cosine.at(1) > linear.at(1) and cosine.at(9) < linear.at(9)
    assert learn.Constant(0.3).at(123) == 0.3


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: learn.SGD(0.0), "learning rate"),
        (lambda: learn.SGD(np.nan), "learning rate"),
        (lambda: learn.SGD("fast"), "Constant, Linear or Cosine"),
        (lambda: learn.SGD(0.1, momentum=1.0), "momentum is 1"),
        (lambda: learn.SGD(0.1, nesterov=True), "needs a momentum"),
        (lambda: learn.SGD(0.1, weight_decay=-1.0), "weight_decay is -1"),
        (lambda: learn.Adam(0.1, clip=0.0), "clip is 0"),
        (lambda: learn.Adam(0.1, beta2=1.5), "beta2 is 1.5"),
        (lambda: learn.Adam(0.1, epsilon=0.0), "epsilon"),
        (lambda: learn.Linear(0.1, -0.1, 10), "-0.1"),
        (lambda: learn.Cosine(0.1, 0.0, 0), "0 steps"),
    ],
)
def test_what_is_no_optimiser(make, says):
    with pytest.raises(ModelError, match=says):
        make()


def test_a_state_of_other_parameters():
    adam = learn.Adam(0.1)
    with pytest.raises(ModelError, match="not of 4 parameters"):
        adam.step(X0.copy(), X0, adam.start(3), 0)
    with pytest.raises(ModelError, match="mean"):
        adam.step(X0.copy(), X0, learn.SGD(0.1).start(4), 0)
    with pytest.raises(ModelError, match=r"both are \(n,\)"):
        adam.step(X0.copy(), X0[:3], adam.start(4), 0)
