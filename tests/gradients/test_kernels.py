"""The reverse pass as kernels of a device, run on the CPU one by one: the bits of the CPU's own."""

from dataclasses import replace

import numpy as np
import pytest

import heliox
from heliox.engine import choice
from heliox.errors import UnsupportedError
from heliox.kernels.one_by_one import HostBackend
from heliox.learn.parameter import trained
from heliox.learn.twin import twin
from tests.gradients import models
from tests.gradients.device_cases import CASES, swept
from tests.gradients.threads_backend import ThreadsBackend


@pytest.mark.parametrize("name", [n for n in CASES if n != "contraction"])
def test_the_bits_of_the_cpu(name, monkeypatch):
    """Whichever block and thread comes first: where none waits for another, none depends on another.

    tests/gpu/test_gradients.py has the other models.
    """
    here, wanted = swept(name)
    if name == "members":
        assert here.d.schedule.pieces > 2
    monkeypatch.setattr(choice, "HostBackend", lambda: HostBackend(lanes=3, turned=True))
    there, found = swept(name, device="emulated", tangent=False)
    np.testing.assert_array_equal(there.R, here.R)
    for n, values in wanted.items():
        assert np.abs(values).max() > 0.0, n
        np.testing.assert_array_equal(found[n], values, err_msg=n)


@pytest.mark.parametrize(
    ("name", "tstop"), [("synapses", 0.9), ("coupled", 0.15), ("pools", 0.1), ("contraction", 0.15)]
)
def test_threads_of_a_block_meet_where_they_must(name, tstop, monkeypatch):
    """In plain Python, a thread for each lane: no result depends on how many there are."""
    found = []
    for lanes in (1, 5):
        monkeypatch.setattr(choice, "HostBackend", lambda lanes=lanes: ThreadsBackend(lanes))
        s, B = swept(name, device="emulated", tangent=False, tstop=tstop)
        found.append({"recorded": s.R, **B})
    assert sum(values.any() for values in found[0].values()) > 3
    for n, values in found[0].items():
        np.testing.assert_array_equal(found[1][n], values, err_msg=n)


def test_a_second_sweep_is_the_first_one():
    """Launches, graphs and what lies on the device are used again."""
    s, first = swept("synapses", device="emulated", tangent=False)
    captured = len(s.sim.engine.backend.calls)
    B = s.reverse()
    for n, values in first.items():
        np.testing.assert_array_equal(B[s.places(n)], values)
    assert "solve_transposed" not in s.sim.engine.backend.calls[captured:]


def test_gradients_go_to_the_device_of_their_simulation():
    sim = heliox.Simulation(models.with_synapses(), device="emulated", progress=False)
    by = trained(sim.draft.names, ["hh.gnabar"])
    made = twin(sim, by, [], tangent=False)
    assert made.device == sim.device and "kernel by kernel" in made.device
    assert twin(sim, by, [], tangent=True).device == "CPU, as asked for"
    with pytest.raises(UnsupportedError, match="tangents"):
        heliox.Simulation(sim.model, device="emulated", adjoint=replace(made.adjoint, tangent=True))
