"""The numerics as plain functions and NumPy schedules. No Numba here: `heliox.kernels` compiles these
texts."""
