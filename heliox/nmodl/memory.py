"""What each name of a mod file is: parameter, state, memory of an instance, shared memory, ion variable,
constant.

The rules are NEURON's: a PARAMETER outside RANGE is one number for all instances; an ASSIGNED variable
belongs to the instance unless GLOBAL; a LOCAL outside blocks is shared by all instances; v, t, dt, celsius,
area and diam are NEURON's own whatever the file declares.
"""

from __future__ import annotations

from dataclasses import dataclass

from heliox.nmodl.source import Source
from heliox.nmodl.syntax import Declared, Program, read_names
from heliox.nmodl.units import Units

BUILTIN = ("v", "t", "dt", "celsius", "area", "diam")
# what survives a step; "hidden" and "shared" only if some block reads them before it sets them
KINDS = (
    "builtin", "weight", "state", "assigned", "hidden", "parameter", "global", "global_assigned", "shared",
    "ion", "pointer", "random", "list",
)  # fmt: skip


@dataclass(slots=True)
class Symbol:
    """A variable: kind (one of `KINDS` or ``constant``), value, unit, size (0: scalar), the author's
    comment.
    """

    name: str
    kind: str
    value: float = 0.0
    unit: str = ""
    size: int = 0
    note: str = ""
    at: int = 0


class Memory:
    """Names of one file -> `Symbol`, in the order of declaration."""

    def __init__(self, program: Program, source: Source) -> None:
        self.program, self.source = program, source
        self.symbols: dict[str, Symbol] = {}
        self.ions: dict[str, tuple[list[str], list[str], float | None]] = {}
        self._builtins()
        self._constants()
        self._ions()
        self._variables()

    def __contains__(self, name: str) -> bool:
        return name in self.symbols

    def __getitem__(self, name: str) -> Symbol:
        return self.symbols[name]

    def of(self, *kinds: str) -> list[Symbol]:
        """Symbols of the given kinds."""
        return [s for s in self.symbols.values() if s.kind in kinds]

    def _add(self, name: str, kind: str, d: Declared | None = None, at: int = 0) -> None:
        if d is None:
            self.symbols[name] = Symbol(name, kind, at=at)
            return
        value = float(d.value) if d.value is not None else 0.0
        if kind != "constant":
            value = float(
                f"{value:g}"
            )  # NEURON's translator writes defaults with six digits; constants in full
        self.symbols[name] = Symbol(name, kind, value, d.unit, d.size, d.note, d.at)

    def _builtins(self) -> None:
        for name in BUILTIN:
            if name in ("area", "diam") and self.program.kind == "artificial":
                continue
            self._add(name, "builtin")

    def _constants(self) -> None:
        p = self.program
        for name, d in p.constants.items():
            self._add(name, "constant", d)
        units = Units(p.unit_names)
        for name, (first, second, at) in p.unit_constants.items():
            try:
                value = units.ratio(first, second)
            except ValueError as e:
                raise self.source.fail(at, f"{name} = ({first}) ({second}): {e}") from None
            self.symbols[name] = Symbol(name, "constant", value, second or first, at=at)

    def _ions(self) -> None:
        for u in self.program.ions:
            read, write, valence = self.ions.setdefault(u.ion, ([], [], None))
            read += [n for n in u.read if n not in read]
            write += [n for n in u.write if n not in write]
            self.ions[u.ion] = (read, write, u.valence if u.valence is not None else valence)
            for name in (*u.read, *u.write):
                if name not in (f"e{u.ion}", f"i{u.ion}", f"{u.ion}i", f"{u.ion}o"):
                    raise self.source.fail(
                        u.at,
                        f"{name!r} is no variable of ion {u.ion!r}; legal are e{u.ion}, {u.ion}i, "
                        f"{u.ion}o, i{u.ion}",
                    )
                self._add(name, "ion", at=u.at)

    def _variables(self) -> None:
        p = self.program
        kinds = ((p.pointer, "pointer"), (p.bbcore, "pointer"), (p.random, "random"), (p.lists, "list"))
        for names, kind in kinds:
            for name, at in names.items():
                self._new(name, kind, p.assigned.get(name) or p.parameters.get(name), at)
        for name, d in p.parameters.items():
            self._new(name, "parameter" if name in p.range_ else "global", d, d.at)
        for name, d in p.states.items():
            self._new(name, "state", d, d.at)
        currents = set(p.nonspecific) | set(p.electrode)
        for name, d in p.assigned.items():
            if name in p.global_:
                kind = "global_assigned"
            else:
                kind = "assigned" if name in p.range_ or name in currents else "hidden"
            self._new(name, kind, d, d.at)
        for name in (*p.nonspecific, *p.electrode):
            if name not in self.symbols:
                self._add(name, "assigned", at=p.suffix_at)
        for name, at in p.global_.items():
            if name not in self.symbols:
                self._add(name, "global_assigned", at=at)
        self._initial_values()
        for name, size in p.locals_:
            if name not in self.symbols:
                self.symbols[name] = Symbol(name, "shared", size=size)

    def _initial_values(self) -> None:
        """``<state>0``, the value a state starts from, needs no declaration."""
        used = read_names([b.body for b in self.program.blocks])
        for name in self.program.states:
            if f"{name}0" in used and f"{name}0" not in self.symbols:
                self.symbols[f"{name}0"] = Symbol(f"{name}0", "shared", unit=self.program.states[name].unit)

    def _new(self, name: str, kind: str, d: Declared | None, at: int) -> None:
        known = self.symbols.get(name)
        if known is None:
            self._add(name, kind, d, at)
        elif d is not None and known.kind in ("builtin", "ion"):
            known.unit, known.note = known.unit or d.unit, known.note or d.note

    def rank(self, name: str) -> tuple[int, int]:
        """Sorts names of parameter lists: NEURON's own first, then states, memory, parameters, ions."""
        s = self.symbols.get(name)
        if s is None:
            return (-1, 0)  # arguments of connections, flag
        order = list(self.symbols)
        if s.kind == "builtin":
            return (0, BUILTIN.index(name))
        return (KINDS.index(s.kind) if s.kind in KINDS else 99, order.index(name))
