"""Powers that C compilers do not leave to ``pow``."""

from __future__ import annotations

from heliox.nmodl.ir import Binary, Call, Expr, Num, Unary, parts

LARGEST = 15  # parts of a base that may be written twice


def folded(e: Expr) -> Expr:
    """``x * x`` for x^2 and ``1 / x`` for x^-1, as GCC and Clang compile them; any other expression as it is.

    ``pow`` rounds otherwise in one of a thousand cases. A base that calls a function, or is long, is not
    written twice.
    """
    if isinstance(e, Binary) and e.op == "^":
        base, exponent = e.a, e.b
    elif isinstance(e, Call) and e.id == "pow":
        base, exponent = e.args
    else:
        return e
    if isinstance(exponent, Unary) and exponent.op == "-" and _is(exponent.x, 1.0):
        return Binary("/", Num("1.0"), base, e.at)
    found = list(parts(base))
    if _is(exponent, 2.0) and len(found) <= LARGEST and not any(isinstance(p, Call) for p in found):
        return Binary("*", base, base, e.at)
    return e


def _is(e: Expr, value: float) -> bool:
    return isinstance(e, Num) and float(e.text) == value
