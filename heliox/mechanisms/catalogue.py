"""Name -> template: the library's by name, a user's own once registered; conflicts are errors.

Channels of published cells are called ``"family.name"``, ``"l5pc.Ih"``: their own names (Ih, Ca, ...) are
everybody's, and a mod file of such a name must never be taken for them.
"""

from __future__ import annotations

import importlib
from functools import cache

from heliox.errors import MechanismError, nearest
from heliox.mechanisms.template import MechTemp
from heliox.model.model import Definition

LIBRARY = {
    "capacitance": "capacitance",
    "pas": "pas",
    "fastpas": "fastpas",
    "hh": "hh",
    "IClamp": "iclamp",
    "AlphaSynapse": "alphasynapse",
    "ExpSyn": "expsyn",
    "Exp2Syn": "exp2syn",
    "SEClamp": "seclamp",
    "VClamp": "vclamp",
    "OClamp": "oclamp",
    "APCount": "apcount",
    "NetStim": "netstim",
    "IntFire1": "intfire1",
    "IntFire2": "intfire2",
    "IntFire4": "intfire4",
    "PatternStim": "patternstim",
}  # fmt: skip
FAMILIES = {
    "coupling": {"Gap": "gap", "GradedSyn": "graded"},
    "sources": {"VecStim": "vecstim"},
    "l5pc": {
        name: f"l5pc.{name.lower()}"
        for name in (
            "CaDynamics_E2", "Ca_HVA", "Ca_LVAst", "Ih", "Im", "K_Pst", "K_Tst", "NaTa_t", "NaTs2_t",
            "Nap_Et2", "SK_E2", "SKv3_1", "epsp",
        )
    },
    "hpc": {
        "Ca": "hpc.ca",
        "NaTg": "hpc.natg",
        **{
            name: f"l5pc.{name.lower()}"
            for name in ("CaDynamics_E2", "Ca_LVAst", "Im", "K_Pst", "K_Tst", "Nap_Et2", "SK_E2", "SKv3_1")
        },
    },
    "worm": {
        **{
            name: f"worm.{name}"
            for name in (
                "shl1", "shk1", "kvs1", "egl2", "egl36", "kqt3", "irk", "egl19", "unc2", "cca1", "slo1_egl19",
                "slo1_unc2", "slo2_egl19", "slo2_unc2", "kcnl", "nca", "capool",
            )
        },
        "synapse": "worm.synapse",
    },
}  # fmt: skip
_registered: dict[str, MechTemp] = {}


def names() -> list[str]:
    """All names that `get` knows; besides them every ``<ion>_ion`` with a valence."""
    return sorted({*LIBRARY, *_registered, *(f"{f}.{n}" for f, members in FAMILIES.items() for n in members)})


def register(template: MechTemp) -> None:
    """Make a template known by its name.

    Raises
    ------
    MechanismError
        If another mechanism of that name exists. Registering the same text again is no conflict.
    """
    known = _registered.get(template.name)
    if known is not None and known.to_text() == template.to_text():
        return
    if known is not None or template.name in LIBRARY:
        where = "the library" if template.name in LIBRARY else "this process"
        raise MechanismError(
            f"a mechanism {template.name!r} with other text is already registered in {where}; choose another "
            f"name or remove it with heliox.mechanisms.catalogue.unregister({template.name!r})",
            mechanism=template.name,
        )
    _registered[template.name] = template


def unregister(name: str) -> None:
    """Forget a registered mechanism; models that use it keep their text."""
    if name not in _registered:
        raise MechanismError(f"{name!r} is not registered; {nearest(name, _registered)}", mechanism=name)
    del _registered[name]


@cache
def _library(module: str) -> MechTemp:
    return importlib.import_module(f"heliox.mechanisms.library.{module}").template


@cache
def _ion(name: str, valence: float) -> MechTemp:
    return importlib.import_module("heliox.mechanisms.library.ions").ion_pool(name, valence)


def get(name: str, valence: float | None = None) -> MechTemp:
    """The template of mechanism `name`; for an ion pool (``"na_ion"``) `valence` is needed."""
    if name in LIBRARY:
        return _library(LIBRARY[name])
    family, _, member = name.partition(".")
    if member in FAMILIES.get(family, ()):
        return _library(FAMILIES[family][member])
    if name in _registered:
        return _registered[name]
    if name.endswith("_ion") and valence is not None:
        return _ion(name[: -len("_ion")], float(valence))
    of_family = [f"{f}.{name}" for f, members in FAMILIES.items() if name in members]
    legal = f"did you mean {' or '.join(of_family)}?" if of_family else nearest(name, names())
    raise MechanismError(f"no mechanism {name!r}; {legal}", mechanism=name)


def define(template: MechTemp) -> Definition:
    """What a model stores of a template."""
    if template.kind == "ion":
        return Definition(template.name, "library", repr(template.constants["valence"]))
    if template.name in LIBRARY:
        return Definition(template.name, "library", "")
    return Definition(template.name, "python", template.to_text())


@cache
def resolve(definition: Definition) -> MechTemp:
    """The template of a model's definition: from the library, or lowered again from its text.

    Nothing stored is executed.
    """
    if definition.language == "library":
        try:
            valence = float(definition.text) if definition.text else None
        except ValueError:
            raise MechanismError(
                f"{definition.name}: {definition.text!r} is not a valence", mechanism=definition.name
            ) from None
        if definition.name not in LIBRARY and not definition.name.endswith("_ion"):
            raise MechanismError(
                f"the library of this HelioX has no mechanism {definition.name!r}; "
                f"{nearest(definition.name, LIBRARY)}",
                mechanism=definition.name,
            )
        return get(definition.name, valence)
    if definition.language == "python":
        return MechTemp.from_text(definition.text)
    raise MechanismError(
        f"{definition.name}: definitions in {definition.language!r} cannot be read by this version",
        mechanism=definition.name,
    )
