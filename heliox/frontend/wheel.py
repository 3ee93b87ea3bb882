"""The order in which built models run their mechanisms: NEURON's, from how its wheel registers them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from heliox.frontend.order import Registered, execution_order
from heliox.mechanisms.template import MechTemp

WHEEL = (
    "capacitance", "pas", "extracellular", "fastpas", "IClamp", "AlphaSynapse", "ExpSyn", "Exp2Syn",
    "SEClamp", "VClamp", "OClamp", "APCount", "na_ion", "k_ion", "hh",
    "NetStim", "IntFire1", "IntFire2", "IntFire4",
)  # fmt: skip


def registration(templates: Mapping[str, MechTemp]) -> list[str]:
    """Names in order of registration.

    First what NEURON brings along; then the others by name, as nrnivmodl takes mod files; an ion just before
    the first that names it. (A mod file that NEURON loads and the model does not use may register an ion
    earlier. Pools of different ions do not touch each other, so nothing depends on that.)
    """
    out = list(WHEEL)
    for name in sorted(set(templates) - set(WHEEL)):
        t = templates[name]
        if t.kind != "ion":
            out += [p for p in (f"{ion}_ion" for ion in t.ions) if p not in out]
        if name not in out:
            out.append(name)
    return out


def in_order(templates: Iterable[MechTemp]) -> list[MechTemp]:
    """Templates, pools of ions among them, in order of execution."""
    known = {t.name: t for t in templates}
    registered = [
        Registered(
            k, name, ion=name.endswith("_ion"), writes_concentration=name in known and _writes(known[name])
        )
        for k, name in enumerate(registration(known))
    ]
    return [known[r.name] for r in execution_order(registered) if r.name in known]


def _writes(template: MechTemp) -> bool:
    return any({f"{ion}i", f"{ion}o"} & set(use.write) for ion, use in template.ions.items())
