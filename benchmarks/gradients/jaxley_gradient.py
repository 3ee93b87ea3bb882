"""Gradients of Jaxley, by `jax.value_and_grad`. Runs under a Python that has Jaxley.

    python jaxley_gradient.py CELL.swc --ncomp 5 --levels 2
    python jaxley_gradient.py TREE.json --every --save GRADIENT.npz

Loss: mean square of the voltage in the soma less that of 0.9 times the first conductance. Trained: that
conductance of the whole cell, or (`--every`) all conductances of every compartment. `--levels`: nested
checkpoints as in its tutorials, 0 for none. Compilation is apart; seconds are CPU seconds of the process,
which has one thread.
"""

import argparse
import json
import math
import os
import resource
import statistics
import sys
import time
import warnings
from pathlib import Path

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
warnings.simplefilter("ignore")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # for trees


def rss():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def checkpoints(steps, levels):
    """Lengths as equal as they can be whose product just reaches `steps`."""
    if levels < 2:
        return None
    lengths, left = [], steps
    for k in range(levels, 0, -1):
        f = max(1, math.ceil(left ** (1 / k) - 1e-9))
        lengths.append(f)
        left = math.ceil(left / f)
    return lengths


def build(a):
    """(cell, place of the voltage, names of conductances, current in nA, ms)"""
    import jaxley as jx
    import numpy as np
    from jaxley.channels import HH, Leak

    from benchmarks.gradients import trees

    if a.cell.endswith(".swc"):
        cell = jx.read_swc(a.cell, ncomp=a.ncomp, max_branch_len=a.max_branch_len)
        t = {"amp": 2.0, "tstop": a.tstop}
        where = (cell.soma if "soma" in cell.group_names else cell).branch(0).loc(0.5)
    else:
        t = trees.read(a.cell)
        comp = jx.Compartment()
        branch = jx.Branch(comp, t["ncomp"])
        cell = jx.Cell([branch for _ in t["branches"]], parents=[b[0] for b in t["branches"]])
        for k, (_, L, diam) in enumerate(t["branches"]):
            cell.branch(k).set("length", L / t["ncomp"])
            cell.branch(k).set("radius", diam / 2)
        where = cell.branch(0).loc(0.5)
    passive = t.get("passive")
    cell.insert(Leak() if passive else HH())
    cell.set("axial_resistivity", 100.0)
    cell.set("capacitance", 1.0)
    cell.set("v", -65.0)
    cell.init_states(delta_t=trees.DT)
    names = ["Leak_gLeak"] if passive else ["HH_gNa", "HH_gK", "HH_gLeak"]
    steps, first, last = trees.stimulated(t)
    current = np.zeros(steps)
    current[first:last] = t["amp"]
    where.record("v", verbose=False)
    where.stimulate(current, verbose=False)
    return cell, names, trees.DT, steps


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("cell", help="an SWC file, or a tree (JSON)")
    p.add_argument("--ncomp", type=int, default=5)
    p.add_argument("--max-branch-len", type=float, default=2000.0)
    p.add_argument("--tstop", type=float, default=20.0)
    p.add_argument("--levels", type=int, default=0)
    p.add_argument("--every", action="store_true")
    p.add_argument("--repeat", type=int, default=3)
    p.add_argument("--save")
    a = p.parse_args()
    import jax

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    import jax.numpy as jnp
    import jaxley as jx
    import numpy as np

    cell, names, dt, steps = build(a)
    for name in names if a.every else names[:1]:
        (cell.branch("all").comp("all") if a.every else cell).make_trainable(name, verbose=False)
    params = cell.get_parameters()
    lengths = checkpoints(steps, a.levels)

    def voltage(params, lengths=None):
        return jx.integrate(cell, params=params, delta_t=dt, checkpoint_lengths=lengths)[0]

    target = jax.jit(voltage)([{k: 0.9 * v if k == names[0] else v for k, v in p.items()} for p in params])

    def loss(params, lengths=None):
        return jnp.mean((voltage(params, lengths) - target) ** 2)

    forward = jax.jit(loss).lower(params).compile()
    began = time.perf_counter()
    gradient = jax.jit(jax.value_and_grad(lambda p: loss(p, lengths))).lower(params).compile()
    compiled = time.perf_counter() - began
    jax.block_until_ready(forward(params))
    before = rss()
    value, g = jax.block_until_ready(gradient(params))
    peak = rss()
    found = {"forward": [], "gradient": []}
    wall = {"forward": [], "gradient": []}
    for _ in range(a.repeat):
        for name, f in (("forward", forward), ("gradient", gradient)):
            cpu, clock = time.process_time(), time.perf_counter()
            jax.block_until_ready(f(params))
            found[name].append(time.process_time() - cpu)
            wall[name].append(time.perf_counter() - clock)
    if a.save:
        v = np.asarray(jax.jit(voltage)(params))
        order = cell.nodes.sort_values(["local_branch_index", "local_comp_index"]).index.to_numpy()
        flat = [np.ravel(x)[order] if a.every else np.ravel(x) for p in g for x in p.values()]
        np.savez(a.save, v=v, loss=float(value), gradient=np.array(flat))
    s = {k: statistics.median(v) for k, v in found.items()}
    temp = getattr(gradient.memory_analysis(), "temp_size_in_bytes", 0)
    n = len(cell.nodes)
    print(json.dumps({
        "version": jx.__version__, "jax": jax.__version__, "compartments": n, "steps": steps, "seconds": s,
        "runs": found, "wall": {k: statistics.median(v) for k, v in wall.items()},
        "ratio": s["gradient"] / s["forward"], "lengths": lengths, "compile_s": compiled, "bytes": temp,
        "bytes_per_compartment_step": temp / (n * steps), "before_mib": before, "peak_mib": peak,
        "loss": float(value),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
