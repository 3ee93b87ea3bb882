"""What members of a batch may differ in: each member has the bits it has alone with the same values."""

import dataclasses

import numpy as np
import pytest

from heliox import explore
from heliox.engine import layout
from heliox.errors import ModelError, UnsupportedError
from heliox.kernels.codegen import module_text
from heliox.mechanisms import catalogue
from heliox.mechanisms.template import MechTemp, Table, Var
from heliox.model.plays import with_play
from heliox.simulation import Simulation
from tests.engine.made import network

B = 4
T = 12.0
CELLS = 4


def rates(v, celsius, q10, width):
    minf = 1.0 / (1.0 + exp(-(v + 40.0) / width[1]))  # noqa: F821
    speed = q10 ** ((celsius - 6.3) / 10.0)
    return minf, speed


def initial(v, celsius, q10, width):
    minf, _ = rates(v, celsius, q10, width)
    m = minf
    return m


def current(v, m, gbar, e, scale):
    i = gbar * scale[0] * scale[1] * m * (v - e)
    return i


def state(v, dt, m, celsius, q10, width):
    minf, speed = rates(v, celsius, q10, width)
    m = m + (1.0 - exp(-dt * speed)) * (minf - m)  # noqa: F821
    return m


channel = MechTemp(
    "chan",
    "density",
    (initial, current, state),
    parameters={"gbar": (5e-4, "S/cm2"), "e": (-20.0, "mV")},
    states={"m": ""},
    globals_={
        "q10": Var(3.0), "width": Var(8.0, size=2), "scale": Var(1.0, size=2), "unused": Var(1.0, "ms"),
    },
    currents=("i",),
    assigned={"i": "mA/cm2"},
    tables=(Table("rates", "v", -100.0, 100.0, 200, depends=("celsius", "q10")),),
)  # fmt: skip

# variable -> values (B, places); random streams by the third id
VALUES = {
    "chan.q10": np.array([[3.0], [2.0], [1.5], [3.0]]),
    "chan.width[1]": np.array([[8.0], [8.0], [5.0], [11.0]]),
    "chan.scale[0]": np.array([[1.0], [0.7], [1.3], [1.0]]),
    "chan.gbar": np.linspace(2e-4, 9e-4, B)[:, None] * np.ones(CELLS),
    "celsius": np.array([[6.3], [9.0], [20.0], [6.3]]),
    "NetCon.weight": 0.01 * np.array([[1.0], [0.5], [1.5], [1.0]]) * np.ones(7),
    "NetCon.delay": np.array([[1.0], [0.3], [2.7], [1.0]]) * np.linspace(1.0, 1.5, 7),
    "NetCon.threshold": np.array([[-40.0], [-52.0], [-47.0], [-40.0]]) * np.ones(4),
    "NetStim.ranvar[2]": np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 5.0], [0.0, 3.0]]),
    "NetStim.start": np.array([[0.5], [1.0], [2.0], [0.5]]) * np.ones(2),
    "v": np.array([[-65.0], [-60.0], [-70.0], [-65.0]]) * np.ones(3 * CELLS),
}
VARY = [name for name in VALUES if name not in ("v", "NetStim.ranvar[2]")]
STEPS = np.array([0.0, 1.0, 2.5, 4.0]) + 0.3 * np.arange(B)[:, None]  # ms
AMPS = np.array([0.0, 0.5, -0.2, 0.4]) * np.array([[1.0], [1.4], [0.3], [0.9]])  # nA
WAVE = np.array([0.0, 3.0, 3.0, 9.0, 12.0])
HOLD = 0.1 * np.sin(np.arange(5.0) + np.arange(B)[:, None])


def model():
    """Four cells in a ring, clamps in two; noisy NetStims: one drives a cell, one, a leader, two."""
    ring = [(k, (k + 1) % CELLS, 1.0) for k in range(CELLS)]
    clamps = (catalogue.get("IClamp"), [0, 2], {"dur": [1e9, 1e9], "amp": [0.0, 0.0]})
    extra = [(channel, range(CELLS), {}), clamps]
    made = network([1] * CELLS, [*ring, (CELLS, 0, 1.0), (CELLS, 1, 1.0), (CELLS + 1, 2, 1.0)], 2, extra)
    k = made.mechanism_index("NetStim")
    stim = made.mechanisms[k]
    values = {**stim.values, "noise": np.full(2, 0.8), "interval": np.full(2, 1.5)}
    stim = dataclasses.replace(stim, values=values)
    made = made.replace(mechanisms=(*made.mechanisms[:k], stim, *made.mechanisms[k + 1 :]))
    # a play that changes nothing: with it from the start, one module serves before and behind other plays
    return with_play(made, made.mechanism_index("IClamp"), 0, "dur", [0.0], [1e9], False)


