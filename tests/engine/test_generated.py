"""The generated module: its text knows no sizes, it is compiled once, its loops are vector code."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import heliox
from heliox.engine.layout import make_plan
from heliox.engine.vary import Vary
from heliox.kernels import cache
from heliox.kernels.codegen import module_text
from heliox.mechanisms import catalogue
from heliox.simulation import Simulation
from tests.against_neuron.models import branched, complete, lattice, ring
from tests.engine.made import network

numba = pytest.importorskip("numba")
from numba.core import event  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


def text(model, **options):
    return module_text(make_plan(model, dt=options.pop("dt", 0.025), **options).program)


def test_text_does_not_depend_on_sizes(h):
    """Other morphologies, cells, synapses, values, steps, batches, cuts: the same text to the letter."""
    texts, side_by_side = set(), set()
    for build in (branched, lattice, ring, complete):
        kept = build(h)
        model = heliox.from_neuron(-65)
        for options in ({}, {"batch": 7}, {"dt": 0.01}, {"chunk_nodes": 1}):
            texts.add(text(model, **options))
        side_by_side.add(text(model, threads=2, batch=7))
        del kept
        h.ParallelContext().gid_clear()
        for section in list(h.allsec()):
            h.delete_section(sec=section)
    assert len(texts) == len(side_by_side) == 1
    assert text(network([1, 1])) == text(network([1]), threads=2) != text(network([1, 1]), threads=2)


def test_text_depends_on_what_it_must():
    model = network([1, 2], [(0, 1, 1.0)], 1)
    base = text(model)
    others = [
        text(model, math="libm"),
        text(model, vary=Vary(weights=True)),
        text(model, vary=Vary(delays=True)),
        text(model, vary=Vary(thresholds=True)),
        text(model, vary=Vary({"pas": {"g"}})),
        text(model.replace(settings=type(model.settings)(secondorder=2))),
        text(network([1], [], 1, [(catalogue.get("IClamp"), [0], {})])),
    ]
    assert len({base, *others}) == 8


# ------------------------------------------------------------------ compiled once


def test_a_second_simulation_compiles_nothing(h):
    kept = branched(h)
    first = heliox.from_neuron(-65)
    sim = Simulation(first, progress=False)
    sim.run(1.0)
    sim.initialize(-65)
    del kept, sim
    for section in list(h.allsec()):
        h.delete_section(sec=section)
    kept = lattice(h)
    second = heliox.from_neuron(-65)
    with event.install_recorder("numba:compile") as recorder:
        for options in ({}, {"batch": 3}, {"dt": 0.05}):
            sim = Simulation(second, progress=False, **options)
            sim.record("v")
            sim.run(1.0)
            sim.reset()
            sim.initialize(-65)
            sim.run(0.5)
        assert [e for _, e in recorder.buffer if e.is_start] == []
    del kept


def test_a_second_process_compiles_nothing(h, tmp_path):
    """The machine code is found again in the cache."""
    kept = [complete(h)]
    heliox.from_neuron(-65).save(tmp_path / "model.h5")
    program = textwrap.dedent(
        """
        import sys
        import heliox
        from numba.core import event
        with event.install_recorder("numba:compile") as recorder:
            sim = heliox.Simulation(heliox.load(sys.argv[1]), progress=False)
            sim.record("v")
            sim.run(1.0)
        print(sum(e.is_start for _, e in recorder.buffer))
        """
    )
    counts = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "model.h5")],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        counts.append(int(done.stdout))
    assert counts[1] == 0
    del kept


def test_a_module_is_found_by_its_text():
    model = network([1, 2], [], 1)
    one, two = (cache.load(text(model)) for _ in range(2))
    assert one is two and Path(str(one.__file__)).read_text() == text(model)


def test_machine_code_of_different_texts_has_different_names():
    """Modules from the cache share a process: of two functions of one name the first would serve both."""
    found = {}
    for math in ("fast", "libm"):
        for thing in vars(cache.load(text(network([1]), math=math))).values():
            if hasattr(thing, "py_func") and not thing.targetoptions.get("forceinline"):  # these have no name
                found[id(thing)] = thing.py_func
    names = [(f.__module__, f.__qualname__) for f in found.values()]
    assert ("heliox.kernels.fixed", "fast.eliminate") in names and len(names) > 80
    assert len(names) == len(set(names))


# ------------------------------------------------------------------ one block


@pytest.fixture(scope="module")
def module():
    """A module with the library's mechanisms, made without NEURON."""
    extra: list[tuple] = [(catalogue.get(f"{x}_ion", 1.0), [0], {}) for x in ("na", "k")]
    extra += [(catalogue.get(n), [0], {}) for n in ("hh", "Exp2Syn", "IClamp")]
    return cache.load(text(network([1], [], 0, extra)))


def test_the_blocks_compute_what_the_functions_say(module):
    """One block function against the mechanism's own Python text."""
    function = module.pas_current_block
    rng = np.random.default_rng(0)
    n = 13
    A, P, S = rng.random(64 * 8), rng.random(64 * 8), rng.random(64 * 16)
    before = A.copy(), P.copy(), S.copy()
    call = numba.njit(lambda A, P, S, o, p, m: function(A, P, S, o, p, m))
    call(A, P, S, np.uint64(0), np.uint64(0), np.uint64(n))
    v, g, e = (
        before[2][64 : 64 + n],
        before[1][:n],
        before[1][64 : 64 + n],
    )  # the scratch's first row: effects
    plan = make_plan(network([1]), dt=0.025)
    shared = next(p.struct.shared for p in plan.placements if p.struct.template.name == "pas")
    assert shared == {"g": 0, "e": 1}
    np.testing.assert_array_equal(S[128 : 128 + n], g * (v - e))
    np.testing.assert_array_equal(S[192:], before[2][192:])  # the diagonal begins with g
    np.testing.assert_array_equal(A[n:64], before[0][n:64])  # padding is not computed
