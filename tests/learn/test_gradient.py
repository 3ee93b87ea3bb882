"""Gradients of one cell: against finite differences and tangents; batches, checkpoints, both beginnings."""

from typing import Any

import numpy as np
import pytest

import heliox
from heliox import learn
from heliox.engine.sweeps import Sweeps
from heliox.errors import ModelError, NumericalError, UnsupportedError
from tests.learn.made import BY, DURATION, cell, network, one_cell, problem, same, simulation, target

EXACT = 1e-6  # of the largest component of a group


@pytest.mark.parametrize("through", ["reset", "initialize"])
def test_against_finite_differences_and_tangents(through):
    p = problem(through=through)
    g = p.gradient()
    f = learn.FiniteDifference().gradient(p)
    same(g, f, EXACT)
    np.testing.assert_array_equal(g.value, f.value)
    assert g.through == through and f.through == through and through in repr(g) and not g.marked
    assert f.plan is None and all(f.steps[n].shape == x.shape for n, x in f.gradient.items())
    assert g["pas.g"].shape == (1,) and g["hh.gnabar"].shape == (1,) and g["cm"].shape == (6,)
    rng = np.random.default_rng(0)
    for _ in range(3):
        u = {n: rng.normal(size=x.shape) for n, x in g.gradient.items()}
        value, along = p.jvp(u)
        np.testing.assert_array_equal(value, g.value)
        expected = sum((u[n] * x).sum() for n, x in g.gradient.items())
        np.testing.assert_allclose(along, expected, rtol=1e-11)


def test_other_losses_on_the_same_run():
    some = (
        learn.window_std("v", 4.0, where="soma", start=1.0, stop=5.0)
        + learn.reduced("v", "max", weights=0.3, where="dend")
        + learn.reduced("v", "rms", target=np.full(241, -60.0), where="twig")
        + 1e-3 * learn.soft_dtw("v", np.full(20, -50.0), 10.0, where="soma(0.5)", stride=12)
        + learn.custom("v", lambda x, t: ((x**2).sum((1, 2)), 2.0 * x), where="twig")
    )
    p = problem(loss=some)
    same(p.gradient(), learn.FiniteDifference().gradient(p), EXACT)


def test_of_values_given():
    p = problem()
    there: Any = {"hh.gnabar": 0.1, "ena": 45.0, "cm": np.linspace(0.8, 1.2, 6)}
    g = p.gradient(there)
    same(g, learn.FiniteDifference().gradient(p, there), EXACT)
    assert p.values["ena"] == [50.0] and g.value != p.gradient().value
    np.testing.assert_array_equal(p.value(there), g.value)


def test_by_free_numbers():
    p = problem()
    x = p.x
    value, g = p.value_and_gradient(x)
    assert value.shape == (1,) and g.shape == x.shape
    # there and back a number may lose its last bit
    np.testing.assert_allclose(value, p.gradient().value, rtol=1e-12)
    for k in (1, 2, 5):  # bounded on both sides, on one, free
        h = 1e-4 * max(1.0, abs(x[k]))
        e = h * (np.arange(len(x)) == k)
        moved = [float(p.value(p.from_free(x + s * e))[0]) for s in (1.0, -1.0, 0.5, -0.5)]
        one, half = (moved[0] - moved[1]) / (2 * h), (moved[2] - moved[3]) / h
        assert g[k] == pytest.approx((4 * half - one) / 3, rel=1e-5)


@pytest.mark.parametrize("through", ["reset", "initialize"])
def test_members_are_what_they_are_alone(through):
    p = problem(3, through=through)
    g = p.gradient()
    assert g.value.shape == (3,) and g["pas.g"].shape == (3, 1)
    one = problem(1, through=through)
    for b in range(3):
        alone = one.gradient({n: v[b] for n, v in p.values.items()})
        assert alone.value[0] == g.value[b]
        for name, x in alone.gradient.items():
            np.testing.assert_array_equal(x, g[name][b])
    assert len(set(g.value.tolist())) == 3
    u, _ = p.value_and_gradient(p.x)
    np.testing.assert_array_equal(u.shape, (3,))


