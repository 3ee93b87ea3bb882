"""The template of every mechanism of a NEURON session: from the library, or translated from NEURON's own mod
text."""

from __future__ import annotations

from typing import Any

from heliox.errors import MechanismError
from heliox.mechanisms import catalogue
from heliox.mechanisms.template import MechTemp
from heliox.nmodl.translate import translate


class Templates:
    """Templates by name. The text of a mechanism comes from NEURON itself (`MechanismType.code`), so no mod
    folder is needed."""

    def __init__(self, h: Any) -> None:
        self.h = h
        self._known: dict[tuple[str, float | None], MechTemp | MechanismError] = {}

    def get(self, name: str, valence: float | None = None) -> MechTemp:
        """The template of mechanism `name`.

        Raises
        ------
        MechanismError
            If there is none and its mod text cannot be translated, with the construct and its line.
        """
        key = (name, valence)
        if key not in self._known:
            try:
                self._known[key] = self._find(name, valence)
            except MechanismError as e:
                self._known[key] = e
        known = self._known[key]
        if isinstance(known, MechanismError):
            raise known
        return known

    def _find(self, name: str, valence: float | None) -> MechTemp:
        try:
            return catalogue.get(name, valence)
        except MechanismError:
            text = self.mod_text(name)
            if not text:
                raise
        return translate(text, f"{name}.mod")

    def mod_text(self, name: str) -> str:
        """The mod file of a mechanism with INCLUDEs expanded, as NEURON keeps it; empty if it keeps none."""
        chosen = self.h.ref("")
        for point in (0, 1):
            kinds = self.h.MechanismType(point)
            for k in range(int(kinds.count())):
                kinds.select(k)
                kinds.selected(chosen)
                if chosen[0] == name:
                    return kinds.code() or ""
        return ""
