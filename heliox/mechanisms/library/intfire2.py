"""IntFire2: leaky integrator driven by a decaying synaptic current and a bias (NEURON's intfire2.mod).

taus di/dt + i = ib, taum dm/dt + m = i; fires when m passes 1. Requires taum < taus. The next firing time is
solved for at every input.
"""

# ruff: noqa: B007  (a name with an underscore, as for an unused counter, is no legal name in a mechanism)

from math import exp, log

from heliox.mechanisms.intrinsics import net_event, net_move, net_send
from heliox.mechanisms.template import MechTemp

LIMIT = 11  # Newton iterations


def newton(a, b, c, r, x):
    """Solve 1 = a + b x^r + c x from `x`, within 0 < x <= 1."""
    dx = 1.0
    f = 0.0
    for k in range(LIMIT):
        if abs(dx) <= 1e-6 and abs(f - 1.0) <= 1e-6:
            break
        f = a + b * x**r + c * x
        df = r * b * x ** (r - 1.0) + c
        dx = (1.0 - f) / df
        x = x + dx
        if x <= 0.0:
            x = 1e-4
        elif x > 1.0:
            x = 1.0
    return x


def firetime(a, b, c, taus, taum):
    """Time (ms) at which a + b exp(-t/taus) + (c - a - b) exp(-t/taum) reaches 1; 1e9 if never."""
    r = taum / taus
    if a <= 1.0 and a + b <= 1.0:
        return 1e9
    cab = c - a - b
    if a > 1.0 and b <= 0.0:
        m = r * b + cab
        if m >= 0.0:
            return -taus * log(newton(a, cab, b, 1.0 / r, 0.0))
        x = (1.0 - c + m) / m
        if x <= 0.0:
            return -taus * log(newton(a, cab, b, 1.0 / r, 0.0))
        return -taum * log(newton(a, b, cab, r, x))
    x = (-cab / (r * b)) ** (1.0 / (r - 1.0))
    f = a + b * x**r + cab * x
    if x >= 1.0 or f <= 1.0:
        return 1e9
    m = r * b + cab
    x = (1.0 - c + m) / m
    return -taum * log(newton(a, b, cab, r, x))


def initial(t, taus, taum, ib):
    i = ib
    m = 0.0
    if taus <= taum:
        taus = taum + 0.1
    t0 = t
    net_send(firetime(ib, 0.0, 0.0, taus, taum), 1.0)
    return i, m, taus, t0


def receive(w, flag, t, taus, taum, ib, i, m, t0):
    f = taus / (taus - taum)
    x = (i - ib) * exp(-(t - t0) / taus)
    inew = ib + x
    if flag == 1.0:
        net_event(t)
        m = 0.0
        ibf = (inew - ib) * f
        net_send(firetime(ib, ibf, 0.0, taus, taum), 1.0)
    else:
        m = ib + f * x + (m - (ib + (i - ib) * f)) * exp(-(t - t0) / taum)
        inew = inew + w
        if m >= 1.0:
            net_move(t)
        else:
            ibf = (inew - ib) * f
            net_move(firetime(ib, ibf, m, taus, taum) + t)
    t0 = t
    i = inew
    return i, m, t0


template = MechTemp(
    "IntFire2",
    "artificial",
    (initial, receive),
    parameters={"taus": (20.0, "ms"), "taum": (10.0, "ms"), "ib": 0.0},
    assigned={"i": "", "m": "", "t0": "ms"},
    weights=("w",),
)
