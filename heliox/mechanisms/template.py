"""`MechTemp`: the declaration of a mechanism and its checked functions (docs/design.md, section 2)."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

from heliox.errors import MechanismError
from heliox.mechanisms import subset
from heliox.mechanisms.blocks import MOST_EFFECTS
from heliox.mechanisms.checks import check
from heliox.mechanisms.methods import LIBRARY
from heliox.mechanisms.subset import Function

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


def read_before_set(functions: Mapping[str, Function]) -> set[str]:
    """Names that a step reads before it sets them, or that events read."""
    out: set[str] = set()
    done: set[str] = set()
    events = [b for b in functions if b.startswith("watch_") or b in ("receive", "receive_each")]
    diffusion = [b for b in functions if b.startswith("diffuse_")]
    steps = ("before_breakpoint", "conductance", "current", "state", *diffusion, "after_solve", "before_step")
    for block in (*events, *steps):
        if block in functions:
            out |= set(functions[block].params) - done
            done |= set(functions[block].returns) if block in steps else set()
    return out


def _calls_of(f: Function, weight: Mapping[str, int]) -> int:
    """Calls in `f`, each counted by `weight`; in a loop as the most, in sum at most `MOST_EFFECTS`."""
    if not f.calls & {n for n, w in weight.items() if w}:
        return 0
    looped = {id(n) for x in ast.walk(f.tree) if isinstance(x, ast.For) for s in x.body for n in ast.walk(s)}
    total = 0
    for n in ast.walk(f.tree):
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name):
            total += weight.get(n.func.id, 0) * (MOST_EFFECTS if id(n) in looped else 1)
    return min(MOST_EFFECTS, total)


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
        object.__setattr__(self, "assigned", {**self.assigned, **self._last_currents()})
        check(self)

    def _last_currents(self) -> dict[str, Var]:
        """Ion currents that a mechanism writes, and reads without asking for the pool's total: its own."""
        unit = "nA" if self.kind == "point" else "mA/cm2"
        read = {n for f in self.functions.values() for n in f.params}
        totals = {n for ion in self.ions.values() for n in ion.read}
        own = [n for n in self.currents if n in self.ion_names and n in read - totals]
        return {n: Var(unit=unit) for n in own if n not in self.assigned}

    @property
    def instance_names(self) -> dict[str, Var]:
        """Variables an instance holds."""
        return {**self.parameters, **self.states, **self.assigned, **{r: Var() for r in self.random}}

    @property
    def memory(self) -> set[str]:
        """Variables whose value at the start of a step matters: read before anything sets them."""
        return read_before_set(self.functions) & {*self.instance_names, *self.globals_}

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

    @property
    def changed(self) -> set[str]:
        """Names that steps and events write, whatever initialization does."""
        return {n for b, f in self.functions.items() if "initial" not in b for n in f.returns}

    @property
    def conditions(self) -> int:
        """Number of conditions of WATCH: blocks ``watch_0``, ``watch_1``, ..."""
        return sum(b.startswith("watch_") for b in self.functions)

    def effects(self, block: str) -> bool:
        """Whether a block, or a helper it calls, has effects on events."""
        return block in self.functions and any(self._count(block, effect) for effect in subset.EFFECTS)

    def sent(self, block: str) -> tuple[int, int]:
        """How many self events, and how many spikes, one call of a block sends at most."""
        if block not in self.functions:
            return 0, 0
        moves = sum(self._count(block, x) for x in ("net_send", "net_send_at", "net_move"))
        return min(MOST_EFFECTS, moves), self._count(block, "net_event")

    def _count(self, block: str, effect: str) -> int:
        """Calls of an effect that one call of a block may make, at most `MOST_EFFECTS`."""
        return _calls_of(self.functions[block], {effect: 1, **self._helper_effects[effect]})

    @cached_property
    def _helper_effects(self) -> dict[str, dict[str, int]]:
        """Effect -> helper -> how often one call of the helper may have it; helpers may call each other."""
        out = {}
        for effect in subset.EFFECTS:
            counts = dict.fromkeys(self.helpers, 0)
            while True:
                more = {n: _calls_of(f, {effect: 1, **counts}) for n, f in self.helpers.items()}
                if more == counts:
                    break
                counts = more
            out[effect] = counts
        return out

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


def mechanism(name: str, kind: str, functions: Sequence[Callable], **declared: object) -> MechTemp:
    """Declare a mechanism in Python and register it for models of this process.

    Same arguments as `MechTemp`. Returns the template.
    """
    from heliox.mechanisms.catalogue import register

    template = MechTemp(name, kind, functions, **declared)  # type: ignore[arg-type]
    register(template)
    return template
