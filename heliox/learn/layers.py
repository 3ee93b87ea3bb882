"""Layers of a `Sequential`: what they are made of, before anything is built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from heliox.errors import ModelError
from heliox.frontend.cell import Cell
from heliox.learn.codes import SOMA, Code, RateCode
from heliox.model.model import Model


def compartment(
    L: float = 12.6157, diam: float = 12.6157, cm: float = 1.0, g: float = 1e-4, e: float = 0.0
) -> Cell:
    """A cell of one compartment with a leak, ``soma``; by default of 500 um2, 10 ms and 2 GOhm.

    Parameters
    ----------
    L, diam : float
        um.
    cm : float
        uF/cm2.
    g : float
        S/cm2.
    e : float
        mV, reversal potential and voltage at the start.
    """
    cell = Cell(v_init=e)
    cell.add_section("soma", L=L, diam=diam)
    cell.insert("pas", g=g, e=e)
    cell.set(cm=cm)
    return cell


@dataclass(frozen=True)
class Graded:
    """Graded synapses: ``g w max(v_pre, 0)`` nA into the cell, without memory and without delay.

    Parameters
    ----------
    gain : float, optional
        uS, g of every synapse. Default: ``1 / sqrt(r_max r_min)`` over the transfer resistances (MOhm) of the
        layer's places to the soma, and for biases 1 / input resistance, so that weights are of order 1.
    """

    gain: float | None = None

    def __post_init__(self) -> None:
        if self.gain is not None and not self.gain > 0.0:
            raise ModelError(f"gain of graded synapses is {self.gain:g} uS; it must be positive")


@dataclass(frozen=True)
class Spiking:
    """Synapses that spikes of the layer before open: exponential, or of two exponentials with a `rise`.

    Parameters
    ----------
    weight : float
        uS, mean of the weights drawn, evenly from 0 to twice that.
    tau, rise : float
        ms: decay; rise, 0 for `ExpSyn`.
    e : float
        mV, reversal potential.
    delay : float
        ms.
    threshold : float
        mV, at which cells of the layer before spike (spike trains of an encoder need none).
    """

    weight: float
    tau: float = 2.0
    rise: float = 0.0
    e: float = 0.0
    delay: float = 1.0
    threshold: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.rise < self.tau:
            raise ModelError(f"rise {self.rise:g} ms must be at least 0 and less than tau {self.tau:g} ms")
        if not self.delay >= 0.0:
            raise ModelError(f"delay is {self.delay:g} ms; it must not be negative")
        if not np.isfinite([self.weight, self.tau, self.e, self.delay, self.threshold]).all():
            raise ModelError(f"numbers of a synapse must be finite: {self!r}")

    @property
    def mechanism(self) -> str:
        return "Exp2Syn" if self.rise > 0.0 else "ExpSyn"

    @property
    def values(self) -> dict[str, Any]:
        taus = {"tau1": self.rise, "tau2": self.tau} if self.rise > 0.0 else {"tau": self.tau}
        return {**taus, "e": self.e}


@dataclass(frozen=True)
class Encoder:
    """The first layer: a cell for each number of a sample, driven as `code` says.

    Parameters
    ----------
    n : int
    code : Code
        `RateCode`, `CurrentCode`, `GradedCode`, or what has their methods.
    cell : Cell or Model
        With a section ``soma``.
    """

    n: int
    code: Code = field(default_factory=RateCode)
    cell: Cell | Model = field(default_factory=compartment)
    soma: str = SOMA

    def __post_init__(self) -> None:
        _whole(self.n, "an Encoder")


@dataclass(frozen=True)
class Dense:
    """Cells of which each hears of every cell of the layer before.

    Parameters
    ----------
    n : int
        Cells.
    cell : Cell or Model
        What they are copies of: a `heliox.Cell`, `heliox.morphology`, or a frozen single cell.
    places : str or sequence of str
        Where synapses are. ``"dend"``: on sections of that name or region (``dend[0]``, ``dend[1]``, ...),
        a random one and a random place on it for each. ``"dend[3](0.5)"``: all of them there. A sequence of
        places, one for each cell of the layer before.
    synapse : Graded or Spiking
    bias : bool
        A graded synapse at the soma whose presynaptic voltage is 1 mV.
    soma : str
        The place whose voltage the cell passes on.
    """

    n: int
    cell: Cell | Model = field(default_factory=compartment)
    places: str | Sequence[str] = SOMA
    synapse: Graded | Spiking = field(default_factory=Graded)
    bias: bool = True
    soma: str = SOMA

    def __post_init__(self) -> None:
        _whole(self.n, "a Dense layer")


def _whole(n: int, what: str) -> None:
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise ModelError(f"{what} has {n!r} cells; it must be a whole number of at least 1")
