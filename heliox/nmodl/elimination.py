"""Symbolic Gaussian elimination of a sparse system into assignments, in the order NEURON's sparse solver
takes.

Its rows stand in a list sorted by their number of elements in columns still to come. The first is the next
pivot; a row whose number changes goes before all others of its new number. The order decides the last bits of
the solution.
"""

from __future__ import annotations

from heliox.nmodl.dense import put
from heliox.nmodl.frames import Frame
from heliox.nmodl.ir import Binary, Expr, Name, Num, Set, Step

MOST = 20_000  # operations


def eliminate(
    matrix: dict[tuple[int, int], Expr], rhs: dict[int, Expr], labels: list[str], frame: Frame
) -> list[Step]:
    """Steps that leave ``d_<label>``, the solution.

    Entries and right sides become locals ``a_<row>_<column>`` and ``d_<row>``; pivots stand on the diagonal.
    """
    n = len(labels)
    rows: list[set[int]] = [{j for (i, j) in matrix if i == r} for r in range(n)]
    columns: list[set[int]] = [{i for (i, j) in matrix if j == c} for c in range(n)]
    out: list[Step] = []

    def a(i: int, j: int) -> Name:
        return Name(f"a_{labels[i]}_{labels[j]}")

    def d(i: int) -> Name:
        return Name(f"d_{labels[i]}")

    for i in range(n):
        for j in sorted(rows[i]):
            out.append(put(a(i, j).id, matrix[i, j]))
    for i in range(n):
        out.append(put(d(i).id, rhs.get(i, Num("0.0"))))
    left = set(range(n))
    waiting: list[int] = []
    degree = [len(row) for row in rows]
    for i in range(n):
        _insert(waiting, degree, i)
    order: list[int] = []
    done: list[set[int]] = [set() for _ in range(n)]
    operations = 0
    while left:
        p = waiting.pop(0)
        left.discard(p)
        order.append(p)
        done[p] = rows[p] & left
        for r in sorted(columns[p] & left):
            factor = f"f_{labels[r]}_{labels[p]}"
            out.append(put(factor, Binary("/", a(r, p), a(p, p))))
            for j in sorted(done[p]):
                product = Binary("*", a(p, j), Name(factor))
                e: Expr = Binary("-", a(r, j), product) if j in rows[r] else Binary("-", Num("0.0"), product)
                out.append(put(a(r, j).id, e))
                if j not in rows[r]:
                    rows[r].add(j)
                    columns[j].add(r)
                    _moved(waiting, degree, r, 1)
            out.append(put(d(r).id, Binary("-", d(r), Binary("*", d(p), Name(factor)))))
            _moved(waiting, degree, r, -1)
            operations += len(done[p]) + 2
            if operations > MOST:
                raise ValueError("the system is too large to be written out")
    rank = {p: k for k, p in enumerate(order)}
    for p in reversed(order):
        e = d(p)
        for j in sorted(done[p], key=rank.__getitem__):
            e = Binary("-", e, Binary("*", a(p, j), d(j)))
        out.append(put(d(p).id, Binary("/", e, a(p, p))))
    frame.used |= {t.id for s in out if isinstance(s, Set) for t in s.targets}
    return out


def _insert(waiting: list[int], degree: list[int], row: int) -> None:
    """Put a row before those of the same or a higher degree."""
    at = next((k for k, other in enumerate(waiting) if degree[other] >= degree[row]), len(waiting))
    waiting.insert(at, row)


def _moved(waiting: list[int], degree: list[int], row: int, change: int) -> None:
    waiting.remove(row)
    degree[row] += change
    _insert(waiting, degree, row)
