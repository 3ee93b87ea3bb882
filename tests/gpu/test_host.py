"""What the host asks of the driver, and in which order: under a driver that has no device (null_driver.c)."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from heliox.kernels import probe

HERE = Path(__file__).parent
COMPILER = shutil.which("cc") or shutil.which("gcc")

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the null driver is for Linux"),
    pytest.mark.skipif(COMPILER is None, reason="needs a C compiler"),
    pytest.mark.skipif(bool(probe.missing()), reason=probe.missing()),
]

# the null driver reads the number of words of a kernel's parameters from its machine code
PRELUDE = """
import gc
import numpy as np
from heliox.errors import DeviceError
from heliox.kernels.device import *

def refused(f, *given):
    try:
        f(*given)
    except DeviceError as e:
        return str(e)
    raise AssertionError("not refused")

g = find()
image = Image(b"9", "k", 16, 0, 0, 512, 0, "heliox_k", ("float64[::1]", "int64", "float64"), (9, 0))
kernel = g.kernel(image)
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    folder = tmp_path_factory.mktemp("driver")
    words = [COMPILER, "-O1", "-shared", "-fPIC", "-w", "-o", folder / "libcuda.so.1"]
    subprocess.run([*words, HERE / "null_driver.c", "-ldl"], check=True)
    return folder


