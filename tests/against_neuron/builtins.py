"""One NEURON session with all that NEURON's wheel has built in: alone in cells of their own, and together.

One session, so that one compiled module serves all its tests.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.against_neuron.models import connect, stimulus


class Everything:
    """The session; ``watch`` maps paths of HelioX to NEURON's references, ``keep`` holds the objects."""

    def __init__(self, h: Any) -> None:
        self.h, self.pc = h, h.ParallelContext()
        self.keep: list = []
        self.watch: dict[str, Any] = {}
        self.rng = np.random.default_rng(7)
        h.CVode().use_fast_imem(1)
        for build in SINGLY:
            build(self)
        for place in ("gap0_soma(0.5)", "step_soma(0.5)", "seclamp_dend(0.5)", "alpha_dend(0.5)"):
            name, x = place[:-1].split("(")
            section = next(s for s in h.allsec() if s.name() == name)
            self.watch[f"{place}.i_membrane_"] = section(float(x))._ref_i_membrane_
        together(self)
        self.pc.setup_transfer()

    def cell(self, name: str, soma: str = "hh", dend: str = "pas") -> tuple[Any, Any]:
        """A soma and a dendrite."""
        s, d = self.h.Section(name=f"{name}_soma"), self.h.Section(name=f"{name}_dend")
        s.L = s.diam = 20
        d.L, d.diam, d.nseg = 150, 1.7, 3
        d.connect(s(1))
        s.insert(soma)
        d.insert(dend)
        self.keep += [s, d]
        return s, d

    def point(self, kind: str, place: Any, watch: str = "i", **values: float) -> Any:
        """A point process with its parameters; its variables `watch` are compared."""
        p = getattr(self.h, kind)(place)
        for name, value in values.items():
            setattr(p, name, value)
        for variable in watch.split():
            self.watch[f"{p.hname()}.{variable}"] = getattr(p, f"_ref_{variable}")
        self.keep.append(p)
        return p

    def play(self, reference: Any, t: np.ndarray, y: np.ndarray, *how: Any) -> None:
        """Vector.play; `how`: nothing (stepwise), True, or indices of discontinuities."""
        tvec, yvec = self.h.Vector(t), self.h.Vector(y)
        more = [self.h.Vector(x) if isinstance(x, list) else x for x in how]
        yvec.play(reference, tvec, *more)
        self.keep += [tvec, yvec, *more]


def currents(e: Everything) -> None:
    s, d = e.cell("iclamp")
    e.point("IClamp", s(0.5), delay=1.0125, dur=7, amp=0.2)
    s, d = e.cell("alpha")
    e.point("AlphaSynapse", d(0.8), "i", onset=2.3, tau=1.4, gmax=0.02, e=-5)
    s, d = e.cell("seclamp")
    e.point("SEClamp", d(0.5), "i vc", dur1=3, dur2=4, dur3=2, amp1=-70, amp2=-30, amp3=-60, rs=3)
    s, d = e.cell("vclamp")
    v = e.point("VClamp", s(0.5), "i", gain=300, tau1=0.2, tau2=0.03, rstim=2, fac=0.4)
    for k, (dur, amp) in enumerate(((3, -75), (5, -20), (4, -65))):
        v.dur[k], v.amp[k] = dur, amp
    s, d = e.cell("oclamp")
    e.point("OClamp", s(0.5), "i", rs=2, on=3, off=8, vc=-40, switched_on=1)
    s, d = e.cell("leak", soma="fastpas", dend="fastpas")
    s.g_fastpas, d.e_fastpas = 3e-4, -72.5
    e.point("IClamp", s(0.5), delay=4, dur=3, amp=0.05)


def counter(e: Everything) -> None:
    s, _ = e.cell("counter")
    e.point("IClamp", s(0.5), delay=1, dur=40, amp=0.4)
    e.point("APCount", s(0.5), "n time", thresh=-10)


def plays(e: Everything) -> None:
    steps = np.cumsum(e.rng.exponential(0.31, 80))
    steps[5], steps[9] = steps[6], 3.025  # equal times, a time on a step
    steps.sort()
    values = e.rng.normal(0.05, 0.2, 80)
    s, d = e.cell("step")
    e.play(e.point("IClamp", s(0.5), "i amp", dur=1e9)._ref_amp, steps, values)
    s, d = e.cell("regular")
    p = e.point("IClamp", s(0.5), "i amp", dur=1e9)
    y = e.h.Vector(values)
    y.play(p._ref_amp, 0.4)
    e.keep.append(y)
    s, d = e.cell("ramp")
    e.play(e.point("IClamp", s(0.5), "i amp", dur=1e9)._ref_amp, steps[:60], values[:60], True)
    s, d = e.cell("jumps")
    t = np.array([0.5, 2.0, 2.0, 6.0, 6.0, 11.0])
    y = np.array([0.0, 0.3, -0.1, 0.1, 0.4, 0.0])
    e.play(e.point("IClamp", s(0.5), "i amp", dur=1e9)._ref_amp, t, y, [2, 4])
    e.play(d(0.5)._ref_g_pas, np.array([3.0, 9.0]), np.array([1e-3, 2e-3]), True)


