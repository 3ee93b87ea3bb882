"""A small network with everything that goes on between steps: spikes on the way, noise, channels."""

from heliox.frontend.build import Cell, Network
from heliox.model.model import Model


def ring(cells: int = 3) -> Model:
    """A ring of cells with delays of 3 to 7 ms, each with a noisy stimulus; made without NEURON."""
    cell = Cell()
    cell.add_section("soma", L=20.0, diam=20.0)
    cell.add_section("dend", L=150.0, diam=1.5, nseg=3, connect="soma(1)")
    cell.insert("hh", where="soma")
    cell.insert("pas", where="dend", g=1e-4, e=-65.0)
    cell.place("ExpSyn", "dend(0.5)", name="ring", tau=2.0)
    cell.place("ExpSyn", "dend(0.5)", name="noise", tau=1.0)
    net = Network()
    net.add(cell, copies=cells)
    for k in range(cells):
        stim = net.stim("NetStim", noise=1.0, interval=6.0, start=1.0, number=1e9, ranvar=(k, 1, 2))
        net.connect(stim, f"Cell[{k}].noise", weight=0.03, delay=1.0 + k)
        after = f"Cell[{(k + 1) % cells}].ring"
        net.connect(f"Cell[{k}].soma(0.5)", after, weight=0.01, delay=7.0 - 2.0 * k, threshold=-20.0)
    return net.model(v_init=-65.0)
