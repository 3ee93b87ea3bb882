"""What an engine does at its start waits until somebody looks, and makes no difference then."""

import numpy as np
import pytest

from heliox import Cell, ModelError, Simulation
from heliox.engine.copies import copy_parameters
from heliox.engine.engine import Engine
from heliox.kernels import window

V_INIT = -65.0


@pytest.fixture(scope="module")
def model():
    """INITIAL sets gates, and of the synapse a parameter too: tau1, where it is as large as tau2."""
    cell = Cell()
    cell.add_section("soma", L=20, diam=20)
    cell.add_section("dend", L=200, diam=2, nseg=3, connect="soma(1)")
    cell.insert("hh", where="soma", gnabar=0.1)
    cell.insert("pas", where="dend")
    cell.place("IClamp", "soma(0.5)", delay=1, dur=50, amp=0.1)
    cell.place("Exp2Syn", "dend(0.5)", tau1=2.0, tau2=2.0)
    return cell.model(v_init=V_INIT)


def compiled(sim: Simulation) -> bool:
    return "module" in vars(sim.draft.engine)


def waveform():
    t = np.linspace(0.0, 5.0, 11)
    return t, 0.1 * np.sin(t)


def test_nothing_is_compiled_before_the_first_run(model):
    sim = Simulation(model, batch=2, device="cpu")
    sim.play("IClamp[0].amp", *waveform())
    gnabar = sim.var("hh.gnabar")
    gnabar[...] = gnabar.values * np.array([[1.0], [0.5]])
    sim.var("hh.m")[...] = 0.3
    sim.record("v")
    sim.record("i_membrane_")
    sim.detect("soma(0.5).v", threshold=-20.0)
    assert gnabar.values.tolist() == [[0.1], [0.05]]
    assert sim.t == 0.0 and not sim.failures and not len(sim.spikes.t) and not compiled(sim)
    assert sim.var("Exp2Syn.e").values == 0.0 and not compiled(sim)
    sim.run(0.1)
    assert compiled(sim)


@pytest.mark.parametrize("name", ["v", "hh.h", "Exp2Syn.tau1", "Exp2Syn.factor", "na_ion.ena"])
def test_what_initial_determines_is_there_when_it_is_read(model, name):
    sim = Simulation(model, device="cpu")
    sim.engine.settle()
    other = Simulation(model, device="cpu")
    assert not compiled(other)
    np.testing.assert_array_equal(other.var(name).values, sim.var(name).values)
    if name == "Exp2Syn.tau1":
        assert other.var(name).values == 0.9999 * 2.0


def changed(sim: Simulation) -> None:
    sim.var("Exp2Syn.tau2")[...] = 3.0  # factor stays what INITIAL made of 2 ms
    sim.var("hh.m")[...] = 0.25
    sim.var("v", where="dend")[1] = -60.0


def state(sim: Simulation) -> list:
    return [a.tobytes() for a in sim.snapshot().arrays.values()]


def test_what_is_assigned_before_comes_behind_initial(model):
    late, early = Simulation(model, device="cpu"), Simulation(model, device="cpu")
    early.engine.settle()
    changed(late), changed(early)
    assert not compiled(late)
    assert state(late) == state(early)
    assert late.var("Exp2Syn.factor").values == early.var("Exp2Syn.factor").values
    late.reset(), early.reset()
    assert state(late) == state(early) and late.var("Exp2Syn.tau2").values == 3.0


def test_parameters_are_copied_without_a_start(model):
    """What INITIAL sets is left to the other's own start, unless it was assigned."""
    sim, other = Simulation(model, device="cpu"), Simulation(model, device="cpu")
    sim.var("Exp2Syn.tau2")[...] = 3.0
    sim.var("hh.gnabar")[...] = 0.2
    copy_parameters(sim.draft.engine, other.draft.engine)
    assert not compiled(sim) and not compiled(other)
    for name in ("Exp2Syn.tau1", "Exp2Syn.tau2", "Exp2Syn.factor", "hh.gnabar"):
        np.testing.assert_array_equal(other.var(name).values, sim.var(name).values)
    assert other.var("Exp2Syn.tau1").values == 0.9999 * 2.0 and other.var("hh.gnabar").values == 0.2


