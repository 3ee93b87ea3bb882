"""Gradients on the device have the bits of the CPU's."""

import numpy as np
import pytest

from heliox.learn import Problem
from heliox.learn.losses import mse
from heliox.simulation import Simulation
from tests.gpu import zoo
from tests.gpu.conftest import DEVICE
from tests.gradients.device_cases import CASES, swept

pytestmark = [pytest.mark.gpu] if DEVICE.startswith("cuda") else []


@pytest.mark.parametrize("name", CASES)
def test_the_same_gradient(name, gpu):
    here, wanted = swept(name, tangent=False)
    there, found = swept(name, tangent=False, **gpu)
    np.testing.assert_array_equal(there.R, here.R)
    for n, values in wanted.items():
        assert np.abs(values).max() > 0.0, n
        np.testing.assert_array_equal(found[n], values, err_msg=n)


def test_a_problem_of_seventy_members(gpu):
    """Through INITIAL, evaluated again with other values."""
    model = zoo.CASES["layer5"].build()
    found = []
    for where in ({"device": "cpu"}, gpu):
        sim = Simulation(model, batch=70, progress=False, **where)
        by = ["NaTa_t.gNaTa_tbar", "pas.g"]
        p = Problem(sim, mse("v", -70.0, where="*soma*"), by, 2.0, through="initialize", v_init=-75.0)
        scale = np.linspace(0.5, 1.5, 70)[:, None]
        rows = {n: v * scale for n, v in p.values.items()}
        found.append([p.gradient(), p.gradient(rows), p.gradient(rows)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a.value, b.value)
        for n, values in a.gradient.items():
            np.testing.assert_array_equal(values, b.gradient[n], err_msg=n)
    first, second, third = found[1]
    assert len(np.unique(second.value)) == 70 and np.array_equal(second.value, third.value)
    assert not np.array_equal(first.value, second.value)
