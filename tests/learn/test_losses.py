"""Each loss: its value by a plain formula, its cotangents against finite differences of the loss itself."""

from typing import Any

import numpy as np
import pytest

from heliox import learn
from heliox.errors import ModelError
from heliox.learn.losses import Traces
from heliox.learn.warping import soft_dtw_of

B, N, S = 2, 3, 30
T: Any = 10.0 + 0.025 * np.arange(S)
RNG = np.random.default_rng(0)
X: Any = RNG.normal(size=(B, N, S)).cumsum(axis=-1)
WINDOW: Any = {"start": float(T[4]), "stop": float(T[20])}


def cube(x, t):
    return (x**3 * t).sum(axis=(1, 2)), 3.0 * x**2 * t


LOSSES = {
    "mse": learn.mse("v", 1.5),
    "mse of a trace": learn.mse("v", RNG.normal(size=17), **WINDOW),
    "mse of places": learn.mse("v", RNG.normal(size=(N, S)), **WINDOW),
    "mse of members": learn.mse("v", RNG.normal(size=(B, N, 17)), **WINDOW),
    "mean": learn.window_mean("v", **WINDOW),
    "mean to a goal": learn.window_mean("v", RNG.normal(size=(B, N)), **WINDOW),
    "mean by weights": learn.window_mean("v", weights=[1.0, -2.0, 0.5]),
    "std": learn.window_std("v", 0.7, **WINDOW),
    "min": learn.reduced("v", "min", 0.3, **WINDOW),
    "max": learn.reduced("v", "max", weights=2.0),
    "rms": learn.reduced("v", "rms", target=RNG.normal(size=S), **WINDOW),
    "soft-DTW": learn.soft_dtw("v", RNG.normal(size=(N, 12)), gamma=0.5, **WINDOW),
    "soft-DTW, thinned": learn.soft_dtw("v", RNG.normal(size=9), gamma=2.0, stride=3),
    "custom": learn.custom("v", cube),
    "sum": 0.5 * learn.mse("v", 0.0) - learn.window_std("v") * 3.0 + learn.soft_dtw("v", np.zeros(5)),
}


def traces(loss: learn.Loss, x=X) -> Traces:
    return Traces(T, {r: x for r in loss.reads})


def total(loss: learn.Loss, x) -> np.ndarray:
    return loss.evaluate(traces(loss, x))[0]


@pytest.mark.parametrize("name", LOSSES)
def test_cotangents_are_derivatives(name):
    loss, h = LOSSES[name], 1e-4
    value, bars = loss.evaluate(traces(loss))
    assert value.shape == (B,) and not loss.surrogate
    bar = sum(bars.values())
    assert isinstance(bar, np.ndarray) and bar.shape == X.shape
    rng = np.random.default_rng(7)
    for _ in range(4):
        u = rng.normal(size=X.shape)
        one, half = ((total(loss, X + k * u) - total(loss, X - k * u)) / (2 * k) for k in (h, h / 2))
        found, terms = (bar * u).sum(axis=(1, 2)), np.abs(bar * u).sum(axis=(1, 2))
        assert (np.abs(found - (4 * half - one) / 3) <= 1e-9 + 1e-8 * terms).all()


@pytest.mark.parametrize("name", [n for n in LOSSES if "members" not in n and "goal" not in n])
def test_members_are_independent_bit_for_bit(name):
    loss = LOSSES[name]
    value, bars = loss.evaluate(traces(loss))
    for b in range(B):
        alone, bars_alone = loss.evaluate(traces(loss, X[b : b + 1].copy()))
        assert alone[0] == value[b]
        for r, bar in bars.items():
            np.testing.assert_array_equal(bars_alone[r][0], bar[b])


def test_values():
    inside = X[:, :, 4:21]
    np.testing.assert_allclose(total(LOSSES["mean"], X), inside.mean(axis=(1, 2)))
    np.testing.assert_allclose(total(LOSSES["std"], X), ((inside.std(-1) - 0.7) ** 2).mean(-1))
    np.testing.assert_allclose(total(LOSSES["mse"], X), ((X - 1.5) ** 2).mean((1, 2)))
    np.testing.assert_allclose(total(LOSSES["max"], X), 2.0 * X.max(-1).sum(-1))


