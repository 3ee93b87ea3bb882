"""Membrane capacitance.

The solver adds 0.001*cj*cm to the diagonal (phase `capacitance`) and sets i_cap (phase `after_update`).
"""

from heliox.mechanisms.template import MechTemp

template = MechTemp(
    "capacitance", "density", parameters={"cm": (1.0, "uF/cm2")}, assigned={"i_cap": "mA/cm2"}
)
