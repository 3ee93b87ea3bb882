"""LINEAR and NONLINEAR blocks: ``~ left = right`` solved for the states they name."""

from __future__ import annotations

from heliox.nmodl import newton
from heliox.nmodl import syntax as ast
from heliox.nmodl.dense import gauss, put
from heliox.nmodl.frames import Frame, Signature
from heliox.nmodl.ir import Binary, Call, Expr, Name, Num, Set, Step, Unary, names, parts
from heliox.nmodl.linear_split import split
from heliox.nmodl.lowering import Lowering


class Equations(Lowering):
    """Lowers a block, keeping its equations aside as ``left - right``."""

    def __init__(self, base: Lowering, unknowns: list[str], keep: bool) -> None:
        self.__dict__.update(base.__dict__)
        self.unknowns, self.keep = unknowns, keep
        self.found: list[tuple[Expr, Expr, int]] = []

    def statement(self, s: ast.Statement, frame: Frame) -> list[Step]:
        if not isinstance(s, ast.Equation):
            return super().statement(s, frame)
        left, right = self.expression(s.left, frame), self.expression(s.right, frame)
        k = len(self.found)
        self.found.append((left, right, s.at))
        before, frame.hoisted = frame.hoisted, []
        if not self.keep:
            return before
        value: Expr = Unary("-", left)
        for sign, term in _terms(right, "+"):  # NEURON's text is -(left) + right, without parentheses
            value = Binary(sign, value, term)
        return [
            *before,
            Set(targets=(Name(f"r_{self.unknowns[k]}" if k < len(self.unknowns) else "r_"),), value=value),
        ]


def _unknowns(low: Lowering, block: ast.Block) -> list[str]:
    """States that the equations name, in NEURON's order: as they come in LINEAR, by symbol in NONLINEAR."""
    sides = [e for s in block.body if isinstance(s, ast.Equation) for e in (s.left, s.right)]
    used = [n for e in sides for n in _in_order(e)]
    states = [n for n in dict.fromkeys(used) if n in (block.solvefor or low.program.states)]
    out = states if block.kind == "LINEAR" else sorted(states, key=low.program.place)
    for n in out:
        if n not in low.program.states or low.memory[n].size:
            raise low.fail(block.at, f"{block.name} solves for {n}, which must be a STATE without index")
    if not out:
        raise low.fail(block.at, f"{block.name} has no equations of STATE variables")
    return out


def _in_order(e: Expr) -> list[str]:
    """Names of variables of an expression, from left to right."""
    return [p.id for p in parts(e) if isinstance(p, (Name, ast.Index))]


def nonlinear(low: Lowering, block: ast.Block, frame: Frame) -> list[Step]:
    """Newton's method on the equations."""
    unknowns = _unknowns(low, block)
    name = f"{block.name}_newton"
    if name not in low.helpers:
        inner_frame = low.block_frame(block.body)  # type: ignore[attr-defined]
        inner = Equations(low, unknowns, True)
        steps = inner.statements(block.body, inner_frame)
        _square(low, block, unknowns, inner)
        newton.make(low, block, unknowns, [], steps, inner_frame)
    return _called(low, block, name, unknowns)


def linear(low: Lowering, block: ast.Block, frame: Frame) -> list[Step]:
    """Elimination with pivoting; coefficients are the parts of the equations that multiply a state."""
    unknowns = _unknowns(low, block)
    name = f"{block.name}_values"
    if name not in low.helpers:
        inner_frame = low.block_frame(block.body)  # type: ignore[attr-defined]
        inner = Equations(low, unknowns, False)
        steps = inner.statements(block.body, inner_frame)
        _square(low, block, unknowns, inner)
        args: list[Expr] = []
        rights: list[Expr] = []
        for left, right, at in inner.found:
            row, constant = _row(low, left, right, unknowns, at)
            args += row
            rights.append(constant)
        n = len(unknowns)
        if n > newton.LARGEST:
            raise low.fail(
                block.at, f"{block.name} couples {n} unknowns; at most {newton.LARGEST} are translated"
            )
        if n == 1:
            steps.append(put(unknowns[0], Binary("/", rights[0], args[0])))
        else:
            low.helpers[f"{block.name}_solve"] = gauss(block.name, n)
            call = Call(f"{block.name}_solve", (*args, *rights))
            steps.append(Set(targets=tuple(Name(u) for u in unknowns), value=call))
        sig = Signature(name, [], steps, at=block.at)
        for u in unknowns:
            inner_frame.used.discard(u)
        newton.settle(low, sig, inner_frame, [])
        sig.leading = list(unknowns)
        sig.outs = [o for o in sig.outs if o not in unknowns]
        low.helpers[name] = sig
    return _called(low, block, name, unknowns)


def _row(low: Lowering, left: Expr, right: Expr, unknowns: list[str], at: int) -> tuple[list[Expr], Expr]:
    """Coefficients of the unknowns in right - left, term by term as NEURON adds them, and minus the rest."""
    row: dict[str, Expr] = {}
    rest: Expr | None = None
    for sign, term in [*_terms(left, "-"), *_terms(right, "+")]:
        found = [u for u in unknowns if u in names(term)]
        if not found:
            turned = "-" if sign == "+" else "+"
            rest = _added(rest, turned, term)
            continue
        s = split(term, found[0])
        if len(found) > 1 or not s.linear or not s.smooth or s.b is not None or s.slope is None:
            return _split_row(low, Binary("-", right, left), unknowns, at)
        row[found[0]] = _added(row.get(found[0]), sign, s.slope)
    zero = Num("0.0")
    return [row.get(u, zero) for u in unknowns], zero if rest is None else rest


def _terms(e: Expr, sign: str) -> list[tuple[str, Expr]]:
    """What a side adds up, with signs; what stands in parentheses stays together."""
    if isinstance(e, Binary) and e.op in ("+", "-"):
        turned = sign if e.op == "+" else ("-" if sign == "+" else "+")
        return [*_terms(e.a, sign), (turned, e.b)]
    if isinstance(e, Unary) and e.op == "-":
        return [("-" if sign == "+" else "+", e.x)]
    return [(sign, e)]


def _added(sum_: Expr | None, sign: str, term: Expr) -> Expr:
    if sum_ is None:
        return term if sign == "+" else Unary("-", term)
    return Binary(sign, sum_, term)


def _split_row(low: Lowering, e: Expr, unknowns: list[str], at: int) -> tuple[list[Expr], Expr]:
    """The same for an equation with unknowns in parentheses."""
    row: list[Expr] = []
    rest: Expr | None = e
    for u in unknowns:
        if rest is None:
            row.append(Num("0.0"))
            continue
        s = split(rest, u)
        if not s.linear or not s.smooth:
            raise low.fail(at, f"the equation is not linear in {u}; use NONLINEAR")
        row.append(s.slope if s.slope is not None else Num("0.0"))
        rest = s.b
    return row, Num("0.0") if rest is None else Unary("-", rest)


def _square(low: Lowering, block: ast.Block, unknowns: list[str], found: Equations) -> None:
    if len(found.found) != len(unknowns):
        raise low.fail(
            block.at,
            f"{block.name} has {len(found.found)} equations for {len(unknowns)} states "
            f"({', '.join(unknowns)}); both must agree",
        )


def _called(low: Lowering, block: ast.Block, name: str, unknowns: list[str]) -> list[Step]:
    sig = low.helpers[name]
    call = Call(name, (*(Name(a) for a in sig.args), *(Name(r) for r in sig.reads)), block.at)
    return [Set(targets=tuple(Name(x) for x in (*unknowns, *sig.outs)), value=call)]