def simulation(members, **options):
    """The members of these numbers in one simulation; a single number: that one alone."""
    alone = isinstance(members, int)
    if not alone:
        options = {"batch": len(members), "vary": VARY, **options}
    sim = Simulation(model(), progress=False, **options)
    sim.play("IClamp[0].amp", STEPS[members], AMPS[members])
    sim.play("IClamp[1].amp", WAVE, HOLD[members], continuous=True)
    for name, values in VALUES.items():
        sim.var(name)[...] = values[members]
    return sim


def results(sim, runs=(T,), start=True):
    """Voltages (B, n, samples) or (n, samples), and spikes, of runs behind `initialize`."""
    v = sim.record("v")
    if start:
        sim.var("IClamp.amp")[...] = 0.0  # else, until the first point, what was played last
        sim.initialize(-65.0)
    for t in runs:
        sim.run_until(t)
    return v.values, sim.spikes


@pytest.fixture(scope="module")
def alone():
    """math -> each member's voltages and spikes of a run alone."""
    kept = {}

    def of(math, start=True):
        if (math, start) not in kept:
            kept[math, start] = [results(simulation(k, math=math), start=start) for k in range(B)]
        return kept[math, start]

    return of


def assert_members(got, expected, order=range(B)):
    values, spikes = got
    for place, k in enumerate(order):
        np.testing.assert_array_equal(values[place], expected[k][0])
        mine = spikes.of(place)
        np.testing.assert_array_equal(mine.t, expected[k][1].t)
        np.testing.assert_array_equal(mine.source, expected[k][1].source)


CASES = [("fast", 1, 10**6), ("fast", 1, 1), ("fast", 2, 10**6), ("fast", 2, 1), ("libm", 1, 1)]


@pytest.mark.parametrize(("math", "threads", "nodes"), CASES)
def test_members_have_the_bits_of_runs_alone(monkeypatch, alone, math, threads, nodes):
    expected = alone(math)  # each in one chunk
    monkeypatch.setattr(layout, "CHUNK_NODES", nodes)
    sim = simulation(range(B), math=math, threads=threads)
    assert (sim.plan.chunks, sim.plan.partition.leaders) == ((1, 0) if nodes > 1 else (CELLS + 1, 1))
    assert nodes > 1 or sim.plan.partition.window == 12  # 0.3 ms: the least delay of any member
    assert_members(results(sim), expected)
    assert len({x.tobytes() for x, _ in expected}) == B
    assert len({len(s.t) for _, s in expected}) > 1 and min(len(s.t) for _, s in expected) > 5


def test_any_place_in_the_batch_and_from_the_frozen_state(alone):
    order = [2, 0, 0, 3, 1]
    assert_members(results(simulation(order)), alone("fast"), order)
    assert_members(results(simulation(order), start=False), alone("fast", False), order)


def test_reset_initialize_snapshot_and_restore(tmp_path, alone):
    sim = simulation(range(B))
    v = sim.record("v")
    sim.initialize(-65.0)
    sim.run_until(5.0)
    snap = sim.snapshot()
    snap.save(tmp_path / "snap.h5")
    sim.run_until(T)
    for runs in ((T,), (3.3, T)):
        assert_members(results(sim, runs), alone("fast"))
    sim.reset()  # parameters, delays, thresholds and ids of streams stay as they are
    sim.var("v")[...] = VALUES["v"]
    sim.run_until(T)
    assert_members((v.values, sim.spikes), alone("fast", False))
    for where in (snap, tmp_path / "snap.h5"):
        fresh = simulation(range(B))
        for name, values in VALUES.items():
            if name in VARY:
                fresh.var(name)[...] = values[::-1]  # what varies is part of a snapshot
        w = fresh.record("v")
        fresh.restore(where)
        fresh.run_until(T)
        for k in range(B):
            whole = alone("fast")[k][0]
            np.testing.assert_array_equal(w.values[k], whole[:, -w.values.shape[-1] :])
    other = simulation(range(B))
    other.play("IClamp[0].dur", [1.0], np.full((B, 1), 5.0))
    with pytest.raises(ModelError, match="another model"):
        other.restore(snap)
    swapped = Simulation(sim.model, batch=B, vary=VARY, progress=False)
    with pytest.raises(ModelError, match="the same vary and plays"):
        swapped.restore(snap)


