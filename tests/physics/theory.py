"""Analytic solutions of the cable equation, in NEURON's units, and the two error measures of the Rallpacks.

Lengths and diameters in um, Ra in ohm cm, cm in uF/cm2, g = 1/Rm in S/cm2, currents in nA, resistances in
MOhm, voltages in mV from rest, times in ms.

Sources: W. Rall, "Electrophysiology of a dendritic neuron model", Biophys J 2:145 (1962) and "Time constants
and electrotonic length of membrane cylinders and neurons", Biophys J 9:1483 (1969); J. J. B. Jack, D. Noble
and R. W. Tsien, "Electric Current Flow in Excitable Cells" (1983), pp. 68-80; C. Koch, "Biophysics of
Computation" (1999), chapter 2.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import erfc, erfcx


@dataclass(frozen=True)
class Cable:
    """A uniform passive cable with both ends sealed.

    Parameters
    ----------
    length, diam : float
        um
    ra, cm, g : float
        ohm cm, uF/cm2, S/cm2
    """

    length: float
    diam: float
    ra: float
    cm: float
    g: float

    @property
    def constant(self) -> float:
        """Length constant sqrt(d / (4 Ra g)), um."""
        return 1e4 * np.sqrt(self.diam * 1e-4 / (4.0 * self.ra * self.g))

    @property
    def electrotonic(self) -> float:
        """Length in length constants."""
        return self.length / self.constant

    @property
    def tau(self) -> float:
        """Membrane time constant cm / g, ms."""
        return 1e-3 * self.cm / self.g

    @property
    def semi_infinite(self) -> float:
        """Input resistance of the semi-infinite cable, (2/pi) sqrt(Ra/g) d^(-3/2), MOhm."""
        return 1e-6 * (2.0 / np.pi) * np.sqrt(self.ra / self.g) * (self.diam * 1e-4) ** -1.5

    def transfer(self, at, source=0.0):
        """Transfer resistance (MOhm) between two places (um), the same in both directions.

        With X = x / lambda: R_inf cosh(X<) cosh(L - X>) / sinh(L).
        """
        near, far = np.minimum(at, source) / self.constant, np.maximum(at, source) / self.constant
        total = self.electrotonic
        return self.semi_infinite * np.cosh(near) * np.cosh(total - far) / np.sinh(total)

    def step(self, at, t, source=0.0, terms=400):
        """MOhm at `at` (um) and times `t` (ms > 0) after a current of 1 nA begins at `source` (um).

        Series of the cosine modes of the sealed cable (Rall 1969): mode n decays with
        tau_n = tau / (1 + (n pi / L)^2).
        """
        total, scaled = self.electrotonic, np.atleast_1d(t)[:, None] / self.tau
        n = np.arange(1, terms)
        rate = 1.0 + (n * np.pi / total) ** 2
        shape = np.cos(n * np.pi * at / self.length) * np.cos(n * np.pi * source / self.length) / rate
        with np.errstate(under="ignore"):
            decay = np.exp(-scaled[:, 0]) + 2.0 * np.exp(-rate * scaled) @ shape
        return self.transfer(at, source) - self.semi_infinite * decay / total

    def step_images(self, at, t, images=10):
        """As `step` with the source at 0, by images of the semi-infinite cable's Laplace-transform solution.

        V(X, T) = R_inf / 2 [exp(-X) erfc(X / 2 sqrt(T) - sqrt(T)) - exp(X) erfc(X / 2 sqrt(T) + sqrt(T))]
        (Jack, Noble and Tsien, pp. 68-80), summed over the sources that the sealed ends reflect; this is
        the reference of Rallpack 1 and 2.
        """
        total, scaled = self.electrotonic, np.atleast_1d(t) / self.tau
        root, x, out = np.sqrt(scaled), at / self.constant, 0.0
        with np.errstate(under="ignore"):
            for k in range(-images, images + 1):
                y = abs(x + 2 * k * total)
                half = y / (2.0 * root)
                # exp(y) erfc(half + root), without the overflow of exp(y)
                second = np.exp(-half * half - scaled) * erfcx(half + root)
                out = out + np.exp(-y) * erfc(half - root) - second
        return 0.5 * self.semi_infinite * out


def input_conductance(cable: Cable, load: float = 0.0) -> float:
    """Conductance (uS) of one end of a cable with a conductance `load` (uS) at the other (Rall 1959).

    G_inf (G_load / G_inf + tanh L) / (1 + (G_load / G_inf) tanh L).
    """
    own, tanh = 1.0 / cable.semi_infinite, np.tanh(cable.electrotonic)
    return own * (load / own + tanh) / (1.0 + load / own * tanh)


def order(steps, errors):
    """Observed orders of convergence between successive steps: log(e1/e2) / log(h1/h2)."""
    steps, errors = np.asarray(steps, float), np.abs(np.asarray(errors, float))
    return np.log(errors[:-1] / errors[1:]) / np.log(steps[:-1] / steps[1:])


def order_from_values(ratio, coarse, middle, fine):
    """Order and Richardson-extrapolated limit of three values whose steps shrink by the same `ratio`."""
    p = np.log((coarse - middle) / (middle - fine)) / np.log(ratio)
    return p, fine + (fine - middle) / (ratio**p - 1.0)


def rms(reference, values):
    """Rallpack's measure for passive models: RMS difference over the range of both curves (its ``rms``)."""
    both = np.concatenate([reference, values])
    return np.sqrt(np.mean((reference - values) ** 2)) / np.ptp(both)


def crossings(t, v, level=-20.0):
    """Times at which `v` rises through `level`: cubic interpolation, fourth order in the sampling step."""
    t, v = np.asarray(t), np.asarray(v)
    out = []
    for k in np.flatnonzero((v[:-1] < level) & (v[1:] >= level)):
        y = v[k - 1 : k + 3] - level
        cubic = np.polynomial.Polynomial.fit([-1.0, 0.0, 1.0, 2.0], y, 3, domain=[-1, 2], window=[-1, 2])
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if cubic(middle) < 0.0 else (low, middle)
        out.append(t[k] + 0.5 * (low + high) * (t[k + 1] - t[k]))
    return np.array(out)
