"""What `kernels/lean.py` relies on in Numba: if one of these fails, Numba's internals have changed there."""

import numpy as np
from numba import njit

from heliox.kernels.lean import WIDE, LinkedLibrary, linked


@linked(error_model="numpy", _nrt=False)
def scaled(values, first, factor):
    total = 0.0
    for i in range(first, len(values)):
        total += factor * values[i]
    return total


@linked(error_model="numpy")
def of_a_new_array(n, factor):
    values = np.zeros(n)
    values[:] = 2.0
    return scaled(values, 0, factor)


@njit(error_model="numpy")
def entry(values, first):
    return (
        scaled(values, 0, 3.0) + scaled(values, 1, 3.0) + scaled(values, first, 3.0) + of_a_new_array(2, 10.0)
    )


def test_linked_functions_compute_what_numba_computes():
    values = np.arange(5.0)
    assert entry(values, 2) == 3.0 * (10.0 + 10.0 + 9.0) + 40.0


def test_a_function_is_compiled_once_for_all_integers():
    entry(np.arange(5.0), 2)
    assert len(scaled.signatures) == 1
    assert len(entry.signatures) == 1


def test_no_machine_code_is_made_of_linked_functions():
    entry(np.arange(5.0), 2)
    (result,) = scaled.overloads.values()
    assert isinstance(result.library, LinkedLibrary)
    assert result.library.get_pointer_to_function(result.fndesc.llvm_func_name) == 0
    assert not result.library._codegen._engine.is_symbol_defined(result.fndesc.llvm_func_name)


def test_wide_vectors_are_preferred():
    entry(np.arange(5.0), 2)
    (result,) = scaled.overloads.values()
    assert WIDE in str(result.library._final_module)