def styles(e: Everything) -> None:
    s, _ = e.cell("style")
    e.h.ion_style("na_ion", 1, 2, 1, 1, 1, sec=s)
    e.h.ion_style("k_ion", 1, 2, 1, 0, 0, sec=s)
    s.nai, s.ki = 12.5, 60.0
    e.point("IClamp", s(0.5), delay=2, dur=2, amp=0.5)
    e.watch["style_soma(0.5).ina"] = s(0.5)._ref_ina
    e.watch["style_soma(0.5).ik"] = s(0.5)._ref_ik


def gaps(e: Everything) -> None:
    """A ring of gap junctions (a clamp that follows the other side), and graded transmission by a gate."""
    n = 5
    somas = []
    for k in range(n):
        s, d = e.cell(f"gap{k}")
        e.pc.source_var(s(0.5)._ref_v, k, sec=s)
        somas.append(s)
    for k in range(n):
        for j in ((k + 1) % n, (k - 1) % n):
            junction = e.point("SEClamp", somas[k](0.5), "i amp1", rs=400, dur1=1e9)
            e.pc.target_var(junction, junction._ref_amp1, j)
    e.point("IClamp", somas[0](0.5), delay=1, dur=5, amp=0.6)
    e.pc.source_var(somas[2](0.5)._ref_n_hh, 100, sec=somas[2])
    s, d = e.cell("graded")
    target = e.point("IClamp", s(0.5), "i amp", dur=1e9)
    e.pc.target_var(target, target._ref_amp, 100)
    e.pc.target_var(d(0.5)._ref_g_pas, 101, sec=d)
    e.pc.source_var(somas[1](0.5)._ref_gk_hh, 101, sec=somas[1])


def artificial(e: Everything) -> None:
    h = e.h
    stims = [stimulus(h, 0.5 * k, 2.0 + k, noise=0.7 if k % 2 else 0.0) for k in range(4)]
    cells = [h.IntFire1(), h.IntFire2(), h.IntFire4()]
    cells[0].tau, cells[0].refrac = 8, 1.5
    cells[1].taum, cells[1].taus, cells[1].ib = 6, 15, 0.3
    cells[2].taue, cells[2].taui1, cells[2].taui2, cells[2].taum = 2, 4, 10, 25
    e.keep += [*stims, *cells]
    for c in cells:
        e.keep += [connect(h, s, c, 0.6 * (-1) ** (k == 3), 0.7 + 0.3 * k) for k, s in enumerate(stims)]
        e.watch[f"{c.hname()}.m"] = c._ref_m
    e.keep += [connect(h, cells[0], cells[2], -0.3, 0.0), connect(h, cells[2], cells[1], 0.4, 0.0)]
    e.artificial = cells


def together(e: Everything) -> None:
    """Everything in one network: spikes and cells, junctions and plays, delays and none."""
    h, n = e.h, 4
    somas = [e.cell(f"net{k}") for k in range(n)]
    for k, (s, d) in enumerate(somas):
        e.pc.source_var(d(0.5)._ref_v, 200 + k, sec=d)
        fast, slow = h.ExpSyn(d(0.2)), h.Exp2Syn(d(0.9))
        fast.tau, slow.tau1, slow.tau2, slow.e = 1.5, 0.6, 4, -75
        e.keep += [fast, slow]
        before = somas[k - 1][0]
        e.keep += [
            connect(h, before(0.5), fast, 0.02, 1.0 + 0.5 * k, -10),
            connect(h, e.artificial[k % 3], fast, 0.01, 0.0),
            connect(h, before(0.5), slow, 0.004, 0.3, -10),
            connect(h, s(0.5), e.artificial[0], 0.5, 0.0, -10),
        ]
        junction = e.point("SEClamp", d(0.5), "i", rs=900, dur1=1e9)
        e.pc.target_var(junction, junction._ref_amp1, 200 + (k + 1) % n)
        e.point("APCount", s(0.5), "n")
    t = np.arange(0.0, 30.0, 0.9)
    for k, how in ((0, [True]), (2, [])):
        clamp = e.point("IClamp", somas[k][0](0.5), "i", dur=1e9)
        e.play(clamp._ref_amp, t, e.rng.normal(0.1, 0.2, len(t)), *how)


SINGLY: tuple[Callable[[Everything], None], ...] = (currents, counter, plays, styles, gaps, artificial)
