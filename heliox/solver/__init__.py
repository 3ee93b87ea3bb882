"""The numerics as plain functions and NumPy schedules, without Numba: `heliox.kernels` compiles the texts."""
