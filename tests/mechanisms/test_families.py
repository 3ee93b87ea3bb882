"""Channels of published cells: their kinetics against the tables, single steps, names that are theirs."""

import csv
import importlib
import math

import pytest

from heliox.errors import MechanismError
from heliox.frontend.build import Cell, Network
from heliox.mechanisms import catalogue
from heliox.mechanisms.library.hpc import natg
from heliox.mechanisms.library.l5pc import cadynamics_e2, epsp, k_pst, nata_t, rates, sk_e2
from heliox.mechanisms.library.worm import capool, kcnl, kqt3, slo, synapse
from heliox.mechanisms.library.worm import rates as worm
from heliox.mechanisms.methods import nernst
from heliox.mechanisms.template import MechTemp

LIBRARY = "heliox.mechanisms.library"
ROUNDING = 1e-14  # relative: the tables are of the same formulas with other orders of operations


def table(shared, folder):
    path = shared / folder / "kinetics_reference.csv"
    if not path.exists():
        pytest.skip(f"shared/{folder}/kinetics_reference.csv is not there")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def off(found, expected):
    return abs(found - float(expected)) / abs(float(expected))


# --- tables


def test_l5pc_kinetics(shared):
    """Steady states and time constants of ten channels, -120 to 80 mV."""
    rows = table(shared, "l5pc")
    gates = {c.rpartition("_")[0] for c in rows[0] if c.endswith("_inf")}
    worst = 0.0
    for channel in {g.rpartition("_")[0] for g in gates}:
        module = importlib.import_module(f"{LIBRARY}.l5pc.{channel.lower()}")
        for row in rows:
            v = float(row["V_mV"])
            for k, gate in enumerate(module.template.states):
                inf, tau = module.rates(v)[2 * k : 2 * k + 2]
                worst = max(worst, off(inf, row[f"{channel}_{gate}_inf"]))
                worst = max(worst, off(tau, row[f"{channel}_{gate}_tau"]))
    assert len(gates) == 17
    assert worst < ROUNDING


def test_hpc_kinetics(shared):
    regions = {
        "soma": (15.991, 11.8779, 13.8112, 6.0), "axon": (8.44162, 11.9795, 8.61424, 6.0),
        "default": (0.0, 0.0, 6.0, 6.0),
    }  # fmt: skip
    for row in table(shared, "hpc"):
        for region, parameters in regions.items():
            found = natg.rates(float(row["V_mV"]), *parameters)
            for value, name in zip(found, ("m_inf", "m_tau", "h_inf", "h_tau")):
                assert off(value, row[f"NaTg_{region}_{name}"]) < ROUNDING


def test_worm_kinetics(shared):
    rows = table(shared, "celegans")
    seen = set()
    for row in rows:
        channel, gate = row["channel"], row["gate"]
        inf, tau = worm_rates(channel, gate, float(row["V_mV"]))
        assert off(inf, row["inf"]) < 1e-12, (channel, gate, row["V_mV"])
        assert tau is None or off(tau, row["tau_ms"]) < 1e-12, (channel, gate, row["V_mV"])
        seen.add((channel, gate))
    assert len(seen) == 28


def worm_rates(channel, gate, v):
    if channel == "nanodomain":
        return slo.nanodomain(v), None
    if channel == "synapse":
        s = synapse.steady(v)
        return s, None
    if channel.startswith("slo"):
        inf, tau = getattr(worm, f"{channel[5:]}_m")(v)
        return getattr(slo, channel[:4])(v, inf, inf, tau)  # of the partner's gate at rest
    if channel == "kqt3":
        inf, fast, slow = kqt3.activation(v)
        winf, wtau, sinf = kqt3.inactivation(v)
        return {"mf": (inf, fast), "ms": (inf, slow), "ww": (winf, wtau), "s": (sinf, 5e5)}[gate]
    module = importlib.import_module(f"{LIBRARY}.worm.{channel}")
    k = 2 * list(module.template.states).index(gate)
    return module.rates(v)[k : k + 2]


# --- formulas that no table has


@pytest.mark.parametrize("v", [-38.0, -66.0])
def test_a_singular_voltage_is_raised(v):
    """Published: it is raised by 0.0001 mV for the rest of the evaluation, not replaced by the limit."""
    assert nata_t.rates(v)[2 if v == -66.0 else 0] == nata_t.rates(v + 0.0001)[2 if v == -66.0 else 0]


def test_a_raised_voltage_stays_raised():
    """-38 mV is singular for m alone, and h is evaluated at the raised voltage too."""
    assert nata_t.rates(-38.0)[2:] == nata_t.rates(-38.0 + 0.0001)[2:]


def test_the_limit_of_a_shifted_rate():
    """Where shifts have moved the 0/0, nothing raises the voltage: alpha and beta take their limit."""
    m, *_ = natg.rates(-38.0 + 16.0, 16.0, 0.0, 9.0, 6.0)
    assert m == pytest.approx(0.182 / (0.182 + 0.124), rel=1e-15)
    assert rates.linoid(2.0, 0.0, 3.0) == 6.0
    assert rates.linoid(2.0, 1e-7, 3.0) == pytest.approx(6.0, rel=1e-7)


def test_the_jump_of_k_pst():
    """The two branches of its time constant do not meet, and -60 mV belongs to the second."""
    below, at = k_pst.rates(math.nextafter(-60.0, -100.0))[1], k_pst.rates(-60.0)[1]
    assert below == pytest.approx((1.25 + 175.03 * math.exp(-1.3)) / rates.Q, rel=1e-12)
    assert at == pytest.approx((1.25 + 13.0 * math.exp(1.3)) / rates.Q, rel=1e-12)
    assert abs(below - at) > 1e-4


