"""Every call of heliox.kernels.device on a real device; the kernels' results are compared with NumPy's."""

import subprocess
import sys
import time

import numpy as np
import pytest

from heliox.errors import DeviceError
from heliox.kernels import device, probe
from heliox.kernels.device import Launch

pytestmark = pytest.mark.gpu

RANDOM = np.random.default_rng(1)


def kernel(text, types, **names):
    """A kernel ``k`` of a text in which ``i`` is the thread's number, on the device."""
    space = {"cuda": device.toolkit(), **names}
    exec(text.replace("):\n", "):\n    i = cuda.grid(1)\n", 1), space)
    g = device.find()
    return g.kernel(device.compiled(space["k"], types, g.capability, device.digest(text)))


ARRAY = "float64[::1]"


def add_one():
    return kernel("def k(a):\n    if i < a.size:\n        a[i] += 1.0\n", (ARRAY,))


def test_the_device_says_what_it_is():
    g = device.find()
    assert device.available() == "" and device.find("cuda:0") is g
    assert g.processors > 0 and 0 < g.free <= g.memory and g.shared >= 48 * 1024
    print(*device.describe(), f"numpy {np.__version__} row_stack {hasattr(np, 'row_stack')}", sep="; ")


def test_arrays_go_there_and_back():
    g = device.find()
    values = RANDOM.random((300, 7))
    before = g.allocated
    a = g.upload(values)
    assert (a.get() == values).all() and g.allocated == before + a.nbytes <= g.peak
    part = a.part(100, 200)
    part.fill_zero()
    values[100:200] = 0
    assert (a.get() == values).all() and part.pointer == a.pointer + 5600
    b = g.zeros((100, 7))
    b.copy_from(a.part(0, 100))
    assert (b.get() == values[:100]).all() and (g.zeros(5, np.int32).get() == 0).all()
    assert g.zeros(0).get().size == 0
    s = g.stream()
    host, back = g.pinned((100, 7)), g.pinned((100, 7))
    host[:] = RANDOM.random((100, 7))
    b.put(host, s)
    part.copy_from(b, s)
    part.get(back, s)
    s.synchronize()
    assert (back == host).all()
    del a, b, part
    assert g.allocated == before


