"""Kernels become machine code without a GPU, and none of them spills registers."""

import pytest

pytest.importorskip("numba_cuda", reason="the wheels of heliox[cuda13] are not installed")

from benchmarks.gpu.compile import CAPABILITIES, kernels_of
from heliox.errors import MechanismError
from heliox.kernels import cache, device
from heliox.kernels.cuda_backend import each_image
from heliox.kernels.step_kernels import StepKernels
from heliox.kernels.step_module import TYPES, module_text, names
from tests.gpu.test_learning import drawn
from tests.mechanisms.library import programs


@pytest.mark.parametrize(
    ("model", "order", "part"),
    [
        ("l5pc_network", "neuron", "step"),
        ("hpc_active", "neuron", "step"),
        ("gap_ring", "neuron", "step"),
        ("l5pc_network", "contraction", "step"),
        ("hpc_active", "contraction", "step"),
        ("gap_ring", "neuron", "initial"),
        ("l5pc_network", "neuron", "back"),
        ("gap_ring", "contraction", "back"),
    ],
)
def test_every_kernel_compiles_and_none_spills(model, order, part):
    """Benchmarked models, their initialization and gradients, four generations of GPUs."""
    for kernel, images in kernels_of(model, order, part):
        assert [i.capability for i in images] == list(CAPABILITIES)
        for image in images:
            assert image.cubin[:4] == b"\x7fELF"
            assert not image.spills, (kernel, image.capability, image.registers)


def test_a_learning_kernel_compiles():
    types = ["float64[::1]", "int64[:, ::1]", "float64[::1]", "int64[:, ::1]", "float64", "float64[::1]"]
    for capability in CAPABILITIES:
        image = each_image(drawn, (True, True, False, False), types, capability)
        assert image.cubin[:4] == b"\x7fELF" and not image.spills
    with pytest.raises(MechanismError, match="cannot be compiled"):
        each_image(lambda k, w: w.nothing, (True,), types[:2], (9, 0))


def test_every_mechanism_of_the_library_compiles():
    """All in one program, as a network could have them, for sm_90."""
    kernels = StepKernels(programs()[0])
    module = cache.load(module_text(kernels, "cuda"))
    for kernel, signature in (kernels.signatures() | kernels.initial.signatures()).items():
        if kernel.endswith("_lean") or kernel == "events_packed":
            continue  # the same texts, with less to store or a thread for each group
        types = [TYPES[x] for x in names(signature)]
        (image,) = device.compiled_for(getattr(module, kernel), types, ((9, 0),))
        assert not image.spills, (kernel, image.registers)
