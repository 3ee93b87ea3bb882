"""Run in a process of its own: mechanisms that were compiled, once loaded, never leave one.

``python compiled.py LIBRARY``: a NEURON model with the mechanisms of ``mods``, frozen, run by both, compared.
"""

import json
import sys
from typing import Any

import numpy as np

T = 40.0


class Compiled:
    """The model; ``watch`` maps paths of HelioX to NEURON's references."""

    def __init__(self, h: Any) -> None:
        self.h = h
        self.watch: dict[str, Any] = {}
        self.soma, *dendrites = self.tree()
        self.keep = [*self.diffusing(dendrites), *self.conditions(dendrites[0]), *self.primed(dendrites[4])]
        self.keep += [*self.pointers(dendrites), *self.sums(dendrites[3])]

    def tree(self) -> list[Any]:
        """Branches in the middle, at ends, at a dendrite's own far end."""
        h, out = self.h, []
        rows = [
            ("soma", 20, 15, 1, None, 0, 0), ("a", 60, 2, 3, 0, 1, 0), ("b", 80, 1, 5, 1, 1, 0),
            ("c", 40, 1.5, 1, 1, 0.5, 0), ("d", 50, 1, 2, 0, 0.5, 0), ("e", 30, 1, 3, 2, 1, 1),
            ("f", 30, 1, 2, 3, 0.2, 0),
        ]  # fmt: skip
        for name, L, diam, nseg, parent, x, end in rows:
            s = h.Section(name=name)
            s.L, s.diam, s.nseg = L, diam, nseg
            if parent is not None:
                s.connect(out[parent](x), end)
            out.append(s)
        out[0].insert("hh")
        return out

    def diffusing(self, dendrites: list[Any]) -> list[Any]:
        h = self.h
        table = [h.Vector([2, 9, 4, 1.5]), h.Vector([-90, -62.5, -40, 20])]
        h.table_tau_tabular(*table)
        for s in (self.soma, *dendrites):
            for name in ("pas", "leakca", "flow", "lookup", "opened", "pumped", "tabular"):
                s.insert(name)
            if s.name() != "d":
                s.insert("spread")
            for x in s:
                place = f"{s.name()}({x.x:.17g})"
                self.watch[f"{place}.nbi"] = x._ref_nbi
                self.watch[f"{place}.lookup.m"] = x._ref_m_lookup
                self.watch[f"{place}.tabular.m"] = x._ref_m_tabular
                for n in ("q", "share", "sum", "y"):
                    self.watch[f"{place}.pumped.{n}"] = getattr(x, f"_ref_{n}_pumped")
                if s.name() != "d":
                    self.watch[f"{place}.cai"] = x._ref_cai
        clamp = h.IClamp(self.soma(0.5))
        clamp.delay, clamp.dur, clamp.amp = 2, 30, 0.5
        return [clamp, *dendrites, *table]

    def conditions(self, dendrite: Any) -> list[Any]:
        h = self.h
        traps = [h.Trap(self.soma(0.5)), h.Trap(dendrite(0.5))]
        traps[0].hi, traps[0].lo = 0, -40
        traps[1].hi, traps[1].lo = -30, -45
        pairs = [h.Pairs(dendrite(0.1)), h.Pairs(dendrite(0.9))]
        pairs[1].thr = -45
        for p, names in (
            (traps[0], "up down last g"),
            (traps[1], "up down last"),
            (pairs[0], "total tpost g"),
        ):
            self.watch |= {f"{p.hname()}.{n}": getattr(p, f"_ref_{n}") for n in names.split()}
        stims, cons = [], []
        for k in range(4):
            stim = h.NetStim()
            stim.interval, stim.noise, stim.number, stim.start = 5 + k, 0.5, 1e9, k
            stim.noiseFromRandom123(k, 2, 3)
            stims.append(stim)
            for p in pairs:
                con = h.NetCon(stim, p)
                con.weight[0], con.delay = 0.003 * (k + 1), 1 + 0.1 * k
                cons.append(con)
        con = h.NetCon(stims[0], traps[0])
        con.weight[0] = 1e-4
        cons.append(con)
        both = h.Both(dendrite(0.5))
        for stim, weight in zip(stims, (0.4, 0.9, 1.8, 3.0), strict=True):
            con = h.NetCon(stim, both)
            con.weight[0] = weight
            cons.append(con)
        self.watch |= {f"{both.hname()}.{n}": getattr(both, f"_ref_{n}") for n in "x low high back".split()}
        self.weights = [c._ref_weight[0] for c in cons]
        self.stims = stims
        return [*traps, *pairs, both, *stims, *cons]

    def primed(self, dendrite: Any) -> list[Any]:
        """Connections that send events when they are set up; two of one weight, one switched off, one that
        nothing triggers."""
        h = self.h
        points, cells = [h.Primed(dendrite(x)) for x in (0.1, 0.9)], [h.Primer(), h.Primer()]
        cons = []
        for k, (source, target, weight) in enumerate(
            [
                (self.stims[0], points[0], 0.001), (self.stims[1], points[0], 0.003),
                (self.stims[2], points[0], 0.003), (None, points[0], 0.0042),
                (self.stims[3], points[0], 0.0007), (self.stims[0], points[1], 0.002),
                (self.stims[2], cells[0], 0.004), (self.stims[3], cells[0], 0.004),
                (cells[0], cells[1], 0.0013), (cells[1], points[1], 0.0031),
            ]
        ):  # fmt: skip
            con = h.NetCon(source, target)
            con.weight[0], con.delay = weight, 0.5 + 0.3 * k
            cons.append(con)
        cons[4].active(0)
        for p in points:
            self.watch |= {f"{p.hname()}.{n}": getattr(p, f"_ref_{n}") for n in "early late order g".split()}
        self.watch |= {f"{c.hname()}.m": c._ref_m for c in cells}
        self.weights += [c._ref_weight[0] for c in cons]
        return [*points, *cells, *cons]

    def sums(self, dendrite: Any) -> list[Any]:
        """Times of self events that are sums."""
        points = [self.h.Sums(dendrite(0.5)) for _ in range(2)]
        points[1].a, points[1].b = 0.21, 0.9
        con = self.h.NetCon(self.stims[2], points[0])
        con.weight[0], con.delay = 0.01, 0.7
        for p in points:
            self.watch |= {f"{p.hname()}.{n}": getattr(p, f"_ref_{n}") for n in "x last".split()}
        return [*points, con]

    def pointers(self, dendrites: list[Any]) -> list[Any]:
        h = self.h
        follow = [h.Follow(dendrites[1](0.5)), h.Follow(dendrites[2](0.5)), h.Follow(dendrites[2](0.5))]
        target = h.IClamp(dendrites[3](0.5))
        target.dur = 1e9
        h.setpointer(self.soma(0.5)._ref_v, "src", follow[0])
        h.setpointer(target._ref_amp, "dst", follow[0])
        h.setpointer(self.soma(0.5)._ref_n_hh, "src", follow[1])
        h.setpointer(dendrites[1](0.3)._ref_g_pas, "dst", follow[1])
        follow[1].rate = 1e-8
        h.setpointer(self.soma(0.5)._ref_v, "src", follow[2])
        h.setpointer(target._ref_amp, "dst", follow[2])  # two move one
        con = h.NetCon(self.stims[1], follow[0])
        con.weight[0] = 1e-5
        self.watch[f"{target.hname()}.amp"] = target._ref_amp
        self.watch["b(0.3).g_pas"] = dendrites[1](0.3)._ref_g_pas
        return [*follow, target, con]


