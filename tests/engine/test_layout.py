"""Where variables lie: each has a place of its own in the arenas, whatever the mechanisms and sizes."""

import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import heliox
from heliox.engine.engine import Engine
from heliox.engine.fill import weight_addresses
from heliox.engine.layout import make_plan
from heliox.engine.vary import Vary
from heliox.kernels.context import W
from heliox.mechanisms.subset import Function
from heliox.mechanisms.template import MechTemp, Var
from heliox.mechanisms.varstruct import SCALE, STREAM, layout
from heliox.simulation import Simulation
from tests.against_neuron.models import branched, lattice
from tests.engine.made import network

COMMON = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def templates(draw, kinds=("density", "point", "artificial"), sizes=(1, 2, 5)):
    """Declarations with any numbers of variables, some of them written."""
    kind = draw(st.sampled_from(kinds))
    size = st.sampled_from(sizes)
    parameters = {f"p{k}": Var(0.5, "", draw(size)) for k in range(draw(st.integers(0, 5)))}
    states = {f"s{k}": Var() for k in range(draw(st.integers(0, 4)))}
    assigned = {f"a{k}": Var(0.0, "", draw(size)) for k in range(draw(st.integers(0, 4)))}
    random = tuple(f"r{k}" for k in range(draw(st.integers(0, 2)))) if kind != "density" else ()
    scalars = [n for n, v in (parameters | states).items() if v.size == 1]
    written = draw(st.lists(st.sampled_from(scalars), unique=True)) if scalars else []
    functions = {}
    if written:
        body = "\n".join(f"    {n} = {n} + 1.0" for n in written)
        text = f"def initial({', '.join(written)}):\n{body}\n    return {', '.join(written)}\n"
        functions["initial"] = Function("initial", text)
    currents: tuple[str, ...] = ()
    if kind != "artificial" and draw(st.booleans()):
        assigned["i"] = Var()
        functions["current"] = Function("current", "def current(v):\n    i = 0.001 * v\n    return i\n")
        currents = ("i",)
    name = f"mech_{zlib.crc32(repr((kind, written, *parameters, *states, *assigned)).encode())}"
    return MechTemp(
        name,
        kind,
        functions,
        parameters=parameters,
        states=states,
        assigned=assigned,
        random=random,
        currents=currents,
    )


@COMMON
@given(templates(), st.data())
def test_slots_are_disjoint(template, data):
    scalars = list(template.parameters)
    vary = data.draw(st.lists(st.sampled_from(scalars), unique=True)) if scalars else []
    s = layout(template, vary)
    expected = set(template.instance_names) | (
        {SCALE} if template.kind == "point" and template.currents else set()
    )
    assert set(s.own) | set(s.shared) == expected and not set(s.own) & set(s.shared)
    assert set(vary) <= set(s.own) and template.writes() <= set(s.own)
    for table, total in ((s.own, s.own_slots), (s.shared, s.shared_slots)):
        taken = [slot for name, at in table.items() for slot in range(at, at + s.size(name))]
        assert sorted(taken) == list(range(total))
    for name in template.random:
        assert s.size(name) == len(STREAM)


def all_addresses(plan):
    """Address lists in A (of one member) and in P: nodes, variables of mechanisms, weights, flags."""
    A, P = [], []
    nodes = np.arange(len(plan.model.nodes))
    for name in ("v", "rhs", "d"):
        A.append(plan.node_address(name, nodes))
    for name in ("a", "b", "area", "diam"):
        P.append(plan.node_address(name, nodes))
    for p in plan.placements:
        for name, at in p.struct.own.items():
            for k in range(p.struct.size(name)):
                A.append(plan.chunk_base[p.chunk] + p.own_offset(at + k))
        for name, at in p.struct.shared.items():
            P += [p.shared_offset(at + k) for k in range(p.struct.size(name))]
    A.append(plan.detector_flag)
    (A if plan.program.weights_own else P).append(addresses_of_weights(plan))
    for row in (*plan.head.values(), *plan.tables.values(), *plan.varied_at.values()):
        (A if row.store == "A" else P).append(row.places)
    return A, P


def addresses_of_weights(plan):
    at = weight_addresses(plan)
    return at[at >= 0]


def assert_disjoint(plan):
    A, P = (np.concatenate([np.asarray(x, np.int64).ravel() for x in parts]) for parts in all_addresses(plan))
    for flat, size in ((A, plan.member_size), (P, plan.P_size)):
        assert len(np.unique(flat)) == len(flat)
        assert flat.min(initial=0) >= 0 and flat.max(initial=0) < size
    base = plan.G[:, plan.program.columns["BASE"]]
    assert (np.diff(base) >= 0).all() and base[-1] < max(plan.A_size, 1)


