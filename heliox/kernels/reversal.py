"""Reversal potentials that follow concentrations which INITIAL blocks set."""

from __future__ import annotations

from heliox.kernels.context import Context, W
from heliox.mechanisms.varstruct import VarStruct


def reversal(context: Context, m: VarStruct, ion: str, at: str, place: str, pad: str) -> list[str]:
    """The reversal potential follows a written concentration at once where the ion's style asks for it.

    `at`: text of the pool's instance relative to its base, `place`: in A. NEURON: eion.cpp,
    nrn_wrote_conc.
    """
    pool = f"{ion}_ion"
    valence = context.by_name[pool].template.constants["valence"]
    style = (
        f"_P[_U(_G[_g, _{pool}_SHARED]) + {at} // {pool}__OWN * {pool}__SHARED"
        f" + {at} % _U({W}) + {pool}__style]"
    )
    celsius = context.global_value(m, "celsius")
    return [
        f"{pad}if {pool}_bit_set({style}, 32.0) > 0.0:",
        f"{pad}    _A[{place} + {pool}__e{ion}] = {pool}_nernst("
        f"_A[{place} + {pool}__{ion}i], _A[{place} + {pool}__{ion}o], {valence!r}, {celsius})",
    ]
