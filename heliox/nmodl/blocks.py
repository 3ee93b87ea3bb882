"""The functions of a mechanism: which block of NMODL becomes which, what each reads and returns."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field

from heliox.mechanisms.blocks import BLOCKS
from heliox.mechanisms.template import Diffusion
from heliox.nmodl import syntax as ast
from heliox.nmodl.diffusion import diffusing
from heliox.nmodl.frames import Frame
from heliox.nmodl.ir import Binary, Call, Effect, Flow, Name, Num, Set, Step, Unary, flow
from heliox.nmodl.liveness import prune, without_dead
from heliox.nmodl.lowering import PERMANENT, Lowering, zeros
from heliox.nmodl.memory import Symbol
from heliox.nmodl.solve import solve

FOLLOWING = {
    "BEFORE BREAKPOINT": "before_breakpoint", "BEFORE STEP": "before_step", "AFTER SOLVE": "after_solve",
    "BEFORE INITIAL": "before_initial", "AFTER INITIAL": "after_initial",
}  # fmt: skip


@dataclass(slots=True)
class Made:
    """A block function: steps, then what it reads and returns."""

    name: str
    body: list[Step]
    frame: Frame
    before: tuple[str, ...] = ()
    at: int = 0
    params: list[str] = field(default_factory=list)
    returns: list[str] = field(default_factory=list)
    fixed: tuple[str, ...] = ()  # returned whatever its kind


class BlockLowering(Lowering):
    """Lowers what stands in blocks (not in FUNCTIONs): SOLVE, CONDUCTANCE, WATCH, FOR_NETCONS."""

    made: list[Made]
    conductances: list[tuple[str, str]]
    watches: list[Made]
    weights: dict[str, str]
    solved: list[ast.Solve]
    diffusion: list[Diffusion]

    def setup(self) -> None:
        self.made, self.conductances, self.watches, self.weights = [], [], [], {}
        self.solved, self.diffusion = [], []

    def statement(self, s: ast.Statement, frame: Frame) -> list[Step]:
        if isinstance(s, ast.Solve):
            self.solved.append(s)
            return solve(self, s, frame)
        if isinstance(s, ast.Conductance):
            self.conductances.append((frame.find(s.name) or s.name, s.ion))
            return []
        if isinstance(s, ast.Watch):
            return self._watch(s, frame)
        if isinstance(s, ast.ForNetcons):
            return self._for_netcons(s, frame)
        if isinstance(s, ast.Initial):
            return []
        return super().statement(s, frame)

    def block_frame(self, body: list[ast.Statement]) -> Frame:
        """A frame in which no local hides a variable of the mechanism: several blocks may become one
        function.
        """
        frame = self.frame(body)
        frame.avoid |= {n.name for n in self.memory.symbols.values() if n.kind != "weight"}
        return frame

    def _watch(self, s: ast.Watch, frame: Frame) -> list[Step]:
        out: list[Step] = []
        for a, op, b, flag in s.conditions:
            inner = self.block_frame([])
            difference = Binary("-", self.expression(a, inner), self.expression(b, inner), s.at)
            value = difference if op == ">" else Unary("-", difference, s.at)
            k = len(self.watches)
            made = Made(
                f"watch_{k}",
                [Set(targets=(Name("difference"),), value=value)],
                inner,
                at=s.at,
                fixed=("difference",),
            )
            self.watches.append(made)
            out.append(Effect(call=Call("watch", (Num(str(k)), flag), s.at), before=s.before, note=s.note))
        return out

    def _for_netcons(self, s: ast.ForNetcons, frame: Frame) -> list[Step]:
        own = [w for w in self.weights.values()]
        if len(s.args) != len(own):
            raise self.fail(s.at, f"FOR_NETCONS takes the arguments of NET_RECEIVE: {len(own)}")
        if any(m.name == "receive_each" for m in self.made):
            raise self.fail(s.at, "one FOR_NETCONS is possible in a NET_RECEIVE")
        inner = self.block_frame(s.body)
        inner.scopes.append(dict(zip(s.args, own)))
        self.made.append(Made("receive_each", self.statements(s.body, inner), inner, at=s.at))
        return [Effect(call=Call("for_connections", (), s.at), before=s.before, note=s.note)]


def build(low: BlockLowering) -> list[Made]:
    """All block functions, with what they read and return."""
    low.setup()
    blocks = low.program.blocks
    _receive(low, [b for b in blocks if b.kind == "NET_RECEIVE"])
    _joined(low, "initial", [b for b in blocks if b.kind == "INITIAL"])
    _breakpoint(low, [b for b in blocks if b.kind == "BREAKPOINT"])
    for kind, name in FOLLOWING.items():
        _joined(low, name, [b for b in blocks if b.kind == kind])
    for b in blocks:
        if b.kind.startswith(("BEFORE", "AFTER")) and b.kind not in FOLLOWING:
            raise low.fail(b.at, f"{b.kind} is no block of NEURON; legal are {', '.join(FOLLOWING)}")
    _written_potentials(low)
    low.made += low.watches
    for declared, made in diffusing(low):
        low.diffusion.append(declared)
        low.made.append(made)
    _untabled(low)
    low.made.sort(key=lambda m: (BLOCKS.index(m.name) if m.name in BLOCKS else len(BLOCKS), m.name))
    _interfaces(low)
    return low.made


def _written_potentials(low: BlockLowering) -> None:
    """A reversal potential that is written and not read starts from 0, as NEURON's does."""
    names = [f"e{ion}" for ion, (read, write, _) in low.memory.ions.items() if f"e{ion}" in write]
    names = [n for n in names if not any(n in read for read, _, _ in low.memory.ions.values())]
    initial = next((m for m in low.made if m.name == "initial"), None)
    names = [n for n in names if initial is None or n not in flow(initial.body).written]
    if not names:
        return
    if initial is None:
        initial = Made("initial", [], low.block_frame([]))
        low.made.append(initial)
    initial.body += [Set(targets=(Name(n),), value=Num("0.0")) for n in names]


