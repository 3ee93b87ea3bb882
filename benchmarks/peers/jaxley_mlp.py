"""The hidden layer of the MNIST network in Jaxley: time and memory of a batch.

    python jaxley_mlp.py HPC_FOLDER --batch 4 [--levels 2]

Runs under a Python that has Jaxley. 64 cells of 1,043 compartments with a leak, 200 steps of 0.25 ms. What
favours Jaxley: `jax.vmap` over cells and samples, no network (which is slow to build); synapses are
currents, w times the presynaptic voltage, summed at their compartments; voltages of input cells are given;
outputs are leaky integrators in plain JAX. `--levels`: checkpoints of the gradient in so many levels, which
need less memory.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import time
from pathlib import Path
from typing import Any

from jaxley_alone import jax, timed

CELLS, INPUTS, OUTPUTS = 64, 784, 10
DT, STEPS, BEGIN = 0.25, 200, 80
CHECKPOINTS = {1: None, 2: [20, 10], 3: [8, 5, 5]}  # lengths by levels; their product is STEPS


def cell_of(folder: Path) -> Any:
    """The human pyramidal cell with 1.5 uF/cm2: lengths, radii and counts of compartments of its sections."""
    import jaxley as jx
    import numpy as np
    from jaxley.channels import Leak

    with open(folder / "sections.csv") as f:
        sections = list(csv.DictReader(f))
    with open(folder / "segments.csv") as f:
        segments = [s for s in csv.DictReader(f) if s["kind"] == "seg"]
    parents = [int(s["parent_section"]) for s in sections]
    compartment = jx.Compartment()
    branches = [jx.Branch(compartment, ncomp=int(s["nseg"])) for s in sections]
    cell = jx.Cell(branches, parents=parents)
    by_section: dict[str, list[dict[str, str]]] = {s["section"]: [] for s in sections}
    for s in segments:
        by_section[s["section"]].append(s)
    diameters, lengths = [], []
    for s in sections:
        own = sorted(by_section[s["section"]], key=lambda x: float(x["x"]))
        diameters += [float(x["diam_um"]) for x in own]
        lengths += [float(s["L_um"]) / len(own)] * len(own)
    cell.insert(Leak())
    for k, (diameter, length) in enumerate(zip(diameters, lengths, strict=True)):
        view = cell.select(nodes=np.asarray([k]))
        view.set("radius", diameter / 2.0)
        view.set("length", length)
    for name, value in (
        ("axial_resistivity", 261.97), ("capacitance", 1.5), ("Leak_gLeak", 1.0 / 48300.0),
        ("Leak_eLeak", 0.0), ("v", 0.0),
    ):  # fmt: skip
        cell.set(name, value)
    cell.init_states(delta_t=DT)
    return cell


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("folder", type=Path)
    p.add_argument("--batch", type=int, default=4)
    p.add_argument("--levels", type=int, default=1, choices=sorted(CHECKPOINTS))
    p.add_argument("--repeat", type=int, default=3)
    a = p.parse_args()
    import jax.numpy as jnp
    import jaxley as jx
    import numpy as np

    began = time.perf_counter()
    cell = cell_of(a.folder)
    built = time.perf_counter() - began
    n = len(cell.nodes)
    cell.branch(0).loc(0.5).record("v", verbose=False)
    rng = np.random.default_rng(1234)
    place = jnp.asarray(rng.integers(1, n, (CELLS, INPUTS)))
    limit = np.sqrt(6.0 / (INPUTS + CELLS))
    weights = {
        "in": jnp.asarray(rng.uniform(-limit, limit, (CELLS, INPUTS))), "b": jnp.zeros(CELLS),
        "out": jnp.asarray(rng.uniform(-0.28, 0.28, (CELLS, OUTPUTS))), "c": jnp.zeros(OUTPUTS),
    }  # fmt: skip
    given = jnp.asarray(
        rng.uniform(0.0, 1.0, (a.batch, STEPS, INPUTS)) * (rng.random((a.batch, 1, INPUTS)) < 0.2)
    )
    labels = jnp.asarray(rng.integers(0, OUTPUTS, a.batch))
    lengths = CHECKPOINTS[a.levels]

    def soma(w: Any, b: Any, at: Any, v: Any) -> Any:
        current = jax.vmap(lambda row: jnp.zeros(n).at[at].add(w * row))(v) / 61.4
        current = current.at[:, 0].add(b / 66.957).T
        stimulus = cell.data_stimulate(current)
        return jx.integrate(cell, data_stimuli=stimulus, delta_t=DT, checkpoint_lengths=lengths)[0, :STEPS]

    layer = jax.vmap(soma, in_axes=(0, 0, 0, None))

    def outputs(x: Any, v: Any) -> Any:
        hidden = jnp.maximum(layer(x["in"], x["b"], place, v), 0.0).T

        def step(v_out: Any, drive: Any) -> tuple[Any, Any]:
            v_out = (v_out + DT / 10.0 * (drive @ x["out"] + x["c"])) / (1.0 + DT / 10.0)
            return v_out, v_out

        return jax.lax.scan(step, jnp.zeros(OUTPUTS), hidden)[1][BEGIN:].mean(axis=0)

    def loss(x: Any, v: Any, y: Any) -> Any:
        out = jax.nn.log_softmax(jax.vmap(lambda s: outputs(x, s))(v))
        return -jnp.take_along_axis(out, y[:, None], axis=1).mean()

    found: dict[str, Any] = {
        "jax": jax.__version__, "batch": a.batch, "levels": a.levels, "compartments": n, "build_s": built,
    }  # fmt: skip
    for name, function in (("test", loss), ("train", jax.value_and_grad(loss))):
        _, first, seconds = timed(jax.jit(function), weights, given, labels, repeat=a.repeat)
        found |= {f"{name}_first_s": first, f"{name}_s_per_1000": seconds * 1000.0 / a.batch}
        found[f"{name}_peak_MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    print(json.dumps(found))


if __name__ == "__main__":
    main()
