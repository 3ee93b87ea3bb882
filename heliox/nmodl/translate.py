"""`translate` and `python_text`: a mod file as a `MechTemp`, and as the text of a Python file."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from heliox.errors import MechanismError
from heliox.mechanisms import subset
from heliox.mechanisms.methods import LIBRARY
from heliox.mechanisms.subset import Function
from heliox.mechanisms.template import Diffusion, Ion, MechTemp, Table, Var
from heliox.nmodl.blocks import BlockLowering, build
from heliox.nmodl.checks import check
from heliox.nmodl.emit import Emitted, declaration
from heliox.nmodl.function_table import interpolate
from heliox.nmodl.memory import Memory, Symbol
from heliox.nmodl.parser import parse
from heliox.nmodl.printer import wrap
from heliox.nmodl.remarks import remarks
from heliox.nmodl.source import Source
from heliox.nmodl.streams import SPIKE_TIMES
from heliox.nmodl.syntax import Program
from heliox.nmodl.verbatim import absorb


@dataclass(frozen=True)
class Translation:
    """A mod file translated: the arguments of `MechTemp`, names that had to change, notes on what became
    of the text, and remarks on what its author may not have meant.
    """

    program: Program
    source: Source
    emitted: Emitted
    declared: Mapping[str, object]
    rename: Mapping[str, str]
    notes: tuple[str, ...]
    remarks: tuple[str, ...]
    file: str


def analyse(
    text: str,
    file: str = "<mod>",
    folders: Sequence[str | Path] = (),
    draws: Mapping[str, str] | None = None,
) -> Translation:
    """Parse, check and lower a mod file.

    Parameters
    ----------
    text : str
        The file's text.
    file : str
        Its name, for messages.
    folders : sequence of path
        Where its INCLUDE files are.
    draws : mapping
        Distribution of random streams that only hoc knows, such as ``{"rng": "uniform(0, 1)"}``.

    Raises
    ------
    MechanismError
        With file, line, column and the offending text, for anything that cannot be translated.
    """
    try:
        source = Source(text, file, folders)
        program = parse(source)
        if not program.suffix and program.blocks:
            program.suffix = Path(file).stem  # as NEURON names a mechanism without SUFFIX
            program.kind = "density"
        interpolate(program)
        absorb(program, draws)
        memory = Memory(program, source)
        check(program, memory, source)
        low = BlockLowering(program, memory, source)
        made = build(low)
        emitted = Emitted(low, made)
        blocks = {n: Function(n, x, f"{file} ({n})") for n, x in emitted.functions.items()}
        said = remarks(program, memory, source, blocks)
    except RecursionError:
        raise MechanismError(
            f"{file}: nested too deeply; give parts of its expressions names", file=file, line=1
        ) from None
    declared, notes = _declared(low, emitted), (*program.notes, *low.notes)
    return Translation(program, source, emitted, declared, emitted.rename, notes, said, file)


def translate(
    text: str,
    file: str = "<mod>",
    folders: Sequence[str | Path] = (),
    draws: Mapping[str, str] | None = None,
) -> MechTemp:
    """The mechanism of a mod file. Arguments and errors as for `analyse`."""
    t = analyse(text, file, folders, draws)
    e = t.emitted
    _, library, constants = (
        subset.collect([LIBRARY[n] for n in e.library()], LIBRARY) if e.library() else ({}, {}, {})
    )
    helpers = {n: Function(n, x, f"{file} ({n})") for n, x in e.helpers.items()}
    for n in e.library():
        helpers[n] = subset.from_python(LIBRARY[n])
    helpers |= library
    try:
        return MechTemp(
            t.program.suffix, t.program.kind,
            functions={n: Function(n, x, f"{file} ({n})") for n, x in e.functions.items()},
            helpers=helpers, constants={**constants, **e.constants},
            **t.declared,  # type: ignore[arg-type]
        )  # fmt: skip
    except MechanismError as error:
        # the file is legal NMODL, but not a mechanism that HelioX accepts
        raise t.source.fail(t.program.suffix_at, str(error), mechanism=t.program.suffix) from None


def _declared(low: BlockLowering, e: Emitted) -> dict[str, object]:
    p, memory, rename = low.program, low.memory, e.rename

    def new(n: str) -> str:
        return rename.get(n, n)

    def variables(*kinds: str) -> dict[str, Var]:
        return {new(s.name): _variable(s) for s in memory.of(*kinds)}

    functions = e.functions
    return {
        "parameters": variables("parameter"),
        "states": variables("state"),
        "assigned": variables("assigned"),
        "globals_": variables("global"),
        "ions": {
            ion: Ion(tuple(read), tuple(write), valence)
            for ion, (read, write, valence) in memory.ions.items()
        },
        "currents": tuple(new(c) for c in p.current_order) if "current" in functions else (),
        "electrode": bool(p.electrode),
        "weights": tuple(new(w) for w in low.weights.values()),
        "random": tuple(new(r) for r in p.random),
        **(
            {"lists": {new(s.name): "ms" if s.name == SPIKE_TIMES else s.unit for s in memory.of("list")}}
            if p.lists
            else {}
        ),
        "pointers": tuple(new(s.name) for s in memory.of("pointer")),
        "diffusion": tuple(Diffusion(_renamed_state(x.state, rename), x.function) for x in low.diffusion),
        "renamed": {a: b for a, b in rename.items() if a in memory and memory[a].kind in _NAMED},
        "tables": tuple(
            Table(
                e.called_as[n],
                new(s.table.argument),
                s.table.lo,
                s.table.hi,
                s.table.n,
                tuple(new(d) for d in s.table.depends),
            )
            for n in e.reachable
            for s in (low.helpers[n],)
            if s.table is not None
        ),
    }


_NAMED = ("parameter", "state", "assigned", "global", "pointer")


def _renamed_state(state: str, rename: Mapping[str, str]) -> str:
    name, bracket, element = state.partition("[")
    return rename.get(name, name) + bracket + element


def _variable(s: Symbol) -> Var:
    return Var(s.value, s.unit, s.size or 1)


def python_text(
    text: str,
    file: str = "<mod>",
    folders: Sequence[str | Path] = (),
    draws: Mapping[str, str] | None = None,
) -> str:
    """The text of a Python file with the mechanism's functions and declaration. Arguments and errors
    as for `analyse`.
    """
    t = analyse(text, file, folders, draws)
    e, p = t.emitted, t.program
    arguments = [(k, _plain(v)) for k, v in t.declared.items()]
    symbols = e.low.memory.symbols.values()
    declared = declaration(arguments, {t.rename.get(s.name, s.name): s.note for s in symbols})
    out: list[str] = []
    called = e.called()
    imports = [f"from math import {', '.join(names)}"] if (names := sorted(called & _MATH)) else []
    imports.append("")
    intrinsics = sorted(
        called & (subset.RANDOM | set(subset.EFFECTS) | set(subset.LISTS) | {"watch", "for_connections"})
    )
    if intrinsics:
        imports.append(f"from heliox.mechanisms.intrinsics import {', '.join(intrinsics)}")
    if e.library():
        imports.append(f"from heliox.mechanisms.methods import {', '.join(e.library())}")
    classes = [
        c for c in ("Diffusion", "Ion", "MechTemp", "Table", "Var") if c == "MechTemp" or f"{c}(" in declared
    ]
    imports.append(f"from heliox.mechanisms.template import {', '.join(classes)}")
    out.append(_head(t) + "\n\n" + "\n".join(imports).strip("\n"))
    if e.constants:
        out.append("\n".join(f"{n} = {v!r}" for n, v in e.constants.items()))
    out += [x.rstrip("\n") for x in (*e.helpers.values(), *e.functions.values())]
    blocks = f"({', '.join(e.functions)}{',' if len(e.functions) == 1 else ''})"
    head = "\n".join(wrap(f"    {blocks},"))
    out.append(f'template = MechTemp(\n    "{p.suffix}",\n    "{p.kind}",\n{head}\n{declared})')
    return "\n\n\n".join(out) + "\n"


_MATH = frozenset(
    "exp log log10 sqrt sin cos tan asin acos atan atan2 sinh cosh tanh fabs floor ceil fmod pow".split()
)


def _plain(value: object) -> object:
    """Declarations in their shortest legal form."""
    if isinstance(value, dict):
        return {k: _short(v) if isinstance(v, Var) else v for k, v in value.items()}
    return value


def _short(v: Var) -> object:
    if v.size != 1:
        return v
    return (v.default, v.unit) if v.default and v.unit else v.default or v.unit


def _head(t: Translation) -> str:
    title = t.program.title or f"{t.program.suffix}, translated from {Path(t.file).name}"
    lines = textwrap.wrap(f"{t.program.suffix}: {title}".replace("\\", "/").replace('"""', "'''"), 108)
    for line in t.program.comments:
        lines += textwrap.wrap(line.replace("\\", "/").replace('"""', "'''"), 108) if line else [""]
    if t.rename:
        lines += [
            "",
            "Renamed, since Python or HelioX uses the name: "
            + ", ".join(f"{a} -> {b}" for a, b in t.rename.items()),
        ]
    lines += [f"Note: {n}" for n in t.notes]
    body = "\n".join(lines)
    if body.endswith('"'):
        body += " "
    return f'"""{body}"""' if len(lines) == 1 else f'"""{body}\n"""'
