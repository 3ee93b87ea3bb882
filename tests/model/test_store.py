"""Models in files: bit-exact, all or nothing, and nothing but a sound file is read."""

import dataclasses
import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from heliox.errors import ModelError
from heliox.model import model as model_module
from heliox.model import store
from heliox.model.model import Cells, Definition, Model, Settings, walk
from tests.model.sample import cable, sample_model


@pytest.fixture
def path(tmp_path) -> Path:
    """A saved model."""
    sample_model().save(tmp_path / "net.h5")
    return tmp_path / "net.h5"


def forge(path: Path, edit) -> None:
    """Change the HDF5 part with `edit` and give it the right checksum, as somebody would who means harm."""
    with h5py.File(path, "r+") as file:
        edit(file)
    data = path.read_bytes()
    words = data[:512].split(b"; ")
    digest = hashlib.sha256(data[512:]).hexdigest()
    line = b"; ".join(words[:3]) + f"; {len(data) - 512} bytes; sha256 {digest}\n".encode()
    path.write_bytes(line.ljust(512, b"\0") + data[512:])


# --- what is saved is what is read


def test_a_model_is_read_as_it_was_saved(path):
    model, again = sample_model(), store.read(path)
    assert again.hash == model.hash
    assert again.origin == model.origin
    for (place, a), (place_again, b) in zip(walk(model), walk(again), strict=True):
        assert place == place_again
        assert type(a) is type(b)
        if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
            assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes(), place
            assert not b.flags.writeable
        else:
            assert a == b, place


def test_the_order_of_variables_is_kept(path):
    for a, b in zip(sample_model().mechanisms, store.read(path).mechanisms):
        assert list(a.values) == list(b.values)


def test_negative_zeros_and_tiny_numbers_are_kept(path):
    model = sample_model()
    v = np.full(len(model.nodes), -0.0)
    v[:3] = 5e-324, 1.7976931348623157e308, -1e-310
    model = model.replace(nodes=dataclasses.replace(model.nodes, v=v))
    model.save(path)
    assert store.read(path).nodes.v.tobytes() == v.tobytes()


def test_the_same_model_gives_the_same_bytes(path, tmp_path):
    store.read(path).save(tmp_path / "again.h5")
    assert (tmp_path / "again.h5").read_bytes() == path.read_bytes()


def test_the_file_says_what_it_is(path):
    with h5py.File(path) as file:
        assert file.attrs["format"] == "heliox-model"
        assert file.attrs["schema"] == store.SCHEMA
        assert file.attrs["hash"] == sample_model().hash
        assert "heliox" in file.attrs
        assert file["nodes/parent"].dtype == np.int32
    assert path.read_bytes().startswith(f"HelioX model; schema {store.SCHEMA}; ".encode())


def test_text_of_all_sorts_is_kept(path):
    model = sample_model(origin="Zürich, 日本 🧠\n")
    definitions = {**model.definitions, "hh": Definition("hh", "nmodl", ": µS\n" + "x" * 1_000_000)}
    names = ("sömä", *model.sections.name[1:])
    model = model.replace(definitions=definitions, sections=dataclasses.replace(model.sections, name=names))
    model.save(path)
    again = store.read(path)
    assert (again.hash, again.origin, again.sections.name) == (model.hash, model.origin, names)


def test_an_empty_model(path):
    def empty(cls, **given):
        hints = store._fields(cls)
        arrays = {n: np.empty(0, store._dtype(h)) for n, h in hints.items() if store._is_array(h)}
        return cls(**{**{n: () for n in hints}, **arrays, **given})

    model = Model(
        Settings(), empty(Cells), empty(model_module.Sections), empty(model_module.Nodes), (),
        empty(model_module.Sources), empty(model_module.Connections, weight_ptr=np.zeros(1, np.int64)),
        empty(model_module.Events), {},
    )  # fmt: skip
    model.save(path)
    assert store.read(path).hash == model.hash


def test_numbers_of_numpy_are_numbers(path):
    model = sample_model()
    settings = Settings(dt=np.float64(0.025), secondorder=np.int64(0), celsius=6)  # type: ignore[arg-type]
    model = model.replace(settings=settings)
    model.save(path)
    again = store.read(path)
    assert again.hash == model.hash
    assert type(again.settings.dt) is float and type(again.settings.celsius) is int