def statements(body: list[ast.Statement]) -> Iterator[ast.Statement]:
    """All statements, also inside others."""
    for s in body:
        yield s
        for inner in (
            getattr(s, "body", None),
            getattr(s, "orelse", None),
            *(b for _, b in getattr(s, "branches", ())),
        ):
            if inner:
                yield from statements(inner)


def _joined(low: BlockLowering, name: str, blocks: list[ast.Block]) -> None:
    """One function of all blocks of a kind, in their order."""
    if not blocks:
        return
    body = [s for b in blocks for s in b.body]
    frame = low.block_frame(body)
    steps = [step for b in blocks for step in low.statements(b.body, frame)]
    low.made.append(Made(name, steps, frame, blocks[0].before, blocks[0].at))


def _breakpoint(low: BlockLowering, blocks: list[ast.Block]) -> None:
    """SOLVE goes to `state`; the rest to `current`, or behind SOLVE in a mechanism without currents."""
    if not blocks:
        return
    body = [s for b in blocks for s in b.body]
    solves = [s for s in statements(body) if isinstance(s, ast.Solve)]
    currents = low.program.current_order
    rest = _without_solve(body)
    steps: list[Step] = []
    frame = low.block_frame([*_solved(low, solves), *([] if currents else rest)])
    for s in solves:
        steps += low.statement(s, frame)
    if not currents:
        steps += low.statements(rest, frame)
    if solves or (not currents and steps):
        low.made.append(Made("state", steps, frame, () if currents else blocks[0].before, blocks[0].at))
    if currents:
        frame = low.block_frame(rest)
        made = Made("current", low.statements(rest, frame), frame, blocks[0].before, blocks[0].at)
        low.made.append(made)
        if low.conductances:
            _conductance(low, rest)


def _without_solve(body: list[ast.Statement]) -> list[ast.Statement]:
    """BREAKPOINT as it runs for currents; a SOLVE inside a PROCEDURE it calls is not meant."""
    out = []
    for s in copy.deepcopy(body):
        if isinstance(s, ast.Solve):
            continue
        if isinstance(s, ast.If):
            s.branches = [(test, _without_solve(b)) for test, b in s.branches]
            s.orelse = _without_solve(s.orelse)
        elif isinstance(s, (ast.Group, ast.For, ast.While)):
            s.body = _without_solve(s.body)
        out.append(s)
    return out


def _solved(low: BlockLowering, solves: list[ast.Solve]) -> list[ast.Statement]:
    return [x for s in solves if s.block in low.blocks for x in low.blocks[s.block].body]


def _conductance(low: BlockLowering, rest: list[ast.Statement]) -> None:
    """The body again, for the named conductances; a current without one counts as none."""
    ions = {f"i{ion}": name for name, ion in low.conductances if ion}
    plain = [name for name, ion in low.conductances if not ion]
    frame = low.block_frame(rest)
    low.conductances = []
    steps = low.statements(rest, frame)
    out = []
    for c in low.program.current_order:
        g = ions.get(c)
        if g is None and plain and c in (*low.program.nonspecific, *low.program.electrode):
            g = plain.pop(0)
        name = f"g_{c}"
        if name != g:
            steps.append(Set(targets=(Name(name),), value=Num("0.0") if g is None else Name(g)))
        out.append(name)
    low.made.append(Made("conductance", steps, frame, fixed=tuple(out)))


