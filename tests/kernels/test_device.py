"""Kernels are compiled for every generation of GPUs without a driver; nothing here needs a device.

The calls that the host makes are tested in ``tests/gpu``.
"""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from heliox.errors import DeviceError
from heliox.kernels import arithmetic, device, device_objects, image, probe, random
from heliox.kernels.device_objects import DeviceArray, packed

ROOT = Path(__file__).resolve().parents[2]
GENERATIONS = [(7, 5), (8, 0), (9, 0), (12, 0)]
ARRAY = "float64[::1]"

needs_wheels = pytest.mark.skipif(bool(probe.missing()), reason=probe.missing())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("HELIOX_CACHE", str(tmp_path))
    monkeypatch.delenv("HELIOX_CUBINS", raising=False)
    return tmp_path


def kernel(text, **names):
    """A kernel ``k`` of a text in which ``i`` is the thread's number."""
    space = {"cuda": device.toolkit(), **names}
    exec(text.replace("):\n", "):\n    i = cuda.grid(1)\n", 1), space)
    return space["k"]


def axpy():
    return kernel("def k(a, b, n, s):\n    if i < n:\n        a[i] = a[i] * b[i] + s\n")


AXPY = (ARRAY, ARRAY, "int64", "float64")


def assembly(f, types, cc=(9, 0)):
    return device._ptx(f, types, cc)[1]


# -------------------------------------------------------------------------------------------------- compiling


@needs_wheels
@pytest.mark.parametrize("cc", GENERATIONS)
def test_a_kernel_becomes_machine_code_with_its_figures(folder, cc):
    made = device.compiled(axpy(), AXPY, cc, "key")
    assert made.cubin.startswith(b"\x7fELF")
    assert (made.name, made.types, made.capability) == ("k", AXPY, cc)
    assert made.symbol.encode() in made.cubin
    assert 8 <= made.registers <= 64
    assert (made.stack, made.spills, made.shared) == (0, 0, 0)


@needs_wheels
@pytest.mark.parametrize("cc", GENERATIONS)
def test_spills_and_shared_memory_are_reported(folder, cc):
    n = 48
    lines = ["def k(a, n):", *(f"    x{j} = a[i + {j} * n]" for j in range(n)), "    cuda.syncthreads()"]
    lines += [f"    a[i + {j} * n] = x{j} * x{n - 1 - j} + x{j * 5 % n}" for j in range(n)]
    f = kernel("\n".join(lines) + "\n")
    free = device.compiled(f, (ARRAY, "int64"), cc, "key")
    tight = device.compiled(f, (ARRAY, "int64"), cc, "key", max_registers=32)
    assert tight.spills > 0 and tight.stack > 0
    assert tight.registers <= 32 < free.registers
    text = "def k(a):\n    s = cuda.shared.array(128, f8)\n    s[i] = a[i]\n    cuda.syncthreads()\n"
    text += "    a[i] = s[127 - i]\n"
    shared = device.compiled(kernel(text, f8=np.float64), (ARRAY,), cc, "key")
    assert shared.shared == 1024


@needs_wheels
def test_products_and_sums_are_not_contracted(folder):
    inner = device.function(lambda a, b, c: a * b + c)
    outer = device.outline(lambda a, b, c: inner(a, b, c) - b * c)
    text = "def k(a, b, n, s):\n    if i < n:\n        a[i] = f(a[i], b[i], s) * b[i] + a[i] / s\n"
    ptx = assembly(kernel(text, f=outer), AXPY)
    assert "fma" not in ptx
    assert ptx.count("mul.rn.f64") == 3 and "add.rn.f64" in ptx and "sub.rn.f64" in ptx
    assert "div.rn.f64" in ptx


@needs_wheels
def test_machine_code_is_not_contracted_either(folder):
    disassembler = shutil.which("nvdisasm")
    if disassembler is None:
        pytest.skip("needs nvdisasm: python -m pip install nvidia-cuda-nvdisasm")
    path = folder / "k.cubin"
    path.write_bytes(device.compiled(axpy(), AXPY, (9, 0), "key").cubin)
    text = subprocess.run([disassembler, path], capture_output=True, text=True, check=True).stdout
    assert "DMUL" in text and "DADD" in text and "DFMA" not in text