def test_a_million_nodes(path):
    count, nseg = 1000, 1000
    rows = [(f"C[{k}].dend", k, -1, 0.0, 0, nseg, 100.0, 1.0) for k in range(count)]
    sections, nodes = cable(rows, count)
    rng = np.random.default_rng(0)
    nodes = dataclasses.replace(nodes, v=rng.normal(-65.0, 5.0, len(nodes)), diam=rng.random(len(nodes)))
    cells = Cells(
        tuple(f"C[{k}]" for k in range(count)), np.arange(count, dtype=np.int32), np.full(count, -1)
    )
    model = sample_model().replace(cells=cells, sections=sections, nodes=nodes)
    model.save(path)
    again = store.read(path)
    assert again.hash == model.hash
    assert path.stat().st_size < 30e6


# --- a failed save


@pytest.mark.parametrize("where", ["write", "fsync", "replace"])
def test_a_failed_save_leaves_the_older_file(path, monkeypatch, where):
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    if where == "write":
        monkeypatch.setattr(store, "open", lambda *a, **k: Full(*a, **k), raising=False)
    else:
        monkeypatch.setattr(os, where, full)
    with pytest.raises(ModelError, match="No space left on device; the older file is as it was"):
        sample_model().replace(origin="other").save(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


class Full:
    """A file on a disk that is full after 1000 bytes."""

    def __init__(self, *args, **kwargs):
        self.file = open(*args, **kwargs)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, data):
        self.file.write(data[:1000])
        if len(data) > 1000:
            raise OSError(28, "No space left on device")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
def test_a_disk_that_is_really_full(path):
    import resource

    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
    try:
        with pytest.raises(ModelError, match="cannot be written"):
            sample_model().save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_an_interruption_leaves_the_older_file(path, monkeypatch):
    before = path.read_bytes()

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sample_model().replace(origin="other").save(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_no_file_is_begun_for_a_model_that_cannot_be_read_back(tmp_path):
    model = sample_model()
    wrong: dict[str, dict[str, Any]] = {
        "nodes.parent is 1-d int64": dict(
            nodes=dataclasses.replace(model.nodes, parent=model.nodes.parent.astype(np.int64))
        ),
        "must be finite": dict(settings=Settings(celsius=float("nan"))),
        "64 bits": dict(settings=Settings(random_key=2**70)),
        "must be int": dict(settings=Settings(random_key=1.5)),  # type: ignore[arg-type]
        "NUL": dict(origin="a\0b"),
        "not text": dict(origin="\ud800"),
        "key 'a/b'": dict(definitions={**model.definitions, "a/b": Definition("a/b", "library", "")}),
    }
    for message, change in wrong.items():
        with pytest.raises(ModelError, match=message):
            model.replace(**change).save(tmp_path / "net.h5")
    assert os.listdir(tmp_path) == []


def test_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(ModelError, match="No such file") as e:
        sample_model().save(tmp_path / "none" / "net.h5")
    assert e.value.path == str(tmp_path / "none" / "net.h5")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_saving_through_a_link_keeps_the_link(path, tmp_path):
    (tmp_path / "link.h5").symlink_to(path)
    sample_model(origin="new").save(tmp_path / "link.h5")
    assert (tmp_path / "link.h5").is_symlink()
    assert store.read(path).origin == "new"


# --- damage


def test_random_flips_are_refused(path):
    data, rng = path.read_bytes(), np.random.default_rng(0)
    places = np.concatenate([rng.integers(0, 512, 100), rng.integers(0, len(data), 200)])
    for place in places:
        changed = bytearray(data)
        changed[place] ^= 1 << rng.integers(8)
        path.write_bytes(changed)
        with pytest.raises(ModelError, match=r"net\.h5"):
            store.read(path)


def test_truncations_and_additions_are_refused(path):
    data, rng = path.read_bytes(), np.random.default_rng(1)
    for length in [0, 1, 8, 511, 512, 513, len(data) - 1, *rng.integers(0, len(data), 100)]:
        path.write_bytes(data[:length])
        with pytest.raises(ModelError, match=r"net\.h5"):
            store.read(path)
    path.write_bytes(data + b"\0")
    with pytest.raises(ModelError, match="followed by something else"):
        store.read(path)


def test_random_flips_with_the_right_checksum_never_do_anything_but_fail(path):
    """HDF5's own checks, the shapes and the hash stand behind the checksum of the file."""
    data, rng, model = path.read_bytes(), np.random.default_rng(2), sample_model()
    for place in rng.integers(512, len(data), 300):
        changed = bytearray(data)
        changed[place] ^= 1 << rng.integers(8)
        line = data[:512].split(b"sha256 ")[0] + b"sha256 "
        line += hashlib.sha256(changed[512:]).hexdigest().encode() + b"\n"
        path.write_bytes(line.ljust(512, b"\0") + changed[512:])
        try:
            assert store.read(path).hash == model.hash  # a byte that HDF5 does not use
        except ModelError as e:
            assert "net.h5" in str(e)


# --- other files


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.h5", b"", "it is empty"),
        ("a.h5", b"hello, world", "looks like text that begins with 'hello, world'"),
        ("a.swc", b"1 1 0 0 0 5 -1\n", "heliox.morphology"),
        ("a.mod", b"NEURON { SUFFIX x }", "heliox.load_mod"),
        ("x", b"  NEURON {\n SUFFIX x }", "heliox.load_mod"),
        ("a.py", b"from neuron import h", "heliox.from_neuron"),
        ("a.npz", b"PK\x03\x04" + bytes(100), "zip archive"),
        ("a.h5.gz", b"\x1f\x8b" + bytes(100), "gzip"),
        ("a.pkl", b"\x80\x04\x95", "pickle"),
        ("a.h5", bytes(1000), "nor anything else"),
        ("a.h5", bytes(range(256)) * 4, "nor anything else"),
        ("a.txt", ("µ" * 600).encode()[1:], "nor anything else"),
        ("a.txt", ("x" + "µ" * 600).encode(), "looks like text"),
        ("a.h5", b"\x89HDF\r\n\x1a\nrubbish" + bytes(600), "HDF5 cannot open it"),
        ("a.h5", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ],
)
def test_what_is_no_hdf5_is_refused_with_what_it_looks_like(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=message) as e:
        store.read(tmp_path / name)
    assert e.value.path == str(tmp_path / name)


