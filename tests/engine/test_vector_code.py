"""Every mechanism of the library computes in vector instructions."""

import inspect
import platform
import re

import llvmlite.binding
import numba
import pytest
from numba.core import types

from heliox.kernels import cache
from heliox.kernels.block_loop import BlockWriter
from heliox.kernels.codegen import module_text
from heliox.kernels.context import Context
from tests.mechanisms.library import programs

X86 = platform.machine().lower() in ("x86_64", "amd64")
PACKED = re.compile(r"\bv?(add|sub|mul|div|fn?m(add|sub)\d+)pd\b[^\n]*%[xyz]mm")
WIDE = re.compile(r"\bv(add|sub|mul|div|fn?m(add|sub)\d+)pd\b[^\n]*%[yz]mm")
CALL = re.compile(r"call\S*\s+\S*(heliox_libm|\bexp\b|\bpow\b|\blog\b)")
PROGRAMS = programs()


def blocks() -> list[tuple[int, str, str]]:
    """Blocks of a step whose instances are computed side by side, with and without tables."""
    out = []
    for k, program in enumerate(PROGRAMS):
        context = Context(program)
        for m in program.mechanisms:
            t = m.template
            for block in ("current", "state"):
                if block not in t.functions or t.kind == "artificial" or t.name == "capacitance":
                    continue
                writer = BlockWriter(context, m, block)
                if not (writer.serial or writer.effects or writer.inside or (k and t.kind == "ion")):
                    out.append((k, t.name, block))
    return out


@pytest.fixture(scope="module")
def modules():
    return [cache.load(module_text(p)) for p in PROGRAMS]


@pytest.mark.skipif(not X86, reason="looks for x86 instructions")
@pytest.mark.parametrize(("program", "mechanism", "block"), blocks())
def test_compute_loops_are_vector_code(modules, program, mechanism, block):
    """Packed arithmetic on doubles in the loop over a block's instances, and no call out of it."""
    function = getattr(modules[program], f"{mechanism}_{block}_block")
    array, unsigned = types.float64[::1], types.uint64
    kinds = {"_A": array, "_P": array, "_S": array, "_TM": array} | dict.fromkeys(
        ("_o", "_p", "_m", "_tk"), unsigned
    )
    names = inspect.signature(function.py_func).parameters
    signature = tuple(kinds.get(n, types.float64) for n in names)
    compiled = numba.njit(error_model="numpy", _nrt=False)(function.py_func)  # as it stands it is linked only
    compiled.compile(signature)
    assembly = compiled.inspect_asm(signature)
    assert PACKED.search(assembly), f"{mechanism}_{block} is scalar code"
    if llvmlite.binding.get_host_cpu_features().get("avx2"):
        assert WIDE.search(assembly), f"{mechanism}_{block} uses no wide registers"
    assert not CALL.search(assembly)
