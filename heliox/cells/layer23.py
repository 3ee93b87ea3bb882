"""A human layer-2/3 pyramidal cell, H41_06 of Eyal et al. 2016 (eLife 5:e16553) and 2018."""

from __future__ import annotations

from typing import Any

import numpy as np

from heliox.cells import segments
from heliox.cells.data import PathLike, find
from heliox.cells.regions import published_distance
from heliox.frontend.build import Cell, morphology

CM, G_PAS = 0.44, 1.0 / 48300.0  # uF/cm2, S/cm2
SPINES, SPINY = 1.9, 60.0  # membrane that spines add to dendrite, from this distance (um) on
E_PAS, E_NA, E_K = -83.1011, 67.5, -102.0  # mV

SOMA: dict[str, dict[str, Any]] = {
    "NaTg": {"gNaTgbar": 0.168753, "vshiftm": 15.991, "vshifth": 11.8779, "slopem": 13.8112},
    "Nap_Et2": {"gNap_Et2bar": 5.71532e-5},
    "K_Tst": {"gK_Tstbar": 0.0756706},
    "K_Pst": {"gK_Pstbar": 1.8248e-5},
    "SKv3_1": {"gSKv3_1bar": 0.0712199},
    "SK_E2": {"gSK_E2bar": 0.0999258},
    "Im": {"gImbar": 1.20968e-4},
    "Ca": {"gCabar": 6.17007e-4},
    "Ca_LVAst": {"gCa_LVAstbar": 9.28787e-4},
    "CaDynamics_E2": {"gamma": 5.27805e-4, "decay": 237.845},
}
AXON: dict[str, dict[str, Any]] = {
    "NaTg": {"gNaTgbar": 5.99773, "vshiftm": 8.44162, "vshifth": 11.9795, "slopem": 8.61424},
    "Nap_Et2": {"gNap_Et2bar": 0.0499364},
    "K_Tst": {"gK_Tstbar": 0.0953141},
    "K_Pst": {"gK_Pstbar": 1.23465e-4},
    "SKv3_1": {"gSKv3_1bar": 1.71959},
    "SK_E2": {"gSK_E2bar": 7.08627e-4},
    "Im": {"gImbar": 1.44367e-5},
    "Ca": {"gCabar": 7.83592e-4},
    "Ca_LVAst": {"gCa_LVAstbar": 2.94764e-4},
    "CaDynamics_E2": {"gamma": 0.0332027, "decay": 587.373},
}


def hpc(path: PathLike | None = None, *, active: bool = True) -> Cell:
    """The cell: soma, 115 basal and 101 apical sections, two axon stubs, 1043 segments.

    Parameters
    ----------
    path : path, optional
        The morphology ``2013_03_06_cell11_1125_H41_06.asc``, or ``segments.csv`` (with ``sections.csv``
        beside it), or a folder with one of them; default: the folder ``hpc`` of HELIOX_DATA. Both give the
        same model.
    active : bool
        Channels in soma and axon, spine membrane on the dendrites (`v_init` -86 mV); else leak alone, with
        its reversal potential and `v_init` at 0 mV.

    Returns
    -------
    Cell
        With `celsius` 37 degC.

    Raises
    ------
    ModelError
        If there is no such file, or it is no such cell.
    """
    file = find(path, "hpc", "2013_03_06_cell11_1125_H41_06.asc", "segments.csv")
    cell = segments.read(file) if file.suffix == ".csv" else _discretised(morphology(file))
    cell.set(cm=CM)
    cell.insert("pas", g=G_PAS, e=E_PAS if active else 0.0)
    cell.v_init, cell.celsius = (-86.0 if active else 0.0), 37.0
    if active:
        for region in ("dend", "apic"):
            spines = np.where(published_distance(cell, region, "soma(0.5)") > SPINY, SPINES, 1.0)
            cell.set(region, cm=CM * spines, g_pas=G_PAS * spines)
        for region, channels in (("soma", SOMA), ("axon", AXON)):
            for name, values in channels.items():
                cell.insert(f"hpc.{name}", where=region, **values)
        cell.set(ena=E_NA, ek=E_K)
    return cell


def _discretised(cell: Cell) -> Cell:
    """Two stubs, as thick as the axon is in its middle, in its place; two more segments for every 40 um."""
    cell.nseg(per=40.0)
    diam = float(cell["axon[0]"][0].segments().diam[cell["axon[0]"][0].segment(0.5)])
    cell.delete("axon")
    cell.add_section("axon[0]", L=30.0, diam=diam, connect="soma(1)")
    cell.add_section("axon[1]", L=30.0, diam=diam, connect="axon[0](1)")
    cell.set(Ra=261.97)
    return cell
