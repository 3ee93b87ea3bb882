"""Gradients by mechanisms: the reverse sweep against the forward one, and against finite differences."""

import pytest

from heliox.errors import UnsupportedError
from tests.gradients import models
from tests.gradients.sweeps import EXACT, Sweeps, check


@pytest.mark.parametrize("families", [("l5pc", "hpc"), ("worm",)], ids="-".join)
def test_families_of_channels(families):
    names = tuple(f"{x}.{n}" for x in families for n in models.family(x))
    assert len(names) > 10
    model, trained = models.with_channels(names)
    calcium = ("ca_ion.cai",) if any(m.name == "ca_ion" for m in model.mechanisms) else ()
    s = Sweeps(model, [*trained, "v"], ("v", *calcium), v_init=-60.0, tstop=3.0)
    check(s, (4e-2, 2e-2), only=[*trained[::3], "v"])


def test_methods_of_integration_globals_and_temperature():
    """cnexp, euler, derivimplicit, KINETIC with sparse, pools that channels read: from mod files.

    Derivatives by what all instances share are sums over all of them, in their order.
    """
    names = ("implicit", "scheme", "explicit", "gates", "gated", "sk", "calcium", "pool")
    own = ["v", "explicit.g", "gates.gnabar", "implicit.g", "scheme.gbar", "hh.gl"]
    shared = ["implicit.k1", "implicit.e", "scheme.q", "celsius"]
    check(Sweeps(models.with_mods(names), [*own, *shared], v_init=-65.0), (2e-2, 1e-2))


def test_tables():
    """Where rates are interpolated the slope of the table is the derivative."""
    s = Sweeps(models.tree().model(), ["hh.gnabar", "v"], v_init=-65.0)
    assert s.mismatch() < EXACT


def test_what_cannot_be_differentiated_is_named():
    with pytest.raises(UnsupportedError, match=r"before.*not available|not available.*before"):
        Sweeps(models.with_mods(("before",)), ["v"], v_init=-65.0)