def test_calcium_pool():
    """The exact solution for a constant current; it starts at NEURON's 5e-5 mM, which gives 140.2366 mV."""
    ica, gamma, decay, depth, c0 = -0.01, 5.01e-4, 460.0, 0.1, 5e-5
    steady = 1e-4 - decay * 1e4 * gamma * ica / (2 * 96485.33212331001 * depth)
    c = cadynamics_e2.state(10.0, c0, ica, gamma, decay, depth, 1e-4)
    assert c == pytest.approx(steady + (c0 - steady) * math.exp(-10.0 / decay), rel=1e-13)
    assert nernst(c0, 2.0, 2.0, 34.0) == pytest.approx(140.23660113151266, rel=1e-15)
    assert cadynamics_e2.template.states == {}  # without a start of its own


@pytest.mark.parametrize("c", [1e-9, 1e-7, 1e-4, 0.1])
def test_sk_follows_calcium(c):
    seen = c + 1e-7 if c < 1e-7 else c
    assert sk_e2.steady(c) == pytest.approx(1.0 / (1.0 + (0.00043 / seen) ** 4.8), rel=1e-15)


def test_epsp_has_the_peak_it_is_given():
    times = [105.0 + 0.001 * k for k in range(20_000)]
    course = [epsp.current(t, 105.0, 0.5, 5.0, 0.5) for t in times]
    assert max(course) == pytest.approx(0.5, rel=1e-7)
    assert epsp.current(104.999, 105.0, 0.5, 5.0, 0.5) == course[0] == 0.0
    assert epsp.template.electrode  # depolarising


def test_nanodomain():
    """About 4.589*(60 - v) uM, and none enters above 60 mV."""
    for v in (-100.0, -65.0, 0.0):
        assert slo.nanodomain(v) == pytest.approx(4.589 * (60.0 - v), rel=1e-3)
    assert slo.nanodomain(60.0) == slo.nanodomain(100.0) == 1e-4


def test_worm_calcium():
    """Backward Euler; above 60 mV the inflow stops."""
    pool = {n: v.default for n, v in capool.template.parameters.items()}
    values = (pool["fraction"], pool["volume"], pool["tau"], pool["cai_inf"])
    inflow = 1e-3 * 2e-5 * 1e6 / (2 * 96485.0 * 31.16)
    expected = (0.01 + 0.5 * (inflow + 0.05 / 50.0)) / (1.0 + 0.5 / 50.0)
    assert capool.state(-20.0, 0.5, 0.01, -2e-5, *values) == pytest.approx(expected, rel=1e-15)
    closed = (0.01 + 0.5 * 0.05 / 50.0) / (1.0 + 0.5 / 50.0)
    assert capool.state(60.001, 0.5, 0.01, -2e-5, *values) == pytest.approx(closed, rel=1e-15)
    assert kcnl.steady(0.33) == 0.5


def test_graded_synapse():
    """The sign of the weight at initialization decides; a saturated synapse divides by no zero."""
    assert synapse.initial(1e-6, -20.0) == (4.9, 0.5, 30.0, 0.5)
    assert synapse.initial(-1e-6, -20.0) == (2.0, 0.015000001, -70.0, 0.5)
    assert synapse.initial(0.0, -65.0)[2] == -70.0
    g, i = synapse.current(-65.0, 0.25, -2e-6, 2.0, -70.0)
    assert (g, i) == (2e-6 * 2.0 * 0.25, g * 5.0)
    s = synapse.state(0.5, 0.1, -25.0, 0.5)
    inf = 1.0 / (1.0 + math.e)
    assert s == pytest.approx(inf + (0.1 - inf) * math.exp(-0.5 * 0.5 / (1.0 - inf)), rel=1e-14)
    assert synapse.state(0.5, 0.1, 500.0, 0.5) == 1.0


# --- names


def test_families_are_asked_for_by_their_full_names():
    for family, members in catalogue.FAMILIES.items():
        for name in members:
            template = catalogue.get(f"{family}.{name}")
            assert template.name in (name, f"{family}_{name}")
            assert MechTemp.from_text(template.to_text()).to_text() == template.to_text()
    assert "l5pc.Ih" in catalogue.names()
    with pytest.raises(MechanismError, match=r"l5pc\.Ih"):
        catalogue.get("Ih")
    with pytest.raises(MechanismError):
        catalogue.get("l5pc.NaTg")


def test_a_name_of_a_family_stays_free():
    """A mod file called Ih is another mechanism, and never taken for this one."""
    own = MechTemp("Ih", "density", functions={}, parameters={"gbar": (0.0, "S/cm2")})
    catalogue.register(own)
    try:
        assert catalogue.get("Ih") is own
        assert "gIhbar" in catalogue.get("l5pc.Ih").parameters
        cell = Cell()
        cell.add_section("soma")
        cell.insert("Ih")
        other = Cell()
        other.add_section("soma")
        other.insert("l5pc.Ih")
        net = Network()
        net.add(cell)
        net.add(other)
        with pytest.raises(MechanismError, match="two different"):
            net.model()
    finally:
        catalogue.unregister("Ih")


def test_a_model_carries_the_text_of_its_channels():
    """Loading needs no family."""
    cell = Cell()
    cell.add_section("soma")
    cell.insert("l5pc.Ih", gIhbar=1e-3)
    definition = cell.model().definitions["Ih"]
    assert definition.language == "python" and "gIhbar" in definition.text
    assert catalogue.resolve(definition).to_text() == catalogue.get("l5pc.Ih").to_text()