@needs_wheels
def test_own_arithmetic_is_compiled_with_its_own_fused_operations(folder):
    from heliox.kernels import primitives

    own = primitives.for_cuda()
    ptx = assembly(kernel("def k(a):\n    a[i] = exp(a[i])\n", exp=own.exp), (ARRAY,))
    assert ptx.count("fma.rn.f64") >= 14
    assert "call" not in ptx
    ptx = assembly(kernel("def k(a):\n    a[i] = sqrt(a[i])\n", sqrt=own.sqrt), (ARRAY,))
    assert "sqrt.rn.f64" in ptx
    names = [n for n in arithmetic.FUNCTIONS if n not in ("min", "max") and n not in random.FUNCTIONS]
    two = [n for n in names if n in ("pow", "atan2", "fmod")]
    lines = [f"    s += f_{n}(a[i]{', a[i + 1]' if n in two else ''})\n" for n in names]
    text = "def k(a):\n    s = 0.0\n" + "".join(lines) + "    a[i] = s\n"
    made = device.compiled(
        kernel(text, **{f"f_{n}": getattr(own, n) for n in names}), (ARRAY,), (9, 0), "key"
    )
    assert made.registers < 200


@needs_wheels
def test_parameters_are_packed_as_the_machine_code_reads_them(folder):
    types = (
        "float64[::1]",
        "int64[:, ::1]",
        "float64[:]",
        "float64*",
        "int64",
        "int32",
        "float64",
        "float32",
    )
    f = kernel("def k(a, b, c, d, e, f, g, h):\n    a[i] = b[i, 1] + c[i] + d[i] + e + f + g + h\n")
    ptx = assembly(f, types)
    declared = re.findall(r"\.param \.(\w+) heliox_k_param_\d+", ptx)

    def array(pointer, shape, kind):
        return DeviceArray(None, SimpleNamespace(pointer=pointer), 0, shape, np.dtype(kind))  # type: ignore[arg-type]

    given = (
        array(4096, (5,), float),
        array(8192, (3, 2), int),
        array(512, (4,), float),
        array(64, (9,), float),
    )
    words = packed("k", types, (*given, -1, 7, 2.5, 0.5))
    assert len(declared) == len(words) == 7 + 9 + 7 + 1 + 4
    assert declared[-4:] == ["u64", "u32", "f64", "f32"]
    assert words[:7].tolist() == [0, 0, 5, 8, 4096, 5, 8]
    assert words[7:16].tolist() == [0, 0, 6, 8, 8192, 3, 2, 16, 8]
    assert words[23] == 64
    assert words.view(np.int64)[24] == -1 and words.view(np.int32)[50] == 7
    assert words.view(float)[26] == 2.5 and words.view(np.float32)[54] == 0.5
    # the 5th word of an array is its address, the last ones are its strides: what the text loads
    assert "[heliox_k_param_4]" in ptx and "[heliox_k_param_0]" not in ptx


@pytest.mark.parametrize(
    ("types", "arguments", "complaint"),
    [
        (("int64",), (), "takes 1 arguments, not 0"),
        (("int64",), (1.0,), "argument 0: 1.0 where int64 is needed"),
        (("uint8",), (300,), "argument 0: 300 does not fit uint8"),
        (("float64", ARRAY), (1, 2), "argument 1: 2 where"),
        (("complex128",), (1,), "no type of a kernel's parameter"),
    ],
)
def test_wrong_arguments_are_named(types, arguments, complaint):
    with pytest.raises(DeviceError, match=complaint):
        packed("k", types, arguments)


def test_wrong_arrays_are_named():
    made = DeviceArray(SimpleNamespace(index=0), SimpleNamespace(pointer=8), 0, (2, 3), np.dtype("f8"))  # type: ignore[arg-type]
    for text in (ARRAY, "int64[:, ::1]", "float64"):
        with pytest.raises(DeviceError, match=r"DeviceArray float64\[2, 3\]"):
            packed("k", (text,), (made,))
    with pytest.raises(DeviceError, match="part 1:3 of an array of 2"):
        made.part(1, 3)


# ------------------------------------------------------------------------------------------------------ cache


@pytest.fixture
def count(monkeypatch):
    """How often something was compiled."""
    calls, real = [], device._ptx

    def counted(*given):
        calls.append(given)
        return real(*given)

    monkeypatch.setattr(device, "_ptx", counted)
    return calls


@needs_wheels
def test_what_is_compiled_is_kept(folder, count):
    first = device.compiled(axpy(), AXPY, (9, 0), "key")
    assert device.compiled(axpy(), AXPY, (9, 0), "key") == first and len(count) == 1
    device.compiled(axpy(), AXPY, (9, 0), "another")
    device.compiled(axpy(), AXPY, (8, 0), "key")
    device.compiled(axpy(), AXPY, (9, 0), "key", max_registers=24)
    assert len(count) == 4 and len(list(folder.iterdir())) == 4


