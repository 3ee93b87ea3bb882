"""What every test may use: the reference data, a clean NEURON session, one kernel cache for all workers.

This module runs before any test file is imported, so the environment it sets is in force when NumPy, NEURON
and HelioX load.
"""

import ctypes
import functools
import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

# Numba's own threads are HelioX's business and stay as they are; those of the BLAS only disturb timings.
for _variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ.setdefault("NEURON_MODULE_OPTIONS", "-nogui")
os.environ.setdefault("MPLBACKEND", "Agg")

# The process that starts pytest-xdist's workers comes here first, and they inherit its environment: one cache
# for all of them.
_own_cache = None
if "HELIOX_CACHE" not in os.environ:
    _own_cache = tempfile.mkdtemp(prefix="heliox-test-cache-")
    os.environ["HELIOX_CACHE"] = _own_cache


def pytest_unconfigure(config):
    if _own_cache is not None:
        shutil.rmtree(_own_cache, ignore_errors=True)


@functools.cache
def cuda_devices() -> int:
    """Number of CUDA devices, asked of the driver without creating a context."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def pytest_runtest_setup(item):
    if item.get_closest_marker("gpu") is not None and cuda_devices() == 0:
        pytest.skip("needs a CUDA device: the driver reports none")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder ``shared`` beside the repository: real models, data sets and reference results."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(
            "the folder 'shared' with the reference data (l5pc, hpc, celegans, mnist, morphologies) "
            "is not beside the repository"
        )
    return folder


@pytest.fixture
def h():
    """NEURON's ``h`` with nothing left in it from earlier tests and its globals at their defaults.

    Templates and mechanisms that hoc or ``nrn_load_dll`` added stay: they cannot be taken out of a process.
    """
    neuron = pytest.importorskip(
        "neuron", reason="NEURON is not installed (it has no wheels for this platform)"
    )
    clean_neuron(neuron.h)
    yield neuron.h
    clean_neuron(neuron.h)


def clean_neuron(h) -> None:
    """Empty the NEURON session and set its globals back.

    NEURON objects live as long as something refers to them. Point processes lose their place with their
    section and connections are cut; an artificial cell that is still referred to would take part in every
    later run, so it is an error here.
    """
    for name in ("last_exc", "last_value", "last_traceback"):  # a failed test's frames keep its objects alive
        if hasattr(sys, name):
            delattr(sys, name)
    gc.collect()

    pc, cvode = h.ParallelContext(), h.CVode()
    cvode.active(0)
    cvode.use_fast_imem(0)
    pc.nthread(1)
    pc.gid_clear()
    for netcon in h.List("NetCon"):
        netcon.active(0)
        netcon.setpost(None)
    for section in list(h.allsec()):
        h.delete_section(sec=section)
    cvode.use_mxb(0)  # extracellular and LinearMechanism leave the general sparse solver on

    defaults = {
        "t": 0.0,
        "dt": 0.025,
        "celsius": 6.3,
        "secondorder": 0,
        "usetable_hh": 1,
        "nai0_na_ion": 10.0,
        "nao0_na_ion": 140.0,
        "ki0_k_ion": 54.4,
        "ko0_k_ion": 2.5,
    }
    if hasattr(h, "cai0_ca_ion"):  # only once a mechanism with calcium is loaded
        defaults |= {"cai0_ca_ion": 5e-5, "cao0_ca_ion": 2.0}
    if hasattr(h, "steps_per_ms"):  # only once stdrun.hoc is loaded; h.run() sets dt from it
        defaults |= {"steps_per_ms": 40, "tstop": 5.0, "v_init": -65.0}
    for name, value in defaults.items():
        setattr(h, name, value)
    h.Random().Random123_globalindex(0)

    left = [str(cell) for template in artificial_cells(h) for cell in h.List(template)]
    if left:
        raise RuntimeError(
            f"NEURON artificial cells outlive their test: {', '.join(left)}. "
            "Keep them in the test function's own variables, not in a module or a wider fixture."
        )
    gc.freeze()  # what is there now stays: no later search for NEURON's objects looks through the compiler's


def artificial_cells(h) -> list[str]:
    """Names of the loaded artificial cell types; PatternStim is NEURON's own."""
    kinds, name, found = h.MechanismType(1), h.ref(""), []
    for index in range(int(kinds.count())):
        kinds.select(index)
        kinds.selected(name)
        if kinds.is_artificial(index):
            found.append(name[0])
    return found