def _receive(low: BlockLowering, blocks: list[ast.Block]) -> None:
    if not blocks:
        return
    if len(blocks) > 1:
        raise low.fail(blocks[1].at, "a second NET_RECEIVE block")
    b = blocks[0]
    if not b.args:
        raise low.fail(b.at, "NET_RECEIVE needs at least one argument, the weight")
    for a in b.args:
        name = a
        while name in low.memory or name == "flag":
            name += "_"
        low.weights[a] = name
    for name in (*low.weights.values(), "flag"):
        low.memory.symbols[name] = Symbol(name, "weight")
    frame = low.block_frame(b.body)
    frame.scopes.append({**low.weights, "flag": "flag"})
    made = Made("receive", [], frame, b.before, b.at)
    low.made.append(made)
    made.body = low.statements(b.body, frame)
    for s in statements(b.body):
        if isinstance(s, ast.Initial):
            inner = low.block_frame(s.body)
            inner.scopes.append(dict(low.weights))
            low.made.append(Made("receive_initial", low.statements(s.body, inner), inner, at=s.at))


def _untabled(low: BlockLowering) -> None:
    """What a tabulated PROCEDURE sets outside its list, NEURON sets as it builds the table; the last stays.

    Shared variables that some block reads get that value at the start of INITIAL.
    """
    read = {n for m in low.made for n in flow(m.body).exposed}
    for sig in list(low.helpers.values()):
        names = [n for n in sig.rest if n in read]
        if sig.table is None or not names:
            continue
        for n in names:
            if low.memory[n].kind not in ("global", "global_assigned", "shared") or low.memory[n].size:
                raise low.fail(
                    sig.at,
                    f"{sig.name} sets {n}, which is not in its TABLE list: NEURON sets it for the first "
                    f"instance only, when it builds the table; add {n} to the list, or set it elsewhere",
                )
        t = sig.table
        last = t.lo
        for _ in range(t.n):
            last += (t.hi - t.lo) / t.n
        whole = copy.deepcopy(sig)
        whole.name, whole.table, whole.outs, whole.leading = f"{sig.name}_untabulated", None, names, []
        whole.body = without_dead(whole.body, set(names))
        low.helpers[whole.name] = whole
        call = Call(whole.name, (Num(repr(last)), *(Name(r) for r in whole.reads)))
        step = Set(targets=tuple(Name(n) for n in names), value=call)
        initial = next((m for m in low.made if m.name == "initial"), None)
        if initial is None:
            initial = Made("initial", [], low.block_frame([]))
            low.made.append(initial)
        initial.body.insert(0, step)


# ---------------------------------------------------------------- what is read and returned


def _interfaces(low: BlockLowering) -> None:
    """Parameters and returns of every block, helpers freed of results nobody uses, locals that may be
    unset set to 0.
    """
    currents = set(low.program.current_order)
    flows = [flow(m.body, None, low.sizes(m.frame)) for m in low.made]
    read = {n for f, m in zip(flows, low.made) for n in f.exposed if n not in m.frame.used}
    written = {n for _, write, _ in low.memory.ions.values() for n in write}
    kept = {
        s.name
        for s in low.memory.symbols.values()
        if s.kind in PERMANENT or s.name in read or s.name in currents
    }
    # NEURON's own, and ion variables that are only read, may be assigned: copies that end with the block
    kept -= {"flag"} | {s.name for s in low.memory.of("builtin", "ion") if s.name not in written}
    for m, f in zip(low.made, flows):
        m.returns = sorted(
            (n for n in f.written if n in kept and n in low.memory and n not in m.frame.used),
            key=low.memory.rank,
        )
        if m.name == "current":  # a current that nothing sets here keeps its value
            m.returns += [c for c in low.program.current_order if c not in m.returns]
        if m.name == "receive" and "v" in f.written:
            m.returns.insert(0, "v")
        if m.fixed:
            m.returns = list(m.fixed)
            m.body = without_dead(m.body, set(m.returns))
    prune({m.name: (m.body, set(m.returns)) for m in low.made}, low.helpers, kept)
    for m in low.made:
        m.body = _undefined(low, m, flow(m.body, None, low.sizes(m.frame)))
        f = flow(m.body, None, low.sizes(m.frame))
        unsure = [n for n in m.returns if n not in f.sure and n in low.memory]
        wanted = {
            n
            for n in (*f.exposed, *unsure)
            if n in low.memory and low.memory[n].kind != "constant" and n not in m.frame.used
        }
        m.params = sorted(wanted, key=low.memory.rank)
    for s in low.memory.symbols.values():
        # memory that blocks only set is per instance; what some block reads first is truly shared
        if s.kind == "global_assigned":
            s.kind = "global" if s.name in read else "assigned"
        elif s.kind == "hidden":
            s.kind = "assigned" if s.name in kept else "local"
        elif s.kind == "shared":
            s.kind = "global" if s.name in kept else "local"


def _undefined(low: BlockLowering, m: Made, f: Flow) -> list[Step]:
    """The body behind arrays made anew: local ones, and those it fills or only uses inside."""
    body = low.defined(m.body, set(), m.frame)
    made = {}
    for s in low.memory.symbols.values():
        if s.size and s.name in f.written and s.name not in f.exposed:
            if s.name in f.sure or (s.kind in ("hidden", "shared") and s.name not in m.returns):
                made[s.name] = s.size
    return [*zeros(made), *body]
