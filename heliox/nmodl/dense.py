"""Small dense systems, solved by unrolled helpers in the order of operations of NEURON's solvers."""

from __future__ import annotations

from heliox.nmodl.frames import Signature
from heliox.nmodl.ir import Binary, Branch, Call, Expr, Name, Num, Set, Step


def put(name: str, value: Expr) -> Set:
    return Set(targets=(Name(name),), value=value)


def fabs(e: Expr) -> Expr:
    return Call("fabs", (e,))


def a(i: int, j: int) -> Name:
    return Name(f"a_{i}_{j}")


def y(i: int) -> Name:
    return Name(f"y_{i}")


def crout(name: str, n: int) -> Signature:
    """LU decomposition by Crout's method with pivots relative to the largest element of their row."""
    body: list[Step] = []
    for i in range(n):
        body.append(put(f"most_{i}", a(i, 0)))
        for j in range(1, n):
            larger = Binary(">", fabs(a(i, j)), fabs(Name(f"most_{i}")))
            body.append(Branch(branches=[(larger, [put(f"most_{i}", a(i, j))])]))
    for r in range(n):
        for i in range(r, n) if r else ():
            body.append(put(a(i, r).id, Binary("-", a(i, r), _sum(i, r, r))))
        relative = [fabs(Binary("/", a(i, r), Name(f"most_{i}"))) for i in range(n)]
        body += _pivot(r, n, relative, [*(f"a_{{}}_{j}" for j in range(n)), "most_{}", "y_{}"])
        for j in range(r + 1, n):
            e = Binary("-", a(r, j), _sum(r, j, r)) if r else a(r, j)
            body.append(put(a(r, j).id, Binary("/", e, a(r, r))))
    for i in range(n):
        rest = Binary("-", y(i), _dot(i, range(i))) if i else y(i)
        body.append(put(y(i).id, Binary("/", rest, a(i, i))))
    for i in reversed(range(n - 1)):
        body.append(put(y(i).id, Binary("-", y(i), _dot(i, range(i + 1, n)))))
    return _signature(name, n, body)


def gauss(name: str, n: int) -> Signature:
    """Gaussian elimination with partial pivoting, rows divided by their pivot."""
    body: list[Step] = []
    for r in range(n):
        sizes = [fabs(a(i, r)) for i in range(n)]
        body += _pivot(r, n, sizes, [*(f"a_{{}}_{j}" for j in range(r, n)), "y_{}"])
        for right in (*(a(r, j) for j in range(r + 1, n)), y(r)):
            body.append(put(right.id, Binary("/", right, a(r, r))))
        for i in range(r + 1, n):
            for j in range(r + 1, n):
                body.append(put(a(i, j).id, Binary("-", a(i, j), Binary("*", a(r, j), a(i, r)))))
            body.append(put(y(i).id, Binary("-", y(i), Binary("*", y(r), a(i, r)))))
    for i in reversed(range(n - 1)):
        e: Expr = y(i)
        for j in range(i + 1, n):
            e = Binary("-", e, Binary("*", a(i, j), y(j)))
        body.append(put(y(i).id, e))
    return _signature(name, n, body)


def _sum(i: int, j: int, count: int) -> Expr:
    """The sum over k < count of a[i, k] a[k, j]."""
    out: Expr = Binary("*", a(i, 0), a(0, j))
    for k in range(1, count):
        out = Binary("+", out, Binary("*", a(i, k), a(k, j)))
    return out


def _dot(i: int, columns: range) -> Expr:
    """The sum of a[i, j] y[j]."""
    products = [Binary("*", a(i, j), y(j)) for j in columns]
    out: Expr = products[0]
    for p in products[1:]:
        out = Binary("+", out, p)
    return out


def _pivot(r: int, n: int, sizes: list[Expr], rows: list[str]) -> list[Step]:
    """Exchange row r with the first of those below that is largest; `rows` are the parts of a row."""
    if r == n - 1:
        return []
    out: list[Step] = [put("best", sizes[r]), put("which", Num(f"{r}.0"))]
    for i in range(r + 1, n):
        better = Binary(">", sizes[i], Name("best"))
        out.append(Branch(branches=[(better, [put("best", sizes[i]), put("which", Num(f"{i}.0"))])]))
    branches: list[tuple[Expr, list[Step]]] = []
    for i in range(r + 1, n):
        here = [Name(x.format(r)) for x in rows]
        there = [Name(x.format(i)) for x in rows]
        swap = Set(targets=(*here, *there), value=Call("#values", (*there, *here)))
        branches.append((Binary("==", Name("which"), Num(f"{i}.0")), [swap]))
    out.append(Branch(branches=branches))
    return out


def _signature(name: str, n: int, body: list[Step]) -> Signature:
    args = [a(i, j).id for i in range(n) for j in range(n)] + [y(i).id for i in range(n)]
    out = Signature(f"{name}_solve", args, body)
    out.leading = [y(i).id for i in range(n)]
    return out
