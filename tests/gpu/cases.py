"""What the models of the zoo are made of: `Case`, the register `CASES`, a branched cell, stimuli."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import heliox
from heliox.mechanisms.template import MechTemp
from heliox.model.model import Model
from heliox.simulation import Simulation

MODS = Path(__file__).parent / "mods"
REST = -65.0  # mV


def _nothing(sim: Simulation) -> None:
    pass


@dataclass(frozen=True)
class Case:
    """A model and how it is run.

    Parameters
    ----------
    build : function
        -> Model
    tstop : float
        ms.
    watch : tuple of str
        Variables that are recorded, wherever they are.
    spikes : int
        It has at least so many.
    prepare : function
        Called with the simulation before it is initialized.
    options : dict
        Of the Simulation.
    """

    build: Callable[[], Model]
    tstop: float
    watch: tuple[str, ...]
    spikes: int = 0
    prepare: Callable[[Simulation], None] = _nothing
    options: dict[str, Any] = field(default_factory=dict)


CASES: dict[str, Case] = {}


def case(
    tstop: float, *watch: str, spikes: int = 0, prepare: Callable = _nothing, **options: Any
) -> Callable:
    """Put the builder that follows into `CASES`, under its name."""

    def keep(build: Callable[[], Model]) -> Callable[[], Model]:
        once = cache(build)
        CASES[build.__name__] = Case(once, tstop, watch, spikes, prepare, options)
        return once

    return keep


@cache
def mod(name: str) -> MechTemp:
    """A mechanism of the folder ``mods``."""
    return heliox.load_mod(MODS / f"{name}.mod")


def tree(*channels: Any, scale: float = 1.0) -> heliox.Cell:
    """A branched cell of 14 sections and 34 segments; channels everywhere."""
    cell = heliox.Cell(celsius=12.0)
    cell.add_section("soma", L=18.0, diam=17.0, nseg=1)
    rows = [
        ("soma(1)", 90, 2.2, 5), ("dend[0](1)", 60, 1.4, 3), ("dend[0](1)", 75, 1.2, 3),
        ("dend[1](1)", 40, 0.9, 1), ("dend[1](1)", 55, 0.8, 3), ("dend[2](0.5)", 30, 0.8, 1),
        ("soma(0.5)", 50, 1.6, 3), ("dend[6](1)", 70, 1.0, 4),
        ("dend[6](1)", 45, 1.1, 2), ("soma(0)", 40, 1.5, 2),
        ("dend[9](1)", 35, 0.9, 2), ("dend[9](1)", 30, 1.0, 2),
        ("dend[9](0.3)", 25, 0.7, 2),
    ]  # fmt: skip
    for k, (parent, length, diam, nseg) in enumerate(rows):
        cell.add_section(f"dend[{k}]", L=scale * length, diam=diam, nseg=nseg, connect=parent)
    for channel in channels:
        cell.insert(channel)
    cell.set(Ra=110.0)
    return cell


def clamp(net: heliox.Network, cell: str, amp: float, delay: float = 1.0, dur: float = 1e9) -> str:
    return net.place("IClamp", f"{cell}.soma(0.5)", delay=delay, dur=dur, amp=amp)


def of(cell: heliox.Cell, copies: int = 1, amp: float = 0.0) -> heliox.Network:
    """Copies with spike detectors in the somata, a current into each, growing from one to the next."""
    net = heliox.Network()
    for k, name in enumerate(net.add(cell, copies=copies)):
        net.gid(f"{name}.soma(0.5)", k, threshold=-10.0)
        if amp:
            clamp(net, name, amp * (1.0 + 0.07 * k))
    return net


def noisy(net: heliox.Network, k: int, interval: float, start: float = 0.5, noise: float = 1.0) -> str:
    return net.stim(
        "NetStim", start=start, interval=interval, number=1e9, noise=noise, ranvar=(float(k), 7.0, 1.0)
    )