@pytest.mark.parametrize(("checkpoints", "bisect"), [(8.0, False), (5.5, True)])
def test_checkpoints_give_the_same_bits(checkpoints, bisect):
    long: Any = {"duration": 60.0}
    whole = problem(2, **long)
    assert whole.plan.tape.pieces == 1 and whole.plan.factor == 1.0
    row, checkpoint = whole.plan.tape.row, whole.plan.tape.checkpoint
    memory = int(checkpoints * checkpoint)
    few = problem(2, memory=memory, **long)
    assert few.plan.tape.pieces > 1 and few.plan.factor > 1.0 and few.plan.tape.bisect == bisect
    assert few.plan.tape.bytes <= memory < whole.plan.tape.bytes
    g, h = whole.gradient(), few.gradient()
    np.testing.assert_array_equal(g.value, h.value)
    for name, x in g.gradient.items():
        np.testing.assert_array_equal(x, h[name])
    text = few.plan.summary()
    assert f"{row} bytes a step" in text and "forward steps" in text and text in repr(few)


def test_values_come_from_the_simulation_and_it_stays_as_it_is():
    sim = simulation()
    sim.var("pas.g")[...] = 3e-4
    sim.var("cm")[...] = 1.3
    sim.var("ena")[...] = 48.0
    sim.run(1.0)
    before = sim.engine.snapshot()
    p = learn.Problem(sim, target(), [*BY, "hh.m", "v"], DURATION, tangent=True, progress=False)
    assert p.values["pas.g"] == [3e-4] and (p.values["cm"] == 1.3).all()
    p.gradient()
    assert sim.t == before.t
    np.testing.assert_array_equal(sim.engine.A, before.arrays["A"])
    v = sim.record("soma(0.5).v")
    sim.reset()
    sim.run(DURATION)
    w = sim.record("v", where="twig")
    sim.reset()
    sim.run(DURATION)
    late = w.values[:, w.t >= 2.0 - 1e-9]
    expected = ((v.values + 55.0) ** 2).mean() + 0.5 * late.mean()
    # ena is a state of its pool, which a reset sets back: here it is a parameter, and stays
    assert p.values["ena"] == [50.0]
    np.testing.assert_allclose(p.value(), expected, rtol=1e-12)


def test_what_a_run_of_the_simulation_gives_through_initialize():
    sim = simulation()
    sim.var("hh.gkbar")[...] = 0.03
    p = learn.Problem(
        sim, target(), BY, DURATION, through="initialize", v_init=-70.0, progress=False, tangent=True
    )
    v, w = sim.record("soma(0.5).v"), sim.record("v", where="twig")
    sim.initialize(-70.0)
    sim.run(DURATION)
    expected = ((v.values + 55.0) ** 2).mean() + 0.5 * w.values[:, w.t >= 2.0 - 1e-9].mean()
    np.testing.assert_allclose(p.value(), expected, rtol=1e-12)
    assert p.gradient().value == p.value()


@pytest.mark.parametrize(
    ("by", "match"),
    [
        ("hh.gnabr", "did you mean"),
        ("hh.usetable", "switch"),
        ("area", "areas follow from diam and L"),
        (["hh.gnabar", learn.Parameter("hh.gnabar", where="soma")], "in part the same"),
        ([], "no parameters"),
        (learn.Parameter("hh.gnabar", where="axon"), "axon"),
        (learn.Parameter("hh.gnabar", lower=1.0, upper=0.0), "bounds"),
        (learn.Parameter("cm", lower=[0.0, 1.0]), "bounds of cm"),
    ],
)
def test_parameters_that_are_none(by, match):
    with pytest.raises((ModelError, UnsupportedError), match=match):
        learn.gradient(simulation(), target(), by, 1.0)


