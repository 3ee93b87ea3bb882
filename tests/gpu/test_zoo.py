"""The models of the zoo do something, on the CPU: no GPU is needed here."""

import numpy as np
import pytest

from tests.gpu import zoo
from tests.gpu.compare import differences, places, same


@pytest.mark.parametrize("name", zoo.CASES)
def test_it_lives(name):
    """It spikes as it should, everything watched stays finite, and hardly anything stands still."""
    case = zoo.CASES[name]
    ran = zoo.run(name)
    assert len(ran.sim.spikes) >= case.spikes
    moved = 0
    for variable, values in ran.values.items():
        assert np.isfinite(values).all(), variable
        moved += bool(np.ptp(values, axis=-1).max() > 0.0)
    assert moved >= max(1, len(case.watch) - 1)
    assert all(len(at) == len(np.unique(at)) for at in places(ran.sim.plan).values())


@pytest.mark.parametrize("name", ["artificial", "learning"])
def test_a_run_equals_itself_in_pieces(name):
    same(zoo.run(name), zoo.run(name, pieces=(0.3, 0.05, 0.65)))


def test_members_differ():
    v = zoo.run("members").values["v"]
    assert len({v[m].tobytes() for m in range(7)}) == 7


def test_what_differs_is_named():
    a, b = {"v": np.zeros((2, 3)), "w": np.zeros(2)}, {"v": np.zeros((2, 3)), "w": np.zeros(2)}
    assert differences(a, b) == []
    b["v"][1, 2] = 0.5
    (line,) = differences(a, b)
    assert line.startswith("v: 1 of 6 differ, first at (1, 2)") and line.endswith("by 0.5 at most")
    assert differences({"v": np.array([np.nan])}, {"v": np.array([np.nan])}) == []
    assert len(differences({"v": np.zeros(2)}, {"w": np.zeros(2)})) == 1
