"""order="contraction": Hines' results to round-off; the same bits anywhere, on a device's kernels too."""

import numpy as np
import pytest

from heliox.engine import layout, step_tables
from heliox.kernels.one_by_one import HostBackend
from heliox.simulation import Simulation
from tests.engine.test_constant import cable
from tests.gpu import zoo
from tests.gpu.compare import same

ORDER = {"order": "contraction"}


@pytest.mark.parametrize("math", ["fast", "libm"])
def test_it_differs_from_neurons_order_at_round_off(math):
    here, there = zoo.run("ring", math=math), zoo.run("ring", math=math, **ORDER)
    np.testing.assert_array_equal(here.sim.spikes.t, there.sim.spikes.t)
    a, b = (np.asarray(ran.sim.var("v").values) for ran in (here, there))
    assert 0.0 < np.abs(a - b).max() < 1e-8


def voltages(cells, parameter=True, **options):
    """mV of two runs of passive cells, whose matrix stays but for what is set between the two."""
    sim = Simulation(cable(cells=cells).model(), progress=False, **ORDER, **options)
    v = sim.record("v", where="*dend[3]*")
    sim.run(2.0)
    if parameter:
        sim.var("pas.g")[...] = 2e-4
    sim.run(2.0)
    return v.values.copy()


@pytest.mark.parametrize("chunk_nodes", [1, 60])
def test_cells_do_not_notice_their_company(monkeypatch, chunk_nodes):
    together = voltages(5)
    monkeypatch.setattr(layout, "CHUNK_NODES", chunk_nodes)
    np.testing.assert_array_equal(voltages(5), together)
    np.testing.assert_array_equal(voltages(1), together[: len(voltages(1))])
    np.testing.assert_array_equal(voltages(5, batch=2, threads=2), np.stack([together] * 2))


@pytest.mark.parametrize(("near", "few"), [(1 << 15, 264), (1 << 15, 0), (0, 264)])
def test_a_devices_kernels_wherever_the_tree_lies(monkeypatch, near, few):
    """Tree and schedule in a block's own memory, the tree alone, neither."""
    monkeypatch.setattr(HostBackend, "near", near)
    monkeypatch.setattr(step_tables, "FEW_GROUPS", few)
    np.testing.assert_array_equal(voltages(3, device="emulated"), voltages(3))


@pytest.mark.parametrize("name", ["hh_tree", "gap_ring"])
def test_active_cells_and_junctions_on_a_devices_kernels(name):
    same(zoo.run(name, **ORDER), zoo.run(name, device="emulated", **ORDER))
