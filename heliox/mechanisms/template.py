"""`MechTemp`: the declaration of a mechanism and its checked functions (docs/design.md, section 2)."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from heliox.errors import MechanismError, nearest
from heliox.mechanisms import subset
from heliox.mechanisms.methods import LIBRARY
from heliox.mechanisms.subset import Function

KINDS = ("density", "point", "artificial", "ion")
BLOCKS = (
    "initial", "current", "conductance", "state", "receive", "receive_initial", "receive_each",
    "before_breakpoint", "before_step", "after_solve", "before_initial", "after_initial",
)  # fmt: skip
MOST_EFFECTS = 21  # of one call
EVENT_BLOCKS = ("receive", "receive_initial", "receive_each")  # what a connection runs
SCALARS = ("t", "dt", "celsius")
NODE = ("v", "area", "diam")
DECLARATIONS = ("parameters", "states", "assigned", "globals_")


@dataclass(frozen=True)
class Var:
    """A variable of a mechanism: default value, unit, size (1: scalar)."""

    default: float = 0.0
    unit: str = ""
    size: int = 1


@dataclass(frozen=True)
class Ion:
    """Variables of an ion that a mechanism reads and writes, by NEURON's names (``ena``, ``nai``, ...)."""

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    valence: float | None = None


@dataclass(frozen=True)
class Table:
    """NMODL TABLE: helper `function` of `argument` is interpolated on `n` intervals of [`lo`, `hi`].

    Its other parameters are globals; ``depends`` names those whose change rebuilds the table.
    """

    function: str
    argument: str
    lo: float
    hi: float
    n: int
    depends: tuple[str, ...] = ()


@dataclass(frozen=True)
class Diffusion:
    """Diffusion along the cell (NMODL LONGITUDINAL_DIFFUSION) of one state or written concentration.

    ``state`` names it, with its element if it is an array (``"ca[0]"``). The block `function`,
    ``diffuse_<state>[_<element>]``, returns ``coefficient, volume``: diffusion constant times cross section
    (um4/ms) and volume per length (um2; 1 if the file gives none).
    """

    state: str
    function: str


Declared = Var | str | float | tuple[float, str]
Declarations = Mapping[str, Declared] | Sequence[str]


def _vars(declared: Declarations) -> dict[str, Var]:
    """Name -> `Var`.

    Legal are ``("a", "b")``, ``{"a": "mV"}``, ``{"a": (0.1, "mV")}``, ``{"a": 0.1}`` and ``{"a": Var(...)}``.
    """
    named: Mapping[str, Declared]
    named = declared if isinstance(declared, Mapping) else dict.fromkeys(declared, "")
    out = {}
    for name, d in named.items():
        if isinstance(d, Var):
            out[name] = d
        elif isinstance(d, str):
            out[name] = Var(unit=d)
        elif isinstance(d, (int, float)):
            out[name] = Var(float(d))
        else:
            out[name] = Var(*d)
    return out


