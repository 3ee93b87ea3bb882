"""KINETIC blocks, read: reactions, COMPARTMENT, CONSERVE become fluxes, partial derivatives, sum rules."""

from __future__ import annotations

from dataclasses import dataclass, field

from heliox.nmodl import syntax as ast
from heliox.nmodl.dense import put
from heliox.nmodl.frames import Frame
from heliox.nmodl.ir import Binary, Expr, Index, Name, Num, Set, Step, Target, rebuild, walk
from heliox.nmodl.lowering import Lowering
from heliox.nmodl.syntax import read_names

LARGEST = 400  # unknowns
Key = tuple[str, int]  # state, element (-1: scalar)
Side = list[tuple[int, Name | Index]]


@dataclass(slots=True)
class Scheme:
    """What the reactions of a block say."""

    steps: list[Step] = field(default_factory=list)
    order: list[Key] = field(default_factory=list)
    rhs: dict[Key, list[tuple[str, Expr]]] = field(default_factory=dict)
    matrix: dict[tuple[Key, Key], list[tuple[str, Expr]]] = field(default_factory=dict)
    volume: dict[Key, Expr] = field(default_factory=dict)
    conserve: list[tuple[Side, Expr]] = field(default_factory=list)
    linear: bool = True
    count: int = 0
    made: set[str] = field(default_factory=set)  # locals that hold rates and fluxes


class Reactions(Lowering):
    """Lowers a KINETIC block: plain statements stay, reactions fill the `Scheme`."""

    def __init__(self, base: Lowering, block: ast.Block) -> None:
        self.__dict__.update(base.__dict__)
        self.scheme, self.block = Scheme(), block
        self.fluxes = any(n in ("f_flux", "b_flux") for n in read_names(block.body))
        self.inside_if = 0
        self.at_times: list[str] = []  # rates and fluxes that are set inside `if`

    def statement(self, s: ast.Statement, frame: Frame) -> list[Step]:
        if isinstance(s, ast.Reaction):
            return self._reaction(s, frame)
        if isinstance(s, (ast.Conserve, ast.Compartment)) and self.inside_if:
            raise self.fail(
                s.at, "CONSERVE and COMPARTMENT cannot depend on a condition; put them outside if"
            )
        if isinstance(s, ast.Conserve):
            side = [(c, self._species(x, frame)) for c, x in s.species]
            self.scheme.conserve.append((side, self.expression(s.total, frame)))
            return []
        if isinstance(s, ast.Compartment):
            return self._compartment(s, frame)
        if isinstance(s, ast.For) and _has_reactions(s):
            return self._unrolled(s, frame)
        if isinstance(s, ast.If) and _has_reactions(s):
            return self._conditional(s, frame)
        return super().statement(s, frame)

    def _conditional(self, s: ast.If, frame: Frame) -> list[Step]:
        """Reactions inside `if`: rates and fluxes are 0 where they do not happen."""
        self.inside_if += 1
        steps = super().statement(s, frame)
        self.inside_if -= 1
        if self.inside_if:
            return steps
        start: list[Step] = [put(n, Num("0.0")) for n in self.at_times]
        self.at_times = []
        return [*start, *steps]

    def _unrolled(self, s: ast.For, frame: Frame) -> list[Step]:
        first, last = self.integer(s.first, frame), self.integer(s.last, frame)
        step = 1 if s.step is None else self.integer(s.step, frame)
        if first is None or last is None or not step:
            raise self.fail(s.at, "reactions in a FROM loop need constant bounds")
        if abs(last - first) > 10 * LARGEST:
            raise self.fail(s.at, f"a loop of more than {10 * LARGEST} rounds")
        out: list[Step] = []
        was = frame.constants.get(s.var)
        for value in range(first, last + 1, step):
            frame.constants[s.var] = value
            out += self.statements(s.body, frame)
        frame.constants.pop(s.var)
        if was is not None:
            frame.constants[s.var] = was
        return out

    def _compartment(self, s: ast.Compartment, frame: Frame) -> list[Step]:
        if s.longitudinal:
            return []  # a stage of its own: `diffusion`
        for name in s.names:
            size = self.memory[name].size if name in self.memory else 0
            if name not in self.program.states or (s.var and not size):
                continue  # as in NEURON: only states have volumes, and with an index only arrays
            for k in range(size) if size else [-1]:
                if s.var:
                    frame.constants[s.var] = k
                value = self.expression(s.value, frame)
                frame.constants.pop(s.var, None)
                self.scheme.volume[name, k] = value
        return []

    def _species(self, x: Name | Index, frame: Frame) -> Name | Index:
        e = self.element(x, frame) if isinstance(x, Index) else self._name(x, frame)
        if isinstance(e, Index) and not isinstance(e.index, Num):
            raise self.fail(x.at, f"{x.id}[...]: the element must be known in advance")
        if not isinstance(e, (Name, Index)):
            raise self.fail(x.at, f"{x.id} is no species")
        if isinstance(e, Name) and e.id in self.memory and self.memory[e.id].size:
            raise self.fail(x.at, f"{e.id} is an array; give an index")
        return e

    def place(self, key: Key) -> tuple[str, int, int]:
        """Sorts unknowns as NEURON numbers them."""
        return *self.program.place(key[0]), key[1]

    def is_state(self, x: Name | Index) -> bool:
        return x.id in self.program.states

    def _key(self, x: Name | Index) -> Key:
        key = (x.id, int(x.index.text) if isinstance(x, Index) and isinstance(x.index, Num) else -1)
        if key not in self.scheme.rhs:
            self.scheme.rhs[key] = []
            self.scheme.order.append(key)
            if len(self.scheme.order) > LARGEST:
                raise self.fail(x.at, f"more than {LARGEST} states in one KINETIC block")
        return key

    # -------------------------------------------------------- reactions

    def _reaction(self, s: ast.Reaction, frame: Frame) -> list[Step]:
        sc = self.scheme
        out: list[Step] = []
        sc.count += 1
        if sc.count > 10 * LARGEST:
            raise self.fail(s.at, f"more than {10 * LARGEST} reactions")
        left = [(c, self._species(x, frame)) for c, x in s.left]
        right = [(c, self._species(x, frame)) for c, x in s.right]
        forward, steps = self._rate(s.forward, frame, f"forward_{sc.count}")
        out += steps
        if s.kind == "<<":
            if len(left) != 1 or not self.is_state(left[0][1]):
                raise self.fail(s.at, "~ state << (flux) takes one STATE")
            sc.rhs[self._key(left[0][1])].append(("+", forward))
            return self._commented(s, out)
        backward: Expr | None = None
        if s.kind == "<->":
            backward, steps = self._rate(s.backward, frame, f"backward_{sc.count}")
            out += steps
        flows = _flow(forward, left)
        if backward is not None:
            flows = Binary("-", flows, _flow(backward, right))
        if self.fluxes:
            out.append(put(frame.scopes[0].setdefault("f_flux", "f_flux"), _flow(forward, left)))
            out.append(
                put(
                    frame.scopes[0].setdefault("b_flux", "b_flux"),
                    Num("0.0") if backward is None else _flow(backward, right),
                )
            )
        name = frame.fresh(f"flux_{sc.count}")
        sc.made.add(name)
        self.at_times += [name] if self.inside_if else []
        out.append(put(name, flows))
        for sign, side in (("-", left), ("+", right)):
            for c, x in reversed(side):
                if self.is_state(x):
                    amount: Expr = Name(name) if c == 1 else Binary("*", Num(str(c)), Name(name))
                    sc.rhs[self._key(x)].append((sign, amount))
        self._partials(left, forward, (left, right))
        if backward is not None:
            self._partials(right, backward, (right, left))
        return self._commented(s, out)

    def _commented(self, s: ast.Reaction, out: list[Step]) -> list[Step]:
        if out:
            out[0].before, out[-1].note = s.before, s.note
        return out

    def _rate(self, e: Expr, frame: Frame, name: str) -> tuple[Expr, list[Step]]:
        """A rate as something cheap to repeat: a number, or a local holding its value at this place of
        the block.
        """
        value = self.expression(e, frame)
        if isinstance(value, Num) and not self.inside_if:
            return value, []
        new = frame.fresh(name)
        self.scheme.made.add(new)
        self.at_times += [new] if self.inside_if else []
        return Name(new), self.with_hoisted(frame, put(new, value))

    def _partials(self, side: Side, rate: Expr, rows: tuple[Side, Side]) -> None:
        """d(flux)/d(species of `side`) into all rows: `rows` are the species used up and those made."""
        for j, (c, x) in enumerate(reversed(side)):
            if not self.is_state(x):
                continue
            term = rate if c == 1 else Binary("*", rate, Num(str(c)))
            for k, (count, other) in enumerate(reversed(side)):
                for _ in range(count - 1 if k == j else count):
                    term = Binary("*", term, other)
                    self.scheme.linear = False
            for sign, row in zip("+-", rows):
                for n, y in reversed(row):
                    if self.is_state(y):
                        part: Expr = term if n == 1 else Binary("*", Num(str(n)), term)
                        self.scheme.matrix.setdefault((self._key(y), self._key(x)), []).append((sign, part))


