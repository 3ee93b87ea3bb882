"""A translated mod file as functions and as the text of a Python file that can be kept and edited."""

from __future__ import annotations

import json
import keyword
from collections.abc import Iterable, Mapping

from heliox.mechanisms.blocks import BLOCKS
from heliox.mechanisms.methods import LIBRARY
from heliox.mechanisms.subset import EFFECTS, MATH, RANDOM
from heliox.mechanisms.template import Diffusion, Ion, Table, Var
from heliox.nmodl.blocks import BlockLowering, Made
from heliox.nmodl.frames import Signature
from heliox.nmodl.ir import Branch, Expr, Name, Return, Set, Step, calls, expressions, names, walk
from heliox.nmodl.printer import WIDTH, Printer, renamed, wrap

BLOCK_NAMES = frozenset((*BLOCKS, "receive_each", "template"))


class Emitted:
    """Everything `MechTemp` needs, as text: ``functions`` and ``helpers`` (name -> text),
    ``constants``, ``rename``.
    """

    def __init__(self, low: BlockLowering, made: list[Made]) -> None:
        self.low, self.made = low, made
        used = {n for m in made for n in _names(m.body)} | {
            n for s in low.helpers.values() for n in (*_names(s.body), *s.args)
        }
        _refuse_keywords(low)
        self.rename = renamed({*low.memory.symbols, *low.helpers, *used} - _intrinsic_names(low, used))
        self.reachable = self._reachable()
        self.called_as = {n: self._function_name(n) for n in low.helpers}
        self.printer = Printer(self.rename, self.called_as)
        self.helpers = {self.called_as[n]: self._helper(low.helpers[n]) for n in self.reachable}
        self.functions = {m.name: self._block(m) for m in made}
        self.constants = self._constants(used)

    def _function_name(self, name: str) -> str:
        """A helper's name: blocks and the declaration have theirs in the same file."""
        new = self.rename.get(name, name)
        while new in BLOCK_NAMES or new.startswith("watch_") or new in self.low.memory:
            new += "_"
        return new

    def _reachable(self) -> list[str]:
        """Helpers the blocks need, callees first."""
        out: dict[str, None] = {}

        def visit(body: list[Step]) -> None:
            for c in calls(body):
                if c.id in self.low.helpers and c.id not in out:
                    visit(self.low.helpers[c.id].body)
                    out.setdefault(c.id)

        for m in self.made:
            visit(m.body)
        return list(out)

    def called(self) -> set[str]:
        """Everything called that is not a helper of the file."""
        bodies = [m.body for m in self.made] + [self.low.helpers[n].body for n in self.reachable]
        return {c.id for b in bodies for c in calls(b)} - set(self.low.helpers)

    def library(self) -> list[str]:
        """Functions of `heliox.mechanisms.methods` it calls."""
        return sorted(self.called() & set(LIBRARY))

    def _helper(self, sig: Signature) -> str:
        values = [Name(n) for n in (*([sig.value] if sig.value else []), *sig.leading, *sig.outs)]
        body = list(sig.body)
        if sig.value and not sig.outs and _only_last(body, sig.value):
            body = _returning(_without_start(body, sig.value), sig.value)
        elif values:
            body.append(Return(values=tuple(values)))
        return self.printer.function(self.called_as[sig.name], [*sig.args, *sig.reads], body, sig.before)

    def _block(self, m: Made) -> str:
        body = list(m.body)
        if m.returns:
            body.append(Return(values=tuple(Name(r) for r in m.returns)))
        return self.printer.function(m.name, m.params, body, m.before)

    def _constants(self, used: set[str]) -> dict[str, float]:
        out = {}
        for s in self.low.memory.of("constant"):
            if s.name in used:
                out[self.rename.get(s.name, s.name)] = s.value
        return out


def _refuse_keywords(low: BlockLowering) -> None:
    """Ion variables keep their names everywhere, so none may be a word of Python."""
    for ion, (read, write, _) in low.memory.ions.items():
        for name in (*read, *write):
            if keyword.iskeyword(name):
                at = low.memory[name].at
                raise low.fail(at, f"{name} of ion {ion} is a word of Python; call the ion otherwise")