@needs_wheels
@pytest.mark.parametrize("spoil", ["cut", "flipped", "empty", "no header", "other header"])
def test_a_broken_file_is_made_again(folder, count, spoil):
    first = device.compiled(axpy(), AXPY, (9, 0), "key")
    (path,) = folder.iterdir()
    data = path.read_bytes()
    _, _, cubin = data.partition(b"\n")
    path.write_bytes({
        "cut": data[:-100], "flipped": data[:-1] + bytes([data[-1] ^ 1]), "empty": b"", "no header": cubin,
        "other header": json.dumps(["x"]).encode() + b"\n" + cubin,
    }[spoil])  # fmt: skip
    assert device.compiled(axpy(), AXPY, (9, 0), "key") == first
    assert len(count) == 2 and path.read_bytes() == data


@needs_wheels
def test_the_cache_can_be_carried_to_another_machine(folder, tmp_path, monkeypatch, count):
    first = device.compiled(axpy(), AXPY, (9, 0), "key")
    away = tmp_path / "away"
    shutil.copytree(folder, away)
    monkeypatch.setenv("HELIOX_CACHE", str(away))
    assert device.compiled(axpy(), AXPY, (9, 0), "key") == first and len(count) == 1
    versions = probe.wheels() | {"numba": "0.1"}
    monkeypatch.setattr(probe, "wheels", lambda: versions)
    monkeypatch.setenv("HELIOX_CUBINS", "any")
    assert device.compiled(axpy(), AXPY, (9, 0), "key") == first and len(count) == 1
    monkeypatch.delenv("HELIOX_CUBINS")
    device.compiled(axpy(), AXPY, (9, 0), "key")
    assert len(count) == 2


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    path = tmp_path / "file" / "k.cubin"
    path.parent.write_text("not a folder")
    image.write(path, device.Image(b"", "k", 1, 0, 0, 0, 0))
    assert image.read(path) is None


# --------------------------------------------------------------------------------------- numba-cuda's insides


@needs_wheels
def test_what_is_used_of_numba_cudas_insides_is_there():
    cuda = device.toolkit()
    compiler, dispatcher = cuda.compiler, cuda.dispatcher
    broken = "numba-cuda has changed: heliox/kernels/device.py, _ptx, must follow"
    assert callable(dispatcher.get_current_device), broken
    wanted = {"pyfunc", "sig", "debug", "device", "fastmath", "cc", "opt", "abi"}
    assert wanted <= set(inspect.signature(compiler._compile_pyfunc_with_fixup).parameters), broken
    library = cuda.codegen.CUDACodeLibrary
    text = inspect.getsource(library.get_asm_strs)
    assert "self._nvvm_options" in text, f"{broken}: contraction is switched off there"
    text = inspect.getsource(library.__init__)
    for name in ("_nvvm_options", "_entry_name", "_linking_files", "needs_cudadevrt"):
        assert name in text, f"{broken}: {name}"
    assert "get_current_device" in inspect.getsource(dispatcher.CUDADispatcher.compile_device), broken


@needs_wheels
def test_numba_cuda_is_as_it_was_after_a_compilation(folder):
    dispatcher = device.toolkit().dispatcher
    ask = dispatcher.get_current_device
    device.compiled(axpy(), AXPY, (9, 0), "key")
    with pytest.raises(Exception, match="nothing"):
        device.compiled(kernel("def k(a):\n    a[i] = nothing(a)\n"), (ARRAY,), (9, 0), "key")
    assert dispatcher.get_current_device is ask


@needs_wheels
def test_numba_cuda_works_with_a_numpy_without_row_stack(tmp_path):
    code = (
        "import numpy as np\n"
        "if hasattr(np, 'row_stack'):\n    del np.row_stack\n    np.__all__.remove('row_stack')\n"
        "from heliox.kernels import device\n"
        "cuda = device.toolkit()\n"
        "assert not hasattr(np, 'row_stack')\n"
        "def k(a):\n    a[cuda.grid(1)] = 1.0\n"
        "print(device.compiled(k, ['float64[::1]'], (9, 0), 'key').name)\n"
    )
    assert python(code, HELIOX_CACHE=str(tmp_path)) == "k"


@needs_wheels
def test_importing_loads_nothing_of_cuda():
    code = "import sys\nfrom heliox.kernels import device\ndevice.describe(), device.available()\n"
    code += "print(*({'numba.cuda', 'numba_cuda', 'cuda'} & set(sys.modules)))"
    assert python(code) == ""


@needs_wheels
def test_the_simulator_is_refused():
    code = "from heliox.kernels import device\ndevice.toolkit()"
    assert "unset NUMBA_ENABLE_CUDASIM" in python(code, fails=True, NUMBA_ENABLE_CUDASIM="1")