def test_products_and_sums_are_rounded_twice():
    g = device.find()
    n = 1 << 16
    x, y = RANDOM.standard_normal(n), RANDOM.standard_normal(n)
    f = device.function(lambda a, b, c: a * b + c)
    h = device.outline(lambda a, b, c: f(a, b, c) - a * b)
    text = "def k(a, b, c, s):\n    if i < a.size:\n        c[i] = f(a[i], b[i], s) / h(b[i], a[i], a[i])\n"
    k = kernel(text, (ARRAY, ARRAY, ARRAY, "float64"), f=f, h=h)
    out = g.zeros(n)
    Launch(k, n // 256, 256, (g.upload(x), g.upload(y), out, 0.3)).on(s := g.stream())
    s.synchronize()
    assert (out.get() == (x * y + 0.3) / ((y * x + x) - y * x)).all()


def test_own_arithmetic_has_the_processors_bits():
    from numba import njit

    from heliox.kernels import primitives

    own, fast = primitives.for_cuda(), primitives.FAST
    names = ("exp", "expm1", "log", "sin", "tanh", "sqrt")
    n = 1 << 15
    x = RANDOM.uniform(0.01, 20.0, n)
    lines = [f"        b[{k}, i] = f_{name}(a[i])\n" for k, name in enumerate(names)]
    text = (
        "def k(a, b):\n    if i < a.size:\n"
        + "".join(lines)
        + f"        b[{len(names)}, i] = f_pow(a[i], 2.3)\n"
    )
    functions = {f"f_{name}": getattr(own, name) for name in (*names, "pow")}
    out = device.find().zeros((len(names) + 1, n))
    Launch(kernel(text, (ARRAY, "float64[:, ::1]"), **functions), n // 128, 128,
           (device.find().upload(x), out)).on(device.find().stream())  # fmt: skip
    here = out.get()
    for k, name in enumerate((*names, "pow")):
        space = {"f": getattr(fast, name)}
        second = ", 2.3" if name == "pow" else ""
        exec(
            f"def loop(x, y):\n    for i in range(x.size):\n        y[i] = f(x[i]{second})\n",
            space,
        )
        y = np.empty(n)
        njit(error_model="numpy")(space["loop"])(x, y)
        assert (here[k] == y).all(), f"{name}: {(here[k] != y).sum()} of {n} differ"


def test_parameters_of_every_kind():
    g = device.find()
    types = (
        ARRAY,
        "int64[:, ::1]",
        "float64[:]",
        "float64*",
        "int64",
        "int32",
        "float64",
        "float32",
        "uint8[::1]",
    )
    text = "def k(a, b, c, d, e, f, g, h, z):\n    if i < a.size:\n        "
    text += "a[i] = b[i, 1] + c[i] * 10 + d[i] * 100 + e + f + g + h + z.size + b.shape[0]\n"
    n = 50
    b, c, d = np.arange(2 * n).reshape(n, 2), RANDOM.random(n).round(3), RANDOM.random(n).round(3)
    a = g.zeros(n)
    given = (a, g.upload(b), g.upload(c), g.upload(d), -5, 7, 0.5, 0.25, g.zeros(0, np.uint8))
    Launch(kernel(text, types), 1, 64, given).on(g.stream())
    assert np.allclose(a.get(), b[:, 1] + c * 10 + d * 100 - 5 + 7 + 0.75 + n, rtol=1e-14)


def test_much_dynamic_shared_memory():
    g = device.find()
    n = g.shared // 8
    text = (
        "def k(a, n):\n    s = cuda.shared.array(0, f8)\n"
        "    for j in range(cuda.threadIdx.x, n, cuda.blockDim.x):\n"
        "        s[j] = a[j]\n    cuda.syncthreads()\n"
        "    for j in range(cuda.threadIdx.x, n, cuda.blockDim.x):\n        a[j] = s[n - 1 - j]\n"
    )
    x = RANDOM.random(n)
    a = g.upload(x)
    Launch(kernel(text, (ARRAY, "int64"), f8=np.float64), 1, 256, (a, n), shared=8 * n).on(g.stream())
    assert (a.get() == x[::-1]).all()
    print(f"{8 * n} bytes")


def test_streams_wait_for_events_and_events_measure():
    g = device.find()
    text = "def k(a, n):\n    if i == 0:\n        for j in range(n):\n            a[0] = a[0] * 0.5 + 1.0\n"
    slow, quick = kernel(text, (ARRAY, "int64")), add_one()
    a = g.zeros(1)
    s, t = g.stream(), g.stream()
    begin = s.record(timing=True)
    Launch(slow, 1, 32, (a, 200_000)).on(s)
    end = s.record(timing=True)
    t.wait(end)
    Launch(quick, 1, 32, (a,)).on(t)
    t.synchronize()
    assert a.get()[0] == 3.0  # 2 after many steps, then 1 more
    print(f"{end.elapsed_ms(begin):.2f} ms")
    assert end.elapsed_ms(begin) > 1.0


def test_a_captured_graph_is_executed():
    g = device.find()
    k = kernel(
        "def k(a, b):\n    if i < a.size:\n        a[i] += b[i] + 2.0\n", (ARRAY, ARRAY)
    )  # not launched yet
    a, b, c, d = (g.zeros(1000) for _ in range(4))
    host = g.pinned(1000)
    host[:] = 1.0
    s, t = g.stream(), g.stream()
    one, two, three = (Launch(k, 4, 256, pair) for pair in ((a, d), (b, a), (c, b)))
    with g.capture(s) as made:
        d.put(host, s)
        one.on(s)
        t.wait(s.record())
        two.on(t)
        c.fill_zero(s)
        s.wait(t.record())
        three.on(s)
    graph = made.graph
    assert graph.nodes >= 5 and (a.get() == 0).all()
    for _ in range(3):
        graph.launch(s)
    s.synchronize()
    assert (a.get() == 9).all() and (b.get() == 3 + 6 + 9 + 6).all() and (c.get() == 24 + 2).all()
    with pytest.raises(DeviceError, match="UNJOINED"), g.capture(s):
        t.wait(s.record())
        two.on(t)
    one.on(s)
    s.synchronize()
    print(f"{graph.nodes} nodes")


def test_launches_are_cheap():
    g = device.find()
    a = g.zeros(32)
    launch, s = Launch(add_one(), 1, 32, (a,)), g.stream()
    launch.on(s)
    s.synchronize()
    with g.capture(s) as made:
        for _ in range(20):
            launch.on(s)
    costs = []
    for call in (lambda: launch.on(s), lambda: made.graph.launch(s)):
        began = time.perf_counter()
        for _ in range(2000):
            call()
        issued = time.perf_counter() - began
        s.synchronize()
        costs += [issued / 2000 * 1e6, (time.perf_counter() - began) / 2000 * 1e6]
    assert (a.get() == 1 + 2000 + 40000).all()
    print("us, issued / done: launch {:.1f} / {:.1f}, graph of 20 {:.1f} / {:.1f}".format(*costs))


def test_what_is_cached_is_loaded_without_the_compiler():
    g = device.find()
    made = add_one().image
    began = time.perf_counter()
    again = add_one()
    assert again.image == made and again is add_one()
    print(f"{(time.perf_counter() - began) / 2 * 1e3:.2f} ms")
    fresh = device.Kernel(g, made)
    a = g.zeros(10)
    Launch(fresh, 1, 32, (a,)).on(g.stream())
    assert (a.get() == 1).all()


def test_failures_are_device_errors():
    g = device.find()
    with pytest.raises(DeviceError, match=r"cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY \(.* GiB wanted"):
        g.zeros(g.memory)
    with pytest.raises(DeviceError, match="a block of 2048 threads"):
        Launch(add_one(), 1, 2048, (g.zeros(1),))
    with pytest.raises(DeviceError, match="there is no device cuda:99"):
        device.find("cuda:99")
    assert (g.zeros(3).get() == 0).all()


def test_torch_takes_arrays_as_they_are():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("torch has no CUDA")
    a = device.find().upload(np.arange(6.0))
    t = torch.as_tensor(a, device="cuda")
    t += 1
    torch.cuda.synchronize()
    assert t.data_ptr() == a.pointer and a.get().tolist() == [1, 2, 3, 4, 5, 6]


DISASTER = """
import numpy as np
from heliox.errors import DeviceError
from heliox.kernels import device
cuda = device.toolkit()
def k(a, n):
    if cuda.grid(1) == 0:
        a[n] = 1.0
g = device.find()
f = g.kernel(device.compiled(k, ("float64*", "int64"), g.capability, "disaster"))
a, s, p = g.zeros(10), g.stream(), g.pinned(10)
launch = device.Launch(f, 1, 32, (a, 3))
with g.capture(s) as made:
    launch.on(s)
made.graph.launch(s)
s.synchronize()
assert a.get()[3] == 1.0
device.Launch(f, 1, 32, (a, 1 << 45)).on(s)
try:
    s.synchronize()
except DeviceError as e:
    print(e)
"""


def test_a_wrong_address_is_reported_and_the_process_ends_well():
    done = subprocess.run([sys.executable, "-c", DISASTER], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("cuStreamSynchronize: CUDA_ERROR_"), done.stdout
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr, done.stderr
    print(done.stdout)


def test_the_probe_agrees_with_the_driver():
    g = device.find()
    found = probe.driver()
    assert g.driver == probe.dotted(found.version) and found.devices[0].capability == g.capability
