"""What the four SLO currents share: gates that see the calcium of the partner channel's nanodomain.

A potassium channel opens and closes within a complex with a calcium channel. The calcium at its pore is an
instantaneous function of the voltage.
"""

from math import exp, sqrt

G_SC = 0.04  # conductance of one calcium channel
DISTANCE = 0.013  # um, from its pore
DIFFUSION = 250.0  # um2/s
FARADAY = 96485.0  # C/mol
BINDING = 500.0  # 1/(uM s), of the buffer
BUFFER = 30.0  # uM
PI = 3.1415926
REST = 0.05  # uM
CLOSED = 1e-4  # uM, where no calcium enters


def nanodomain(v):
    """Calcium (uM) at v (mV)."""
    if v < 60.0:
        spread = exp(-DISTANCE / sqrt(DIFFUSION / (BINDING * BUFFER)))
        c = -G_SC * (v - 60.0) * 1e9 / (8.0 * PI * DISTANCE * DIFFUSION * FARADAY) * spread
    else:
        c = CLOSED
    return c


def coupled(v, m_c, inf, tau, wyx, wxy, wom, wop, kxy, nxy, kyx, nyx):
    """Steady state and time constant (ms) of the gate.

    `m_c` is the partner's activation, `inf` and `tau` (ms) its steady state and time constant.
    """
    c = nanodomain(v)
    a = inf / tau
    b = 1.0 / tau - a
    closing = wom * exp(-wyx * v)
    opening = wop * exp(-wxy * v)
    kom = closing / (1.0 + (c / kyx) ** nyx)
    kop = opening / (1.0 + (kxy / c) ** nxy)
    kcm = closing / (1.0 + (REST / kyx) ** nyx)
    q = (kop + kom) * (kcm + a) + b * kcm
    return m_c * kop * (a + b + kcm) / q, (a + b + kcm) / q


def slo1(v, m_c, inf, tau):
    """`coupled` with the constants of SLO-1."""
    return coupled(v, m_c, inf, tau, 0.013, -0.028, 3.15, 0.16, 55.73, 1.30, 34.34, 1e-4)


def slo2(v, m_c, inf, tau):
    """`coupled` with the constants of SLO-2."""
    return coupled(v, m_c, inf, tau, 0.019, -0.024, 0.90, 0.027, 93.45, 1.84, 3294.55, 1e-5)
