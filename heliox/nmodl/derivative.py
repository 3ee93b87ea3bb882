"""DERIVATIVE blocks: cnexp and euler in place, derivimplicit through `newton`."""

from __future__ import annotations

from heliox.nmodl import syntax as ast
from heliox.nmodl.frames import Frame
from heliox.nmodl.ir import Binary, Call, Expr, Name, Num, Set, Step, Unary
from heliox.nmodl.linear_split import split
from heliox.nmodl.lowering import Lowering


class _Exponential(Lowering):
    """Lowers a derivative to its cnexp step; `feasible` turns False where the text does not split."""

    def __init__(self, base: Lowering) -> None:
        self.__dict__.update(base.__dict__)
        self.feasible = True

    def assign(self, s: ast.Assign, frame: Frame) -> list[Step]:
        if not s.primes:
            return super().assign(s, frame)
        name = state_name(self, s)
        x, dt = Name(name, s.at), Name("dt")
        parts = split(self.expression(s.value, frame), name)
        if not parts.smooth:
            self.feasible = False
            return []
        b = parts.b if parts.b is not None else Num("0.0")
        value: Expr
        if parts.slope is None:
            value = Call("cnexp_constant", (x, b, dt), s.at)
        elif not parts.linear:
            # NEURON's translator loses b where a product mixes two x: x relaxes to 0
            grown = Binary("-", Num("1.0"), Call("exp", (Binary("*", dt, parts.slope),)))
            value = Binary("+", x, Binary("*", grown, Unary("-", x)))
        elif parts.slope == parts.a:
            value = Call("cnexp", (x, parts.slope, b, dt), s.at)
        else:
            grown = Binary("-", Num("1.0"), Call("exp", (Binary("*", dt, parts.slope),)))
            a = parts.a if parts.a is not None else Num("0.0")
            goal = Binary("-", Binary("/", Unary("-", b), a), x)
            value = Binary("+", x, Binary("*", grown, goal))
        return self.with_hoisted(frame, Set(targets=(x,), value=value, before=s.before, note=s.note))


class Slopes(Lowering):
    """Lowers derivatives to locals ``D<state>``, noting the states in order."""

    def __init__(self, base: Lowering) -> None:
        self.__dict__.update(base.__dict__)
        self.slopes: dict[str, str] = {}

    def assign(self, s: ast.Assign, frame: Frame) -> list[Step]:
        if not s.primes:
            return super().assign(s, frame)
        name = state_name(self, s)
        value = self.expression(s.value, frame)
        if name not in self.slopes:
            self.slopes[name] = frame.fresh(f"D{name}")
        slope = Name(self.slopes[name], s.at)
        return self.with_hoisted(frame, Set(targets=(slope,), value=value, before=s.before, note=s.note))


def state_name(low: Lowering, s: ast.Assign) -> str:
    """The state whose derivative is set."""
    if s.primes > 1:
        raise low.fail(
            s.at, "higher derivatives cannot be translated; make the first derivative a STATE of its own"
        )
    if isinstance(s.target, ast.Index):
        raise low.fail(
            s.at,
            "derivatives of arrays cannot be translated; write the elements as states of their own, or a "
            "KINETIC block",
        )
    name = s.target.id
    if name not in low.memory or low.memory[name].kind not in ("state", "ion"):
        raise low.fail(s.at, f"{name}' needs {name} among STATE")
    return name


def cnexp(low: Lowering, block: ast.Block, frame: Frame) -> list[Step] | None:
    """Steps of the block, None if its text does not split."""
    inner = _Exponential(low)
    steps = inner.statements(block.body, frame)
    return steps if inner.feasible else None


def euler(low: Lowering, block: ast.Block, frame: Frame, dt: Expr) -> list[Step]:
    """Explicit Euler: all slopes first, then all states."""
    inner = Slopes(low)
    steps = inner.statements(block.body, frame)
    for name, slope in inner.slopes.items():
        x = Name(name)
        steps.append(Set(targets=(x,), value=Binary("+", x, Binary("*", dt, Name(slope)))))
    return steps
