"""The benchmark's models are what they are said to be, and its script runs from end to end, dry."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gpu import models, report, timing
from heliox.simulation import Simulation

ROOT = Path(__file__).resolve().parents[2]


def depth(model):
    out = np.zeros(len(model.nodes), int)
    for k, parent in enumerate(model.nodes.parent.tolist()):
        out[k] = out[parent] + 1 if parent >= 0 else 0
    return out


@pytest.mark.parametrize(
    ("build", "segments", "sections", "deep"),
    [
        (models.l5pc, (640, 700), 196, (70, 100)),
        (lambda: models.hpc(1), (1000, 1090), 219, (60, 100)),
        (models.class239, (239, 239), 80, (10, 60)),
        (lambda: models.trees(3, shapes=2), (1850, 2100), 3 * 194, (70, 110)),
    ],
)
def test_cells_are_as_large_as_they_should_be(build, segments, sections, deep):
    model = build()
    assert segments[0] <= timing.segments(model) <= segments[1]
    assert len(model.sections.name) == sections
    assert deep[0] <= depth(model).max() <= deep[1]
    assert build().hash == model.hash


def test_the_network_is_what_it_is_said_to_be():
    model = models.l5pc_network(3, synapses=20)
    c = model.connections
    assert len(model.mechanism("Exp2Syn")) == 60 and len(model.mechanism("NetStim")) == 12
    assert len(c) == 60 and 0.5 <= c.delay.min() < 1.0 and 4.0 < c.delay.max() <= 5.0
    names = np.array([m.name for m in model.mechanisms])
    from_cells = model.sources.mechanism[c.source] < 0
    assert from_cells.sum() == 24 and set(names[c.mechanism]) == {"Exp2Syn"}


def test_members_of_the_class_differ():
    sim = models.class239_batch(3, device="cpu")
    own = np.asarray(models.class239_batch(1, device="cpu").var("hh.gnabar").values)
    values = np.asarray(sim.var("hh.gnabar").values)
    np.testing.assert_array_equal(values[0], own)
    assert len(np.unique(values[:, 0])) == 3
    np.testing.assert_allclose(values[1] / own, values[1, 0] / own[0], rtol=1e-14)


def test_gaps_join_the_ring():
    """The current into one cell reaches all of them."""
    sim = Simulation(models.gap_ring(4), progress=False)
    v = sim.record("v", where="*soma*")
    sim.run(10.0)
    assert (np.ptp(v.values, axis=-1) > 0.5).all()


def test_the_script_runs_dry(tmp_path):
    """Two measurements and no small models: rows, tables, a failure that stops nothing."""
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", "--device", "cpu", "--only", "ring", "trees",
         "--out", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    found = json.loads((tmp_path / "gpu.json").read_text())
    rows = [r["measurement"] for r in found["rows"]]
    assert rows == ["ring", *["trees"] * 6]  # two sizes, three ways to solve
    assert found["rows"][0]["same_bits"] and found["rows"][0]["us_per_step"] > 0.0 and not found["failures"]
    text = (tmp_path / "gpu.md").read_text()
    assert "ring of 1,024 cells" in text and "## Passive trees" in text and "dry run" in text


def test_a_failure_is_in_the_table(tmp_path):
    report.write(tmp_path, [], {"ring": "DeviceError: cuLaunchKernel:\n  it burns"}, {"gpu": "none"}, "said")
    assert report.read(tmp_path) == ([], {"ring": "DeviceError: cuLaunchKernel:\n  it burns"})
    assert "* ring: DeviceError: cuLaunchKernel: it burns" in (tmp_path / "gpu.md").read_text()
