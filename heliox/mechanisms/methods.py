"""Helpers every mechanism may call: integration methods, reversal potentials.

They are lowered from this text like a user's own helpers, so they stay within the subset. Formulas and their
order of operations are NEURON's (NMODL's nocmodl translator and eion.cpp), because bits depend on them.
"""

from __future__ import annotations

from math import exp, floor, log

R = 8.314462618153240  # J/(mol K): k_B * N_A, CODATA 2018
F = 96485.33212331001  # C/mol: e * N_A


def cnexp(x, a, b, dt):
    """Exact step of x' = a*x + b over dt, a != 0 (NMODL cnexp)."""
    return x + (1.0 - exp(dt * a)) * (-b / a - x)


def cnexp_constant(x, b, dt):
    """Step of x' = b over dt, as cnexp does it for an equation without x."""
    return x - dt * (-b)


def thermal(celsius):
    """RT/F in mV (eion.cpp ktf)."""
    return 1000.0 * R * (celsius + 273.15) / F


def nernst(ci, co, z, celsius):
    """Reversal potential in mV; 1e6 for ci <= 0, -1e6 for co <= 0, 0 for z = 0 (eion.cpp nrn_nernst)."""
    if z == 0.0:
        return 0.0
    if ci <= 0.0:
        return 1e6
    if co <= 0.0:
        return -1e6
    return thermal(celsius) / z * log(co / ci)


def ghk(v, ci, co, z, celsius):
    """Goldman-Hodgkin-Katz current factor, mC/cm3 (eion.cpp nrn_ghk)."""
    x = z * v / thermal(celsius)
    eco = co * ghk_factor(x)
    eci = ci * ghk_factor(-x)
    return 0.001 * z * F * (eci - eco)


def ghk_factor(x):
    """x/(exp(x) - 1), with its series below 1e-4 (eion.cpp efun)."""
    if abs(x) < 1e-4:
        return 1.0 - x / 2.0
    return x / (exp(x) - 1.0)


def bit_set(word, bit):
    """1.0 if the power of two `bit` is set in the non-negative integer `word` (both floats), else 0.0."""
    return floor(word / bit) - 2.0 * floor(word / (2.0 * bit))


LIBRARY = {f.__name__: f for f in (cnexp, cnexp_constant, thermal, nernst, ghk, ghk_factor, bit_set)}
