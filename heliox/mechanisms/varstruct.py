"""`VarStruct`: where the variables of one template lie inside a block (docs/design.md, section 3)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from heliox.mechanisms.template import MechTemp, Var

STREAM = ("id1", "id2", "id3", "seq")


@dataclass(frozen=True)
class VarStruct:
    """Slots of a template's variables.

    ``own`` variables change in a run or differ between members; ``shared`` ones are stored once. Both map a
    name to its first slot; `size` gives the number of consecutive slots (a random stream has four: id1, id2,
    id3, sequence). ``varied``: GLOBALs that differ between members, and the first place of each in a row that
    every member has.
    """

    template: MechTemp
    own: dict[str, int]
    shared: dict[str, int]
    own_slots: int
    shared_slots: int
    varied: dict[str, int] = field(default_factory=dict)

    def size(self, name: str) -> int:
        if name in self.template.random:
            return len(STREAM)
        if name == SCALE or name in hidden_names(self.template):
            return 1
        return {**self.template.instance_names, **self.template.globals_}[name].size


SCALE = "_scale"  # 100/area of a point process: nA -> mA/cm2


def row_slots(variables: Mapping[str, Var]) -> dict[str, int]:
    """First place of each of some variables that lie in one row."""
    sizes = [v.size for v in variables.values()]
    return {n: sum(sizes[:k]) for k, n in enumerate(variables)}


def global_slots(template: MechTemp) -> dict[str, int]:
    """First slot of every GLOBAL in the mechanism's shared row."""
    return row_slots(template.globals_)


def hidden_names(template: MechTemp) -> list[str]:
    """What an instance with WATCH keeps: for each condition its side (0: not armed) and its flag."""
    return [f"_{what}_{k}" for k in range(template.conditions) for what in ("side", "flag")]


def layout(template: MechTemp, vary: Collection[str] = ()) -> VarStruct:
    """Assign slots.

    Parameters
    ----------
    template : MechTemp
    vary : names of parameters and GLOBALs that differ between members (parameters become own).
    """
    written = template.writes()
    own: dict[str, int] = {}
    shared: dict[str, int] = {}
    counts = [0, 0]
    # a GLOBAL that blocks write is kept by every instance: nothing then depends on the order of instances
    written_globals = {n: v for n, v in template.globals_.items() if n in written}
    variables: dict[str, Var] = {**template.instance_names, **written_globals}
    for name, var in variables.items():
        is_own = (
            name not in template.parameters
            or name in written
            or name in vary
            or (template.kind == "ion" and name != "style")
        )
        table = own if is_own else shared
        table[name] = counts[not is_own]
        counts[not is_own] += len(STREAM) if name in template.random else var.size
    for name in hidden_names(template):
        own[name] = counts[0]
        counts[0] += 1
    if template.kind == "point" and template.currents:
        shared[SCALE] = counts[1]
        counts[1] += 1
    varied = {n: v for n, v in template.globals_.items() if n in vary and n not in written}
    return VarStruct(template, own, shared, counts[0], counts[1], row_slots(varied))
