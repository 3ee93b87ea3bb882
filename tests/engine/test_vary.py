"""What members of a batch may differ in: each member has the bits it has alone with the same values."""

import numpy as np
import pytest

from heliox import explore
from heliox.engine import layout
from heliox.errors import ModelError, UnsupportedError
from heliox.kernels.codegen import module_text
from heliox.mechanisms import catalogue
from heliox.mechanisms.template import MechTemp, Table, Var
from heliox.simulation import Simulation
from tests.engine.made import network

B = 4
T = 12.0
CELLS = 4


def rates(v, celsius, q10, width):
    minf = 1.0 / (1.0 + exp(-(v + 40.0) / width[1]))  # noqa: F821
    speed = q10 ** ((celsius - 6.3) / 10.0)
    return minf, speed


def initial(v, celsius, q10, width):
    minf, speed = rates(v, celsius, q10, width)
    m = minf
    return m


def current(v, m, gbar, e, scale):
    i = gbar * scale[0] * m * (v - e) + scale[1]
    return i


def state(v, dt, m, celsius, q10, width):
    minf, speed = rates(v, celsius, q10, width)
    m = m + (1.0 - exp(-dt * speed)) * (minf - m)  # noqa: F821
    return m


channel = MechTemp(
    "chan",
    "density",
    (initial, current, state),
    parameters={"gbar": (5e-4, "S/cm2"), "e": (-20.0, "mV")},
    states={"m": ""},
    globals_={
        "q10": Var(3.0), "width": Var(8.0, size=2), "scale": Var(1.0, size=2), "unused": Var(1.0, "ms"),
    },
    currents=("i",),
    assigned={"i": "mA/cm2"},
    tables=(Table("rates", "v", -100.0, 100.0, 200, depends=("celsius", "q10")),),
)  # fmt: skip
