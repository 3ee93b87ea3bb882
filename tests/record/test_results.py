"""Results in files and as tables of other libraries: what was recorded comes back, with names and units."""

import builtins
import os

import h5py
import numpy as np
import pytest

from heliox.errors import HelioXError, ModelError
from heliox.record import load_results
from heliox.record.results import Samples, save_results
from heliox.record.spikes import Spikes
from heliox.simulation import Simulation
from tests.record.ring import ring


@pytest.fixture(scope="module", params=[1, 2], ids=["one member", "two members"])
def run(request):
    """A simulation with three kinds of recording: all voltages, one place, a sparse one."""
    sim = Simulation(ring(), batch=request.param, progress=False)
    recordings = [
        sim.record("v", where="Cell[1]"),
        sim.record("Cell[1].soma(0.5).hh.m"),
        sim.record("ExpSyn.g", every=0.5),
    ]
    sim.run(15.0)
    assert len(sim.spikes) > 5
    return sim, recordings


def test_what_is_loaded_is_what_was_recorded(run, tmp_path):
    sim, recordings = run
    sim.save_results(tmp_path / "run.h5", comment="a test", tstop=15.0)
    assert os.listdir(tmp_path) == ["run.h5"]
    results = load_results(tmp_path / "run.h5")
    assert len(results.recordings) == 3
    for read, recording in zip(results.recordings, recordings):
        np.testing.assert_array_equal(read.t, recording.t)
        np.testing.assert_array_equal(read.values, recording.values)
        assert (list(read.names), read.unit) == (recording.names, recording.unit)
    for name in ("t", "index", "gid", "member", "source"):
        np.testing.assert_array_equal(getattr(results.spikes, name), getattr(sim.spikes, name))
    assert results.spikes.names == sim.spikes.names
    about = {**results.about}
    assert about.pop("heliox") and about == {
        "model": sim.model.hash, "dt": 0.025, "t": sim.t, "math": "fast", "batch": sim.batch,
        "comment": "a test", "tstop": 15.0,
    }  # fmt: skip
    gates = results["Cell[1].soma(0.5).hh.m"]
    assert gates.unit == "" and gates.values.max() > 0.9
    with pytest.raises(ModelError, match=r"did you mean 'Cell\[1\]\.soma\(0\.5\)\.hh\.m'"):
        results["Cell[1].soma(0.5).hh.n"]


def test_any_hdf5_reader_finds_its_way(run, tmp_path):
    sim, (v, *_) = run
    sim.save_results(tmp_path / "run.h5")
    with h5py.File(tmp_path / "run.h5") as f:
        assert f["recordings/0"].attrs["unit"] == "mV" and f["recordings/0/t"].attrs["unit"] == "ms"
        assert f["recordings/0/names"].asstr()[:].tolist() == v.names
        np.testing.assert_array_equal(f["recordings/0/values"][()], v.values)
        assert f["spikes/names"].asstr()[f["spikes/source"][0]] == sim.spikes.source[0]


def test_nothing_recorded_and_no_spikes(tmp_path):
    none = Spikes(np.empty(0), np.empty(0, int), np.empty(0, int), np.empty(0, int), ())
    save_results(tmp_path / "run.h5", [], none)
    results = load_results(tmp_path / "run.h5")
    assert results.recordings == () and len(results.spikes) == 0


