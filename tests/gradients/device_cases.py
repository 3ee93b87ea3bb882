"""Models whose gradients devices take as the CPU does."""

from __future__ import annotations

from typing import Any

from heliox.engine.adjoint import Surrogate
from tests.gradients import models
from tests.gradients.models import SYNAPSES
from tests.gradients.sweeps import Sweeps

POOLS = ("sk", "calcium", "pool")
CASES: dict[str, tuple[Any, tuple[str, ...], tuple[str, ...], dict[str, Any]]] = {
    # synapses of all kinds, artificial cells, areas and diameters
    "synapses": (models.with_synapses, tuple(SYNAPSES), ("v",), {"geometry": True}),
    # events between cells, with what stands for the derivative of a spike
    "spikes": (
        models.spiking_ring, tuple(SYNAPSES), ("v",),
        {"geometry": True, "tstop": 8.0, "surrogate": Surrogate("triangle", 40.0)},
    ),
    # members, and checkpoints
    "members": (
        models.with_synapses, tuple(SYNAPSES), ("v",),
        {"geometry": True, "batch": 3, "memory": 1_100_000, "tstop": 50.0},
    ),
    # plays, transfers, clamps
    "coupled": (
        models.coupled, ("hh.gnabar", "Gap.g", "IClamp.amp", "SEClamp.amp1", "SEClamp.rs", "pas.g", "v"),
        ("v", "SEClamp.i"), {},
    ),
    # pools that channels write and read; tables; what all instances share
    "pools": (
        lambda: models.with_mods(POOLS, tables=True), ("v", "calcium.pbar", "sk.gbar", "hh.gl", "calcium.ki"),
        ("v",), {},
    ),
    "contraction": (models.with_a_current, ("hh.gnabar", "cm", "v"), ("v",), {"order": "contraction"}),
}  # fmt: skip


def swept(name: str, **options: Any) -> tuple[Sweeps, dict[str, Any]]:
    """Both sweeps of a case, and the adjoints of everything trained."""
    build, trained, recorded, own = CASES[name]
    s = Sweeps(build(), trained, recorded, v_init=-65.0, **{**own, **options})
    B = s.reverse()
    return s, {n: B[s.places(n)] for n in trained}