def test_a_new_plan_does_again_what_was_done_in_its_order(model):
    sim = Simulation(model, batch=2, device="cpu")
    v, gnabar, m = sim.var("v"), sim.var("hh.gnabar"), sim.var("hh.m")
    gnabar[0] = 0.2  # of a shared variable: of both members
    sim.initialize(-70.0)
    v[...] = -66.0
    m[1, 0] = 0.7
    before = [v.values, gnabar.values, m.values]
    sim.detect("soma(0.5).v")
    for handle, values in zip((v, gnabar, m), before, strict=True):
        np.testing.assert_array_equal(handle.values, values)
    gnabar[...] = [[0.3], [0.4]]
    assert v.values[0, 0] == -66.0 and gnabar.values.tolist() == [[0.3], [0.4]] and m.values[1, 0] == 0.7
    sim.reset()
    sim.detect("dend(0.5).v")
    assert v.values.max() == V_INIT and gnabar.values.tolist() == [[0.3], [0.4]]


def test_windows_rings_and_variables_go_over_to_a_new_plan(model):
    sim = Simulation(model, batch=2, device="cpu")
    soma = sim.var("v", where="soma").variable
    window, ring = sim.window(soma, start=0.0, stop=0.1), sim.ring("hh.m", samples=2)
    v, recorded = sim.var(soma), sim.record("v", where="soma")
    sim.play("IClamp[0].amp", *waveform())
    sim.initialize(np.array([[-65.0], [-70.0]]) * np.ones(len(model.nodes)))
    sim.record("i_membrane_")
    sim.var("hh.gnabar")[...] = [[0.1], [0.2]]
    assert sim.plan.views == [window, ring]
    assert v.values.tolist() == [[-65.0], [-70.0]]
    sim.run(0.2)
    np.testing.assert_array_equal(window.values[:, :, 0], recorded.values.T[:5])
    assert ring.values.shape == (2, 2, 1) and ring.t.tolist() == recorded.t[-2:].tolist()


def test_a_new_plan_keeps_the_order_of_elimination(model):
    sim = Simulation(model, device="cpu", order="contraction")
    sim.play("IClamp[0].amp", *waveform())
    assert sim.plan.program.order == sim.order == "contraction" and not compiled(sim)


def doubled(tau):
    P, at = tau
    P[at[0, 0]] *= 2.0


def test_a_rule_that_works_in_place_finds_the_state_of_the_start(model):
    sim = Simulation(model, device="cpu")
    sim.var("Exp2Syn.tau2")[...] = 3.0
    table = sim.registry.table(tau=sim.var("Exp2Syn.tau1"))
    table.run(doubled)
    assert table["tau"] == 2.0 * (0.9999 * 2.0) and sim.var("Exp2Syn.tau2").values == 3.0
    sim.run(0.1)
    assert table["tau"] == 2.0 * (0.9999 * 2.0)


def test_an_assignment_that_is_refused_leaves_no_trace(model):
    sim = Simulation(model, device="cpu")
    with pytest.raises(ModelError, match="NaN or infinity"):
        sim.var("hh.m")[...] = np.nan
    with pytest.raises(IndexError):
        sim.var("hh.m")[7] = 0.5
    assert np.isfinite(sim.var("hh.m").values).all()


def test_ctrl_c_at_the_start_changes_nothing(model, monkeypatch):
    expected = Simulation(model, device="cpu")
    sim = Simulation(model, device="cpu")
    changed(expected), changed(sim)
    run = Engine._run

    def interrupted(engine, task, last=0):
        if task == window.SETTLE:
            engine.A[:] = 7.0
            raise KeyboardInterrupt
        return run(engine, task, last)

    monkeypatch.setattr(Engine, "_run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sim.run(1.0)
    monkeypatch.undo()
    assert sim.var("hh.m").values == 0.25
    assert state(sim) == state(expected)
