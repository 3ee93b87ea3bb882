"""Protocols times parameter sets in one batch."""

import numpy as np
import pytest

import heliox
from heliox.errors import ModelError
from heliox.explore import Members

GNA = np.array([0.02, 0.12, 0.2])
PROTOCOLS: dict = {
    "rest": {},
    "step": {"IClamp[0].amp": 0.3},
    "warm": {"celsius": 10.0, "IClamp[0].amp": 0.1},
}


def cell():
    c = heliox.Cell()
    c.add_section("soma", L=20.0, diam=20.0, Ra=100.0)
    c.add_section("dend", L=100.0, diam=2.0, nseg=3, connect="soma(1)", Ra=100.0)
    c.insert("hh")
    c.place("IClamp", "soma(0.5)", delay=1.0, dur=20.0, amp=0.0)
    return c.model()


def test_every_member_is_what_it_is_alone():
    members = Members(cell(), {("hh.gnabar", "soma"): GNA}, PROTOCOLS)
    assert members.batch == 9 and members.vary == ["IClamp.amp", "celsius", "hh.gnabar"]
    sim = members.simulation(progress=False)
    v = sim.record("soma(0.5).v")
    sim.initialize(-65.0)
    sim.run(10.0)
    rows = members.table(v.values)
    assert list(rows) == list(PROTOCOLS) and rows["step"].shape[0] == 3
    for name, values in PROTOCOLS.items():
        for s in (0, 2):
            alone = heliox.Simulation(cell(), progress=False)
            alone.var("hh.gnabar", "soma")[:] = GNA[s]
            for variable, x in values.items():
                alone.var(variable)[:] = x
            w = alone.record("soma(0.5).v")
            alone.initialize(-65.0)
            alone.run(10.0)
            np.testing.assert_array_equal(rows[name][s], w.values)
            np.testing.assert_array_equal(v.values[members.member(name, s)], w.values)
    assert len({row.tobytes() for row in v.values}) == 9


def test_values_of_places_and_one_set():
    model = cell()
    places = len(heliox.Simulation(model, progress=False).var("hh.gnabar").values)
    given = np.arange(2 * places).reshape(2, places) * 1e-3
    sim = Members(model, {"hh.gnabar": given}).simulation(progress=False)
    np.testing.assert_array_equal(sim.var("hh.gnabar").values, given)
    one = Members(model, {}, {"weak": {"hh.gnabar": given[1]}})
    assert one.batch == 1
    sim = one.simulation(progress=False)
    np.testing.assert_array_equal(np.ravel(sim.var("hh.gnabar").values), given[1])
    assert list(one.table([7.0])) == ["weak"]


def test_what_does_not_fit_is_named():
    model = cell()
    with pytest.raises(ModelError, match="as many sets each"):
        Members(model, {"hh.gnabar": [1.0, 2.0], "hh.gkbar": [1.0]})
    with pytest.raises(ModelError, match="as many sets each"):
        Members(model, {"hh.gnabar": 1.0})
    for twice in ("hh.gnabar", ("hh.gnabar", None), ("hh.gnabar", "soma")):
        with pytest.raises(ModelError, match="give each once"):
            Members(model, {("hh.gnabar", "soma*"): [1.0]}, {"p": {twice: 1.0}})
    for sets, protocol in (({"hh.gnabar": np.ones((2, 2, 2))}, {}), ({}, {"hh.gnabar": np.ones((2, 2))})):
        with pytest.raises(ModelError, match=r"sets are \(n,\)"):
            Members(model, sets, {"p": protocol})
    with pytest.raises(ModelError, match="gnabar"):
        Members(model, {"hh.gnabra": [1.0]})
    members = Members(model, {"hh.gnabar": np.ones((2, 3))})
    with pytest.raises(ModelError, match="places"):
        members.simulation(progress=False)
    members = Members(model, {"hh.gnabar": GNA}, PROTOCOLS)
    with pytest.raises(ModelError, match="not of 9 members"):
        members.table(np.zeros(4))
    with pytest.raises(ModelError, match="did you mean 'step'"):
        members.member("stepp", 0)
    with pytest.raises(ModelError, match="1 members"):
        members.assign(heliox.Simulation(model, progress=False))
