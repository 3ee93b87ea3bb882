"""Loops whose text is not a mechanism's own: capacitance, and the correction of ion currents."""

from __future__ import annotations

from heliox.kernels.context import EVENTLESS, W
from heliox.mechanisms.varstruct import VarStruct


def capacitance(m: VarStruct) -> str:
    M, base = ("_A", "_o") if "cm" in m.own else ("_P", "_p")
    return f'''\
@kernel
def capacitance_add({EVENTLESS}, _g, _d, _cj):
    """d += 0.001 cj cm, after all mechanisms (capac.cpp nrn_cap_jacob)."""
    _count = _U(_G[_g, _capacitance_N])
    _node = _U(_G[_g, _capacitance_NODE])
    _o = _U(_G[_g, _BASE]) + _U(_G[_g, _capacitance_OWN])
    _p = _U(_G[_g, _capacitance_SHARED])
    _c = 0.001 * _cj
    _first = _U(0)
    while _first < _count:
        _add(_A, _d, {M}, {base} + capacitance__cm, _c, _I, _node + _first, min(_count - _first, _U({W})))
        _o += capacitance__OWN
        _p += capacitance__SHARED
        _first += _U({W})


@kernel
def capacitance_current({EVENTLESS}, _g, _rhs, _cj):
    """i_cap = 0.001 cj cm dv (capac.cpp nrn_div_capacity)."""
    _count = _U(_G[_g, _capacitance_N])
    _node = _U(_G[_g, _capacitance_NODE])
    _o = _U(_G[_g, _BASE]) + _U(_G[_g, _capacitance_OWN])
    _p = _U(_G[_g, _capacitance_SHARED])
    _c = 0.001 * _cj
    _first = _U(0)
    while _first < _count:
        for _j in range(min(_count - _first, _U({W}))):
            _A[_o + capacitance__i_cap + _j] = (
                _c * {M}[{base} + capacitance__cm + _j] * _A[_rhs + _U(_I[_node + _first + _j])]
            )
        _o += capacitance__OWN
        _p += capacitance__SHARED
        _first += _U({W})'''


def correct(m: VarStruct) -> str:
    pool = m.template.name
    ion = pool[: -len("_ion")]
    return f'''\
@kernel
def {pool}_correct({EVENTLESS}, _g, _rhs):
    """secondorder 2: total current += di/dv dv (eion.cpp second_order_cur)."""
    _count = _U(_G[_g, _{pool}_N])
    _node = _U(_G[_g, _{pool}_NODE])
    _o = _U(_G[_g, _BASE]) + _U(_G[_g, _{pool}_OWN])
    _first = _U(0)
    while _first < _count:
        for _j in range(min(_count - _first, _U({W}))):
            _A[_o + {pool}__i{ion} + _j] += (
                _A[_o + {pool}__di{ion}_dv_ + _j] * _A[_rhs + _U(_I[_node + _first + _j])]
            )
        _o += {pool}__OWN
        _first += _U({W})'''


def correct_instances(m: VarStruct) -> list[str]:
    """The same, spread over the threads of a block."""
    pool = m.template.name
    ion = pool[: -len("_ion")]
    return [
        f"    _o = _base + _U(_G[_g, _{pool}_OWN])",
        "    _i = _lane",
        f"    while _i < _G[_g, _{pool}_N]:",
        f"        _at = _o + _U(_i) // _U({W}) * {pool}__OWN + _U(_i) % _U({W})",
        f"        _nd = _U(_I[_U(_G[_g, _{pool}_NODE]) + _U(_i)])",
        f"        _A[_at + {pool}__i{ion}] += _A[_at + {pool}__di{ion}_dv_] * _A[_rhs + _nd]",
        "        _i += _lanes",
    ]