def _has_reactions(s: ast.For | ast.If) -> bool:
    bodies = [s.body] if isinstance(s, ast.For) else [*(b for _, b in s.branches), s.orelse]
    return any(
        isinstance(x, (ast.Reaction, ast.Conserve))
        or (isinstance(x, (ast.For, ast.If)) and _has_reactions(x))
        for body in bodies
        for x in body
    )


def without_copies(sc: Scheme) -> None:
    """Rates that are plain variables, set once, need no local of their own."""
    written: dict[str, int] = {}
    for s in walk(sc.steps):
        if isinstance(s, Set):
            for t in s.targets:
                written[t.id] = written.get(t.id, 0) + 1
    same: dict[str, Expr] = {}
    left = dict(written)
    for s in sc.steps:
        for inner in walk([s]):
            for t in inner.targets if isinstance(inner, Set) else ():
                left[t.id] -= 1
        if isinstance(s, Set) and s.targets[0].id in sc.made and isinstance(s.value, Name):
            if written.get(s.value.id, 0) <= 1 and not left.get(s.value.id, 0):
                same[s.targets[0].id] = s.value

    def new(e: Expr) -> Expr:
        return rebuild(e, lambda x: same.get(x.id, x) if isinstance(x, Name) else x)

    steps: list[Step] = []
    before: tuple[str, ...] = ()
    for s in sc.steps:
        if isinstance(s, Set) and s.targets[0].id in same:
            before += s.before
            continue
        if isinstance(s, Set):
            s.value = new(s.value)
        s.before, before = before + s.before, ()
        steps.append(s)
    sc.steps = steps
    sc.rhs = {k: [(sign, new(e)) for sign, e in terms] for k, terms in sc.rhs.items()}
    sc.matrix = {k: [(sign, new(e)) for sign, e in terms] for k, terms in sc.matrix.items()}


def _flow(rate: Expr, side: Side) -> Expr:
    out = rate
    for c, x in reversed(side):
        for _ in range(c):
            out = Binary("*", out, x)
    return out


def variable(key: Key) -> Target:
    name, k = key
    return Name(name) if k < 0 else Index(name, Num(str(k)))


def flat(key: Key) -> str:
    name, k = key
    return name if k < 0 else f"{name}_{k}"
