"""Morphology files without NEURON: the sections that NEURON's Import3d makes of SWC and Neurolucida files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from heliox.errors import ModelError, nearest
from heliox.frontend import import3d, neurolucida, swc
from heliox.frontend.import3d import MorphSection
from heliox.frontend.reading import error, shown, text_of

__all__ = ["MorphSection", "Morphology", "read"]


@dataclass(frozen=True, eq=False)
class Morphology:
    """The sections of a file, in the order in which NEURON's Import3d creates them.

    Parameters
    ----------
    path : str
        The file.
    format : str
        ``"SWC"`` or ``"Neurolucida"``.
    sections : tuple of MorphSection
        By type (soma, axon, dend, apic, ...), then as in the file. Parents are indices into this tuple.
    notes : tuple of str
        What the importer did that the file does not say: sections left out, branches attached to a soma
        they do not touch.
    """

    path: str
    format: str
    sections: tuple[MorphSection, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.sections)

    def __iter__(self) -> Iterator[MorphSection]:
        return iter(self.sections)

    def __getitem__(self, name: str) -> MorphSection:
        for section in self.sections:
            if section.name == name:
                return section
        names = [section.name for section in self.sections]
        raise ModelError(
            f"{self.path} has no section {name!r}: {nearest(name, names)}", path=self.path, section=name
        )

    @property
    def roots(self) -> tuple[int, ...]:
        """Indices of the sections without a parent; a Neurolucida file may hold several cells."""
        return tuple(i for i, section in enumerate(self.sections) if section.parent < 0)

    def __repr__(self) -> str:
        counts: dict[str, int] = {}
        for section in self.sections:
            counts[section.region] = counts.get(section.region, 0) + 1
        regions = ", ".join(f"{count} {region}" for region, count in counts.items())
        length = sum(section.L for section in self.sections)
        return f"Morphology({self.path!r}: {regions}; {length:.1f} um)"


def read(path: str | os.PathLike[str], digits: int | None = 8) -> Morphology:
    """Read an SWC or Neurolucida (V3 text) file as NEURON's Import3d does.

    Parameters
    ----------
    path : str or path
        The file. Its content decides the format.
    digits : int or None
        Significant digits to which NEURON rounds coordinates and diameters when it creates the sections, in
        decimal, before they become single precision: 8 for ``instantiate(None)`` and hoc objects,
        None (no rounding) for ``instantiate(python_object)``.

    Returns
    -------
    Morphology

    Raises
    ------
    ModelError
        If the file cannot be read, is not one of the formats, or is not a cell; fields ``path`` and, where
        a line is to blame, ``line``.
    """
    name = os.fspath(path)
    data = text_of(path)
    is_neurolucida = recognised(data, name)
    notes: list[str] = []
    raws = (neurolucida if is_neurolucida else swc).read(data, name, notes)
    sections = import3d.instantiate(raws, name, digits, notes)
    return Morphology(name, "Neurolucida" if is_neurolucida else "SWC", tuple(sections), tuple(notes))


def recognised(data: bytes, path: str) -> bool:
    """True for Neurolucida, False for SWC."""
    start = data.lstrip()
    if start[:1] in (b";", b"("):
        return True
    if start[:1] == b"#" or start[:1].isdigit() or path.lower().endswith(".swc"):
        return False
    if path.lower().endswith(".asc"):
        return True
    line = data[: len(data) - len(start)].count(b"\n") + 1
    first = start.split(b"\n")[0]
    raise error(path, line, f"neither SWC nor Neurolucida text begins with {shown(first)}")
