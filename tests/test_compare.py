"""`heliox.compare`: NEURON and HelioX side by side, and the session left as it should be."""

import numpy as np
import pytest

from heliox import demo
from heliox.compare import Train, compare
from heliox.errors import ModelError, UnsupportedError
from heliox.frontend.trial import can_try

TSTOP = 30.0


@pytest.fixture
def network(h):
    """Four cells of the demo: every mechanism that these tests compile."""
    network = demo.build(h, 4)
    yield network
    vars(network).clear()  # pytest holds on to the object, NEURON's artificial cells must go


def test_libm_equals_neuron_bit_for_bit(h, network):
    result = compare(TSTOP, math="libm", h=h)
    assert result.max_dv == 0.0
    assert result.spikes_equal and result.spike_difference == 0.0
    assert result.neuron_spikes == result.heliox_spikes > 4
    assert len(result.sites) == sum(sec.nseg for sec in h.allsec())
    assert result.neuron.shape == result.heliox.shape == (len(result.sites), len(result.t))
    assert len(result.t) == round(TSTOP / h.dt) + 1
    assert np.ptp(result.heliox) > 80.0  # it really spikes
    assert "max |dV| = 0.0 mV, equal bit for bit" in str(result)
    assert "equal, times and sources" in str(result)


def test_fast_has_the_same_spikes(h, network):
    result = compare(TSTOP, h=h, threads=1)
    assert result.max_dv < 1e-8
    assert result.spikes_equal
    assert result.worst(1) == [(result.site_max_dv, result.max_dv, result.t_max_dv)]
    assert min(result.neuron_seconds, result.heliox_seconds, result.compile_seconds) > 0.0
    assert result.ratio == result.neuron_seconds / result.heliox_seconds
    assert "1 thread)" in str(result) and "NEURON's speed" in repr(result)


def test_where_voltages_are_compared(h, network):
    assert len(compare(2.0, record=5, h=h).sites) == 5
    soma = "Cell[2].soma[0](0.5)"
    assert compare(2.0, record=[f"{soma}.v", "Cell[1].dend[0](1)"], h=h).sites == (
        "Cell[1].dend[0](1)",
        soma,
    )
    with pytest.raises(ModelError, match="at least 1"):
        compare(2.0, record=0, h=h)
    with pytest.raises(ModelError, match="no section matches"):
        compare(2.0, record="sooma", h=h)


def test_dt_is_for_both_and_put_back(h, network):
    result = compare(2.0, dt=0.05, math="libm", h=h)
    assert result.dt == 0.05 and len(result.t) == 41 and result.max_dv == 0.0
    assert h.dt == 0.025


def test_the_session_can_be_used_afterwards(h, network):
    voltage = h.Vector().record(network.cells[0].soma[0](0.5)._ref_v)
    spikes = h.Vector()
    recorded = network.connections[0]
    recorded.record(spikes)

    def run():
        h.ParallelContext().set_maxstep(10)
        h.finitialize(demo.V_INIT)
        h.ParallelContext().psolve(TSTOP)
        return np.array(voltage), np.array(spikes)

    before = run()
    compare(TSTOP, v_init=demo.V_INIT, math="libm", h=h)
    assert h.t == pytest.approx(TSTOP)
    assert recorded.get_recordvec() == spikes  # what the user records stays recorded
    assert network.connections[-1].get_recordvec() is None  # and nothing else is
    during = np.array(voltage), np.array(spikes)
    after = run()
    for a, b, c in zip(before, during, after):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)


def test_sources_with_a_gid_only_and_shared_vectors(h, network):
    pc = h.ParallelContext()
    for gid, cell in enumerate(network.cells):
        pc.set_gid2node(gid, 0)
        pc.cell(gid, h.NetCon(cell.soma[0](0.5)._ref_v, None, sec=cell.soma[0]))
    unheard = h.Section(name="unheard")
    unheard.L = unheard.diam = 20.0
    unheard.insert("hh")
    synapse = h.ExpSyn(unheard(0.5))
    drive = h.NetCon(network.drives[0], synapse)
    drive.weight[0] = 0.05
    pc.set_gid2node(100, 0)
    pc.cell(100, h.NetCon(unheard(0.5)._ref_v, None, sec=unheard))
    result = compare(TSTOP, math="libm", h=h)
    alone = next(train for train in result.trains if train.source == "unheard(0.5)")
    assert result.spike_difference == 0.0 and len(alone.neuron) > 0

    times, gids = h.Vector(), h.Vector()
    pc.spike_record(-1, times, gids)
    result = compare(TSTOP, math="libm", h=h)
    assert result.spike_difference == 0.0
    assert any(" and 4 more" in train.source for train in result.trains)
    pc.gid_clear()


@pytest.mark.skipif(not can_try(), reason="this platform cannot copy a process (os.fork)")
def test_plays_and_transfers_equal_neuron_bit_for_bit(h):
    """Two cells: a played clamp in each, and a clamp that injects the other's sodium current."""
    cells = [h.Section(name=f"cell{k}") for k in range(2)]
    pc, kept = h.ParallelContext(), []
    for k, cell in enumerate(cells):
        cell.nseg, cell.L, cell.diam = 3, 60, 12
        cell.insert("hh")
        played, coupled = h.IClamp(cell(0.5)), h.IClamp(cell(0.9))
        played.dur = coupled.dur = 1e9
        pc.source_var(cell(0.5)._ref_ina, k, sec=cell)
        pc.target_var(coupled, coupled._ref_amp, 1 - k)
        kept += [played, coupled]
    pc.setup_transfer()
    times = h.Vector(np.linspace(0.3, 20.2, 40))
    wave, steps = h.Vector(0.3 * np.sin(np.arange(40.0))), h.Vector(0.2 * (np.arange(40) % 4))
    wave.play(kept[0]._ref_amp, times, True)
    steps.play(kept[2]._ref_amp, times)
    steps.play(cells[1](0.1).hh._ref_gkbar, times, True)
    h.CVode().use_fast_imem(1)
    result = compare(25.0, math="libm", h=h, progress=False)
    assert result.max_dv == 0.0
    assert (len(result.model.plays), len(result.model.transfers)) == (3, 2)
    assert np.ptp(result.heliox) > 50.0


def test_v_init_of_stdrun_is_the_default(h, network):
    h.load_file("stdrun.hoc")
    h.v_init = -70.0
    assert (compare(1.0, record=3, h=h).neuron[:, 0] == -70.0).all()
    assert (compare(1.0, record=3, v_init=-60.0, h=h).neuron[:, 0] == -60.0).all()


def test_what_cannot_be_compared(h, network):
    with pytest.raises(ModelError, match="positive"):
        compare(-1.0, h=h)
    h.CVode().active(1)
    with pytest.raises(UnsupportedError, match="variable step"):
        compare(1.0, h=h)


def test_an_empty_session_says_so(h):
    with pytest.raises(ModelError, match="empty"):
        compare(1.0, h=h)


def test_differences_of_spikes_are_seen():
    def train(a, b):
        return Train("x", np.array(a, float), np.array(b, float))

    assert train([], []).difference == 0.0
    assert np.isnan(train([1, 2], [1, 2]).first_difference)
    assert train([1, 2], [1, 2.5]).difference == 0.5
    assert train([1, 2], [1, 2.5]).first_difference == 2.0
    assert train([1], [1, 7]).difference == np.inf
    assert train([1], [1, 7]).first_difference == 7.0
