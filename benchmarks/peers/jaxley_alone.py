"""What scripts of Jaxley share: one thread, float64, the CPU, and seconds with compilation apart.

Runs under a Python that has Jaxley. Import it before jax.
"""

import os
import statistics
import time
import warnings

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
warnings.simplefilter("ignore")

import jax  # noqa: E402  (reads the flags)

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")


def timed(function, *arguments, repeat):
    """What a compiled function returns, seconds of its first run, and the median of `repeat` more."""
    seconds = []
    for _ in range(1 + repeat):
        began = time.perf_counter()
        out = jax.block_until_ready(function(*arguments))
        seconds.append(time.perf_counter() - began)
    return out, seconds[0], statistics.median(seconds[1:])