def test_a_snapshot_does_not_bring_delays_that_its_plan_forbids(monkeypatch):
    monkeypatch.setattr(layout, "CHUNK_NODES", 1)
    sims = [Simulation(model(), batch=2, vary=VARY, progress=False) for _ in range(3)]
    delays = np.array([[1.0], [0.5]]) * np.ones(7)
    for sim in sims[:2]:
        sim.var("NetCon.delay")[...] = delays
    snap = sims[0].snapshot()
    sims[1].var("NetCon.delay")[...] = 1.0
    sims[1].restore(snap)
    np.testing.assert_array_equal(sims[1].var("NetCon.delay").values, delays)
    with pytest.raises(ModelError, match=r"assign NetCon\.delay before"):
        sims[2].restore(snap)


def test_assigned_before_the_first_run_they_join_vary(alone):
    sim = simulation(range(B), vary=[name for name in VARY if name != "chan.q10"])
    assert sorted(sim.draft.vary) == sorted(VARY)
    same = module_text(simulation(range(2)).plan.program)
    assert module_text(sim.plan.program) == same  # not of sizes, values, or how it was asked for
    assert_members(results(sim), alone("fast"))


def test_what_does_not_differ_is_stored_once():
    sim = simulation(range(B))
    for name in ("chan.unused", "pas.g", "NetStim.interval"):
        assert sim.var(name).store == "P" and sim.var(name).values.ndim == 1
    for name in VARY:
        handle = sim.var(name)
        assert handle.store == "A" and handle.values.shape == (B, len(handle))
        np.testing.assert_array_equal(handle.values, VALUES[name])
    q10 = sim.record("chan.q10")
    sim.run(1.0)
    assert (q10.values == VALUES["chan.q10"]).all()
    shared, own = (Simulation(model(), batch=B, progress=False) for _ in range(2))
    y = np.zeros((B, 5000))
    shared.play("IClamp[0].amp", np.arange(5000.0), y[0])
    own.play("IClamp[0].amp", np.arange(5000.0), y)
    assert shared.plan.P_size < 20_000 and own.plan.P_size - shared.plan.P_size == (B - 1) * 10_000


def test_values_set_between_runs_reach_tables_and_members(alone):
    """A table follows the GLOBAL of each member."""
    sim = simulation(range(B))
    sim.var("chan.q10")[...] = 7.0
    results(sim, (1.0,))
    sim.var("chan.q10")[...] = VALUES["chan.q10"]
    assert_members(results(sim), alone("fast"))


def test_delays_shorten_the_window_before_the_first_run_only(monkeypatch):
    monkeypatch.setattr(layout, "CHUNK_NODES", 1)
    sim = Simulation(model(), batch=2, vary=VARY, progress=False)
    delay = sim.var("NetCon.delay", "NetCon[0:4]")
    assert sim.plan.partition.window == 40
    delay[...] = [[1.0] * 4, [1.0, 0.1, 1.0, 1.0]]
    assert sim.plan.partition.window == 4
    delay[0, 0] = 0.0  # faster than a step: these cells share a chunk
    delay[1, 0] = 3.0
    assert sim.plan.chunks == CELLS - 1  # and the NetStim that drives them goes with them
    np.testing.assert_array_equal(delay.values, [[0.0, 1.0, 1.0, 1.0], [3.0, 0.1, 1.0, 1.0]])
    sim.var("NetCon.delay", "NetCon[4:7]")[...] = 0.0  # of NetStims, which run ahead or with their cell
    with pytest.raises(ModelError, match=r"NetCon\[3\].delay -1 ms is below"):
        delay[:, 3] = -1.0
    with pytest.raises(ModelError, match=r"shape \(2,\) do not fit"):
        delay[...] = [1.0, 2.0]
    sim.run(1.0)
    delay[:, 2] = 0.1
    with pytest.raises(ModelError, match=r"NetCon\[1\].delay 0.05 ms is below 0.1 ms.*before the first run"):
        delay[1, 1] = 0.05