def test_other_hdf5_is_refused(tmp_path, path):
    for members, message in {("a", "b"): "it holds a, b", ("nodes",): "SONATA", (): "holds nothing"}.items():
        with h5py.File(tmp_path / "other.h5", "w") as file:
            for name in members:
                file[name] = 1
        with pytest.raises(ModelError, match=message):
            store.read(tmp_path / "other.h5")
    (tmp_path / "other.h5").write_bytes(path.read_bytes()[512:])
    with pytest.raises(ModelError, match="without HelioX's header"):
        store.read(tmp_path / "other.h5")


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        store.read(tmp_path / "none.h5")
    with pytest.raises(ModelError, match="it is a folder"):
        store.read(tmp_path)


def test_a_newer_schema_asks_for_an_update(path, monkeypatch):
    monkeypatch.setattr(store, "SCHEMA", 9)
    monkeypatch.setattr(store, "__version__", "9.9")
    sample_model().save(path)
    monkeypatch.undo()
    with pytest.raises(ModelError, match=r"newer HelioX, 9\.9 \(schema 9\).*Update"):
        store.read(path)


def test_a_field_that_an_older_file_lacks_gets_its_default(path, monkeypatch):
    def drop(file):
        for member in file["mechanisms"].values():
            del member["style"]

    forge(path, drop)
    with pytest.raises(ModelError, match=r"mechanisms\[0\]\.style is missing"):
        store.read(path)
    monkeypatch.setattr(store, "SCHEMA", store.SCHEMA + 1)
    assert all(len(m.style) == 0 for m in store.read(path).mechanisms)


# --- a file made to do harm


def replace(file, name, **dataset):
    del file[name]
    file.create_dataset(name, **dataset)


def external(file, name):
    del file[name]
    file[name] = h5py.ExternalLink("other.h5", "/x")


def soft(file, name):
    del file[name]
    file[name] = h5py.SoftLink("/nodes/a")


def virtual(file, name):
    shape = file[name].shape
    layout = h5py.VirtualLayout(shape, np.float64)
    layout[:] = h5py.VirtualSource("other.h5", "x", shape)
    del file[name]
    file.create_virtual_dataset(name, layout)


def outside(file, name):
    shape = file[name].shape
    replace(file, name, shape=shape, dtype="f8", external=[("secret", 0, 8 * shape[0])])


def neither(file, name):
    data = file[name]
    data.id.write(h5py.h5s.ALL, h5py.h5s.ALL, np.full(data.shape, 5, np.uint8), mtype=data.id.get_type())


def recurse(file, name):
    del file[name]
    file[name] = file["/"]


