"""IntFire4: leaky integrator with fast excitation and slower alpha-like inhibition.

NEURON's intfire4.mod; van Elburg & van Ooyen 2009. E' = -ke E, I1' = -ki1 I1, I2' = -ki2 I2 + ai1 I1,
M' = -km M + ae E + ai2 I2; fires when M passes 1. A lower bound of the firing time is sent as a self event
and moved at every input.
"""

# ruff: noqa: B007  (a name with an underscore, as for an unused value, is no legal name in a mechanism)

from math import exp, log

from heliox.mechanisms.intrinsics import net_event, net_move, net_send
from heliox.mechanisms.template import MechTemp, Var

DECADES = 40
HALVINGS = 60


def newstates(d, e, i1, i2, m, ke, ki1, ki2, km, be, bi1, bi2, a, b):
    """The four states after d ms."""
    ee = exp(-ke * d)
    ei1 = exp(-ki1 * d)
    ei2 = exp(-ki2 * d)
    em = exp(-km * d)
    enew = e * ee
    i1new = i1 * ei1
    i2new = i2 * ei2 + bi1 * i1 * (ei2 - ei1)
    mnew = m * em + be * e * (em - ee) + (bi2 * i2 + a * i1) * (em - ei2) - b * i1 * (em - ei1)
    return enew, i1new, i2new, mnew


def deriv(d, ki1, ki2, km):
    """Proportional to the slope of M after an isolated I1."""
    first = (-km * exp(-d * km) + ki2 * exp(-d * ki2)) / (ki2 - km)
    second = (-km * exp(-d * km) + ki1 * exp(-d * ki1)) / (ki1 - km)
    return first - second


def search(ki1, ki2, km):
    """Time (ms) of the extremum of M after an isolated I1: decades first, then halving to 1e-6 ms."""
    t1 = 1.0
    t2 = 1.0
    if deriv(t1, ki1, ki2, km) < 0.0:
        for k in range(DECADES):
            if not (deriv(t1, ki1, ki2, km) < 0.0 and t1 > 1e-9):
                break
            t2 = t1
            t1 = t1 / 10.0
        if deriv(t1, ki1, ki2, km) < 0.0:
            return 1e-9
    else:
        for k in range(DECADES):
            if not (deriv(t2, ki1, ki2, km) > 0.0 and t2 < 1e9):
                break
            t1 = t2
            t2 = t2 * 10.0
        if deriv(t2, ki1, ki2, km) > 0.0:
            return 1e9
    found = 0.0
    for k in range(HALVINGS):
        if not t2 - t1 > 1e-6:
            break
        found = (t1 + t2) / 2.0
        if deriv(found, ki1, ki2, km) > 0.0:
            t1 = found
        else:
            t2 = found
    return found


def separate(taue, taui1, taui2, taum, taueps):
    """Time constants moved apart by `taueps` so that no factor divides by zero; taue, taui1 < taui2."""
    if taui2 < 4.0 * taueps:
        taui2 = 4.0 * taueps
    if taui1 < 3.0 * taueps:
        taui1 = 3.0 * taueps
    if taue < 2.0 * taueps:
        taue = 2.0 * taueps
    if taue > taui2 or taui2 - taue < taueps:
        taue = taui2 - taueps
    if taui1 > taui2:
        swap = taui2
        taui2 = taui1
        taui1 = swap
    if taui2 - taui1 < taueps:
        taui1 = taui2 - taueps
    if taum <= taui2:
        if taui2 - taum < taueps:
            taum = taui2 - taueps
        if abs(taui1 - taum) < taueps:
            taum = taui1 - taueps
        if abs(taui1 - taum) < taueps:
            if taui1 - taum < 0.0:
                taum = taui1 - taueps
            else:
                taui1 = taum - taueps
        if abs(taue - taum) < taueps:
            if taue - taum < 0.0:
                taum = taue - taueps
            else:
                taue = taum - taueps
        if abs(taui1 - taum) < taueps:
            taum = taui1 - taueps
    elif taum - taui2 < taueps:
        taum = taui2 + taueps
    return taue, taui1, taui2, taum