@needs_wheels
@pytest.mark.parametrize("library", ["nvvm", "nvJitLink", "nvrtc"])
def test_a_missing_library_of_the_compiler_is_named(tmp_path, library):
    code = (
        "import cuda.pathfinder as finder\n"
        "load = finder.load_nvidia_dynamic_lib\n"
        "def find(name):\n"
        f"    if name == '{library}':\n        raise finder.DynamicLibNotFoundError('no ' + name)\n"
        "    return load(name)\n"
        "finder.load_nvidia_dynamic_lib = find\n"
        "from heliox.kernels import device\n"
        "cuda = device.toolkit()\n"
        "def k(a):\n    a[cuda.grid(1)] = 1.0\n"
        "device.compiled(k, ['float64[::1]'], (9, 0), 'key')\n"
    )
    said = python(code, fails=True, HELIOX_CACHE=str(tmp_path)).splitlines()[-1]
    assert "DeviceError: a part of NVIDIA's compiler is missing (" in said
    assert "python -m pip install 'heliox[cuda1" in said


def python(code, fails=False, **variables):
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | variables
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=environment
    )
    assert (run.returncode != 0) == fails, run.stderr
    return (run.stderr if fails else run.stdout).strip()


# --------------------------------------------------------------------------------------------------- messages

H200 = probe.Found("NVIDIA H200", (9, 0), 132, 140 << 30)
OLD = probe.Found("Tesla V100", (7, 0), 80, 16 << 30)
ANCIENT = probe.Found("Tesla K80", (3, 7), 13, 12 << 30)
CU13 = {"numba-cuda": "0.30.4", "cuda-bindings": "13.3.1"}
CU12 = {"numba-cuda": "0.30.4", "cuda-bindings": "12.9.4"}


@pytest.mark.parametrize(
    ("driver", "wheels", "index", "said"),
    [
        (probe.Driver((13, 0), (H200,)), CU13, 0, ""),
        (probe.Driver((13, 0), (H200,)), CU12, 0, ""),
        (probe.Driver((12, 4), (OLD,)), CU12, 0, ""),
        (probe.Driver((0, 0), (), "no driver"), {}, 0, "no driver"),
        (probe.Driver((13, 0), (H200,)), {}, 0, "cuda-bindings: python -m pip install 'heliox[cuda13]'"),
        (probe.Driver((12, 4), (H200,)), {}, 0, "python -m pip install 'heliox[cuda12]'"),
        (probe.Driver((12, 4), (H200,)), CU13, 0, "580 or later, or python -m pip install 'heliox[cuda12]'"),
        (probe.Driver((11, 8), (H200,)), CU12, 0, "too old (CUDA 11.8): update it to 580"),
        (probe.Driver((13, 0), (H200, H200)), CU13, 2, "no device cuda:2; legal: cuda:0, cuda:1"),
        (probe.Driver((12, 4), (OLD,)), CU12, 1, "legal: cuda:0"),
        (probe.Driver((13, 0), (OLD,)), CU13, 0, "need 7.5: python -m pip install 'heliox[cuda12]'"),
        (probe.Driver((12, 0), (ANCIENT,)), CU12, 0, "compute capability 3.7; the installed wheels need 6.0"),
    ],
)  # fmt: skip
def test_the_reason_names_what_mends_it(monkeypatch, driver, wheels, index, said):
    monkeypatch.setattr(probe, "driver", lambda: driver)
    monkeypatch.setattr(probe, "wheels", lambda: wheels)
    reason = probe.reason(index)
    assert said in reason and "\n" not in reason and bool(said) == bool(reason)
    if said:
        with pytest.raises(DeviceError, match=re.escape(reason)):
            device.find(f"cuda:{index}")
    if index == 0:
        assert device.available() == reason
        assert device.describe()[-1 if reason and not wheels else 0]


def test_names_of_devices(monkeypatch):
    for name in ("gpu", "cuda:", "cuda:-1", "cuda:x", "cuda 1"):
        with pytest.raises(DeviceError, match="legal are 'cuda', 'cuda:0'"):
            device.find(name)


def test_missing_wheels_are_named_when_the_toolkit_is_asked_for(monkeypatch):
    monkeypatch.setattr(probe, "wheels", dict)
    with pytest.raises(DeviceError, match=r"pip install 'heliox\[cuda1[23]\]'"):
        device.toolkit.__wrapped__()


def test_grids_and_blocks():
    assert device_objects._three(3) == (3, 1, 1) and device_objects._three((4, 2)) == (4, 2, 1)
    for wrong in (0, (1, 2, 3, 4), (), (2, 0)):
        with pytest.raises(DeviceError, match="no size of a grid or block"):
            device_objects._three(wrong)
    assert device_objects._three(np.arange(1, 3)) == (1, 2, 1)  # type: ignore[arg-type]
