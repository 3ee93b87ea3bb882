"""Cells and networks that need no data."""

from __future__ import annotations

from heliox.frontend.build import Cell, Network


def ball_and_stick(nseg: int = 11) -> Cell:
    """A soma with Hodgkin-Huxley channels and one passive dendrite, as in NEURON's tutorial.

    Parameters
    ----------
    nseg : int
        Segments of the dendrite (200 um long, 1 um thick).

    Returns
    -------
    Cell
        With an ExpSyn called ``synapse`` in the middle of the dendrite.
    """
    cell = Cell()
    cell.add_section("soma", L=12.6157, diam=12.6157, Ra=100.0)
    cell.add_section("dend", L=200.0, diam=1.0, nseg=nseg, connect="soma(1)", Ra=100.0)
    cell.insert("hh", where="soma")
    cell.insert("pas", where="dend", g=0.001, e=-65.0)
    cell.place("ExpSyn", "dend(0.5)", name="synapse", tau=2.0)
    return cell


def ring(n: int = 5, *, weight: float = 0.01, delay: float = 5.0, nseg: int = 11) -> Network:
    """Ball-and-stick cells in a ring, each driving the next; a stimulus at 10 ms starts the first one.

    Parameters
    ----------
    n : int
        Cells, ``Cell[0]``, ``Cell[1]``, ...; their gids are 0, 1, ...
    weight : float
        uS, of every connection.
    delay : float
        ms, of every connection.
    nseg : int
        As in `ball_and_stick`.

    Examples
    --------
    >>> sim = heliox.Simulation(heliox.cells.ring(5).model())
    >>> sim.run(100.0)
    >>> sim.spikes.t
    """
    net = Network()
    cells = net.add(ball_and_stick(nseg), copies=n)
    drive = net.stim("NetStim", start=9.0, number=1)
    net.connect(drive, f"{cells[0]}.synapse", weight=0.04, delay=1.0)
    for k, cell in enumerate(cells):
        net.connect(f"{cell}.soma(0.5)", f"{cells[(k + 1) % n]}.synapse", weight, delay)
        net.gid(f"{cell}.soma(0.5)", k)
    return net
