"""Everything that touches Numba: arithmetic, generated loops, their cache."""
