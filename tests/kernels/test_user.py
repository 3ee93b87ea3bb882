"""Learning kernels of a user: what tells one from another, so that no machine code serves two."""

import types

import numpy as np

from heliox.kernels.user import identity


def kernel(rate=0.1, table=None, factor=2.0, helper=None, scale=0.5):
    """A kernel whose text is the same whatever these are."""
    rules = types.ModuleType("rules")
    rules.factor = factor

    def inner(x, s=scale):
        return s * x

    used = helper or inner
    numbers = np.zeros((2, 3)) if table is None else table

    def learn(k, w, r=rate):
        W, at = w
        W[at[0, k]] += r * rules.factor * used(numbers[0, 0])

    return learn


def test_the_same_kernel_made_twice_is_the_same():
    assert identity(kernel()) == identity(kernel())


def test_whatever_it_names_tells_it_from_others():
    made = [
        kernel(), kernel(rate=0.2), kernel(factor=3.0), kernel(scale=0.25), kernel(helper=lambda x: x),
        kernel(table=np.zeros((3, 2))), kernel(table=np.zeros((2, 3), np.float32)),
        kernel(table=np.ones((2, 3))),
    ]  # fmt: skip
    assert len({identity(k) for k in made}) == len(made)
