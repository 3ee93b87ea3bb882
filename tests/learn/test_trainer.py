"""Epochs, checkpoints that resume to the same bits, and mistakes that overwrite nothing."""

import h5py
import numpy as np
import pytest

from heliox import learn
from heliox.errors import ModelError, NumericalError
from tests.learn.layered import GIVEN, LAYERS, TIMES, samples, trainer

X, Y = samples()


@pytest.fixture(scope="module")
def straight():
    """Three epochs without a break."""
    t = trainer()
    t.fit(X, Y, 3, validation=samples(12))
    return t


def test_training_lowers_the_loss(straight):
    h = straight.history
    assert h.epochs == 3 and len(h.batches) == 18
    assert h.train_loss[-1] < h.train_loss[0] and h.validation_loss[-1] < h.validation_loss[0]
    shown = straight.evaluate(X, Y)
    assert shown.accuracy == np.mean(shown.predictions == Y) > 1.0 / 3.0
    np.testing.assert_array_equal(straight.predict(X), shown.readout)


def test_a_checkpoint_resumes_to_the_same_bits(straight, tmp_path):
    path = tmp_path / "training.h5"
    trainer(checkpoint=path).fit(X, Y, 1, validation=samples(12))
    again = trainer(checkpoint=path).resume()
    assert again.history.epochs == 1
    again.fit(X, Y, 3, validation=samples(12))
    assert again.x.tobytes() == straight.x.tobytes()
    assert again.history.train_loss == straight.history.train_loss
    assert again.history.batches == straight.history.batches


def test_an_interrupt_leaves_a_checkpoint_in_the_middle_of_an_epoch(straight, tmp_path, monkeypatch):
    path = tmp_path / "training.h5"
    t = trainer(checkpoint=path)
    learn_ = t._learner.learn
    seen = []

    def stopping(*given):
        if len(seen) == 8:
            raise KeyboardInterrupt
        seen.append(1)
        return learn_(*given)

    monkeypatch.setattr(t._learner, "learn", stopping)
    assert t.fit(X, Y, 3, validation=samples(12)).interrupted
    again = trainer(checkpoint=path).resume()
    assert len(again.history.batches) == 8
    before = path.read_bytes()
    for x, y in ((X[::-1], Y), (X, (Y + 1) % 3), (X[:-1], Y[:-1])):
        with pytest.raises(ModelError, match="epoch 2 was interrupted after batch 2 of other samples"):
            again.fit(x, y, 3)
    assert path.read_bytes() == before
    again.fit(X, Y, 3, validation=samples(12))
    assert again.x.tobytes() == straight.x.tobytes()
    assert again.history.train_loss == straight.history.train_loss


def test_early_stopping_keeps_the_best(straight):
    t = trainer(optimizer=learn.SGD(1e-12))
    t.x = straight.x
    h = t.fit(X, Y, 10, validation=(X, (Y + 1) % 3), patience=2)
    assert h.stopped and h.epochs < 10
    best = int(np.argmin(h.validation_loss))
    assert best == h.epochs - 3
    epochs, x = h.epochs, t.x
    assert t.fit(X, Y, 10, validation=(X, (Y + 1) % 3), patience=2).epochs == epochs  # it is lost still
    np.testing.assert_array_equal(t.x, x)
    t.fit(X, Y, 10, validation=(X, (Y + 2) % 3), patience=2)  # which other images may not say
    assert h.epochs >= min(10, epochs + 3)


def test_history_is_saved(straight, tmp_path):
    straight.history.save(tmp_path / "history.h5")
    with h5py.File(tmp_path / "history.h5") as file:
        np.testing.assert_array_equal(file["train_loss"], straight.history.train_loss)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (X, np.where(np.arange(len(Y)) == 5, 3, Y), "label of sample 5 is 3.*from 0 to 2"),
        (np.zeros((2, 3, 3)), [0, 1], "samples are 3 x 3, 9 numbers, and the network takes 8"),
        (X, Y[:-1], "24 samples and 23 targets"),
        (np.where(np.arange(len(X))[:, None] == 7, np.nan, X), Y, "sample 7 holds NaN"),
        (X, np.zeros((len(X), 2)), "do not fit 3 outputs"),
        (np.zeros((0, 8)), [], "there are 0 samples"),
        (3.0, [0], "samples are an array"),
        ([["a"] * 8], [0], "samples are an array"),
        ([[0.0] * 8, [0.0] * 7], [0, 1], "no array of numbers"),
        (X, None, "targets are labels"),
        (X, ["one"] * len(X), "targets are labels"),
        (X + 1j, Y, "not complex"),
    ],
)
def test_wrong_data_are_named(straight, x, y, words):
    before = straight.x
    with pytest.raises(ModelError, match=words):
        straight.fit(x, y, 5)
    assert straight.x.tobytes() == before.tobytes()


def test_a_runaway_names_the_sample_and_the_layer(straight):
    before = straight.x
    t = trainer(shuffle=False)
    x = before.copy()
    x[:48] = 1e12
    t.x = x
    with pytest.raises(NumericalError, match=r"sample \d+, layer1: v became") as e:
        t.fit(X, Y, 1)
    assert e.value.layer == "layer1" and isinstance(e.value.sample, int)
    assert t.x.tobytes() == x.tobytes()


def test_a_loss_that_is_not_finite_names_the_sample(straight, monkeypatch):
    class Broken(learn.SoftmaxCrossEntropy):
        def value_and_gradient(self, readout, target):
            value, slope = super().value_and_gradient(readout, target)
            value[2] = np.nan
            return value, slope

    t = trainer(loss=Broken(), shuffle=False)
    with pytest.raises(NumericalError, match="sample 2, layer3: the loss is NaN"):
        t.fit(X[:4], Y[:4], 1)


def test_no_other_file_is_overwritten(tmp_path):
    path = tmp_path / "training.h5"
    trainer(checkpoint=path).fit(X[:4], Y[:4], 1)
    kept = path.read_bytes()
    with pytest.raises(ModelError, match="is there already: resume from it"):
        trainer(checkpoint=path).fit(X[:4], Y[:4], 1)
    other = trainer(checkpoint=path, optimizer=learn.SGD(0.1))
    with pytest.raises(ModelError, match="another training: optimizer is"):
        other.resume()
    timed = learn.Sequential(*LAYERS, duration=20.0, window=(11.0, 20.0), seed=1)
    coded = learn.Sequential(learn.Encoder(8, learn.RateCode(period=6.0)), *LAYERS[1:], **TIMES, seed=1)
    for net_ in (timed, coded):
        with pytest.raises(ModelError, match="another training"):
            learn.Trainer(net_, **GIVEN, checkpoint=path).resume()
    (tmp_path / "text.h5").write_text("no checkpoint")
    with pytest.raises(ModelError, match="cannot be read as a checkpoint"):
        other.resume(tmp_path / "text.h5")
    assert path.read_bytes() == kept


def test_what_no_training_can_be_made_of():
    for options, words in [
        ({"batch": 0}, "batch is 0"), ({"batch": 2.5}, "batch is 2.5"), ({"seed": -1}, "seed is -1"),
        ({"loss": learn.CorrelationDistance(), "batch": 1}, "batch is 1"),
    ]:  # fmt: skip
        with pytest.raises(ModelError, match=words):
            trainer(**options)
    t = trainer(loss=learn.CorrelationDistance(np.eye(3)))
    with pytest.raises(ModelError, match="the last has 1"):
        t.fit(X[:5], Y[:5], 1)
