"""The demo: a network of branched cells, all of it equal to NEURON."""

import h5py
import numpy as np
import pytest

import heliox
from heliox import demo
from heliox.errors import HelioXError, ModelError

SWC = """# a soma, a dendrite that branches, an axon
1 1 0 0 0 8 -1
2 1 0 8 0 8 1
3 3 0 60 0 1.2 2
4 3 0 140 10 1.0 3
5 3 -60 220 0 0.6 4
6 3 60 230 0 0.6 4
7 2 0 -10 0 0.5 1
8 2 0 -90 0 0.5 7
"""


def test_run_writes_what_it_found(h, tmp_path):
    lines: list[str] = []
    result = demo.run(cells=4, tstop=30.0, out=tmp_path / "new" / "folder", say=lines.append, h=h)
    assert result.good
    assert result.exact.max_dv == 0.0 and result.fast.max_dv < 1e-8
    assert {len(result.exact.sites), len(result.fast.sites)} == {sum(s.nseg for s in h.allsec())}
    assert len(result.light.sites) == 4
    text = "\n".join(lines)
    assert "max |dV| = 0.0 mV" in text and "NEURON's speed" in text
    assert heliox.load(result.files["model"]).hash == result.fast.model.hash
    assert result.files["figure"].read_bytes().startswith(b"\x89PNG")
    with h5py.File(result.files["recordings"]) as f:
        assert f["recordings/0/values"].shape == (4, 1201)
        assert f["recordings/0"].attrs["unit"] == "mV"
        assert f["recordings/0/names"].asstr()[0] == "Cell[0].soma[0](0.5).v"
        np.testing.assert_array_equal(f["spikes/t"][:], result.fast.spikes.t)
        names = f["spikes/names"].asstr()[:][f["spikes/source"][:]]
        assert names.tolist() == result.fast.spikes.source.tolist()
        assert f.attrs["model"] == result.fast.model.hash


def test_the_network_is_what_its_seed_says(h):
    first = demo.build(h, 4, seed=3)
    shape = [(s.name(), s.L, s.nseg, s.n3d()) for s in h.allsec()]
    weights = [(c.delay, c.weight[0], c.postseg().x) for c in first.connections]
    for section in h.allsec():
        h.delete_section(sec=section)
    del first, section
    second = demo.build(h, 4, seed=3)
    assert shape == [(s.name(), s.L, s.nseg, s.n3d()) for s in h.allsec()]
    assert weights == [(c.delay, c.weight[0], c.postseg().x) for c in second.connections]
    assert len({s.nseg for s in h.allsec()}) > 1
    assert all(s.n3d() >= 2 for s in h.allsec())


def test_a_morphology_from_a_file(h, tmp_path):
    path = tmp_path / "cell.swc"
    path.write_text(SWC)
    result = demo.run(cells=2, tstop=10.0, morphology=str(path), out=tmp_path, say=lambda line: None, h=h)
    assert result.good
    assert [s.name() for s in result.network.cells[1].axon] == ["Cell[1].axon[0]"]
    assert {s.name().partition(".")[2] for s in h.allsec()} == {
        "soma[0]", "axon[0]", "dend[0]", "dend[1]", "dend[2]",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("1 1 0 0 0 1 -1\n1 1 0 9 0 1 1\n", "line 2: point 1 occurs twice"),
        ("1 1 0 0 0 1 -1\n2 1 0 9 0 1 3\n3 1 0 1 0 1 1\n", "line 2: the parent 3 of point 2 does not come"),
        ("1 1 0 0\n", "line 1 is not a point"),
        ("# nothing\n", "holds no points"),
    ],
)
def test_a_bad_morphology_names_its_line(h, tmp_path, text, complaint):
    path = tmp_path / "cell.swc"
    path.write_text(text)
    with pytest.raises(ModelError, match=complaint):
        demo.build(h, 1, morphology=str(path))


def test_what_else_cannot_be_built(h, tmp_path):
    with pytest.raises(ModelError, match="at least 1"):
        demo.build(h, 0)
    with pytest.raises(ModelError, match="there is no file"):
        demo.build(h, 1, morphology=str(tmp_path / "nothing.swc"))
    (tmp_path / "cell.txt").write_text(SWC)
    with pytest.raises(ModelError, match=r"ends in \.swc or \.asc"):
        demo.build(h, 1, morphology=str(tmp_path / "cell.txt"))
    with pytest.raises(HelioXError, match="cannot be made"):
        demo.run(out=tmp_path / "cell.txt" / "folder", h=h)


@pytest.mark.parametrize("file", ["ca1_n120.swc", "stellate.asc"])
def test_reconstructed_cells(h, shared, tmp_path, file):
    result = demo.run(
        cells=2, tstop=20.0, morphology=str(shared / "morphologies" / file), out=tmp_path,
        say=lambda line: None, h=h,
    )  # fmt: skip
    assert result.good and result.fast.segments > 200 and len(result.fast.spikes) > 0
