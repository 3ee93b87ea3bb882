"""Partial derivatives of single operations, as functions that scale a seed: a tangent or an adjoint.

Values already computed are used again: exp' is its value, tanh' is 1 minus its square. At a switch (abs, min,
max, a selection) the side taken counts, by selection and not by a factor, so that an infinite or undefined
value of the other side never shows.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping

from heliox.mechanisms import terms
from heliox.mechanisms.graph import Let
from heliox.mechanisms.subset import Function
from heliox.mechanisms.terms import add, call, compare, div, literal, mul, neg, number, select, sub

Scale = Callable[[ast.expr], ast.expr]
Expr = ast.expr
MOST_PRODUCTS = 8  # largest integer exponent whose derivative is written as products
LOG10_E = 1.0 / math.log(10.0)

# (seed, x, y) -> seed * y'(x), of the functions of one argument
UNARY: dict[str, Callable[[Expr, Expr, Expr], Expr]] = {
    "exp": lambda s, x, y: mul(s, y),
    "expm1": lambda s, x, y: mul(s, add(y, number(1.0))),
    "log": lambda s, x, y: div(s, x),
    "log10": lambda s, x, y: div(mul(s, number(LOG10_E)), x),
    "log1p": lambda s, x, y: div(s, add(number(1.0), x)),
    "sqrt": lambda s, x, y: div(mul(s, number(0.5)), y),
    "sin": lambda s, x, y: mul(s, call("cos", x)),
    "cos": lambda s, x, y: neg(mul(s, call("sin", x))),
    "tan": lambda s, x, y: mul(s, add(number(1.0), mul(y, y))),
    "asin": lambda s, x, y: div(s, call("sqrt", _one_minus_square(x))),
    "acos": lambda s, x, y: neg(div(s, call("sqrt", _one_minus_square(x)))),
    "atan": lambda s, x, y: div(s, add(number(1.0), mul(x, x))),
    "sinh": lambda s, x, y: mul(s, call("cosh", x)),
    "cosh": lambda s, x, y: mul(s, call("sinh", x)),
    "tanh": lambda s, x, y: mul(s, _one_minus_square(y)),
    "abs": lambda s, x, y: select(compare(x, ast.GtE(), number(0.0)), s, neg(s)),
    "exprelr": lambda s, x, y: mul(s, call("_slope_exprelr", x, y)),
}
UNARY["fabs"] = UNARY["abs"]

# what derivatives may call besides helpers of the mechanism; no name here is one of its variables
SLOPES = {
    "_slope_exprelr": '''def _slope_exprelr(_x, _y):
    """Derivative of y = x / (exp(x) - 1), by its series near 0."""
    if -0.2 < _x and _x < 0.2:
        _z = _x * _x
        _w = 1.0 / 5040.0 - _z * (1.0 / 151200.0 - _z / 4790016.0)
        return -0.5 + _x * (1.0 / 6.0 - _z * (1.0 / 180.0 - _z * _w))
    return _y * (1.0 - _y - _x) / _x
''',
    "_slope_base": '''def _slope_base(_x, _e, _y):
    """Derivative of y = x ** e by x; at 0 its limit."""
    if _x != 0.0:
        return _e * _y / _x
    if _e == 1.0:
        return 1.0
    if _e > 1.0 or _e == 0.0:
        return 0.0
    return _e / fabs(_x)
''',
    "_slope_exponent": '''def _slope_exponent(_x, _y):
    """Derivative of y = x ** e by e: y log(x); 0 for x <= 0, where e is a whole number or y is 0."""
    if _x > 0.0:
        return _y * log(_x)
    return 0.0
''',
}


def slope_function(n: str) -> Function:
    return Function(n, SLOPES[n], "<heliox.mechanisms.partials>")


def scales(i: Let, constants: Mapping[str, float]) -> list[tuple[Expr, Scale]]:
    """Operand and its partial derivative, for every operand of an operation.

    Raises
    ------
    MechanismError
        If it has none: a random draw whose parameters are differentiated.
    """
    v, y = i.value, terms.name(i.name)
    if terms.is_atom(v):
        return [(v, lambda s: s)]
    if isinstance(v, ast.UnaryOp):
        return [(v.operand, neg)]
    if isinstance(v, ast.IfExp):
        test, zero = v.test, number(0.0)
        return [(v.body, lambda s: select(test, s, zero)), (v.orelse, lambda s: select(test, zero, s))]
    if isinstance(v, ast.BinOp):
        return _operator(i, v, y, constants)
    assert isinstance(v, ast.Call) and isinstance(v.func, ast.Name)
    return _function(i, v.func.id, v.args, y, constants)


def _operator(i: Let, v: ast.BinOp, y: Expr, constants: Mapping[str, float]) -> list[tuple[Expr, Scale]]:
    a, b = v.left, v.right
    if isinstance(v.op, ast.Add):
        return [(a, lambda s: s), (b, lambda s: s)]
    if isinstance(v.op, ast.Sub):
        return [(a, lambda s: s), (b, neg)]
    if isinstance(v.op, ast.Mult):
        return [(a, lambda s: mul(s, b)), (b, lambda s: mul(s, a))]
    if isinstance(v.op, ast.Div):
        return [(a, lambda s: div(s, b)), (b, lambda s: neg(mul(div(s, b), y)))]
    if isinstance(v.op, ast.Mod):
        return _remainder(a, b, y)
    if isinstance(v.op, ast.Pow):
        return _power(a, b, y, constants)
    raise i.place.fail(f"{ast.unparse(v)} cannot be differentiated")


def _function(
    i: Let, f: str, args: list[Expr], y: Expr, constants: Mapping[str, float]
) -> list[tuple[Expr, Scale]]:
    if f in UNARY and len(args) == 1:
        rule, x = UNARY[f], args[0]
        return [(x, lambda s: rule(s, x, y))]
    if len(args) == 1 and f in ("min", "max"):
        return [(args[0], lambda s: s)]
    if len(args) == 2:
        a, b = args
        if f in ("min", "max"):
            test, zero = second_taken(f, a, b), number(0.0)
            return [(a, lambda s: select(test, zero, s)), (b, lambda s: select(test, s, zero))]
        if f == "pow":
            return _power(a, b, y, constants)
        if f == "fmod":
            return _remainder(a, b, y)
        if f == "atan2":
            square = add(mul(a, a), mul(b, b))
            return [(a, lambda s: div(mul(s, b), square)), (b, lambda s: neg(div(mul(s, a), square)))]
    if terms.draws(i.value):
        raise i.place.fail(
            f"{f} is not differentiable by its parameters; draw from a fixed distribution and scale it"
        )
    raise i.place.fail(f"{ast.unparse(i.value)} cannot be differentiated")


def second_taken(f: str, a: Expr, b: Expr) -> Expr:
    """Whether min or max takes the second argument; of equal ones Python takes the first."""
    return compare(b, ast.Lt() if f == "min" else ast.Gt(), a)


def _one_minus_square(x: Expr) -> Expr:
    return sub(number(1.0), mul(x, x))


def _remainder(a: Expr, b: Expr, y: Expr) -> list[tuple[Expr, Scale]]:
    """y = a - n b with a whole number n."""
    return [(a, lambda s: s), (b, lambda s: mul(s, div(sub(y, a), b)))]


def _power(x: Expr, e: Expr, y: Expr, constants: Mapping[str, float]) -> list[tuple[Expr, Scale]]:
    base, exponent = _known(x, constants), _known(e, constants)

    def by_base(s: Expr) -> Expr:
        if exponent is None:
            return mul(s, call("_slope_base", x, e, y))
        if exponent == int(exponent) and 1.0 <= exponent <= MOST_PRODUCTS:
            return mul(mul(s, number(exponent)), terms.power(x, int(exponent) - 1))
        if exponent == 0.5:
            return div(mul(s, number(0.5)), y)
        plain = div(mul(mul(s, number(exponent)), y), x)
        if exponent < 0.0:
            return plain
        limit = (
            number(0.0)
            if exponent > 1.0 or exponent == 0.0
            else div(mul(s, number(exponent)), call("fabs", x))
        )
        return select(compare(x, ast.NotEq(), number(0.0)), plain, limit)

    def by_exponent(s: Expr) -> Expr:
        if base is not None:
            return mul(s, mul(y, number(math.log(base)))) if base > 0.0 else number(0.0)
        return mul(s, call("_slope_exponent", x, y))

    return [(x, by_base), (e, by_exponent)]


def _known(e: Expr, constants: Mapping[str, float]) -> float | None:
    if isinstance(e, ast.Name):
        return constants.get(e.id)
    return literal(e)
