"""Implicit Euler of DERIVATIVE blocks and NONLINEAR blocks by Newton's method, with NEURON's numbers.

Three helpers per block: ``<block>_residual``, ``<block>_solve`` (the linear system, unrolled) and
``<block>_newton``. Jacobian by central differences, kept while the solution changes by no more than 5 %; the
stopping rule decides the last digits, so it is NEURON's too.
"""

from __future__ import annotations

from heliox.nmodl import syntax as ast
from heliox.nmodl.dense import crout, fabs, put
from heliox.nmodl.derivative import Slopes
from heliox.nmodl.frames import Frame, Signature
from heliox.nmodl.ir import Binary, Branch, Break, Call, Expr, Loop, Name, Num, Set, Step, Unary, flow
from heliox.nmodl.lowering import Lowering

LARGEST = 12  # unknowns: the unrolled system grows with their third power
TURNS = 50
CHANGE, CONVERGED, SMALL = Num("0.05"), Num("1e-6"), Num("1e-8")


def implicit(low: Lowering, block: ast.Block, frame: Frame, dt: Expr) -> list[Step]:
    """Steps that advance the states of a DERIVATIVE block implicitly by `dt`."""
    name = f"{block.name}_newton"
    if name not in low.helpers:
        inner_frame = low.block_frame(block.body)  # type: ignore[attr-defined]
        inner = Slopes(low)
        steps = inner.statements(block.body, inner_frame)
        states = list(inner.slopes)
        if not states:
            raise low.fail(block.at, f"{block.name} sets no derivative")
        old = {x: f"{x}_old" for x in states}
        for x in states:
            change = Binary("/", Binary("-", Name(x), Name(old[x])), Name("dt"))
            steps.append(put(f"r_{x}", Binary("-", Name(inner.slopes[x]), change)))
        make(low, block, states, [*old.values(), "dt"], steps, inner_frame)
    sig = low.helpers[name]
    given: list[Expr] = [Name(x) for x in sig.args if x != "dt" and not x.endswith("_old")]
    args = (*given, *given, dt, *(Name(r) for r in sig.reads))
    targets = tuple(Name(x) for x in (*(g.id for g in given if isinstance(g, Name)), *sig.outs))
    return [Set(targets=targets, value=Call(name, args, block.at))]


def make(
    low: Lowering, block: ast.Block, unknowns: list[str], fixed: list[str], steps: list[Step], frame: Frame
) -> None:
    """The helpers of a block: `steps` set ``r_<unknown>`` from the unknowns and the `fixed` arguments."""
    n = len(unknowns)
    if n > LARGEST:
        raise low.fail(
            block.at,
            f"{block.name} couples {n} unknowns; at most {LARGEST} are translated. A KINETIC block has "
            "no such limit",
        )
    for x in unknowns:
        if any(isinstance(s, Set) and any(t.id == x for t in s.targets) for s in steps):
            raise low.fail(block.at, f"{block.name} assigns {x}, for which it solves; assign it elsewhere")
    residual = Signature(f"{block.name}_residual", [*unknowns, *fixed], steps, at=block.at)
    settle(low, residual, frame, [f"r_{x}" for x in unknowns])
    low.helpers[residual.name] = residual
    if n > 1:
        low.helpers[f"{block.name}_solve"] = crout(block.name, n)
    low.helpers[f"{block.name}_newton"] = _newton(block.name, unknowns, fixed, residual)


def settle(low: Lowering, sig: Signature, frame: Frame, first: list[str]) -> None:
    """Reads and returns: `first`, then the memory it sets."""
    args = set(sig.args)
    sig.body = low.defined(sig.body, args, frame)
    found = flow(sig.body, args, low.sizes(frame))
    memory = sorted(
        (x for x in found.written if x in low.memory and x not in frame.used and x not in args),
        key=low.memory.rank,
    )
    unsure = {x for x in memory if x not in found.sure}
    reads = {
        x for x in (*found.exposed, *unsure) if x in low.memory and x not in args and x not in frame.used
    }
    sig.reads = sorted((r for r in reads if low.memory[r].kind != "constant"), key=low.memory.rank)
    sig.leading, sig.outs = first, memory


def _newton(name: str, unknowns: list[str], fixed: list[str], residual: Signature) -> Signature:
    n = len(unknowns)
    extra = tuple(Name(x) for x in (*fixed, *residual.reads))

    def evaluate(prefix: str) -> Set:
        targets = tuple(Name(f"{prefix}_{x}") for x in unknowns) + tuple(Name(o) for o in residual.outs)
        return Set(targets=targets, value=Call(residual.name, (*(Name(x) for x in unknowns), *extra)))

    jacobian: list[Step] = []
    two = Binary("*", Num("2.0"), Name("step"))
    for j, x in enumerate(unknowns):
        step = Call("max", (fabs(Binary("*", Num("0.02"), Name(x))), Num("1e-6")))
        jacobian += [put("step", step), put(x, Binary("+", Name(x), Name("step"))), evaluate("high")]
        jacobian += [put(x, Binary("-", Name(x), two)), evaluate("low")]
        for i, y in enumerate(unknowns):
            jacobian.append(
                put(f"J_{i}_{j}", Binary("/", Binary("-", Name(f"high_{y}"), Name(f"low_{y}")), two))
            )
        jacobian.append(put(x, Binary("+", Name(x), Name("step"))))
    jacobian.append(evaluate("r"))

    body: list[Step] = [Branch(branches=[(Binary(">", Name("change"), CHANGE), jacobian)])]
    minus: list[Expr] = [Unary("-", Name(f"r_{x}")) for x in unknowns]
    if n == 1:
        body.append(put(f"d_{unknowns[0]}", Binary("/", minus[0], Name("J_0_0"))))
    else:
        matrix: list[Expr] = [Name(f"J_{i}_{j}") for i in range(n) for j in range(n)]
        body.append(
            Set(
                targets=tuple(Name(f"d_{x}") for x in unknowns),
                value=Call(f"{name}_solve", (*matrix, *minus)),
            )
        )
    body.append(put("change", Num("0.0")))
    for x in unknowns:
        relative = fabs(Binary("/", Name(f"d_{x}"), Name(x)))
        larger = Branch(branches=[(Binary(">", relative, Name("change")), [put("change", relative)])])
        body.append(Branch(branches=[(Binary(">", fabs(Name(x)), SMALL), [larger])]))
        body.append(put(x, Binary("+", Name(x), Name(f"d_{x}"))))
    body.append(evaluate("r"))
    worst: Expr = fabs(Name(f"r_{unknowns[0]}"))
    for x in unknowns[1:]:
        worst = Call("max", (worst, fabs(Name(f"r_{x}"))))
    done = Binary("&&", Binary("<=", Name("change"), CONVERGED), Binary("<=", worst, SMALL))
    body.append(Break(test=done))
    start: list[Step] = [put("change", Num("1.0"))]
    zero = [f"r_{x}" for x in unknowns] + [f"J_{i}_{j}" for i in range(n) for j in range(n)]
    start += [put(z, Num("0.0")) for z in zero]
    start += [put(o, Num("0.0")) for o in residual.outs if o not in residual.reads]
    loop = Loop(var="turn", stop=TURNS, body=body)
    sig = Signature(
        f"{name}_newton",
        [*unknowns, *fixed],
        [*start, loop],
        reads=list(residual.reads),
        outs=list(residual.outs),
    )
    sig.leading = list(unknowns)
    return sig
