"""From blocks to functions: names are resolved, procedures become helpers that take what they read and
return what they write.

A `Frame` is one function in the making. Everything is bottom up: a helper's `Signature` is known before its
callers are lowered.
"""

from __future__ import annotations

from collections.abc import Iterable

from heliox.errors import nearest
from heliox.nmodl import intrinsic_calls as intrinsic
from heliox.nmodl import syntax as ast
from heliox.nmodl.frames import Frame, Signature, Table
from heliox.nmodl.ir import (
    Branch,
    Break,
    Call,
    Effect,
    Expr,
    Index,
    Loop,
    Name,
    Num,
    Set,
    Step,
    Target,
    calls,
    flow,
)
from heliox.nmodl.memory import Memory
from heliox.nmodl.source import Source
from heliox.nmodl.values import Values
from heliox.nmodl.verbatim import refusal

WHILE_LIMIT = 100_000
PERMANENT = ("state", "assigned", "parameter", "global", "ion", "pointer", "weight", "global_assigned")


class Lowering(Values):
    """Statements of NMODL -> steps; helpers on demand."""

    def __init__(self, program: ast.Program, memory: Memory, source: Source) -> None:
        self.program, self.memory, self.source = program, memory, source
        self.blocks = {b.name: b for b in program.blocks if b.name}
        self.helpers: dict[str, Signature] = {}
        self.busy: list[str] = []
        self.notes: list[str] = []

    # -------------------------------------------------------- helpers

    def helper(self, name: str, at: int) -> Signature:
        """The signature of a FUNCTION or PROCEDURE."""
        if name in self.helpers:
            return self.helpers[name]
        if name in self.busy:
            raise self.fail(at, f"{name} calls itself; write it as a loop")
        b = self.blocks[name]
        self.busy.append(name)
        frame = self.frame(b.body, b.args)
        args = [frame.declare(a) for a in b.args]
        value = ""
        if b.kind == "FUNCTION":
            value = frame.fresh(f"{name}_value")
            frame.result = (name, value)
        steps = self.statements(b.body, frame)
        sig = Signature(name, args, steps, value=value, before=b.before, at=b.at)
        self.settle(sig, frame)
        table = next((s for s in b.body if isinstance(s, ast.Tabulate)), None)
        if table is not None:
            self._tabulate(sig, table, frame)
        self.busy.pop()
        self.helpers[name] = sig
        return sig

    def settle(self, sig: Signature, frame: Frame) -> None:
        """Reads and writes of a helper from its steps; locals that C leaves undefined start at 0."""
        sig.body = self.defined(sig.body, set(sig.args), frame, sig.value)
        sizes = self.sizes(frame)
        found = flow(sig.body, set(sig.args), sizes)
        memory = [n for n in found.written if n in self.memory and n not in frame.used]
        sig.outs = sorted(memory, key=self.memory.rank)
        unsure = [n for n in sig.outs if n not in found.sure]
        reads = {n for n in (*found.exposed, *unsure) if self._is_memory(n, frame)}
        sig.reads = sorted(reads, key=self.memory.rank)
        sig.body = [*zeros({n: sizes[n] for n in sig.outs if n in sizes and n not in sig.reads}), *sig.body]

    def sizes(self, frame: Frame) -> dict[str, int]:
        """Arrays: those of the mechanism and the locals."""
        return {**{s.name: s.size for s in self.memory.symbols.values() if s.size}, **frame.arrays}

    def _is_memory(self, name: str, frame: Frame) -> bool:
        return name not in frame.used and name in self.memory and self.memory[name].kind != "constant"

    def defined(self, steps: list[Step], known: set[str], frame: Frame, value: str = "") -> list[Step]:
        """`steps` behind assignments of 0 to locals that may be read, or returned, unset."""
        found = flow(steps, known)
        first: list[Step] = []
        for name in frame.arrays:
            if name in found.exposed or name in found.written:
                first.append(
                    Set(targets=(Name(name),), value=Call("#zeros", (Num(str(frame.arrays[name])),)))
                )
        loose = [n for n in found.exposed if n in frame.used and n not in frame.arrays]
        if value and value not in found.sure and value not in loose:
            loose.append(value)
        first += [Set(targets=(Name(n),), value=Num("0.0")) for n in loose if n not in known]
        return first + steps

    def _zero(self, name: str) -> Step:
        """0 to a variable, or to each element of an array."""
        size = self.memory[name].size
        return zeros({name: size})[0] if size else Set(targets=(Name(name),), value=Num("0.0"))

    def _tabulate(self, sig: Signature, t: ast.Tabulate, frame: Frame) -> None:
        if len(sig.args) != 1:
            raise self.fail(t.at, f"TABLE needs a function of one argument; {sig.name} has {len(sig.args)}")
        if not 1 <= t.n <= 100_000:
            raise self.fail(t.at, "TABLE ... WITH n: n is from 1 to 100000")
        names = [n for n in t.names if n in sig.outs]
        for n in t.names:
            if not sig.value and n not in self.memory:
                raise self.fail(t.at, f"TABLE {n}: {sig.name} does not set it; {nearest(n, sig.outs)}")
            if not sig.value and n not in names:
                self.notes.append(f"TABLE {n}: {sig.name} does not set it, so it is left out")
        outs = [sig.value] if sig.value else names
        own = [r for r in sig.reads if r not in outs]
        early = [n for n in names if n in sig.reads]
        if early:
            self.notes.append(
                f"TABLE of {sig.name}: it reads {', '.join(early)} before it sets it; taken as 0 there, "
                "where NEURON has the value of the row before"
            )
            sig.body = [*(self._zero(n) for n in early), *sig.body]
        for r in own:
            if self.memory[r].kind not in ("global", "global_assigned", "shared", "builtin") or r in (
                "v",
                "area",
                "diam",
                "t",
            ):
                self.notes.append(
                    f"TABLE of {sig.name} is left out: it depends on {r}, a variable of the instance, and "
                    f"NEURON tabulates the first instance's value; set usetable_{self.program.suffix} = 0 "
                    "in NEURON for the same numbers"
                )
                return
        lo, hi = self.constant(t.first, t.at), self.constant(t.last, t.at)
        if not lo < hi:
            raise self.fail(t.at, f"TABLE FROM {lo:g} TO {hi:g} is empty")
        depends = tuple(d for d in t.depend if self._shared(d))
        sig.table = Table(sig.args[0], tuple(outs), lo, hi, t.n, depends)
        sig.reads = own
        sig.rest = [n for n in sig.outs if n not in names]
        sig.outs = [] if sig.value else names
        if any(self.memory[n].size for n in names):
            self._tabulate_elements(sig, frame)

    def _tabulate_elements(self, sig: Signature, frame: Frame) -> None:
        """A table of arrays: the helper that is tabulated returns their elements."""
        inner = Signature(
            f"{sig.name}_elements", sig.args, list(sig.body), sig.reads, table=sig.table, at=sig.at
        )
        fill: list[Step] = []
        for n in sig.outs:
            size = self.memory[n].size
            fill += zeros({n: size}) if size else []
            for k in range(size) if size else (-1,):
                element: Target = Name(n) if k < 0 else Index(n, Num(str(k)))
                label = frame.fresh(n if k < 0 else f"{n}_{k}") + ("_" if k < 0 else "")
                inner.leading.append(label)
                inner.body.append(Set(targets=(Name(label),), value=element))
                fill.append(Set(targets=(element,), value=Name(label)))
        self.helpers[inner.name] = inner
        args = (*(Name(a) for a in sig.args), *(Name(r) for r in sig.reads))
        call = Set(targets=tuple(Name(x) for x in inner.leading), value=Call(inner.name, args))
        inner.rest = sig.rest
        sig.body, sig.table = [call, *fill], None

    def _shared(self, name: str) -> bool:
        """Whether a variable of DEPEND can change for all instances at once."""
        kinds = ("global", "global_assigned", "shared", "builtin")
        return name in self.memory and self.memory[name].kind in kinds

    def constant(self, e: Expr, at: int) -> float:
        """The value of an expression of numbers, constants and defaults of global parameters."""
        if isinstance(e, Num):
            return float(e.text)
        if isinstance(e, Name) and e.id in self.memory and self.memory[e.id].kind in ("constant", "global"):
            return self.memory[e.id].value
        if isinstance(e, ast.Unary) and e.op == "-":
            return -self.constant(e.x, at)
        if isinstance(e, ast.Binary) and e.op in "+-*/":
            a, b = self.constant(e.a, at), self.constant(e.b, at)
            if e.op != "/" or b != 0.0:
                return {"+": a + b, "-": a - b, "*": a * b}[e.op] if e.op != "/" else a / b
        raise self.fail(at, "a constant expression is expected here")

    # -------------------------------------------------------- frames

    def frame(self, body: list[ast.Statement], args: Iterable[str] = ()) -> Frame:
        """A frame whose locals avoid the memory that called helpers read or write."""
        avoid: set[str] = set()
        for name in _called(body):
            if name in self.blocks and self.blocks[name].kind in ("FUNCTION", "PROCEDURE"):
                sig = self.helper(name, self.blocks[name].at)
                avoid |= set(sig.reads) | set(sig.outs)
            if name in intrinsic.SPECIAL:
                avoid |= {"t", "dt", "celsius"}
        return Frame(avoid | set(self.blocks), self.memory.symbols)

    # -------------------------------------------------------- statements

    def statements(self, body: list[ast.Statement], frame: Frame) -> list[Step]:
        """Steps of a list of statements, with a scope of its own."""
        frame.scopes.append({})
        out: list[Step] = []
        for s in body:
            out += self.statement(s, frame)
        frame.scopes.pop()
        return out

    def with_hoisted(self, frame: Frame, step: Step) -> list[Step]:
        before, frame.hoisted = frame.hoisted, []
        if before and step.before:
            before[0].before, step.before = step.before, ()
        return [*before, step]

    def statement(self, s: ast.Statement, frame: Frame) -> list[Step]:
        if isinstance(s, ast.Assign):
            return self.assign(s, frame)
        if isinstance(s, ast.Local):
            for name, size in s.names:
                frame.declare(name, size)
            return []
        if isinstance(s, ast.If):
            return self._if(s, frame)
        if isinstance(s, ast.Do):
            return self.do(s, frame)
        if isinstance(s, ast.Group):
            return self.statements(s.body, frame)
        if isinstance(s, ast.For):
            return self._for(s, frame)
        if isinstance(s, ast.While):
            return self._while(s, frame)
        if isinstance(s, ast.Verbatim):
            raise self.fail(s.refused[0] if s.refused else s.at, refusal(s))
        if isinstance(s, ast.Break):
            return [Break(before=s.before, note=s.note)]
        if isinstance(s, ast.Tabulate):
            return []  # read by `helper`
        raise self.fail(s.at, f"{type(s).__name__.upper()} cannot stand here")

    def assign(self, s: ast.Assign, frame: Frame) -> list[Step]:
        if s.primes:
            raise self.fail(s.at, "a derivative is set in DERIVATIVE blocks only")
        value = self.expression(s.value, frame)
        target = self.target(s.target, frame)
        return self.with_hoisted(frame, Set(targets=(target,), value=value, before=s.before, note=s.note))

    def target(self, t: Name | Index, frame: Frame) -> Target:
        """What is assigned; constants and NEURON's own are refused."""
        if isinstance(t, Index):
            return self.element(t, frame)
        local = frame.find(t.id)
        if local is not None:
            return Name(local, t.at)
        if t.id == frame.result[0]:
            return Name(frame.result[1], t.at)
        self.known(t.id, t.at)
        s = self.memory[t.id]
        if s.size:
            raise self.fail(t.at, f"{t.id} is an array; give an index")
        if s.kind == "constant" or t.id in ("t", "dt", "celsius", "area", "diam"):
            raise self.fail(t.at, f"{t.id} may not be assigned; copy it to a LOCAL first")
        return Name(t.id, t.at)

    def _if(self, s: ast.If, frame: Frame) -> list[Step]:
        """Branches; what an `else if` test must hoist nests it."""
        test, body = s.branches[0]
        first = self.expression(test, frame)
        before, frame.hoisted = frame.hoisted, []
        out = Branch(branches=[(first, self.statements(body, frame))], before=s.before, note=s.note)
        for k, (test, body) in enumerate(s.branches[1:], 1):
            other = self.expression(test, frame)
            if frame.hoisted:
                frame.hoisted = []
                rest = ast.If(s.at, branches=s.branches[k:], orelse=s.orelse)
                out.orelse = self._if(rest, frame)
                return [*before, out]
            out.branches.append((other, self.statements(body, frame)))
        out.orelse = self.statements(s.orelse, frame)
        return [*before, out]

    def _for(self, s: ast.For, frame: Frame) -> list[Step]:
        first, last = self.integer(s.first, frame), self.integer(s.last, frame)
        step = -1 if s.down else 1 if s.step is None else self.integer(s.step, frame)
        if first is None or step is None or (step <= 0 and not s.down):
            raise self.fail(
                s.at, "FROM ... TO ... BY ... needs a constant start and a positive step; write a while loop"
            )
        if (last is None and isinstance(s.last, Num)) or (
            last is not None and abs(last - first) > WHILE_LIMIT
        ):
            raise self.fail(s.at, f"a loop of more than {WHILE_LIMIT} rounds")
        head: list[Step] = []
        bound = self.expression(s.last, frame) if last is None else Num("0")
        hoisted, frame.hoisted = frame.hoisted, []
        frame.scopes.append({})
        var = frame.declare(s.var)
        was = frame.loops.get(s.var)
        frame.loops[s.var] = var
        if last is None:
            head = [*hoisted, Break(test=ast.Binary(">", Name(var), bound))]
            last = first + WHILE_LIMIT * step - 1
        body = [*head, *self.statements(s.body, frame)]
        frame.scopes.pop()
        if was is None:
            del frame.loops[s.var]
        else:
            frame.loops[s.var] = was
        stop = last - 1 if s.down else last + 1
        return [Loop(var=var, first=first, stop=stop, step=step, body=body, before=s.before, note=s.note)]

    def _while(self, s: ast.While, frame: Frame) -> list[Step]:
        test = self.expression(s.test, frame)
        before, frame.hoisted = frame.hoisted, []
        always = isinstance(test, Num) and float(test.text) != 0.0
        first: list[Step] = [] if always else [*before, Break(test=test, negate=True)]
        body = [*first, *self.statements(s.body, frame)]
        return [Loop(var=frame.fresh("turn"), stop=WHILE_LIMIT, body=body, before=s.before, note=s.note)]

    def do(self, s: ast.Do, frame: Frame) -> list[Step]:
        """A call as a statement."""
        call = s.call
        if call.id in intrinsic.DROPPED:
            return []
        if call.id == "at_time":
            return []  # fixed steps need no warning of a discontinuity
        if call.id == "state_discontinuity":
            if len(call.args) != 2 or not isinstance(call.args[0], (Name, Index)):
                raise self.fail(s.at, "state_discontinuity(state, value)")
            return self.assign(ast.Assign(s.at, s.before, s.note, call.args[0], call.args[1]), frame)
        if call.id in intrinsic.EFFECTS and call.id not in self.blocks:
            if len(call.args) != intrinsic.EFFECTS[call.id]:
                raise self.fail(s.at, f"{call.id} takes {intrinsic.EFFECTS[call.id]} argument(s)")
            if call.id == "net_send":
                call = intrinsic.sent(call)
            args = tuple(self.expression(a, frame) for a in call.args)
            return self.with_hoisted(
                frame, Effect(call=Call(call.id, args, s.at), before=s.before, note=s.note)
            )
        if call.id in self.blocks and self.blocks[call.id].kind in ("FUNCTION", "PROCEDURE"):
            return self._do_helper(s, frame)
        if call.id in self.blocks and self.blocks[call.id].kind == "DERIVATIVE":
            return self._do_derivative(s, frame)
        e = self.expression(call, frame)
        if call.id in intrinsic.RANDOM and isinstance(e, Call):
            return self.with_hoisted(frame, Effect(call=e, before=s.before, note=s.note))
        return []

    def _do_derivative(self, s: ast.Do, frame: Frame) -> list[Step]:
        """``states()``: a step of the block by the method it is solved with elsewhere."""
        solves = (x for b in self.program.blocks for x in _all(b.body) if isinstance(x, ast.Solve))
        found = next((x for x in solves if x.block == s.call.id), None)
        method = found.method if found is not None else ""
        return self.statement(ast.Solve(s.at, s.before, s.note, s.call.id, method), frame)

    def inline(self, call: Call, block: ast.Block, frame: Frame) -> str:
        """Steps of a helper in place of its call, hoisted: lists are read in blocks only. Returns the name of
        its value, "" for a PROCEDURE.
        """
        values = [self.expression(a, frame) for a in call.args]
        scopes, avoid, result, hoisted = frame.scopes, frame.avoid, frame.result, frame.hoisted
        loops, constants = frame.loops, frame.constants
        frame.scopes, frame.avoid, frame.hoisted = [{}], avoid | frame.used, []
        frame.loops, frame.constants = {}, {}
        steps: list[Step] = []
        assigned = {s.target.id for s in _all(block.body) if isinstance(s, ast.Assign)}
        for a, v in zip(block.args, values):
            if isinstance(v, Name) and not {a, v.id} & assigned:
                frame.scopes[0][a] = v.id
            else:
                steps.append(Set(targets=(Name(frame.declare(a)),), value=v))
        value = ""
        if block.kind == "FUNCTION":
            value = frame.fresh(f"{call.id}_value")
            frame.result = (call.id, value)
        body = self.statements(block.body, frame)
        if value and value not in flow(body).sure:
            steps.append(Set(targets=(Name(value),), value=Num("0.0")))
        if steps:
            steps[0].before = block.before
        frame.scopes, frame.avoid, frame.result = scopes, avoid, result
        frame.loops, frame.constants = loops, constants
        frame.hoisted = [*hoisted, *steps, *body]
        return value

    def _do_helper(self, s: ast.Do, frame: Frame) -> list[Step]:
        call, block = s.call, self.blocks[s.call.id]
        if len(call.args) != len(block.args):
            raise self.fail(s.at, f"{call.id} takes {len(block.args)} argument(s), not {len(call.args)}")
        sig = self.helper(call.id, s.at)
        if set(sig.reads) & set(self.program.lists):
            self.inline(call, block, frame)
            steps, frame.hoisted = frame.hoisted, []
            if steps:
                steps[0].before, steps[-1].note = (*s.before, *steps[0].before), s.note
            return steps
        args = tuple(self.expression(a, frame) for a in call.args) + tuple(Name(r, s.at) for r in sig.reads)
        made = Call(call.id, args, s.at)
        if not sig.outs and not has_effects(sig.body, self.helpers):
            return []
        targets: list[Target] = [Name(o) for o in sig.outs]
        if sig.value:
            targets.insert(0, Name(frame.fresh(f"{call.id}_result")))
        if not targets:
            return self.with_hoisted(frame, Effect(call=made, before=s.before, note=s.note))
        return self.with_hoisted(frame, Set(targets=tuple(targets), value=made, before=s.before, note=s.note))


