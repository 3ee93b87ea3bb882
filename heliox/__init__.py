"""HelioX: morphologically detailed neurons, simulated and trained on CPU and GPU, in Python.

Build a model in NEURON, freeze it, run it anywhere::

    import heliox

    model = heliox.from_neuron(v_init=-65)
    sim = heliox.Simulation(model)
    v = sim.record("soma[0](0.5).v")
    sim.run(100.0)
"""

from heliox import cells
from heliox._version import __version__
from heliox.compare import compare
from heliox.errors import (
    DeviceError,
    HelioXError,
    MechanismError,
    ModelError,
    NumericalError,
    UnsupportedError,
)
from heliox.frontend import point as _point  # noqa: F401  (gives Model its with_point)
from heliox.frontend.build import Cell, morphology
from heliox.frontend.circuit import Network
from heliox.frontend.file import load, load_mod
from heliox.frontend.neuron import from_neuron
from heliox.frontend.preflight import preflight
from heliox.mechanisms.template import mechanism
from heliox.model.model import Model
from heliox.simulation import Simulation

__all__ = [
    "Cell",
    "DeviceError",
    "HelioXError",
    "MechanismError",
    "Model",
    "ModelError",
    "Network",
    "NumericalError",
    "Simulation",
    "UnsupportedError",
    "__version__",
    "cells",
    "compare",
    "from_neuron",
    "load",
    "load_mod",
    "mechanism",
    "morphology",
    "preflight",
]
