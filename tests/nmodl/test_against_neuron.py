"""Translated mod files against NEURON, which runs the same files compiled by nrnivmodl: bit for bit, whatever
the method.
"""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from heliox.nmodl import translate
from tests.nmodl import reference

HERE = Path(__file__).parent
CASES: dict[str, dict] = {
    "gates": {
        "mechanisms": ["gates"],
        "record": ["gates.m", "gates.h", "gates.n", "gates.gna", "ina", "ik"],
        "set": {"gates.gl": 0.001},
        "celsius": 8.1,
        "v": -40.0,
    },
    "gates_plain": {
        "mechanisms": ["gates"],
        "record": ["gates.m", "gates.h", "gates.n"],
        "globals": {"usetable_gates": 0},
        "v": -50.0,
    },
    "calcium": {
        "mechanisms": ["calcium", "pool", "sk"],
        "v": -20.0,
        "celsius": 34.0,
        "record": ["calcium.m", "calcium.ghkcurrent", "cai", "eca", "ica", "ik", "sk.z"],
    },
    "legacy": {
        "mechanisms": ["legacy"],
        "v": -30.0,
        "celsius": 25.0,
        "globals": {"vhalf_legacy": -45.0},
        "record": ["legacy.x", "legacy.total", "legacy.count", "legacy.odd"],
    },
    "powers": {
        "mechanisms": ["powers"],
        "v": -30.0,
        "record": ["powers.square", "powers.reciprocal", "powers.cube"],
    },
    "implicit": {
        "mechanisms": ["implicit"],
        "v": -30.0,
        "record": ["implicit.a", "implicit.b"],
    },
    "single": {
        "mechanisms": ["single"],
        "v": -30.0,
        "record": ["single.c"],
    },
    "explicit": {
        "mechanisms": ["explicit"],
        "v": -30.0,
        "record": ["explicit.a", "explicit.b"],
        "dt": 0.05,
    },
    "scheme": {
        "mechanisms": ["scheme"],
        "v": -30.0,
        "record": ["scheme.c1", "scheme.c2", "scheme.c3", "scheme.o", "ik"],
    },
    "buffer": {
        "mechanisms": ["calcium", "buffer"],
        "v": -20.0,
        "record": [
            "cai",
            "eca",
            "buffer.ca[0]",
            "buffer.ca[2]",
            "buffer.bound[1]",
            "buffer.total",
            "buffer.influx",
        ],
    },
    "algebra": {
        "mechanisms": ["algebra"],
        "v": -70.0,
        "record": ["algebra.p", "algebra.q", "algebra.r", "algebra.u", "algebra.w"],
    },
    "synapse": {
        "mechanisms": ["gates", "syn"],
        "points": ["syn"],
        "connections": [[0.02], [0.005]],
        "v": -65.0,
        "events": [[0, 1.0], [1, 1.01], [0, 3.3124], [0, 3.33], [1, 6.0]],
        "record": ["syn.A", "syn.B", "syn.i", "syn.hits", "gates.m"],
    },
    "clamp": {
        "mechanisms": ["gates", "clamp"],
        "points": ["clamp"],
        "v": -65.0,
        "record": ["clamp.i", "gates.m"],
    },
    "tabled": {
        "mechanisms": ["tabled"],
        "v": -45.0,
        "celsius": 30.0,
        "globals": {"temp_tabled": 21.0},
        "record": ["tabled.n"],
    },
    "ccode": {
        "mechanisms": ["ccode", "drive"],
        "points": ["drive"],
        "record": [f"ccode.{x}" for x in ("total", "rounds", "parity", "chosen", "polynomial", "early")],
    },
    "spread": {
        "mechanisms": ["spread"],
        "record": ["cai", "spread.ca[1]", "spread.pump", "spread.pumped", "spread.total"],
    },
    "gated": {
        "mechanisms": ["gated", "drive"],
        "points": ["drive"],
        "record": ["gated.c", "gated.o", "gated.d", "ik"],
    },
    "gated_slowly": {
        "mechanisms": ["gated"],
        "v": -20.0,
        "record": ["gated.c", "gated.o", "gated.d", "ik"],
        "set": {"gated.fast": 0},
    },
    "hinted": {
        "mechanisms": ["hinted"],
        "v": -45.0,
        "record": ["hinted.n", "ik"],
    },
    "hinted_range": {
        "mechanisms": ["hintedr"],
        "v": -45.0,
        "record": ["hintedr.n", "hintedr.g", "hintedr.gl", "hintedr.seen", "ik"],
    },
    "names": {
        "mechanisms": ["names"],
        "v": -65.0,
        "record": [],
    },
    "before": {
        "mechanisms": ["before", "gates"],
        "v": -45.0,
        "record": ["before.peak", "before.steps", "before.doubled"],
    },
}


def source(name: str) -> str:
    return (HERE / "mods" / f"{name}.mod").read_text()


@pytest.fixture(scope="session")
def neuron_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """All cases run in NEURON: one compilation, one process."""
    nrnivmodl = shutil.which("nrnivmodl", path=str(Path(sys.executable).parent)) or shutil.which("nrnivmodl")
    if nrnivmodl is None or not (shutil.which("g++") or shutil.which("c++")):
        pytest.skip("needs nrnivmodl and a C++ compiler")
    work = tmp_path_factory.mktemp("neuron")
    folder = work / "mods"  # NEURON loads by itself what lies in the current folder
    folder.mkdir()
    for file in sorted((HERE / "mods").glob("*.mod")):
        shutil.copy(file, folder)
    built = subprocess.run([nrnivmodl], cwd=folder, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    library = next(p for p in folder.rglob("libnrnmech*") if p.suffix in (".so", ".dylib"))
    (work / "cases.json").write_text(json.dumps({n: {"steps": 400, **c} for n, c in CASES.items()}))
    command = [sys.executable, str(HERE / "neuron_side.py"), "cases.json", str(library), "result.pickle"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    with open(work / "result.pickle", "rb") as f:
        return pickle.load(f)


@pytest.mark.parametrize("name", CASES)
def test_run(name: str, neuron_runs: dict[str, dict]) -> None:
    case = {"steps": 400, **CASES[name]}
    templates = [translate(source(m), f"{m}.mod") for m in case["mechanisms"]]
    if "usetable_gates" in case.get("globals", {}):
        for t in templates:
            object.__setattr__(t, "tables", ())
    measured = neuron_runs[name]
    ours = reference.run(templates, case, measured)
    for k, (mine, theirs) in enumerate(zip(ours, measured["rows"], strict=True)):
        for label, a, b in zip(["v", *case["record"]], mine, theirs, strict=True):
            assert a == b, (label, k)
