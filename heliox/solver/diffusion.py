"""Diffusion of one substance along the cells of a group, implicitly: NEURON's LONGITUDINAL_DIFFUSION
(ldifus.cpp).

Places are segments that hold the substance, in NEURON's order; ``I[parent + i]`` is the place above place
i, -1 if there is none. ``work`` is the first of six rows of n numbers: diffusion constant times cross
section, volume per length, a, b, d, and the amounts, which are replaced by those at the end of the step.
"""

# ruff: noqa: F821, E741  (U is supplied by the generated module's prelude; I is an arena)
# mypy: disable-error-code="name-defined"

from __future__ import annotations

ROWS = 6  # of work


def diffuse(A, P, I, work, below, above, parent, n, dt):
    """One step. ``below``, ``above``: factors of the coupling in the parent's equation and in the own."""
    volume, a, b = work + n, work + U(2) * n, work + U(3) * n
    d, x = work + U(4) * n, work + U(5) * n
    for i in range(n):
        A[d + i] = 0.0
        if I[parent + i] >= 0:
            p = U(I[parent + i])
            mean = (A[work + i] + A[work + p]) / 2.0
            A[a + i] = -P[below + i] * mean / A[volume + p]
            A[b + i] = -P[above + i] * mean / A[volume + i]
    for i in range(n):
        A[d + i] += 1.0 / dt
        A[x + i] = A[x + i] / dt
        if I[parent + i] >= 0:
            A[d + i] -= A[b + i]
            A[d + U(I[parent + i])] -= A[a + i]
    i = n
    while i > U(1):
        i -= U(1)
        if I[parent + i] >= 0:
            p = U(I[parent + i])
            q = A[a + i] / A[d + i]
            A[d + p] -= q * A[b + i]
            A[x + p] -= q * A[x + i]
    for i in range(n):
        if I[parent + i] >= 0:
            A[x + i] -= A[b + i] * A[x + U(I[parent + i])]
        A[x + i] /= A[d + i]