def bound(e, i2, m, km, ae, ai2):
    """Lower bound (ms) of the time to threshold by the present slope."""
    slope = -km * m + ae * e + ai2 * i2
    if slope <= 1e-9:
        return 1e9
    return (1.0 - m) / slope


def initial(t, taue, taui1, taui2, taum, taueps):
    taue, taui1, taui2, taum = separate(taue, taui1, taui2, taum, taueps)
    ke = 1.0 / taue
    ki1 = 1.0 / taui1
    ki2 = 1.0 / taui2
    km = 1.0 / taum
    tp = log(km / ke) / (km - ke)
    be = 1.0 / (exp(-km * tp) - exp(-ke * tp))
    ae = be * (ke - km)
    tp = log(ki2 / ki1) / (ki2 - ki1)
    bi1 = 1.0 / (exp(-ki2 * tp) - exp(-ki1 * tp))
    ai1 = bi1 * (ki1 - ki2)
    bi2 = 1.0
    a = bi2 * bi1
    b = a * (ki2 - km) / (ki1 - km)
    tp = search(ki1, ki2, km)
    enew, i1new, i2new, mnew = newstates(tp, 0.0, 1.0, 0.0, 0.0, ke, ki1, ki2, km, be, bi1, bi2, a, b)
    bi2 = 1.0 / mnew
    ai2 = bi2 * (ki2 - km)
    a = bi2 * bi1
    b = a * (ki2 - km) / (ki1 - km)
    e = 0.0
    i1 = 0.0
    i2 = 0.0
    m = 0.0
    t0 = t
    nself = 0.0
    nexcite = 0.0
    ninhibit = 0.0
    net_send(bound(e, i2, m, km, ae, ai2), 1.0)
    return (
        taue, taui1, taui2, taum, ke, ki1, ki2, km, ae, ai1, ai2, be, bi1, bi2, a, b, e, i1, i2, m, t0,
        nself, nexcite, ninhibit,
    )  # fmt: skip


def receive(
    w, flag, t, e, i1, i2, m, t0, ke, ki1, ki2, km, ae, ai2, be, bi1, bi2, a, b, eps, nself, nexcite, ninhibit
):  # fmt: skip
    e, i1, i2, m = newstates(t - t0, e, i1, i2, m, ke, ki1, ki2, km, be, bi1, bi2, a, b)
    t0 = t
    if m > 1.0 - eps:
        net_event(t)
        m = 0.0
    if flag == 1.0:
        nself = nself + 1.0
        net_send(bound(e, i2, m, km, ae, ai2), 1.0)
    else:
        if w > 0.0:
            nexcite = nexcite + 1.0
            e = e + w
        else:
            ninhibit = ninhibit + 1.0
            i1 = i1 + w
        net_move(bound(e, i2, m, km, ae, ai2) + t)
    return e, i1, i2, m, t0, nself, nexcite, ninhibit


template = MechTemp(
    "IntFire4",
    "artificial",
    (initial, receive),
    parameters={
        "taue": (5.0, "ms"),
        "taui1": (10.0, "ms"),
        "taui2": (20.0, "ms"),
        "taum": (50.0, "ms"),
    },
    assigned={
        "e": "", "i1": "", "i2": "", "m": "", "nself": "", "nexcite": "", "ninhibit": "",
        "ae": "1/ms", "ai1": "1/ms", "ai2": "1/ms", "t0": "ms",
        "ke": "1/ms", "ki1": "1/ms", "ki2": "1/ms", "km": "1/ms",
        "be": "", "bi1": "", "bi2": "", "a": "", "b": "",
    },
    globals_={"eps": Var(1e-6), "taueps": Var(0.01, "ms")},
    weights=("w",),
)  # fmt: skip
