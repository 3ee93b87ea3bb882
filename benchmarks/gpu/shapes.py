"""Trees shaped like pyramidal cells, grown by seeded rules: no reconstruction is needed.

The numbers of sections, tips and stems, total lengths and the branching along the trunk are those of the
published cells; lengths and the splitting of branches are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import heliox


@dataclass(frozen=True)
class Arbor:
    """Binary branches with `tips` in `stems` trees; an apical trunk gives off obliques and ends in a tuft.

    Parameters
    ----------
    region : str
        ``"dend"``
    stems, tips : int
        A stem with n tips has 2n - 1 sections.
    length : float
        um, of all its branches, without the trunk.
    inner : float
        Mean length of an inner branch over that of one with a tip.
    diam : (float, float)
        um, at the first and at the last order of branches.
    trunk : tuple of float
        um, lengths of the trunk's sections; an oblique leaves at the end of each but the last, where the two
        trees of the tuft begin.
    trunk_diam : (float, float)
        um, of the first and of the last of them.
    tuft : int
        Tips of the tuft; the others are the obliques'.
    """

    region: str
    stems: int
    tips: int
    length: float
    inner: float
    diam: tuple[float, float]
    trunk: tuple[float, ...] = ()
    trunk_diam: tuple[float, float] = (1.0, 1.0)
    tuft: int = 0


@dataclass
class _Branch:
    parent: int  # within the arbor; -1: the soma
    order: int
    tip: bool
    L: float = 0.0
    diam: float = 0.0
    of_trunk: bool = False


def _parts(whole: int, parts: int, rng: np.random.Generator) -> list[int]:
    """`whole` as a sum of `parts` numbers of at least one."""
    cuts = np.sort(rng.choice(whole - 1, parts - 1, replace=False)) + 1
    return np.diff([0, *cuts.tolist(), whole]).tolist()


def _bush(out: list[_Branch], parent: int, order: int, tips: int, rng: np.random.Generator) -> None:
    here = len(out)
    out.append(_Branch(parent, order, tips == 1))
    if tips > 1:
        left = int(rng.integers(1, tips))
        _bush(out, here, order + 1, left, rng)
        _bush(out, here, order + 1, tips - left, rng)


def _branches(arbor: Arbor, rng: np.random.Generator) -> list[_Branch]:
    out: list[_Branch] = []
    if arbor.trunk:
        steps = len(arbor.trunk)
        obliques = _parts(arbor.tips - arbor.tuft, steps - 1, rng)
        for k, length in enumerate(arbor.trunk):
            diam = float(np.interp(k, (0, steps - 1), arbor.trunk_diam))
            out.append(_Branch(k - 1, 0, False, length, diam, True))
        for k, tips in enumerate(obliques):
            _bush(out, k, 1, tips, rng)
        for tips in _parts(arbor.tuft, 2, rng):
            _bush(out, steps - 1, 1, tips, rng)
    else:
        for tips in _parts(arbor.tips, arbor.stems, rng):
            _bush(out, -1, 1, tips, rng)
    mine = [b for b in out if not b.of_trunk]
    deepest = max(b.order for b in mine)
    for b in mine:
        b.L = float(rng.gamma(6.0)) / 6.0 if b.tip else arbor.inner * float(rng.gamma(1.5)) / 1.5
        b.diam = float(np.interp(b.order, (1, deepest), arbor.diam)) * float(rng.uniform(0.85, 1.15))
    scale = arbor.length / sum(b.L for b in mine)
    for b in mine:
        b.L = max(2.0, b.L * scale)
    return out


def grow(cell: heliox.Cell, arbors: tuple[Arbor, ...], seed: int) -> None:
    """Add the branches of `arbors` to a cell that has a soma."""
    rng = np.random.default_rng(seed)
    for arbor in arbors:
        for k, b in enumerate(_branches(arbor, rng)):
            at = f"{arbor.region}[{b.parent}](1)" if b.parent >= 0 else "soma(0.5)"
            cell.add_section(f"{arbor.region}[{k}]", L=b.L, diam=b.diam, connect=at)


LAYER5 = (
    Arbor("dend", 8, 46, 5133.0, 0.28, (0.62, 0.52)),
    Arbor(
        "apic", 1, 55, 6441.0, 0.3, (0.8, 0.5),
        (46.0, 65.0, 29.0, 42.0, 8.0, 64.0, 46.0, 15.0, 67.0, 245.0, 276.0, 97.0), (5.2, 1.6), 22,
    ),
)  # fmt: skip
LAYER23 = (
    Arbor("dend", 7, 61, 9589.0, 0.28, (1.6, 0.9)),
    Arbor(
        "apic", 1, 51, 10264.0, 0.3, (1.6, 0.9),
        (14.0, 22.0, 38.0, 60.0, 45.0, 110.0, 31.0, 160.0, 190.0, 110.0), (4.5, 1.8), 12,
    ),
)  # fmt: skip