def main(library: str) -> None:
    from neuron import h

    import heliox
    from tests.against_neuron.beside import helios, neuron

    h.nrn_load_dll(library)
    e = Compiled(h)
    weights = [h.Vector().record(w) for w in e.weights]
    model, expected = neuron(h, T, e.watch)
    got = helios(model, T, e.watch, math="libm")
    out = {p: float(np.abs(v - got.watched[p]).max()) for p, v in expected.watched.items()}
    out |= {"v": expected.dv(got), "spikes": float(expected.count)}
    try:
        heliox.from_neuron()  # in mid-run nobody can tell which conditions wait
        out["refusal"] = 1.0
    except heliox.UnsupportedError as e:
        out["refusal"] = 0.0 if "WATCH" in str(e) else 2.0
    flat = [p for p, v in expected.watched.items() if np.ptp(v) == 0]
    sim = heliox.Simulation(model, math="libm", batch=2, progress=False)
    sim.initialize()
    starts = {n: sim.var(f"soma(0.5).pumped.{n}").values for n in ("y", "x[0]")}
    out["starts"] = float(np.abs(starts["y"] - 0.4).max() + np.abs(starts["x[0]"] - 0.3).max())
    recorded = sim.record("NetCon.weight")
    sim.run_until(T)
    n = len(weights)
    out["weights"] = float(np.abs(np.array([list(w) for w in weights]) - recorded.values[1, :n]).max())
    print(json.dumps({"differences": out, "flat": flat, "largest": float(np.abs(expected.v).max())}))


if __name__ == "__main__":
    main(sys.argv[1])