@settings(parent=COMMON, max_examples=40)
@given(
    st.lists(templates(("density", "point")), max_size=3, unique_by=lambda t: t.name),
    st.lists(st.integers(1, 90), min_size=1, max_size=6),
    st.sampled_from([1, 50, 10_000]),
    st.integers(1, 3),
    st.booleans(),
    st.data(),
)
def test_no_two_variables_share_an_address(extra, segments, chunk_nodes, batch, own, data):
    """Any mechanisms on any nodes, in any cut, with one block or several."""
    total = sum(segments)
    more = []
    for t in extra:
        several = t.kind == "point"
        at = data.draw(st.lists(st.integers(0, total - 1), min_size=1, max_size=2 * W, unique=not several))
        values = {name: np.zeros((len(at), 4)) for name in t.random}
        more.append((t, sorted(at), values))
    cells = len(segments)
    edges = [(k, (k + 1) % cells, 1.0) for k in range(cells)] + [(cells, 0, 0.5)]
    model = network(segments, edges, 1, more)
    vary = Vary({"pas": {"g"}}, weights=own, delays=own, thresholds=own, celsius=own)
    plan = make_plan(model, dt=0.025, batch=batch, chunk_nodes=chunk_nodes, vary=vary)
    assert_disjoint(plan)
    assert plan.chunks == (1 if chunk_nodes == 10_000 else plan.chunks)


@pytest.mark.parametrize("chunk_nodes", [1, 30, 10_000])
def test_addresses_of_real_models(h, chunk_nodes):
    kept = [branched(h), lattice(h)]
    model = heliox.from_neuron(-65)
    for own in (False, True):
        plan = make_plan(
            model,
            dt=0.025,
            batch=3,
            chunk_nodes=chunk_nodes,
            vary=Vary(
                {"hh": {"gnabar"}, "ExpSyn": {"tau"}, "na_ion": {"nao0"}},
                celsius=own,
                weights=own,
                delays=own,
                thresholds=own,
            ),
        )
        assert_disjoint(plan)
    del kept


def test_what_is_written_is_read_by_name(h):
    """Every variable of every instance gets a number of its own; all are read back, member by member."""
    kept = lattice(h, 0.5, cells=6)
    model = heliox.from_neuron(-65)
    sim = Simulation(model, progress=False, batch=3, vary=["hh.gnabar", "NetCon.weight", "celsius"])
    names = [
        f"{m.name}.{n}"
        for m in model.mechanisms
        for n, x in m.values.items()
        if x.ndim == 1 and n != "style" and len(m)
    ]
    names += ["v", "NetCon.weight", "celsius"]
    handles: dict[str, Any] = {name: sim.var(name) for name in names}
    rng = np.random.default_rng(0)
    written = {}
    for name, handle in handles.items():
        written[name] = rng.permutation(10**6)[: handle.values.size].reshape(handle.values.shape) / 1e3
        handle[:] = written[name]
    for name, handle in handles.items():
        np.testing.assert_array_equal(handle.values, written[name], err_msg=name)
    assert len(names) > 60
    del kept


def test_a_fresh_engine_holds_the_frozen_numbers(h):
    kept = [branched(h), lattice(h)]
    model = heliox.from_neuron(-65)
    sim = Simulation(model, progress=False, batch=2)
    for m in model.mechanisms:
        for name, values in m.values.items():
            if values.ndim == 1:
                handle: Any = sim.var(f"{m.name}.{name}")
                got = np.broadcast_to(handle.values, (2, len(m)))
                np.testing.assert_array_equal(got, [values, values], err_msg=f"{m.name}.{name}")
    np.testing.assert_array_equal(sim.var("v").values, [model.nodes.v] * 2)
    assert isinstance(sim.engine, Engine) and sim.plan.chunks == 1
    del kept


def test_arenas_begin_a_cache_line(h):
    """Offsets are multiples of a line, so that vectors of eight numbers lie in one."""
    keep = [branched(h)]
    engine = Engine(make_plan(heliox.from_neuron(-65), dt=0.025))
    assert engine.A.ctypes.data % 64 == 0
    assert engine.P.ctypes.data % 64 == 0
    assert all(base % 8 == 0 for base in engine.plan.G[:, 0])
    del keep


def test_views_are_in_place(h):
    """`device_array` is the arena itself."""
    kept = branched(h)
    sim = Simulation(heliox.from_neuron(-65), progress=False, batch=2)
    handle: Any = sim.var("IClamp.amp")
    view = handle.device_array
    view[...] = 0.125
    assert (handle.values == 0.125).all()
    del kept
