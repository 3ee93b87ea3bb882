"""What blocks write and nothing in a step reads: a step may leave it out where nobody looks."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from heliox.kernels.program import Program

Unread = Mapping[str, Collection[str]]


def unread(program: Program, watched: Collection[tuple[str, str]] = ()) -> Unread:
    """Variables by mechanism that blocks write and nothing in a step reads: they are of use when a run ends.

    `watched`: (mechanism, variable) that plays, transfers, pointers or detectors name.
    """
    read = {n for m in program.mechanisms for f in m.template.functions.values() for n in f.params
            if n in m.template.ion_names}  # fmt: skip
    out = {}
    for m in program.mechanisms:
        t = m.template
        own = {n for f in t.functions.values() for n in f.params}
        names = set(m.own) & t.writes() - own
        if t.kind == "ion":
            ion = t.name.removesuffix("_ion")
            names &= {f"i{ion}", f"di{ion}_dv_"} - read if program.secondorder != 2 else set()
        else:
            names &= set(t.assigned) | set(t.ion_names)
        out[t.name] = frozenset(n for n in names if (t.name, n) not in watched)
    return {name: names for name, names in out.items() if names}
