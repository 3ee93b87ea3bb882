"""Values between bounds and free numbers."""

import numpy as np
import pytest

from heliox.errors import ModelError
from heliox.learn.transform import Transform

LOWER = [-np.inf, 0.0, -np.inf, -1.0]
UPPER = [np.inf, np.inf, 2.0, 3.0]


def made() -> Transform:
    return Transform.of(LOWER, UPPER, 4, "x")


def test_there_and_back():
    t = made()
    x = np.array([[-7.0, 1e-6, 1.5, 2.9], [3.0, 5.0, -40.0, -0.999]])
    np.testing.assert_allclose(t.from_free(t.to_free(x)), x, rtol=1e-12)
    u = np.random.default_rng(0).normal(size=(3, 4))
    np.testing.assert_allclose(t.to_free(t.from_free(u)), u, rtol=1e-12)


def test_slope_is_the_derivative():
    t, h = made(), 1e-5
    u = np.random.default_rng(1).normal(size=(2, 4))
    difference = (t.from_free(u + h) - t.from_free(u - h)) / (2 * h)
    np.testing.assert_allclose(t.slope(u), difference, rtol=1e-8)


def test_far_out_stays_finite_and_inside():
    t = made()
    x = t.from_free(np.full(4, -800.0))
    assert np.isfinite(x).all() and x[3] == -1.0 and x[1] == 0.0
    assert t.from_free(np.full(4, 300.0))[3] == 3.0


@pytest.mark.parametrize("x", [[0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 2.5, 0.0], [0.0, 1.0, 0.0, np.nan]])
def test_on_a_bound_or_outside(x):
    with pytest.raises(ModelError, match="inside its bounds"):
        made().to_free(np.array(x))


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (2.0, 1.0), ([0.0, 1.0], None), (np.nan, None)])
def test_bounds_that_are_none(low, high):
    with pytest.raises(ModelError, match="bounds of x"):
        Transform.of(low, high, 4, "x")
