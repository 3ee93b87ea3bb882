"""What all writers of loops share: names of the infrastructure, and questions about a program."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from heliox.errors import UnsupportedError
from heliox.kernels.lower import each_names
from heliox.kernels.mechanism_text import looks_inside
from heliox.kernels.program import Program
from heliox.kernels.unread import Unread, unread
from heliox.mechanisms.arrays import LARGEST, element, expanded
from heliox.mechanisms.subset import Function
from heliox.mechanisms.varstruct import SCALE, VarStruct, global_slots

W = 64  # instances of a block
EVENTLESS = "_A, _P, _I, _G"
ARGS = f"{EVENTLESS}, _QF, _QI, _QN, _SF, _SI, _FAN, _CI, _SR, _R, _RA, _TP, _LF, _LI"
NODE_ARRAYS = {"v": ("_A", "_v"), "area": ("_P", "_area"), "diam": ("_P", "_diam")}


class Context:
    """A program, as the writers ask about it."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.by_name = {m.template.name: m for m in program.mechanisms}
        for m in program.mechanisms:
            _refuse(m)

    @cached_property
    def unread(self) -> Unread:
        """Variables by mechanism that nothing in a step reads."""
        return unread(self.program)

    def code(self, m: VarStruct) -> int:
        """The number by which events name a mechanism."""
        return self.program.mechanisms.index(m)

    def global_value(self, m: VarStruct, name: str, g: str = "_g", k: int = 0) -> str:
        """Text that reads celsius or (element `k` of) a GLOBAL."""
        if name == "celsius":
            return f"{'_A' if self.program.celsius_own else '_P'}[_U(_G[{g}, _CELSIUS])]"
        if name in m.varied:
            return f"_A[_U(_G[{g}, _{m.template.name}_VARIED]) + _U({m.varied[name] + k})]"
        at = global_slots(m.template)[name] + k
        return f"_P[_U(_G[{g}, _{m.template.name}_GLOBALS]) + _U({at})]"

    @property
    def delays(self) -> str:
        """The arena that holds the delays of connections."""
        return "_A" if self.program.delays_own else "_P"

    @property
    def queue(self) -> str:
        """What `act` takes first: the arenas, the queue, and where the delays are."""
        arrays = f"_A, {self.delays}, _S, _QF, _QI, _QN, _SF, _SI, _FAN, _CI"
        return f"{arrays}, _g, _G[_g, _CHUNK], _U(_G[_g, _DELAY])"

    def scalars(self, m: VarStruct, f: Function, pad: str) -> list[str]:
        """Loads of what is the same for all instances, other than the time."""
        read = read_by(m, f)
        sizes = m.template.array_sizes
        out = [
            f"{pad}{element(n, k) if n in sizes else n} = {self.global_value(m, n, k=k)}"
            for n in read
            if n not in m.own and (n == "celsius" or n in m.template.globals_)
            for k in range(sizes.get(n, 1))
        ]
        if set(read) & set(m.template.random):
            out.append(f"{pad}_key = _P[_U(_G[_g, _KEY])]")
        return out


def read_by(m: VarStruct, f: Function) -> list[str]:
    """What a block reads; with `for_connections`, what its loop reads too."""
    return [*f.params, *(each_names(m.template)[0] if "for_connections" in f.calls else [])]


def written_by(m: VarStruct, f: Function) -> list[str]:
    """What a block writes; with `for_connections`, what its loop writes too."""
    return [*f.returns, *(each_names(m.template)[1] if "for_connections" in f.calls else [])]


def arguments(m: VarStruct, f: Function) -> list[str]:
    """Arguments of a block function: what it reads, behind queue, connections and tables if it needs them."""
    first = ["_S"] if m.template.effects(f.name) else []
    first += ["_each"] if "for_connections" in f.calls else []
    first += ["_T"] if looks_inside(m, f.name) else []
    return first + expanded(read_by(m, f), m.template.array_sizes)


def assigned(m: VarStruct, f: Function) -> str:
    """Left side of a call of `f`."""
    written = expanded(written_by(m, f), m.template.array_sizes)
    return f"{', '.join(written)}{',' if len(written) > len(f.returns) else ''} = " if written else ""


def table_place(context: Context, m: VarStruct) -> tuple[str, str]:
    """Arena and address of a mechanism's tables."""
    return "_A" if context.program.tables_own(m) else "_P", f"_U(_G[_g, _{m.template.name}_TABLE])"


def elements(m: VarStruct, name: str) -> list[tuple[str, str]]:
    """Text and slot of a variable, or of each element of an array."""
    slot = f"{m.template.name}__{name}"
    size = m.template.array_sizes.get(name)
    if size is None:
        return [(name, slot)]
    return [(element(name, k), f"{slot} + _U({k * W})") for k in range(size)]


def loads(m: VarStruct, names: Iterable[str], pad: str) -> list[str]:
    """Loads of an instance's own and shared variables, and of its streams."""
    out = []
    for n in dict.fromkeys(names):
        if n in m.template.random:
            out.append(f"{pad}{n} = (_A, _o + {m.template.name}__{n} + _j, _key)")
        elif n in m.own:
            out += [f"{pad}{x} = _A[_o + {slot} + _j]" for x, slot in elements(m, n)]
        elif n == SCALE or n in m.shared:
            slots = [(n, f"{m.template.name}__{n}")] if n == SCALE else elements(m, n)
            out += [f"{pad}{x} = _P[_p + {slot} + _j]" for x, slot in slots]
    return out


def stores(m: VarStruct, names: Iterable[str], pad: str) -> list[str]:
    """Stores of an instance's own variables."""
    return [f"{pad}_A[_o + {slot} + _j] = {x}" for n in names if n in m.own for x, slot in elements(m, n)]


def _refuse(m: VarStruct) -> None:
    """What the contract allows but this generator does not write yet."""
    t = m.template
    problems = [f"array {n!r} of {v} elements" for n, v in t.array_sizes.items() if v > LARGEST]
    if problems:
        raise UnsupportedError(
            f"mechanism {t.name}: this version does not run {', '.join(problems)}",
            mechanism=t.name,
            problems=problems,
        )