def zeros(sizes: dict[str, int]) -> list[Step]:
    """Arrays made anew."""
    return [Set(targets=(Name(n),), value=Call("#zeros", (Num(str(size)),))) for n, size in sizes.items()]


def has_effects(steps: list[Step], helpers: dict[str, Signature]) -> bool:
    """Whether steps send events, draw numbers, or call what does."""
    for c in calls(steps):
        if c.id in intrinsic.EFFECTS or c.id.startswith("random_") or c.id in ("watch", "for_connections"):
            return True
        if c.id in helpers and has_effects(helpers[c.id].body, helpers):
            return True
    return False


def _all(body: list[ast.Statement]) -> list[ast.Statement]:
    inner = [x for s in body for b in (getattr(s, "body", []), getattr(s, "orelse", [])) for x in _all(b)]
    inner += [x for s in body for _, b in getattr(s, "branches", []) for x in _all(b)]
    return [*body, *inner]


def _called(body: list[ast.Statement]) -> list[str]:
    """Names called anywhere in statements."""
    out: dict[str, None] = {}

    def visit(x: object) -> None:
        if isinstance(x, Call):
            out.setdefault(x.id)
        if isinstance(x, (list, tuple)):
            for y in x:
                visit(y)
        elif hasattr(x, "__dataclass_fields__"):
            for f in x.__dataclass_fields__:
                visit(getattr(x, f))

    visit(body)
    return list(out)
