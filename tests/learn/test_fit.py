"""Fits: starts that are members, both methods, ends before the end."""

import numpy as np
import pytest

from heliox import learn
from heliox.errors import HelioXError, ModelError, NumericalError
from tests.learn.made import BY, DURATION, STATES, simulation

TRUE = {"hh.gnabar": 0.11, "hh.gkbar": 0.04}
STARTS = 3


def problem(batch: int = STARTS, through: str = "reset") -> learn.Problem:
    sim = simulation()
    for name, x in TRUE.items():
        sim.var(name)[...] = x
    v = sim.record("v")
    sim.reset()
    sim.run(DURATION)
    by = [
        learn.Parameter("hh.gnabar", lower=0.02, upper=0.3),
        learn.Parameter("hh.gkbar", lower=0.005, upper=0.1),
        *BY[2:],
        *STATES,
    ]
    loss = learn.mse("v", v.values)
    return learn.Problem(simulation(batch), loss, by, DURATION, tangent=True, progress=False)


def starts(p: learn.Problem) -> np.ndarray:
    """The two conductances elsewhere; everything else where it is."""
    rng = np.random.default_rng(3)
    at = {n: x * rng.uniform(0.6, 1.5, (p.batch, 1)) for n, x in TRUE.items()}
    return p.to_free(at)


def only_conductances(p: learn.Problem) -> None:
    """Derivatives by everything else are left out of the fit."""
    whole = p.value_and_gradient

    def part(x=None):
        value, g = whole(x)
        g = g.copy()
        g[..., 2:] = 0.0
        return value, g

    p.value_and_gradient = part  # type: ignore[method-assign]


@pytest.mark.parametrize("method", ["lbfgs", "adam"])
def test_conductances_are_found_again(method):
    p = problem()
    only_conductances(p)
    x0 = starts(p)
    adam = learn.Adam(learn.Cosine(0.1, 0.001, 150))
    options = {"steps": 40} if method == "lbfgs" else {"steps": 150, "optimiser": adam}
    fit = learn.minimise(p, x0, method=method, progress=False, **options)
    assert fit.loss.shape == (STARTS,) and (fit.loss < 1e-3 * fit.history[0]).all()
    assert fit.history.shape == (len(fit.seconds), STARTS) and (np.diff(fit.seconds) > 0).all()
    tolerance = 1e-4 if method == "lbfgs" else 3e-2
    for name, x in TRUE.items():
        np.testing.assert_allclose(fit.best_values[name], x, rtol=tolerance)
    assert fit.converged.any() == (method == "lbfgs") and not fit.interrupted
    np.testing.assert_array_equal(p.gradient(fit.values).value, fit.loss)
    assert "3 starts" in repr(fit)
    sim = simulation()
    fit.assign(sim)
    np.testing.assert_array_equal(sim.var("hh.gnabar").values, fit.best_values["hh.gnabar"])
    many = simulation(STARTS, vary=[t.label for t in p.trained if t.label not in ("hh.m", "v")])
    fit.assign(many)
    np.testing.assert_array_equal(many.var("hh.gnabar").values, fit.values["hh.gnabar"])


def test_each_member_searches_as_it_would_alone():
    p = problem()
    only_conductances(p)
    x0 = starts(p)
    fit = learn.minimise(p, x0, method="lbfgs", steps=4, progress=False)
    one = problem(1)
    only_conductances(one)
    alone = learn.minimise(one, x0[1], method="lbfgs", steps=4, progress=False)
    n = len(alone.history)
    np.testing.assert_array_equal(alone.history[:, 0], fit.history[:n, 1])
    np.testing.assert_array_equal(alone.x[0], fit.x[1])


@pytest.mark.parametrize("method", ["lbfgs", "adam"])
def test_an_end_before_the_end_keeps_what_was_found(method):
    p = problem()
    only_conductances(p)

    def third(k, losses):
        return k == 3

    fit = learn.minimise(p, starts(p), method=method, steps=20, callback=third, progress=False)
    assert len(fit.history) == 3 and not fit.interrupted
    np.testing.assert_array_equal(fit.loss, fit.history.min(axis=0))

    def pressed(k, losses):
        if k == 2:
            raise KeyboardInterrupt
        return False

    fit = learn.minimise(p, starts(p), method=method, steps=20, callback=pressed, progress=False)
    assert fit.interrupted and len(fit.history) == 2 and "interrupted" in repr(fit)

    whole, count = p.value_and_gradient, []

    def failing(x=None):
        count.append(0)
        if len(count) == 3:
            raise NumericalError("v became NaN")
        return whole(x)

    p.value_and_gradient = failing  # type: ignore[method-assign]
    with pytest.raises(NumericalError) as e:
        learn.minimise(p, starts(p), method=method, steps=20, progress=False)
    assert len(e.value.fit.history) == 2  # type: ignore[attr-defined]


def test_starts_between_bounds_and_what_is_asked_wrongly():
    p = problem(1)
    with pytest.raises(ModelError, match="method"):
        learn.minimise(p, method="bfgs")
    with pytest.raises(ModelError, match="steps"):
        learn.minimise(p, steps=0)
    with pytest.raises(ModelError, match="no lower and upper bound"):
        p.random(0)
    with pytest.raises(ModelError, match="3 members and the simulation 2"):
        x = np.zeros((3, 4))
        fit = learn.Fit(problem(3), x[:, 0], x, x, x[:, 0], False, x[:, 0] > 0)
        fit.assign(simulation(2))


def test_without_scipy(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(HelioXError, match="pip install scipy"):
        learn.minimise(problem(1), method="lbfgs")