def test_a_global_that_blocks_write_is_set_for_all_instances():
    def initial(start):
        level = start
        return level

    def current(v, level, g):
        i = g * level * v
        return i

    def state(level, rate, dt):
        level = level + rate * dt
        rate = rate * 1.0
        return level, rate

    keeps = MechTemp(
        "keeps", "density", (initial, current, state), parameters={"g": 1e-5, "start": 1.0},
        assigned={"level": "", "i": "mA/cm2"}, globals_={"rate": 0.5}, currents=("i",),
    )  # fmt: skip
    rates = np.array([[0.5], [1.5]])
    made = network([1, 1], extra=[(keeps, [0, 1], {})])
    sim = Simulation(made, batch=2, vary=["keeps.rate"], progress=False)
    sim.var("keeps.rate")[...] = rates
    level = sim.record("keeps.level")
    sim.initialize()
    sim.run(1.0)
    np.testing.assert_allclose(level.values[:, :, -1], 1.0 + rates * np.ones(2), rtol=1e-12)


def test_what_cannot_differ_is_refused_with_what_can():
    made = model()
    for name in ("dt", "area", "na_ion.style", "i_membrane_"):
        with pytest.raises((UnsupportedError, ModelError), match=r"NetCon.delay|no mechanism"):
            Simulation(made, batch=2, vary=[name], progress=False)
    sim = Simulation(made, batch=2, vary=VARY[1:], progress=False)
    with pytest.raises(UnsupportedError, match="GLOBALs and random streams"):
        sim.var("area")[...] = np.ones((2, 12))
    sim.var("chan.q10")[...] = [[1.0], [2.0]]  # the name refused above was not kept
    with pytest.raises(ModelError, match=r"NetCon\[4\] has no threshold"):
        sim.var("NetCon[4].threshold")
    assert len(sim.var("NetCon.threshold")) == 4 and sim.var("NetCon.threshold").unit == "mV"
    for bad in (-1.0, 0.5, 2.0**32):
        with pytest.raises(ModelError, match="id3 of a random stream is a whole number"):
            sim.var("NetStim.ranvar[2]")[...] = bad
    t, y = np.arange(3.0), np.zeros((2, 3))
    for times, values, text in (
        (t, np.zeros((3, 3)), r"the batch has 2 members"),
        (np.arange(4.0), y, r"shapes \(4,\) and \(2, 3\)"),
        ([t, t[::-1]], y, "member 1: times must not go backwards"),
        (t, [[0.0] * 3, [0.0, np.nan, 0.0]], "member 1: a point is not finite"),
    ):
        with pytest.raises(ModelError, match=text):
            sim.play("IClamp[0].amp", times, values)
    one = Simulation(made, progress=False)
    one.play("IClamp[0].amp", t, [[0.0, 1.0, 2.0]])
    assert not one.draft.played and one.model.plays.y[-3:].tolist() == [0.0, 1.0, 2.0]


def test_members_of_explore(monkeypatch):
    """Protocols and sets of GLOBALs, temperatures, delays, thresholds and streams."""
    monkeypatch.setattr(layout, "CHUNK_NODES", 1)
    made = model()
    warm = {"celsius": 20.0, "NetCon.threshold": -50.0, "chan.scale[0]": 0.7, "chan.width[1]": 5.0}
    protocols: dict = {"cold": {"celsius": 6.3}, "warm": warm}
    sets = {name: x[[1, 2]] for name, x in VALUES.items() if name != "v" and name not in warm}
    members = explore.Members(made, sets, protocols)
    sim = members.simulation(progress=False)
    assert set(members.vary) - {"NetStim.ranvar[2]"} == set(VARY)
    assert sim.plan.partition.window == 12 and sim.batch == 4
    rows = members.table(results(sim)[0])
    for name, values in protocols.items():
        for s in range(2):
            one = Simulation(made, progress=False)
            for variable, x in values.items():
                one.var(variable)[...] = x
            for variable in sets:
                one.var(variable)[...] = sets[variable][s]
            np.testing.assert_array_equal(rows[name][s], results(one)[0])
