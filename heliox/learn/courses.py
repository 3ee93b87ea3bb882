"""Courses of voltage that an encoder's cells can take, and what the cells behind them make of these.

An encoder hears of nothing but the sample, and a linear tree adds up. So what its soma does under a synapse
at one place, driven by one of P courses, can be had beforehand for every place and course; over places and
over times these responses are combinations of a few.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heliox.errors import UnsupportedError
from heliox.frontend.populations import Populations
from heliox.learn.reduction import Reduced
from heliox.learn.sequential import Sequential
from heliox.model.names import Names
from heliox.model.variable import Variable
from heliox.simulation import Simulation

Array = NDArray[np.float64]
MOST = 1024  # courses that are kept
WHITE = 255.0  # bytes come as parts of it
BYTES = np.arange(int(WHITE) + 1) / WHITE


class Courses:
    """Voltages over time of an encoder's cell for each number that samples hold, simulated when first met.

    Attributes
    ----------
    levels : (P,)
        Numbers, ascending.
    values : (P, T + 1)
        mV, from the start to the end of a sample.
    """

    def __init__(self, net: Sequential, threads: int | None) -> None:
        self.net, self.threads = net, threads
        self.levels, self.values = np.empty(0), np.empty((0, 0))
        self._bytes = False

    def find(self, x: Array) -> NDArray[np.int64] | None:
        """The course of each number of samples (B, inputs); None where there is a new one."""
        if not len(self.levels):
            return None
        if self._bytes:
            at = np.rint(x * WHITE).astype(np.int64)
            if at.min() < 0 or at.max() > int(WHITE):
                return None
        else:
            at = np.minimum(np.searchsorted(self.levels, x), len(self.levels) - 1)
        return at if (self.levels[at] == x).all() else None

    def add(self, x: Array) -> None:
        """Simulate the numbers that are new; all bytes where these are parts of 255.

        Raises
        ------
        UnsupportedError
            If there are more than 1,024 different ones.
        """
        self.begin(self.levels, x)

    def begin(self, *given: Array) -> bool:
        """Have the courses of these numbers and of no others; whether they were not those there were.

        Raises
        ------
        UnsupportedError
            As `add`.
        """
        whole = all(map(_are_bytes, given))
        if whole:
            wanted = BYTES
        else:
            wanted = np.unique(np.concatenate([np.unique(x) for x in given]))
        if np.array_equal(wanted, self.levels):
            return False
        if len(wanted) > MOST:
            raise UnsupportedError(
                f"samples hold {len(wanted)} different numbers and a reduced network keeps the encoder's "
                f"courses for at most {MOST}: round them, for instance to bytes, or train the full network"
            )
        self.levels, self.values, self._bytes = wanted, self._simulated(wanted), whole
        return True

    def _simulated(self, levels: Array) -> Array:
        """One cell of the encoder, the numbers being members of a batch."""
        spec, alone = self.net.encoder, Populations()
        cells = alone.add("input", spec.cell, 1)
        driven = spec.code.build(alone, cells)
        model = alone.model(self.net.dt, self.net.model.settings.celsius)
        sim = Simulation(
            model, batch=len(levels), vary=list(spec.code.vary), dt=self.net.dt, device="cpu",
            threads=self.threads, progress=False,
        )  # fmt: skip
        self.threads = sim.threads
        names = Names(model)
        soma = Variable("node", -1, "v", cells.place(spec.soma).astype(np.intp), 0, names)
        window = sim.window(soma, start=0.0, stop=self.net.duration)
        x = levels[:, None]
        spec.code.write(sim, cells, driven, x)
        v, own = model.nodes.v, spec.code.start(cells, x)
        if own is not None:
            v = np.repeat(v[None], len(x), axis=0)
            v[:, own[0]] = own[1]
        sim.initialize(v if len(x) > 1 or own is None else v[0])
        sim.run(self.net.duration)
        return np.ascontiguousarray(window.values.reshape(window.rows, len(levels)).T)


def _are_bytes(x: Array) -> bool:
    """Whether all numbers are parts of 255."""
    at = np.rint(x * WHITE)
    return bool(((at / WHITE == x) & (at >= 0.0) & (at <= WHITE)).all())


@dataclass(frozen=True, eq=False)
class Responses:
    """``sum over q of place[k, part[q]] beta[q, p] psi[rank[q], t]``.

    These are the mV at the soma at time t, for 1 nA a presynaptic mV, that course p causes at place k.

    Attributes
    ----------
    place : (places, components)
    beta : (Q, P)
    part, rank : (Q,)
    psi : (ranks, T + 1)
        A multiple of four; rows that are not needed are 0.
    error : float
        The largest difference from the reduced tree's own responses, as part of the largest of these.
    """

    place: Array
    beta: Array
    part: NDArray[np.int64]
    rank: NDArray[np.int64]
    psi: Array
    error: float

    @staticmethod
    def of(tree: Reduced, courses: Array, tol: float) -> Responses:
        """Of courses (P, T + 1) mV at every input of a tree: with as few products as `tol` allows.

        The responses are a table of places, courses and times. It is turned into its principal axes over
        places and over times (De Lathauwer et al. 2000), where most products are too small to matter.
        """
        above = np.maximum(courses, 0.0)
        modes = np.zeros((len(courses), tree.rank, courses.shape[1]))
        for t in range(courses.shape[1] - 1):
            modes[:, :, t + 1] = tree.decay * modes[:, :, t] + above[:, t, None]
        turn, size, place = np.linalg.svd(tree.C[0][:, None] * tree.B, full_matrices=False)
        full = np.einsum("mc,c,pmt->pct", turn, size, modes, optimize=True)  # components of places
        psi = np.linalg.svd(full.reshape(-1, full.shape[2]), full_matrices=False)[2]
        mix = np.linalg.svd(full.transpose(1, 0, 2).reshape(full.shape[1], -1), full_matrices=False)[0].T
        beta = np.einsum("dc,pct,rt->drp", mix, full, psi, optimize=True)
        place = np.ascontiguousarray(place.T @ mix.T)
        weight = np.abs(beta).max(axis=2) * np.abs(place).max(axis=0)[:, None] * np.abs(psi).max(axis=1)
        exact = [place @ b @ psi for b in beta.transpose(2, 0, 1)]
        largest = max(np.abs(e).max() for e in exact) or 1.0
        cut = 4.0 * tol
        while True:
            kept = weight > cut * weight.max()
            worst = max(
                np.abs(place @ np.where(kept, b, 0.0) @ psi - e).max()
                for b, e in zip(beta.transpose(2, 0, 1), exact)
            )
            if worst <= tol * largest or kept.all():
                break
            cut *= 0.7
        part, rank = np.nonzero(kept)
        parts, ranks = np.unique(part), np.unique(rank)
        some = np.zeros((-(-len(ranks) // 4) * 4, psi.shape[1]))
        some[: len(ranks)] = psi[ranks]
        return Responses(
            np.ascontiguousarray(place[:, parts]), beta[part, rank], np.searchsorted(parts, part),
            np.searchsorted(ranks, rank), some, float(worst / largest),
        )  # fmt: skip
