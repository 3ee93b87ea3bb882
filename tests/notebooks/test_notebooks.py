"""The notebooks, executed from top to bottom in a small size."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: pip install 'heliox[notebook]'")


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, tmp_path, monkeypatch):
    nbclient = pytest.importorskip(
        "nbclient", reason="nbclient is not installed: pip install 'heliox[notebook]'"
    )
    pytest.importorskip("ipykernel", reason="ipykernel is not installed: pip install 'heliox[notebook]'")
    monkeypatch.setenv("HELIOX_NOTEBOOK_SMALL", "1")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(path, as_version=4)
    if any("from neuron import" in cell.source for cell in notebook.cells):
        pytest.importorskip("neuron", reason="NEURON is not installed (it has no wheels for this platform)")
    else:  # the kernel starts here and finds this instead
        (tmp_path / "neuron.py").write_text("raise ImportError('this notebook does without NEURON')\n")
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_stripped(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert cell.cell_type != "code" or (not cell.outputs and cell.execution_count is None)
        assert not cell.metadata, "metadata of a cell"


def test_there_are_notebooks():
    assert NOTEBOOKS
