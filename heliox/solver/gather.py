"""Reading and writing what lies at nodes and in ion pools, for instances in the order of these places.

Places are ``I[index], I[index + 1], ...``, ascending, none twice, relative to ``at``: where they are unbroken
the loops are plain copies, and vector code. Where several instances share a place these do not serve.
"""

# ruff: noqa: F821, E741  (U comes with the generated module's prelude; I is an arena)
# mypy: disable-error-code="name-defined"


def _unbroken(I, index, n):
    return U(I[index + n - U(1)]) - U(I[index]) == n - U(1)


def _gather(S, row, X, at, I, index, n):
    """S[row + j] = X[place of j]"""
    if _unbroken(I, index, n):
        _copy(S, row, X, at + U(I[index]), n)
    else:
        for j in range(n):
            S[row + j] = X[at + U(I[index + j])]


def _scatter(X, at, S, row, I, index, n):
    """X[place of j] = S[row + j]"""
    if _unbroken(I, index, n):
        _copy(X, at + U(I[index]), S, row, n)
    else:
        for j in range(n):
            X[at + U(I[index + j])] = S[row + j]


def _add(X, at, S, row, factor, I, index, n):
    """X[place of j] += factor*S[row + j]"""
    if _unbroken(I, index, n):
        _add_row(X, at + U(I[index]), S, row, factor, n)
    else:
        for j in range(n):
            X[at + U(I[index + j])] += factor * S[row + j]


def _copy(S, row, X, at, n):
    for j in range(n):
        S[row + j] = X[at + j]


def _add_row(X, at, S, row, factor, n):
    for j in range(n):
        X[at + j] += factor * S[row + j]


def _reach(X, at, bound, n):
    """How many of n values are at least `bound`."""
    count = 0
    for j in range(n):
        count += 1 if X[at + j] >= bound else 0
    return count
