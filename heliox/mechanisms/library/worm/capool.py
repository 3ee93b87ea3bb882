"""capool: calcium of the soma, filled by the calcium currents and emptied with a time constant.

One step is backward Euler. Nothing flows in above 60 mV. The pool starts at NEURON's default concentration,
far below its own equilibrium, as published.
"""

from heliox.mechanisms.template import Ion, MechTemp

FARADAY = 96485.0  # C/mol


def state(v, dt, cai, ica, fraction, volume, tau, cai_inf):
    inflow = -fraction * ica * 1e6 / (2.0 * FARADAY * volume) if v <= 60.0 else 0.0
    cai = (cai + dt * (inflow + cai_inf / tau)) / (1.0 + dt / tau)
    return cai


template = MechTemp(
    "capool",
    "density",
    (state,),
    parameters={
        "fraction": (1e-3, ""),
        "volume": (31.16, "um3"),
        "tau": (50.0, "ms"),
        "cai_inf": (0.05, ""),
    },
    ions={"ca": Ion(("ica",), ("cai",))},
)
