"""784-64-10 cable neurons on MNIST against an independent program, and NEURON's resistances."""

import time

import numpy as np
import pytest

import heliox
from heliox import learn
from heliox.model.names import Names


@pytest.fixture(scope="module")
def data(shared):
    for name in ("mnist", "hpc"):
        if not (shared / name).is_dir():
            pytest.skip(f"the folder shared/{name} with the reference data is not there")
    return shared


@pytest.fixture(scope="module")
def pyramid(data):
    cell = heliox.cells.hpc(data / "hpc" / "segments.csv", active=False)
    cell.set(cm=1.5)
    return cell.model()


@pytest.fixture(scope="module")
def net(pyramid):
    hidden = learn.Dense(64, pyramid, places="dend", soma="soma[0](0.5)")
    return learn.Sequential(learn.Encoder(784), hidden, learn.Dense(10), seed=1234)


def test_resistances_are_those_of_neuron(data, pyramid):
    reference = np.load(data / "hpc" / "reference.npz")
    soma = Names(pyramid).node("soma[0](0.5)")
    r = learn.resistances(pyramid, soma)
    n = pyramid.nodes
    segments = (n.section >= 0) & (n.x > 0.0) & (n.x < 1.0)
    expected = reference["impedance_transfer_to_soma_MOhm"]
    np.testing.assert_allclose(np.sort(r[segments]), np.sort(expected), rtol=1e-9)
    assert r[soma] == pytest.approx(66.95706035010211, rel=1e-10)


def test_places_and_weights_are_the_published_draws(data, net):
    given = np.load(data / "mnist" / "network_seed1234.npz")
    hidden, output = net.layers[1:]
    np.testing.assert_array_equal(hidden.weights.initial, given["w_input_hidden"].ravel())
    np.testing.assert_array_equal(output.weights.initial, given["w_hidden_output"].ravel())
    g = net.model.mechanism("GradedSyn").values["g"]
    assert 1.0 / g[hidden.weights.variable.indices[0]] == pytest.approx(61.403541740422355, rel=1e-12)


def test_one_batch_equals_the_reference(data, net):
    given = np.load(data / "mnist" / "reference_batch4.npz")
    train, _ = learn.load_mnist(data / "mnist")
    batch = train.take(slice(4))
    learner = learn.TransferResistance().bind(net, learn.SoftmaxCrossEntropy(), 4, device="cpu")
    x = np.concatenate([p.initial for p in net.parameters])
    out = learner.learn(x, batch.intensity, batch.labels)
    first = learner.forward.first
    for k, name in ((1, "v_hidden"), (2, "v_output")):
        v = np.moveaxis(learner.forward.traces(k), 0, 1)
        assert np.abs(v - given[name][:, first:]).max() < 1e-11, name
    assert np.abs(learner.forward.traces(0)[:, 0] - given["v_input_image0"][first:]).max() < 1e-11
    assert np.abs(out.readout - given["readout_mean_20_50"]).max() < 1e-11
    names = ("dw_input_hidden", "db_hidden", "dw_hidden_output", "db_output")
    change, at = -0.005 * out.gradient, 0
    for p, name in zip(net.parameters, names, strict=True):
        expected = given[name].ravel()
        difference = np.abs(change[at : at + len(p)] - expected).max()
        assert difference < 1e-10 * np.abs(expected).max(), name
        at += len(p)


def test_fifty_thousand_synapses_are_set_up_in_a_second(pyramid):
    began = time.process_time()
    hidden = learn.Dense(64, pyramid, places="dend", soma="soma[0](0.5)")
    net = learn.Sequential(learn.Encoder(784), hidden, learn.Dense(10))
    assert sum(map(len, net.parameters)) == 50_890
    assert time.process_time() - began < 1.0
