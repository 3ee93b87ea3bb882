"""The pyramidal cell of layer 5 and all that its fits vary: sweeps against each other, finite differences.

Below threshold and over one spike; docs/gradients.md shows what happens in longer runs.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from heliox.cells import l5pc
from heliox.errors import ModelError
from tests.gradients.sweeps import Sweeps

REGIONS = ("soma", "axon", "dend", "apic")
TRAINED = [
    "pas.g", "pas.e", "cm", "Ih.gIhbar", "Ca_HVA.gCa_HVAbar", "Ca_LVAst.gCa_LVAstbar", "K_Pst.gK_Pstbar",
    "K_Tst.gK_Tstbar", "NaTa_t.gNaTa_tbar", "Nap_Et2.gNap_Et2bar", "SK_E2.gSK_E2bar", "SKv3_1.gSKv3_1bar",
    "Im.gImbar", "CaDynamics_E2.gamma", "CaDynamics_E2.decay", "IClamp.amp",
]  # fmt: skip
# of steps of finite differences over a spike: what it depends on strongly, and what hardly shows
FACTORS = {"IClamp.amp": 0.5, "pas.e": 0.5, "SK_E2.gSK_E2bar": 5.0, "K_Pst.gK_Pstbar": 5.0}


def parameters(s: Sweeps) -> dict[str, dict[str, np.ndarray]]:
    """Places of every variable by region."""
    out: dict[str, dict[str, np.ndarray]] = {}
    for name in TRAINED:
        if name == "IClamp.amp":
            out[name] = {"": s.places(name)}
            continue
        out[name] = {}
        for region in REGIONS:
            try:
                found = s.sim.registry.handle(name, f"{region}*").addresses.ravel()
            except ModelError:
                continue
            if len(found):
                out[name][region] = found
    return out


@pytest.fixture(scope="module")
def cell():
    at = Path(os.environ.get("HELIOX_DATA", Path(__file__).resolve().parents[3] / "shared")) / "l5pc"
    if not at.is_dir():
        pytest.skip("the folder l5pc of HELIOX_DATA is not there")
    return l5pc(at)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("amp", "dur", "tstop", "step", "spikes"),
    [(0.2, 10.0, 15.0, 1e-2, 0), (1.9, 4.0, 14.0, 1e-4, 1)],
    ids=["below threshold", "one spike"],
)
def test_pyramidal_cell(cell, amp, dur, tstop, step, spikes):
    c = cell.copy()
    c.place("IClamp", "soma(0.5)", delay=1.0, dur=dur, amp=amp)
    s = Sweeps(c.model(), TRAINED, ("v", "ca_ion.cai"), v_init=-80.0, tstop=tstop, threads=1)
    soma = int(s.sim.registry.handle("soma(0.5).v").addresses.ravel()[0])
    v = s.R[:, np.flatnonzero(s.places("v") == soma)[0]]
    assert np.count_nonzero((v[1:] > -20.0) & (v[:-1] <= -20.0)) == spikes
    for seed in (1, 2):
        mismatch = s.mismatch(seed)
        print(f"sweeps: {mismatch:.1e}")
        assert mismatch < 1e-11
    B = s.reverse()
    found = parameters(s)
    assert sum(map(len, found.values())) >= 30
    values = s.start.arrays["A"]
    for name, regions in found.items():
        h = step * FACTORS.get(name, 1.0) if spikes else step
        exact, differences = [], []
        for at in regions.values():  # of a common factor
            u = np.zeros_like(B)
            u[at] = values[at]
            exact.append(float((B * u).sum()))
            differences.append(s.difference(u, (2.0 * h, h)))
        largest = np.abs(exact).max()
        assert largest > 0.0, f"nothing depends on {name}"
        worst = np.abs(np.subtract(exact, differences)).max()
        print(f"{name}: {worst / largest:.1e} of {largest:.3g}")
        assert worst <= 1e-6 * largest, f"{name}: {worst:.2e} of {largest:.2e}"
