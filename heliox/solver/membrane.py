"""i_membrane_: the current (nA) through the membrane of every node, capacitive and ionic (NEURON's
fast_imem).

It is what the node's equation holds without axial terms and electrodes: ``saved_d*dv + saved_rhs``.
Mechanisms with ELECTRODE_CURRENT add to both as they add to the matrix (treeset.cpp, fadvance.cpp
nrn_calc_fast_imem).
"""

# mypy: disable-error-code="name-defined"

from __future__ import annotations


def forget_membrane(A, saved_rhs, saved_d, n):
    """Zero what electrodes added."""
    for i in range(n):
        A[saved_rhs + i] = 0.0
        A[saved_d + i] = 0.0


def forget_membrane_begun(A, rhs, saved_rhs, saved_d, n):
    """The same where the right-hand side begins with axial currents: what is no membrane's either."""
    for i in range(n):
        A[saved_rhs + i] = A[rhs + i]
        A[saved_d + i] = 0.0


def save_membrane(A, rhs, d, saved_rhs, saved_d, n):
    """Take the electrodes' part out of the matrix as it stands behind the mechanisms."""
    for i in range(n):
        A[saved_rhs + i] -= A[rhs + i]
        A[saved_d + i] = A[d + i] - A[saved_d + i]


def save_membrane_begun(A, rhs, d, coupling, saved_rhs, saved_d, n):
    """The same where the matrix holds what belongs to the cable already."""
    for i in range(n):
        A[saved_rhs + i] -= A[rhs + i]
        A[saved_d + i] = A[d + i] - A[coupling + i] - A[saved_d + i]


def membrane_current(A, P, rhs, area, saved_rhs, saved_d, n):
    """After the solution: rhs is dv."""
    for i in range(n):
        A[saved_rhs + i] = (A[saved_d + i] * A[rhs + i] + A[saved_rhs + i]) * P[area + i] * 0.01


def initial_membrane_current(A, P, rhs, area, saved_rhs, n):
    """At finitialize: rhs is the right-hand side, and nothing is capacitive."""
    for i in range(n):
        A[saved_rhs + i] = (A[rhs + i] + A[saved_rhs + i]) * P[area + i] * 0.01