@pytest.fixture
def run(driver, tmp_path):
    """Run a text under the null driver; what it prints, and the calls it made."""

    def go(code, *words, prelude=PRELUDE, **variables):
        log = tmp_path / "log"
        log.unlink(missing_ok=True)
        environment = os.environ | {"LD_LIBRARY_PATH": str(driver), "NULL_LOG": str(log)} | variables
        environment["PYTHONPATH"] = str(HERE.parents[1])
        line = [sys.executable, *(words or ("-c", prelude + code))]
        done = subprocess.run(line, capture_output=True, text=True, timeout=120, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines(), log.read_text().splitlines() if log.exists() else []

    return go


def test_arrays_go_there_and_back(run):
    code = """
a = g.upload(np.arange(12.0).reshape(4, 3))
assert (a.get() == np.arange(12.0).reshape(4, 3)).all() and a.shape == (4, 3) and a.nbytes == 96
p = a.part(1, 3)
assert p.pointer == a.pointer + 24 and (p.get() == [[3, 4, 5], [6, 7, 8]]).all()
p.part(1, 2).put([[-1, -2, -3]])
assert a.get()[2].tolist() == [-1, -2, -3]
p.fill_zero()
assert a.get().sum() == 0 + 1 + 2 + 9 + 10 + 11
b = g.zeros((2, 3))
b.copy_from(a.part(0, 2))
out = np.empty((2, 3))
assert b.get(out) is out and out[0].tolist() == [0, 1, 2]
s = g.stream()
host = g.pinned((2, 3), np.int32)
host[:] = 7
c = g.zeros((2, 3), "i4").put(host, s)
back = g.pinned((2, 3), np.int32)
c.get(back, s)
s.synchronize()
assert (back == 7).all()
i = a.part(1, 2).__cuda_array_interface__
assert i["data"] == (a.pointer + 24, False) and i["shape"] == (1, 3)
assert i["typestr"] == "<f8" and i["version"] == 3
e = g.zeros((0, 3))
assert e.get().shape == (0, 3) and e.pointer == 0 and a.part(2, 2).get().shape == (0, 3)
print(refused(b.put, np.zeros(6)))
print(refused(b.copy_from, a))
print(refused(b.get, np.zeros((2, 3), "f4")))
assert (b.put(1 + np.zeros((2, 3), "f4")).get() == 1).all()
"""
    out, _ = run(code)
    assert out == [
        "an array of shape (6,) where one of (2, 3) is needed",
        "an array of shape (4, 3) where one of (2, 3) is needed",
        "out must be a contiguous, writeable array of float64",
    ]


def test_memory_is_counted_and_freed_with_its_last_view(run):
    code = """
a = g.zeros(1000)
b = g.zeros(500)
assert (g.allocated, g.peak) == (12000, 12000)
v = a.part(10, 20).part(2, 4)
del a
gc.collect()
assert g.allocated == 12000
del v
gc.collect()
assert (g.allocated, g.peak) == (4000, 12000) and g.free > 0
h = g.pinned(10)
w = h[2:]
del h
gc.collect()
w[:] = 1
print("pinned")
del w
gc.collect()
"""
    _, log = run(code)
    assert [c for c in log if c.split()[0] in ("allocate", "free", "pin", "unpin")] == [
        "allocate 8000", "allocate 4000", "free", "pin 80", "unpin", "free",
    ]  # fmt: skip


def test_copies_without_a_stream_wait_for_all_streams(run):
    _, log = run("a = g.zeros(4)\na.put(np.ones(4))\na.get()\n")
    assert [c for c in log if c.split()[0] in ("put", "get", "fill", "synchronize")] == [
        "synchronize device", "fill 32 s0", "synchronize s0",
        "synchronize device", "put 32 s0", "synchronize s0",
        "synchronize device", "get 32 s0", "synchronize s0",
    ]  # fmt: skip


def test_launches_are_in_order_without_a_pause(run):
    code = """
s, t = g.stream(), g.stream()
a, b = g.upload(np.ones(3)), g.zeros(0)
x = Launch(kernel, (5, 2), 64, (a, 7, 2.5))
y = Launch(kernel, 1, (32, 4), (b, -1, 1), shared=1024)
print(f"{a.pointer:x}")
for _ in range(3):
    x.on(s)
    y.on(t)
    t.wait(s.record())
s.synchronize()
"""
    (pointer,), log = run(code)
    streams = [c for c in log if c.startswith("stream")]
    assert len(streams) == 3 and all(c.endswith("flags 1") for c in streams)  # they block nobody
    first = next(k for k, c in enumerate(log) if c.startswith("launch"))
    s, t = (re.findall(r"s\d+", log[first + k])[0] for k in (0, 1))
    assert s != t
    assert log[first] == f"launch heliox_k {s} (5,2,1) (64,1,1) 0: 0 0 3 8 {pointer} 3 8 7 4004000000000000"
    last = "ffffffffffffffff 3ff0000000000000"
    assert log[first + 1] == f"launch heliox_k {t} (1,1,1) (32,4,1) 1024: 0 0 0 8 0 0 8 {last}"
    round_ = ["launch", "launch", "event", "record", "wait"]
    assert [c.split()[0] for c in log[first:]][:16] == round_ * 3 + ["synchronize"]
    assert all(c.endswith("flags 2") for c in log if c.startswith("event"))


def test_wrong_launches_are_refused(run):
    code = """
a = g.zeros(3)
print(refused(Launch, kernel, 1, 2048, (a, 1, 1.0)))
print(refused(Launch, kernel, 0, 32, (a, 1, 1.0)))
print(refused(Launch, kernel, 1, 32, (a, 1)))
print(refused(Launch, kernel, 1, 32, (a, 1.5, 1.0)))
print(refused(Launch, kernel, 1, 32, (a, 1, 1.0), 300000))
print(refused(g.kernel, Image(b"", "k", 16, 0, 0, 0, 0, "k", (), (8, 0))))
assert g.kernel(Image(b"9", "k", 16, 0, 0, 512, 0, "heliox_k", image.types, (9, 0))) is kernel
"""
    out, _ = run(code)
    assert out == [
        "kernel k: a block of 2048 threads; it can have 1024 with its 16 registers",
        "0 is no size of a grid or block: one to three numbers of at least 1",
        "kernel k takes 3 arguments, not 2",
        "kernel k, argument 1: 1.5 where int64 is needed",
        "kernel k: 300512 bytes of shared memory, Null 0 has 232448 for a block",
        "kernel k is for capability 8.0, Null 0 has 9.0",
    ]


def test_much_shared_memory_is_asked_for_once(run):
    code = """
a = g.zeros(3)
for shared in (1000, 48 * 1024 - 512, 100000, 60000, 200000):
    Launch(kernel, 1, 32, (a, 1, 1.0), shared)
"""
    _, log = run(code)
    assert [c for c in log if c.startswith("set")] == ["set heliox_k 8 100000", "set heliox_k 8 200000"]


FORK = """
s, t, u = g.stream(), g.stream(), g.stream()
a = g.upload(np.ones(3))
x = Launch(kernel, 1, 32, (a, 7, 2.5))
with g.capture(s) as made:
    x.on(s)
    fork = s.record()
    t.wait(fork)
    u.wait(fork)
    x.on(t)
    x.on(u)
    {join}
    x.on(s)
"""


def test_streams_that_part_and_join_become_one_graph(run):
    code = FORK.format(join="[s.wait(o.record()) for o in (t, u)]")
    code += """
graph = made.graph
assert graph.nodes == 4
pointer = a.pointer
del a, x, fork, t, u, made
gc.collect()
assert g.allocated == 24
for _ in range(3):
    graph.launch(s)
s.synchronize()
del graph
gc.collect()
assert g.allocated == 0
"""
    _, log = run(code)
    begin = next(k for k, c in enumerate(log) if c.startswith("capture "))
    end = log.index("captured 4")
    assert log[begin].endswith("mode 1")  # of this thread only
    assert [c.split()[0] for c in log[begin + 1 : end] if not c.startswith(("event", "record"))] == [
        "launch", "wait", "wait", "launch", "launch", "wait", "wait", "launch",
    ]  # fmt: skip
    assert not [c for c in log[begin:end] if c.startswith("synchronize")]
    launches = [c for c in log[end:] if c.startswith(("graph", "synchronize", "forget", "free"))]
    s = log[begin].split()[1]
    assert launches == [*[f"graph g0 {s}"] * 3, f"synchronize {s}", "forget g0", "free"]


def test_a_stream_that_is_not_joined_is_an_error(run):
    code = "try:\n" + "".join(f"    {line}\n" for line in FORK.format(join="pass").splitlines())
    code += """
except DeviceError as e:
    print(e)
x.on(s)
with g.capture(s) as made:
    x.on(s)
assert made.graph.nodes == 1
"""
    out, _ = run(code)
    assert out == ["cuStreamEndCapture: CUDA_ERROR_STREAM_CAPTURE_UNJOINED"]


def test_what_a_capture_does_not_allow_is_refused_or_put_off(run):
    code = """
s = g.stream()
a, b = g.zeros(3), g.zeros(3)
x = Launch(kernel, 1, 32, (a, 7, 2.5))
with g.capture(s) as made:
    print(refused(g.zeros, 3))
    print(refused(a.get))
    print(refused(s.synchronize))
    print(refused(g.stream))
    print(refused(lambda: made.graph))
    print(refused(lambda: g.capture(s).__enter__()))
    x.on(s)
    del b
    gc.collect()
    assert g.allocated == 48
assert g.allocated == 24
try:
    with g.capture(s) as lost:
        x.on(s)
        raise KeyError("mine")
except KeyError:
    pass
x.on(s)
a.get()
"""
    out, log = run(code)
    assert out == [
        "an allocation is not possible while a graph is captured",
        "synchronizing is not possible while a graph is captured",
        "synchronizing is not possible while a graph is captured",
        "a new stream is not possible while a graph is captured",
        "the graph is there when its block has ended",
        "a capture is not possible while a graph is captured",
    ]
    captured = log.index("captured 1")
    assert log.index("free") > captured


def test_events_measure_where_that_was_asked_for(run):
    code = """
s = g.stream()
first, last = s.record(timing=True), s.record(timing=True)
assert last.elapsed_ms(first) == 1.5
print(refused(last.elapsed_ms, s.record()))
"""
    out, log = run(code)
    assert out == ["only events recorded with timing=True have times"]
    assert [c for c in log if c.startswith(("event", "synchronize"))] == [
        "event e0 flags 0", "event e1 flags 0", "synchronize e1", "event e2 flags 2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("failure", "code", "said"),
    [
        ("cuMemAlloc 2", "g.zeros(1 << 27)",
         "Null 0: cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY (1 GiB wanted, 6 GiB free)"),
        ("cuLaunchKernel 700", "Launch(kernel, 1, 32, (g.zeros(0), 1, 1.0)).on(g.stream())",
         "cuLaunchKernel of k: CUDA_ERROR_ILLEGAL_ADDRESS"),
        ("cuStreamSynchronize 719", "g.stream().synchronize()",
         "cuStreamSynchronize: CUDA_ERROR_LAUNCH_FAILED"),
    ],
)  # fmt: skip
def test_failures_have_the_drivers_name(run, failure, code, said):
    out, _ = run(f"print(refused(lambda: {code}))", NULL_FAIL=failure)
    assert out == [said]


NO_MODULE = "cuModuleLoadData 209"


def test_a_module_that_does_not_load(run):
    code = PRELUDE.replace("kernel = g.kernel(image)", "print(refused(g.kernel, image))")
    assert run("", prelude=code, NULL_FAIL=NO_MODULE)[0] == ["cuModuleLoadData: CUDA_ERROR_NO_BINARY_FOR_GPU"]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"NULL_DEVICES": "0"}, "none: the CUDA driver finds no device"),
        ({"NULL_FAIL": "cuInit 999"}, "none: the CUDA driver does not start (CUDA_ERROR_UNKNOWN)"),
        ({"NULL_VERSION": "11080"}, "not usable: the CUDA driver is too old (CUDA 11.8)"),
        ({"NULL_CAPABILITY": "52"}, "not usable: Null 0 has compute capability 5.2"),
        ({}, "Null 0, compute capability 9.0, 132 multiprocessors, 8 GiB, driver for CUDA 13.0"),
    ],
)
def test_info_describes_the_device_or_says_why_not(run, variables, said):
    out, log = run("", "-m", "heliox.cli", "info", **variables)
    shown = [line[12:] for line in out if line.startswith("GPU ")]
    assert any(line.startswith(said) for line in shown), shown
    assert log == []  # no stream, no memory


def test_a_second_device(run):
    code = """
h = find("cuda:1")
assert h is find("cuda:1") and h is not find() and find("cuda:0") is find()
assert (h.index, h.name, h.driver) == (1, "Null 1", "13.0")
assert (h.processors, h.capability, h.memory) == (132, (9, 0), 1 << 33)
print(available() == "", refused(find, "cuda:2"))
"""
    out, _ = run(code, NULL_DEVICES="2")
    assert out == ["True there is no device cuda:2; legal: cuda:0, cuda:1"]
