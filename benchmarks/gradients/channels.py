"""The channel of Jaxley 0.14 (`jaxley.channels.HH`) as a mechanism of HelioX: its own equations."""

from __future__ import annotations

from math import exp

import heliox
from heliox.mechanisms.methods import cnexp


def save_exp(x):
    return exp(min(x, 20.0))


def vtrap(x, y):
    return x / (save_exp(x / y) - 1.0)


def gates(v):
    """Rates of opening and closing of m, h and n (1/ms) at v (mV)."""
    am = 0.1 * vtrap(-(v + 40.0), 10.0)
    bm = 4.0 * save_exp(-(v + 65.0) / 18.0)
    ah = 0.07 * save_exp(-(v + 65.0) / 20.0)
    bh = 1.0 / (save_exp(-(v + 35.0) / 10.0) + 1.0)
    an = 0.01 * vtrap(-(v + 55.0), 10.0)
    bn = 0.125 * save_exp(-(v + 65.0) / 80.0)
    return am, bm, ah, bh, an, bn


def initial(v):
    am, bm, ah, bh, an, bn = gates(v)
    m = am / (am + bm)
    h = ah / (ah + bh)
    n = an / (an + bn)
    return m, h, n


def current(v, m, h, n, gNa, gK, gLeak, eNa, eK, eLeak):
    i = gNa * m * m * m * h * (v - eNa) + gK * n * n * n * n * (v - eK) + gLeak * (v - eLeak)
    return i


def state(v, dt, m, h, n):
    am, bm, ah, bh, an, bn = gates(v)
    m = cnexp(m, -(am + bm), am, dt)
    h = cnexp(h, -(ah + bh), ah, dt)
    n = cnexp(n, -(an + bn), an, dt)
    return m, h, n


hh = heliox.mechanism(
    "JaxleyHH",
    "density",
    (initial, current, state),
    parameters={
        "gNa": (0.12, "S/cm2"), "gK": (0.036, "S/cm2"), "gLeak": (0.0003, "S/cm2"),
        "eNa": (50.0, "mV"), "eK": (-77.0, "mV"), "eLeak": (-54.3, "mV"),
    },
    states={"m": "", "h": "", "n": ""},
    assigned={"i": "mA/cm2"},
    currents=("i",),
)  # fmt: skip