HARM = {
    "external link": (lambda f: external(f, "nodes/v"), "link to elsewhere"),
    "soft link": (lambda f: soft(f, "nodes/v"), "link to elsewhere"),
    "dangling link": (lambda f: soft(f, "mechanisms/0/values/cm"), "link to elsewhere"),
    "virtual data": (lambda f: virtual(f, "nodes/v"), "external, virtual or filtered"),
    "external data": (lambda f: outside(f, "nodes/v"), "external, virtual or filtered"),
    "group in itself": (lambda f: recurse(f, "mechanisms/0"), "missing"),
    "values in themselves": (lambda f: recurse(f, "mechanisms/0/values"), "is a Group"),
    "huge shape": (
        lambda f: replace(f, "nodes/v", shape=(2**50,), dtype="f8", chunks=(1000,)),
        "claims the shape",
    ),
    "huge shape without chunks": (
        lambda f: replace(f, "nodes/v", shape=(2**32,), dtype="f8", fillvalue=1.0),
        "claims the shape",
    ),
    "huge chunk": (
        lambda f: replace(
            f, "nodes/v", data=np.zeros(24), maxshape=(None,), chunks=(2**22,), compression="gzip"
        ),
        "claims the shape",
    ),
    "more than declared": (
        lambda f: replace(f, "nodes/v", data=np.zeros(10**6), compression="gzip", chunks=True),
        "claims the shape",
    ),
    "unknown filter": (lambda f: replace(f, "nodes/v", data=np.zeros(24), compression="lzf"), "filtered"),
    "more memory than there is": (lambda f: f.attrs.modify("bytes", 2**62), "GiB"),
    "negative memory": (lambda f: f.attrs.modify("bytes", -1), "claims the shape"),
    "no memory": (lambda f: f.attrs.__delitem__("bytes"), "attribute bytes of / is missing"),
    "another type": (lambda f: replace(f, "nodes/v", data=np.zeros(24, "f4")), "must be 1-d of float64"),
    "another shape": (lambda f: replace(f, "nodes/v", data=np.zeros((24, 1))), "must be 1-d of float64"),
    "objects": (lambda f: replace(f, "nodes/v", shape=(24,), dtype=h5py.string_dtype()), "1-d of float64"),
    "no data space": (lambda f: replace(f, "nodes/v", data=h5py.Empty("f8")), "1-d of float64"),
    "no bools": (lambda f: neither(f, "connections/active"), "neither true nor false"),
    "a missing dataset": (lambda f: f.__delitem__("nodes/v"), "nodes.v is missing"),
    "a missing group": (lambda f: f.__delitem__("events"), "events is missing"),
    "a missing attribute": (lambda f: f["settings"].attrs.__delitem__("dt"), "settings.dt is missing"),
    "a dataset for a group": (lambda f: replace(f, "events", data=1), "must be a Group"),
    "a group for a dataset": (
        lambda f: (f.__delitem__("nodes/v"), f.create_group("nodes/v")),
        "must be a Dataset",
    ),
    "an attribute of another type": (lambda f: f["settings"].attrs.create("dt", "x"), "must be float"),
    "an array as attribute": (
        lambda f: f["settings"].attrs.create("dt", np.zeros(10**3)),
        "neither a number",
    ),
    "an unterminated name": (lambda f: f["cells/name"].write_direct(np.full(16, 65, np.uint8)), "NUL"),
    "names that are no UTF-8": (lambda f: f["cells/name"].write_direct(np.full(16, 255, np.uint8)), "NUL"),
    "one value": (lambda f: f["nodes/v"].__setitem__(3, 1.0), "wrong hash"),
    "a value out of range": (lambda f: f["nodes/parent"].__setitem__(3, 99), "parent is 99"),
    "a NaN": (lambda f: f["nodes/v"].__setitem__(3, np.nan), "finite"),
    "another text": (
        lambda f: f["definitions/hh"].attrs.modify("text", "import os"),
        "text of .*hh.*SHA-256",
    ),
    "another format": (lambda f: f.attrs.modify("format", "x"), "format is 'x'"),
    "no format": (lambda f: f.attrs.__delitem__("format"), "format is None"),
    "another schema": (lambda f: f.attrs.modify("schema", 0), "header is damaged"),
}


@pytest.mark.parametrize("harm", HARM)
def test_harmful_files_are_refused(path, harm):
    edit, message = HARM[harm]
    forge(path, edit)
    with pytest.raises(ModelError, match=message) as e:
        store.read(path)
    assert e.value.path == str(path)


def test_the_same_data_under_many_names_is_refused(path):
    """A small file that would become large by naming one dataset again and again."""

    def many(file):
        values = file["mechanisms/0/values"]
        for k in range(3000):
            values[f"x{k}"] = values["cm"]

    forge(path, many)
    with pytest.raises(ModelError, match="claims the shape"):
        store.read(path)
