"""The thick-tufted layer-5b pyramidal cell of Hay et al. 2011 (PLoS Comput Biol 7:e1002107)."""

from __future__ import annotations

import numpy as np

from heliox.cells import segments
from heliox.cells.data import PathLike, find
from heliox.cells.regions import published_distance
from heliox.frontend.build import Cell, morphology

E_PAS, E_NA, E_K = -90.0, 50.0, -85.0  # mV
HOT_ZONE = (685.0, 885.0)  # um from the trunk's beginning: where the dendrite makes calcium spikes


def l5pc(path: PathLike | None = None) -> Cell:
    """The cell, biophysics included: soma, 84 basal and 109 apical sections, two axon stubs, 642 segments.

    Parameters
    ----------
    path : path, optional
        The morphology ``cell1.asc``, or ``segments.csv`` (with ``sections.csv`` beside it), or a folder with
        one of them; default: the folder ``l5pc`` of HELIOX_DATA. Both give the same model.

    Returns
    -------
    Cell
        With `v_init` -80 mV and `celsius` 34 degC.

    Raises
    ------
    ModelError
        If there is no such file, or it is no such cell.

    Notes
    -----
    Parameter set 3 of the release, which fits both the response to somatic steps and dendritic calcium
    spikes. Only the calcium reversal potential depends on `celsius`.
    """
    file = find(path, "l5pc", "cell1.asc", "segments.csv")
    cell = segments.read(file) if file.suffix == ".csv" else _discretised(morphology(file))
    _passive(cell)
    _soma(cell)
    _apical(cell)
    cell.insert("l5pc.Ih", where="dend", gIhbar=2e-4)
    cell.set(ena=E_NA, ek=E_K)
    cell.v_init, cell.celsius = -80.0, 34.0
    return cell


def _discretised(cell: Cell) -> Cell:
    """Two stubs in place of the axon; two more segments for every 40 um."""
    cell.delete("axon")
    cell.add_section("axon[0]", L=30.0, diam=1.0, connect="soma(0.5)")
    cell.add_section("axon[1]", L=30.0, diam=1.0, connect="axon[0](1)")
    cell.nseg(per=40.0)
    cell.set(Ra=100.0)
    return cell


def _passive(cell: Cell) -> None:
    for region, g, cm in (
        ("soma", 3.38e-5, 1.0), ("axon", 3.25e-5, 1.0), ("dend", 4.67e-5, 2.0), ("apic", 5.89e-5, 2.0),
    ):  # fmt: skip
        cell.insert("pas", where=region, g=g, e=E_PAS)
        cell.set(region, cm=cm)


def _soma(cell: Cell) -> None:
    soma = cell.region("soma")
    soma.insert("l5pc.Ca_HVA", gCa_HVAbar=9.92e-4)
    soma.insert("l5pc.Ca_LVAst", gCa_LVAstbar=3.43e-3)
    soma.insert("l5pc.CaDynamics_E2", gamma=5.01e-4, decay=460.0)
    soma.insert("l5pc.Ih", gIhbar=2e-4)
    soma.insert("l5pc.K_Pst", gK_Pstbar=2.23e-3)
    soma.insert("l5pc.K_Tst", gK_Tstbar=0.0812)
    soma.insert("l5pc.NaTa_t", gNaTa_tbar=2.04)
    soma.insert("l5pc.Nap_Et2", gNap_Et2bar=1.72e-3)
    soma.insert("l5pc.SK_E2", gSK_E2bar=0.0441)
    soma.insert("l5pc.SKv3_1", gSKv3_1bar=0.693)


def _apical(cell: Cell) -> None:
    apic = cell.region("apic")
    d = published_distance(cell, "apic", "apic[0](0)")
    hot = (d > HOT_ZONE[0]) & (d < HOT_ZONE[1])
    ih = 2e-4 * (-0.8696 + 2.087 * np.exp(3.6161 * d / d.max()))
    apic.insert("l5pc.Ca_HVA", gCa_HVAbar=np.where(hot, 5.55e-4, 5.55e-5))
    apic.insert("l5pc.Ca_LVAst", gCa_LVAstbar=np.where(hot, 0.0187, 0.000187))
    apic.insert("l5pc.CaDynamics_E2", gamma=5.09e-4, decay=122.0)
    apic.insert("l5pc.Ih", gIhbar=[round(g, 10) for g in ih.tolist()])  # as the release's text has them
    apic.insert("l5pc.Im", gImbar=6.75e-5)
    apic.insert("l5pc.NaTa_t", gNaTa_tbar=0.0213)
    apic.insert("l5pc.SK_E2", gSK_E2bar=1.2e-3)
    apic.insert("l5pc.SKv3_1", gSKv3_1bar=2.61e-4)
