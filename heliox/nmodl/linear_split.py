"""The split of an expression into a*x + b that NEURON's cnexp works with.

By structure, not by algebra: sums split term by term, a product with a factor free of x multiplies both
parts, a quotient divides both. The bits of a step depend on exactly this shape. An absent part is None.
"""

from __future__ import annotations

from dataclasses import dataclass

from heliox.nmodl.ir import Binary, Expr, Index, Name, Num, Unary, names


@dataclass(frozen=True, slots=True)
class Split:
    """``slope``: derivative by x; ``a`` and ``b``: the parts; `linear` False where a product mixes two x,
    `smooth` False where x is inside a function or a divisor.
    """

    whole: Expr
    slope: Expr | None
    a: Expr | None
    b: Expr | None
    linear: bool = True
    smooth: bool = True


def split(e: Expr, x: str) -> Split:
    """`Split` of `e` by the variable `x`."""
    if isinstance(e, (Name, Index)) and e.id == x:
        one = Num("1.0")
        return Split(e, one, one, None)
    if isinstance(e, Unary) and e.op == "-":
        s = split(e.x, x)
        return Split(e, _negative(s.slope), _negative(s.a), _negative(s.b), s.linear, s.smooth)
    if isinstance(e, Binary) and e.op in ("+", "-"):
        p, q = split(e.a, x), split(e.b, x)
        return Split(
            e,
            _sum(e.op, p.slope, q.slope),
            _sum(e.op, p.a, q.a),
            _sum(e.op, p.b, q.b),
            p.linear and q.linear,
            p.smooth and q.smooth,
        )
    if isinstance(e, Binary) and e.op == "*":
        return _product(e, split(e.a, x), split(e.b, x))
    if isinstance(e, Binary) and e.op == "/":
        return _quotient(e, split(e.a, x), split(e.b, x))
    if x in names(e):
        return Split(e, None, None, e, False, False)
    zero = isinstance(e, Num) and e.text in ("0", "0.0")
    return Split(e, None, None, None if zero else e)


def _negative(e: Expr | None) -> Expr | None:
    return None if e is None else Unary("-", e)


def _sum(op: str, p: Expr | None, q: Expr | None) -> Expr | None:
    if p is None:
        return q if op == "+" else _negative(q)
    return p if q is None else Binary(op, p, q)


def _times(p: Expr | None, q: Expr | None) -> Expr | None:
    """Product; factors of one change no bit and are left out."""
    if p is None or q is None:
        return None
    for one, other in ((p, q), (q, p)):
        if isinstance(one, Num) and float(one.text) == 1.0:
            return other
        if one == Unary("-", Num("1.0")):
            return Unary("-", other)
    return Binary("*", p, q)


def _product(e: Binary, p: Split, q: Split) -> Split:
    linear, smooth = p.linear and q.linear, p.smooth and q.smooth
    left, right = _times(p.slope, q.whole), _times(p.whole, q.slope)
    slope = _sum("+", left, right)
    if p.a is not None and q.a is not None:
        return Split(e, slope, None, _times(p.b, q.b), False, smooth)
    a = _times(p.a, q.b) if p.a is not None else _times(p.b, q.a)
    return Split(e, slope, a, _times(p.b, q.b), linear, smooth)


def _quotient(e: Binary, p: Split, q: Split) -> Split:
    def over(part: Expr | None) -> Expr | None:
        return None if part is None else Binary("/", part, q.whole)

    linear = p.linear and q.linear and q.a is None
    smooth = p.smooth and q.smooth and q.slope is None
    return Split(e, over(p.slope), over(p.a), over(p.b), linear, smooth)