def test_soft_dtw_is_what_its_recursion_says():
    x, y, gamma = RNG.normal(size=7), RNG.normal(size=5), 0.3
    R = np.full((8, 6), np.inf)
    R[0, 0] = 0.0
    for i in range(1, 8):
        for j in range(1, 6):
            z = np.array([R[i - 1, j - 1], R[i - 1, j], R[i, j - 1]])
            R[i, j] = (x[i - 1] - y[j - 1]) ** 2 - gamma * np.log(np.exp(-z / gamma).sum())
    assert soft_dtw_of(x, y, gamma)[0] == pytest.approx(R[7, 5], rel=1e-13)
    late = np.concatenate([np.zeros(6), np.ones(20)])
    later = np.concatenate([np.zeros(9), np.ones(17)])
    assert soft_dtw_of(late, later, 0.01)[0] < 0.1 < ((late - later) ** 2).sum()


@pytest.mark.parametrize("kind", ["sigmoid", "triangle", "exponential"])
def test_spike_count(kind):
    x = np.full((1, 2, 8), -60.0)
    x[0, 0, [2, 3, 6]] = 20.0
    x[0, 0, 0] = 30.0  # above from the start: not a spike
    loss = learn.spike_count(
        "v", weights=1.0, threshold=-10.0, surrogate=learn.Surrogate(kind, 40.0), stop=T[6]
    )
    value, bars = loss.evaluate(Traces(T[:8], {loss.reads[0]: x}))
    assert loss.surrogate and value == [2.0]
    bar = bars[loss.reads[0]]
    assert (bar[0, 0] > 0).tolist() == [False, False, True, False, False, kind != "triangle", True, False]
    assert kind == "triangle" or (bar[0, 1, 1:7] > 0).all()  # a silent cell has a slope too
    goal = learn.spike_count("v", [3.0, 0.0], threshold=-10.0)
    assert goal.evaluate(Traces(T[:8], {goal.reads[0]: x}))[0] == [0.5]


def test_slopes_of_surrogates_are_those_of_steps():
    from heliox.engine.sweeps import slope

    x = np.linspace(-4000.0, 4000.0, 800_001)
    for kind, most in (("sigmoid", 1.01), ("triangle", 1.0001), ("exponential", 1.0001)):
        area = slope(x, learn.Surrogate(kind, 4.0)).sum() * (x[1] - x[0])
        assert 0.99 < area < most


@pytest.mark.parametrize(
    ("loss", "match"),
    [
        (lambda: learn.mse("v", 0.0, start=3.0, stop=2.0), "holds no sample"),
        (lambda: learn.mse("v", [np.nan]), "finite"),
        (lambda: learn.reduced("v", "median"), "legal|mean"),
        (lambda: learn.reduced("v", "crossings"), "spike_count"),
        (lambda: learn.reduced("v", "rms"), "target"),
        (lambda: learn.reduced("v", "min", target=[1.0]), "target"),
        (lambda: learn.window_mean("v", 1.0, weights=1.0), "not both"),
        (lambda: learn.soft_dtw("v", [0.0], gamma=0.0), "gamma"),
        (lambda: learn.soft_dtw("v", [0.0], stride=0), "stride"),
        (lambda: learn.Surrogate("step"), "surrogate"),
        (lambda: learn.Surrogate(width=0.0), "positive"),
    ],
)
def test_what_is_no_loss(loss, match):
    with pytest.raises(ModelError, match=match):
        loss()


@pytest.mark.parametrize(
    ("loss", "match"),
    [
        (learn.mse("v", np.zeros(5)), "does not fit"),
        (learn.mse("v", 0.0, start=100.0), "none of the samples"),
        (learn.window_mean("v", np.zeros(4)), "goals and weights"),
        (learn.soft_dtw("v", np.zeros((4, 5))), "does not fit"),
        (learn.custom("v", lambda x, t: (0.0, x)), "custom loss"),
    ],
)
def test_shapes_that_do_not_fit(loss, match):
    with pytest.raises(ModelError, match=match):
        loss.evaluate(traces(loss))


def test_sums():
    a, b = learn.mse("v", 0.0), learn.mse("v", 1.0)
    np.testing.assert_allclose(total(sum([a, b], 0.0 * a), X), total(a, X) + total(b, X))
    np.testing.assert_allclose(total(a + a, X), 2 * total(a, X))
    twice = (a + a).evaluate(traces(a))[1][a.reads[0]]
    np.testing.assert_allclose(twice, 2 * a.evaluate(traces(a))[1][a.reads[0]])
    assert "2 *" in repr(2 * a) and len((a + b).reads) == 2
    with pytest.raises(TypeError):
        a + 1.0  # type: ignore[operator]
    with pytest.raises(TypeError):
        a * "x"  # type: ignore[operator]
