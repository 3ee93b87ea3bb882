"""Data sets: MNIST's files and damaged ones, scikit-learn's digits, splits and batches."""

import gzip
import hashlib
import sys

import numpy as np
import pytest

from heliox import learn
from heliox.errors import ModelError
from heliox.learn.mnist import FILES, read_idx

R = np.random.default_rng(5)
IMAGES = {"train": R.integers(0, 256, (12, 3, 2), np.uint8), "test": R.integers(0, 256, (5, 3, 2), np.uint8)}
LABELS = {part: np.arange(len(x), dtype=np.uint8) % 10 for part, x in IMAGES.items()}


def idx(array):
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return b"\0\0\x08" + bytes([array.ndim]) + sizes + array.tobytes()


@pytest.fixture
def folder(tmp_path):
    for part, names in FILES.items():
        for name, array in zip(names, (IMAGES[part], LABELS[part]), strict=True):
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
    return tmp_path


def same(train, test):
    for part, found in (("train", train), ("test", test)):
        np.testing.assert_array_equal(found.images, IMAGES[part].reshape(-1, 6))
        np.testing.assert_array_equal(found.labels, LABELS[part])
        assert found.shape == (3, 2) and found.classes == 10 and found.white == 255


def test_compressed_plain_and_npz_are_the_same(folder, tmp_path, monkeypatch):
    same(*learn.load_mnist(folder))
    for path in list(folder.glob("*.gz")):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    same(*learn.load_mnist(folder))
    file = tmp_path / "set.npz"
    np.savez(file, **{f"x_{p}": IMAGES[p] for p in IMAGES}, **{f"y_{p}": LABELS[p] for p in LABELS})
    same(*learn.load_mnist(file))
    monkeypatch.setenv("HELIOX_DATA", str(folder))
    same(*learn.load_mnist())


def test_mnist_itself(shared):
    train, test = learn.load_mnist(shared / "mnist")
    assert (len(train), len(test), train.shape) == (60_000, 10_000, (28, 28))
    assert train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert train.images.mean() == pytest.approx(33.31842, abs=5e-6)
    path = shared / "mnist" / "t10k-images-idx3-ubyte.gz"
    whole = hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
    assert whole == "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda data: data[:-1], "cut short or damaged"),
        (lambda data: data + b"\0", "cut short or damaged"),
        (lambda data: data[:2], "begins with 0000, not with 00000803"),
        (lambda data: b"", "begins with nothing"),
        (lambda data: data[:10], "cut short or damaged"),
        (lambda data: b"\0\0\x0d\x03" + data[4:], "no IDX file of unsigned bytes"),
        (lambda data: idx(LABELS["train"]), "begins with 00000801, not with 00000803"),
        (lambda data: gzip.compress(data)[:-9], "cannot be read"),
        (lambda data: b"\x1f\x8b" + data, "cannot be read"),
        (lambda data: idx(IMAGES["test"]), "there are 5 images and labels of shape"),
    ],
)
def test_damaged_files_are_named(folder, damage, says):
    name = FILES["train"][0]
    (folder / f"{name}.gz").unlink()
    (folder / name).write_bytes(damage(idx(IMAGES["train"])))
    with pytest.raises(ModelError, match=says) as e:
        learn.load_mnist(folder)
    assert str(e.value.path).startswith(str(folder))


def test_files_that_are_not_there(folder, tmp_path, monkeypatch):
    monkeypatch.delenv("HELIOX_DATA", raising=False)
    with pytest.raises(ModelError, match="HELIOX_DATA"):
        learn.load_mnist()
    with pytest.raises(ModelError, match="there is no"):
        learn.load_mnist(folder / "nowhere")
    (folder / f"{FILES['test'][1]}.gz").unlink()
    with pytest.raises(ModelError, match=r"neither t10k-labels-idx1-ubyte nor .*\.gz"):
        learn.load_mnist(folder)
    with pytest.raises(ModelError, match="cannot be read"):
        read_idx(folder)


def test_npz_files_of_other_kinds(tmp_path):
    file = tmp_path / "a.npz"
    np.savez(file, x_train=IMAGES["train"], y_train=LABELS["train"])
    with pytest.raises(ModelError, match="no array x_test and no y_test; it has x_train"):
        learn.load_mnist(file)
    np.savez(file, **{f"x_{p}": 1.0 * IMAGES[p] for p in IMAGES}, **{f"y_{p}": LABELS[p] for p in LABELS})
    with pytest.raises(ModelError, match=r"unsigned bytes .* not float64"):
        learn.load_mnist(file)
    for content in (b"", b"no archive", file.read_bytes()[:200]):
        file.write_bytes(content)
        with pytest.raises(ModelError, match="cannot be read as NPZ"):
            learn.load_mnist(file)
    np.save(tmp_path / "a.npy", IMAGES["train"])
    with pytest.raises(ModelError, match="cannot be read as NPZ"):
        learn.load_mnist(tmp_path / "a.npy")


def test_digits():
    pytest.importorskip("sklearn", reason="scikit-learn, which brings the digits, is not installed")
    digits = learn.load_digits()
    assert len(digits) == 1797 and digits.images.shape == (1797, 64) and digits.images.max() == 16
    assert np.bincount(digits.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert digits.intensity.max() == 1.0


def test_digits_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ModelError, match="pip install scikit-learn"):
        learn.load_digits()


def test_splits_and_batches(folder):
    train, _ = learn.load_mnist(folder)
    kept, held = train.split(4, seed=1)
    assert len(kept) == 8 and len(held) == 4
    rows = {tuple(x) for x in kept.images.tolist()} | {tuple(x) for x in held.images.tolist()}
    assert rows == {tuple(x) for x in train.images.tolist()}
    np.testing.assert_array_equal(train.split(4, seed=1)[1].images, held.images)
    assert (train.split(4, seed=2)[1].images != held.images).any()

    plain = list(train.batches(5))
    assert [len(b) for b in plain] == [5, 5, 2] and np.concatenate(plain).tolist() == list(range(12))
    epochs = [np.concatenate(list(train.batches(5, seed=3, epoch=k))) for k in (0, 1, 0)]
    assert all(sorted(e) == list(range(12)) for e in epochs)
    assert (epochs[0] == epochs[2]).all() and (epochs[0] != epochs[1]).any()
    assert train.take([3, 1]).labels.tolist() == [3, 1] and "12 images of 3 x 2" in repr(train)


def test_what_is_no_dataset(folder):
    train, _ = learn.load_mnist(folder)
    with pytest.raises(ModelError, match=r"images of 2 x 2 are a uint8 array \(N, 4\)"):
        learn.Dataset(train.images, train.labels, (2, 2))
    with pytest.raises(ModelError, match="label of sample 3 is 3; legal are whole numbers from 0 to 2"):
        learn.Dataset(train.images, train.labels, (3, 2), classes=3)
    with pytest.raises(ModelError, match="12 cannot be held back"):
        train.split(12)
    with pytest.raises(ModelError, match="batch of 0"):
        next(train.batches(0))
