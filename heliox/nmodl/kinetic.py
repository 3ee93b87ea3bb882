"""KINETIC blocks: reactions become one implicit step, eliminated symbolically into straight-line code.

Unknowns are the increments of the states over dt, as in NEURON's ``sparse``: for state x with volume V the
row is ``(V/dt + partials) d = -V (x - x_old)/dt + fluxes``; CONSERVE replaces the row of the last state it
names. A scheme without products of states is solved once; others are iterated until the increments add up to
1e-6, negative states set to 0.
"""

from __future__ import annotations

from heliox.nmodl import syntax as ast
from heliox.nmodl.dense import put
from heliox.nmodl.elimination import eliminate
from heliox.nmodl.frames import Frame, Signature
from heliox.nmodl.ir import (
    Binary,
    Branch,
    Break,
    Call,
    Expr,
    Index,
    Loop,
    Name,
    Num,
    Set,
    Step,
    Unary,
    expressions,
    names,
)
from heliox.nmodl.lowering import Lowering
from heliox.nmodl.reactions import Key, Reactions, Scheme, flat, variable, without_copies

TURNS = 22  # NEURON gives up after 20 and two more
CONVERGED = Num("1e-6")
STEADY_DT = Num("1e9")
TRIES = 7


# ---------------------------------------------------------------- the system


def _system(low: Reactions, frame: Frame, old: bool) -> tuple[list[Step], list[Key]]:
    """Steps of one evaluation and solution: ``d_<state>`` for every unknown. `old` False: states have
    not moved yet.
    """
    sc = low.scheme
    conserved = _conserved(low)
    order = [*conserved, *sorted((k for k in sc.order if k not in conserved), key=low.place)]
    steps = list(sc.steps)
    per_dt = Binary("/", Num("1.0"), Name("dt"))
    matrix: dict[tuple[int, int], Expr] = {}
    rhs: dict[int, Expr] = {}
    place = {k: i for i, k in enumerate(order)}
    for key in order:
        i = place[key]
        if key in conserved:
            _conservation_row(sc, conserved[key], i, place, matrix, rhs)
            continue
        volume = sc.volume.get(key)
        diagonal: Expr = per_dt if volume is None else Binary("*", per_dt, volume)
        start: Expr | None = None
        if old:
            moved = Binary("*", Unary("-", per_dt), Binary("-", variable(key), Name(f"{flat(key)}_old")))
            start = moved if volume is None else Binary("*", moved, volume)
        rhs[i] = _added(start, sc.rhs[key])
        matrix[i, i] = _added(diagonal, sc.matrix.get((key, key), []))
        for (row, column), terms in sc.matrix.items():
            if row == key and column != key:
                matrix[i, place[column]] = _added(None, terms)
    try:
        steps += eliminate(matrix, rhs, [flat(k) for k in order], frame)
    except ValueError as e:
        raise low.fail(low.block.at, f"{low.block.name}: {e}; use fewer states, or several blocks") from None
    return steps, order


def _conserved(low: Reactions) -> dict[Key, int]:
    """State whose row a CONSERVE takes -> its number; the last named state that is still free."""
    out: dict[Key, int] = {}
    for number in reversed(range(len(low.scheme.conserve))):
        side, _ = low.scheme.conserve[number]
        keys = [low._key(x) for _, x in side if low.is_state(x) and isinstance(x, Name)]
        free = [k for k in reversed(keys) if k not in out]
        if not free:
            raise low.fail(low.block.at, "CONSERVE needs a STATE of its own that is no array")
        out[free[0]] = number
    return out


def _conservation_row(
    sc: Scheme,
    number: int,
    i: int,
    place: dict[Key, int],
    matrix: dict[tuple[int, int], Expr],
    rhs: dict[int, Expr],
) -> None:
    side, total = sc.conserve[number]
    terms: list[tuple[str, Expr]] = []
    for c, x in reversed(side):
        key = (x.id, int(x.index.text) if isinstance(x, Index) and isinstance(x.index, Num) else -1)
        weight: Expr = Num(str(c))
        amount: Expr = x
        volume = sc.volume.get(key)
        if volume is not None:
            amount, weight = Binary("*", x, volume), volume if c == 1 else Binary("*", weight, volume)
        if c != 1:
            amount = Binary("*", amount, Num(str(c)))
        terms.append(("-", amount))
        if key in place:
            matrix[i, place[key]] = weight
    rhs[i] = _added(total, terms)


def _added(start: Expr | None, terms: list[tuple[str, Expr]]) -> Expr:
    out = start
    for sign, e in terms:
        if out is None:
            out = e if sign == "+" else Unary("-", e)
        else:
            out = Binary(sign, out, e)
    return Num("0.0") if out is None else out


# ---------------------------------------------------------------- helpers and calls


