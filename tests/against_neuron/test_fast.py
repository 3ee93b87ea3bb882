"""``math="fast"``: spikes at NEURON's steps, voltages within what the model itself makes of rounding."""

import numpy as np
import pytest

import heliox
from tests.against_neuron.beside import helios, neuron, own_growth
from tests.against_neuron.models import MODELS, RUNNING, branched, ring

KICK = 1e-11  # mV


def close_to_neuron(h, tstop=RUNNING, **options):
    """Equal spikes, and voltages as close as the model's own growth of a kick allows."""
    model, expected = neuron(h, tstop, **options)
    got = helios(model, tstop, math="fast")
    growth = own_growth(model, tstop, KICK, math="fast")
    print(f"max |dV| {expected.dv(got):.3g} mV, growth of {KICK:g} mV {growth:.3g} mV, {got.count} spikes")
    assert expected.spikes.keys() == got.spikes.keys()
    for source, times in expected.spikes.items():
        if model.sources.variable[source]:  # spikes of cells are stamped with steps
            np.testing.assert_array_equal(got.spikes[source], times)
        else:  # a random interval is a logarithm
            np.testing.assert_allclose(got.spikes[source], times, rtol=1e-14, atol=0)
    assert expected.dv(got) <= max(1e-8, 10.0 * growth)
    return expected, got


@pytest.mark.parametrize("name", MODELS)
def test_spikes_at_the_same_steps(h, name):
    kept = MODELS[name](h)
    expected, _ = close_to_neuron(h)
    assert expected.count > 3
    del kept


def test_ring_over_200_ms(h):
    kept = ring(h, cells=12)
    expected, _ = close_to_neuron(h, 200.0)
    assert expected.count > 150
    del kept


@pytest.mark.slow
def test_ring_of_64_cells_over_200_ms(h):
    kept = ring(h, cells=64, depth=3, nseg=4)
    expected, _ = close_to_neuron(h, 200.0)
    assert expected.count > 700
    del kept


@pytest.mark.parametrize("usetable", [0, 1])
@pytest.mark.parametrize("celsius", [6.3, 18.5])
def test_tables_and_temperature(h, usetable, celsius):
    kept = branched(h)
    h.usetable_hh, h.celsius = usetable, celsius
    close_to_neuron(h)
    del kept


@pytest.mark.parametrize("dt", [0.05, 1 / 64])
def test_time_steps(h, dt):
    kept = branched(h)
    h.dt = dt
    close_to_neuron(h)
    del kept


@pytest.mark.parametrize("name", ["branched", "noise", "ring"])
def test_frozen_in_the_middle_of_a_run(h, name):
    kept = MODELS[name](h)
    close_to_neuron(h, before=10.0)
    del kept


def test_the_two_arithmetics_differ(h):
    """Or nothing above would be tested: NEURON's last bits are those of the C library."""
    kept = branched(h)
    h.usetable_hh = 0
    model = heliox.from_neuron(-65)
    assert 0.0 < helios(model, 10.0, math="libm").dv(helios(model, 10.0, math="fast")) < 1e-8
    del kept
