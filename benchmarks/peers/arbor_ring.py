"""The ring of `benchmarks.models` in Arbor. Runs under a Python that has Arbor, not HelioX.

    python arbor_ring.py --cells 1024 --tstop 50 --repeat 3

Arbor solves another problem in two respects: its hh uses rational approximations instead of exponentials in
``cnexp``, and every fork is a control volume of its own (counted below as they are).
"""

import argparse
import json
import statistics
import time

import arbor as A
from arbor import units as U


def cell(gid):
    """Soma and three generations of dendrites, four control volumes each; the soma has one."""
    tree = A.segment_tree()
    soma = tree.append(A.mnpos, (0, 0, 0, 10), (20, 0, 0, 10), tag=1)
    level, x, tag = [soma], 20.0, 2
    last = {}
    for depth in range(3):
        grown = []
        for parent in level:
            for k in range(2):
                length, radius = 60.0 + 10 * k + gid % 7, 1.0 - 0.2 * depth
                y = 5.0 * len(grown)
                end = tree.append(parent, (x, y, 0, radius), (x + length, y, 0, radius), tag=tag)
                last[len(grown)] = end
                grown.append(end)
        level, x, tag = grown, x + 100.0, tag + 1
    labels = A.label_dict(
        {"active": "(join (tag 1) (tag 2))", "passive": "(join (tag 3) (tag 4))", "soma": "(tag 1)"}
    )
    decor = (
        A.decor()
        .set_property(Vm=-65 * U.mV, cm=0.01 * U.F / U.m2, rL=100 * U.Ohm * U.cm)
        .paint('(region "active")', A.density("hh"))
        .paint('(region "passive")', A.density("pas/e=-65", g=0.001))
        .place(f"(on-components 0.5 (segment {last[0]}))", A.synapse("expsyn", tau=2.0), "syn")
        .place('(on-components 0.5 (region "soma"))', A.threshold_detector(10 * U.mV), "det")
    )
    policy = A.cv_policy_fixed_per_branch(4, "(join (tag 2) (tag 3) (tag 4))") | A.cv_policy_single(
        '(region "soma")'
    )
    return A.cable_cell(A.morphology(tree), decor, labels, policy)


class Ring(A.recipe):
    def __init__(self, cells):
        super().__init__()
        self.cells = cells
        self.shapes = [cell(k) for k in range(7)]
        self.props = A.neuron_cable_properties()

    def num_cells(self):
        return self.cells

    def cell_kind(self, gid):
        return A.cell_kind.cable

    def cell_description(self, gid):
        return self.shapes[gid % 7]

    def global_properties(self, kind):
        return self.props

    def connections_on(self, gid):
        delay = (1.0 + 0.0137 * (gid % 5)) * U.ms
        return [A.connection(((gid - 1) % self.cells, "det"), "syn", 0.04, delay)]

    def event_generators(self, gid):
        if gid % 4:
            return []
        return [A.event_generator("syn", 0.04, A.explicit_schedule([(1.5 + 0.1 * gid) * U.ms]))]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--cells", type=int, default=1024)
    p.add_argument("--tstop", type=float, default=50.0)
    p.add_argument("--dt", type=float, default=0.025)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--group", type=int, default=64, help="cells a cell group; the fastest of 1, 16, 64 here")
    p.add_argument("--repeat", type=int, default=3)
    a = p.parse_args()
    seconds = []
    for _ in range(a.repeat):
        context = A.context(threads=a.threads)
        recipe = Ring(a.cells)
        hint = {A.cell_kind.cable: A.partition_hint(cpu_group_size=a.group)}
        sim = A.simulation(recipe, context, A.partition_load_balance(recipe, context, hint))
        sim.record(A.spike_recording.all)
        began = time.perf_counter()
        sim.run(a.tstop * U.ms, a.dt * U.ms)
        seconds.append(time.perf_counter() - began)
    volumes = sum(A.cv_data(recipe.shapes[g % 7]).num_cv for g in range(a.cells))
    print(json.dumps({
        "version": A.__version__, "compartments": volumes, "steps": round(a.tstop / a.dt),
        "seconds": statistics.median(seconds), "spikes": len(sim.spikes()),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
