"""Every kernel of the benchmarked models as machine code of four generations of GPUs, without one.

    python -m benchmarks.gpu.compile [MODEL ...]

Writes registers, stack, spills (bytes a thread) and static shared memory (bytes a block) to
benchmarks/results/gpu_kernels.md; fails where a kernel spills.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

from benchmarks.gpu import models
from heliox.engine.adjoint import spec_of
from heliox.engine.layout import make_plan
from heliox.engine.references import watched
from heliox.engine.stepwise import SPREAD_NODES
from heliox.kernels import cache, device
from heliox.kernels.program import Adjoint
from heliox.kernels.step_kernels import StepKernels
from heliox.kernels.step_module import NEAR_KERNELS, TYPES, module_text, names
from heliox.model.model import Model
from heliox.model.names import Names

CAPABILITIES = ((7, 5), (8, 0), (9, 0), (12, 0))
MODELS: dict[str, tuple[Callable[[], Model], bool]] = {  # and whether there are many nodes
    "l5pc": (models.l5pc, False),
    "l5pc_network": (lambda: models.l5pc_network(2), False),
    "hpc_passive": (lambda: models.hpc(2), True),
    "hpc_active": (lambda: models.hpc(2, True), True),
    "ring": (lambda: models.ring(4), False),
    "gap_ring": (lambda: models.gap_ring(4), False),
    "class239": (models.class239, True),
}
RESULTS = Path(__file__).parents[1] / "results" / "gpu_kernels.md"


def kernels_of(
    name: str, order: str = "neuron", part: str = "step"
) -> Iterator[tuple[str, list[device.Image]]]:
    """Name of each kernel of a model, and its machine codes; of a contraction those that differ.

    `part`: of the ``"step"``, of the ``"initial"``ization, or ``"back"``: of the gradient by conductances,
    weights and geometry.
    """
    build, many = MODELS[name]
    model = build()
    assert many or len(model.nodes) < SPREAD_NODES
    adjoint = conductances(model) if part == "back" else None
    plan = make_plan(model, dt=models.DT, chunk_nodes=1, order=order, adjoint=adjoint)
    kernels = StepKernels(plan.program, watched(model), spread=not many)
    module = cache.load(module_text(kernels, "cuda"))
    signatures = {
        "step": kernels.signatures, "initial": kernels.initial.signatures, "back": kernels.backwards,
    }[part]()  # fmt: skip
    for kernel, signature in signatures.items():
        if order == "contraction" and kernel not in NEAR_KERNELS:
            continue
        types = [TYPES[x] for x in names(signature)]
        yield kernel, device.compiled_for(getattr(module, kernel), types, CAPABILITIES)


def conductances(model: Model) -> Adjoint:
    """The gradient by all conductances of channels, by weights and geometry."""
    trained = {
        (m.name, n) for m in model.mechanisms if m.kind == "density" for n in m.values if n.startswith("g")
    }
    return spec_of(Names(model), frozenset(trained), frozenset(), weights=True, geometry=True)


def main() -> None:
    lines = [
        "# Kernels of the benchmarked models",
        "",
        "`python -m benchmarks.gpu.compile`: registers / stack / spills (bytes a thread) by capability.",
        "",
        "| model | kernel | " + " | ".join(f"sm_{a}{b}" for a, b in CAPABILITIES) + " |",
        "|---|---|" + "---|" * len(CAPABILITIES),
    ]
    spilled = []
    ways = product(sys.argv[1:] or MODELS, ("neuron", "contraction"), ("step", "initial", "back"))
    for name, order, part in ways:
        for kernel, images in kernels_of(name, order, part):
            cells = " | ".join(f"{i.registers} / {i.stack} / {i.spills}" for i in images)
            lines.append(f"| {name} | {kernel}{', contraction' * (order != 'neuron')} | {cells} |")
            spilled += [f"{name} {kernel} sm_{i.capability}" for i in images if i.spills]
            print(lines[-1], flush=True)
    if not sys.argv[1:]:
        RESULTS.write_text("\n".join(lines) + "\n")
    if spilled:
        raise SystemExit(f"kernels that spill: {', '.join(spilled)}")


if __name__ == "__main__":
    main()