@dataclass(frozen=True, eq=False, init=False)
class MechTemp:
    """One mechanism.

    Parameters
    ----------
    name : str
        NEURON's name (SUFFIX or POINT_PROCESS name).
    kind : str
        ``"density"``, ``"point"``, ``"artificial"`` or ``"ion"``.
    functions : sequence of functions, or of `Function`
        Blocks by name (table in docs/design.md 2.1); helpers are found in their modules.
    parameters, states, assigned, globals_ : mapping or sequence
        name -> unit, (default, unit), default or `Var`. ``globals_`` are shared by all instances.
    ions : mapping
        ion name -> `Ion`.
    currents : sequence of str
        Currents in the order of the NEURON block: they are summed in this order.
    electrode : bool
        ELECTRODE_CURRENT: inward positive.
    weights : sequence of str
        Arguments of NET_RECEIVE.
    random, pointers : sequence of str
        Random123 streams; pointers to variables elsewhere.
    lists : mapping or sequence
        name -> unit, of numbers of varying count for each instance (the spike times of VecStim). Functions
        read them by ``item(times, k)`` and ``length(times)`` only.
    tables : sequence of `Table`
    diffusion : sequence of `Diffusion`
    renamed : mapping
        NEURON's name -> name here, of variables whose NMODL name Python does not allow (``lambda``).

    Raises
    ------
    MechanismError
        With file and line, for anything outside the contract.
    """

    name: str
    kind: str
    functions: Mapping[str, Function]
    parameters: Mapping[str, Var]
    states: Mapping[str, Var]
    assigned: Mapping[str, Var]
    globals_: Mapping[str, Var]
    ions: Mapping[str, Ion]
    currents: tuple[str, ...]
    electrode: bool
    weights: tuple[str, ...]
    random: tuple[str, ...]
    pointers: tuple[str, ...]
    lists: Mapping[str, str]
    tables: tuple[Table, ...]
    diffusion: tuple[Diffusion, ...]
    renamed: Mapping[str, str]
    helpers: Mapping[str, Function]
    constants: Mapping[str, float]

    def __init__(
        self,
        name: str,
        kind: str,
        functions: Mapping[str, Function] | Sequence[Callable] = (),
        parameters: Declarations = (),
        states: Declarations = (),
        assigned: Declarations = (),
        globals_: Declarations = (),
        ions: Mapping[str, Ion] | None = None,
        currents: Sequence[str] = (),
        electrode: bool = False,
        weights: Sequence[str] = (),
        random: Sequence[str] = (),
        pointers: Sequence[str] = (),
        lists: Mapping[str, str] | Sequence[str] = (),
        tables: Sequence[Table] = (),
        diffusion: Sequence[Diffusion] = (),
        renamed: Mapping[str, str] | None = None,
        helpers: Mapping[str, Function] | None = None,
        constants: Mapping[str, float] | None = None,
    ) -> None:
        blocks: Mapping[str, Function]
        tables = tuple(tables)
        if isinstance(functions, Mapping):
            blocks, helpers, constants = functions, helpers or {}, constants or {}
        else:
            blocks, helpers, constants = subset.collect(tuple(functions), LIBRARY)
            named = {t.function for t in tables} - set(helpers)
            if named:
                raise MechanismError(
                    f"{name}: TABLE of {sorted(named)}, which no block calls", mechanism=name
                )
        if _vars(states) and kind != "ion" and "initial" not in blocks:
            # without an INITIAL block, states still start from their defaults
            blocks = {"initial": Function("initial", "def initial():\n    pass\n", f"<{name}>"), **blocks}
        fields = {
            "name": name,
            "kind": kind,
            "functions": blocks,
            "parameters": _vars(parameters),
            "states": _vars(states),
            "assigned": _vars(assigned),
            "globals_": _vars(globals_),
            "ions": {} if ions is None else ions,
            "currents": tuple(currents),
            "electrode": electrode,
            "weights": tuple(weights),
            "random": tuple(random),
            "pointers": tuple(pointers),
            "lists": dict(lists) if isinstance(lists, Mapping) else dict.fromkeys(lists, ""),
            "tables": tables,
            "diffusion": tuple(diffusion),
            "renamed": dict(renamed or {}),
            "helpers": helpers,
            "constants": constants,
        }
        for field, value in fields.items():
            object.__setattr__(self, field, value)  # the class is frozen
        _check(self)

    @property
    def instance_names(self) -> dict[str, Var]:
        """Variables an instance holds."""
        return {**self.parameters, **self.states, **self.assigned, **{r: Var() for r in self.random}}

    @property
    def memory(self) -> set[str]:
        """Variables whose value at the start of a step matters: read before anything sets them."""
        out: set[str] = set()
        done: set[str] = set()
        events = [b for b in self.functions if b.startswith("watch_") or b in ("receive", "receive_each")]
        diffusion = [x.function for x in self.diffusion]
        steps = (
            "before_breakpoint",
            "conductance",
            "current",
            "state",
            *diffusion,
            "after_solve",
            "before_step",
        )
        for block in (*events, *steps):
            if block in self.functions:
                out |= set(self.functions[block].params) - done
                done |= set(self.functions[block].returns) if block in steps else set()
        return out & {*self.instance_names, *self.globals_}

    @property
    def array_sizes(self) -> dict[str, int]:
        """Array variables -> number of elements."""
        return {n: v.size for n, v in {**self.instance_names, **self.globals_}.items() if v.size > 1}

    @property
    def ion_names(self) -> dict[str, str]:
        """Ion variable -> ion."""
        return {v: ion for ion, d in self.ions.items() for v in (*d.read, *d.write)}

    def writes(self, *blocks: str) -> set[str]:
        """Names written by the given blocks (all if none given)."""
        return {
            n for b in (blocks or self.functions) if b in self.functions for n in self.functions[b].returns
        }

    def effects(self, block: str) -> bool:
        """Whether a block, or a helper it calls, has effects on events."""
        return block in self.functions and any(self._count(self.functions[block], n) for n in subset.EFFECTS)

    def sent(self, block: str) -> tuple[int, int]:
        """How many self events, and how many spikes, one call of a block sends at most."""
        if block not in self.functions:
            return 0, 0
        f = self.functions[block]
        moves = self._count(f, "net_send") + self._count(f, "net_move")
        return min(MOST_EFFECTS, moves), min(MOST_EFFECTS, self._count(f, "net_event"))

    def _count(self, f: Function, effect: str) -> int:
        """Calls of an effect that one call of `f` may make; a loop counts as the most."""
        looped = {
            id(n)
            for loop in ast.walk(f.tree)
            if isinstance(loop, ast.For)
            for s in loop.body
            for n in ast.walk(s)
        }
        total = 0
        for n in ast.walk(f.tree):
            if not (isinstance(n, ast.Call) and isinstance(n.func, ast.Name)):
                continue
            name = n.func.id
            inner = self.helpers.get(name)
            one = 1 if name == effect else self._count(inner, effect) if inner is not None else 0
            total += one * (MOST_EFFECTS if id(n) in looped else 1)
        return total

    def to_text(self) -> str:
        """The declaration and the functions' text as JSON; `from_text` reads it back, executing nothing."""
        d = {
            "name": self.name, "kind": self.kind, "electrode": self.electrode,
            **{k: {n: asdict(v) for n, v in getattr(self, k).items()} for k in (*DECLARATIONS, "ions")},
            **{k: list(getattr(self, k)) for k in ("currents", "weights", "random", "pointers")},
            "lists": dict(self.lists),
            "tables": [asdict(t) for t in self.tables],
            "diffusion": [asdict(x) for x in self.diffusion],
            "renamed": dict(self.renamed),
            "functions": {n: f.text for n, f in self.functions.items()},
            "helpers": {n: f.text for n, f in self.helpers.items()},
            "constants": dict(self.constants),
        }  # fmt: skip
        return json.dumps(d, indent=1)

    @classmethod
    def from_text(cls, text: str) -> MechTemp:
        """A template from what `to_text` wrote."""
        try:
            d = json.loads(text)
            name = str(d["name"])

            def tuples(x: dict) -> dict:
                return {k: tuple(v) if isinstance(v, list) else v for k, v in x.items()}

            return cls(
                name, d["kind"],
                functions={n: Function(n, t, f"<{name}>") for n, t in d["functions"].items()},
                **{k: {n: Var(**v) for n, v in d[k].items()} for k in DECLARATIONS},
                ions={n: Ion(**tuples(v)) for n, v in d["ions"].items()},
                currents=d["currents"], electrode=bool(d["electrode"]), weights=d["weights"],
                random=d["random"], pointers=d["pointers"], lists=d.get("lists", {}),
                tables=tuple(Table(**tuples(t)) for t in d["tables"]),
                diffusion=tuple(Diffusion(**x) for x in d.get("diffusion", ())),
                renamed={str(k): str(v) for k, v in d.get("renamed", {}).items()},
                helpers={n: Function(n, t, f"<{name}>") for n, t in d["helpers"].items()},
                constants={n: float(v) for n, v in d["constants"].items()},
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as e:
            raise MechanismError(f"this is not the text of a mechanism: {type(e).__name__}: {e}") from None

    def __repr__(self) -> str:
        return f"<heliox mechanism {self.name} ({self.kind}): {', '.join(self.functions)}>"


def _check(m: MechTemp) -> None:
    if m.kind not in KINDS:
        raise MechanismError(f"{m.name}: kind {m.kind!r}; {nearest(m.kind, KINDS)}", mechanism=m.name)
    if not m.name.isidentifier():
        raise MechanismError(f"{m.name!r} is not a legal mechanism name", mechanism=m.name)
    groups = {
        "parameters": m.parameters,
        "states": m.states,
        "assigned": m.assigned,
        "globals_": m.globals_,
        "random": m.random,
        "pointers": m.pointers,
        "lists": m.lists,
    }
    seen: dict[str, str] = {}
    for group, names in groups.items():
        for n in names:
            if n in seen or not n.isidentifier() or n.startswith("_"):
                raise MechanismError(
                    f"{m.name}: {n!r} of {group} is "
                    + (f"already among {seen[n]}" if n in seen else "no legal name"),
                    mechanism=m.name,
                    variable=n,
                )
            seen[n] = group
    readable = set(m.instance_names) | set(m.globals_) | set(m.ion_names) | set(m.pointers) | set(SCALARS)
    readable |= set(m.lists)
    if m.kind != "artificial":
        readable |= set(NODE)
    writable = (
        set(m.instance_names) - set(m.random)
        | set(m.globals_)
        | {n for d in m.ions.values() for n in d.write}
    )
    for c in m.currents:
        if c not in writable:
            raise MechanismError(
                f"{m.name}: current {c!r} is declared neither as assigned nor as written ion current; "
                f"{nearest(c, writable)}",
                mechanism=m.name,
                variable=c,
            )
    for name, f in m.functions.items():
        if name not in BLOCKS and not name.startswith(("watch_", "diffuse_")):
            raise f.fail(None, f"{name!r} is not the name of a block; {nearest(name, BLOCKS)}")
        subset.check(f, set(m.helpers), set(m.constants), block=True)
        event = name in EVENT_BLOCKS
        legal_read = readable | ({"flag", *m.weights} if event else set())
        legal_write = (
            writable
            | (set(m.weights) if event else set())
            | ({"v"} if name == "receive" else set())
            | set(m.pointers)
        )
        if name == "conductance":
            legal_write = {f"g_{c}" for c in m.currents}
        if name.startswith("watch_"):
            legal_write = {f.returns[0]} if f.returns else set()
        if name.startswith("diffuse_"):
            legal_write = {"coefficient", "volume"}
        for p in f.params:
            if p not in legal_read:
                raise f.fail(
                    None, f"it reads {p!r}, which {m.name} does not declare; {nearest(p, legal_read)}"
                )
        for r in f.returns:
            if r not in legal_write:
                raise f.fail(f.tree.body[-1], f"it writes {r!r}, which it may not; {nearest(r, legal_write)}")
        subset.check_assignment(f, set(m.instance_names) | set(m.weights))
        if m.effects(name) and name not in ("initial", "receive", "receive_initial"):
            raise f.fail(None, f"{', '.join(subset.EFFECTS)} are legal in initial and receive only")
        _check_lists(m, f)
    _check_conditions(m)
    for f in m.helpers.values():
        subset.check(f, set(m.helpers), set(m.constants), block=False)
    missing = [
        c for c in m.currents if "current" not in m.functions or c not in m.functions["current"].returns
    ]
    if missing:
        raise MechanismError(
            f"{m.name}: current {missing[0]!r} is not returned by a function `current`",
            mechanism=m.name,
            variable=missing[0],
        )
    for t in m.tables:
        if t.function not in m.helpers:
            raise MechanismError(
                f"{m.name}: TABLE of {t.function!r}; {nearest(t.function, m.helpers)}", mechanism=m.name
            )
        if not (t.lo < t.hi and t.n > 0):
            raise MechanismError(
                f"{m.name}: TABLE of {t.function!r} needs lo < hi and n > 0", mechanism=m.name
            )
    _check_diffusion(m)
    for theirs, ours in m.renamed.items():
        known = {*m.instance_names, *m.globals_, *m.weights, *m.pointers}
        if ours not in known:
            message = f"{m.name}: renamed: {theirs!r} -> {ours!r}; {nearest(ours, known)}"
            raise MechanismError(message, mechanism=m.name, variable=ours)


def _check_lists(m: MechTemp, f: Function) -> None:
    """Lists are read by `item` and `length` only, and passed on to helpers."""
    read = {
        id(a)
        for n in ast.walk(f.tree)
        if isinstance(n, ast.Call)
        and isinstance(n.func, ast.Name)
        and n.func.id in {*subset.LISTS, *m.helpers}
        for a in (n.args[:1] if n.func.id in subset.LISTS else n.args)
    }
    for n in ast.walk(f.tree):
        if isinstance(n, ast.Name) and n.id in m.lists and id(n) not in read:
            raise f.fail(n, f"a list is read as item({n.id}, k) or length({n.id})")


def _check_conditions(m: MechTemp) -> None:
    """Conditions that are armed exist, and have a receiver; `for_connections` has its block."""
    for f in (*m.functions.values(), *m.helpers.values()):
        for n in ast.walk(f.tree):
            if not (isinstance(n, ast.Call) and isinstance(n.func, ast.Name)):
                continue
            if n.func.id in ("watch", "for_connections") and f is not m.functions.get("receive"):
                raise f.fail(n, f"{n.func.id} is legal in `receive` itself only")
            if n.func.id == "watch":
                k = n.args[0].value if isinstance(n.args[0], ast.Constant) else None
                if f"watch_{k!r}" not in m.functions:
                    raise f.fail(n, "the first argument of watch is the number of a block watch_<number>")
            elif n.func.id == "for_connections" and "receive_each" not in m.functions:
                raise f.fail(n, "for_connections runs a block `receive_each`, which is missing")
    each = m.functions.get("receive_each")
    if each is not None:
        foreign = [r for r in each.returns if r in m.pointers or r in m.ion_names]
        if foreign:
            raise each.fail(
                None, f"it writes {foreign[0]!r}; it may set weights and variables of the instance"
            )
    if any(b.startswith("watch_") for b in m.functions) and "receive" not in m.functions:
        raise MechanismError(f"{m.name}: a watch needs a block `receive`", mechanism=m.name)


def _check_diffusion(m: MechTemp) -> None:
    written = {n for d in m.ions.values() for n in d.write}
    sizes = {n: v.size for n, v in m.states.items()} | dict.fromkeys(written, 1)
    legal = [n if size == 1 else f"{n}[{k}]" for n, size in sizes.items() for k in range(size)]
    for x in m.diffusion:
        if x.state not in legal or m.kind != "density":
            message = f"{m.name}: diffusion of {x.state!r}; {nearest(x.state, legal)}"
            if m.kind != "density":
                message = f"{m.name}: only density mechanisms diffuse along the cell, this one is {m.kind}"
            raise MechanismError(message, mechanism=m.name, variable=x.state)
        f = m.functions.get(x.function)
        if f is None or f.returns != ("coefficient", "volume"):
            message = f"{m.name}: diffusion of {x.state!r} needs a block {x.function!r} that returns "
            raise MechanismError(message + "coefficient, volume", mechanism=m.name, variable=x.state)
    used = {x.function for x in m.diffusion}
    unused = [n for n in m.functions if n.startswith("diffuse_") and n not in used]
    if unused:
        raise m.functions[unused[0]].fail(None, f"no entry of diffusion names {unused[0]!r}")


def mechanism(name: str, kind: str, functions: Sequence[Callable], **declared: object) -> MechTemp:
    """Declare a mechanism in Python and register it for models of this process.

    Same arguments as `MechTemp`. Returns the template.
    """
    from heliox.mechanisms.catalogue import register

    template = MechTemp(name, kind, functions, **declared)  # type: ignore[arg-type]
    register(template)
    return template
