"""Ion pools (NEURON's eion.cpp): reversal potential, concentrations, total current of one ion in one segment.

Written with generic names; `ion_pool` binds them to NEURON's (``ena``, ``nai``, ``nao``, ``ina``,
``dina_dv_``).
"""

import ast

from heliox.mechanisms import subset
from heliox.mechanisms.methods import LIBRARY, bit_set, nernst
from heliox.mechanisms.subset import Function
from heliox.mechanisms.template import MechTemp, Var

INIT_CONCENTRATION = 4.0
INIT_REVERSAL = 32.0
ADVANCE_REVERSAL = 64.0


def initial(style, celsius, ci0, co0, ci, co, e):
    if bit_set(style, INIT_CONCENTRATION) > 0.0:
        ci = ci0
        co = co0
    if bit_set(style, INIT_REVERSAL) > 0.0:
        e = nernst(ci, co, valence, celsius)
    return ci, co, e


def current(style, celsius, ci, co, e):
    """Runs before any channel's: the totals restart from zero."""
    i = 0.0
    di_dv = 0.0
    if bit_set(style, ADVANCE_REVERSAL) > 0.0:
        e = nernst(ci, co, valence, celsius)
    return e, i, di_dv


valence = 1.0
DEFAULTS = {"na": (10.0, 140.0, 50.0), "k": (54.4, 2.5, -77.0), "ca": (5e-5, 2.0, 132.4579341637009)}


def field_names(ion: str) -> dict[str, str]:
    """Generic name -> NEURON's name."""
    return {
        "e": f"e{ion}", "ci": f"{ion}i", "co": f"{ion}o", "i": f"i{ion}", "di_dv": f"di{ion}_dv_",
        "ci0": f"{ion}i0", "co0": f"{ion}o0",
    }  # fmt: skip


def ion_pool(ion: str, valence: float) -> MechTemp:
    """The template of ``<ion>_ion``."""
    names = field_names(ion)
    blocks, helpers, constants = subset.collect((initial, current), LIBRARY)
    constants["valence"] = float(valence)
    ci0, co0, e0 = DEFAULTS.get(ion, (1.0, 1.0, 0.0))
    return MechTemp(
        f"{ion}_ion", "ion",
        functions={n: _renamed(f, names) for n, f in blocks.items()},
        parameters={"style": Var()},
        states={names["e"]: Var(e0, "mV"), names["ci"]: Var(ci0, "mM"), names["co"]: Var(co0, "mM")},
        assigned={names["i"]: "mA/cm2", names["di_dv"]: "S/cm2"},
        globals_={names["ci0"]: Var(ci0, "mM"), names["co0"]: Var(co0, "mM")},
        helpers=helpers, constants=constants,
    )  # fmt: skip


def _renamed(f: Function, names: dict[str, str]) -> Function:
    tree = ast.parse(f.text).body[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in names:
            node.id = names[node.id]
        elif isinstance(node, ast.arg) and node.arg in names:
            node.arg = names[node.arg]
    return Function(f.name, ast.unparse(tree), f.file, f.line)
