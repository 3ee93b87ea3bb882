"""Style words of ion pools: what NEURON sets up and recomputes of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.errors import MechanismError
from heliox.frontend.cells import Anatomy
from heliox.frontend.found import Found
from heliox.frontend.order import promoted_style
from heliox.frontend.templates import Templates
from heliox.mechanisms.template import Ion, MechTemp


class Styles:
    """Style words of ion pools.

    NEURON tells that of a section's first segment. The others differ only where a point process that uses the
    ion has raised it, by a known rule.
    """

    def __init__(self, h: Any, anatomy: Anatomy, found: Mapping[str, Found], templates: Templates) -> None:
        self.h, self.anatomy, self.found, self.templates = h, anatomy, found, templates

    def __call__(self, ion: str, f: Found) -> NDArray[np.int32]:
        raised = self._raised(ion)
        words: dict[int, int] = {}
        out = np.empty(len(f.nodes), np.int32)
        for k, (node, (section, place)) in enumerate(zip(f.nodes, f.places)):
            if section not in words:
                words[section] = int(self.h.ion_style(ion, sec=self.anatomy.handles[section]))
            style = words[section]
            for roles in raised.get(node, ()) if place > 0 or style < 0 else ():
                style = promoted_style(max(style, 0), *roles)
            out[k] = style
        return out

    def _known(self, name: str) -> MechTemp | None:
        try:
            return self.templates.get(name)
        except MechanismError:
            return None

    def _raised(self, pool: str) -> dict[int, list[tuple[int, int]]]:
        ion = pool.removesuffix("_ion")
        out: dict[int, list[tuple[int, int]]] = {}
        for name, f in self.found.items():
            template = self._known(name)
            use = template.ions.get(ion) if template is not None and template.kind == "point" else None
            if use is not None:
                for node in f.nodes:
                    out.setdefault(node, []).append(roles(ion, use))
        return out


def roles(ion: str, use: Ion) -> tuple[int, int]:
    """Roles of concentration and reversal potential in a mechanism: 0 unused, 1 read, 3 written."""

    def role(*names: str) -> int:
        return 3 if set(names) & set(use.write) else int(bool(set(names) & set(use.read)))

    return role(f"{ion}i", f"{ion}o"), role(f"e{ion}")
