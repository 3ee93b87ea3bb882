"""VClamp: two-electrode voltage clamp with an amplifier of finite gain and three levels (NEURON's vclmp.mod).

The clamp's three voltages are computed together with the current, from the membrane voltage at hand: with
`current` for the matrix, with `state` for the step just done. Meant for secondorder 0.
"""

from heliox.mechanisms.template import MechTemp, Var


def level(t, dur, amp):
    """Command voltage (mV) at t, and the time (ms) up to which the clamp is on."""
    tc = 0.0
    on = 0.0
    for j in range(3):
        if on == 0.0:
            stim = amp[j]
            tc = tc + dur[j]
            if t < tc:
                tc = tc + 100.0
                on = 1.0
    return stim, tc


def solve(a, b, c, p, d, e, f, q, g, h, i, r):
    """Three linear equations, a row of coefficients and its right side each (NEURON's simeq).

    Gaussian elimination with partial pivoting; the pivot's row is divided first.
    """
    if abs(d) > abs(a):
        a, b, c, p, d, e, f, q = d, e, f, q, a, b, c, p
    if abs(g) > abs(a):
        a, b, c, p, g, h, i, r = g, h, i, r, a, b, c, p
    b, c, p = b / a, c / a, p / a
    e, f, q = e - b * d, f - c * d, q - p * d
    h, i, r = h - b * g, i - c * g, r - p * g
    if abs(h) > abs(e):
        e, f, q, h, i, r = h, i, r, e, f, q
    f, q = f / e, q / e
    i, r = i - f * h, r - q * h
    z = r / i
    y = q - f * z
    x = p - b * y - c * z
    return x, y, z


def amplifier(v, dt, stim, gain, tau1, tau2, e0, vo0, vi0, fac):
    """Voltages of the clamp's amplifiers at the end of a step.

    vi = v + fac*(vo - v)
    tau2*dvo/dt + vo = -gain*e
    vi - e + tau1*d(vi - e)/dt = stim + e
    """
    t1 = tau1 / dt
    t2 = tau2 / dt
    vi, vo, e = solve(
        -1.0, fac, 0.0, -v + fac * v,
        0.0, -t2 - 1.0, -gain, -(t2 * vo0),
        -1.0 - t1, 0.0, 1.0 + 1.0 + t1, -stim - t1 * (vi0 - e0),
    )  # fmt: skip
    return e, vo, vi


def clamp_current(v, t, dt, e, vo, vi, stim, tc, gain, rstim, tau1, tau2, e0, vo0, vi0, fac):
    """Current (nA), and the clamp's voltages, which start anew when it is off."""
    i = 0.0
    if t > tc:
        e0 = 0.0
        vo0 = 0.0
    else:
        e, vo, vi = amplifier(v, dt, stim, gain, tau1, tau2, e0, vo0, vi0, fac)
        i = (vo - v) / rstim
    return i, e, vo, vi, e0, vo0


def initial(v):
    e0 = 0.0
    vo0 = v
    vi0 = v
    e = 0.0
    vo = v
    vi = v
    return e, vo, vi, e0, vo0, vi0


def current(v, t, dt, e, vo, vi, dur, amp, gain, rstim, tau1, tau2, e0, vo0, vi0, fac):
    stim, tc = level(t, dur, amp)
    i, e, vo, vi, e0, vo0 = clamp_current(
        v, t, dt, e, vo, vi, stim, tc, gain, rstim, tau1, tau2, e0, vo0, vi0, fac
    )
    return e, vo, vi, i, stim, tc, e0, vo0


def state(v, t, dt, e, vo, vi, stim, tc, gain, rstim, tau1, tau2, e0, vo0, vi0, fac):
    i, e, vo, vi, e0, vo0 = clamp_current(
        v, t, dt, e, vo, vi, stim, tc, gain, rstim, tau1, tau2, e0, vo0, vi0, fac
    )
    e0 = e
    vo0 = vo
    vi0 = vi
    return e, vo, vi, i, e0, vo0, vi0


template = MechTemp(
    "VClamp",
    "point",
    (initial, current, state),
    parameters={
        "dur": Var(0.0, "ms", 3),
        "amp": Var(0.0, "mV", 3),
        "gain": (1e5, ""),
        "rstim": (1.0, "megohm"),
        "tau1": (0.001, "ms"),
        "tau2": (0.0, "ms"),
        "e0": (0.0, "mV"),
        "vo0": (0.0, "mV"),
        "vi0": (0.0, "mV"),
        "fac": (0.0, ""),
    },
    states={"e": "mV", "vo": "mV", "vi": "mV"},
    assigned={"i": "nA", "stim": "mV", "tc": "ms"},
    currents=("i",),
    electrode=True,
)
