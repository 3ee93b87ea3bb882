"""Variables copied to other variables once a step: gap junctions and graded synapses.

Sources are laid on a shelf when the voltages are new, targets take them from there before the states
advance: between the two all groups of a member have come to the same time (NEURON's partrans.cpp).
"""

# ruff: noqa: F821, E741  (U is supplied by the generated module's prelude; I is an arena)
# mypy: disable-error-code="name-defined"

from __future__ import annotations


def lay_sources(A, I, base, shelf, first, n):
    """Copy this group's sources to the shelf: pairs (source, place on the shelf) from ``I[first]`` on."""
    for k in range(n):
        pair = first + U(2) * U(k)
        A[shelf + U(I[pair + U(1)])] = A[base + U(I[pair])]


def take_targets(A, I, base, shelf, first, n):
    """Give this group's targets what lies on the shelf: pairs (target, place on the shelf)."""
    for k in range(n):
        pair = first + U(2) * U(k)
        A[base + U(I[pair])] = A[shelf + U(I[pair + U(1)])]


def take_runs(A, I, base, shelf, first, n, places):
    """`take_targets` by runs of targets side by side: rows (first target, number, place of the first)."""
    for k in range(n):
        run = first + U(3) * U(k)
        at = base + U(I[run])
        from_ = places + U(I[run + U(2)])
        take_row(A, I, at, shelf, from_, U(I[run + U(1)]))


def take_row(A, I, at, shelf, places, n):
    for j in range(n):
        A[at + j] = A[shelf + U(I[places + j])]
