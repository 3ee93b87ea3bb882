"""A training on the device has the bits of one on the CPU."""

import numpy as np

from heliox import learn
from tests.gpu import zoo
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


def drawn(k, v, w, rate, before):
    V, at = v
    W, to = w
    n = to.shape[1]
    b, i = k // n, k % n
    before[k] = W[to[b, i]]
    W[to[b, i]] += rate * (before[k] * before[k] + V[at[b, i]] / 3.0)


def test_a_kernel_of_a_rule_works_in_the_devices_memory(device):
    found = []
    for where in ("cpu", device):
        sim = zoo.simulation("members", device=where).sim
        table = sim.registry.table(v=sim.var("v"), w=sim.var("cm"))
        before = np.zeros(table["w"].size)
        table.each(drawn, before.size, rate=1e-3, before=before)
        sim.run(1.0)
        found.append((table["w"], before, table["v"]))
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)
