"""A training on the device has the bits of one on the CPU."""

from heliox import learn
from tests.learn.layered import net, samples


def test_training_has_the_cpus_bits(device):
    x, y = samples()
    found = []
    for where in ("cpu", device):
        trainer = learn.Trainer(
            net(), loss=learn.SoftmaxCrossEntropy(), rule=learn.TransferResistance(),
            optimizer=learn.SGD(0.5), batch=8, seed=3, device=where, progress=False,
        )  # fmt: skip
        history = trainer.fit(x, y, 2)
        found.append((trainer.x.tobytes(), history.batches, trainer.predict(x).tobytes()))
    assert found[0] == found[1]
