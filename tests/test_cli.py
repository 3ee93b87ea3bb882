"""The command line: what it prints, what it writes, and how it fails."""

import subprocess
import sys
from pathlib import Path

import h5py
import pytest

import heliox
from heliox import cli, demo
from heliox.errors import ModelError
from heliox.kernels import device

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def model(h, tmp_path):
    """A saved model of four of the demo's cells."""
    network = demo.build(h, 4)
    path = tmp_path / "net.h5"
    heliox.from_neuron(v_init=-65.0, h=h).save(path)
    del network
    return path


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"heliox {heliox.__version__}\n"


def test_info(capsys):
    assert cli.main(["info"]) == 0
    out = capsys.readouterr().out
    for name in ("heliox", "python", "numpy", "numba", "h5py", "processor", "threads", "GPU", "cache"):
        assert any(line.startswith(name) for line in out.splitlines()), name


def test_what_is_missing_comes_with_its_line(monkeypatch):
    versions = dict.fromkeys(cli.PACKAGES, "1.0")
    assert cli._missing(versions) == ["nothing is missing"]
    versions["neuron"] = ""
    monkeypatch.setattr(sys, "platform", "linux")
    assert 'pip install "neuron>=9.0.2"' in cli._missing(versions)[0]
    monkeypatch.setattr(sys, "platform", "win32")
    assert "no wheels for Windows" in cli._missing(versions)[0]


def test_info_says_what_the_gpu_is_or_why_there_is_none(monkeypatch, capsys):
    lines = ["NVIDIA H200, compute capability 9.0, driver for CUDA 13.0", "with numba-cuda 0.30.4"]
    monkeypatch.setattr(device, "describe", lambda: lines)
    assert cli.main(["info"]) == 0
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("GPU ")]
    assert [line.removeprefix("GPU").strip() for line in shown] == lines


def test_demo(h, tmp_path, capsys):
    out = tmp_path / "demo"
    assert cli.main(["demo", "--cells", "4", "--tstop", "20", "--out", str(out)]) == 0
    assert "max |dV| = 0.0 mV" in capsys.readouterr().out
    assert sorted(p.name for p in out.iterdir()) == ["model.h5", "network.png", "recordings.h5"]


def test_run(model, tmp_path, capsys):
    results = tmp_path / "results.h5"
    words = ["run", str(model), "--tstop", "20", "--every", "0.1", "--out", str(results)]
    assert cli.main(words) == 0
    out = capsys.readouterr().out
    assert "ran to t = 20 ms" in out and "Cell[0].soma[0](0.5).v:" in out and "mV" in out
    with h5py.File(results) as f:
        assert len(f["recordings"]) == 4
        assert f["recordings/3/values"].shape == (201,)
        assert f["recordings/0/t"].attrs["unit"] == "ms"
        assert f.attrs["math"] == "fast" and f.attrs["tstop"] == 20.0
        assert len(f["spikes/t"]) > 0
    words = ["run", str(model), "--tstop", "1", "--record", "Cell[1].dend[0](0.5).v", "ExpSyn[0].g", "--out"]
    assert cli.main([*words, str(results), "--math", "libm"]) == 0
    with h5py.File(results) as f:
        assert [f[f"recordings/{k}"].attrs["unit"] for k in range(2)] == ["mV", "uS"]


def test_compare(h, tmp_path, capsys):
    script = tmp_path / "my_model.py"
    script.write_text(
        "import sys\nfrom neuron import h\nfrom heliox import demo\n"
        "h.load_file('stdrun.hoc')\nh.tstop = 20\nnetwork = demo.build(h, int(sys.argv[1]))\n"
    )
    assert cli.main(["compare", str(script), "--math", "libm", "--", "4"]) == 0
    out = capsys.readouterr().out
    assert "max |dV| = 0.0 mV" in out and ", 20 ms in steps" in out
    assert cli.main(["compare", str(script), "--tstop", "5", "--record", "soma", "--", "4"]) == 0
    assert "4 places" in capsys.readouterr().out


def test_scripts(h, tmp_path):
    script = tmp_path / "cell.py"
    (tmp_path / "size.py").write_text("L = 17.0\n")
    script.write_text(
        "import sys\nimport size\nfrom neuron import h\nsoma = h.Section(name='soma')\nsoma.L = size.L\n"
        "words = sys.argv\nname = __name__\n"
    )
    kept = cli.execute(str(script), ["a"])
    assert (kept["words"], kept["name"], kept["soma"].L) == ([str(script), "a"], "__main__", 17.0)
    script.write_text("raise SystemExit('no data')")
    with pytest.raises(ModelError, match="ended with 'no data'"):
        cli.execute(str(script))
    with pytest.raises(ModelError, match="there is no file"):
        cli.execute(str(tmp_path / "nothing.py"))
    script.write_text("import sys\nx = 1\nsys.exit()")
    assert cli.execute(str(script))["x"] == 1


def test_hoc_scripts(h, tmp_path):
    script = tmp_path / "cell.hoc"
    script.write_text("create hocsoma\nhocsoma { nseg = 3 }\n")
    assert cli.execute(str(script), h=h) == {}
    assert h.hocsoma.nseg == 3
    h.delete_section(sec=h.hocsoma)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["run", "nothing.h5"], "there is no such file"),
        (["compare", "nothing.py"], "there is no file 'nothing.py'"),
        (["demo", "--morphology", "nothing.swc"], "there is no file 'nothing.swc'"),
    ],
)
def test_errors_are_one_line(h, tmp_path, monkeypatch, capsys, words, complaint):
    monkeypatch.chdir(tmp_path)
    assert cli.main(words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("heliox: ") and complaint in lines[0]


def test_errors_of_a_model_are_one_line(model, capsys):
    assert cli.main(["run", str(model), "--record", "Cell[0].sooma[0](0.5).v"]) == 2
    assert "did you mean 'Cell[0].soma[0]'" in capsys.readouterr().err
    assert cli.main(["run", str(model), "--every", "0.03"]) == 2
    assert "multiple of dt" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["fly"], ["run", "x.h5", "--tstop", "-1"], ["demo", "--cells", "0"]])
def test_wrong_words_are_explained(words, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(words)
    assert stop.value.code == 2
    assert "usage: heliox" in capsys.readouterr().err


def test_as_a_process(tmp_path):
    words = [sys.executable, "-m", "heliox.cli", "run", str(tmp_path / "nothing.h5")]
    run = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 2 and "Traceback" not in run.stderr and run.stderr.startswith("heliox: ")


def test_demo_learn(tmp_path, capsys):
    pytest.importorskip("sklearn", reason="scikit-learn, which brings the digits, is not installed")
    assert cli.main(["demo", "learn", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    found = float(said.partition("in the full trees: ")[2].partition(" %")[0])
    assert found > 93.0
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"learning.png", "confusion.png"}