@pytest.mark.parametrize(
    ("loss", "options", "match"),
    [
        (learn.mse("w", 0.0), {}, "there is no variable 'w'"),
        (learn.mse("area", 0.0), {}, "losses read voltages"),
        (target(), {"duration": 0.0}, "positive"),
        (target(), {"duration": 0.01}, "less than a step"),
        (target(), {"through": "init"}, "initialize"),
        (target(), {"v_init": -65.0}, "v_init"),
        (target(), {"memory": 1000}, "at least"),
        (learn.spike_count("v", where="soma(0.5)"), {}, "no spike detector"),
    ],
)
def test_problems_that_are_none(loss, options, match):
    given = {"duration": DURATION, "tangent": True} | options
    with pytest.raises(ModelError, match=match):
        learn.Problem(simulation(), loss, [*BY, "hh.m", "v"], **given)


def test_values_that_do_not_fit():
    p = problem(2)
    for values, match in (
        ({"hh.gnabar": np.zeros(3)}, "do not fit"),
        ({"gnabar": 0.1}, "did you mean 'hh.gnabar'"),
        ({"hh.gkbar": 0.5}, None),
    ):
        if match is None:
            assert np.isfinite(p.gradient(values).value).all()  # bounds are those of free numbers
            with pytest.raises(ModelError, match="inside its bounds"):
                p.to_free(values)
        else:
            with pytest.raises(ModelError, match=match):
                p.gradient(values)
    with pytest.raises(ModelError, match="x is finite"):
        p.value_and_gradient(np.zeros((3, p.x.shape[1])))
    with pytest.raises(ModelError, match="no lower and upper bound"):
        p.random()
    with pytest.raises(ModelError, match="target of shape"):
        problem(2, loss=learn.mse("v", np.zeros((3, 1, 241)), where="soma(0.5)")).gradient()


def test_states_have_no_say_behind_initial():
    p = learn.Problem(
        simulation(), target(), [*BY, "hh.m"], DURATION, through="initialize", tangent=True, progress=False
    )
    with pytest.raises(ModelError, match="set by INITIAL"):
        p.gradient({"hh.m": 0.3})


def test_runaways_and_nan():
    p = problem(2)
    with pytest.raises(NumericalError, match="v became"):
        p.gradient({"pas.g": [[-0.03], [1e-4]]})
    assert np.isnan(p.value({"pas.g": [[-0.03], [1e-4]]})).tolist() == [True, False]
    assert np.isfinite(p.gradient().value).all()  # and it goes on
    bad = problem(loss=learn.custom("v", lambda x, t: (np.full(len(x), np.nan), x)))
    with pytest.raises(NumericalError, match="NaN"):
        bad.gradient()


def test_nan_in_the_reverse_pass(monkeypatch):
    p = problem()
    reverse = Sweeps._reverse

    def spoilt(self, first, n):
        reverse(self, first, n)
        self.B[p._handles[0].addresses] = np.nan

    monkeypatch.setattr(Sweeps, "_reverse", spoilt)
    with pytest.raises(NumericalError, match=r"hh.gnabar in soma.*reverse pass"):
        p.gradient()


def test_tangents_are_asked_for():
    p = learn.Problem(simulation(), target(), [*BY, "hh.m", "v"], DURATION, tangent=True)
    value, slope = learn.jvp(
        simulation(), target(), [*BY, "hh.m", "v"], {"cm": 1.0}, DURATION, progress=False
    )
    np.testing.assert_allclose(slope, p.gradient()["cm"].sum(), rtol=1e-11)
    assert value.shape == (1,)
    object.__setattr__(p.sim, "adjoint", None)
    with pytest.raises(ModelError, match="tangent=True"):
        p.jvp({"cm": 1.0})


def test_models_of_the_tests():
    assert len(one_cell().nodes) < 20 and len(network().cells.name) == 3
    assert isinstance(cell(), heliox.Cell)