def sparse(low: Lowering, s: ast.Solve, block: ast.Block, frame: Frame) -> list[Step]:
    """Steps of SOLVE block METHOD (or STEADYSTATE) sparse."""
    if not s.method:
        raise low.fail(s.at, "SOLVE of a KINETIC block without METHOD; write METHOD sparse")
    kind = "steady" if s.steady else "step"
    name = f"{block.name}_{kind}"
    if name not in low.helpers:
        _make(low, block, name, s.steady)
    sig = low.helpers[name]
    dt: Expr = STEADY_DT if s.steady else Name("dt")
    given = [Name(x) for x in sig.args if x != "dt"]
    call = Call(name, (*given, dt, *(Name(r) for r in sig.reads)), block.at)
    return [Set(targets=tuple(Name(x) for x in (*sig.leading, *sig.outs)), value=call)]


def _make(low: Lowering, block: ast.Block, name: str, steady: bool) -> None:
    frame = low.block_frame(block.body)  # type: ignore[attr-defined]
    inner = Reactions(low, block)
    if inner.fluxes:
        frame.scopes[0] |= {"f_flux": "f_flux", "b_flux": "b_flux"}
        frame.used |= {"f_flux", "b_flux"}
    inner.scheme.steps = inner.statements(block.body, frame)
    without_copies(inner.scheme)
    if not inner.scheme.order:
        raise low.fail(block.at, f"{block.name} has no reactions of STATE variables")
    linear = inner.scheme.linear
    states = list(dict.fromkeys(k[0] for k in inner.scheme.order))
    once = linear and not steady
    system, order = _system(inner, frame, old=not once)
    change = Signature(
        f"{block.name}_change" + ("" if once else "_from"),
        [*states, *(() if once else (f"{flat(k)}_old" for k in order)), "dt"],
        system,
    )
    change.leading = [f"d_{flat(k)}" for k in order]
    _interface(low, change, frame)
    low.helpers[change.name] = change
    sig = Signature(name, [*states, "dt"], [], at=block.at)
    sig.leading = states
    if once:
        sig.body = [_evaluate(change, []), *_advance(order, False)]
    elif steady:
        sig.body = _steady(change, order, linear)
    else:
        sig.body = _iterated(change, order, "dt")
    if _depends(inner.scheme.steps, states, inner.scheme.made):
        sig.body += inner.scheme.steps  # variables the block sets are those of the new states
    _interface(low, sig, frame)
    low.helpers[name] = sig


def _interface(low: Lowering, sig: Signature, frame: Frame) -> None:
    from heliox.nmodl.newton import settle

    settle(low, sig, frame, sig.leading)


def _depends(steps: list[Step], states: list[str], fluxes: set[str]) -> bool:
    """Whether plain statements (those not made from reactions) read a state."""
    for s in steps:
        made = isinstance(s, Set) and s.targets[0].id in fluxes
        if not made and any(set(states) & names(e) for e in expressions(s)):
            return True
        if isinstance(s, (Branch, Loop)) and _depends([x for x in getattr(s, "body", [])], states, fluxes):
            return True
    return False


def _evaluate(change: Signature, old: list[Key]) -> Set:
    args = [a for a in change.args if a != "dt" and not a.endswith("_old")]
    olds = [a for a in change.args if a.endswith("_old")]
    call = Call(
        change.name, (*(Name(a) for a in (*args, *olds)), Name("dt"), *(Name(r) for r in change.reads))
    )
    return Set(targets=tuple(Name(x) for x in (*change.leading, *change.outs)), value=call)


def _advance(order: list[Key], clip: bool) -> list[Step]:
    out: list[Step] = []
    for key in order:
        x = variable(key)
        out.append(Set(targets=(x,), value=Binary("+", x, Name(f"d_{flat(key)}"))))
        if clip:
            out.append(Branch(branches=[(Binary("<", x, Num("0.0")), [Set(targets=(x,), value=Num("0.0"))])]))
    return out


def _keep_old(order: list[Key]) -> list[Step]:
    return [put(f"{flat(k)}_old", variable(k)) for k in order]


def _iterated(change: Signature, order: list[Key], turn: str) -> list[Step]:
    total: Expr = Call("fabs", (Name(f"d_{flat(order[0])}"),))
    for k in order[1:]:
        total = Binary("+", total, Call("fabs", (Name(f"d_{flat(k)}"),)))
    body: list[Step] = [
        _evaluate(change, order),
        *_advance(order, True),
        Break(test=Binary("<=", total, CONVERGED)),
    ]
    return [*_keep_old(order), Loop(var=f"turn_{turn}", stop=TURNS, body=body)]


def _steady(change: Signature, order: list[Key], linear: bool) -> list[Step]:
    if linear:
        return _iterated(change, order, "steady")
    positive: list[Step] = [put("fine", Num("1.0"))]
    for k in order:
        x = variable(k)
        mend: list[Step] = [Set(targets=(x,), value=Num("0.0")), put("fine", Num("0.0"))]
        positive.append(Branch(branches=[(Binary("<", x, Num("-1e-6")), mend)]))
    body: list[Step] = [*_keep_old(order), _evaluate(change, order), *_advance(order, False), *positive]
    body.append(Break(test=Binary(">", Name("fine"), Num("0.0"))))
    return [Loop(var="turn_first", stop=TRIES, body=body), *_iterated(change, order, "steady")]
