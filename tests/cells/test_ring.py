"""The cells and networks that need no data."""

import numpy as np
import pytest

from heliox import cells
from heliox.errors import ModelError
from heliox.simulation import Simulation


def test_a_spike_goes_round():
    """Each cell fires once a round, in order, at equal distances of time; delays are most of them."""
    model = cells.ring(4, delay=5.0).model()
    sim = Simulation(model, progress=False)
    sim.run(100.0)
    spikes = sim.spikes
    of_cells = spikes.gid >= 0
    t, gid = spikes.t[of_cells], spikes.gid[of_cells]
    assert gid[:9].tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0]
    assert 10.0 < t[0] < 15.0
    steps = np.diff(t)
    assert (steps > 5.0).all() and np.ptp(steps[4:]) < 0.051  # two steps of dt


def test_a_ring_without_weight_is_silent():
    sim = Simulation(cells.ring(3, weight=0.0).model(), progress=False)
    sim.run(60.0)
    assert sim.spikes.gid[sim.spikes.gid >= 0].tolist() == [0]


def test_a_ball_and_a_stick_of_other_length():
    assert len(cells.ball_and_stick(3).model().nodes) == 1 + 2 + 4


@pytest.mark.parametrize("build", [cells.l5pc, cells.hpc, cells.worm_circuit])
def test_data_that_are_not_there(build, monkeypatch, tmp_path):
    monkeypatch.delenv("HELIOX_DATA", raising=False)
    with pytest.raises(ModelError, match="HELIOX_DATA"):
        build()
    with pytest.raises(ModelError, match=r"is in .*nowhere"):
        build(tmp_path / "nowhere")


def test_a_table_that_is_none(tmp_path):
    (tmp_path / "sections.csv").write_text("section,parent_section\nsoma[0],-1\n")
    (tmp_path / "segments.csv").write_text("row,section,kind\n0,soma[0],seg\n1,soma[0],end\n")
    with pytest.raises(ModelError, match="no table of segments"):
        cells.l5pc(tmp_path)
    (tmp_path / "segments.csv").write_text("row,section,kind\n0,axon[7],seg\n")
    with pytest.raises(ModelError, match="no table of segments"):
        cells.l5pc(tmp_path / "segments.csv")
    (tmp_path / "sections.csv").unlink()
    with pytest.raises(ModelError, match=r"sections\.csv cannot be read"):
        cells.l5pc(tmp_path)
