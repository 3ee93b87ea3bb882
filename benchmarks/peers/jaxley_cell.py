"""A cell from an SWC file with hh everywhere in Jaxley, alone or as a batch. Runs under a Python that has
Jaxley.

    python jaxley_cell.py CELL.swc --ncomp 4 --members 16 --tstop 20

The batch is Jaxley's own way, `jax.vmap` over the current of the stimulus; compilation is apart.
"""

import argparse
import json

from jaxley_alone import jax, timed


def main():
    p = argparse.ArgumentParser()
    p.add_argument("swc")
    p.add_argument("--ncomp", type=int, default=4)
    p.add_argument("--max-branch-len", type=float, default=2000.0)
    p.add_argument("--members", type=int, default=1)
    p.add_argument("--tstop", type=float, default=20.0)
    p.add_argument("--dt", type=float, default=0.025)
    p.add_argument("--repeat", type=int, default=3)
    a = p.parse_args()
    import jaxley as jx
    import numpy as np
    from jaxley.channels import HH

    cell = jx.read_swc(a.swc, ncomp=a.ncomp, max_branch_len=a.max_branch_len)
    cell.insert(HH())
    cell.set("axial_resistivity", 100.0)
    cell.set("v", -65.0)
    cell.init_states(delta_t=a.dt)
    steps = round(a.tstop / a.dt)
    t = np.arange(steps) * a.dt
    shape = ((t >= 1.0) & (t < 0.8 * a.tstop)).astype(float)
    currents = 2.0 * np.linspace(1.0, 1.5, a.members)[:, None] * shape[None, :]
    where = (cell.soma if "soma" in cell.group_names else cell).branch(0).loc(0.5)
    where.record("v", verbose=False)

    def one(current):
        stimulus = where.data_stimulate(current[None])
        return jx.integrate(cell, data_stimuli=stimulus, delta_t=a.dt)[0]

    v, first, seconds = timed(jax.jit(jax.vmap(one)), currents, repeat=a.repeat)
    print(json.dumps({
        "version": jx.__version__, "compartments": len(cell.nodes) * a.members, "steps": steps,
        "seconds": seconds, "first_run_s": first, "v_max": float(v.max()),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
