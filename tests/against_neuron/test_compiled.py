"""WATCH, FOR_NETCONS, POINTER, diffusion, tables inside functions, events that connections send when they are
set up: own mod files, compiled by NEURON and translated by HelioX."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def test_compiled_mechanisms(tmp_path):
    pytest.importorskip("neuron", reason="NEURON is not installed (it has no wheels for this platform)")
    nrnivmodl = shutil.which("nrnivmodl", path=str(Path(sys.executable).parent)) or shutil.which("nrnivmodl")
    if nrnivmodl is None or not (shutil.which("g++") or shutil.which("c++")):
        pytest.skip("needs nrnivmodl and a C++ compiler")
    mods = tmp_path / "mods"
    shutil.copytree(HERE / "mods", mods)
    built = subprocess.run([nrnivmodl], cwd=mods, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    library = next(p for p in mods.rglob("libnrnmech*") if p.suffix in (".so", ".dylib"))
    command = [sys.executable, "-m", "tests.against_neuron.compiled", str(library)]
    run = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    found = json.loads(run.stdout.splitlines()[-1])
    differences = found["differences"]
    assert differences.pop("spikes") >= 10
    assert found["flat"] == [] and found["largest"] > 20
    assert {p: d for p, d in differences.items() if d != 0.0} == {}
