"""Kernels of benchmarked models become machine code for four generations of GPUs; none spills registers."""

import pytest

pytest.importorskip("numba_cuda", reason="the wheels of heliox[cuda13] are not installed")

from benchmarks.gpu.compile import CAPABILITIES, kernels_of


@pytest.mark.parametrize("model", ["l5pc_network", "hpc_active", "gap_ring"])
def test_every_kernel_compiles_and_none_spills(model):
    for kernel, images in kernels_of(model):
        assert [i.capability for i in images] == list(CAPABILITIES)
        for image in images:
            assert image.cubin[:4] == b"\x7fELF"
            assert not image.spills, (kernel, image.capability, image.registers)