def test_what_is_no_file_of_results(run, tmp_path):
    sim, _ = run
    path = tmp_path / "run.h5"
    sim.save_results(path)
    good = path.read_bytes()
    sim.model.save(tmp_path / "model.h5")
    for name, words in [("model.h5", "no results of HelioX"), ("none.h5", "no such file"), (".", "a folder")]:
        with pytest.raises(ModelError, match=words):
            load_results(tmp_path / name)
    for data in (b"", b"not HDF5 at all", good[: len(good) // 2], good[:-100]):
        path.write_bytes(data)
        with pytest.raises(ModelError, match="holds no results"):
            load_results(path)
    with h5py.File(path, "w") as f:
        f.attrs["format"] = "heliox-results"
        f.create_group("recordings/0")
    with pytest.raises(ModelError, match="can be read"):
        load_results(path)
    with pytest.raises(ModelError, match="cannot be written"):
        sim.save_results(tmp_path / "nowhere" / "run.h5")


def test_changed_samples_are_noticed(run, tmp_path):
    """Samples carry a checksum of their own."""
    sim, _ = run
    path = tmp_path / "run.h5"
    sim.save_results(path)
    with h5py.File(path) as f:
        place = f["recordings/0/values"].id.get_chunk_info(0)
    data = bytearray(path.read_bytes())
    data[place.byte_offset + place.size // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match="can be read"):
        load_results(path)


# --- pandas and xarray


def test_recordings_in_pandas(run):
    pytest.importorskip("pandas")
    sim, recordings = run
    for recording in recordings:
        table = recording.to_pandas()
        assert table.attrs == {"unit": recording.unit, "t_unit": "ms"} and table.index.name == "t"
        np.testing.assert_array_equal(table.index, recording.t)
        for k, name in enumerate(recording.names):
            for member in range(sim.batch):
                column = table[member, name] if sim.batch > 1 else table[name]
                values = recording.values.reshape(sim.batch, len(recording.names), -1)
                np.testing.assert_array_equal(column, values[member, k])


def test_recordings_in_xarray(run):
    pytest.importorskip("xarray")
    sim, recordings = run
    member = ["member"] if sim.batch > 1 else []
    for recording, dimensions, name in zip(
        recordings, (["place", "t"], ["t"], ["place", "t"]), ("v", "hh.m", "g"), strict=True
    ):
        array = recording.to_xarray()
        assert array.dims == (*member, *dimensions) and array.name == name
        assert (array.attrs["units"], array.t.attrs["units"]) == (recording.unit, "ms")
        np.testing.assert_array_equal(array, recording.values)
        last = array.sel(place=recording.names[-1]) if "place" in dimensions else array
        if member:
            last = last.sel(member=1)
        expected = recording.values.reshape(sim.batch, len(recording.names), -1)[-1, -1]
        np.testing.assert_array_equal(last, expected)


def test_spikes_as_tables(run):
    sim, _ = run
    pandas, xarray = pytest.importorskip("pandas"), pytest.importorskip("xarray")
    table, dataset = sim.spikes.to_pandas(), sim.spikes.to_xarray()
    assert isinstance(table, pandas.DataFrame) and isinstance(dataset, xarray.Dataset)
    for name in ("t", "source", "gid", "member"):
        np.testing.assert_array_equal(table[name], getattr(sim.spikes, name))
        np.testing.assert_array_equal(dataset[name], getattr(sim.spikes, name))
    assert dataset.t.attrs == {"units": "ms"}
    counts = table.groupby(["member", "source"]).size()
    assert counts.sum() == len(sim.spikes) and "Cell[1].soma(0.5)" in counts.index.get_level_values("source")


def test_tables_of_what_was_loaded(run, tmp_path):
    pytest.importorskip("pandas"), pytest.importorskip("xarray")
    sim, recordings = run
    sim.save_results(tmp_path / "run.h5")
    for read, recording in zip(load_results(tmp_path / "run.h5").recordings, recordings):
        assert read.to_pandas().equals(recording.to_pandas())
        assert read.to_xarray().identical(recording.to_xarray())


@pytest.mark.parametrize("package", ["pandas", "xarray"])
def test_without_the_library(monkeypatch, package):
    """A message with the line that brings it."""
    own = builtins.__import__

    def missing(name, *rest):
        if name.partition(".")[0] == package:
            raise ImportError(name)
        return own(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    samples = Samples(np.zeros(1), np.zeros(1), ("a(0.5).v",), "mV")
    with pytest.raises(HelioXError, match=rf"{package} is not installed; .*heliox\[data\]"):
        getattr(samples, f"to_{package}")()


# --- SONATA


def spikes(gid, member=(0, 0, 0)):
    return Spikes(
        np.array([3.0, 1.0, 1.0]), np.array([0, 1, 0]), np.array(gid), np.array(member), ("a(0.5)", "b(0.5)")
    )


def test_sonata(tmp_path):
    path = tmp_path / "spikes.h5"
    spikes([17, 23, 17]).save_sonata(path, "cortex")
    with h5py.File(path) as f:
        group = f["spikes/cortex"]
        assert group["timestamps"][:].tolist() == [1.0, 1.0, 3.0]
        assert group["node_ids"][:].tolist() == [17, 23, 17]
        assert (group["timestamps"].dtype, group["node_ids"].dtype) == (np.float64, np.uint64)
        assert group["timestamps"].attrs["units"] == "milliseconds"
        names = h5py.check_enum_dtype(group.attrs.get_id("sorting").dtype)
        assert names == {"none": 0, "by_id": 1, "by_time": 2} and group.attrs["sorting"] == names["by_time"]
        assert f.attrs["magic"] == 0x0A7A and f.attrs["version"].tolist() == [0, 1]


def test_spikes_of_some_sources(run):
    sim, _ = run
    cells = sim.spikes.matching("Cell[?].soma*")
    assert cells.names == tuple(f"Cell[{k}].soma(0.5)" for k in range(3))
    mask = np.char.startswith(sim.spikes.source, "Cell")
    for name in ("t", "source", "member", "gid"):
        np.testing.assert_array_equal(getattr(cells, name), getattr(sim.spikes, name)[mask])
    assert len(cells) + len(sim.spikes.matching("NetStim*")) == len(sim.spikes)
    with pytest.raises(ModelError, match=r"no source is called 'Cell\[9\]\*'"):
        sim.spikes.matching("Cell[9]*")


def test_sonata_by_position(tmp_path):
    path = tmp_path / "spikes.h5"
    with pytest.raises(ModelError, match=r"b\(0\.5\) spiked and has no gid"):
        spikes([17, -1, 17]).save_sonata(path)
    spikes([17, -1, 17]).save_sonata(path, node_ids="index")
    with h5py.File(path) as f:
        assert f["spikes/heliox/node_ids"][:].tolist() == [0, 1, 0]
    with pytest.raises(ModelError, match="did you mean 'index'"):
        spikes([1, 2, 1]).save_sonata(path, node_ids="indx")
    with pytest.raises(ModelError, match="no name of a group"):
        spikes([1, 2, 1]).save_sonata(path, "a/b")
    two = spikes([1, 2, 1], (0, 1, 1))
    with pytest.raises(ModelError, match=r"spikes\.of\(member\)"):
        two.save_sonata(path)
    two.of(1).save_sonata(path)
    with h5py.File(path) as f:
        assert f["spikes/heliox/timestamps"][:].tolist() == [1.0, 1.0]