def _intrinsic_names(low: BlockLowering, used: set[str]) -> set[str]:
    """Names that stand for functions of the subset, not for variables of the file."""
    return {*MATH, *RANDOM, *EFFECTS, *LIBRARY} - set(low.memory.symbols) - set(low.helpers) - used


def _names(body: list[Step]) -> set[str]:
    out: set[str] = set()
    for s in walk(body):
        for e in expressions(s):
            out |= names(e)
        if isinstance(s, Set):
            out |= {t.id for t in s.targets}
        var = getattr(s, "var", "")
        if var:
            out.add(var)
    return out


# ---------------------------------------------------------------- FUNCTION values as return


def _without_start(body: list[Step], value: str) -> list[Step]:
    return [s for s in body if not (isinstance(s, Set) and s.targets == (Name(value),) and s is not body[-1])]


def _only_last(body: list[Step], value: str) -> bool:
    """Whether the value of a FUNCTION is set only where the function ends, on every path, and read
    nowhere.
    """
    if any(value in names(e) for s in walk(body) for e in expressions(s)):
        return False
    start = (
        1 if body and isinstance(body[0], Set) and body[0].targets == (Name(value),) and len(body) > 1 else 0
    )
    sets = sum(1 for s in walk(body[start:]) if isinstance(s, Set) and any(t.id == value for t in s.targets))
    return sets == _ends(body, value)


def _ends(body: list[Step], value: str) -> int:
    """Number of ends that set `value`, -1 if some end does not."""
    last = body[-1] if body else None
    if isinstance(last, Set) and last.targets == (Name(value),):
        return 1
    if isinstance(last, Branch) and last.orelse:
        counts = [_ends(b, value) for b in (*(b for _, b in last.branches), last.orelse)]
        return -1 if min(counts) < 0 else sum(counts)
    return -1


def _returning(body: list[Step], value: str) -> list[Step]:
    last = body[-1]
    if isinstance(last, Set):
        return [*body[:-1], Return(values=(last.value,), before=last.before, note=last.note)]
    assert isinstance(last, Branch)
    branches: list[tuple[Expr, list[Step]]] = [(t, _returning(b, value)) for t, b in last.branches]
    return [
        *body[:-1],
        Branch(branches=branches, before=last.before, note=last.note),
        *_returning(last.orelse, value),
    ]


# ---------------------------------------------------------------- the file


def declaration(arguments: Iterable[tuple[str, object]], notes: Mapping[str, str] | None = None) -> str:
    """Keyword arguments of MechTemp, one a line; `notes` are comments behind variables."""
    lines = []
    notes = notes or {}

    def noted(line: str, name: str) -> str:
        note = " ".join(notes.get(name, "").split())
        return f"{line}  # {note}" if note and len(line) + len(note) + 4 <= WIDTH else line

    for key, value in arguments:
        if isinstance(value, dict) and value:
            inner = "".join(noted(f"        {literal(k)}: {literal(v)},", k) + "\n" for k, v in value.items())
            lines.append(f"    {key}={{\n{inner}    }},\n")
        elif value:
            lines += [x + "\n" for x in wrap(f"    {key}={literal(value)},")]
    return "".join(lines)


def literal(value: object) -> str:
    """A declared value as Python writes it."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, Var):
        return f"Var({value.default!r}, {literal(value.unit)}, {value.size})"
    if isinstance(value, Ion):
        valence = "" if value.valence is None else f", {value.valence!r}"
        return f"Ion({literal(value.read)}, {literal(value.write)}{valence})"
    if isinstance(value, Diffusion):
        return f"Diffusion({literal(value.state)}, {literal(value.function)})"
    if isinstance(value, Table):
        t = value
        place = f"{literal(t.function)}, {literal(t.argument)}, {t.lo!r}, {t.hi!r}, {t.n}"
        return f"Table({place}{f', {literal(t.depends)}' if t.depends else ''})"
    return repr(value)


__all__ = ["WIDTH", "Emitted", "declaration"]
